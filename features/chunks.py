"""Vectors of a shop that does not fit in memory, by the code of one that does.

A space (such as :class:`features.size_fit_space.SizeFitSpace`) builds vectors in stages: facts of
lines, events of these, sums of the events before each question, perhaps further events of the
answers. Every stage asks its :class:`~features.window.Window` for the sums. Here the space is given
one chunk of the shop after another, and a window (:class:`ChunkWindow`) that writes down what is
asked and stops it there. Once all chunks were asked, the sums are worked out over all of them
(:mod:`features.out_of_core`), and the chunks are gone through again with the answers, up to the
next stage, until a chunk is through. There is no second implementation of any vector.

The last stage may be asked several sets of questions over the same events, such as lines as of
their order and as of their delivery: events are laid down once, the answers kept apart.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from features.engines import collected
from features.histories import History
from features.out_of_core import Windows, run_histories
from features.running import Answers
from features.window import Window

__all__ = ["ChunkWindow", "NoHistories", "Stages", "nothing", "through"]

Ints = npt.NDArray[np.int64]

_SETS = 4
"""Most sets of questions of a chunk at a stage."""
_FIRST_OF_SET = 1 << 32
"""Questions are numbered by chunk, set and place in it."""


class _WaitsError(Exception):
    """All sums of a stage were asked for; the rest must wait for the answers."""


@dataclass
class _Questions:
    """A set of questions, and the histories they were put to."""

    queries: Any
    histories: list[History] = field(default_factory=list)


@dataclass
class _Stage:
    """What one chunk asked at a stage."""

    events: Any
    sets: list[_Questions] = field(default_factory=list)


class Stages:
    """Stages of all chunks: what was asked, and the answers, on disk.

    Parameters
    ----------
    folder
        Made when missing; nothing else may be in it.
    edges
        Where to cut time into windows; see :func:`features.out_of_core.edges_of`.
    firsts
        By kind of event: the key columns of what only happens once, whichever chunks tell of it.
        Of several the earliest counts.
    memory, threads
        See :func:`features.out_of_core.run_histories`.
    keep
        Is given the stored sums of every history at the end of each stage.
    prior
        Gives the stored sums of a history to begin from.
    seen
        By kind of what only happens once: the keys it happened to before, as `keep_firsts` of an
        earlier run was given them.
    keep_firsts
        Is given these keys at the end.
    """

    def __init__(
        self,
        folder: Path,
        edges: Ints,
        *,
        firsts: Mapping[str, tuple[str, ...]] | None = None,
        memory: int = 2 << 30,
        threads: int = 2,
        keep: Callable[[History, pl.DataFrame], None] | None = None,
        prior: Callable[[History], pl.DataFrame | None] | None = None,
        seen: Callable[[str], pl.DataFrame | None] = lambda _: None,
        keep_firsts: Callable[[str, pl.DataFrame], None] | None = None,
    ) -> None:
        self.answered = 0
        self.histories: list[History] = []
        self._folder, self._edges = folder, edges
        self._firsts = dict(firsts or {})
        self._memory, self._threads, self._keep = memory, threads, keep
        self._prior, self._seen, self._keep_firsts = prior, seen, keep_firsts
        self._windows: Windows | None = None

    def lay_down(self, chunk: int, stage: _Stage) -> None:
        """Write down what a chunk asked at the stage that is open."""
        if self._windows is None:
            self.histories = stage.sets[0].histories
            keys = sorted({part for history in self.histories for part in history.key})
            folder = self._folder / f"stage-{self.answered}"
            self._windows = Windows(folder / "windows", self._edges, keys)
            (folder / "firsts").mkdir()
        events = _polars(stage.events)
        keys, amounts = [*self._windows.keys], self._amounts()
        happened = events.select(
            "at", "kind", "verdict", *keys, *(pl.col(a).cast(pl.Float64) for a in amounts)
        )
        once = pl.col("kind").is_in([*self._firsts])
        happened.filter(once).write_parquet(
            self._windows.folder.parent / "firsts" / f"{chunk:06d}.parquet"
        )
        self._windows.add_events(happened.filter(~once))
        for place, asked in enumerate(stage.sets):
            number = pl.col("query").cast(pl.Int64) + _first(chunk, place)
            queries = _polars(asked.queries)
            self._windows.add_queries(queries.select(number, pl.col("at").cast(pl.Int64), *keys))

    def answer(self) -> None:
        """Work out the sums of the open stage over all chunks."""
        assert self._windows is not None, "nothing was asked"
        self._add_firsts(self._windows)
        answers = self._folder / f"answers-{self.answered}"

        def consume(history: History, window: int, found: Answers) -> None:
            asker = found.query // _FIRST_OF_SET
            columns = [pl.Series(c, found.values[:, i]) for i, c in enumerate(history.columns)]
            frame = pl.DataFrame([pl.Series("query", found.query), *columns])
            for number in np.unique(asker):
                folder = answers / history.name / f"{number:06d}"
                folder.mkdir(parents=True, exist_ok=True)
                # A history in shares gives several answers to a window.
                path = folder / f"{window:06d}-{len([*folder.glob(f'{window:06d}-*')])}.parquet"
                frame.filter(pl.Series(asker == number)).write_parquet(path, compression="lz4")

        run_histories(
            self.histories,
            self._windows,
            consume,
            memory=self._memory,
            threads=self._threads,
            finish=self._keep,
            prior=self._prior,
        )
        shutil.rmtree(self._windows.folder.parent)
        self._windows, self.histories, self.answered = None, [], self.answered + 1

    def answers(self, stage: int, history: History, chunk: int, place: int = 0) -> pl.DataFrame:
        """What :func:`features.histories.values_before` would give for a set of the chunk's."""
        first = _first(chunk, place)
        folder = self._folder / f"answers-{stage}" / history.name / f"{first // _FIRST_OF_SET:06d}"
        if not folder.exists():
            return nothing(history)
        found = pl.read_parquet(folder / "*.parquet")
        return found.with_columns(pl.col("query") - first)

    def _amounts(self) -> list[str]:
        return sorted({s.amount for h in self.histories for s in h.sums if s.amount})

    def _add_firsts(self, windows: Windows) -> None:
        told = pl.scan_parquet(windows.folder.parent / "firsts" / "*.parquet")
        for kind, key in self._firsts.items():
            rest = [k for k in windows.keys if k not in key]
            if not {*key} <= {*windows.keys}:
                continue  # no history of this stage counts it by what makes it one
            events = (
                told.filter(pl.col("kind") == kind)
                .group_by(*key)
                .agg(pl.col("at").min(), *(pl.col(a).min() for a in self._amounts()))
                .with_columns(
                    pl.lit(kind).alias("kind"),
                    pl.lit(None, pl.String).alias("verdict"),
                    *(pl.lit(None, pl.String).alias(k) for k in rest),
                )
                .collect(engine="streaming")
            )
            before = self._seen(kind)
            if before is not None:
                events = events.join(before, on=list(key), how="anti", nulls_equal=True)
            windows.add_events(events)
            if self._keep_firsts is not None:
                now = events.select(key)
                self._keep_firsts(kind, now if before is None else pl.concat([before, now]))


