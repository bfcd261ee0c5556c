"""What if the shopper took another size, or another colour?

Sizes are tied to `size_fit`, so that the two models never contradict each other. Of the line's own
chance only the part that is due to the size moves, and it moves with the chance of a misfit:

    p(s) = p(own) * m(s) / (m(own) + k * (m(s) - m(own)))

where ``m`` is the chance that a size does not fit. With ``k = 0`` as many of the misfits come back
in every size as do in the shopper's own. Where that would make more lines come back than there are,
``k`` is the least that does not. Either way the chance rises with ``m``: a size that `size_fit`
prefers never has the higher chance of a return, and the shopper's own size keeps the model's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models.return_risk.answer import LabelRisk, Suggestion
from models.size_fit.advice import SizeAdvice, SizeOutlook

__all__ = ["SizeRisk", "by_size", "suggest_colour", "suggest_size"]

_SMALL, _LARGE = "too_small", "too_large"
_UNSURE = 0.01  # a chance of fitting is not known better
_NOTICEABLE_SIZE = 0.02
_NOTICEABLE_COLOUR, _COLOUR_SHARE = 0.05, 0.2


@dataclass(frozen=True, slots=True)
class SizeRisk:
    """Chance of a return in one size; of it, for being too small and too large.

    The chances of the other reasons are the line's own.
    """

    label: str
    p_return: float
    too_small: float
    too_large: float


def by_size(
    reasons: Mapping[str, float], outlooks: Sequence[SizeOutlook], own: str | None
) -> tuple[SizeRisk, ...]:
    """Chances of a return of the same line in every size.

    Parameters
    ----------
    reasons
        Of the line as it is; they sum to its chance of a return, which is at most 1.
    outlooks
        What `size_fit` says of each size.
    own
        Label of the line's size. One who has chosen none is taken to choose the size that fits
        best.

    Returns
    -------
    tuple of SizeRisk
        In the order of `outlooks`; empty where the line's size is not among them.
    """
    misfit = {each.label: _misfit(each) for each in outlooks}
    if own is None:
        own = min(misfit, key=misfit.__getitem__, default=None)
    if own is None or own not in misfit:
        return ()
    small, large = reasons.get(_SMALL, 0.0), reasons.get(_LARGE, 0.0)
    of_size = small + large
    others = max(sum(reasons.values()) - of_size, 0.0)
    room = max(1.0 - others, of_size)
    usual = small / of_size if of_size > 0 else 0.5
    risks = []
    for each in outlooks:
        if each.label == own:
            p, told = of_size, (small, large)
        else:
            p = _moved(of_size, misfit[own], misfit[each.label], room)
            share = _small_share(each, usual)
            told = (p * share, p * (1.0 - share))
        risks.append(SizeRisk(each.label, min(others + p, 1.0), *told))
    return tuple(risks)


def suggest_size(
    advice: SizeAdvice, sizes: Sequence[SizeRisk], own: str | None
) -> Suggestion | None:
    """Suggest the size `size_fit` advises, where it lowers the chance of a return noticeably.

    Parameters
    ----------
    advice
        Of `size_fit`; only a clear one is passed on.
    sizes
        Of :func:`by_size`.
    own
        Label of the line's size; without one there is nothing to take instead.
    """
    better = advice.recommended
    if advice.status != "advised" or own is None or better in (None, own):
        return None
    chance = {each.label: each.p_return for each in sizes}
    if better not in chance or own not in chance:
        return None
    if chance[own] - chance[better] < _NOTICEABLE_SIZE:
        return None
    return Suggestion("size", better, chance[own], chance[better])


def suggest_colour(p_return: float, others: Sequence[LabelRisk]) -> Suggestion | None:
    """Suggest the colour that comes back least, where that is a good deal less.

    Parameters
    ----------
    p_return
        In the line's own colour.
    others
        In the other colours.
    """
    best = min(others, key=lambda each: each.p_return, default=None)
    if best is None:
        return None
    falls = p_return - best.p_return
    if falls < _NOTICEABLE_COLOUR or falls < _COLOUR_SHARE * p_return:
        return None
    return Suggestion("colour", best.label, p_return, best.p_return)


def _misfit(outlook: SizeOutlook) -> float:
    """Chance that it does not fit, never quite none: sizes then differ by less than the doubt."""
    return (min(max(1.0 - outlook.p_fit, 0.0), 1.0) + _UNSURE) / (1.0 + _UNSURE)


def _moved(p: float, own: float, other: float, room: float) -> float:
    """The chance `p` of a return for the size, moved from one misfit to another; at most `room`."""
    excess = p - room * own
    bend = excess / (room * (1.0 - own)) if excess > 0 and own < 1 else 0.0
    below = own + bend * (other - own)
    return min(p * other / below, room) if below > 0 else room


def _small_share(outlook: SizeOutlook, usual: float) -> float:
    """Of those it does not fit, the share for whom it is too small."""
    misfits = outlook.p_small + outlook.p_large
    return outlook.p_small / misfits if misfits > 0 else usual
