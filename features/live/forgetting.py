"""Forgetting a customer in the live state: what others tell is counted anew without the person.

Sums over goods, addresses and linked accounts do not name a customer, and still hold the customer's
orders. The records of a live state hold every row of the shop: without those of the customer they
fill the state again, as it was a horizon ago, and the log of events is folded from there on. So the
state is what a rebuild from tables and log without the customer gives, and events may still arrive
out of order as before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

import orjson
import pandas as pd

from features.event_log import EventLog
from features.live.filling import filled_items
from features.live.fold import Fold, ModelState
from features.live.rows import Row, frames_of
from features.live.windows import (
    FILLED,
    LATE,
    UNDO,
    Overlay,
    drop_undo,
    first_meta,
    position,
    windows_of,
)
from features.personal_events import Standing, StandingLine
from features.personal_keys import keys_of_claim, keys_of_line, names_customer
from features.state import KEY_SEPARATOR, StateConflictError, StateError, StateStore, state_key

__all__ = ["Owned", "count_anew", "hold_back", "owned_by", "remove_keys", "standing"]

_PAGE: Final = 1_000
_TRIES: Final = 5
_LONGEST: Final = 2**63 - 1
_FILLED_AT: Final = "filled_at"
_MICROS: Final = 1e6
_ORDER, _CUSTOMER, _PRODUCT = (("live", kind) for kind in ("order", "customer", "product"))
_DUE: Final = ("live", "due")


@dataclass(frozen=True)
class Owned:
    """What the state knows to be a customer's.

    Attributes
    ----------
    lines, claims
        Ids of order lines, and of the claims on them.
    keys
        What is kept of them.
    """

    lines: frozenset[str] = frozenset()
    claims: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()

    def __or__(self, other: Owned) -> Owned:
        return Owned(self.lines | other.lines, self.claims | other.claims, self.keys | other.keys)


def owned_by(state: StateStore, customer_id: str) -> Owned:
    """Find the order lines and claims of a customer; one pass over the whole store."""
    lines: set[str] = set()
    claims: set[str] = set()
    keys: set[str] = set()
    for (_, line), record in _records(state, [("order_line",)]):
        if record.get("customer_id") == customer_id:
            lines.add(line)
            claims |= {claim["return_id"] for claim in record.get("claims", ())}
            keys.update(
                keys_of_line(line, record.get("order_id", ""), record.get("product_id", ""))
            )
    for claim in claims:
        keys.update(keys_of_claim(claim))
    return Owned(frozenset(lines), frozenset(claims), frozenset(keys))


def standing(
    state: StateStore, lines: Collection[str] = (), claims: Collection[str] = ()
) -> Standing:
    """Where the state has these order lines and claims; those it does not know are left out."""
    of_line: dict[str, StandingLine] = {}
    for (_, line), record in _of_keys(state, (state_key("order_line", each) for each in lines)):
        if {"order_id", "ordered_at", "customer_id"} <= record.keys():
            at = round(record["ordered_at"] * _MICROS)
            of_line[line] = StandingLine(record["order_id"], at, record["customer_id"])
    asked = (state_key("live", "return", each) for each in claims)
    order_of = {claim: order for (*_, claim), order in _of_keys(state, asked)}
    orders = (state_key(*_ORDER, each) for each in dict.fromkeys(order_of.values()))
    returns = {order: record["returns"] for (*_, order), record in _of_keys(state, orders)}
    of_claim = {
        claim: returns[order][claim]["order_line_id"]
        for claim, order in order_of.items()
        if claim in returns.get(order, ())
    }
    return Standing(of_line, of_claim)


def hold_back(state: StateStore) -> None:
    """Make sure that a fold that has read the log before now does not write any more."""
    if position(state.meta()) is not None:
        state.put_many((), {_FILLED_AT: _now()})


def count_anew(
    state: StateStore,
    log: EventLog | None,
    models: Sequence[ModelState],
    customer_id: str,
    *,
    horizon_us: int,
) -> dict[str, int]:
    """Fill the state anew from its own records, without a customer.

    Parameters
    ----------
    state
        Filled for these models.
    log
        From which the customer's events are removed already; None where there is none. What was
        folded cannot be folded again then: the sums are counted from the records as they are, and
        an event of an earlier moment waits for the next filling.
    models
        What each model keeps.
    customer_id
        Compared as a whole.
    horizon_us
        As :class:`features.live.fold.Fold` takes it.

    Returns
    -------
    dict of str to int
        Keys that are gone, by their first part.

    Raises
    ------
    StateError
        Others write so often that the records cannot be read between two of their writes.
    """
    for _ in range(_TRIES):
        meta = state.meta()
        try:
            before = Overlay(state)
            windows = windows_of(meta)
            first = windows[-1]
            if log is not None:
                (first,) = before.take_back(windows, -_LONGEST)
            keys, tables = set(state.all_keys()), _tables_without(customer_id, before)
        except KeyError:  # what the windows have overwritten was taken back meanwhile
            continue
        if state.meta() == meta:
            break
    else:
        raise StateError(
            f"the online state at {state.where} is written again and again while it is read;"
            " end what follows live events, and try again"
        )
    stands = position(meta)
    assert stands is not None
    seq = stands.seq
    if log is not None:
        since = log.between(first.until, _LONGEST, stands.seq)
        seq = min((each.seq - 1 for each in since), default=seq)
    filled = max(stands.seq, int(meta[FILLED]))
    told = {**meta, **first_meta(first.until, seq=seq, filled=filled), LATE: str(stands.late)}
    # A fold that has read the old content is refused, for it would put some of it back.
    told[_FILLED_AT] = _now()
    state.replace(filled_items(models, tables, first.until), told)
    if log is not None:
        _follow(Fold(state, log, models, horizon_us=horizon_us), stands.until)
    left = set(state.all_keys())
    gone = (key.split(KEY_SEPARATOR) for key in keys - left)
    return dict(Counter(parts[0] for parts in gone if tuple(parts[:2]) != UNDO))


def remove_keys(state: StateStore, customer_id: str, owned: Owned) -> dict[str, int]:
    """Remove every key of a customer; sums that do not name the person stay as they are.

    What a fold puts back meanwhile is looked for again. What the windows have overwritten goes as
    well: until the horizon has passed, an event of an earlier moment waits for the next filling.

    Returns
    -------
    dict of str to int
        Keys removed, by their first part.
    """
    removed: Counter[str] = Counter()
    for turn in range(_TRIES):
        _drop_undo(state)
        if turn:
            owned |= owned_by(state, customer_id)
        found = Counter(_remove_owned(state, owned))
        found.update(state.forget_customer(customer_id, names_customer))
        removed += found
        if position(state.meta()) is None or (turn and not found):
            return dict(removed)
        # As above; what such a fold has put back before this is found by the next turn.
        hold_back(state)
    raise StateError(
        f"the online state at {state.where} is written again and again while the customer is"
        " forgotten; end what follows live events, and try again"
    )


def _tables_without(customer_id: str, state: Overlay) -> dict[str, pd.DataFrame]:
    """The contract tables that the records hold, without what is the customer's."""
    rows: dict[str, list[Row]] = {}

    def put(table: str, told: Iterable[Row]) -> None:
        rows.setdefault(table, []).extend(told)

    for key, record in _records(state, [_ORDER, _CUSTOMER, _PRODUCT]):
        if key[:2] == _ORDER:
            lines = [row for row in record["lines"].values() if row["customer_id"] != customer_id]
            known = {row["order_line_id"] for row in lines}
            claims = [row for row in record["returns"].values() if row["order_line_id"] in known]
            claimed = {row["return_id"] for row in claims}
            put("order_lines", lines)
            put("returns", claims)
            put(
                "fit_feedback",
                (row for row in record["feedback"].values() if row["order_line_id"] in known),
            )
            put(
                "abuse_labels",
                (
                    row
                    for row in record["decisions"].values()
                    if row["return_id"] in claimed and row["customer_id"] != customer_id
                ),
            )
        elif key[:2] == _PRODUCT:
            put("products", [record["row"]] if record["row"] else [])
            put("product_sizes", record["sizes"])
        elif key[2] != customer_id:
            put("customers", [record["row"]] if record["row"] else [])
            put("body_measurements", record["bodies"].values())
    return frames_of(rows)


