"""What a worker of the service runs: the application, before BentoML's own.

A module apart from :mod:`serving.service`, which the main process imports as well: that one starts
and watches workers, and needs neither models nor schemas.
"""

from __future__ import annotations

import gc

import bentoml

from features.settings import Settings
from serving.app import MuslinApp
from serving.connections import use_limits
from serving.drain import drain_on_sigterm
from serving.http import ASGIApp, Receive, Scope, Send
from serving.observe.logs import configure
from serving.observe.traces import with_traces
from serving.parent import end_with_parent
from serving.startup import start

__all__ = ["BENTOML_PATHS", "app", "before", "begin", "settings"]

BENTOML_PATHS = frozenset({"/healthz", "/schema.json"})
"""Paths BentoML answers."""

settings = Settings.load()
app = MuslinApp(settings)


def before(bentoml_app: ASGIApp) -> ASGIApp:
    """Put the application before BentoML's, which keeps its own paths and the lifespan."""
    configure(settings, f"worker {bentoml.server_context.worker_index or 1}")
    end_with_parent()
    use_limits(settings)
    app.observer.begin()
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


def begin() -> None:
    """Load the champions with their state, and keep them up."""
    keeper = start(app)
    # Half a million objects of libraries and models stay for good: looking through them again
    # and again is what makes the slowest requests slow.
    gc.collect()
    gc.freeze()
    keeper.watch()
