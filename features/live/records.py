"""The rows that later events will need again, kept in the state beside the sums.

A return tells of a line that was ordered weeks ago. The rows of its order, of the account and of
the goods are read from the state, put together as small contract tables, and go through the same
code as the tables of a whole shop.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import pandas as pd

from features.events import DAY_US
from features.live.rows import KINDS, LATER, MOMENT, Row, frames_of, rows_of
from features.state import KEY_SEPARATOR
from features.window import Reader

__all__ = ["LiveEvent", "Records", "in_order", "record_items", "row_told", "tells_same"]

_LIVE = "live"
_ORDER, _LINE, _RETURN = "order", "line", "return"
_CUSTOMER, _PRODUCT, _DUE = "customer", "product", "due"
_BEFORE_NAME = {
    kind: f"{_LIVE}{KEY_SEPARATOR}{kind}{KEY_SEPARATOR}"
    for kind in (_ORDER, _LINE, _RETURN, _CUSTOMER, _PRODUCT, _DUE)
}
_RANK = {kind: i for i, kind in enumerate(KINDS)}
_HOUR_US = DAY_US // 24
_ADDED = LATER["shipment"] | LATER["delivery"]
_OF_CLAIM = ("inspection", "settlement", "decision")
_FIXED = {"order_line": ("order_id", "ordered_at"), "return": ("order_line_id", "requested_at")}
_TABLES_OF_ORDER = {
    "lines": "order_lines",
    "returns": "returns",
    "feedback": "fit_feedback",
    "decisions": "abuse_labels",
}


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """An event to be folded into the state.

    Attributes
    ----------
    event_id
        The sender's name for it.
    kind
        One of :data:`features.live.rows.KINDS`.
    at
        The moment it tells of, microseconds.
    row
        What it tells.
    """

    event_id: str
    kind: str
    at: int
    row: Row


def in_order(event: LiveEvent) -> tuple[int, int, str]:
    """Place of an event among others; of one moment what others refer to comes first."""
    return event.at, _RANK[event.kind], event.event_id


def tells_same(kind: str, told: Row, before: Row) -> bool:
    """Whether an event may take the place of the row of this id that was told before.

    A line stays in the order, and a claim on the line, of which it was told first, and at that
    moment: it was counted there. All else of it may be told anew.
    """
    return all(told[name] == before[name] for name in _FIXED[kind])


def row_told(event: LiveEvent) -> tuple[str, ...] | None:
    """What an event tells of, of the kinds that may tell of it anew at another moment."""
    row = event.row
    if event.kind == "feedback":
        return event.kind, str(row["order_line_id"]), str(row["source"])
    if event.kind in ("shipment", "delivery"):
        return event.kind, str(row["order_line_id"])
    if event.kind in _OF_CLAIM:
        return event.kind, str(row["return_id"])
    return None


class Records:
    """The rows a window touches: read from the state, added to, and written back.

    Parameters
    ----------
    state
        What was known before the window.
    windows_days
        After so many days from delivery without a return a line counts as kept.
    """

    def __init__(self, state: Reader, windows_days: Sequence[float]) -> None:
        self._state = state
        self._windows = [int(days * DAY_US) for days in windows_days]
        self._records: dict[str, Any] = {}
        self._changed: dict[str, None] = {}
        self._waiting: dict[str, set[tuple[int, str]]] = {}
        self._since: int | None = None
        self._until = 0
        self._orders: dict[str, None] = {}
        self._customers: dict[str, None] = {}
        self._products: dict[str, None] = {}
        self.unknown: list[str] = []
        """Ids of events that change nothing: about a line or claim that nothing was told of,
        telling of a line of another order or moment, a claim of another line or moment, or of what
        an earlier window has counted already."""

    def add(self, events: Sequence[LiveEvent], since: int | None, until: int) -> None:
        """Take the events of a window, in the order of their moments, and what falls due in it."""
        self._since, self._until = since, until
        self._load(_own_keys(events))
        self._load(self._order_keys(events))
        self._load(self._due_keys(events))
        for event in events:
            if not self._add(event):
                self.unknown.append(event.event_id)
        if since is not None:
            self._fall_due(since, until)

    def told_before(self, events: Sequence[LiveEvent]) -> Iterator[int]:
        """Moments, in microseconds, of words that these events take the place of.

        What a window has counted of such a word no longer holds, from that moment on.
        """
        retold = [event for event in events if row_told(event) is not None]
        self._load(_own_keys(retold))
        self._load(self._order_keys(retold))
        for event in retold:
            order = self._records.get(_key(_ORDER, self._order_of(event) or ""))
            if order is not None and (at := _told_at(order, event)) is not None and at != event.at:
                yield at

    def told_otherwise(self, events: Sequence[LiveEvent]) -> int:
        """How many of these events tell of goods or accounts other than was told before.

        The sums of lines before them stand under what the goods were then.
        """
        told = [event for event in events if event.kind in ("product", "customer")]
        self._load(_own_keys(told))
        return sum(self._is_other(event) for event in told)

    @property
    def told(self) -> dict[str, Collection[str]]:
        """Goods and accounts that the events tell of, by the column of their ids."""
        return {"product_id": self._products.keys(), "customer_id": self._customers.keys()}

    def tables(self) -> dict[str, pd.DataFrame]:
        """The touched rows as contract tables: of orders all lines, with their people and goods."""
        orders = [self._records[_key(_ORDER, each)] for each in self._orders]
        lines = [line for order in orders for line in order["lines"].values()]
        customers = dict.fromkeys([*self._customers, *(line["customer_id"] for line in lines)])
        products = dict.fromkeys([*self._products, *(line["product_id"] for line in lines)])
        self._load([_key(_CUSTOMER, each) for each in customers])
        self._load([_key(_PRODUCT, each) for each in products])
        people = self._known(_CUSTOMER, customers)
        goods = self._known(_PRODUCT, products)
        rows: dict[str, Iterable[Row]] = {
            table: [row for order in orders for row in order[part].values()]
            for part, table in _TABLES_OF_ORDER.items()
        }
        return frames_of(
            {
                **rows,
                "customers": [each["row"] for each in people if each["row"]],
                "body_measurements": [row for each in people for row in each["bodies"].values()],
                "products": [each["row"] for each in goods],
                "product_sizes": [row for each in goods for row in each["sizes"]],
            }
        )

    def items(self) -> Iterator[tuple[str, bytes]]:
        """The records that have changed, as keys and values of the state store."""
        for key in self._changed:
            if record := self._record(key):
                yield key, _dumps(record)

    def gone(self) -> list[str]:
        """Keys of records that nothing is left of."""
        return [key for key in self._changed if not self._record(key)]

    def _record(self, key: str) -> Any:
        return sorted(self._waiting[key]) if key in self._waiting else self._records[key]

    def _is_other(self, event: LiveEvent) -> bool:
        row = dict(event.row)
        if event.kind == "customer":
            known = self._records.get(_key(_CUSTOMER, row["customer_id"]), {"row": None})
            return known["row"] is not None and known["row"] != row
        known = self._records.get(_key(_PRODUCT, row["product_id"]))
        sizes = row.pop("sizes")
        return known is not None and known != {"row": row, "sizes": sizes}

    def _known(self, kind: str, ids: Iterable[str]) -> list[Any]:
        found = (self._records.get(_key(kind, each)) for each in ids)
        return [each for each in found if each is not None]

    def _load(self, keys: Iterable[str]) -> None:
        wanted = [key for key in dict.fromkeys(keys) if key not in self._records]
        if wanted:
            found = self._state.get_many(wanted)
            self._records |= {key: orjson.loads(value) for key, value in found.items()}

    def _order_keys(self, events: Sequence[LiveEvent]) -> Iterator[str]:
        for event in events:
            if (order := self._order_of(event)) is not None:
                yield _key(_ORDER, order)

    def _order_of(self, event: LiveEvent) -> str | None:
        """Id of the order that the event adds to; None where nobody told of one."""
        row = event.row
        if event.kind == "order_line":
            return str(row["order_id"])
        by = _RETURN if event.kind in _OF_CLAIM else _LINE
        name = "return_id" if by == _RETURN else "order_line_id"
        found = self._records.get(_key(by, str(row.get(name))))
        return None if found is None else str(found)

    def _add(self, event: LiveEvent) -> bool:
        kind, row = event.kind, event.row
        if kind == "customer":
            self._customer(row["customer_id"])["row"] = dict(row)
            return True
        if kind == "measurement":
            named = f"{row.get('wearer') or 'self'}\x1f{row['measured_at']}"
            self._customer(row["customer_id"])["bodies"][named] = dict(row)
            return True
        if kind == "product":
            self._products[row["product_id"]] = None
            known = {name: value for name, value in row.items() if name != "sizes"}
            self._put(_key(_PRODUCT, row["product_id"]), {"row": known, "sizes": row["sizes"]})
            return True
        return self._add_to_order(event)

    def _add_to_order(self, event: LiveEvent) -> bool:
        kind, row = event.kind, event.row
        order_id = self._order_of(event)
        if order_id is None:
            return False
        if kind == "order_line":
            return self._add_line(order_id, row)
        key = _key(_ORDER, order_id)
        if key not in self._records:  # its customer is forgotten
            return False
        if kind == "return" and not self._is_claim_of(order_id, row):
            return False
        at = _told_at(self._records[key], event)
        counted = at is not None and self._since is not None and at <= self._since
        if counted and at != event.at:
            return False
        order = self._put(key, self._records[key])
        self._orders[order_id] = None
        if kind == "delivery":
            line = order["lines"][row["order_line_id"]]
            if "delivered_at" in line:
                self._schedule(row["order_line_id"], line["delivered_at"], waits=False)
            line.update(row)
            self._schedule(row["order_line_id"], row["delivered_at"])
        elif kind == "shipment":
            order["lines"][row["order_line_id"]].update(row)
        elif kind == "return":
            order["returns"][row["return_id"]] = dict(row)
            self._put(_key(_RETURN, row["return_id"]), order_id)
        elif kind in ("inspection", "settlement"):
            order["returns"][row["return_id"]].update(row)
        elif kind == "feedback":
            order["feedback"][_feedback(row)] = dict(row)
        else:
            order["decisions"][row["return_id"]] = dict(row)
        return True

    def _add_line(self, order_id: str, row: Row) -> bool:
        key, line = _key(_ORDER, order_id), row["order_line_id"]
        if self._records.get(_key(_LINE, line), order_id) != order_id:
            return False
        order = self._records.get(key) or _new_order()
        before = order["lines"].get(line)
        if before is not None and not tells_same("order_line", row, before):
            return False
        later = {name: value for name, value in (before or {}).items() if name in _ADDED}
        order["lines"][line] = {**row, **later}
        self._put(key, _named(order))
        self._put(_key(_LINE, line), order_id)
        self._orders[order_id] = None
        return True

    def _is_claim_of(self, order_id: str, row: Row) -> bool:
        """Whether the claim is new, or was told of the same line and moment."""
        known = self._records.get(_key(_RETURN, row["return_id"]))
        if known is None:
            return True
        before = self._records[_key(_ORDER, order_id)]["returns"].get(row["return_id"])
        return known == order_id and before is not None and tells_same("return", row, before)

    def _customer(self, customer_id: str) -> Any:
        self._customers[customer_id] = None
        key = _key(_CUSTOMER, customer_id)
        return self._put(key, self._records.get(key, {"row": None, "bodies": {}}))

    def _put(self, key: str, record: Any) -> Any:
        self._records[key] = record
        self._changed[key] = None
        return record

    def _due_keys(self, events: Sequence[LiveEvent]) -> Iterator[str]:
        for event in events:
            if event.kind == "delivery":
                yield from (_due_key(event.at + window) for window in self._windows)

    def _schedule(self, line: str, delivered: int, *, waits: bool = True) -> None:
        for window in self._windows:
            due = delivered + window
            if due <= self._until:  # it is touched, and that is enough
                continue
            key = _due_key(due)
            waiting = self._lines_due(key)
            if waits:
                waiting.add((due, line))
            else:
                waiting.discard((due, line))
            self._changed[key] = None

    def _lines_due(self, key: str) -> set[tuple[int, str]]:
        """Lines that wait for an hour; a set, for a day's deliveries may have one moment."""
        if key not in self._waiting:
            self._load([key])
            self._waiting[key] = {(due, line) for due, line in self._records.get(key, [])}
        return self._waiting[key]

    def _fall_due(self, since: int, until: int) -> None:
        """Touch the orders of lines whose return window closes after `since` and by `until`."""
        hours = range(since // _HOUR_US, until // _HOUR_US + 1)
        keys = [_due_key(hour * _HOUR_US) for hour in hours]
        self._load(keys)
        past: list[tuple[int, str]] = []
        for key in keys:
            if key not in self._waiting and key not in self._records:
                continue
            waiting = self._lines_due(key)
            if over := {each for each in waiting if each[0] <= until}:
                past += sorted(over)
                waiting -= over
                self._changed[key] = None
        due = [line for _, line in past]
        self._load(_key(_LINE, line) for line in due)
        found = (self._records.get(_key(_LINE, line)) for line in due)
        orders = dict.fromkeys(str(order) for order in found if order is not None)
        self._load(_key(_ORDER, order) for order in orders)
        # A line whose customer is forgotten may still be waited for.
        self._orders |= {each: None for each in orders if _key(_ORDER, each) in self._records}


def record_items(
    tables: Mapping[str, pd.DataFrame], windows_days: Sequence[float], until: int
) -> Iterator[tuple[str, bytes]]:
    """The records of whole tables: what :class:`Records` would have kept of all their events.

    Parameters
    ----------
    tables
        Contract tables.
    windows_days
        As given to :class:`Records`.
    until
        Windows that close by then are no longer waited for.
    """
    rows = {name: rows_of(name, frame) for name, frame in tables.items()}
    orders: dict[str, dict[str, Any]] = {}
    order_of: dict[str, str] = {}
    due: dict[str, list[list[Any]]] = {}
    windows = [int(days * DAY_US) for days in windows_days]
    for line in rows["order_lines"]:
        order_id, line_id = line["order_id"], line["order_line_id"]
        orders.setdefault(order_id, _new_order())["lines"][line_id] = line
        order_of[line_id] = order_id
        yield _key(_LINE, line_id), _dumps(order_id)
        for window in windows if "delivered_at" in line else ():
            moment = line["delivered_at"] + window
            if moment > until:
                due.setdefault(str(moment // _HOUR_US), []).append([moment, line_id])
    order_of_return = {}
    for claim in rows.get("returns", ()):
        order_id = order_of[claim["order_line_id"]]
        orders[order_id]["returns"][claim["return_id"]] = claim
        order_of_return[claim["return_id"]] = order_id
        yield _key(_RETURN, claim["return_id"]), _dumps(order_id)
    for word in rows.get("fit_feedback", ()):
        order = orders[order_of[word["order_line_id"]]]
        order["feedback"][f"{word['order_line_id']}\x1f{word['source']}"] = word
    for label in rows.get("abuse_labels", ()):
        orders[order_of_return[label["return_id"]]]["decisions"][label["return_id"]] = label
    for order_id, order in orders.items():
        yield _key(_ORDER, order_id), _dumps(_named(order))
    for hour, waiting in due.items():
        yield _key(_DUE, hour), _dumps(sorted(waiting))
    people: dict[str, dict[str, Any]] = {}
    for customer in rows.get("customers", ()):
        people[customer["customer_id"]] = {"row": customer, "bodies": {}}
    for body in rows.get("body_measurements", ()):
        person = people.setdefault(body["customer_id"], {"row": None, "bodies": {}})
        person["bodies"][f"{body.get('wearer') or 'self'}\x1f{body['measured_at']}"] = body
    for customer_id, person in people.items():
        yield _key(_CUSTOMER, customer_id), _dumps(person)
    goods: dict[str, dict[str, Any]] = {
        row["product_id"]: {"row": row, "sizes": []} for row in rows["products"]
    }
    for size in rows["product_sizes"]:
        goods[size["product_id"]]["sizes"].append(size)
    for product_id, known in goods.items():
        yield _key(_PRODUCT, product_id), _dumps(known)


def _told_at(order: Mapping[str, Any], event: LiveEvent) -> int | None:
    """The moment of the word of this kind that an order holds already."""
    row = event.row
    if event.kind == "feedback":
        told = order["feedback"].get(_feedback(row), {})
    elif event.kind == "decision":
        told = order["decisions"].get(row["return_id"], {})
    elif event.kind in _OF_CLAIM:
        told = order["returns"].get(row["return_id"], {})
    else:
        told = order["lines"].get(row["order_line_id"], {})
    at: int | None = told.get(MOMENT[event.kind])
    return at


def _feedback(row: Row) -> str:
    return f"{row['order_line_id']}\x1f{row['source']}"


def _new_order() -> dict[str, Any]:
    return {part: {} for part in _TABLES_OF_ORDER}


def _named(order: dict[str, Any]) -> dict[str, Any]:
    """The order with the name of its customer, by which it is found when the person is forgotten.

    That of the first line by id: the same however the lines came in.
    """
    order["customer_id"] = order["lines"][min(order["lines"])]["customer_id"]
    return order


def _due_key(moment: int) -> str:
    return _key(_DUE, str(moment // _HOUR_US))


def _own_keys(events: Iterable[LiveEvent]) -> Iterator[str]:
    for event in events:
        row = event.row
        if event.kind in ("customer", "measurement"):
            yield _key(_CUSTOMER, row["customer_id"])
        elif event.kind == "product":
            yield _key(_PRODUCT, row["product_id"])
        elif event.kind in _OF_CLAIM:
            yield _key(_RETURN, row["return_id"])
        else:
            yield _key(_LINE, row["order_line_id"])
            if event.kind == "return":
                yield _key(_RETURN, row["return_id"])


def _key(kind: str, name: str) -> str:
    return _BEFORE_NAME[kind] + name


def _dumps(record: Any) -> bytes:
    return orjson.dumps(record, option=orjson.OPT_SORT_KEYS)
