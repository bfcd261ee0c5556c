"""Judge settings of `size_fit` on rolling folds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from features.size_fit_space import SizeFitSpace
from models.size_fit import SizeFit
from pipelines.folds import Fold
from pipelines.metrics import fit_metrics

__all__ = ["Judgement", "PreparedFold", "judge", "prepare"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class PreparedFold:
    """A fold as vectors: the costly part of judging, done once for all settings."""

    X: Floats = field(repr=False)
    y: Ints = field(repr=False)
    told: npt.NDArray[np.bool_] = field(repr=False)
    at: Ints = field(repr=False)
    X_judged: Floats = field(repr=False)
    y_judged: Ints = field(repr=False)


@dataclass(frozen=True)
class Judgement:
    """What a model made of a fold: its metrics, outcomes and probabilities."""

    metrics: dict[str, float]
    y: Ints = field(repr=False)
    probability: Floats = field(repr=False)


def prepare(fold: Fold) -> PreparedFold:
    """Fit the feature space on what was known when the fold began, and make the vectors."""
    hidden = fold.outcomes.index.tolist()
    space = SizeFitSpace().fit(fold.tables, hidden)
    data = space.data(fold.tables, hidden)
    learn = data.sized & (data.y >= 0)
    outcome = fold.outcomes["y"].reindex(data.ids).fillna(-1).to_numpy(dtype=np.int64)
    judged = data.sized & (outcome >= 0)
    return PreparedFold(
        X=data.X[learn],
        y=data.y[learn],
        told=data.told[learn],
        at=data.at[learn],
        X_judged=data.X[judged],
        y_judged=outcome[judged],
    )


def judge(
    folds: Sequence[PreparedFold], params: Mapping[str, Any] | None = None
) -> Iterator[Judgement]:
    """Fit these settings on each fold in turn and judge them on its lines.

    Parameters
    ----------
    folds
        As :func:`prepare` gives them.
    params
        Parameters of :class:`models.size_fit.SizeFit`; its defaults where left out. ``members``
        is taken as one: further boosters of an ensemble cost as much again each and lift all
        settings alike.
    """
    for fold in folds:
        model = SizeFit(**{**(params or {}), "members": 1})
        model.fit(fold.X, fold.y, told=fold.told, at=fold.at)
        probability = model.predict_proba(fold.X_judged)
        yield Judgement(fit_metrics(fold.y_judged, probability), fold.y_judged, probability)
