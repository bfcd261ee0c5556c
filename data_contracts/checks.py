"""Row-level checks: what a declaration asks of a row, and which rows break it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.dtypes import Coerced
from data_contracts.schema import Column, ForeignKey, Rule, Table

__all__ = ["Check", "Parent", "can_fail", "evidence", "row_checks"]

BoolArray = npt.NDArray[np.bool_]
CheckKind = Literal["readable", "required", "allowed", "pattern", "range", "compare", "true", "key"]


@dataclass(frozen=True, slots=True)
class Check:
    """One rule of one table, by name.

    Parameters
    ----------
    rule
        Name under which broken rows are put aside, such as ``unit_price.range``.
    kind
        How it is checked.
    columns
        Columns of the evidence it reads.
    shown
        Columns whose values tell a person what is wrong.
    column
        The declaration behind it; None for cross-column rules and keys.
    operator
        Of a comparison: ``columns[0] operator columns[1]``.
    """

    rule: str
    kind: CheckKind
    columns: tuple[str, ...]
    shown: tuple[str, ...]
    column: Column | None = None
    operator: str = ">="

    @property
    def accepted(self) -> str:
        """What would be accepted, in words; "" where the rule's name says it all."""
        if self.kind != "range" or self.column is None:
            return ""
        column = self.column
        ends = (column.minimum, column.maximum)
        low, high = ("" if end is None else f"{end:g}" for end in ends)
        limits = (
            f"between {low} and {high}"
            if low and high
            else f"{'at least' if low else 'at most'} {low}{high}"
        )
        unit = "" if column.unit in (None, "currency") else f" {column.unit}"
        return f"{column.name} must be {limits}{unit}"

    def broken(self, evidence: pd.DataFrame) -> BoolArray:
        """Return which rows of ``evidence`` break the rule, shape (rows,)."""
        return _BROKEN[self.kind](self, evidence)


@dataclass(frozen=True, slots=True)
class Parent:
    """What is known of a table that others refer to.

    Parameters
    ----------
    good
        Its good rows.
    keys
        Every key it came with, good or put aside.
    has_quarantine
        Some of its rows were put aside.
    """

    good: pd.DataFrame
    keys: pd.Series[Any] = field(repr=False)
    has_quarantine: bool = False


def row_checks(
    table: Table,
    unreadable: Mapping[str, BoolArray] | None = None,
    parents: Mapping[str, Parent] | None = None,
) -> list[Check]:
    """Return the row-level checks of a declaration.

    Parameters
    ----------
    table
        The contract.
    unreadable
        Columns with cells that could not be read; None checks none.
    parents
        The tables at hand by name. A reference to a table that is not at hand cannot be checked;
        None stands for all of them, at hand and without quarantine.
    """
    checks = [
        Check(f"{name}.readable", "readable", (readable_column(name),), (name,))
        for name in unreadable or ()
    ]
    for column in table.columns:
        checks += _column_checks(column)
    for key in table.foreign_keys:
        if parents is None or key.table in parents:
            checks.append(
                Check(f"{key.column}.foreign_key", "true", (known_column(key),), (key.column,))
            )
        if parents is not None and key.table in parents and parents[key.table].has_quarantine:
            checks.append(
                Check(f"{key.column}.parent_good", "true", (good_column(key),), (key.column,))
            )
    for rule in table.rules:
        if "." not in rule.right or parents is None or rule.right.split(".")[0] in parents:
            pair = (rule.left, rule.right)
            checks.append(Check(rule.name, "compare", pair, pair, operator=rule.operator))
    checks.append(Check("key.unique", "key", table.key, table.key))
    return checks


def readable_column(name: str) -> str:
    """Name the evidence column that says whether a cell could be read."""
    return f"{name} is readable"


def known_column(key: ForeignKey) -> str:
    """Name the evidence column that says whether a reference is known at all."""
    return f"{key.column} is in {key.table}"


def good_column(key: ForeignKey) -> str:
    """Name the evidence column that says whether a known reference is a good row."""
    return f"{key.column} is good in {key.table}"


