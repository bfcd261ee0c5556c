"""Validate a folder or database of tables: good rows go on, bad rows are put aside."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from data_contracts.errors import SourceError
from data_contracts.readers import is_sql_url, read_tables, write_parquet, write_tables
from data_contracts.tables import TABLES
from data_contracts.validation import ValidationReport, validate

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

__all__ = ["QUARANTINE", "print_report", "run", "write_good", "write_outcome"]

QUARANTINE = "quarantine"
"""Folder of the rows put aside, one file a table."""


def run(source: str, out: Path | None = None, *, raise_on_break: bool = True) -> ValidationReport:
    """Validate the tables of ``source`` and put bad rows aside.

    Parameters
    ----------
    source
        A folder of tables or a database URL.
    out
        Where good tables (``<table>.parquet``) and ``quarantine/`` go. When None, good tables are
        not written, and ``quarantine/`` goes into the source folder (for a database: into the
        working folder).
    raise_on_break
        Raise at a table-level break; otherwise leave it to ``report.raise_for_breaks()``, so that
        the report can be printed first. Good tables are written only when nothing breaks; rows
        put aside are written in any case.

    Returns
    -------
    ValidationReport
        Counts by table and rule, good rows, rows put aside.

    Raises
    ------
    SourceError
        The source cannot be read, or ``out`` is the source.
    ContractError
        A table breaks its contract as a whole.
    """
    sql = is_sql_url(source)
    if out is not None and not sql and out.resolve() == Path(source).resolve():
        raise SourceError(f"{out} is the source; write good tables to another folder")
    report = validate(read_tables(source, raw=True), raise_on_break=False)
    write_outcome(report, out, aside=out or (Path.cwd() if sql else Path(source)))
    if raise_on_break:
        report.raise_for_breaks()
    return report


def write_outcome(report: ValidationReport, out: Path | None, *, aside: Path) -> None:
    """Write rows put aside to ``aside/quarantine``, and good tables to ``out`` if nothing breaks.

    Files of an earlier run about the same tables are replaced, or removed where there is nothing
    to put aside any more.
    """
    for name in report.tables:
        path = aside / QUARANTINE / f"{name}.parquet"
        if name in report.quarantine:
            write_parquet(report.quarantine[name], path)
        else:
            path.unlink(missing_ok=True)
    if out is not None and report.ok:
        write_good(report.good, out)


def write_good(tables: Mapping[str, pd.DataFrame], out: Path) -> None:
    """Write tables to a folder that holds no other contract tables than these.

    Raises
    ------
    SourceError
        A table of other data lies there: the two would be taken for one shop.
    """
    mine = {f"{name}.parquet" for name in tables}
    names = [f"{name}.{ending}" for name in TABLES for ending in ("parquet", "csv")]
    there = [name for name in names if name not in mine and (out / name).exists()]
    if there:
        raise SourceError(
            f"{out} holds {', '.join(there)} of other data; remove it or choose another folder"
        )
    write_tables(tables, out)


def print_report(report: ValidationReport, console: Console) -> None:
    """Print what became of each table's rows, the broken rules, breaks and notes."""
    from rich.markup import escape
    from rich.table import Table as Grid

    counts = Grid("table", "rows in", "good", "put aside", "columns not in the contract")
    for column in counts.columns[1:4]:
        column.justify = "right"
    for item in report.tables.values():
        counts.add_row(
            item.table,
            f"{item.rows_in:,}",
            f"{item.rows_good:,}",
            f"{item.quarantined:,}",
            escape(", ".join(item.extra_columns)),
        )
    if report.tables:
        console.print(counts)
    broken = [(item.table, rule) for item in report.tables.values() for rule in item.broken_rules]
    if broken:
        rules = Grid("table", "broken rule", "rows", "for example", "accepted")
        rules.columns[2].justify = "right"
        for table, rule in broken:
            rules.add_row(
                table, rule.rule, f"{rule.count:,}", escape("\n".join(rule.examples)), rule.accepted
            )
        console.print(rules)
    for note in report.notes:
        console.print(f"note: {note}", markup=False, highlight=False)
    for error in report.breaks:
        console.print(f"broken contract: {error}", style="bold red", markup=False, highlight=False)
