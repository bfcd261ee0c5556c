"""Clocks for what must stand a jump of the wall clock: forwards, backwards, or a suspended machine.

The wall clock tells what moment it is; who sets it right may move it by hours. What has elapsed is
told by a clock that nobody sets.
"""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["ForwardClock", "elapsed"]

_SINCE_BOOT = getattr(time, "CLOCK_BOOTTIME", None)


def elapsed() -> float:
    """Seconds since some moment; they only grow, also while the machine is suspended."""
    return time.monotonic() if _SINCE_BOOT is None else time.clock_gettime(_SINCE_BOOT)


class ForwardClock:
    """The wall clock, but never earlier than what it was at first and what has elapsed since.

    Where a clock that goes back would refuse what is right, such as an event of this minute as one
    of the future.

    Parameters
    ----------
    now, passed
        Seconds since the epoch (UTC), and those of :func:`elapsed`.
    """

    def __init__(
        self, now: Callable[[], float] | None = None, passed: Callable[[], float] = elapsed
    ) -> None:
        self._now = now
        self._passed = passed
        self._first = self._wall() - passed()

    def _wall(self) -> float:
        # Looked up at each call, so that a test may set the clock of a whole process.
        return time.time() if self._now is None else self._now()

    def __call__(self) -> float:
        """Seconds since the epoch."""
        return max(self._wall(), self._first + self._passed())
