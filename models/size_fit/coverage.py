"""Size sets with a stated coverage: split conformal prediction over a product's sizes.

A size is in the set when its chance of fitting, against that of the best size, reaches a threshold.
The threshold is the one that kept the size that fitted in the set for the stated share of lines the
model had not seen (Papadopoulos et al. 2002; Angelopoulos and Bates 2023), apart for people of whom
more or less is known, so that the coverage holds for each (Vovk 2012).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

__all__ = ["ConformalSets", "size_set"]

Floats = npt.NDArray[np.float64]
_MIN_ROWS = 200


@dataclass
class ConformalSets:
    """Thresholds on the relative chance of fitting.

    Attributes
    ----------
    overall_
        Threshold over all lines; 0 puts every size into the set.
    by_group_
        Threshold of each group that had enough lines.
    """

    coverage: float = 0.9
    overall_: float = 0.0
    by_group_: dict[int, float] = field(default_factory=dict)

    def fit(self, scores: Floats, group: npt.NDArray[np.int64]) -> ConformalSets:
        """Learn the thresholds.

        Parameters
        ----------
        scores
            Of lines that fitted: chance of the size that was ordered over that of the best size.
        group
            What is known of the person; see `models.size_fit.estimator`.
        """
        self.by_group_ = {}
        if len(scores) < _MIN_ROWS:
            self.overall_ = 0.0
            return self
        self.overall_ = self._quantile(scores)
        for each in np.unique(group):
            here = scores[group == each]
            if len(here) >= _MIN_ROWS:
                self.by_group_[int(each)] = self._quantile(here)
        return self

    def threshold(self, group: int) -> float:
        """The threshold for a person of this group."""
        return self.by_group_.get(group, self.overall_)

    def _quantile(self, scores: Floats) -> float:
        # The finite-sample rank makes the guarantee exact for lines exchangeable with these.
        rank = int(np.floor((len(scores) + 1) * (1 - self.coverage)))
        return float(np.sort(scores)[rank - 1]) if rank >= 1 else 0.0


def size_set(fit: Floats, threshold: float) -> npt.NDArray[np.bool_]:
    """Which sizes are in the set: those that reach the threshold, and those between them."""
    reached = np.flatnonzero(fit >= threshold * fit.max())
    inside = np.zeros(len(fit), dtype=bool)
    inside[reached[0] : reached[-1] + 1] = True
    return inside
