"""From boosted scores to chances: slope, intercept, and the level of the time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Calibration"]

Floats = npt.NDArray[np.float64]

_NO_PENALTY = 1e6


@dataclass(frozen=True)
class Calibration:
    """Scaling by Platt ("Probabilistic outputs for support vector machines", 1999) and a level.

    Attributes
    ----------
    slope, intercept
        Of the log-odds.
    since
        Moment in years since 2020 from which the level counts; None where there is none.
    level
        What is added to the log-odds of questions asked after `since`: how far returns lately ran
        above what the past had promised. Within the time that was learned from, the score knows.
    """

    slope: float
    intercept: float
    since: float | None = None
    level: float = 0.0

    @classmethod
    def fit(
        cls, score: Floats, back: Floats, *, since: float | None = None, level: float = 0.0
    ) -> Calibration:
        """Learn from scores of lines that the boosters have not seen.

        Parameters
        ----------
        score
            Log-odds, shape (n,).
        back
            1.0 where the line came back.
        since, level
            As learned elsewhere.
        """
        # What only answers does without: it takes a third of a second to import.
        from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

        # One straight line through log-odds, without a penalty to speak of.
        line = LogisticRegression(C=_NO_PENALTY).fit(score[:, None], back)
        slope, intercept = float(line.coef_[0, 0]), float(line.intercept_[0])
        if slope <= 0:  # a score that tells nothing must not be turned round
            share = float(np.clip(back.mean(), 1e-3, 1 - 1e-3))
            slope, intercept = 0.0, float(np.log(share / (1 - share)))
        return cls(slope, intercept, since, level)

    def log_odds(self, score: Floats, years: Floats) -> Floats:
        """Calibrated log-odds of scores at moments."""
        odds = self.slope * score + self.intercept
        if self.since is None:
            return odds
        return odds + np.where(years > self.since, self.level, 0.0)
