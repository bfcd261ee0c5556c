"""The curve over a product's sizes: how each size would fit this person.

The booster sees more of person and product than the ordinal model, but only under the shoppers' own
choices; the ordinal model knows what a change of size does. The curve joins them: over the sizes
this shopper would likely choose, both must expect the same shares of too small and too large. The
difference, on the probit scale, is added to the ordinal model's curve.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from models.size_fit.ordinal import ChoiceOutlook

__all__ = ["Curves", "join_curves"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_LEAST = 1e-9


@dataclass(frozen=True, slots=True)
class Curves:
    """Curves of many questions, their sizes together and smallest first.

    Attributes
    ----------
    fit
        Candidates by (small, fit, large) if the person were given that size. Small never rises and
        large never falls from a size to the next larger.
    taste
        Chance that the shopper would choose that size; sums to one over a question.
    own_fit
        Per question: chance that the shopper's own choice fits.
    """

    fit: Floats
    taste: Floats
    own_fit: Floats


def join_curves(
    outlook: ChoiceOutlook, boosted: Floats | None, starts: Ints, lean: Floats
) -> Curves:
    """Join the ordinal outlook with the booster's.

    Parameters
    ----------
    outlook
        Of the ordinal model.
    boosted
        Probabilities of the booster for the same rows; None leaves the ordinal model alone.
    starts
        First row of every question.
    lean
        Mean difference of booster and ordinal model for (small, large), on the probit scale:
        the booster counts silence as fit, the ordinal model does not.
    """
    sizes = np.diff(np.append(starts, len(outlook.taste)))
    question = np.repeat(np.arange(len(starts)), sizes)
    taste = np.exp(outlook.taste - np.maximum.reduceat(outlook.taste, starts)[question])
    taste = taste / np.add.reduceat(taste, starts)[question]
    chosen = np.add.reduceat(outlook.chosen * taste[:, None], starts)
    small, large = outlook.would[:, 0], outlook.would[:, 2]
    if boosted is not None:
        seen = np.add.reduceat(boosted * taste[:, None], starts)
        shift = _probit(seen[:, ::2]) - _probit(chosen[:, ::2]) - lean
        small = ndtr(_probit(small) + shift[question, 0])
        large = ndtr(_probit(large) + shift[question, 1])
        ends = ndtr(_probit(chosen[:, ::2]) + shift)
        own_fit = np.clip(1.0 - ends.sum(axis=1), 0.0, 1.0)
    else:
        own_fit = chosen[:, 1]
    fit = np.empty((len(taste), 3))
    for start, count in zip(starts, sizes, strict=True):
        rows = slice(start, start + count)
        fit[rows, 0] = _falling(small[rows])
        fit[rows, 2] = _falling(large[rows][::-1])[::-1]
    # No size is beyond hope: a chance of nil could not be compared with another.
    excess = np.maximum(fit[:, 0] + fit[:, 2], 1.0) * (1 + _LEAST)
    fit[:, 0] /= excess
    fit[:, 2] /= excess
    fit[:, 1] = 1.0 - fit[:, 0] - fit[:, 2]
    return Curves(fit=fit, taste=taste, own_fit=own_fit)


def _probit(share: Floats) -> Floats:
    z: Floats = ndtri(np.clip(share, 1e-6, 1 - 1e-6))
    return z


def _falling(curve: Floats) -> Floats:
    """Nearest way down: the mean of the highest falling curve below and the lowest above."""
    below = np.minimum.accumulate(curve)
    above = np.maximum.accumulate(curve[::-1])[::-1]
    middle: Floats = (below + above) / 2
    return middle
