"""Folding live events into the state, exactly once and in whatever order they arrive.

The state after a batch of events is that of a window (:mod:`features.window`) over the sums before
it. An event that tells of a moment before the last window is put in its place: the windows after
that moment are taken back, by what each of them has overwritten, and the events since are folded
again with the late one among them. How far back this goes is the horizon; an event from before it
waits in the log for the next filling of the state. A word that is told anew at another moment,
such as a decision that is revised, takes back the windows since the first word, which no longer
holds.

The position in the log is written with the sums, in one transaction: whatever happens to the
process, every event counts once.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

import orjson
import pandas as pd

from features.event_log import EventLog, LoggedEvent
from features.live.records import LiveEvent, Records, in_order, row_told
from features.order_records import order_items
from features.state import StateStore, state_key
from features.window import Window

__all__ = [
    "UNDO",
    "Applied",
    "Fold",
    "ModelState",
    "Position",
    "drop_undo",
    "first_meta",
    "position",
]

_SEQ, _FILLED, _LATE, _WINDOWS = "live.seq", "live.filled", "live.late", "live.windows"
_READ = (_SEQ, _WINDOWS, "filled_at")
"""What a step rests on: nothing of it may have changed when the step is written."""
_COARSE = 0.2
"""Windows that ended a time ago may be as long as this part of that time."""
_TAIL = 3
"""A step is cut in two where the first window is this many times as long as the second."""
_LENGTH = struct.Struct("<i")
_NONE = -1
UNDO = ("live", "undo")
"""First parts of the keys under which the windows keep what they have overwritten."""

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
        Events from before the horizon: they count from the next filling of the state on.
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


@dataclass(frozen=True, slots=True)
class _Folded:
    """A window that was folded: its number, and the last moment in it."""

    number: int
    until: int


class _Overlay:
    """A state seen with some values in the place of its own, None for what is gone.

    What was read is remembered: the sums that a window starts from are what takes it back.
    """

    def __init__(self, state: StateStore) -> None:
        self._state = state
        self._read: dict[str, bytes | None] = {}
        self.values: dict[str, bytes | None] = {}

    def get_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        """The values of those keys that are there."""
        missing = [key for key in keys if key not in self.values and key not in self._read]
        if missing:
            found = self._state.get_many(missing)
            self._read.update((key, found.get(key)) for key in missing)
        seen = ((k, self.values[k] if k in self.values else self._read[k]) for k in keys)
        return {key: value for key, value in seen if value is not None}


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
        """Fold the next events of the log, at most `limit` of them.

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
        meta = self._state.meta()
        seq, windows = int(meta.get(_SEQ, 0)), _windows(meta)
        new = self._log.read(seq, limit)
        if not new:
            return Applied(until=windows[-1].until)
        expect = {name: meta.get(name) for name in _READ}
        base, filled = windows[0].until, int(meta[_FILLED])
        fresh = [each for each in new if each.at > base]
        before = _Overlay(self._state)
        live = [_live(each) for each in fresh]
        retold = list(Records(before, self._windows).told_before(live))
        late = sum(each.at <= base and each.seq > filled for each in new)
        late += sum(at <= base for at in retold)
        told = {_SEQ: str(new[-1].seq), _LATE: str(int(meta.get(_LATE, 0)) + late)}
        if not fresh:
            self._state.put_many((), told, expect=expect)
            return Applied(len(new), late=late, until=windows[-1].until)
        touched = [*(each.at for each in fresh), *(at for at in retold if at > base)]
        left = self._taken_back(windows, min(touched), before)
        until = max(windows[-1].until, *(each.at for each in fresh))
        events = fresh
        if len(left) < len(windows):
            events = self._log.between(left[-1].until, until, new[-1].seq)
        ends = _ends(fresh, left[-1].until, windows[-1].until)
        unknown = self._fold(before, left, events, ends, told, expect)
        return Applied(len(new), len(events) - len(fresh), late, tuple(unknown), until)

    def advance(self, until: int) -> Applied:
        """Let time pass without an event: windows close, and silent lines count as kept.

        Parameters
        ----------
        until
            Microseconds; nothing happens if the state stands for that moment already.
        """
        meta = self._state.meta()
        windows = _windows(meta)
        if until > windows[-1].until:
            expect = {name: meta.get(name) for name in _READ}
            self._fold(_Overlay(self._state), windows, [], [until], {}, expect)
        return Applied(until=max(until, windows[-1].until))

    def _taken_back(
        self, windows: Sequence[_Folded], earliest: int, before: _Overlay
    ) -> list[_Folded]:
        """See the state before the windows that end at `earliest` or later; the windows left."""
        left = list(windows)
        while len(left) > 1 and left[-1].until >= earliest:
            key = _undo_key(left.pop().number)
            before.values |= dict(_unpacked(self._state.get_many([key])[key]))
            before.values[key] = None
        return left

    def _fold(
        self,
        before: _Overlay,
        windows: Sequence[_Folded],
        events: Sequence[LoggedEvent],
        ends: Sequence[int],
        told: Mapping[str, str],
        expect: Mapping[str, str | None],
    ) -> list[str]:
        """Write the state after more windows, that end at `ends`, with what takes each back."""
        kept = list(windows)
        unknown: list[str] = []
        items = before.values
        rest = sorted(map(_live, events), key=in_order)
        if _retold_across(rest, ends[0]):
            ends = ends[-1:]
        for until in ends:
            last = kept[-1]
            count = bisect_right(rest, until, key=attrgetter("at"))
            now, rest = rest[:count], rest[count:]
            values, untold = self._window(before, now, last.until, until)
            unknown += untold
            added = _Folded(last.number + 1, until)
            old = before.get_many(list(values))
            values[_undo_key(added.number)] = _packed({key: old.get(key) for key in values})
            items.update(values)
            kept.append(added)
        while len(kept) > 1 and kept[1].until <= ends[-1] - self._horizon:
            kept.pop(0)
            items[_undo_key(kept[0].number)] = None
        kept = self._merged(kept, items)
        self._state.put_many(
            ((key, value) for key, value in items.items() if value is not None),
            {**told, _WINDOWS: _told(kept)},
            delete=[key for key, value in items.items() if value is None],
            expect=expect,
        )
        return unknown

    def _window(
        self, before: _Overlay, events: Sequence[LiveEvent], since: int, until: int
    ) -> tuple[dict[str, bytes | None], list[str]]:
        """What a window changes, None for what is gone, and ids of events about nothing known."""
        records = Records(before, self._windows)
        records.add(events, since, until)
        tables = records.tables()
        window = Window(since, until, before)
        items: dict[str, bytes | None] = dict.fromkeys(records.gone())
        for model in self._models:
            items.update(model.items(tables, window))
        items.update(order_items(tables))
        items.update(records.items())
        return items, records.unknown

    def _merged(self, windows: Sequence[_Folded], items: dict[str, bytes | None]) -> list[_Folded]:
        """Make windows of long ago one, so that there are some dozens and not one for every step.

        What takes both back is what the older overwrote, and what else the newer did.
        """
        merged = list(windows[:1])
        for window in windows[1:]:
            begin = merged[-2].until if len(merged) > 1 else None
            if begin is not None and window.until - begin <= _COARSE * (
                windows[-1].until - window.until
            ):
                older, newer = (_undo_key(each.number) for each in (merged.pop(), window))
                stored = self._state.get_many([key for key in (older, newer) if key not in items])
                first, second = (items.get(key) or stored[key] for key in (older, newer))
                items[newer] = _packed(dict(_unpacked(second)) | dict(_unpacked(first)))
                items[older] = None
            merged.append(window)
        return merged


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


