"""Events in memory as histories count them: what several histories need is worked out once.

The histories of a model read one stream of events, with the same kinds, amounts and key columns in
other combinations. Here each kind is looked for, each amount and each code of a key column worked
out once for all of them. The sums are those of :mod:`features.histories`, to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import narwhals as nw
import numpy as np
import numpy.typing as npt

from data_contracts.lazy import pd
from features.grouped import joint_codes, part_codes, total_sums
from features.histories import BEFORE, History, Sum, amounts, sums_before
from features.state import KEY_SEPARATOR, state_key

__all__ = ["Counted"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

Stored = Callable[[Sequence[str]], dict[str, bytes]]
"""The stored sums of those keys that are there."""


class Counted:
    """Events, with what of them was worked out so far.

    Parameters
    ----------
    events
        See :func:`features.events.line_events`.
    stored
        Gives the sums of what happened before all `events`.
    """

    def __init__(self, events: nw.DataFrame[Any], stored: Stored) -> None:
        self._events = events
        self._stored = stored
        self._kinds: dict[str, Bools] = {}
        self._known: dict[str, Bools] = {}
        self._amounts: dict[tuple[Sum, ...], Floats] = {}
        self._codes: dict[str, Ints] = {}
        self._asked: nw.DataFrame[Any] | None = None
        self._asked_codes: dict[str, Ints] = {}

    def totals(self, history: History, prefix: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Keys that the events touch, with their sums after them, as the state stores them.

        Parameters
        ----------
        history
            The declaration.
        prefix
            First parts of the keys.
        """
        rows = self._rows(history)
        codes = joint_codes([self._part(part)[rows] for part in history.key])
        first = _first(codes)
        names = _names(history, self._events, rows[first], prefix)
        found = self._stored(names)
        codes = np.concatenate([codes, _codes_of(found, names, codes[first])])
        told = np.concatenate([self._told(history)[rows], _sums_of(found, history)])
        sums = total_sums(codes, told)[1]
        width = 8 * len(history.sums)
        data = np.ascontiguousarray(sums, dtype="<f8").tobytes()
        return zip(names, (data[at : at + width] for at in range(0, len(data), width)), strict=True)

    def before(
        self, history: History, queries: nw.DataFrame[Any], prefix: Sequence[str]
    ) -> tuple[Ints, Floats]:
        """The sums strictly before each query: rows of the queries with a key, and their sums.

        Parameters
        ----------
        history
            The declaration.
        queries
            As for :func:`features.histories.values_before`.
        prefix
            First parts of the keys.
        """
        asked = np.flatnonzero(_with_key(queries, history.key))
        rows = self._rows(history)
        both = np.concatenate([asked, rows + len(queries)])
        parts = [self._part_asked(part, queries)[both] for part in history.key]
        codes = joint_codes(parts)
        first = _first(codes[: len(asked)])
        names = _names(history, queries, asked[first], prefix)
        found = self._stored(names)
        # What happened to keys that nobody asks about does not matter.
        matters = np.zeros(codes.max(initial=-1) + 1, dtype=bool)
        matters[codes[: len(asked)]] = True
        told = matters[codes[len(asked) :]]
        rows = rows[told]
        before = _sums_of(found, history)
        values = sums_before(
            history,
            np.concatenate(
                [
                    codes[: len(asked)],
                    codes[len(asked) :][told],
                    _codes_of(found, names, codes[: len(asked)][first]),
                ]
            ),
            queries["at"].to_numpy()[asked],
            np.concatenate([self._events["at"].to_numpy()[rows], np.full(len(before), BEFORE)]),
            np.concatenate([self._told(history)[rows], before]),
        )
        return asked, values

    def _rows(self, history: History) -> Ints:
        """The events that a history counts."""
        counts = np.zeros(len(self._events), dtype=bool)
        for kind in {each.kind for each in history.sums}:
            if kind not in self._kinds:
                self._kinds[kind] = _truths((self._events["kind"] == kind).fill_null(False))
            counts |= self._kinds[kind]
        for part in history.key:
            if part not in self._known:
                self._known[part] = _with_key(self._events, [part])
            counts &= self._known[part]
        return np.flatnonzero(counts)

    def _told(self, history: History) -> Floats:
        """What every event adds to the sums of a history."""
        if history.sums not in self._amounts:
            self._amounts[history.sums] = amounts(history.sums, self._events)
        return self._amounts[history.sums]

    def _part(self, part: str) -> Ints:
        if part not in self._codes:
            self._codes[part] = part_codes(self._events[part].to_native())
        return self._codes[part]

    def _part_asked(self, part: str, queries: nw.DataFrame[Any]) -> Ints:
        """Codes of the queries and, after them, of the events."""
        if self._asked is None or self._asked.to_native() is not queries.to_native():
            self._asked, self._asked_codes = queries, {}
        if part not in self._asked_codes:
            both = nw.concat([queries.select(part), self._events.select(part)], how="vertical")
            self._asked_codes[part] = part_codes(both[part].to_native())
        return self._asked_codes[part]


def _with_key(frame: nw.DataFrame[Any], key: Sequence[str]) -> Bools:
    known = np.ones(len(frame), dtype=bool)
    for part in key:
        known &= ~_truths(frame[part].is_null())
    return known


def _truths(column: nw.Series[Any]) -> Bools:
    return column.to_numpy().astype(bool, copy=False)


def _first(codes: Ints) -> Ints:
    """Where each code comes first."""
    return np.flatnonzero(~pd.Series(codes).duplicated().to_numpy())


def _names(
    history: History, frame: nw.DataFrame[Any], rows: Ints, prefix: Sequence[str]
) -> list[str]:
    """Keys of the store, of the keys in these rows."""
    before = state_key(*prefix, history.name, "")
    columns = [frame[part][rows].to_list() for part in history.key]
    if len(columns) == 1:
        return [before + value for value in columns[0]]
    return [before + KEY_SEPARATOR.join(key) for key in zip(*columns, strict=True)]


def _codes_of(found: dict[str, bytes], names: Sequence[str], codes: Ints) -> Ints:
    place = dict(zip(names, codes.tolist(), strict=True))
    return np.array([place[name] for name in found], dtype=np.int64)


def _sums_of(found: dict[str, bytes], history: History) -> Floats:
    return np.frombuffer(b"".join(found.values()), "<f8").reshape(-1, len(history.sums))
