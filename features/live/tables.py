"""Contract tables as live events, and live events as contract tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pandas as pd

from data_contracts.tables import TABLES
from features.live.records import LiveEvent
from features.live.rows import LATER, MOMENT, TABLE_OF, Row, frames_of, rows_of

__all__ = ["last_moment", "tables_of", "to_events"]


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
        later = frozenset().union(*(LATER.get(k, ()) for k, t in TABLE_OF.items() if t == table))
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
    """Tables with what events tell: a later word on a row counts.

    Parameters
    ----------
    events
        In any order; of one row the later moment wins, what it does not tell stays.
    tables
        Known before.
    """
    rows: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {name: {} for name in TABLES}
    for name, frame in (tables or {}).items():
        for row in rows_of(name, frame):
            rows[name][tuple(row.get(part) for part in TABLES[name].key)] = dict(row)
    for event in sorted(events, key=lambda each: (each.at, each.event_id)):
        told: dict[str, Any] = dict(event.row)
        table = TABLE_OF[event.kind]
        if event.kind == "measurement":
            told.setdefault("wearer", "self")
        if event.kind == "product":
            product = told["product_id"]
            kept = {k: v for k, v in rows["product_sizes"].items() if k[0] != product}
            new = {(product, size["size_label"]): dict(size) for size in told.pop("sizes")}
            rows["product_sizes"] = kept | new
        key = tuple(told.get(part) for part in TABLES[table].key)
        rows[table].setdefault(key, {}).update(told)
    # A row that only later events tell of stands for nothing yet.
    whole = {
        name: [row for row in of.values() if set(TABLES[name].required) <= set(row)]
        for name, of in rows.items()
    }
    return frames_of(whole)


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
