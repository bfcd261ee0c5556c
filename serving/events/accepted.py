"""From an event of a request to one of the log: times as numbers, columns as in the contract.

The same content gives the same bytes, however the sender orders or writes it: that is how an event
that is sent again is told from another one of the same id.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from data_contracts.schema import Column, Rule
from data_contracts.tables import TABLES
from features.event_log import NewEvent
from features.live.rows import KINDS, MOMENT, TABLE_OF
from serving.events.schemas import COLUMNS, SIZES, TOLD_WHEN
from serving.measures import Measurements
from serving.problems import FieldError

__all__ = ["AHEAD_S", "Refusals", "accepted"]

AHEAD_S: Final = 300
"""Seconds an event's moment may be ahead of our clock: so much may clocks differ. The state stands
for the last moment it was told of, and one from next year would make all others late."""

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
_A_TIME: Final = "must be a time in ISO 8601, such as 2025-05-09T16:20:00Z"


class Refusals(list[FieldError]):
    """What is wrong with the values of one event; `at` is the path of the event."""

    def __init__(self, at: str = "") -> None:
        super().__init__()
        self._at = at

    def add(self, field: str, reason: str, value: object = None) -> None:
        """Tell of a field of the event."""
        self.append(FieldError(f"{self._at}{field}", reason, value))


def accepted(event: Any, now_us: int, wrong: Refusals) -> NewEvent | None:
    """Make the event of the log, or say what is wrong with it.

    Parameters
    ----------
    event
        One of :data:`serving.events.schemas.Event`, valid by itself.
    now_us
        Our clock, microseconds.
    wrong
        Takes what is wrong.
    """
    kind = event.kind
    sent = _measured(event.data) if kind == "measurement" else _sent(event.data)
    row = _row(COLUMNS[kind], sent, "data.", wrong)
    _check_rules(_RULES[kind], row, "data.", sent, wrong)
    if kind == "product":
        row["sizes"] = _sizes(event.data.sizes, row["product_id"], wrong)
    at = _at(event, row, now_us, wrong)
    if wrong or at is None:
        return None
    return NewEvent(event.event_id, kind, at, orjson.dumps(row), row.get("customer_id"))


def _sent(data: Any) -> dict[str, Any]:
    return {name: getattr(data, name) for name in data.model_fields_set}


def _measured(data: Any) -> dict[str, Any]:
    """Figures in the contract's units, a bra as chest and cup, a day of birth as it was sent."""
    own = {
        name: getattr(data, name)
        for name in data.model_fields_set
        if name not in Measurements.model_fields
    }
    known = data.known(0.0)
    if data.age_years is None:  # an age is told for today, not for ever
        known.pop("age_years", None)
    born = data.birth_date
    told: dict[str, Any] = own | known
    if born is not None:
        told["birth_date"] = born.isoformat()
    return told


def _row(
    columns: Sequence[Column], sent: Mapping[str, Any], path: str, wrong: Refusals
) -> dict[str, Any]:
    """What is told, without nulls, defaults filled in, in the order of the contract."""
    row: dict[str, Any] = {}
    for column in columns:
        name = column.name
        value = sent.get(name)
        if value is None:
            if column.default is not None:
                row[name] = column.default
        elif column.kind == "time":
            micros = _micros(value)
            if micros is None:
                wrong.add(path + name, _A_TIME, value)
            else:
                row[name] = micros
        else:
            row[name] = value
    return row


def _micros(text: str) -> int | None:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return (moment - _EPOCH) // _MICROSECOND


def _at(event: Any, row: Mapping[str, Any], now_us: int, wrong: Refusals) -> int | None:
    """The moment of the event; of a kind with a moment of its own that one."""
    moment = MOMENT[event.kind]
    told = None
    if event.at is not None and (told := _micros(event.at)) is None:
        wrong.add("at", _A_TIME, event.at)
        return None
    if event.kind in TOLD_WHEN:
        at, field = told, "at"
    else:
        at, field = row.get(moment), f"data.{moment}"
        if at is not None and told is not None and told != at:
            wrong.add("at", f"must be the same as data.{moment}, or not be sent", event.at)
    if at is not None and at > now_us + AHEAD_S * 1_000_000:
        wrong.add(field, f"is more than {AHEAD_S // 60} minutes ahead of the clock of the service")
    return at


def _sizes(sizes: Sequence[Any], product_id: str, wrong: Refusals) -> list[dict[str, Any]]:
    rows = []
    seen: dict[str, int] = {}
    for place, size in enumerate(sizes):
        path = f"data.sizes[{place}]."
        sent = _sent(size)
        row = _row(SIZES, sent, path, wrong)
        _check_rules(TABLES["product_sizes"].rules, row, path, sent, wrong)
        label = row["size_label"]
        if label in seen:
            wrong.add(f"{path}size_label", f"is that of sizes[{seen[label]}] as well", label)
        seen[label] = place
        rows.append({"product_id": product_id, **row})
    return rows


def _own_rules(kind: str) -> tuple[Rule, ...]:
    """Rules of the table whose both sides an event of this kind tells."""
    names = {column.name for column in COLUMNS[kind]}
    return tuple(each for each in TABLES[TABLE_OF[kind]].rules if {each.left, each.right} <= names)


_RULES: Final = {kind: _own_rules(kind) for kind in KINDS}


def _check_rules(
    rules: Sequence[Rule],
    row: Mapping[str, Any],
    path: str,
    sent: Mapping[str, Any],
    wrong: Refusals,
) -> None:
    for rule in rules:
        left, right = row.get(rule.left), row.get(rule.right)
        if left is None or right is None:
            continue
        if left < right if rule.operator == ">=" else left > right:
            word = "below" if rule.operator == ">=" else "above"
            if isinstance(sent[rule.left], str):  # a time
                word = "before" if rule.operator == ">=" else "after"
            wrong.add(path + rule.left, f"must not be {word} {rule.right}", sent[rule.left])
