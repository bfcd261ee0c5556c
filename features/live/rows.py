"""What a live event tells, as rows of the contract tables.

===============  =============================  ==============================
kind             its moment                     what it tells
===============  =============================  ==============================
``product``      ``launched_at``, or as told    a product with its ``sizes``
``customer``     ``registered_at``, or as told  an account
``measurement``  ``measured_at``                a body, at a moment
``order_line``   ``ordered_at``                 one line of an order
``shipment``     ``shipped_at``                 a line is on its way
``delivery``     ``delivered_at``               a line has arrived
``return``       ``requested_at``               a claim
``inspection``   ``received_at``                what came back
``settlement``   ``closed_at``                  how the claim was settled
``feedback``     ``given_at``                   a word on the fit
``decision``     ``decided_at``                 what was decided about a claim
===============  =============================  ==============================

Times are whole microseconds since the epoch (UTC). What is not known yet is not told: the day of
delivery comes with the delivery.

Of several words on one row the last counts, by moment and then by the id of the event. A line stays
in the order, and a claim on the line, of which it was told first, and at that moment, for it was
counted there: a word that tells otherwise changes nothing, however late the first one arrives. Nor
does a word on a line or claim that nothing was told of by its moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from data_contracts.dtypes import empty_frame
from data_contracts.lazy import pd
from data_contracts.tables import TABLES
from features.lines import to_micros

__all__ = ["KINDS", "LATER", "MOMENT", "TABLE_OF", "frame_of", "frames_of", "rows_of"]

Row = Mapping[str, Any]

TABLE_OF: Final[Mapping[str, str]] = {
    "product": "products",
    "customer": "customers",
    "measurement": "body_measurements",
    "order_line": "order_lines",
    "shipment": "order_lines",
    "delivery": "order_lines",
    "return": "returns",
    "inspection": "returns",
    "settlement": "returns",
    "feedback": "fit_feedback",
    "decision": "abuse_labels",
}
"""The table each kind of event tells of."""
KINDS: Final = tuple(TABLE_OF)
MOMENT: Final[Mapping[str, str]] = {
    "product": "launched_at",
    "customer": "registered_at",
    "measurement": "measured_at",
    "order_line": "ordered_at",
    "shipment": "shipped_at",
    "delivery": "delivered_at",
    "return": "requested_at",
    "inspection": "received_at",
    "settlement": "closed_at",
    "feedback": "given_at",
    "decision": "decided_at",
}
"""The column that is the event's moment."""
LATER: Final[Mapping[str, frozenset[str]]] = {
    "shipment": frozenset({"shipped_at", "shipped_weight_g"}),
    "delivery": frozenset({"delivered_at"}),
    "inspection": frozenset({"received_at", "condition", "returned_weight_g"}),
    "settlement": frozenset({"resolution", "refund_amount", "closed_at"}),
}
"""Columns that a later event adds to a row."""
_DTYPES: Final = {
    "text": "str",
    "number": "float64",
    "integer": "Int64",
    "boolean": "boolean",
    "text_list": "object",
}


def frame_of(table: str, rows: Sequence[Row]) -> pd.DataFrame:
    """Rows as a frame of the contract's types.

    Parameters
    ----------
    table
        Name of the contract.
    rows
        By column name; a column that is not told is null.
    """
    if not rows:
        return empty_frame(table)
    contract = TABLES[table]
    columns: dict[str, Any] = {}
    for column in contract.columns:
        told = [row.get(column.name) for row in rows]
        if column.kind == "time":
            micros = pd.array(told, dtype="Int64").astype("datetime64[us]")
            columns[column.name] = pd.Series(micros).dt.tz_localize("UTC")
        elif column.kind == "integer" and column.required:
            columns[column.name] = pd.Series(told, dtype="int64")
        elif column.default is not None:
            filled = [column.default if value is None else value for value in told]
            columns[column.name] = pd.Series(filled, dtype=_DTYPES[column.kind])
        else:
            columns[column.name] = pd.Series(told, dtype=_DTYPES[column.kind])
    return pd.DataFrame(columns)


def frames_of(rows: Mapping[str, Iterable[Row]]) -> dict[str, pd.DataFrame]:
    """:func:`frame_of` of every contract table; those without rows are empty."""
    return {table: frame_of(table, list(rows.get(table, ()))) for table in TABLES}


def rows_of(table: str, frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The inverse of :func:`frame_of`: rows without what is not told."""
    columns: dict[str, list[Any]] = {}
    for column in TABLES[table].columns:
        values = frame[column.name]
        known = values.notna().to_numpy(dtype=bool)
        if not known.any():
            continue
        told: list[Any]
        if column.kind == "time":
            told = to_micros(values).to_list()
        else:
            told = values.astype(object).to_list()
        columns[column.name] = [
            value if here else None for value, here in zip(told, known, strict=True)
        ]
    names = list(columns)
    return [
        {name: value for name, value in zip(names, row, strict=True) if value is not None}
        for row in zip(*columns.values(), strict=True)
    ]
