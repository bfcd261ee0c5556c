"""A window of time over the event stream: what happened since the stored sums, and no more.

Filling the state from tables and following live events are the same computation over different
windows: the whole of time with nothing before it, or the time since the last events with the
stored sums in front.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import narwhals as nw
import numpy as np
import numpy.typing as npt

from data_contracts.lazy import pd
from features.counted import Counted
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
    told
        By column the ids of the goods and accounts that the window tells of; None for all.
    """

    since: int | None = None
    until: int | None = None
    state: Reader | None = None
    told: Mapping[str, Collection[str]] | None = None
    _last: list[Any] = field(default_factory=list, init=False, repr=False, compare=False)

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

    def told_of(self, column: str, rows: pd.DataFrame) -> pd.DataFrame:
        """Rows of the goods or accounts that the window tells of; the others stay as they are."""
        return rows if self.told is None else rows[rows[column].isin(self.told[column])]

    def values_before(
        self, history: History, events: Any, queries: Any, prefix: Sequence[str] = ()
    ) -> Any:
        """:func:`features.histories.values_before` with the stored sums in front."""
        if self.state is None:
            return values_before(history, events, queries)
        asked = collected(queries)
        rows, values = self._counted(events, self.state).before(history, asked, prefix)
        columns = {"query": asked["query"].to_numpy()[rows]}
        columns |= dict(zip(history.columns, values.T, strict=True))
        return nw.from_dict(columns, backend=asked.implementation).to_native()

    def final_items(
        self, history: History, events: Any, prefix: Sequence[str] = ()
    ) -> Iterator[tuple[str, bytes]]:
        """Keys that the events touch, with their sums after them, as the state stores them."""
        if self.state is not None:
            yield from self._counted(events, self.state).totals(history, prefix)
            return
        final = collected(final_state(history, events))
        columns = [final[part].to_list() for part in history.key]
        values = np.ascontiguousarray(final.select(*history.columns).to_numpy(), dtype="<f8")
        for key, row in zip(zip(*columns, strict=True), values, strict=True):
            yield state_key(*prefix, history.name, *key), row.tobytes()

    def _counted(self, events: Any, state: Reader) -> Counted:
        # Histories are asked for over the same events, one after the other.
        if not self._last or self._last[0] is not events:
            self._last[:] = events, Counted(collected(events), state.get_many)
        counted: Counted = self._last[1]
        return counted


WHOLE = Window()
"""All of time, with nothing before it."""
