"""Judge tables against their contracts: good rows go on, bad rows are put aside by rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from data_contracts.checks import Check, Parent, can_fail, evidence, row_checks
from data_contracts.dtypes import QUARANTINE_LIMIT, coerce, finish
from data_contracts.errors import BadInputError, ContractError
from data_contracts.schema import Table
from data_contracts.suites import failed_rules
from data_contracts.tables import TABLES

__all__ = ["BrokenRule", "TableReport", "ValidationReport", "validate"]

BoolArray = npt.NDArray[np.bool_]
EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class BrokenRule:
    """A rule some rows of a table break.

    Parameters
    ----------
    rule
        Its name.
    columns
        The columns it is about.
    count
        Rows that break it; a row may break several rules.
    examples
        Up to three of the values, as text.
    accepted
        What would be accepted, such as the bounds of a range; "" where the name says it.
    """

    rule: str
    columns: tuple[str, ...]
    count: int
    examples: tuple[str, ...]
    accepted: str = ""


@dataclass(frozen=True, slots=True)
class TableReport:
    """What became of a table's rows: ``rows_in == rows_good + quarantined``."""

    table: str
    rows_in: int
    rows_good: int
    quarantined: int
    extra_columns: tuple[str, ...]
    broken_rules: tuple[BrokenRule, ...]


