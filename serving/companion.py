"""The follower of live events as a child of the service: started, restarted and ended with it."""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

from features.settings import Settings

__all__ = ["following"]

logger = logging.getLogger("muslin.serving")

_STOP_S: Final = 10.0
_FIRST_WAIT_S: Final = 1.0
_LONGEST_WAIT_S: Final = 60.0


@contextlib.contextmanager
def following(
    settings: Settings, wait: Callable[[threading.Event], object] | None = None
) -> Iterator[None]:
    """Keep the online state up with live events while the block runs, where the setting says so.

    The child ends with this process, however it ends: its stdin is a pipe that closes then.

    Parameters
    ----------
    settings
        Whether to, and all the child needs.
    wait
        Returns when the child may start, or the event is set. It starts at once when left out.
    """
    if not settings.follow:
        yield
        return
    child = _Companion(settings)
    thread = threading.Thread(target=child.keep, args=(wait,), name="muslin-follower", daemon=True)
    thread.start()
    try:
        yield
    finally:
        child.end()
        thread.join(_STOP_S)


class _Companion:
    """Starts the follower again whenever it ends before it should."""

    def __init__(self, settings: Settings) -> None:
        # A window holds few rows: more threads than one only take time from the answers.
        self._environment = {
            "POLARS_MAX_THREADS": "1",
            **os.environ,
            **settings.environment(),
        }
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def keep(self, first: Callable[[threading.Event], object] | None = None) -> None:
        if first is not None:
            try:
                first(self._ended)
            except Exception:  # whatever it is, events are to be followed
                logger.exception("the follower of live events starts without having waited")
        wait = _FIRST_WAIT_S
        while (process := self._start()) is not None:
            began = time.monotonic()
            code = process.wait()
            if time.monotonic() - began > _LONGEST_WAIT_S:  # that was no failure to start
                wait = _FIRST_WAIT_S
            if self._ended.wait(0 if self._ended.is_set() else wait):
                return
            logger.warning("the follower of live events ended with code %s; it is restarted", code)
            wait = min(2 * wait, _LONGEST_WAIT_S)

    def end(self) -> None:
        """Let it fold what is in the log, and end it."""
        with self._lock:
            self._ended.set()
            process = self._process
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _start(self) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self._ended.is_set():
                return None
            self._process = subprocess.Popen(
                [sys.executable, "-m", "serving.follow", "--with-parent"],
                env=self._environment,
                stdin=subprocess.PIPE,
            )
            return self._process
