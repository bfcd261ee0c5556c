"""What the service leans on and may lose: whether it works now, for `/readyz` and metrics."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from typing import Final

from features.credentials import without_credentials

__all__ = ["Dependency", "outages"]

logger = logging.getLogger("muslin.serving")

_OUTAGES: Final[Counter[str]] = Counter()
_counting = threading.Lock()


class Dependency:
    """Something outside of this process: a store, a log, a record.

    Parameters
    ----------
    name
        As `/readyz` and the metrics call it: ``state``, ``events``, ``audit``.

    Attributes
    ----------
    reason
        Why it cannot be used now; None while it works.
    outages
        How often it was lost; :func:`outages` has the sum of all of a name.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.reason: str | None = None
        self.outages = 0
        self._since = 0.0

    def failed(self, reason: str) -> None:
        """Note that it cannot be used; the log is told once an outage."""
        reason = without_credentials(reason)
        if self.reason is None:
            self.outages += 1
            with _counting:
                _OUTAGES[self.name] += 1
            self._since = time.monotonic()
            logger.warning("%s: lost: %s", self.name, reason)
        self.reason = reason

    def works(self) -> None:
        """Note that it was used; cheap enough for every time."""
        if self.reason is not None:
            self.reason = None
            logger.warning("%s: back after %.1f seconds", self.name, self.seconds)

    @property
    def seconds(self) -> float:
        """For how long it has been lost, or was lost last."""
        return time.monotonic() - self._since

    def told(self) -> dict[str, object] | None:
        """Members at `/readyz`; None while it works."""
        reason = self.reason
        if reason is None:
            return None
        return {"part": self.name, "seconds": round(self.seconds, 1), "reason": reason}


def outages() -> dict[str, int]:
    """How often something of a name was lost in this process; it never falls.

    What was lost may be gone by now: a state is watched for as long as somebody reads it.
    """
    with _counting:
        return dict(_OUTAGES)
