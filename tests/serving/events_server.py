"""Servers of the events endpoint, one a line of stdin: forked, so that they start at once."""

import os
import sys

import uvicorn
from answering import use_events

from features.settings import Settings
from features.stores import open_event_log
from serving.app import MuslinApp

settings = Settings.load()
sys.stdout.write("ready\n")
sys.stdout.flush()
for _ in sys.stdin:
    if pid := os.fork():
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
        os.waitpid(pid, 0)
    else:
        app = MuslinApp(settings)
        use_events(app, lambda: open_event_log(settings.events_url))
        uvicorn.run(app, port=settings.port, log_level="error", lifespan="off")
        os._exit(0)
