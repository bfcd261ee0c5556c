"""What is asked: one typed question per endpoint, the same in training and in serving."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["SizeQuestion"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeQuestion:
    """Which size of `product_id` will fit this person?

    Parameters
    ----------
    product_id
        The product asked about.
    asked_at
        Moment of the question, seconds since the epoch (UTC). Nothing learned at or after it is
        used.
    customer_id, wearer
        Whose account, and which person on it. ``wearer`` is `self` unless named.
    market
        ISO 3166 alpha-2 code.
    occasion
        What the garment is wanted for, in the shop's words.
    measurements
        Body measurements sent with the question, by contract column name (cm, kg, years): numbers
        for ``height_cm`` and the like, text for ``cup``, ``body_shape``, ``sex``,
        ``fit_preference``. They take precedence over the measurements on record.
    candidate_sizes
        Labels to choose from (what is in stock); all sizes of the product when empty.
    """

    product_id: str
    asked_at: float
    customer_id: str | None = None
    wearer: str = "self"
    market: str | None = None
    occasion: str | None = None
    measurements: Mapping[str, float | str] = field(default_factory=dict)
    candidate_sizes: tuple[str, ...] = ()
