"""The BentoML service: ``bentoml serve serving.service:Muslin``, or ``muslin serve``.

BentoML starts and watches the workers. Its ASGI stack is meant for endpoints that run seconds: on
each request it builds a tracing span, an access log line, two metrics and a timer of 60 seconds,
and that costs twice as much as the whole answer here. So the application stands before the stack,
not inside it: :class:`DirectService` hands BentoML's own paths to BentoML and answers the rest.
"""

from __future__ import annotations

import gc

import bentoml
from _bentoml_sdk import Service

from features.settings import Settings
from serving.access.gate import announce
from serving.app import MuslinApp
from serving.connections import use_limits
from serving.drain import drain_on_sigterm
from serving.http import ASGIApp, Receive, Scope, Send
from serving.observe.logs import configure
from serving.observe.traces import with_traces
from serving.parent import end_with_parent
from serving.startup import fetch_champions, start

__all__ = ["BENTOML_PATHS", "DirectService", "Muslin", "app"]

BENTOML_PATHS = frozenset({"/healthz", "/schema.json"})
"""Paths BentoML answers."""

settings = Settings.load()
app = MuslinApp(settings)


class DirectService(Service):  # type: ignore[misc]
    """A BentoML service whose application stands before BentoML's middlewares."""

    def to_asgi(self, is_main: bool = True) -> ASGIApp:
        """Make the ASGI application of a worker; called by the worker itself, once."""
        configure(settings, f"worker {bentoml.server_context.worker_index or 1}")
        end_with_parent()
        use_limits(settings)
        app.observer.begin()
        bentoml_app: ASGIApp = super().to_asgi(is_main=is_main)
        ours = with_traces(settings, app)

        async def direct(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and scope["path"] not in BENTOML_PATHS:
                await ours(scope, receive, send)
            elif scope["type"] == "http":
                await app.guard(bentoml_app, scope, receive, send)
            else:  # the lifespan, in which BentoML makes the service's instance
                drain_on_sigterm(settings.drain_s)
                await bentoml_app(scope, receive, send)

        return direct


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
        fetch_champions(settings)

    def __init__(self) -> None:
        keeper = start(app)
        # Half a million objects of libraries and models stay for good: looking through them again
        # and again is what makes the slowest requests slow.
        gc.collect()
        gc.freeze()
        keeper.watch()
