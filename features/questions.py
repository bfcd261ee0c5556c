"""What is asked: one typed question per endpoint, the same in training and in serving."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["BasketLine", "BasketQuestion", "ClaimQuestion", "Delivered", "SizeQuestion"]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What is known of a line once it has arrived.

    Parameters
    ----------
    ordered_at, delivered_at, promised_at
        Seconds since the epoch (UTC); what was not promised is None.
    shipped_weight_g
        Weight sent, g.
    """

    ordered_at: float
    delivered_at: float
    promised_at: float | None = None
    shipped_weight_g: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BasketLine:
    """One product in one size and colour.

    Parameters
    ----------
    product_id, size_label, colour
        What is in the basket; a size or colour that is not told is None.
    quantity
        Pieces.
    unit_price
        Price of a piece in the basket's currency.
    delivered
        Only where the line is asked about after it arrived; None at checkout.
    """

    product_id: str
    size_label: str | None = None
    colour: str | None = None
    quantity: int = 1
    unit_price: float | None = None
    delivered: Delivered | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BasketQuestion:
    """Which of these lines will come back?

    Parameters
    ----------
    lines
        The basket.
    asked_at
        Moment of the question, seconds since the epoch (UTC).
    customer_id, wearer
        Whose account, and which person on it.
    market
        Where it goes, ISO 3166 alpha-2.
    currency
        ISO 4217 code of the prices.
    measurements
        As in :class:`SizeQuestion`.
    """

    lines: tuple[BasketLine, ...]
    asked_at: float
    customer_id: str | None = None
    wearer: str = "self"
    market: str | None = None
    currency: str | None = None
    measurements: Mapping[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimQuestion:
    """Is this return claim honest?

    Parameters
    ----------
    order_line_id, customer_id
        What is claimed, and by whom.
    reason
        As claimed, of :data:`data_contracts.tables.RETURN_REASON`.
    requested_at
        Moment of the claim, seconds since the epoch (UTC). Nothing learned later is used.
    quantity
        Pieces claimed.
    return_id
        The shop's id of the claim, where it has one.
    condition, returned_weight_g
        What an inspection found, where there was one by now.
    """

    order_line_id: str
    customer_id: str | None
    reason: str
    requested_at: float
    quantity: int = 1
    return_id: str | None = None
    condition: str | None = None
    returned_weight_g: float | None = None
