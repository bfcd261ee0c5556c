"""Any frame to contract dtypes, remembering every cell that could not be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np

from data_contracts.cells import READERS, BoolArray, Cells, WrongTypeError
from data_contracts.errors import ContractError
from data_contracts.lazy import pd
from data_contracts.schema import Column, Table
from data_contracts.tables import TABLES

__all__ = ["QUARANTINE_LIMIT", "Coerced", "coerce", "empty_frame", "finish", "normalise"]

QUARANTINE_LIMIT: Final = 0.05
"""Share of a table's rows above which bad rows are a problem of the table, not of the rows."""

_WORDS = {
    "text": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "time": "a time in ISO 8601",
    "text_list": 'a list: JSON text such as ["red", "blue"], or red|blue',
}
_DTYPES = {
    "text": "str",
    "number": "float64",
    "integer": "Int64",
    "boolean": "boolean",
    "time": "datetime64[us, UTC]",
    "text_list": "object",
}


@dataclass(frozen=True, slots=True)
class Coerced:
    """A frame of contract dtypes, row for row the frame it came from.

    Parameters
    ----------
    frame
        Contract columns in order, then extra columns; index 0..n-1. Required integers are still
        nullable here: see `finish`.
    unreadable
        By column: the cells that held something, but nothing its kind can be read from. They are
        null in ``frame``.
    extra
        Names of the columns the contract does not know.
    """

    frame: pd.DataFrame
    unreadable: Mapping[str, BoolArray]
    extra: tuple[str, ...]


def coerce(table: Table, frame: pd.DataFrame) -> Coerced:
    """Give ``frame`` the dtypes of the contract, cell by cell, without judging values.

    Raises
    ------
    ContractError
        A required column is missing, a column stands there twice, or a column is stored as
        something its kind cannot be read from.
    """
    _check_columns(table, frame)
    rows = len(frame)
    data: dict[str, pd.Series[Any]] = {}
    unreadable: dict[str, BoolArray] = {}
    for column in table.columns:
        if column.name not in frame.columns:
            data[column.name] = _nulls(column, rows)
        else:
            raw = frame[column.name].reset_index(drop=True)
            data[column.name], bad = _coerce_column(table, column, raw)
            if bad.any():
                unreadable[column.name] = bad
        if column.default is not None:
            data[column.name] = _fill(data[column.name], column.default, unreadable, column.name)
    extra = [name for name in frame.columns if name not in data]
    for name in extra:
        data[str(name)] = frame[name].reset_index(drop=True)
    complete = pd.DataFrame(data, index=pd.RangeIndex(rows))
    return Coerced(complete, unreadable, tuple(str(name) for name in extra))


def finish(table: Table, frame: pd.DataFrame) -> pd.DataFrame:
    """Return ``frame`` with the integers that cannot be null as int64 and index 0..n-1."""
    integers = {c.name: "int64" for c in table.columns if c.kind == "integer" and c.required}
    return frame.reset_index(drop=True).astype(integers)


def normalise(table: Table | str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return ``frame`` with contract dtypes: what all later code relies on.

    Text is `str`, times `datetime64[us, UTC]` (a time without a zone is UTC), numbers float64,
    integers int64 (Int64 where null is allowed), booleans `boolean`, colours lists or None. Ids
    are text: an integer 17 becomes "17". A missing optional column is added, all null. Columns
    the contract does not know stay, at the end.

    Parameters
    ----------
    table
        A contract or its name.
    frame
        Rows of that table.

    Raises
    ------
    ContractError
        A required column is missing or holds nulls, or a cell cannot be read. Use
        `data_contracts.validation.validate` to put such rows aside instead.
    """
    contract = TABLES[table] if isinstance(table, str) else table
    coerced = coerce(contract, frame)
    for name, bad in coerced.unreadable.items():
        raise ContractError(
            f"cannot be read as {_WORDS[contract.column(name).kind]};"
            " correct the cells, or validate the data to put these rows aside",
            table=contract.name,
            column=name,
            rule=f"{name}.readable",
            count=int(bad.sum()),
            examples=frame[name].to_numpy(dtype=object)[bad][:3].tolist(),
        )
    for name in contract.required:
        nulls = int(coerced.frame[name].isna().sum())
        if nulls:
            raise ContractError(
                "may not be blank; fill the cells, or validate the data to put these rows aside",
                table=contract.name,
                column=name,
                rule=f"{name}.required",
                count=nulls,
            )
    return finish(contract, coerced.frame)


def empty_frame(table: Table | str) -> pd.DataFrame:
    """Return a frame of no rows with every column of the contract in its dtype."""
    contract = TABLES[table] if isinstance(table, str) else table
    return finish(contract, pd.DataFrame({c.name: _nulls(c, 0) for c in contract.columns}))


def _check_columns(table: Table, frame: pd.DataFrame) -> None:
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise ContractError(
            "the column stands there twice; keep one",
            table=table.name,
            column=str(twice[0]),
            rule="column.once",
        )
    missing = [c.name for c in table.columns if c.required and c.default is None]
    missing = [name for name in missing if name not in frame.columns]
    if missing:
        also = f" (missing too: {', '.join(missing[1:])})" if missing[1:] else ""
        raise ContractError(
            f"the column is missing{also}; the table has {', '.join(map(str, frame.columns))}",
            table=table.name,
            column=missing[0],
            rule="column.present",
            count=len(frame),
        )


def _nulls(column: Column, rows: int) -> pd.Series[Any]:
    if column.kind == "text_list":
        return pd.Series([None] * rows, dtype="object")
    dtype = cast("Any", _DTYPES[column.kind])
    return cast("pd.Series[Any]", pd.Series(None, index=pd.RangeIndex(rows), dtype=dtype))


def _fill(
    values: pd.Series[Any], default: str, unreadable: Mapping[str, BoolArray], name: str
) -> pd.Series[Any]:
    """Fill blanks with the default, but never an unreadable cell."""
    blank = values.isna().to_numpy()
    if name in unreadable:
        blank &= ~unreadable[name]
    return values.mask(blank, default) if blank.any() else values


def _coerce_column(table: Table, column: Column, raw: pd.Series[Any]) -> Cells:
    if isinstance(raw.dtype, pd.CategoricalDtype):
        raw = raw.astype(raw.dtype.categories.dtype)
    if raw.isna().all():
        return _nulls(column, len(raw)), np.zeros(len(raw), dtype=bool)
    try:
        values, bad = READERS[column.kind](raw)
    except WrongTypeError as error:
        raise _wrong_type(table, column, raw, str(error)) from None
    filled = int(values.notna().sum())
    if not filled and bad.sum() > QUARANTINE_LIMIT * len(raw):
        raise _wrong_type(table, column, raw[bad], f"no cell can be read as {_WORDS[column.kind]}")
    return values, bad


def _wrong_type(table: Table, column: Column, raw: pd.Series[Any], why: str) -> ContractError:
    filled = raw.dropna()
    return ContractError(
        f"wrong type {raw.dtype}: {why}",
        table=table.name,
        column=column.name,
        rule="column.type",
        count=len(filled),
        examples=filled.head(3).tolist(),
    )
