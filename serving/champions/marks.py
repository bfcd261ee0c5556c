"""The marks of one process on the places of the states it reads."""

from __future__ import annotations

import time
from collections.abc import Set
from typing import Final

from features.places import Mark, open_mark
from features.state import StateError

__all__ = ["Marks"]

_LEAVE_S: Final = 15.0
"""How long a state stays marked that is left: requests that were begun may still read it."""


class Marks:
    """Keeps the places that are read from being filled for other models."""

    def __init__(self) -> None:
        self._of: dict[str, Mark] = {}
        self._left: dict[str, float] = {}

    def mark(self, place: str) -> bool:
        """Mark a place as read; False where it is being filled for others at this moment.

        Where that cannot be told it is read all the same: the mark is for who fills, and without
        it answers are as good.
        """
        try:
            mark = self._of.get(place)
            if mark is None:
                mark = self._of[place] = open_mark(place)
            return mark.keep()
        except StateError:
            return True

    def keep(self, used: Set[str]) -> None:
        """Keep the marks of the places that are read, and take away those that were left."""
        now = time.monotonic()
        for place in used:
            self._left.pop(place, None)
            self.mark(place)
        for place in self._of.keys() - used:
            if now - self._left.setdefault(place, now) > _LEAVE_S:
                self._of.pop(place).release()
                del self._left[place]
