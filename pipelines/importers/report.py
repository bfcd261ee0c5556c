"""What an import did, and the small steps all importers share."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from data_contracts.errors import SourceError
from data_contracts.readers import read_csv, read_parquet

__all__ = ["ImportReport", "most_common", "null_where", "read_file"]

BoolArray = npt.NDArray[np.bool_]


@dataclass(slots=True)
class ImportReport:
    """What an import wrote and what it could not believe.

    Parameters
    ----------
    source
        Where the rows came from.
    rows
        Rows written, by table.
    nulled
        Values made null, by reason.
    quarantined
        Rows put aside, by table.
    notes
        What was decided, in words.
    """

    source: str
    rows: dict[str, int] = field(default_factory=dict)
    nulled: Counter[str] = field(default_factory=Counter)
    quarantined: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Return the report as lines a person can read."""
        lines = [f"imported {self.source}"]
        lines += [f"  {name}: {count:,} rows" for name, count in self.rows.items()]
        lines += [f"  {name}: {count:,} rows put aside" for name, count in self.quarantined.items()]
        lines += [
            f"  made null: {count:,} x {reason}" for reason, count in sorted(self.nulled.items())
        ]
        return "\n".join(lines + [f"  note: {note}" for note in self.notes])


def read_file(path: Path, needed: tuple[str, ...]) -> pd.DataFrame:
    """Read a Parquet or CSV file that must have the columns ``needed``.

    Raises
    ------
    SourceError
        The file cannot be read, lacks a column, or has no rows.
    """
    if not path.exists():
        raise SourceError(f"{path} does not exist")
    frame = read_csv(path) if path.suffix.lower() == ".csv" else read_parquet(path)
    missing = [name for name in needed if name not in frame.columns]
    if missing:
        raise SourceError(
            f"{path} lacks the column{'s' if missing[1:] else ''} {', '.join(missing)};"
            f" it has {', '.join(map(str, frame.columns))}"
        )
    if frame.empty:
        raise SourceError(f"{path} has no rows; there is nothing to import")
    return frame


def null_where(
    values: pd.Series[Any], wild: BoolArray, reason: str, report: ImportReport
) -> pd.Series[Any]:
    """Return ``values`` with the ``wild`` ones null, counted in the report under ``reason``."""
    count = int((wild & values.notna().to_numpy()).sum())
    if not count:
        return values
    report.nulled[reason] += count
    return values.mask(wild)


def most_common(frame: pd.DataFrame, by: str, column: str) -> pd.Series[Any]:
    """Return for each value of ``by`` the most frequent value of ``column``, first of equals.

    Returns
    -------
    Series
        Indexed by ``by``; values of ``by`` whose every ``column`` is null are absent.
    """
    counts = frame.groupby([by, column], observed=True).size().reset_index(name="count")
    order = counts.sort_values([by, "count", column], ascending=[True, False, True])
    return order.drop_duplicates(by).set_index(by)[column]
