"""Contract tables as live events, and live events as contract tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import pandas as pd

from data_contracts.tables import TABLES
from features.live.records import LiveEvent, in_order, tells_same
from features.live.rows import LATER, MOMENT, TABLE_OF, Row, frames_of, rows_of

__all__ = ["last_moment", "tables_of", "to_events"]

_Key = tuple[Any, ...]
_Rows = dict[str, dict[_Key, dict[str, Any]]]
_ABOUT: Final = {
    "return": ("order_lines", "order_line_id"),
    "feedback": ("order_lines", "order_line_id"),
    "decision": ("returns", "return_id"),
}
"""What a row of its own refers to, by kind."""


def to_events(tables: Mapping[str, pd.DataFrame]) -> Iterator[LiveEvent]:
    """The events that would have told of these tables, in no particular order.

    Parameters
    ----------
    tables
        Contract tables.

    Notes
    -----
    Accounts and goods without a moment of their own are told of at the first moment of the tables.
    The id of an event is its kind and the key of its row.
    """
    first = _first_moment(tables)
    sizes: dict[str, list[Row]] = {}
    for row in _rows(tables, "product_sizes"):
        sizes.setdefault(row["product_id"], []).append(row)
    for kind, table in TABLE_OF.items():
        contract = TABLES[table]
        later = _later_of(table)
        for row in _rows(tables, table):
            key = {name: row.get(name) for name in contract.key}
            if kind in LATER:
                if MOMENT[kind] not in row:
                    continue
                told = key | {name: row[name] for name in LATER[kind] if name in row}
            elif kind == "product":
                told = {**row, "sizes": sizes.get(row["product_id"], [])}
            else:
                told = {name: value for name, value in row.items() if name not in later}
            at = first if kind in ("product", "customer") else row[MOMENT[kind]]
            yield LiveEvent(f"{kind}:{':'.join(map(str, key.values()))}", kind, at, told)


def tables_of(
    events: Iterable[LiveEvent], tables: Mapping[str, pd.DataFrame] | None = None
) -> dict[str, pd.DataFrame]:
    """Tables with what events tell, as following the events gives it.

    Parameters
    ----------
    events
        In any order. Of several words on one row the last by moment and id counts; a word on a
        line or claim that nothing was told of changes nothing, nor does one that puts a line into
        another order (:func:`features.live.records.tells_same`).
    tables
        Known before.
    """
    rows: _Rows = {name: {} for name in TABLES}
    for name, frame in (tables or {}).items():
        for row in rows_of(name, frame):
            rows[name][tuple(row.get(part) for part in TABLES[name].key)] = dict(row)
    sizes: dict[str, list[_Key]] = {}
    for key in rows["product_sizes"]:
        sizes.setdefault(key[0], []).append(key)
    for event in sorted(events, key=in_order):
        told: dict[str, Any] = dict(event.row)
        if event.kind == "product":
            product = told["product_id"]
            for key in sizes.pop(product, ()):
                del rows["product_sizes"][key]
            new = {(product, size["size_label"]): dict(size) for size in told.pop("sizes")}
            rows["product_sizes"] |= new
            sizes[product] = list(new)
        _tell(rows, event.kind, told)
    return frames_of({name: list(of.values()) for name, of in rows.items()})


def _tell(rows: _Rows, kind: str, told: dict[str, Any]) -> None:
    """Put what an event tells into its row."""
    table = TABLE_OF[kind]
    if kind == "measurement":
        told.setdefault("wearer", "self")
    key = tuple(told.get(part) for part in TABLES[table].key)
    before = rows[table].get(key)
    if kind in LATER:
        if before is not None:
            before.update(told)
        return
    if kind in _ABOUT:
        other, name = _ABOUT[kind]
        if (told[name],) not in rows[other]:
            return
    if kind in ("order_line", "return") and before is not None:
        if not tells_same(kind, told, before):
            return
        told |= {name: value for name, value in before.items() if name in _later_of(table)}
    rows[table][key] = told


def _later_of(table: str) -> frozenset[str]:
    """Columns of a table that later events add to its rows."""
    return frozenset().union(*(LATER.get(k, ()) for k, of in TABLE_OF.items() if of == table))


def last_moment(tables: Mapping[str, pd.DataFrame]) -> int:
    """The last moment these tables tell of, microseconds."""
    return max(
        row
        for kind, table in TABLE_OF.items()
        if kind not in ("product", "customer") and table in tables
        for row in _moments(tables[table], MOMENT[kind])
    )


def _moments(frame: pd.DataFrame, column: str) -> list[int]:
    known = frame[column].dropna()
    return [int(known.max().value // 1000)] if len(known) else []


def _first_moment(tables: Mapping[str, pd.DataFrame]) -> int:
    return min(
        int(known.min().value // 1000)
        for kind, table in TABLE_OF.items()
        if table in tables
        if len(known := tables[table][MOMENT[kind]].dropna())
    )


def _rows(tables: Mapping[str, pd.DataFrame], table: str) -> list[dict[str, Any]]:
    return rows_of(table, tables[table]) if table in tables else []
