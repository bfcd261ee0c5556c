"""How good predicted fit is: what a fold, a back-test and the promotion gate look at."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from data_contracts.tables import FIT

__all__ = ["FIT_METRICS", "advice_metrics", "fit_metrics", "mean_of"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FIT_METRICS = ("mean_auc", "log_loss", *(f"auc_{c}" for c in FIT), *(f"gap_{c}" for c in FIT))
"""Metrics of :func:`fit_metrics`. ``gap_*`` is |mean predicted - mean observed|."""

_TINY = 1e-12


def fit_metrics(y: Ints, probability: Floats) -> dict[str, float]:
    """Judge probabilities of small, fit, large.

    Parameters
    ----------
    y
        0 small, 1 fit, 2 large; shape (n,).
    probability
        Shape (n, 3), rows sum to one.

    Returns
    -------
    dict of str to float
        ``lines``; ``auc_*`` one class against the other two, and ``mean_auc`` over the three;
        ``log_loss`` in nats; ``observed_*``, ``predicted_*`` mean shares and their absolute
        ``gap_*``. An AUC is left out where the class, or every other, is absent, and the mean
        where one of the three is.
    """
    from sklearn.metrics import roc_auc_score

    figures: dict[str, float] = {"lines": float(len(y))}
    if not len(y):
        return figures
    aucs = []
    for code, name in enumerate(FIT):
        hit = y == code
        if 0 < hit.sum() < len(y):
            aucs.append(float(roc_auc_score(hit, probability[:, code])))
            figures[f"auc_{name}"] = aucs[-1]
        observed, predicted = float(hit.mean()), float(probability[:, code].mean())
        figures[f"observed_{name}"] = observed
        figures[f"predicted_{name}"] = predicted
        figures[f"gap_{name}"] = abs(predicted - observed)
    if len(aucs) == len(FIT):
        figures["mean_auc"] = float(np.mean(aucs))
    chosen = np.clip(probability[np.arange(len(y)), y], _TINY, 1.0)
    figures["log_loss"] = float(-np.log(chosen).mean())
    return figures


def advice_metrics(advice: pd.DataFrame, ordered: pd.Series, y: Ints) -> dict[str, float]:
    """Judge advice by what became of the size that was ordered.

    Parameters
    ----------
    advice
        ``status``, ``recommended``, ``size_set`` by line.
    ordered
        Size label that was ordered, by line.
    y
        What became of it: 0 small, 1 fit, 2 large, -1 unknown.

    Returns
    -------
    dict of str to float
        ``advised``: share of lines with a recommendation. ``fit_when_followed`` and
        ``fit_when_not``: share that fitted where the ordered size was the recommended one, and
        where it was another. ``covered``: of the lines that fitted and got a size set, the share
        whose size is in it. A share of nothing is left out.
    """
    labels = ordered.to_numpy(dtype=object)
    recommended = advice["recommended"].to_numpy(dtype=object)
    spoken = advice["recommended"].notna().to_numpy()
    same = spoken & (recommended == labels)
    sets = advice["size_set"].to_list()
    told = np.array([s is not None and len(s) > 0 for s in sets], dtype=bool)
    held = np.array(
        [has and label in s for s, label, has in zip(sets, labels, told, strict=True)], dtype=bool
    )
    fits = y == FIT.index("fit")
    shares = {
        "advised": (spoken, np.ones(len(y), dtype=bool)),
        "fit_when_followed": (fits, same & (y >= 0)),
        "fit_when_not": (fits, spoken & ~same & (y >= 0)),
        "covered": (held, fits & told),
    }
    return {
        name: float(what[where].mean()) for name, (what, where) in shares.items() if where.any()
    }


def mean_of(folds: list[dict[str, float]]) -> dict[str, float]:
    """Mean of each metric over the folds that have it, weighted by lines; ``lines`` is the sum."""
    figures = {"lines": sum(fold["lines"] for fold in folds)}
    for name in sorted({name for fold in folds for name in fold} - {"lines"}):
        having = [fold for fold in folds if name in fold]
        weights = [fold["lines"] for fold in having]
        figures[name] = float(np.average([fold[name] for fold in having], weights=weights))
    for name in [n.removeprefix("gap_") for n in figures if n.startswith("gap_")]:
        # Of the pooled lines: gaps of opposite sign in two folds are no miscalibration.
        figures[f"gap_{name}"] = abs(figures[f"predicted_{name}"] - figures[f"observed_{name}"])
    return figures
