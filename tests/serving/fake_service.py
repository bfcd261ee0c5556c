"""The service on the fake advisor: what a process of it does, without a model to train."""

import bentoml

from serving.service import DirectService
from serving.worker import app, settings
from tests.serving.answering import use_sizes
from tests.serving.fake_advisor import FakeAdvisor


@bentoml.service(
    service_class=DirectService, workers=settings.workers, logging={"access": {"enabled": False}}
)
class Fake:
    def __init__(self) -> None:
        use_sizes(app, FakeAdvisor(), source="registry")
