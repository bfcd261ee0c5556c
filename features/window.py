"""A window of time over the event stream: what happened since the stored sums, and no more.

Filling the state from tables and following live events are the same computation over different
windows: the whole of time with nothing before it, or the time since the last events with the
stored sums in front.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import narwhals as nw
import numpy as np
import numpy.typing as npt

from data_contracts.lazy import pd, pl
from features.engines import collected
from features.events import wrapped
from features.histories import History, final_state, values_before
from features.state import state_key

__all__ = ["WHOLE", "Reader", "Window"]

Floats = npt.NDArray[np.float64]


class Reader(Protocol):
    """What a window needs of a state store."""

    def get_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        """The values of those keys that are there."""
        ...


@dataclass(frozen=True)
class Window:
    """The part of the event stream that a computation looks at.

    Parameters
    ----------
    since, until
        Events after `since` and not after `until` (microseconds) happen in the window; None for no
        bound.
    state
        Holds the sums of all events up to `since`; None where there are none.
    """

    since: int | None = None
    until: int | None = None
    state: Reader | None = None

    def cut(self, events: Any) -> Any:
        """The events of the window."""
        frame = wrapped(events)
        if self.since is not None:
            frame = frame.filter(nw.col("at") > self.since)
        if self.until is not None:
            frame = frame.filter(nw.col("at") <= self.until)
        return frame.to_native()

    def is_new(self, at: pd.Series) -> npt.NDArray[np.bool_]:
        """Which moments (microseconds) are in the window."""
        new = np.ones(len(at), dtype=bool)
        if self.since is not None:
            new &= at.to_numpy() > self.since
        if self.until is not None:
            new &= at.to_numpy() <= self.until
        return new

    def values_before(
        self, history: History, events: Any, queries: Any, prefix: Sequence[str] = ()
    ) -> Any:
        """:func:`features.histories.values_before` with the stored sums in front."""
        prior = self.prior(history, (events, queries), prefix)
        return values_before(history, events, queries, prior)

    def final_items(
        self, history: History, events: Any, prefix: Sequence[str] = ()
    ) -> list[tuple[str, bytes]]:
        """Keys that the events touch, with their sums after them, as the state stores them."""
        totals = final_state(history, events, self.prior(history, (events,), prefix))
        final = collected(totals)
        columns = [final[part].to_list() for part in history.key]
        values = np.ascontiguousarray(final.select(*history.columns).to_numpy(), dtype="<f8")
        keys = zip(*columns, strict=True)
        return [
            (state_key(*prefix, history.name, *key), row.tobytes())
            for key, row in zip(keys, values, strict=True)
        ]

    def prior(self, history: History, frames: Sequence[Any], prefix: Sequence[str]) -> Any:
        """Stored sums of the keys in these frames; None where nothing is stored before."""
        if self.state is None:
            return None
        key = list(history.key)
        asked: set[tuple[str, ...]] = set()
        for frame in frames:
            known = wrapped(frame).select(*key).filter(*(~nw.col(p).is_null() for p in key))
            asked.update(known.unique().rows())
        names = {state_key(*prefix, history.name, *parts): parts for parts in asked}
        found = self.state.get_many(list(names)) if names else {}
        parts = [names[name] for name in found]
        sums = np.frombuffer(b"".join(found.values()), "<f8").reshape(-1, len(history.sums))
        columns: dict[str, Any] = {
            part: pl.Series([each[i] for each in parts], dtype=pl.String)
            for i, part in enumerate(key)
        }
        return pl.DataFrame(columns | dict(zip(history.columns, sums.T, strict=True)))


WHOLE = Window()
"""All of time, with nothing before it."""
