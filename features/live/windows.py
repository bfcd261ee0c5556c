"""What the windows of a fold leave in the state: where each ended, and what takes it back.

A window writes down the values it has overwritten under a key of its own. The meta of the state
says which windows can still be taken back, and where in the log of events the fold stands.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import orjson

from features.state import StateStore, state_key

__all__ = [
    "FILLED",
    "LATE",
    "SEQ",
    "UNDO",
    "WINDOWS",
    "Folded",
    "Overlay",
    "Position",
    "drop_undo",
    "first_meta",
    "packed",
    "position",
    "told_of",
    "undo_key",
    "unpacked",
    "windows_of",
]

SEQ, FILLED, LATE, WINDOWS = "live.seq", "live.filled", "live.late", "live.windows"
"""Names in the meta of a state; see :func:`first_meta`."""
UNDO = ("live", "undo")
"""First parts of the keys under which the windows keep what they have overwritten."""
_LENGTH = struct.Struct("<i")
_NONE = -1


@dataclass(frozen=True, slots=True)
class Folded:
    """A window that was folded: its number, and the last moment in it."""

    number: int
    until: int


class Overlay:
    """A state seen with some values in the place of its own, None for what is gone.

    What was read is remembered: the sums that a window starts from are what takes it back.
    """

    def __init__(self, state: StateStore) -> None:
        self._state = state
        self._seen: dict[str, bytes | None] = {}
        self.values: dict[str, bytes | None] = {}
        """What is in the place of the state's own; see :meth:`put`."""

    def get_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        """The values of those keys that are there."""
        seen = self._seen
        if missing := [key for key in keys if key not in seen]:
            seen.update(dict.fromkeys(missing))
            seen.update(self._state.get_many(missing))
        return {key: value for key in keys if (value := seen[key]) is not None}

    def put(self, values: Mapping[str, bytes | None]) -> None:
        """See these values in the place of the state's own."""
        self.values.update(values)
        self._seen.update(values)

    def all_keys(self) -> Iterator[str]:
        """Every key that is there."""
        yield from (key for key in self._state.all_keys() if key not in self.values)
        yield from (key for key, value in self.values.items() if value is not None)

    def take_back(self, windows: Sequence[Folded], earliest: int) -> list[Folded]:
        """See the state before the windows that end at `earliest` or later; the windows left."""
        left = list(windows)
        while len(left) > 1 and left[-1].until >= earliest:
            key = undo_key(left.pop().number)
            self.put(dict(unpacked(self._state.get_many([key])[key])) | {key: None})
        return left


def drop_undo(state: StateStore) -> None:
    """Remove what the windows have overwritten: it holds what is forgotten elsewhere.

    Until the horizon has passed, an event of an earlier moment then waits for the next filling.
    """
    meta = state.meta()
    if WINDOWS not in meta:
        return
    windows = windows_of(meta)
    state.put_many(
        (),
        {WINDOWS: told_of(windows[-1:])},
        delete=[undo_key(each.number) for each in windows[1:]],
        expect={WINDOWS: meta[WINDOWS]},
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
        SEQ: str(seq),
        FILLED: str(seq if filled is None else filled),
        LATE: "0",
        WINDOWS: told_of([Folded(0, until)]),
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
        Events since it was filled that count, or count in full, from the next filling on.
    """

    seq: int
    until: int
    late: int


def position(meta: Mapping[str, str]) -> Position | None:
    """Where a state stands by its meta; None where it was not filled for live events."""
    if WINDOWS not in meta:
        return None
    return Position(int(meta[SEQ]), windows_of(meta)[-1].until, int(meta[LATE]))


def undo_key(number: int) -> str:
    return state_key(*UNDO, str(number))


def windows_of(meta: Mapping[str, str]) -> list[Folded]:
    return [Folded(*each) for each in orjson.loads(meta[WINDOWS])]


def told_of(windows: Sequence[Folded]) -> str:
    return orjson.dumps([[each.number, each.until] for each in windows]).decode()


def packed(values: Mapping[str, bytes | None]) -> bytes:
    parts: list[bytes] = []
    for key, value in values.items():
        name = key.encode()
        parts += (_LENGTH.pack(len(name)), name)
        parts += (_LENGTH.pack(_NONE),) if value is None else (_LENGTH.pack(len(value)), value)
    return b"".join(parts)


def unpacked(stored: bytes) -> Iterator[tuple[str, bytes | None]]:
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
