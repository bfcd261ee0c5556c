"""Judge settings of `size_fit` on rolling folds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from data_contracts.errors import BadInputError
from data_contracts.tables import FIT
from features.size_fit_space import SizeFitSpace
from models.size_fit import SizeFit
from pipelines.folds import Fold
from pipelines.metrics import fit_metrics
from pipelines.outcomes import fit_outcomes

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
    """Fit the feature space on what was known when the fold began, and make the vectors.

    Every vector holds what was known strictly before its line was ordered; labels to learn from are
    those settled when the fold began.

    Raises
    ------
    BadInputError
        Of the lines to learn from one outcome is missing, or none is left to judge.
    """
    data = SizeFitSpace().fit(fold.tables).data(fold.live)
    settled = fit_outcomes(fold.tables).reindex(data.ids)
    label = settled["y"].fillna(-1).to_numpy(dtype=np.int64)
    outcome = fold.outcomes["y"].reindex(data.ids).fillna(-1).to_numpy(dtype=np.int64)
    learn, judged = data.sized & (label >= 0), data.sized & (outcome >= 0)
    if len(np.unique(label[learn])) < len(FIT) or not judged.any():
        raise BadInputError(
            f"the fold from {fold.start:%Y-%m-%d} to {fold.end:%Y-%m-%d} has {learn.sum():,} lines"
            f" to learn from and {judged.sum():,} to judge whose size is in product_sizes; the"
            f" first must hold {', '.join(FIT)}. Take fewer folds, and see that"
            " order_lines.size_label is spelt as in product_sizes"
        )
    return PreparedFold(
        X=data.X[learn],
        y=label[learn],
        told=settled["told"].to_numpy(dtype=object)[learn].astype(bool),
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
