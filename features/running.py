"""Running sums of one history over a stream that arrives window by window, in order of time.

The declared history (:mod:`features.histories`) says what an event adds and how a reader decays;
here the sums of all keys stand in one array while the stream passes. Nothing is sorted by key: a
row of the window adds to the row of its key, so that a history costs one pass, whatever its keys.
Memory is the sums of the keys seen so far and one window.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.events import wrapped
from features.grouped import running_sums
from features.histories import History, Sum, decay
from features.histories import amounts as amounts_of

__all__ = ["Answers", "Moments", "RunningHistory"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_MERGE_AT = 8
_TWO_PARTS = np.int64(2**32)
_MIXER = np.uint64(0x9E3779B97F4A7C15)
"""Of Fibonacci hashing: shares are alike in size, whatever the codes."""


@dataclass(frozen=True, slots=True)
class Answers:
    """The sums strictly before some queries.

    Attributes
    ----------
    query
        Ids of the queries; those with a null in their key are missing.
    values
        Queries by the sums of the history, decayed to the moment of each.
    """

    query: Ints
    values: Floats


@dataclass(frozen=True)
class Moments:
    """Events of some kinds and the questions of a window, merged in order of time.

    Attributes
    ----------
    amounts
        What each row adds: rows by different sums; questions add nothing.
    columns
        Where each sum stands in `amounts`.
    keys
        Codes of the key columns by row, -1 for null.
    ask
        Rows of the questions, which stand before the events of their moment: what happens then is
        not yet known.
    query
        Their ids.
    at
        Their moments, microseconds.
    """

    amounts: Floats
    columns: Mapping[Sum, int]
    keys: Mapping[str, Ints]
    ask: Ints
    query: Ints
    at: Floats

    @classmethod
    def merged(cls, histories: Sequence[History], events: Any, queries: Any) -> Moments:
        """Merge a window for histories that count the same kinds of events.

        Parameters
        ----------
        histories
            The declarations. A sum that several of them keep is worked out once.
        events
            Polars frame in order of ``at``: ``at``, ``kind``, ``verdict``, amounts, and keys as
            codes.
        queries
            ``query``, ``at`` and keys as codes, in order of ``at``.
        """
        every = dict.fromkeys(each for history in histories for each in history.sums)
        kinds = dict.fromkeys(each.kind for each in every)
        sums = [each for kind in kinds for each in every if each.kind == kind]
        parts = sorted({part for history in histories for part in history.key})
        told = events.filter(events["kind"].is_in([*kinds]))
        happens, asks = told["at"].to_numpy(), queries["at"].to_numpy()
        ask = np.searchsorted(happens, asks, "left") + np.arange(len(asks))
        tell = np.searchsorted(asks, happens, "right") + np.arange(len(happens))
        amounts = np.zeros((len(ask) + len(tell), len(sums)))
        for kind in kinds:
            # An event adds nothing to the sums of other kinds: those cells stay as they are.
            own = (told["kind"] == kind).to_numpy()
            columns = [i for i, each in enumerate(sums) if each.kind == kind]
            found = amounts_of([sums[i] for i in columns], wrapped(told.filter(own)))
            amounts[tell[own], columns[0] : columns[-1] + 1] = found
        keys = {}
        for part in parts:
            keys[part] = np.empty(len(amounts), dtype=np.int64)
            for frame, rows in ((told, tell), (queries, ask)):
                keys[part][rows] = frame[part].cast(int).fill_null(-1).to_numpy()
        places = {each: i for i, each in enumerate(sums)}
        ids = queries["query"].to_numpy().astype(np.int64)
        return cls(amounts, places, keys, ask, ids, asks.astype(np.float64))


class RunningHistory:
    """One history over windows of a stream.

    Parameters
    ----------
    history
        The declaration.
    share, of
        Keep only this share of the keys (0 to `of` - 1): what does not fit in memory at once is
        done in as many passes over the stream.
    """

    def __init__(self, history: History, share: int = 0, of: int = 1) -> None:
        self.history = history
        self._share, self._of = share, of
        # A code is a row of its own where all keys are here: codes have no gaps.
        self._rows = _KeyRows(dense=len(history.key) == 1 and of == 1)
        self._sums = np.zeros((0, len(history.sums)))
        self._fading = np.flatnonzero(np.isfinite(history.half_lives))

    @property
    def nbytes(self) -> int:
        """Memory held between windows."""
        return self._sums.nbytes + self._rows.nbytes

    def start(self, keys: list[Ints], sums: Floats) -> None:
        """Begin from stored sums, as :func:`features.histories.final_state` gives them.

        Parameters
        ----------
        keys
            Codes of each part of the key.
        sums
            Keys by the sums of the history.
        """
        packed = self._packed(keys)
        mine = packed >= 0
        rows = self._grown(packed[mine])
        self._sums[rows] += sums[mine]

    def advance(self, window: Moments) -> Answers:
        """Answer the questions of a window, and take its events in.

        Parameters
        ----------
        window
            No row of it may be earlier than an event of an earlier window.
        """
        packed = self._packed([window.keys[part] for part in self.history.key])
        local, keys = pd.factorize(packed)
        columns = [window.columns[each] for each in self.history.sums]
        whole = columns == list(range(window.amounts.shape[1]))
        stream = window.amounts.copy() if whole else window.amounts.take(columns, axis=1)
        if len(keys):
            ours = np.flatnonzero(keys >= 0)
            rows = self._grown(keys[ours])
            ends = np.empty(len(keys), dtype=np.int64)
            ends[local[::-1]] = np.arange(len(local))[::-1]
            stream[ends[ours]] += self._sums[rows]
            stream = running_sums(local, stream)
            ends[local] = np.arange(len(local))
            self._sums[rows] = stream[ends[ours]]
        known = packed[window.ask] >= 0
        values: Floats = stream[window.ask[known]]
        if len(self._fading):
            lives = self.history.half_lives[self._fading]
            values[:, self._fading] *= decay(lives, window.at[known][:, None])
        return Answers(window.query[known], values)

    def state(self) -> tuple[list[Ints], Floats]:
        """The stored sums so far: codes of each part of the keys, and keys by sums."""
        packed, rows = self._rows.all()
        return _unpacked(packed, len(self.history.key)), self._sums[rows]

    def _grown(self, keys: Ints) -> Ints:
        rows = self._rows.of(keys)
        if len(self._rows) > len(self._sums):
            # Grows in place where the system can; nobody else holds the array.
            self._sums.resize((int(len(self._rows) * 1.1) + 1, self._sums.shape[1]), refcheck=False)
        return rows

    def _packed(self, parts: Sequence[Ints]) -> Ints:
        """Keys as one number each, -1 where a part is null or the key is of another share."""
        if len(parts) > 2:
            raise ValueError(f"{self.history.name}: a key of more than two parts is not handled")
        packed = parts[0]
        out = packed < 0
        for part in parts[1:]:
            out |= part < 0
            packed = packed * _TWO_PARTS + part
        if self._of > 1:
            mixed = packed.astype(np.uint64) * _MIXER
            out |= (mixed >> np.uint64(40)) % np.uint64(self._of) != self._share
        return np.where(out, -1, packed)


class _KeyRows:
    """Which row each key has: itself where `dense`, else the next one free.

    Looked up by two sorted tables, of which the small takes what is new: no hash table is as small.
    """

    def __init__(self, *, dense: bool) -> None:
        self._dense = dense
        self._count = 0
        empty = np.zeros(0, dtype=np.int64)
        self._old = self._new = (empty, empty)
        self._seen = np.zeros(0, dtype=bool)

    def __len__(self) -> int:
        return self._count

    @property
    def nbytes(self) -> int:
        arrays = (*self._old, *self._new, self._seen)
        return sum(each.nbytes for each in arrays)

    def of(self, keys: Ints) -> Ints:
        """Rows of keys that are all different."""
        if self._dense:
            highest = int(keys.max(initial=-1)) + 1
            if highest > self._count:
                self._count = highest
                self._seen.resize(highest, refcheck=False)
            self._seen[keys] = True
            return keys
        order = np.argsort(keys)
        ranked = keys[order]
        found = np.full(len(keys), -1, dtype=np.int64)
        for known, rows in (self._old, self._new):
            place = np.searchsorted(known, ranked)
            place[place == len(known)] = 0
            hit = known[place] == ranked if len(known) else np.zeros(len(ranked), dtype=bool)
            found[hit] = rows[place[hit]]
        fresh = found < 0
        found[fresh] = self._count + np.arange(int(fresh.sum()))
        self._count += int(fresh.sum())
        self._new = _merged(self._new, (ranked[fresh], found[fresh]))
        if len(self._new[0]) * _MERGE_AT > len(self._old[0]):
            self._old = _merged(self._old, self._new)
            self._new = (self._new[0][:0], self._new[1][:0])
        rows = np.empty_like(found)
        rows[order] = found
        return rows

    def all(self) -> tuple[Ints, Ints]:
        """All keys and their rows."""
        if self._dense:
            keys = np.flatnonzero(self._seen)
            return keys, keys
        return _merged(self._old, self._new)


def _merged(one: tuple[Ints, Ints], other: tuple[Ints, Ints]) -> tuple[Ints, Ints]:
    keys = np.concatenate([one[0], other[0]])
    order = np.argsort(keys, kind="stable")  # two runs in order: merged in one pass
    return keys[order], np.concatenate([one[1], other[1]])[order]


def _unpacked(packed: Ints, parts: int) -> list[Ints]:
    if parts == 1:
        return [packed]
    return [packed // _TWO_PARTS, packed % _TWO_PARTS]
