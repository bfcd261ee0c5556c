"""Group commit: what arrives while one commit is on its way to the disk goes with the next one.

A commit costs the same for one event as for a thousand, so requests that wait together share it.
One thread writes; the event loop never waits for the disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from features.event_log import EventConflictError, EventLog, EventLogError, NewEvent
from serving.dependency import Dependency

__all__ = ["EventWriter", "TooBusyError"]

logger = logging.getLogger("muslin.serving")

Numbers = list[int | None]

_MOST_IN_A_COMMIT = 10_000  # events; a request is never divided
_MOST_WAITING = 100_000  # events; beyond, the disk is slower than the shop
_PATIENCE_S = 5.0  # a commit that takes longer hangs: its server, or the disk


class TooBusyError(RuntimeError):
    """More events wait for the disk than should be held in memory."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """The events of one request, and where to tell what came of them."""

    events: Sequence[NewEvent]
    told: asyncio.Future[Numbers]
    loop: asyncio.AbstractEventLoop

    def tell(self, outcome: Numbers | Exception) -> None:
        """Answer the request, from the writer's thread."""
        with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits any more
            self.loop.call_soon_threadsafe(self._tell, outcome)

    def _tell(self, outcome: Numbers | Exception) -> None:
        if self.told.done():  # the client went away
            return
        if isinstance(outcome, Exception):
            self.told.set_exception(outcome)
        else:
            self.told.set_result(outcome)


class EventWriter:
    """Writes the events of many requests into one log.

    Parameters
    ----------
    open_log
        Opens the log; tried again with the next events after it failed.
    dependency
        Is told whether the log can be written.
    """

    def __init__(
        self, open_log: Callable[[], EventLog], dependency: Dependency | None = None
    ) -> None:
        self._open = open_log
        self._dependency = Dependency("events") if dependency is None else dependency
        self._begun = 0.0
        self._log: EventLog | None = None
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._waiting = 0
        self._thread = threading.Thread(target=self._write, name="muslin-events", daemon=True)
        self._thread.start()

    async def append(self, events: Sequence[NewEvent]) -> Numbers:
        """Log events, all of them or none; they are there for good when this returns.

        Parameters
        ----------
        events
            Of one request.

        Returns
        -------
        list of int or None
            As :meth:`features.event_log.EventLog.append`.

        Raises
        ------
        EventConflictError
            One has the id of another that differs.
        EventLogError
            The log cannot be written, or a commit hangs. What was handed over before that was
            found out may still be stored then; sent again it counts once.
        TooBusyError
            Too much is waiting; nothing was taken.
        """
        if self._waiting and self._waiting + len(events) > _MOST_WAITING:
            raise TooBusyError(f"{self._waiting} events are waiting for the disk")
        begun = self._begun
        if begun and time.monotonic() - begun > _PATIENCE_S:
            raise self._hangs()
        loop = asyncio.get_running_loop()
        told: asyncio.Future[Numbers] = loop.create_future()
        self._waiting += len(events)
        try:
            self._queue.put(_Waiting(events, told, loop))
            async with asyncio.timeout(_PATIENCE_S):
                return await told
        except TimeoutError:
            raise self._hangs() from None
        finally:
            self._waiting -= len(events)

    def _hangs(self) -> EventLogError:
        error = EventLogError(f"the log of events has not answered for {_PATIENCE_S:g} seconds")
        self._dependency.failed(str(error))
        return error

    def close(self) -> None:
        """Write what waits, and close the log."""
        self._queue.put(None)
        self._thread.join()

    def _write(self) -> None:
        ended = False
        while not ended:
            group, ended = self._next()
            if group:
                self._store(group)
        self._close()

    def _next(self) -> tuple[list[_Waiting], bool]:
        """The requests that wait, at least one; and whether there will be no more."""
        each = self._queue.get()
        group: list[_Waiting] = []
        count = 0
        while each is not None:
            group.append(each)
            count += len(each.events)
            if count >= _MOST_IN_A_COMMIT:
                return group, False
            try:
                each = self._queue.get_nowait()
            except queue.Empty:
                return group, False
        return group, True

    def _store(self, group: Sequence[_Waiting]) -> None:
        """Log these requests in one commit; where one is mistaken, the others without it."""
        self._begun = time.monotonic()
        try:
            if self._log is None:
                self._log = self._open()
            numbers = iter(self._log.append([event for each in group for event in each.events]))
        except EventConflictError as error:
            if len(group) == 1:
                group[0].tell(error)
                return
            middle = len(group) // 2
            self._store(group[:middle])
            self._store(group[middle:])
        except Exception as error:
            if not isinstance(error, EventLogError):
                logger.exception("%s events could not be logged", sum(len(e.events) for e in group))
            # What another exception says may quote an event.
            named = f"the log of events cannot be used ({type(error).__name__})"
            told = error if isinstance(error, EventLogError) else EventLogError(named)
            self._dependency.failed(str(told))
            self._close()
            for each in group:
                each.tell(told)
        else:
            self._dependency.works()
            for each in group:
                each.tell([next(numbers) for _ in each.events])
        finally:
            self._begun = 0.0

    def _close(self) -> None:
        """What cannot be written may be another file by now: the next events open it anew."""
        if self._log is not None:
            with contextlib.suppress(Exception):
                self._log.close()
            self._log = None
