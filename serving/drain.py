"""End a worker without cutting anybody off: not ready first, then closed, then gone.

On SIGTERM a worker says at ``/readyz`` that it is not ready and asks every client to connect anew
(``connection: close``), still answering all of them. Then it takes no connection any more, answers
what is under way, and ends; a client that keeps it waiting beyond that is cut off.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable
from types import FrameType
from typing import Final

from serving.connections import CONNECTIONS
from serving.queue import QUEUE

__all__ = ["drain_on_sigterm"]

logger = logging.getLogger("muslin.serving")

_LONGEST_S: Final = 8.0
"""What is under way takes milliseconds; a request that is still arriving may take longer."""


def drain_on_sigterm(drain_s: float) -> None:
    """From now on drain on SIGTERM; called in the event loop, once the server has its handler.

    Parameters
    ----------
    drain_s
        Seconds between the word that it is not ready and the end of taking connections. A second
        SIGTERM ends that time.
    """
    ended = signal.getsignal(signal.SIGTERM)
    if not callable(ended):  # a server that leaves SIGTERM alone
        return
    loop = asyncio.get_running_loop()

    def told(number: int, frame: FrameType | None) -> None:
        if QUEUE.draining:
            ended(number, frame)
        else:
            QUEUE.draining = True
            loop.call_soon_threadsafe(_drain, loop, drain_s, lambda: ended(number, None))

    signal.signal(signal.SIGTERM, told)


def _drain(loop: asyncio.AbstractEventLoop, drain_s: float, end: Callable[[], object]) -> None:
    logger.info("this worker is told to end: not ready any more")
    for each in CONNECTIONS.all():
        if each.cycle is not None and not each.cycle.response_started:
            each.cycle.keep_alive = False
    loop.call_later(drain_s, end)
    loop.call_later(drain_s + _LONGEST_S, _cut_off)


def _cut_off() -> None:
    left = CONNECTIONS.all()
    if left:
        logger.warning("%s connections are cut off: their clients took too long", len(left))
    for each in left:
        each.transport.abort()