def _records(
    state: StateStore | Overlay, kinds: Sequence[tuple[str, ...]]
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Parts of the key, and value, of all records of these kinds, page by page."""
    return _of_keys(
        state,
        (
            key
            for key in state.all_keys()
            if any(tuple(key.split(KEY_SEPARATOR)[: len(kind)]) == kind for kind in kinds)
        ),
    )


def _of_keys(
    state: StateStore | Overlay, keys: Iterable[str]
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The same of these keys, where they are there."""
    wanted = iter(keys)
    while page := list(islice(wanted, _PAGE)):
        for key, value in state.get_many(page).items():
            yield tuple(key.split(KEY_SEPARATOR)), orjson.loads(value)


def _follow(fold: Fold, until: int) -> None:
    """Fold what the log holds since; a follower that is at it already does so as well."""
    try:
        while fold.step().events:
            pass
        fold.advance(until)
    except StateConflictError:
        return


def _drop_undo(state: StateStore) -> None:
    for turn in range(_TRIES):
        try:
            drop_undo(state)
        except StateConflictError:  # a window was folded meanwhile
            if turn == _TRIES - 1:
                raise
        else:
            return


def _remove_owned(state: StateStore, owned: Owned) -> dict[str, int]:
    """Remove the records that lead to lines and claims of a customer and do not name the person."""
    asked = sorted(owned.keys)
    found = [
        key
        for start in range(0, len(asked), _PAGE)
        for key in state.get_many(asked[start : start + _PAGE])
    ]
    waiting: dict[str, list[Any]] = {}
    for key, due in _records(state, [_DUE]):
        if any(line in owned.lines for _, line in due):
            waiting[state_key(*key)] = [each for each in due if each[1] not in owned.lines]
    if found or waiting:
        state.put_many(
            ((key, orjson.dumps(left)) for key, left in waiting.items() if left),
            {},
            delete=[*found, *(key for key, left in waiting.items() if not left)],
        )
    return Counter(key.partition(KEY_SEPARATOR)[0] for key in found)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
