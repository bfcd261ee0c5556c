"""The counts of challengers, each against the champion that answered.

While workers go over to a new champion some answer with it and some with the one before: both are
counted, each by itself.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from typing import Final

from serving.champions.difference import Tally

__all__ = ["Tallies"]

_IDLE_S: Final = 60.0

Pair = tuple[str, str]


class Tallies:
    """The counts of one model.

    Parameters
    ----------
    clock
        Seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._of: dict[Pair, Tally] = {}
        self._counted: dict[Pair, float] = {}

    def of(self, champion: str, challenger: str) -> Tally:
        """The counts of these two versions, to count in.

        Of two pairs the one that nothing was counted of for a minute is forgotten.
        """
        now, pair = self._clock(), (champion, challenger)
        self._counted[pair] = now
        for other in [each for each, at in self._counted.items() if now - at > _IDLE_S]:
            del self._of[other], self._counted[other]
        if pair not in self._of:
            since = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
            self._of[pair] = Tally(champion, challenger, since)
        return self._of[pair]

    def newest(self) -> Tally | None:
        """The counts that were begun last; None where there are none."""
        return next(reversed(self._of.values()), None)