@dataclass(slots=True)
class ValidationReport:
    """The outcome of validation.

    Parameters
    ----------
    tables
        A report for each table that could be judged row by row.
    good
        Good rows by table, with contract dtypes.
    quarantine
        Bad rows by table as they came, with the columns ``rule``, ``value`` and ``accepted`` (the
        bounds of a range that is left); tables without bad rows are absent. A row that breaks
        several rules names them all, separated by ``; ``.
    breaks
        Table-level breaks; the data is not fit for use while there is one.
    notes
        What could not be checked, and what was decided.
    """

    tables: dict[str, TableReport] = field(default_factory=dict)
    good: dict[str, pd.DataFrame] = field(default_factory=dict)
    quarantine: dict[str, pd.DataFrame] = field(default_factory=dict)
    breaks: list[ContractError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """No table breaks its contract as a whole."""
        return not self.breaks

    def raise_for_breaks(self) -> None:
        """Raise the first table-level break, which counts the others.

        Raises
        ------
        ContractError
            There is a table-level break.
        """
        if not self.breaks:
            return
        first, others = self.breaks[0], self.breaks[1:]
        for other in others:
            first.add_note(str(other))
        raise first


def validate(
    tables: Mapping[str, pd.DataFrame], *, raise_on_break: bool = True
) -> ValidationReport:
    """Judge tables against their contracts.

    Parameters
    ----------
    tables
        Frames by table name, as they were stored (see ``read_tables(..., raw=True)``) or with
        contract dtypes.
    raise_on_break
        Raise at a table-level break; otherwise list it in the report.

    Returns
    -------
    ValidationReport
        Good rows, rows put aside, and counts by rule. Of rows with the same key the first that is
        good otherwise stays.

    Raises
    ------
    ContractError
        A required column is missing or of the wrong type, a table is empty, or more than 5 % of
        its rows had to be put aside.
    BadInputError
        A table has no contract.
    """
    unknown = sorted(set(tables) - set(TABLES))
    if unknown:
        raise BadInputError(f"no contract for {', '.join(unknown)}; known: {', '.join(TABLES)}")
    report = ValidationReport()
    parents: dict[str, Parent] = {}
    for name, contract in TABLES.items():
        if name in tables:
            try:
                _judge(contract, tables[name], parents, report)
            except ContractError as error:
                report.breaks.append(error)
    if raise_on_break:
        report.raise_for_breaks()
    return report


def _judge(
    table: Table, raw: pd.DataFrame, parents: dict[str, Parent], report: ValidationReport
) -> None:
    """Judge one table, add it to the report and to the parents of later tables."""
    coerced = coerce(table, raw)
    if raw.empty:
        raise ContractError(
            "the table has no rows; leave the file out if there is nothing to tell",
            table=table.name,
            rule="table.not_empty",
            count=0,
        )
    for key in table.foreign_keys:
        if key.table not in parents:
            report.notes.append(
                f"{table.name}.{key.column} was not checked: there is no usable {key.table}"
            )
    frame = evidence(table, coerced, parents)
    checks = can_fail(row_checks(table, coerced.unreadable, parents), frame)
    failed = failed_rules(table, frame, checks)
    masks = _masks([check for check in checks if check.rule in failed], frame)
    bad = np.zeros(len(frame), dtype=bool)
    for mask in masks.values():
        bad |= mask
    values = {check: _shown(check, frame, raw, mask) for check, mask in masks.items()}
    broken = tuple(
        BrokenRule(
            check.rule,
            check.shown,
            int(mask.sum()),
            tuple(values[check][:EXAMPLES]),
            check.accepted,
        )
        for check, mask in masks.items()
    )
    if bad.any():
        report.quarantine[table.name] = _put_aside(raw, bad, masks, values)
    good = finish(table, coerced.frame[~bad])
    report.good[table.name] = good
    report.tables[table.name] = TableReport(
        table.name, len(raw), len(good), int(bad.sum()), coerced.extra, broken
    )
    _note(table, broken, report)
    if len(table.key) == 1:
        keys = coerced.frame[table.key[0]].dropna()
        parents[table.name] = Parent(good, keys, bool(bad.any()))
    if bad.mean() > QUARANTINE_LIMIT:
        raise _too_many(table, broken, bad)


def _masks(checks: list[Check], frame: pd.DataFrame) -> dict[Check, BoolArray]:
    """Return the broken rows of each check that has any; keys are judged among good rows."""
    masks: dict[Check, BoolArray] = {}
    bad = np.zeros(len(frame), dtype=bool)
    for check in checks:
        if check.kind == "key":
            continue
        mask = check.broken(frame)
        if mask.any():
            masks[check] = mask
            bad |= mask
    for check in checks:
        if check.kind == "key":
            mask = np.zeros(len(frame), dtype=bool)
            mask[~bad] = check.broken(frame[~bad])
            if mask.any():
                masks[check] = mask
    return masks


def _shown(check: Check, frame: pd.DataFrame, raw: pd.DataFrame, mask: BoolArray) -> list[str]:
    """Return the offending values of the broken rows as text, shape (mask.sum(),)."""
    rows = np.flatnonzero(mask)
    texts = []
    for name in check.shown:
        # As stored where possible: an unreadable cell is null in the evidence.
        source = raw if name in raw.columns else frame
        texts.append([_as_text(value) for value in source[name].iloc[rows]])
    if len(texts) == 1:
        return texts[0]
    return [
        ", ".join(f"{name}={text}" for name, text in zip(check.shown, row, strict=True))
        for row in zip(*texts, strict=True)
    ]


def _as_text(value: Any) -> str:
    if isinstance(value, (list, tuple, np.ndarray)):
        return str(list(value))
    blank = value is None or pd.isna(value) or (isinstance(value, str) and not value.strip())
    return "blank" if blank else str(value)


def _put_aside(
    raw: pd.DataFrame,
    bad: BoolArray,
    masks: Mapping[Check, BoolArray],
    values: Mapping[Check, list[str]],
) -> pd.DataFrame:
    rules: dict[int, list[str]] = {int(row): [] for row in np.flatnonzero(bad)}
    shown: dict[int, list[str]] = {row: [] for row in rules}
    accepted: dict[int, list[str]] = {row: [] for row in rules}
    for check, mask in masks.items():
        for row, value in zip(np.flatnonzero(mask), values[check], strict=True):
            rules[int(row)].append(check.rule)
            shown[int(row)].append(value)
            accepted[int(row)] += [check.accepted] if check.accepted else []
    aside = raw.loc[bad].reset_index(drop=True)
    added = {"rule": rules, "value": shown, "accepted": accepted}
    taken = {name: f"{name}_as_stored" for name in added if name in aside.columns}
    aside = aside.rename(columns=taken)
    for name, texts in added.items():
        aside[name] = pd.Series(["; ".join(parts) for parts in texts.values()], dtype="str")
    return aside


def _note(table: Table, broken: tuple[BrokenRule, ...], report: ValidationReport) -> None:
    for item in broken:
        if item.rule == "key.unique":
            report.notes.append(
                f"{table.name}: of rows with the same {', '.join(table.key)} the first good one"
                f" stays; {item.count:,} later put aside"
            )
        if item.rule.endswith(".parent_good"):
            parent = next(k.table for k in table.foreign_keys if k.column == item.columns[0])
            report.notes.append(
                f"{table.name}: {item.count:,} rows put aside because their"
                f" {item.columns[0]} belongs to a row of {parent} that was put aside"
            )


def _too_many(table: Table, broken: tuple[BrokenRule, ...], bad: BoolArray) -> ContractError:
    worst = max(broken, key=lambda item: item.count)
    accepted = f" ({worst.accepted})" if worst.accepted else ""
    return ContractError(
        f"{int(bad.sum()):,} of {len(bad):,} rows ({bad.mean():.1%}) had to be put aside, more than"
        f" {QUARANTINE_LIMIT:.0%}; this rule is broken most{accepted}. Correct the source and try"
        " again",
        table=table.name,
        column=", ".join(worst.columns),
        rule=worst.rule,
        count=worst.count,
        examples=worst.examples,
    )
