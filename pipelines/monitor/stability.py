"""The population stability index, what it would be without any change, and which changes are real.

The index of two samples of the same population is not 0 but about ``(bins - 1) * (1/n + 1/m)``, as
``n * m / (n + m)`` times the index follows a chi-squared distribution with ``bins - 1`` degrees of
freedom (Yurdakul and Naranjo, Statistical properties of the population stability index, Journal of
Risk Model Validation, 2020). Small samples are therefore judged by what exceeds that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

__all__ = ["Stability", "holm", "stability"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_HALF = 0.5


@dataclass(frozen=True)
class Stability:
    """How far two samples of a feature stand apart.

    Parameters
    ----------
    psi
        The index as usually reported.
    expected
        Its mean where nothing changed.
    p
        Chance of an index as large where nothing changed.
    """

    psi: float
    expected: float
    p: float

    @property
    def excess(self) -> float:
        """What of the index is not explained by the size of the samples; not below 0."""
        return max(0.0, self.psi - self.expected)


def stability(before: Ints, now: Ints, n: float | None = None, m: float | None = None) -> Stability:
    """Compare the counts of two samples over the same bins.

    Parameters
    ----------
    before, now
        Counts by bin.
    n, m
        How many independent observations there are, such as customers where one has several rows;
        the counts' own sums, when omitted.

    Returns
    -------
    Stability
        Of the bins that are not empty in both; half an observation is added to each, so that a
        value never seen before counts and does not count for ever.
    """
    seen = (before + now) > 0
    bins = int(seen.sum())
    n = float(before.sum()) if n is None else n
    m = float(now.sum()) if m is None else m
    if bins < 2 or n < 1 or m < 1:
        return Stability(0.0, 0.0, 1.0)
    p, q = _shares(before[seen], n), _shares(now[seen], m)
    psi = float(((q - p) * np.log(q / p)).sum())
    scale = 1.0 / n + 1.0 / m
    return Stability(psi, (bins - 1) * scale, float(stats.chi2.sf(psi / scale, bins - 1)))


def holm(p: Sequence[float]) -> Floats:
    """Chances corrected for how many were looked at (Holm, Scandinavian J. Statistics, 1979)."""
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    raised = values[order] * np.arange(len(values), 0, -1)
    corrected = np.empty(len(values))
    corrected[order] = np.minimum(np.maximum.accumulate(raised), 1.0)
    return corrected


def _shares(counts: Ints, observations: float) -> Floats:
    filled = counts / max(int(counts.sum()), 1) * observations + _HALF
    shares: Floats = filled / filled.sum()
    return shares
