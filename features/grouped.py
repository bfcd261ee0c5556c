"""Running sums by key of frames in memory: one pass in order of time, nothing sorted by key.

``cum_sum().over(key)`` of an eager frame costs a partition by key and a scatter a column. All sums
of a row stand side by side in memory when the table is a matrix, and a row then adds to the row of
its key: pandas' own kernel does that, with compensated summation, at a fifth of the cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals as nw
import numpy as np
import numpy.typing as npt

from data_contracts.lazy import pd, pl

__all__ = ["joint_codes", "key_codes", "part_codes", "running_sums", "total_sums"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def running_sums(codes: Ints, amounts: Floats) -> Floats:
    """Sums of each row and all rows of its code before it.

    Parameters
    ----------
    codes
        Shape (n,).
    amounts
        Shape (n, sums), without NaN.
    """
    frame = pd.DataFrame(amounts, copy=False)
    running: Floats = frame.groupby(codes, sort=False).cumsum().to_numpy()
    return running


def total_sums(codes: Ints, amounts: Floats) -> tuple[Ints, Floats]:
    """Sums of all rows of each code, codes in order of their first row.

    Parameters
    ----------
    codes
        Shape (n,).
    amounts
        Shape (n, sums), without NaN.

    Returns
    -------
    first
        The first row of each code.
    sums
        Codes by sums.
    """
    first = np.flatnonzero(~pd.Series(codes).duplicated().to_numpy())
    totals: Floats = pd.DataFrame(amounts, copy=False).groupby(codes, sort=False).sum().to_numpy()
    return first, totals


def key_codes(frame: nw.DataFrame[Any], key: list[str]) -> Ints:
    """One whole number for each different key of a frame in memory, without nulls."""
    return joint_codes([part_codes(frame[part].to_native()) for part in key])


def joint_codes(parts: Sequence[Ints]) -> Ints:
    """One whole number for each different combination of the codes of several columns."""
    codes = parts[0]
    for own in parts[1:]:
        # Dense before each step, so that the product of two cannot overflow.
        codes = pd.factorize(codes * (own.max(initial=0) + 1) + own)[0]
    return codes


def part_codes(values: Any) -> Ints:
    """One whole number for each different value of a column in memory; any number for null."""
    if isinstance(values, pl.Series) and values.dtype == pl.String:
        return values.cast(pl.Categorical).to_physical().fill_null(0).to_numpy().astype(np.int64)
    codes: Ints = pd.factorize(values if isinstance(values, pd.Series) else values.to_numpy())[0]
    return codes
