"""Running sums of one history over a stream that arrives window by window, in order of time.

The declared history (:mod:`features.histories`) says what an event adds and how a reader decays;
here the sums of all keys stand in one array while the stream passes. Nothing is sorted by key: a
row of the window adds to the row of its key, so that a history costs one pass, whatever its keys.
Memory is the sums of the keys seen so far and one window.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.grouped import running_sums
from features.histories import History, added, decay

__all__ = ["Answers", "RunningHistory", "share_of"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_MERGE_AT = 8
_TWO_PARTS = np.int64(2**32)


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
        packed = _packed(keys)
        mine = self._mine(packed)
        rows = self._grown(packed[mine])
        self._sums[rows] += sums[mine]

    def advance(self, events: Any, queries: Any) -> Answers:
        """Answer the queries of a window, and take its events in.

        Parameters
        ----------
        events
            Events of the window as a Polars frame, in order of ``at``: ``at``, ``kind``,
            ``verdict``, and of the history its keys as codes and its amounts.
        queries
            ``query``, ``at`` and the keys as codes, in order of ``at``. No query may be earlier
            than an event of an earlier window, nor any event.
        """
        happened = added(self.history, events)
        keys = [happened[part].to_numpy() for part in self.history.key]
        asked = queries.drop_nulls([*self.history.key])
        event, query = _packed(keys), _packed([asked[part].to_numpy() for part in self.history.key])
        amounts = happened.select(self.history.columns).to_native().to_numpy(order="c")
        at, when = happened["at"].to_numpy(), asked["at"].to_numpy()
        ids = asked["query"].to_numpy().astype(np.int64)
        if self._of > 1:
            mine, ours = self._mine(event), self._mine(query)
            event, amounts, at = event[mine], amounts[mine], at[mine]
            query, when, ids = query[ours], when[ours], ids[ours]
        values = self._pass(event, at, amounts, query, when)
        if len(self._fading):
            lives = self.history.half_lives[self._fading]
            values[:, self._fading] *= decay(lives, when[:, None].astype(np.float64))
        return Answers(ids, values)

    def state(self) -> tuple[list[Ints], Floats]:
        """The stored sums so far: codes of each part of the keys, and keys by sums."""
        packed, rows = self._rows.all()
        return _unpacked(packed, len(self.history.key)), self._sums[rows]

    def _pass(self, event: Ints, at: Ints, amounts: Floats, query: Ints, when: Ints) -> Floats:
        """One pass over the window: sums of the keys before it, then what happens, in order."""
        local, keys = pd.factorize(np.concatenate([event, query]))
        rows = self._grown(keys)
        # Of one moment, questions come first: what happens at that moment is not yet known.
        ask = len(keys) + np.searchsorted(at, when, "left") + np.arange(len(when))
        tell = len(keys) + np.searchsorted(when, at, "right") + np.arange(len(at))
        stream = np.zeros((len(keys) + len(local), amounts.shape[1]))
        code = np.empty(len(stream), dtype=np.int64)
        stream[: len(keys)] = self._sums[rows]
        code[: len(keys)] = np.arange(len(keys))
        stream[tell], code[tell] = amounts, local[: len(event)]
        code[ask] = local[len(event) :]
        running = running_sums(code, stream)
        last = np.empty(len(keys), dtype=np.int64)
        last[code] = np.arange(len(code))
        self._sums[rows] = running[last]
        values: Floats = running[ask]
        return values

    def _grown(self, keys: Ints) -> Ints:
        rows = self._rows.of(keys)
        if len(self._rows) > len(self._sums):
            # Grows in place where the system can; nobody else holds the array.
            self._sums.resize((int(len(self._rows) * 1.1) + 1, self._sums.shape[1]), refcheck=False)
        return rows

    def _mine(self, packed: Ints) -> npt.NDArray[np.bool_]:
        mine: npt.NDArray[np.bool_] = share_of(packed, self._of) == self._share
        return mine


def share_of(packed: Ints, of: int) -> Ints:
    """Which of so many shares each key is in: alike in size, whatever the codes."""
    mixed = packed.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    share: Ints = ((mixed >> np.uint64(40)) % np.uint64(of)).astype(np.int64)
    return share


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


def _packed(parts: list[Any]) -> Ints:
    """Codes of the parts of a key as one number."""
    if len(parts) > 2:
        raise ValueError(f"a key of {len(parts)} parts: two are what one number holds")
    packed: Ints = parts[0].astype(np.int64)
    for part in parts[1:]:
        packed = packed * _TWO_PARTS + part.astype(np.int64)
    return packed


def _unpacked(packed: Ints, parts: int) -> list[Ints]:
    if parts == 1:
        return [packed]
    return [packed // _TWO_PARTS, packed % _TWO_PARTS]
