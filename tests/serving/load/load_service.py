"""The service on the fake advisor, with a log of events: without a model to train."""

import bentoml

from features.stores import open_event_log
from serving.service import DirectService
from serving.worker import app, settings
from tests.serving.answering import use_events, use_sizes
from tests.serving.fake_advisor import FakeAdvisor


@bentoml.service(
    service_class=DirectService, workers=settings.workers, logging={"access": {"enabled": False}}
)
class Loaded:
    def __init__(self) -> None:
        use_sizes(app, FakeAdvisor(), source="registry")
        use_events(app, lambda: open_event_log(settings.events_url))
