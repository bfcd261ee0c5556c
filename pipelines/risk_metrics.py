"""How good predicted returns are: what a fold, a back-test and the promotion gate look at."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["risk_metrics"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_TINY = 1e-12
_KEPT = 0


def risk_metrics(y: Ints, probability: Floats) -> dict[str, float]:
    """Judge probabilities of being kept or returned, and of the reasons.

    Parameters
    ----------
    y
        0 kept, from 1 on the reasons of :data:`data_contracts.tables.RETURN_REASON`; shape (n,).
    probability
        Shape (n, 12), rows sum to one.

    Returns
    -------
    dict of str to float
        ``lines``; of returned against kept: ``auc``, ``log_loss`` in nats, ``brier`` (mean squared
        error), ``observed_return``, ``predicted_return`` mean shares and their absolute
        ``gap_return``; ``reason_log_loss``: of the lines that came back, the mean negative log of
        the probability of their reason given that they come back. What cannot be told, as the AUC
        where nothing came back, is left out.
    """
    from sklearn.metrics import roc_auc_score

    figures: dict[str, float] = {"lines": float(len(y))}
    if not len(y):
        return figures
    back = y > _KEPT
    p = 1.0 - probability[:, _KEPT]
    if 0 < back.sum() < len(y):
        figures["auc"] = float(roc_auc_score(back, p))
    figures["log_loss"] = float(-np.log(np.clip(np.where(back, p, 1.0 - p), _TINY, 1.0)).mean())
    figures["brier"] = float(((p - back) ** 2).mean())
    observed, predicted = float(back.mean()), float(p.mean())
    figures["observed_return"] = observed
    figures["predicted_return"] = predicted
    figures["gap_return"] = abs(predicted - observed)
    if back.any():
        given = probability[back, y[back]] / np.clip(p[back], _TINY, None)
        figures["reason_log_loss"] = float(-np.log(np.clip(given, _TINY, 1.0)).mean())
    return figures
