"""Processes that start at once: the events endpoint and the follower, forked from one that has
loaded everything. Reads ``worker`` or ``follower`` a line from stdin, answers with the process id.
"""

import os
import signal
import sys
import threading

import uvicorn

from features.settings import Settings
from features.stores import open_event_log
from serving.app import MuslinApp
from serving.connections import use_limits
from serving.drain import drain_on_sigterm
from serving.follow import Follower
from tests.serving.answering import use_events


def config_of(app, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app, port=settings.port, log_level="error", ws="none", loop="uvloop", lifespan="on"
    )


def worker(settings: Settings, app: MuslinApp) -> None:
    writer = use_events(app, lambda: open_event_log(settings.events_url))

    async def serve(scope, receive, send):
        if scope["type"] == "lifespan":
            drain_on_sigterm(settings.drain_s)
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
        else:
            await app(scope, receive, send)

    uvicorn.Server(config_of(serve, settings)).run()
    writer.close()


def follower(settings: Settings, app: MuslinApp) -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    Follower(settings).run(stop)


def main() -> None:
    settings = Settings.load()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever is killed leaves nothing behind
    use_limits(settings)
    app = MuslinApp(settings)
    config_of(app, settings).load()  # whatever is imported late
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        role = {"worker": worker, "follower": follower}[line.strip()]
        if pid := os.fork():
            sys.stdout.write(f"{pid}\n")
            sys.stdout.flush()
        else:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            role(settings, app)
            os._exit(0)


if __name__ == "__main__":
    main()
