"""Which reason a line comes back for, given that it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from models.vectors import Trainer, Vectors, train_here

__all__ = ["ReasonModel"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_ENOUGH = 40
"""Lines of a reason from which its circumstances can be learned."""
_ROUNDS = 60
_TRUST = 0.9
_FILE = "reasons.txt"
_FEW = 512


@dataclass(frozen=True)
class ReasonModel:
    """Shares of the reasons among lines that come back.

    Attributes
    ----------
    overall
        Shares over all lines, one a reason.
    learned
        Reasons whose circumstances were learned, in the order of the booster's classes; the others
        keep their overall share.
    booster
        None where fewer than two reasons could be learned.
    """

    overall: Floats
    learned: Ints
    booster: lgb.Booster | None

    @classmethod
    def fit(
        cls,
        X: Vectors,
        reason: Ints,
        *,
        count: int,
        params: Mapping[str, Any],
        train: Trainer = train_here,
    ) -> ReasonModel:
        """Learn from lines that came back.

        Parameters
        ----------
        X
            Lines by the estimator's columns.
        reason
            Codes from 0 to `count` - 1.
        params
            LightGBM parameters; the trees are smaller and fewer than the estimator's.
        train
            What trains the booster.
        """
        counts = np.bincount(reason, minlength=count).astype("float64")
        overall = counts / counts.sum()
        learned = np.flatnonzero(counts >= _ENOUGH)
        if len(learned) < 2:
            return cls(overall, learned, None)
        rows = np.isin(reason, learned)
        settings = {
            **params,
            "objective": "multiclass",
            "num_class": len(learned),
            "num_leaves": 7,
            "learning_rate": 0.08,
            "min_child_samples": min(50, max(10, int(rows.sum()) // 50)),
        }
        label = np.searchsorted(learned, reason[rows])
        [booster] = train(X.where(rows), label, [settings], rounds=_ROUNDS)
        return cls(overall, learned, booster)

    def predict(self, X: Floats) -> Floats:
        """Shares by reason; rows sum to one."""
        shares = np.tile(self.overall, (len(X), 1))
        if self.booster is not None:
            threads = 1 if len(X) < _FEW else 0
            told = self.booster.predict(X, num_threads=threads)
            mass = self.overall[self.learned].sum()
            usual = self.overall[self.learned] / mass
            shares[:, self.learned] = mass * (_TRUST * told + (1.0 - _TRUST) * usual)
        normed: Floats = shares / shares.sum(axis=1, keepdims=True)
        return normed

    def save(self, folder: Path) -> dict[str, Any]:
        """Write the booster and give the rest as JSON."""
        if self.booster is not None:
            self.booster.save_model(str(folder / _FILE))
        return {
            "overall": self.overall.tolist(),
            "learned": self.learned.tolist(),
            "booster": self.booster is not None,
        }

    @classmethod
    def load(cls, folder: Path, content: Mapping[str, Any]) -> ReasonModel:
        """The inverse of :meth:`save`."""
        return cls(
            np.array(content["overall"]),
            np.array(content["learned"], dtype=np.int64),
            lgb.Booster(model_file=str(folder / _FILE)) if content["booster"] else None,
        )
