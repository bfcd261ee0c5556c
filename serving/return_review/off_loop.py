"""Writes to the record of reviews in a thread of its own, and not for ever."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from features.audit import AuditError

__all__ = ["RECORD_THREAD", "RecordThread"]

_PATIENCE_S: Final = 5.0  # a write that takes longer hangs: the disk, or who holds the file

T = TypeVar("T")


class RecordThread:
    """One thread: where a write hangs, what else is done off the event loop goes on.

    Notes
    -----
    What waits for the thread is given up with its request, and never written. What was being
    written as it hung may be on record later, though its request was refused.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, "muslin-record")
        self._begun = 0.0

    async def write(self, append: Callable[[T], None], what: T) -> None:
        """Wait until `append` has put `what` on record.

        Raises
        ------
        AuditError
            That of `append`, or a write hangs: this one, or the one before it.
        """
        begun = self._begun
        if begun and time.monotonic() - begun > _PATIENCE_S:
            raise _hangs()
        work = asyncio.get_running_loop().run_in_executor(self._pool, self._write, append, what)
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await work
        except TimeoutError:
            raise _hangs() from None

    def _write(self, append: Callable[[T], None], what: T) -> None:
        self._begun = time.monotonic()
        try:
            append(what)
        finally:
            self._begun = 0.0


def _hangs() -> AuditError:
    return AuditError(f"the record of reviews has not answered for {_PATIENCE_S:g} seconds")


RECORD_THREAD: Final = RecordThread()
"""That of this process: a worker writes one record."""
