"""Size sets with a stated coverage: conformal prediction over a product's sizes, for every group.

A size is in the set when its chance of fitting, against that of the best size, reaches a threshold.
The threshold is the one that kept the size that fitted in the set for the stated share of lines the
model had not seen (Papadopoulos et al. 2002; Angelopoulos and Bates 2023). One threshold for all
would hold the coverage on average only: too wide for those of whom much is known, too narrow for
others. So the threshold is a sum of effects of the groups a question belongs to (what is known of
the person, audience, market, ...), found by quantile regression on the groups (Gibbs, Cherian and
Candès, "Conformal prediction with conditional guarantees", 2023), with a ridge that leaves small
groups to the rest. The kink of the quantile's loss is smoothed (Fernandes, Guerre and Horta 2021),
and the level is set last, by rank, so that the overall coverage is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

__all__ = ["ConformalSets", "size_set"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_MIN_ROWS = 200
_RIDGE = 60.0
"""Lines of a group at which its own effect counts about half, the loss being curved by one."""
_BANDWIDTH = 0.02
_ENOUGH_WORDS = 500


@dataclass
class ConformalSets:
    """Thresholds on the relative chance of fitting.

    Attributes
    ----------
    overall_
        Threshold before the effects; 0 without enough lines, which puts every size into the set.
    effects_
        What each code of each factor adds to it.
    """

    coverage: float = 0.9
    overall_: float = 0.0
    effects_: list[dict[int, float]] = field(default_factory=list)

    def fit(
        self, scores: Floats, groups: Ints, sure: npt.NDArray[np.bool_] | None = None
    ) -> ConformalSets:
        """Learn the thresholds.

        Parameters
        ----------
        scores
            Of lines that fitted: chance of the size that was ordered over that of the best size.
        groups
            Rows by factors: the codes of the groups each line is in; negative where unknown.
        sure
            Lines of whom it was said that they fitted; of those who say nothing some put up with a
            bad fit. Where there are enough of them the level is set on them alone, the effects of
            the groups on all.
        """
        self.overall_, self.effects_ = 0.0, []
        if len(scores) < _MIN_ROWS:
            return self
        codes = [np.unique(column[column >= 0]) for column in groups.T]
        dummies = np.concatenate(
            [column[:, None] == own for column, own in zip(groups.T, codes, strict=True)], axis=1
        ).astype("float64")
        effects = self._regress(scores, dummies)
        ends = np.cumsum([len(own) for own in codes])[:-1]
        for own, part in zip(codes, np.split(effects, ends), strict=True):
            self.effects_.append(dict(zip(own.tolist(), part.tolist(), strict=True)))
        rest = scores - dummies @ effects
        if sure is not None and sure.sum() >= _ENOUGH_WORDS:
            rest = rest[sure]
        self.overall_ = self._quantile(rest)
        return self

    def thresholds(self, groups: Ints) -> Floats:
        """The thresholds of questions, by the groups they are in."""
        return np.array([self.threshold(codes) for codes in groups.tolist()])

    def threshold(self, codes: Sequence[int]) -> float:
        """The threshold of one question, by the code of the group it is in of every factor."""
        total = self.overall_
        for code, effects in zip(codes, self.effects_, strict=False):
            total += effects.get(code, 0.0)
        return min(max(total, 0.0), 1.0)

    def _regress(self, scores: Floats, dummies: Floats) -> Floats:
        """Effects of the groups on the quantile, by smoothed quantile regression with a ridge."""
        from scipy.optimize import minimize  # noqa: PLC0415 - only training

        level = 1 - self.coverage
        start = float(np.quantile(scores, level))

        def loss(theta: Floats) -> tuple[float, Floats]:
            rest = scores - theta[0] - dummies @ theta[1:]
            scaled = rest / _BANDWIDTH
            # The logistic kernel's smoothed check function and its slope.
            soft = np.logaddexp(0.0, -scaled)
            slope = level - np.exp(-scaled - np.logaddexp(0.0, -scaled))
            ridge = _RIDGE * theta[1:]
            value = float((level * rest + _BANDWIDTH * soft).sum() + 0.5 * ridge @ theta[1:])
            return value, np.r_[-slope.sum(), ridge - slope @ dummies]

        found = minimize(
            loss, np.r_[start, np.zeros(dummies.shape[1])], jac=True, method="L-BFGS-B"
        )
        effects: Floats = np.asarray(found.x[1:])
        return effects

    def _quantile(self, scores: Floats) -> float:
        # The finite-sample rank makes the guarantee exact for lines exchangeable with these.
        rank = int(np.floor((len(scores) + 1) * (1 - self.coverage)))
        return float(np.sort(scores)[rank - 1]) if rank >= 1 else 0.0


def size_set(fit: Floats, threshold: float) -> npt.NDArray[np.bool_]:
    """Which sizes are in the set: those that reach the threshold, and those between them."""
    (reached,) = (fit >= threshold * fit.max()).nonzero()
    inside = np.zeros(len(fit), dtype=bool)
    inside[reached[0] : reached[-1] + 1] = True
    return inside
