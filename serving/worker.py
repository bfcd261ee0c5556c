"""What a worker of the service runs: the application, before BentoML's own.

A module apart from :mod:`serving.service`, which the main process imports as well: that one starts
and watches workers, and needs neither models nor schemas.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import bentoml
from starlette.routing import Router

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


def before(bentoml_app: Callable[[], ASGIApp], service: Callable[[], object]) -> ASGIApp:
    """Put the application before BentoML's, which keeps its own paths.

    Parameters
    ----------
    bentoml_app
        Makes BentoML's application. It is made when somebody first asks for a path of it: what it
        imports for services of other kinds is a fifth of a worker's start.
    service
        Makes the service's instance, once, before the worker takes requests.
    """
    configure(settings, f"worker {bentoml.server_context.worker_index or 1}")
    end_with_parent()
    use_limits(settings)
    app.observer.begin()
    ours = with_traces(settings, app)
    theirs: list[asyncio.Future[ASGIApp]] = []

    @asynccontextmanager
    async def life(_: object) -> AsyncIterator[None]:
        drain_on_sigterm(settings.drain_s)
        instance = service()
        # A hundred thousand objects of libraries and models stay for good: looking through them
        # again and again is what makes the slowest requests slow. Not even once: of the garbage
        # among them there is little.
        gc.freeze()
        gc.enable()
        yield
        del instance

    lifespan = Router(lifespan=life)

    async def direct(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in BENTOML_PATHS:
            await ours(scope, receive, send)
        elif scope["type"] == "http":
            if not theirs:  # in a thread: others are answered meanwhile
                theirs.append(asyncio.ensure_future(asyncio.to_thread(bentoml_app)))
            try:
                inner = await asyncio.shield(theirs[0])
            except Exception:
                theirs.clear()  # the next who asks may have more luck
                raise
            await app.guard(inner, scope, receive, send)
        else:
            await lifespan(scope, receive, send)

    return direct


def begin() -> None:
    """Load the champions with their state, and keep them up."""
    start(app).watch()
