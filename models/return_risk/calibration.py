"""From boosted scores to chances: slope, intercept, and the level of the time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

__all__ = ["Calibration"]

Floats = npt.NDArray[np.float64]

_HALF_LIFE_YEARS = 60.0 / 365.25
_STEP_YEARS = 7.0 / 365.25
_PRIOR_WEIGHT = 150.0
_NO_PENALTY = 1e6


@dataclass(frozen=True)
class Calibration:
    """Platt's scaling (1999) with a level that follows the shop's drift.

    Attributes
    ----------
    slope, intercept
        Of the log-odds.
    moments
        Beginnings of weeks, years since 2020, ascending.
    levels
        What to add to the log-odds of questions asked from each on: how far returns ran above what
        was predicted lately. Weeks count half after 60 days; little evidence is shrunk to nothing.
    """

    slope: float
    intercept: float
    moments: list[float]
    levels: list[float]

    @classmethod
    def fit(cls, score: Floats, back: Floats, years: Floats) -> Calibration:
        """Learn from scores of lines that the boosters have not seen.

        Parameters
        ----------
        score
            Log-odds, shape (n,).
        back
            1.0 where the line came back.
        years
            Moment of the order in years since 2020; NaN where unknown.
        """
        # One straight line through log-odds, without a penalty to speak of.
        line = LogisticRegression(C=_NO_PENALTY).fit(score[:, None], back)
        slope, intercept = float(line.coef_[0, 0]), float(line.intercept_[0])
        if slope <= 0:  # a score that tells nothing must not be turned round
            slope, share = 0.0, float(np.clip(back.mean(), 1e-3, 1 - 1e-3))
            intercept = float(np.log(share / (1 - share)))
        odds = slope * score + intercept
        known = np.isfinite(years)
        moments, levels = _levels(odds[known], back[known], years[known])
        return cls(slope, intercept, moments, levels)

    def log_odds(self, score: Floats, years: Floats) -> Floats:
        """Calibrated log-odds of scores at moments."""
        odds = self.slope * score + self.intercept
        if not self.moments:
            return odds
        week = np.searchsorted(self.moments, years, side="right") - 1
        level = np.where((week >= 0) & np.isfinite(years), np.asarray(self.levels)[week], 0.0)
        return odds + level


def _levels(odds: Floats, back: Floats, years: Floats) -> tuple[list[float], list[float]]:
    """The level at the beginning of each week, from the weeks before it."""
    if not len(odds):
        return [], []
    p = expit(odds)
    first = float(years.min())
    week = np.floor((years - first) / _STEP_YEARS).astype(np.int64)
    count = int(week.max()) + 1
    surplus = np.bincount(week, back - p, count)
    weight = np.bincount(week, p * (1.0 - p), count)
    fade = 2.0 ** (-_STEP_YEARS / _HALF_LIFE_YEARS)
    above, evidence = 0.0, 0.0
    levels = []
    for i in range(count):
        above, evidence = fade * above + surplus[i], fade * evidence + weight[i]
        levels.append(above / (evidence + _PRIOR_WEIGHT))
    moments = [first + _STEP_YEARS * (i + 1) for i in range(count)]
    return moments, levels
