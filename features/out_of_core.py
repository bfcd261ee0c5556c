"""Histories of more events than fit in memory: windows of time on disk, sums of keys in memory.

Events and questions are laid down by window (:class:`Windows`), texts of keys as whole numbers
(:class:`KeyCodes`). :func:`run_histories` then goes through the windows in order of time and keeps
the running sums of every key (:mod:`features.running`): the values are those of
:func:`features.histories.values_before`, and the sums that are left those of ``final_state``. What
is held at once is one window and the sums of as many histories as fit in the memory allowed; a
history that does not fit alone takes several passes, each over a share of its keys.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import numpy as np
import numpy.typing as npt
import polars as pl

from features.histories import History
from features.running import Answers, Moments, RunningHistory

__all__ = ["KeyCodes", "Windows", "edges_of", "kept_state", "run_histories"]

Ints = npt.NDArray[np.int64]

_SPARE = 1.25
"""Sums grow by steps, and keys of several parts are looked up by tables beside them."""
_OF_A_LOOKUP = 32


class KeyCodes:
    """Texts of key columns as whole numbers from 0, the same in all windows; null stays null."""

    def __init__(self) -> None:
        # Categories live as long as some column of their type does.
        self._held: dict[str, pl.Series] = {}

    def encode(self, frame: pl.DataFrame, columns: Collection[str]) -> pl.DataFrame:
        """The frame with these text columns as codes."""
        return frame.with_columns(
            pl.col(name).cast(self._dtype(name)).to_physical() for name in columns
        )

    def decode(self, column: str, codes: Ints) -> pl.Series:
        """The texts of codes of a column."""
        physical = pl.Series(column, codes, dtype=pl.UInt32)
        return physical.cat.to(self._dtype(column)).cast(pl.String)

    def _dtype(self, column: str) -> pl.DataType:
        if column not in self._held:
            categories = pl.Categories(f"{column}-{uuid4()}", "muslin", pl.UInt32)
            self._held[column] = pl.Series([], dtype=pl.Categorical(categories))
        return self._held[column].dtype


def edges_of(moments: Ints, per_window: int, rows: int | None = None) -> Ints:
    """Where to cut time so that about so many of these moments lie in each window.

    Parameters
    ----------
    moments
        Microseconds; a sample will do.
    per_window
        Rows wanted to a window.
    rows
        How many moments there are, where `moments` is a sample.
    """
    count = math.ceil((len(moments) if rows is None else rows) / per_window)
    ranked = np.sort(moments)
    places = (np.arange(1, count) * len(ranked)) // max(count, 1)
    edges: Ints = np.unique(ranked[places])
    return edges


class Windows:
    """Events and questions on disk, by window of time.

    Parameters
    ----------
    folder
        Made when missing; nothing else may be in it.
    edges
        Moments at which windows begin, but the first, in order; see :func:`edges_of`.
    keys
        Columns of text that make keys.
    codes
        Numbers of the texts; its own where none is given.
    """

    def __init__(
        self, folder: Path, edges: Ints, keys: Collection[str], codes: KeyCodes | None = None
    ) -> None:
        self.folder, self.edges, self.keys = folder, edges, tuple(keys)
        self.codes = codes or KeyCodes()
        self._parts = itertools.count()
        for kind in ("events", "queries"):
            (folder / kind).mkdir(parents=True, exist_ok=True)

    def __len__(self) -> int:
        return len(self.edges) + 1

    def add_events(self, events: pl.DataFrame) -> None:
        """Lay down events: ``at``, ``kind``, ``verdict``, keys as text, and amounts."""
        self._add("events", events)

    def add_queries(self, queries: pl.DataFrame) -> None:
        """Lay down questions: ``query`` (a unique integer), ``at`` and keys as text."""
        self._add("queries", queries)

    def read(
        self, window: int, histories: Sequence[History], until: int | None = None
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Events and questions of a window in order of time, with what these histories need."""
        keys = sorted({part for history in histories for part in history.key})
        sums = [each for history in histories for each in history.sums]
        kinds = sorted({each.kind for each in sums})
        amounts = sorted({each.amount for each in sums if each.amount})
        events = self._scan("events", window)
        if events is None:
            happened = pl.DataFrame(schema=_schema(keys, amounts))
        else:
            wanted = pl.col("kind").is_in(kinds)
            if until is not None:
                wanted &= pl.col("at") <= until
            happened = (
                events.filter(wanted)
                .select("at", "kind", "verdict", *keys, *(a for a in amounts if a not in keys))
                .sort("at")
                .collect()
            )
        asked = self._scan("queries", window)
        if asked is None:
            return happened, pl.DataFrame(schema=_schema(keys, (), query=True))
        return happened, asked.select("query", "at", *keys).sort("at").collect()

    def different(self, key: Sequence[str]) -> int:
        """About how many keys of these columns there are."""
        scans = [
            pl.scan_parquet(self.folder / kind / "*" / "*.parquet", missing_columns="insert")
            for kind in ("events", "queries")
            if any((self.folder / kind).iterdir())
        ]
        packed = pl.col(key[0]).cast(pl.Int64)
        for part in key[1:]:
            packed = packed * 2**32 + pl.col(part).cast(pl.Int64)
        keys = pl.concat([scan.select(packed.alias("key")) for scan in scans])
        return int(keys.select(pl.col("key").approx_n_unique()).collect().item())

    def _add(self, kind: str, frame: pl.DataFrame) -> None:
        if frame.is_empty():
            return
        coded = self.codes.encode(frame, [name for name in self.keys if name in frame.columns])
        window = np.searchsorted(self.edges, frame["at"].to_numpy(), side="right")
        part = next(self._parts)
        pieces = coded.with_columns(pl.Series("_window", window)).partition_by(
            "_window", as_dict=True, include_key=False
        )
        for (place,), piece in pieces.items():
            folder = self.folder / kind / f"{place:06d}"
            folder.mkdir(exist_ok=True)
            piece.write_parquet(folder / f"{part:06d}.parquet", compression="lz4")

    def _scan(self, kind: str, window: int) -> pl.LazyFrame | None:
        folder = self.folder / kind / f"{window:06d}"
        return pl.scan_parquet(folder / "*.parquet") if folder.exists() else None


