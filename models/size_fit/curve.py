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
    shares = np.empty((2, len(taste), 2))
    shares[0], shares[1] = outlook.chosen[:, ::2], boosted[:, ::2]
    shares *= taste[:, None]
    chosen, seen = probit(np.add.reduceat(shares, starts, axis=1))
    shift = seen - chosen - lean
    ends = ndtr(probit(outlook.would[:, ::2]) + shift[question])
    small, large = ndtr(chosen + shift).T
    own_fit = _within(1.0 - (small + large), 0.0, 1.0)
    for rows in _uneven(ends, starts, question):
        ends[rows, 0] = _falling(ends[rows, 0])
        ends[rows, 1] = _falling(ends[rows, 1][::-1])[::-1]
    fit = np.empty((len(taste), 3))
    small, large = ends.T
    ends /= (np.maximum(small + large, 1.0) * (1 + _LEAST))[:, None]
    fit[:, ::2] = ends
    fit[:, 1] = 1.0 - small - large
    return Curves(fit=fit, taste=taste, own_fit=own_fit)


def _question(starts: Ints, rows: int) -> Ints:
    """Number of the question of every row."""
    first = np.zeros(rows, dtype=np.int64)
    first[starts[1:]] = 1
    return first.cumsum()


def probit(share: Floats) -> Floats:
    """Standard normal quantile of shares, kept off nil and one."""
    z: Floats = ndtri(_within(share, 1e-6, 1 - 1e-6))
    return z


def _within(values: Floats, low: float, high: float) -> Floats:
    """``np.clip``, which takes three times as long for a few numbers."""
    within: Floats = np.minimum(np.maximum(values, low), high)
    return within


def _uneven(ends: Floats, starts: Ints, question: Ints) -> list[slice]:
    """The rows of each question over whose sizes small rises, or large falls.

    They are few; what :func:`_falling` would leave as it is need not go through it.
    """
    small, large = ends.T
    even = (small[1:] <= small[:-1]) & (large[1:] >= large[:-1])
    even |= question[1:] != question[:-1]
    if even.all():
        return []
    bounds = [*starts.tolist(), len(ends)]
    return [slice(bounds[i], bounds[i + 1]) for i in set(question[1:][~even].tolist())]


def _falling(curve: Floats) -> Floats:
    """Nearest way down: the mean of the highest falling curve below and the lowest above."""
    below = np.minimum.accumulate(curve)
    above = np.maximum.accumulate(curve[::-1])[::-1]
    middle: Floats = (below + above) / 2
    return middle
