"""How much a worker takes on: requests under way, long lists in turn, bytes of arriving bodies.

A worker answers one request after another, so what waits is what the server has read and not yet
begun. Beyond a bound a request is told so at once: those before it keep their latency, and it can
ask another worker.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

from serving.problems import Problem

__all__ = ["OVERLOADED", "QUEUE", "Queue"]

OVERLOADED: Final = "muslin.overloaded"
"""Key of an ASGI scope: the request came when as many as may waited already."""
_RETRY_S: Final = 1
_LONG_BODY: Final = 8_192  # bytes: a list, or a large basket
_MOST_ARRIVING: Final = 64_000_000  # bytes of bodies that are not complete yet


class Queue:
    """What is under way in a worker.

    Attributes
    ----------
    most : int
        Requests that may be under way; the server counts them as it reads them, see
        :mod:`serving.connections`.
    aside : int
        Requests begun that wait for something else than the processor: the rest of their body, a
        client that does not read, the disk. They hold nobody up and do not count.
    refused : int
        Requests refused since the start.
    draining : bool
        The worker is about to end.
    """

    def __init__(self, most: int = 100) -> None:
        self.most = most
        self.aside = 0
        self.refused = 0
        self.draining = False
        self._arriving = 0
        self._turns: deque[asyncio.Future[None]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None

    def is_full(self, begun: int) -> bool:
        """Whether of `begun` requests more are under way than may be."""
        return begun - self.aside > self.most

    def enter(self, scope: Mapping[str, Any]) -> None:
        """Let a request in.

        Raises
        ------
        Problem
            429 when too many were under way as it came.
        """
        if OVERLOADED in scope:
            self.refused += 1
            raise _overloaded(f"{self.most} requests are under way already")

    async def turn_of(self, body: bytes) -> None:
        """Wait for a turn where `body` is long: reading a thousand questions takes milliseconds."""
        if len(body) > _LONG_BODY:
            await self.turn()

    async def turn(self) -> None:
        """Give way: to all short requests, and to the long ones that asked for a turn earlier.

        Between two looks at the network one long request gets a turn, however many there are.
        """
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop = loop
            self._turns.clear()
        told: asyncio.Future[None] = loop.create_future()
        self._turns.append(told)
        if len(self._turns) == 1:
            loop.call_soon(self._next_turn, loop)
        await told

    def _next_turn(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._loop is not loop:
            return
        while self._turns:
            told = self._turns.popleft()
            if not told.done():  # else its request was given up
                told.set_result(None)
                break
        if self._turns:
            loop.call_soon(self._next_turn, loop)

    @contextlib.contextmanager
    def waiting_elsewhere(self) -> Iterator[None]:
        """Do not count a request that waits for the disk."""
        self.aside += 1
        try:
            yield
        finally:
            self.aside -= 1

    @contextlib.contextmanager
    def arriving(self) -> Iterator[Arriving]:
        """Count the bytes of a body that comes in parts, until it is there."""
        body = Arriving(self)
        try:
            yield body
        finally:
            self._arriving -= body.held

    def hold(self, count: int) -> None:
        """Take in `count` further bytes of arriving bodies.

        Raises
        ------
        Problem
            429 when the bodies that are not complete yet take too much memory.
        """
        self._arriving += count
        if self._arriving > _MOST_ARRIVING:
            self.refused += 1
            raise _overloaded("too many large bodies arrive at once")


class Arriving:
    """The part of one body that is there."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self.held = 0

    def add(self, count: int) -> None:
        """Count `count` further bytes; see :meth:`Queue.hold`."""
        self.held += count
        self._queue.hold(count)


def _overloaded(why: str) -> Problem:
    return Problem(
        HTTPStatus.TOO_MANY_REQUESTS,
        "overloaded",
        "The service has too much to do",
        f"{why[0].upper()}{why[1:]}; nothing of this request was read. Ask again in {_RETRY_S} s.",
        headers={"retry-after": str(_RETRY_S)},
    )


QUEUE: Final = Queue()
"""That of this process: a worker has one event loop."""
