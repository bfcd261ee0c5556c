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

__all__ = ["Curves", "join_curves", "likely_choices", "probit"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_LEAST = 1e-9
_RARE = 0.01


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


def likely_choices(outlook: ChoiceOutlook, starts: Ints) -> Floats:
    """Chance that the shopper would choose each size; sums to one over a question.

    Sizes that hardly anyone would choose (under one in a hundred) count as never chosen: what the
    booster makes of them rests on no order.
    """
    question = _question(starts, len(outlook.taste))
    taste = np.exp(outlook.taste - np.maximum.reduceat(outlook.taste, starts)[question])
    taste = taste / np.add.reduceat(taste, starts)[question]
    taste = np.where(taste < _RARE, 0.0, taste)
    likely: Floats = taste / np.add.reduceat(taste, starts)[question]
    return likely


def join_curves(
    outlook: ChoiceOutlook, taste: Floats, boosted: Floats, starts: Ints, lean: Floats
) -> Curves:
    """Join the ordinal outlook with the booster's.

    Parameters
    ----------
    outlook
        Of the ordinal model.
    taste
        See :func:`likely_choices`.
    boosted
        Probabilities of the booster for the same rows; rows of no taste are not looked at.
    starts
        First row of every question.
    lean
        Mean difference of booster and ordinal model for (small, large), on the probit scale:
        the booster counts silence as fit, the ordinal model does not.
    """
    question = _question(starts, len(taste))
    chosen = probit(np.add.reduceat(outlook.chosen[:, ::2] * taste[:, None], starts))
    seen = probit(np.add.reduceat(boosted[:, ::2] * taste[:, None], starts))
    shift = seen - chosen - lean
    ends = ndtr(probit(outlook.would[:, ::2]) + shift[question])
    own_fit = np.clip(1.0 - ndtr(chosen + shift).sum(axis=1), 0.0, 1.0)
    fit = np.empty((len(taste), 3))
    for start, end in zip(starts.tolist(), [*starts[1:].tolist(), len(taste)], strict=True):
        fit[start:end, 0] = _falling(ends[start:end, 0])
        fit[start:end, 2] = _falling(ends[start:end, 1][::-1])[::-1]
    excess = np.maximum(fit[:, 0] + fit[:, 2], 1.0) * (1 + _LEAST)
    fit[:, 0] /= excess
    fit[:, 2] /= excess
    fit[:, 1] = 1.0 - fit[:, 0] - fit[:, 2]
    return Curves(fit=fit, taste=taste, own_fit=own_fit)


def _question(starts: Ints, rows: int) -> Ints:
    """Number of the question of every row."""
    first = np.zeros(rows, dtype=np.int64)
    first[starts[1:]] = 1
    return np.cumsum(first)


def probit(share: Floats) -> Floats:
    """Standard normal quantile of shares, kept off nil and one."""
    z: Floats = ndtri(np.clip(share, 1e-6, 1 - 1e-6))
    return z


def _falling(curve: Floats) -> Floats:
    """Nearest way down: the mean of the highest falling curve below and the lowest above."""
    below = np.minimum.accumulate(curve)
    above = np.maximum.accumulate(curve[::-1])[::-1]
    middle: Floats = (below + above) / 2
    return middle
