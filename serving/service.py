"""The BentoML service: ``bentoml serve serving.service:Muslin``, or ``muslin serve``.

BentoML starts and watches the workers. Its ASGI stack is meant for endpoints that run seconds: on
each request it builds a tracing span, an access log line, two metrics and a timer of 60 seconds,
and that costs twice as much as the whole answer here. So the application stands before the stack,
not inside it: :class:`DirectService` hands BentoML's own paths to BentoML and answers the rest.
"""

from __future__ import annotations

import gc
from functools import partial
from typing import TYPE_CHECKING

import bentoml
from _bentoml_sdk import Service

from features.settings import Settings
from serving import champion
from serving.access.gate import announce
from serving.champions.supervisor import MODELS
from serving.observe.logs import configure

if TYPE_CHECKING:
    from serving.http import ASGIApp

__all__ = ["DirectService", "Muslin"]

settings = Settings.load()


class DirectService(Service):  # type: ignore[misc]
    """A BentoML service whose application stands before BentoML's middlewares."""

    def to_asgi(self, is_main: bool = True) -> ASGIApp:
        """Make the ASGI application of a worker; called by the worker itself, once."""
        gc.disable()  # until it has begun: nearly all that is made now stays
        # The main process imports this module, too, and does without all that answers.
        from models.predicting import import_to_predict  # noqa: PLC0415

        import_to_predict()  # before anything else imports models
        from serving.worker import before  # noqa: PLC0415

        return before(partial(super().to_asgi, is_main=is_main), self)


@bentoml.service(
    service_class=DirectService,
    name="muslin",
    workers=settings.workers,
    http={"host": settings.host, "port": settings.port},
    logging={"access": {"enabled": False}},
)
class Muslin:
    """Fetches the champions once a start, and loads them with their state in every worker."""

    @bentoml.on_deployment  # type: ignore[untyped-decorator]
    @staticmethod
    def fetch() -> None:
        """Say who may ask, and ask the model registry, before the workers are there."""
        configure(settings, "main")
        announce(settings)
        champion.fetch(settings, *MODELS)

    def __init__(self) -> None:
        from serving.worker import begin  # noqa: PLC0415

        begin()
