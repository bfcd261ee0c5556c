"""How good abuse scores are, as far as decisions tell: what folds and the gate look at.

Decisions are few and not made at random: a claim is judged because it looks bad. The true share of
abuse among all claims is therefore not known, only two bounds of it: at least what was found to be
abuse, of all claims; at most, and by far, the share among the judged ones. A score is held against
both: over all claims it must not expect less abuse than was found, and over the judged ones not
more than there was. Between the two nothing can be said.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipelines.metrics import mean_of

__all__ = ["abuse_metrics", "pooled", "standard_error"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_TINY = 1e-12


def abuse_metrics(y: Ints, score: Floats, everything: Floats | None = None) -> dict[str, float]:
    """Judge scores of claims.

    Parameters
    ----------
    y
        What was decided on the judged claims: 0 legitimate, 1 abuse; shape (n,).
    score
        Their scores, shape (n,).
    everything
        Scores of all claims of the same time, judged or not, the judged ones among them.

    Returns
    -------
    dict of str to float
        ``lines``, the judged claims; of these ``average_precision`` and ``auc`` (left out where
        there is but one kind), ``log_loss`` in nats, ``observed_judged`` and ``predicted_judged``.
        With `everything` also ``claims``, ``observed_found`` (share of all claims that was found to
        be abuse) and ``predicted_all``.
    """
    from sklearn.metrics import average_precision_score, roc_auc_score

    figures: dict[str, float] = {"lines": float(len(y))}
    if not len(y):
        return figures
    abuse = y == 1
    if 0 < abuse.sum() < len(y):
        figures["average_precision"] = float(average_precision_score(abuse, score))
        figures["auc"] = float(roc_auc_score(abuse, score))
    figures["log_loss"] = float(
        -np.log(np.clip(np.where(abuse, score, 1.0 - score), _TINY, 1.0)).mean()
    )
    figures["observed_judged"] = float(abuse.mean())
    figures["predicted_judged"] = float(score.mean())
    if everything is not None and len(everything):
        figures["claims"] = float(len(everything))
        figures["observed_found"] = float(abuse.sum() / len(everything))
        figures["predicted_all"] = float(everything.mean())
    return figures


def pooled(folds: Sequence[dict[str, float]]) -> dict[str, float]:
    """Mean over the folds, and how far it lies outside the bounds.

    Returns
    -------
    dict of str to float
        As :func:`abuse_metrics`; ``claims`` is the sum. ``overstated``: how much more abuse is
        expected of the judged claims than there was; ``understated``: how much less is expected of
        all claims than was found. Neither is below 0.
    """
    figures = mean_of(list(folds))
    if "predicted_judged" in figures:
        more = figures["predicted_judged"] - figures["observed_judged"]
        figures["overstated"] = max(0.0, more)
    if "predicted_all" in figures:
        less = figures["observed_found"] - figures["predicted_all"]
        figures["understated"] = max(0.0, less)
        figures["claims"] = sum(fold.get("claims", 0.0) for fold in folds)
    return figures


def standard_error(share: float, n: float) -> float:
    """Standard error of a share of n."""
    return math.sqrt(share * (1.0 - share) / n) if n else 0.0
