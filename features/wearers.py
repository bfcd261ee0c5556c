"""Latent wearers: does an account order for two people of different sizes without saying so?

Who orders for the family seldom names the wearer. Women's and men's garments, and children's, stand
on scales of their own, so their orders never mix. What is left are two people on one scale, such as
mother and daughter: their sizes form two clusters, and the middle fits neither. The first three
moments of the sizes taken, which are sums and hence histories like any other, tell of two clusters
and where they lie (the method of moments for a mixture: Pearson 1894), given how far the choices
of one person scatter.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["FARTHEST", "SCATTER", "split"]

Floats = npt.NDArray[np.float64]

SCATTER = 0.45
"""Variance of one person's fair positions, squared steps: choice, and what is not known of cuts."""
FARTHEST = 6.0
"""Sizes further than this from the usual (steps) count as that far: a slip, or a gift."""
_DOUBT, _CERTAIN = 1.5, 4.0
_FEWEST = 3.0
_LEAST_SHARE = 0.1


def split(
    orders: Floats, first: Floats, second: Floats, third: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """Split the sizes a person took into those of two.

    Parameters
    ----------
    orders
        How many.
    first, second, third
        Sums of the deviation of the fair position from the scale's mean (steps), of its square and
        of its cube.

    Returns
    -------
    two, low, high, share
        How sure it is that they are two, 0 to 1; the mean deviation of the smaller and of the
        larger one; the share of orders that are for the larger. Where it is one person, both are
        the mean.

    Notes
    -----
    With variance ``b`` and skewness ``g`` beyond the scatter of one person, a mixture of two points
    has the share ``p = (1 - g / sqrt(4 + g^2)) / 2`` on the larger and the distance
    ``sqrt(b / (p (1 - p)))``. How sure: by the excess of the variance over the scatter, in standard
    deviations of the chi-squared distribution it would have for one person.
    """
    n = np.maximum(orders, 1.0)
    mean = first / n
    enough = orders >= _FEWEST
    if not enough.any():
        return _alone(mean)
    variance = np.maximum(second / n - mean**2, 0.0)
    excess = (n * variance / SCATTER - (n - 1)) / np.sqrt(2 * np.maximum(n - 1, 1.0))
    two = np.minimum(np.maximum((excess - _DOUBT) / (_CERTAIN - _DOUBT), 0.0), 1.0)
    between = variance - SCATTER
    two = np.where(enough & (between > 0), two, 0.0)
    told = two > 0
    if not told.any():
        return _alone(mean)
    between = np.where(told, between, 1.0)
    cubed = third / n - 3 * mean * second / n + 2 * mean**3
    skew = cubed / between**1.5
    share = 0.5 * (1 - skew / np.sqrt(4 + skew**2))
    least = np.maximum(_LEAST_SHARE, 1 / np.maximum(n, _FEWEST))
    share = np.minimum(np.maximum(share, least), 1 - least)
    apart = np.where(told, np.sqrt(between / (share * (1 - share))), 0.0)
    return two, mean - share * apart, mean + (1 - share) * apart, np.where(told, share, 0.5)


def _alone(mean: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """:func:`split` where everybody is one person."""
    return np.zeros(len(mean)), mean, mean + 0.0, np.full(len(mean), 0.5)
