"""From arrays to frames of the contract's columns and types."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from data_contracts.tables import TABLES
from pipelines.simulate.assumptions import BoolArray, FloatArray, IntArray, TextArray


def times(start: datetime, day: FloatArray) -> pd.Series:
    """UTC times to the second; NaN becomes NaT.

    Parameters
    ----------
    start : datetime
        Day 0.
    day : float array (n,)

    Returns
    -------
    pandas.Series
        ``datetime64[us, UTC]``.
    """
    blank = np.isnan(day)
    second = np.rint(np.where(blank, 0.0, day) * 86_400.0).astype(np.int64)
    stamp = np.int64(start.timestamp()) + second
    out = pd.Series(stamp.astype("datetime64[s]").astype("datetime64[us]"))
    return out.dt.tz_localize("UTC").mask(blank)


def names(values: tuple[str, ...], index: IntArray) -> TextArray:
    """Words of an index; None where it is negative."""
    words = np.array([*values, None], dtype=object)
    return words[np.where(index < 0, len(values), index)]


def only(told: BoolArray, words: TextArray) -> TextArray:
    """The words where they are told, None elsewhere."""
    out = np.full(told.size, None, dtype=object)
    out[told] = words[told]
    return out


def frame(table: str, columns: Mapping[str, Any]) -> pd.DataFrame:
    """A frame in the order and the types of the contract.

    Parameters
    ----------
    table : str
    columns : mapping of str to array or Series

    Returns
    -------
    pandas.DataFrame
    """
    contract = TABLES[table]
    out = {}
    for column in contract.columns:
        values = pd.Series(columns[column.name])
        if column.kind == "integer":
            blank = values.isna()
            values = values.astype("Int64" if not column.required else "int64")
            values = values.mask(blank) if blank.any() else values
        elif column.kind == "text":
            values = values.astype("str")
        elif column.kind == "number":
            values = values.astype("float64")
        elif column.kind == "boolean":
            values = values.astype("boolean")
        out[column.name] = values
    return pd.DataFrame(out)