def drop_undo(state: StateStore) -> None:
    """Remove what the windows have overwritten: it holds what is forgotten elsewhere.

    Until the horizon has passed, an event of an earlier moment then waits for the next filling.
    """
    meta = state.meta()
    if _WINDOWS not in meta:
        return
    windows = _windows(meta)
    state.put_many(
        (),
        {_WINDOWS: _told(windows[-1:])},
        delete=[_undo_key(each.number) for each in windows[1:]],
        expect={_WINDOWS: meta[_WINDOWS]},
    )


def first_meta(until: int, *, seq: int = 0, filled: int | None = None) -> dict[str, str]:
    """What the meta of a newly filled state says to a fold.

    Parameters
    ----------
    until
        The last moment the state stands for, microseconds.
    seq
        The fold goes on after this event of the log.
    filled
        Of the events up to this one, those up to `until` are in the state; `seq` if None.
    """
    return {
        _SEQ: str(seq),
        _FILLED: str(seq if filled is None else filled),
        _LATE: "0",
        _WINDOWS: _told([_Folded(0, until)]),
    }


@dataclass(frozen=True, slots=True)
class Position:
    """Where a state stands.

    Attributes
    ----------
    seq
        The last event of the log that was folded.
    until
        The last moment it stands for, microseconds.
    late
        Events that came from before the horizon since it was filled.
    """

    seq: int
    until: int
    late: int


def position(meta: Mapping[str, str]) -> Position | None:
    """Where a state stands by its meta; None where it was not filled for live events."""
    if _WINDOWS not in meta:
        return None
    return Position(int(meta[_SEQ]), _windows(meta)[-1].until, int(meta[_LATE]))


def _live(event: LoggedEvent) -> LiveEvent:
    return LiveEvent(event.event_id, event.kind, event.at, orjson.loads(event.body))


def _retold_across(events: Sequence[LiveEvent], end: int) -> bool:
    """Whether what is told until `end` is told anew after it: one window must hold both words."""
    if not events or events[-1].at <= end:
        return False
    first = {row_told(event) for event in events if event.at <= end} - {None}
    return any(row_told(event) in first for event in events if event.at > end)


def _undo_key(number: int) -> str:
    return state_key(*UNDO, str(number))


def _windows(meta: Mapping[str, str]) -> list[_Folded]:
    return [_Folded(*each) for each in orjson.loads(meta[_WINDOWS])]


def _told(windows: Sequence[_Folded]) -> str:
    return orjson.dumps([[each.number, each.until] for each in windows]).decode()


def _packed(values: Mapping[str, bytes | None]) -> bytes:
    parts: list[bytes] = []
    for key, value in values.items():
        name = key.encode()
        parts += (_LENGTH.pack(len(name)), name)
        parts += (_LENGTH.pack(_NONE),) if value is None else (_LENGTH.pack(len(value)), value)
    return b"".join(parts)


def _unpacked(stored: bytes) -> Iterator[tuple[str, bytes | None]]:
    at = 0

    def taken() -> bytes | None:
        nonlocal at
        (length,) = _LENGTH.unpack_from(stored, at)
        at += _LENGTH.size
        if length == _NONE:
            return None
        value = stored[at : at + length]
        at += length
        return value

    while at < len(stored):
        name = taken()
        assert name is not None
        yield name.decode(), taken()
