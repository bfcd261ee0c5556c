"""The token bucket that holds a key to its rate."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["TokenBucket"]


class TokenBucket:
    """Lets through `rate` a second in the long run, and `burst` at once.

    Parameters
    ----------
    rate
        Tokens that come back a second.
    burst
        Tokens the bucket holds when full, at least one.
    clock
        Seconds of a clock that never jumps.

    Notes
    -----
    What costs more than the whole bucket is let through once the bucket is full and leaves a debt
    behind. So a long list can be asked, and the rate holds all the same.
    """

    __slots__ = ("_burst", "_clock", "_filled_at", "_rate", "_tokens")

    def __init__(
        self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = rate
        self._burst = self._tokens = max(1.0, burst)
        self._clock = clock
        self._filled_at = clock()

    def take(self, cost: float, *, held: float = 0.0) -> float:
        """Take tokens, or tell how long to wait.

        Parameters
        ----------
        cost
            Tokens the request costs in all.
        held
            How many of them it has taken already.

        Returns
        -------
        float
            0 when they are taken; else seconds until they could be, and nothing is taken.
        """
        now = self._clock()
        # Never more than the bucket holds, and never less for a clock that stood still.
        tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        lacking = min(cost, self._burst) - held - tokens
        if lacking > 1e-9:
            self._tokens = tokens
            return lacking / self._rate
        self._tokens = tokens - (cost - held)
        return 0.0

    def give(self, cost: float) -> None:
        """Give tokens back that were taken for nothing."""
        self._tokens = min(self._burst, self._tokens + cost)
