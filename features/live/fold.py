"""Folding live events into the state, exactly once and in whatever order they arrive.

The state after a batch of events is that of a window (:mod:`features.window`) over the sums before
it. An event that tells of a moment before the last window is put in its place: the windows after
that moment are taken back, by what each of them has overwritten, and the events since are folded
again with the late one among them. How far back this goes is the horizon; an event from before it
waits in the log for the next filling of the state. A word that is told anew at another moment,
such as a decision that is revised, takes back the windows since the first word, which no longer
holds; where that cannot be taken back any more, it waits as well. Goods and accounts that are told
otherwise count for questions at once, and for the lines before from the next filling on.

The position in the log is written with the sums, in one transaction: whatever happens to the
process, every event counts once.
"""

from __future__ import annotations

import gc
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from operator import attrgetter

import orjson
import pandas as pd

from features.event_log import EventLog, LoggedEvent
from features.live.records import LiveEvent, Records, in_order, row_told
from features.live.windows import (
    FILLED,
    LATE,
    SEQ,
    WINDOWS,
    Folded,
    Overlay,
    packed,
    told_of,
    undo_key,
    unpacked,
    windows_of,
)
from features.order_records import order_items
from features.state import StateStore
from features.window import Window

__all__ = ["Applied", "Fold", "ModelState"]

_READ = (SEQ, WINDOWS, "filled_at")
"""What a step rests on: nothing of it may have changed when the step is written."""
_COARSE = 0.2
"""Windows that ended a time ago may be as long as this part of that time."""
_TAIL = 3
"""A step is cut in two where the first window is this many times as long as the second."""

Items = Iterator[tuple[str, bytes]]


@dataclass(frozen=True)
class ModelState:
    """What one model keeps in the state.

    Parameters
    ----------
    items
        Its ``state_items`` with the feature space bound: contract tables and a window.
    window_days
        Days from delivery after which a line without a return counts as kept.
    """

    items: Callable[[Mapping[str, pd.DataFrame], Window], Items]
    window_days: float | None = None


@dataclass(frozen=True)
class Applied:
    """What one step of a fold did.

    Attributes
    ----------
    events
        Events taken from the log.
    again
        Events that were folded anew because an earlier one came in.
    late
        Events that count, or count in full, from the next filling of the state on: those from
        before the horizon, second words on what was told before it, and goods and accounts that are
        told otherwise.
    unknown
        Ids of events about a line or claim that nothing was told of.
    until
        The last moment the state stands for, microseconds.
    """

    events: int = 0
    again: int = 0
    late: int = 0
    unknown: tuple[str, ...] = ()
    until: int = 0


