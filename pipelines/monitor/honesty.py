"""What the abuse score makes of honest customers who return much, and of all claims."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["GRID", "Honest", "flagged_at", "honest_heavy", "shares_above"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Objects = npt.NDArray[np.object_]

GRID: tuple[float, ...] = tuple(round(step / 100, 2) for step in range(101))
"""Scores at which the share of claims with as much is kept: bands begin at one of them."""
_HEAVY = 0.9
_LEAST_CLAIMS = 2


@dataclass(frozen=True)
class Honest:
    """Claims of heavy returners whom nobody found abusing.

    Parameters
    ----------
    heavy
        Of accounts in the top tenth of claim counts without any decision of abuse. Abuse that
        nobody found is among them, so their flagged share is at most too high.
    cleared
        Of those, claims of accounts that a person or a bank found legitimate at least once.
    decided
        Decisions on which this rests.
    """

    heavy: Bools = field(repr=False)
    cleared: Bools = field(repr=False)
    decided: int


def honest_heavy(account: Objects, y: Ints) -> Honest:
    """Find the claims of honest heavy returners.

    Parameters
    ----------
    account
        Who claims, accounts of one cluster as one; shape (n,), all claims on record.
    y
        0 legitimate, 1 abuse, -1 where nobody decided.
    """
    frame = pd.DataFrame({"account": account, "abuse": y == 1, "clear": y == 0})
    each = frame.groupby("account").agg(
        claims=("abuse", "size"), abuse=("abuse", "any"), clear=("clear", "any")
    )
    honest = each[~each["abuse"]]
    heavy = honest.iloc[:0]
    if len(honest):
        least = max(float(honest["claims"].quantile(_HEAVY)), _LEAST_CLAIMS)
        heavy = honest[honest["claims"] >= least]
    return Honest(
        heavy=frame["account"].isin(heavy.index).to_numpy(dtype=bool),
        cleared=frame["account"].isin(heavy.index[heavy["clear"]]).to_numpy(dtype=bool),
        decided=int((y >= 0).sum()),
    )


def shares_above(score: Floats) -> list[float]:
    """Share of claims with at least each score of `GRID`."""
    ordered = np.sort(score)
    at = np.searchsorted(ordered, np.array(GRID) - 1e-12, side="left")
    return [round(float(share), 6) for share in 1.0 - at / max(len(ordered), 1)]


def flagged_at(above: Sequence[float], threshold: float) -> float:
    """Share with at least this score, of what :func:`shares_above` gave."""
    return float(np.interp(threshold, GRID, above))
