"""How much a worker takes on: requests under way, long lists in turn, bytes of arriving bodies.

A worker answers one request after another, so what waits is what the server has read and not yet
begun. Beyond a bound a request is told so at once: those before it keep their latency, and it can
ask another worker.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

from serving.problems import Problem

__all__ = ["LONG_BODY", "OVERLOADED", "QUEUE", "Queue"]

OVERLOADED: Final = "muslin.overloaded"
"""Key of an ASGI scope: the request came when as many as may waited already."""
LONG_BODY: Final = 8_192
"""Bytes of a body, beyond which its request is a long one: a list, or a large basket."""
_RETRY_S: Final = 1
_SHORT_TO_LONG: Final = 4
_MOST_ARRIVING: Final = 64_000_000  # bytes of bodies that are not complete yet


class Queue:
    """What is under way in a worker.

    Attributes
    ----------
    most : int
        Requests that may be under way; the server counts them as it reads them, see
        :mod:`serving.connections`.
    aside : int
        Requests begun that hold no short one up and do not count: long ones, which give way, and
        those that wait for the rest of their body, for a client that does not read, or for the
        disk.
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
        self._long = 0
        self._arriving = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._turns: deque[tuple[asyncio.Future[None], asyncio.Task[Any] | None]] = deque()
        self._longs: set[asyncio.Task[Any] | None] = set()
        self._holder: asyncio.Task[Any] | None = None  # the long request that has the turn
        self._called = False

    @property
    def most_long(self) -> int:
        """Long requests that may be under way."""
        return max(1, self.most // _SHORT_TO_LONG)

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

    async def long(
        self, endpoint: Callable[..., Awaitable[bytes]], body: bytes, *rest: str
    ) -> bytes:
        """Let `endpoint` answer a long request when it is its turn: to read it takes milliseconds.

        It does not count among the short ones: a few long ones may be under way beside them.

        Raises
        ------
        Problem
            429 when as many long ones are under way as may be.
        """
        if self._long >= self.most_long:
            self.refused += 1
            raise _overloaded(f"{self.most_long} long requests are under way already")
        task = asyncio.current_task()
        self._on(asyncio.get_running_loop())
        self._longs.add(task)
        self._long += 1
        self.aside += 1
        try:
            await self.turn()
            return await endpoint(body, *rest)
        finally:
            self._long -= 1
            self.aside -= 1
            self._longs.discard(task)
            self._pass_on(task)

    async def turn(self) -> None:
        """Give way: to all short requests, and to the long ones that asked for a turn earlier.

        One long request has the turn, however many there are, until it asks for the next one, ends,
        or waits elsewhere; between two turns the server looks at the network.
        """
        loop = asyncio.get_running_loop()
        self._on(loop)
        task = asyncio.current_task()
        self._pass_on(task)
        told: asyncio.Future[None] = loop.create_future()
        self._turns.append((told, task if task in self._longs else None))
        self._call(loop)
        await told

    def _on(self, loop: asyncio.AbstractEventLoop) -> None:
        """Forget who waited in the loop before this one: that has ended."""
        if self._loop is not loop:
            self._loop = loop
            self._turns.clear()
            self._longs.clear()
            self._holder = None
            self._called = False

    def _call(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._turns and self._holder is None and not self._called:
            self._called = True
            loop.call_soon(self._next_turn, loop)

    def _next_turn(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._loop is not loop:
            return
        self._called = False
        while self._turns:
            told, self._holder = self._turns.popleft()
            if not told.done():  # else its request was given up
                told.set_result(None)
                break
            self._holder = None
        self._call(loop)

    def _pass_on(self, task: asyncio.Task[Any] | None) -> None:
        if self._holder is not None and self._holder is task and self._loop is not None:
            self._holder = None
            self._call(self._loop)

    @contextlib.contextmanager
    def waiting_elsewhere(self, body: bytes) -> Iterator[None]:
        """Do not count the request of `body` while it waits for the disk."""
        if len(body) > LONG_BODY:
            self._long -= 1
            self._pass_on(asyncio.current_task())
            try:
                yield
            finally:
                self._long += 1
        else:
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
        f"{why[0].upper()}{why[1:]}; nothing of this request was done. Ask again in {_RETRY_S} s.",
        headers={"retry-after": str(_RETRY_S)},
    )


QUEUE: Final = Queue()
"""That of this process: a worker has one event loop."""