class Fold:
    """Keeps a state up with a log of events.

    Parameters
    ----------
    state
        Filled for these models, see :func:`pipelines.materialize.materialize`. One fold writes it;
        of two that take up the same events one is refused.
    log
        Where the events are.
    models
        What each model keeps.
    horizon_us
        How far back events may arrive out of order, microseconds.
    """

    def __init__(
        self, state: StateStore, log: EventLog, models: Sequence[ModelState], *, horizon_us: int
    ) -> None:
        self._state = state
        self._log = log
        self._models = models
        self._horizon = horizon_us
        days = {each.window_days for each in models if each.window_days is not None}
        self._windows = sorted(days)

    def step(self, limit: int = 5_000) -> Applied:
        """Fold the next events of the log, at most `limit` of them and what is of the last moment.

        Returns
        -------
        Applied
            Without events where the log holds nothing new.

        Raises
        ------
        StateError
            Another has folded these events meanwhile, or the store cannot be written; nothing of
            them is in the state then.
        """
        with _collected_later():
            return self._step(limit)

    def _step(self, limit: int) -> Applied:
        meta = self._state.meta()
        seq, windows = int(meta.get(SEQ, 0)), windows_of(meta)
        new = self._log.read(seq, limit)
        if not new:
            return Applied(until=windows[-1].until)
        if len(new) == limit:
            # The lines of an order are of one moment: cut between them, they take it back.
            end = new[-1]
            new += takewhile(lambda each: each.at == end.at, self._log.read(end.seq, limit))
        expect = {name: meta.get(name) for name in _READ}
        base, filled = windows[0].until, int(meta[FILLED])
        fresh = [each for each in new if each.at > base]
        before = Overlay(self._state)
        live = [_live(each) for each in fresh]
        known = Records(before, self._windows)
        retold = list(known.told_before(live))
        late = sum(each.at <= base and each.seq > filled for each in new)
        late += sum(at <= base for at in retold) + known.told_otherwise(live)
        told = {SEQ: str(new[-1].seq), LATE: str(int(meta.get(LATE, 0)) + late)}
        if not fresh:
            self._state.put_many((), told, expect=expect)
            return Applied(len(new), late=late, until=windows[-1].until)
        touched = [*(each.at for each in fresh), *(at for at in retold if at > base)]
        left = before.take_back(windows, min(touched))
        until = max(windows[-1].until, *(each.at for each in fresh))
        if len(left) < len(windows):
            live = [_live(each) for each in self._log.between(left[-1].until, until, new[-1].seq)]
            known = Records(before, self._windows)
        ends = _ends(fresh, left[-1].until, windows[-1].until)
        unknown = self._fold(before, known, left, live, ends, told, expect)
        return Applied(len(new), len(live) - len(fresh), late, tuple(unknown), until)

    def advance(self, until: int) -> Applied:
        """Let time pass without an event: windows close, and silent lines count as kept.

        Parameters
        ----------
        until
            Microseconds; nothing happens if the state stands for that moment already.
        """
        meta = self._state.meta()
        windows = windows_of(meta)
        if until > windows[-1].until:
            expect = {name: meta.get(name) for name in _READ}
            before = Overlay(self._state)
            known = Records(before, self._windows)
            self._fold(before, known, windows, [], [until], {}, expect)
        return Applied(until=max(until, windows[-1].until))

    def _fold(
        self,
        before: Overlay,
        records: Records,
        windows: Sequence[Folded],
        events: Sequence[LiveEvent],
        ends: Sequence[int],
        told: Mapping[str, str],
        expect: Mapping[str, str | None],
    ) -> list[str]:
        """Write the state after more windows, that end at `ends`, with what takes each back.

        `records` are those of the first window, perhaps looked at already.
        """
        kept = list(windows)
        unknown: list[str] = []
        items = before.values
        rest = sorted(events, key=in_order)
        if _retold_across(rest, ends[0]):
            ends = ends[-1:]
        for until in ends:
            last = kept[-1]
            count = bisect_right(rest, until, key=attrgetter("at"))
            now, rest = rest[:count], rest[count:]
            values = self._window(before, records, now, last.until, until)
            unknown += records.unknown
            records = Records(before, self._windows)
            added = Folded(last.number + 1, until)
            old = before.get_many(list(values))
            # Most of what is told of goods and people is as it was: that is neither written nor
            # kept to be taken back.
            changed = {key: value for key, value in values.items() if old.get(key) != value}
            changed[undo_key(added.number)] = packed({key: old.get(key) for key in changed})
            before.put(changed)
            kept.append(added)
        while len(kept) > 1 and kept[1].until <= ends[-1] - self._horizon:
            kept.pop(0)
            items[undo_key(kept[0].number)] = None
        kept = self._merged(kept, items)
        self._state.put_many(
            ((key, value) for key, value in items.items() if value is not None),
            {**told, WINDOWS: told_of(kept)},
            delete=[key for key, value in items.items() if value is None],
            expect=expect,
        )
        return unknown

    def _window(
        self,
        before: Overlay,
        records: Records,
        events: Sequence[LiveEvent],
        since: int,
        until: int,
    ) -> dict[str, bytes | None]:
        """What a window changes, None for what is gone."""
        records.add(events, since, until)
        tables = records.tables()
        window = Window(since, until, before, records.told)
        items: dict[str, bytes | None] = dict.fromkeys(records.gone())
        for model in self._models:
            items.update(model.items(tables, window))
        items.update(order_items(tables))
        items.update(records.items())
        return items

    def _merged(self, windows: Sequence[Folded], items: dict[str, bytes | None]) -> list[Folded]:
        """Make windows of long ago one, so that there are some dozens and not one for every step.

        What takes both back is what the older overwrote, and what else the newer did.
        """
        merged = list(windows[:1])
        for window in windows[1:]:
            begin = merged[-2].until if len(merged) > 1 else None
            if begin is not None and window.until - begin <= _COARSE * (
                windows[-1].until - window.until
            ):
                older, newer = (undo_key(each.number) for each in (merged.pop(), window))
                stored = self._state.get_many([key for key in (older, newer) if key not in items])
                first, second = (
                    dict(unpacked((items[key] if key in items else stored[key]) or b""))
                    for key in (older, newer)
                )
                items[newer] = packed(second | first)
                items[older] = None
            merged.append(window)
        return merged


@contextmanager
def _collected_later() -> Iterator[None]:
    """Look for cycles of objects after a step, not in it.

    It makes hundreds of thousands of rows and values that all live until it ends: looking through
    them again and again meanwhile frees nothing, and takes a twentieth of its time.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _ends(fresh: Sequence[LoggedEvent], since: int, newest: int) -> list[int]:
    """Where the windows of a step end: the last of them is as long as its events came late.

    The next events will be late by as much, and then take back the short window alone.
    """
    late = 0
    for each in fresh:
        newest = max(newest, each.at)
        late = max(late, newest - each.at)
    cut = newest - late
    # Two windows cost more than one, unless most of the time is in the first.
    return [cut, newest] if since + _TAIL * late < cut < newest else [newest]


def _live(event: LoggedEvent) -> LiveEvent:
    return LiveEvent(event.event_id, event.kind, event.at, orjson.loads(event.body))


def _retold_across(events: Sequence[LiveEvent], end: int) -> bool:
    """Whether what is told until `end` is told anew after it: one window must hold both words."""
    if not events or events[-1].at <= end:
        return False
    first = {row_told(event) for event in events if event.at <= end} - {None}
    return any(row_told(event) in first for event in events if event.at > end)
