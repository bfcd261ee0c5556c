"""The level of the outcomes: how what was predicted came out on lines after those trained on.

People with a longer history fit better than others, and histories grow; yet as a whole people do
not come to fit better, so a model trained on the past expects too much of the present. What it
expected too much of the newest lines, when trained on the older ones, is taken off: a constant on
the log-odds of too small and of too large against fit, shrunk where there are few lines.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["apply_level", "learn_level"]

Floats = npt.NDArray[np.float64]

_PRIOR_LINES = 1000.0
"""Lines that the assumption of no drift weighs as much as."""
_ROUNDS = 20


def learn_level(predicted: Floats, y: npt.NDArray[np.int64]) -> Floats:
    """The level that brings mean predictions to what was observed.

    Parameters
    ----------
    predicted
        Lines by (small, fit, large).
    y
        What came of them: 0, 1, 2.

    Returns
    -------
    ndarray
        Shape (3,), what is added to the logarithms; nil for fit.
    """
    observed = (np.bincount(y, minlength=3) + 1.0) / (len(y) + 3.0)
    level = np.zeros(3)
    for _ in range(_ROUNDS):
        step = np.log(observed / apply_level(predicted, level).mean(axis=0))
        level += step - step[1]
    shrunk: Floats = level * len(y) / (len(y) + _PRIOR_LINES)
    return shrunk


def apply_level(predicted: Floats, level: Floats) -> Floats:
    """The predictions with a level added to their logarithms; rows sum to one."""
    moved = predicted * np.exp(level)
    shares: Floats = moved / moved.sum(axis=1, keepdims=True)
    return shares
