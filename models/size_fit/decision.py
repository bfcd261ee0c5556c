"""From curves to advice: what to say, and when to say nothing.

Each status stands for something that can be measured:

``advised``
    The chance that the best size fits, given nothing of what the shopper keeps to themself, is at
    least the chance that the shopper's own choice fits, up to the error the model was measured to
    make (`resolution`). Both come from one model; a simulated shop has the truth to compare them
    with.
``between_sizes``
    As ``advised``, but the neighbouring size is as likely to fit up to the same error. The
    recommended one is the better of the two.
``no_good_size``
    At the end of the product's range the person is more likely than not outside of it: the largest
    size is too small, or the smallest too large, with a chance above one half.
``not_enough_information``
    None of these: the shopper's own choice is more likely to fit than any size we could name.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import betainc

from models.size_fit.advice import ProductFlag, Status

__all__ = ["Verdict", "decide", "flag_product"]

Floats = npt.NDArray[np.float64]

_EVIDENCE = 0.9
_LEAN = 1.5


@dataclass(frozen=True, slots=True)
class Verdict:
    """A status and the row of the recommended size, if one is recommended."""

    status: Status
    best: int | None = None


def decide(fit: Floats, own_fit: float, resolution: float) -> Verdict:
    """Decide on one question.

    Parameters
    ----------
    fit
        Sizes, smallest first, by (small, fit, large).
    own_fit
        Chance that the shopper's own choice fits.
    resolution
        Mean absolute calibration error of the chance of fitting, as measured.
    """
    # Plain floats: for the few sizes of a product an array's functions cost several times as much.
    small, chance, large = fit.T.tolist()
    if not math.isfinite(sum(small) + sum(chance) + sum(large) + own_fit):
        return Verdict("not_enough_information")
    if small[-1] > 0.5 or large[0] > 0.5:
        return Verdict("no_good_size")
    best = chance.index(max(chance))
    # Two chances that each err: their difference errs by the square root of two more.
    error = math.sqrt(2) * resolution
    if chance[best] < own_fit - error:
        return Verdict("not_enough_information")
    beside = [chance[i] for i in (best - 1, best + 1) if 0 <= i < len(chance)]
    close = beside and chance[best] - max(beside) < error
    return Verdict("between_sizes" if close else "advised", best)


def flag_product(small: float, fit: float, large: float, usual: Floats) -> ProductFlag | None:
    """Whether a product runs small or large; None without enough evidence.

    Parameters
    ----------
    small, fit, large
        Outcomes told of the product.
    usual
        Shares of small and large over the whole shop.

    Returns
    -------
    str or None
        ``runs_small`` when the product's share of too small exceeds the shop's by half with a
        posterior probability of 0.9, and it exceeds the share of too large; ``runs_large``
        likewise; ``true_to_size`` when with the same probability neither exceeds it. The posterior
        is a beta distribution with the shop's share as its prior, weighing as much as eight lines.
    """
    count = small + fit + large
    above = []
    for told, share in ((small, float(usual[0])), (large, float(usual[1]))):
        limit = min(_LEAN * share, 0.95)
        above.append(1.0 - betainc(told + 8 * share, count - told + 8 * (1 - share), limit))
    if above[0] >= _EVIDENCE and small > large:
        return "runs_small"
    if above[1] >= _EVIDENCE and large > small:
        return "runs_large"
    return "true_to_size" if max(above) <= 1 - _EVIDENCE else None
