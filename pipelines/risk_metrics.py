"""How good predicted returns are: what a fold, a back-test and the promotion gate look at."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.return_risk.cost import PUBLIC_RULES, money_saved

__all__ = ["MONEY_RULES", "money_metrics", "risk_metrics"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MONEY_RULES = dict(zip(("saved_value", "saved_margin", "saved_free"), PUBLIC_RULES, strict=True))
"""Figures of :func:`money_metrics`, each with its rule of :data:`models.return_risk.cost`."""

_EUROS = "EUR"  # the public rule's fixed cost is in euros
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


def money_metrics(y: Ints, p: Floats, lines: pd.DataFrame) -> dict[str, float]:
    """Money saved by warnings, as a share of what an oracle would save, by public cost rule.

    Parameters
    ----------
    y
        0 kept, above 0 returned; shape (n,).
    p
        Predicted chance of a return, shape (n,).
    lines
        ``unit_price``, ``quantity`` and ``currency`` of the same lines; those without a price in
        euros are left out.

    Returns
    -------
    dict of str to float
        By the names of `MONEY_RULES`; below 0 where warnings cost more than they saved. Empty where
        no line in euros came back.
    """
    value = (lines["unit_price"] * lines["quantity"]).to_numpy(dtype="float64")
    euros = lines["currency"].eq(_EUROS).fillna(False).to_numpy(dtype=bool)
    priced = euros & np.isfinite(value)
    back = (y[priced] > _KEPT).astype(np.float64)
    if not back.any():
        return {}
    return {
        name: money_saved(p[priced], back, value[priced], PUBLIC_RULES[rule]).share
        for name, rule in MONEY_RULES.items()
    }