def _schema(
    keys: Sequence[str], amounts: Sequence[str], *, query: bool = False
) -> dict[str, type[pl.DataType]]:
    return {
        **({"query": pl.Int64} if query else {}),
        "at": pl.Int64,
        "kind": pl.String,
        "verdict": pl.String,
        **dict.fromkeys(amounts, pl.Float64),
        **dict.fromkeys(keys, pl.UInt32),
    }


@dataclass
class _Pass:
    """Histories that go through the windows together."""

    running: list[RunningHistory] = field(default_factory=list)
    size: float = 0.0


def run_histories(
    histories: Sequence[History],
    windows: Windows,
    consume: Callable[[History, int, Answers], None],
    *,
    memory: int = 2 << 30,
    threads: int = 2,
    until: int | None = None,
    prior: Callable[[History], pl.DataFrame | None] | None = None,
    finish: Callable[[History, pl.DataFrame], None] | None = None,
) -> None:
    """Values strictly before every question, window by window.

    Parameters
    ----------
    histories
        The declarations.
    windows
        Events and questions.
    consume
        Is given every history's answers to every window, once for each share of its keys; from
        several threads.
    memory
        Bytes that the sums of all keys may take at once, beside one window.
    threads
        Histories at work at a time.
    until
        Leave out events after this moment.
    prior
        Stored sums of a history to begin from: key columns as text, and its columns.
    finish
        Is given the stored sums of a history at the end, likewise; once for each share of its keys.
    """
    with ThreadPoolExecutor(threads) as pool:
        for group in _passes(histories, windows, memory):
            for each in group.running:
                known = prior(each.history) if prior is not None else None
                if known is not None:
                    _start(each, known, windows.codes)
            declared = [each.history for each in group.running]
            for window in range(len(windows)):
                merged = _merged(declared, *windows.read(window, declared, until))

                def step(
                    running: RunningHistory,
                    window: int = window,
                    merged: Mapping[frozenset[str], Moments] = merged,
                ) -> None:
                    history = running.history
                    consume(history, window, running.advance(merged[_kinds(history)]))

                list(pool.map(step, group.running))
            while group.running:
                done = group.running.pop(0)
                if finish is not None:
                    finish(done.history, kept_state(done, windows.codes))


def _merged(
    histories: Sequence[History], events: pl.DataFrame, queries: pl.DataFrame
) -> dict[frozenset[str], Moments]:
    """The window for each set of kinds that is counted."""
    alike: dict[frozenset[str], list[History]] = {}
    for history in histories:
        alike.setdefault(_kinds(history), []).append(history)
    return {kinds: Moments.merged(some, events, queries) for kinds, some in alike.items()}


def _kinds(history: History) -> frozenset[str]:
    return frozenset(each.kind for each in history.sums)


def kept_state(running: RunningHistory, codes: KeyCodes) -> pl.DataFrame:
    """The stored sums of a history with its keys as text."""
    history = running.history
    parts, sums = running.state()
    keys = [codes.decode(name, part) for name, part in zip(history.key, parts, strict=True)]
    columns = [pl.Series(name, sums[:, i]) for i, name in enumerate(history.columns)]
    return pl.DataFrame([*keys, *columns])


def _start(running: RunningHistory, known: pl.DataFrame, codes: KeyCodes) -> None:
    key, columns = list(running.history.key), running.history.columns
    coded = codes.encode(known.select(*key, *columns), key)
    parts = [coded[part].to_numpy().astype(np.int64) for part in key]
    running.start(parts, coded.select(columns).to_numpy(order="c"))


def _passes(histories: Sequence[History], windows: Windows, memory: int) -> Iterator[_Pass]:
    """Histories together as far as their sums fit in memory, large ones apart in shares."""
    waiting = _Pass()
    sized = sorted((_size(history, windows), at) for at, history in enumerate(histories))
    for size, at in sized:
        shares = math.ceil(size / memory)
        if shares > 1:
            for share in range(shares):
                yield _Pass([RunningHistory(histories[at], share, shares)])
            continue
        if waiting.running and waiting.size + size > memory:
            yield waiting
            waiting = _Pass()
        waiting.running.append(RunningHistory(histories[at]))
        waiting.size += size
    if waiting.running:
        yield waiting


def _size(history: History, windows: Windows) -> float:
    of_a_key = 8 * len(history.sums) + (_OF_A_LOOKUP if len(history.key) > 1 else 0)
    return windows.different(history.key) * of_a_key * _SPARE
