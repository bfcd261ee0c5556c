"""Gradient-boosted outcome of the size a shopper chose: an ensemble of LightGBM boosters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from models.vectors import Trainer, Vectors, View, train_here

__all__ = ["BoosterEnsemble"]

Floats = npt.NDArray[np.float64]


@dataclass
class BoosterEnsemble:
    """Mean of boosters that differ in their seed only."""

    boosters: list[lgb.Booster]

    @classmethod
    def fit(
        cls,
        X: Vectors,
        y: npt.NDArray[np.int_],
        *,
        view: View | None = None,
        names: Sequence[str],
        coded: Sequence[int],
        params: Mapping[str, Any],
        rounds: int,
        members: int,
        seed: int,
        train: Trainer = train_here,
    ) -> Self:
        """Train `members` boosters of `rounds` trees a class.

        Parameters
        ----------
        X
            What to learn from: rows by features, NaN where unknown.
        y
            Classes 0, 1, 2.
        view
            What the boosters see of the rows.
        names
            Feature names, kept in the model.
        coded
            Columns that hold codes of categories.
        params
            LightGBM parameters.
        train
            What trains the boosters.
        """
        # LightGBM keeps no special characters in names.
        safe = [name.replace(".", "_") for name in names]
        settings = [
            {
                "objective": "multiclass",
                "num_class": 3,
                "verbosity": -1,
                "deterministic": True,
                "force_row_wise": True,
                "seed": seed + member,
                **params,
            }
            for member in range(members)
        ]
        return cls(train(X, y, settings, rounds=rounds, names=safe, coded=coded, view=view))

    def predict(self, X: Floats) -> Floats:
        """Mean probabilities, rows by (small, fit, large)."""
        # One thread for the few rows of a question: waking others costs more than they save.
        threads = 1 if len(X) < 512 else 0
        total: Floats = self.boosters[0].predict(X, num_threads=threads)
        for booster in self.boosters[1:]:
            total = total + booster.predict(X, num_threads=threads)
        return total / len(self.boosters)

    def save(self, folder: Path) -> None:
        """Write one LightGBM text file a member."""
        for i, booster in enumerate(self.boosters):
            booster.save_model(str(folder / f"booster_{i}.txt"))

    @classmethod
    def load(cls, folder: Path, members: int) -> Self:
        """The inverse of :meth:`save`."""
        return cls(
            [lgb.Booster(model_file=str(folder / f"booster_{i}.txt")) for i in range(members)]
        )
