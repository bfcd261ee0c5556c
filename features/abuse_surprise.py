"""How surprising a count is of an honest buyer.

The negative decimal logarithm of the chance that such a buyer shows as much. Buyers differ, so the
count is negative binomial: Poisson with a gamma-distributed rate (Greenwood and Yule, An inquiry
into the nature of frequency distributions, 1920), whose shape the feature space learns.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import betainc

__all__ = ["MOST_SURPRISE", "surprise"]

Floats = npt.NDArray[np.float64]

MOST_SURPRISE = 8.0
_LEAST_EXPECTED = 1e-4


def surprise(observed: Floats, expected: Floats, shape: Any) -> Floats:
    """-log10 P(N >= observed), N negative binomial; from 0 for nothing to `MOST_SURPRISE`.

    Parameters
    ----------
    observed
        Counts; parts of one are allowed.
    expected
        Means, of the same shape.
    shape
        Shape of the gamma distribution of rates: a number, or one a column.
    """
    mean = np.maximum(expected, _LEAST_EXPECTED)
    some = observed > 1e-9
    # The upper tail of the negative binomial is an incomplete beta function.
    tail = betainc(np.where(some, observed, 1.0), shape, mean / (mean + shape))
    found: Floats = np.where(some, -np.log10(np.maximum(tail, 1e-300)), 0.0)
    return np.minimum(np.maximum(found, 0.0), MOST_SURPRISE)
