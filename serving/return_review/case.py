"""What is known of a claim when it is reviewed."""

from __future__ import annotations

from dataclasses import dataclass

from data_contracts.policies import Terms
from features.order_records import OrderRecord
from features.questions import ClaimQuestion

__all__ = [
    "AT_FAULT",
    "DAY_S",
    "NOT_AS_AGREED",
    "SIZE_REASONS",
    "Alternative",
    "Case",
]

DAY_S = 86_400.0
SIZE_REASONS = ("too_small", "too_large")
NOT_AS_AGREED = (
    "colour_mismatch",
    "not_as_described",
    "quality_defect",
    "damaged_in_transit",
    "wrong_item",
    "not_received",
)
"""Reasons that say that the shop did not deliver what was agreed."""
AT_FAULT = (*NOT_AS_AGREED, "late_delivery")
"""Reasons the shop or its carrier answers for: no fee and no postage is asked of the buyer."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """What the article could be exchanged into.

    Attributes
    ----------
    label
        The size, or the colour.
    p_return
        Chance that it comes back too; None where no model tells.
    others
        What else would do, best first.
    """

    label: str
    p_return: float | None = None
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One claim with all that is known of it.

    Attributes
    ----------
    claim
        As made.
    order
        The order line on record; None when there is none.
    terms
        The policy for this order; None without one.
    value
        What was paid for the pieces claimed, in the line's currency; None when not on record.
    wanted
        What the buyer asked for: ``refund``, ``exchange``, ``repair``; None when not told.
    opened
        Whether the hygiene seal was opened.
    score, band
        Of the abuse model; None without one.
    size, colour
        What an exchange could be into.
    unreachable
        There is no order because the records cannot be reached now.
    """

    claim: ClaimQuestion
    order: OrderRecord | None = None
    terms: Terms | None = None
    value: float | None = None
    wanted: str | None = None
    opened: bool | None = None
    score: float | None = None
    band: str | None = None
    size: Alternative | None = None
    colour: Alternative | None = None
    unreachable: bool = False

    @property
    def received_from(self) -> float | None:
        """Moment the periods run from: delivery, seconds since the epoch."""
        return self.order.delivered_at if self.order else None

    @property
    def days_since_delivery(self) -> float | None:
        """Days from delivery to the claim; below 0 when it was made earlier."""
        start = self.received_from
        return None if start is None else (self.claim.requested_at - start) / DAY_S

    @property
    def goods_are_back(self) -> bool:
        """Whether something has already come back."""
        return self.claim.condition is not None or self.claim.returned_weight_g is not None

    @property
    def never_arrived(self) -> bool:
        """Whether the buyer says that nothing came."""
        return self.claim.reason == "not_received"