@dataclass(frozen=True)
class ChunkWindow(Window):
    """The window through which a space looks at one chunk.

    Parameters
    ----------
    stages
        What all chunks asked before, with the answers.
    chunk
        Number of the chunk.
    sets
        How many sets of questions are asked at the last stage. Once so many were written down the
        space is stopped, which saves work; fewer may be asked.
    """

    stages: Stages | None = None
    chunk: int = 0
    sets: int = 1
    asked: list[_Stage] = field(default_factory=list)

    def values_before(
        self, history: History, events: Any, queries: Any, prefix: Any = ()
    ) -> pl.DataFrame:
        """Answer from what was worked out over all chunks, or write the question down."""
        assert self.stages is not None
        # Histories of one stage are asked for over the same events, one after the other.
        if not self.asked or self.asked[-1].events is not events:
            if len(self.asked) > self.stages.answered:
                raise _WaitsError
            self.asked.append(_Stage(events))
        sets = self.asked[-1].sets
        if not sets or sets[-1].queries is not queries:
            assert len(sets) < _SETS, "too many sets of questions"
            sets.append(_Questions(queries))
        sets[-1].histories.append(history)
        stage = len(self.asked) - 1
        if stage < self.stages.answered:
            return self.stages.answers(stage, history, self.chunk, len(sets) - 1)
        if len(sets) == self.sets and sets[-1].histories == self.stages.histories:
            raise _WaitsError  # as many as the first chunk asked for
        return nothing(history)


@dataclass(frozen=True)
class NoHistories(Window):
    """A window without histories: what became of lines does not depend on them."""

    def values_before(
        self, history: History, events: Any, queries: Any, prefix: Sequence[str] = ()
    ) -> pl.DataFrame:
        """No answer to any question."""
        return nothing(history)


def through(
    stages: Stages,
    chunk: int,
    until: int,
    build: Callable[[Window], Any],
    *,
    since: int | None = None,
    state: Any = None,
    sets: int = 1,
) -> Any:
    """Go through a chunk as far as there are answers.

    Parameters
    ----------
    stages
        Of all chunks.
    chunk
        Its number.
    until
        Last moment that the shop knows of, microseconds.
    build
        Builds the chunk's vectors through a window.
    since, state
        See :class:`~features.window.Window`.
    sets
        See :class:`ChunkWindow`.

    Returns
    -------
    What `build` gives, or None where it waits for the answers of the next stage.
    """
    window = ChunkWindow(
        since=since, until=until, state=state, stages=stages, chunk=chunk, sets=sets
    )
    try:
        built = build(window)
    except _WaitsError:
        built = None
    if len(window.asked) > stages.answered:
        stages.lay_down(chunk, window.asked[stages.answered])
        return None
    return built


def nothing(history: History) -> pl.DataFrame:
    """Answers to no question."""
    return pl.DataFrame(schema={"query": pl.Int64} | dict.fromkeys(history.columns, pl.Float64))


def _first(chunk: int, place: int) -> int:
    return (chunk * _SETS + place) * _FIRST_OF_SET


def _polars(frame: Any) -> pl.DataFrame:
    return collected(frame).to_polars()
