"""Calibration and discrimination of predicted chances, each with its standard error.

Lines of one customer share their fate, so errors are summed by customer before they are squared
(Liang and Zeger, Longitudinal data analysis using generalized linear models, Biometrika 1986; for
the AUC Obuchowski, Nonparametric analysis of clustered ROC curve data, Biometrics 1997).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy import stats
from scipy.special import expit, logit

__all__ = ["Estimate", "Figures", "figures", "share_of"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_BINS = 10
_TINY = 1e-6
_STEPS = 50
_FEWEST_EACH = 5
_HALF = 0.5


@dataclass(frozen=True)
class Estimate:
    """A figure with its standard error."""

    value: float
    se: float

    def interval(self, z: float = 1.959964) -> tuple[float, float]:
        """Where the true figure lies, `z` standard errors to each side."""
        return self.value - z * self.se, self.value + z * self.se


@dataclass(frozen=True)
class Figures:
    """How good the predicted chances of one outcome are in one group of lines.

    Parameters
    ----------
    lines, events, customers
        How many, how many of them came true, and of how many customers.
    observed, predicted
        Mean shares.
    gap
        Predicted less observed: calibration in the large.
    slope
        Of the observed log-odds on the predicted: 1 where the spread is right, below where the
        model claims to know more than it does. None with too few events.
    ece
        Mean absolute gap over ten bins of equal counts.
    ece_expected
        What it would be of a model that is calibrated perfectly.
    auc
        None with too few events.
    """

    lines: int
    events: int
    customers: int
    observed: float
    predicted: float
    gap: Estimate
    slope: Estimate | None
    ece: Estimate
    ece_expected: float
    auc: Estimate | None

    def to_json(self) -> dict[str, Any]:
        """What :meth:`from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """The inverse of :meth:`to_json`."""
        told = {
            name: None if content[name] is None else Estimate(**content[name])
            for name in ("gap", "slope", "ece", "auc")
        }
        return cls(**{**content, **told})


def figures(hit: Bools, chance: Floats, customer: Ints) -> Figures:
    """Judge predicted chances.

    Parameters
    ----------
    hit
        Whether it came true; shape (n,), at least one.
    chance
        Predicted chance of that; shape (n,).
    customer
        Codes from 0; rows of one code are not independent.
    """
    events = int(hit.sum())
    told = min(events, len(hit) - events) >= _FEWEST_EACH
    gap = _mean(chance - hit, customer)
    # By how much the figures scatter more than those of as many independent lines.
    alone = float(np.sqrt((chance * (1 - chance)).sum())) / len(hit)
    ece, expected = _calibration_error(hit, chance, max(gap.se / max(alone, _TINY), 1.0))
    return Figures(
        lines=len(hit),
        events=events,
        customers=len(np.unique(customer)),
        observed=float(hit.mean()),
        predicted=float(chance.mean()),
        gap=gap,
        slope=_slope(hit, chance, customer) if told else None,
        ece=ece,
        ece_expected=expected,
        auc=_auc(hit, chance, customer) if told else None,
    )


def share_of(hit: Bools, customer: Ints) -> Estimate:
    """Share of rows, rows of one customer not independent.

    A share of none or all has the standard error of half a row more of the other kind.
    """
    found = _mean(hit.astype(np.float64), customer)
    if 0 < hit.sum() < len(hit):
        return found
    people = len(np.unique(customer))
    held = _HALF / (people + 1)
    return Estimate(found.value, float(np.sqrt(held * (1 - held) / people)))


def _mean(values: Floats, customer: Ints) -> Estimate:
    mean = float(values.mean())
    return Estimate(mean, _se((values - mean) / len(values), customer))


def _se(influence: Floats, customer: Ints) -> float:
    """Standard error from each row's influence on the figure."""
    _, place = np.unique(customer, return_inverse=True)
    sums = np.bincount(place, weights=influence)
    more = len(sums) / max(len(sums) - 1, 1)
    return float(np.sqrt(more * (sums**2).sum()))


def _auc(hit: Bools, chance: Floats, customer: Ints) -> Estimate:
    """Area under the curve by ranks; a row's influence is where it stands among the other kind."""
    rank = stats.rankdata(chance)
    ours, others = hit.sum(), (~hit).sum()
    above = np.empty(len(hit))
    # Of an event the share of others below it, of another the share of events above.
    above[hit] = (rank[hit] - stats.rankdata(chance[hit])) / others
    above[~hit] = 1.0 - (rank[~hit] - stats.rankdata(chance[~hit])) / ours
    auc = float(above[hit].mean())
    influence = np.where(hit, (above - auc) / ours, (above - auc) / others)
    return Estimate(auc, _se(influence, customer))


def _slope(hit: Bools, chance: Floats, customer: Ints) -> Estimate | None:
    """Logistic regression of the outcome on the predicted log-odds, by Newton's method."""
    score = logit(np.clip(chance, _TINY, 1 - _TINY))
    if np.ptp(score) < _TINY:
        return None
    design = np.column_stack([np.ones(len(score)), score])
    weights = np.array([0.0, 1.0])
    for _ in range(_STEPS):
        fitted = expit(design @ weights)
        bread = (design * (fitted * (1 - fitted))[:, None]).T @ design
        try:
            step = np.linalg.solve(bread, design.T @ (hit - fitted))
        except np.linalg.LinAlgError:
            return None
        weights = weights + np.clip(step, -2.0, 2.0)
        if np.abs(step).max() < 1e-8:
            break
    else:
        return None
    influence = (np.linalg.inv(bread) @ (design * (hit - fitted)[:, None]).T)[1]
    return Estimate(float(weights[1]), _se(influence, customer))


def _calibration_error(hit: Bools, chance: Floats, scatter: float) -> tuple[Estimate, float]:
    """Expected calibration error, and its mean where every chance is exactly right."""
    order = np.argsort(chance, kind="stable")
    error = expected = variances = 0.0
    for part in np.array_split(order, min(_BINS, len(order))):
        inside = chance[part]
        error += abs(float(inside.mean() - hit[part].mean())) * len(part)
        # Of a normal error the mean of its absolute value, and the variance of that.
        variance = scatter**2 * float((inside * (1 - inside)).sum())
        expected += float(np.sqrt(2 / np.pi * variance))
        variances += (1 - 2 / np.pi) * variance
    lines = len(hit)
    return Estimate(error / lines, float(np.sqrt(variances)) / lines), expected / lines