def evidence(table: Table, coerced: Coerced, parents: Mapping[str, Parent]) -> pd.DataFrame:
    """Return the contract columns plus what the checks need to know from elsewhere."""
    columns: dict[str, pd.Series[Any]] = {
        name: coerced.frame[name] for name in table.names if name in coerced.frame
    }
    for name, bad in coerced.unreadable.items():
        columns[readable_column(name)] = pd.Series(~bad)
    for key in table.foreign_keys:
        if key.table not in parents:
            continue
        parent = parents[key.table]
        values = columns[key.column]
        row = _positions(values, parent.good[key.references])
        good = (row >= 0) | values.isna().to_numpy()
        if parent.has_quarantine:
            known = good | (_positions(values, parent.keys) >= 0)
            columns[known_column(key)] = pd.Series(known)
            columns[good_column(key)] = pd.Series(good | ~known)
        else:
            columns[known_column(key)] = pd.Series(good)
        for rule in _lookups(table, key):
            found = parent.good[rule.right.split(".")[1]].take(np.where(row < 0, 0, row))
            columns[rule.right] = found.reset_index(drop=True).where(row >= 0)
    return pd.DataFrame(columns)


def can_fail(checks: list[Check], evidence: pd.DataFrame) -> list[Check]:
    """Return the checks some row could break: columns of nulls have no range to leave."""
    blank = {name for name in evidence.columns if evidence[name].isna().all()}
    judges_null = ("required", "key")
    return [c for c in checks if c.kind in judges_null or not blank.intersection(c.columns)]


def _positions(values: pd.Series[Any], keys: pd.Series[Any]) -> npt.NDArray[np.int64]:
    """Return where in ``keys`` each value stands first, -1 where it does not."""
    # Arrow's hash table: pandas 3.1 turns text of this dtype into Python objects, 20 x slower.
    where = pc.index_in(pa.array(values, pa.string()), value_set=pa.array(keys, pa.string()))
    return np.asarray(pc.fill_null(where, -1), dtype="int64")


def _lookups(table: Table, key: ForeignKey) -> list[Rule]:
    return [rule for rule in table.rules if rule.right.split(".")[0] == key.table]


def _column_checks(column: Column) -> list[Check]:
    name = (column.name,)
    checks = []
    if column.required:
        checks.append(Check(f"{column.name}.required", "required", name, name, column))
    if column.allowed is not None:
        checks.append(Check(f"{column.name}.allowed", "allowed", name, name, column))
    if column.pattern is not None:
        checks.append(Check(f"{column.name}.pattern", "pattern", name, name, column))
    if column.minimum is not None or column.maximum is not None:
        checks.append(Check(f"{column.name}.range", "range", name, name, column))
    return checks


def _broken_required(check: Check, frame: pd.DataFrame) -> BoolArray:
    blank = frame[check.columns[0]].isna().to_numpy()
    readable = readable_column(check.columns[0])
    # An unreadable cell is null here, but it is not blank: it has its own rule.
    return blank & frame[readable].to_numpy() if readable in frame else blank


def _broken_allowed(check: Check, frame: pd.DataFrame) -> BoolArray:
    assert check.column is not None
    values = frame[check.columns[0]]
    return (values.notna() & ~values.isin(check.column.allowed or ())).to_numpy()


def _broken_pattern(check: Check, frame: pd.DataFrame) -> BoolArray:
    assert check.column is not None
    values = frame[check.columns[0]]
    matches = values.str.fullmatch(check.column.pattern or "").fillna(value=False)
    return values.notna().to_numpy() & ~matches.to_numpy(dtype=bool)


def _numbers(values: pd.Series[Any]) -> npt.NDArray[np.float64]:
    return values.to_numpy(dtype="float64", na_value=np.nan)


def _broken_range(check: Check, frame: pd.DataFrame) -> BoolArray:
    assert check.column is not None
    values = _numbers(frame[check.columns[0]])
    low = -np.inf if check.column.minimum is None else check.column.minimum
    high = np.inf if check.column.maximum is None else check.column.maximum
    return (values < low) | (values > high)


def _broken_compare(check: Check, frame: pd.DataFrame) -> BoolArray:
    left, right = (frame[name] for name in check.columns)
    broken = left < right if check.operator == ">=" else left > right
    return broken.fillna(value=False).to_numpy(dtype=bool)


def _broken_true(check: Check, frame: pd.DataFrame) -> BoolArray:
    return ~frame[check.columns[0]].to_numpy(dtype=bool)


def _broken_key(check: Check, frame: pd.DataFrame) -> BoolArray:
    return frame.duplicated(list(check.columns), keep="first").to_numpy()


_BROKEN: dict[str, Callable[[Check, pd.DataFrame], BoolArray]] = {
    "readable": _broken_true,
    "required": _broken_required,
    "allowed": _broken_allowed,
    "pattern": _broken_pattern,
    "range": _broken_range,
    "compare": _broken_compare,
    "true": _broken_true,
    "key": _broken_key,
}
