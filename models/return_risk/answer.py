"""What the return-risk model says of a basket line, for a program to show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Driver", "LabelRisk", "LineRisk", "Suggestion"]


@dataclass(frozen=True, slots=True)
class Driver:
    """Something that moved this line's probability.

    Attributes
    ----------
    code
        Stable name, such as ``colour_comes_back``.
    effect
        How far it moved ``p_return``; above 0 it makes a return likelier.
    figures
        The shop's own figures behind it.
    """

    code: str
    effect: float
    figures: Mapping[str, float | int | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LabelRisk:
    """Probability that the product comes back if bought in this size (or colour)."""

    label: str
    p_return: float


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A change of the line that lowers its risk.

    Attributes
    ----------
    kind
        ``size`` or ``colour``.
    label
        What to take instead.
    p_from, p_to
        Probability of a return now and then.
    """

    kind: str
    label: str
    p_from: float
    p_to: float


@dataclass(frozen=True, slots=True)
class LineRisk:
    """What is to be expected of one line.

    Attributes
    ----------
    p_return
        Calibrated probability that it comes back.
    p_low, p_high
        Where the true probability lies with 90 %: wide where customer or product are new.
    reasons
        Probability by reason of the contract; they sum to ``p_return``.
    drivers
        What moved it most, strongest first.
    sizes, colours
        The product's sizes (colours), this one among them.
    suggestions
        Best first.
    duplicate_of
        Index of an earlier line of the basket with the same product in another size.
    knows
        Orders on record behind it: ``customer_orders``, ``product_orders``.
    """

    p_return: float
    p_low: float
    p_high: float
    reasons: Mapping[str, float]
    drivers: tuple[Driver, ...] = ()
    sizes: tuple[LabelRisk, ...] = ()
    colours: tuple[LabelRisk, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()
    duplicate_of: int | None = None
    knows: Mapping[str, int] = field(default_factory=dict)
