"""Contradictions in a claim, each a named rule.

A finding never takes anything from the customer: it sends the claim to a scale or to a person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from serving.return_review.case import NOT_AS_AGREED, Case
from serving.return_review.rights import Rights

__all__ = ["BLOCKING", "WEIGHT_TOLERANCE", "Finding", "check"]

WEIGHT_TOLERANCE: Final = 0.15
"""Share of the weight sent that a parcel may lack: packaging is thrown away, scales differ."""

BLOCKING: Final = (
    "line_not_on_record",
    "records_not_reachable",
    "not_the_buyer",
    "claimed_before_order",
    "already_refunded",
)
"""Findings after which no option can be offered until a person has cleared them."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that found something.

    Attributes
    ----------
    rule
        Stable name.
    route
        The claim goes this way at least.
    figures
        What it rests on: days, pieces, g.
    """

    rule: str
    route: str
    figures: Mapping[str, float | int | str] = field(default_factory=dict)


def check(case: Case, rights: Rights | None) -> tuple[Finding, ...]:
    """Apply every rule.

    Parameters
    ----------
    case
        The claim.
    rights
        What the customer is entitled to; None when there is no order on record.
    """
    if case.order is None:
        unfound = "records_not_reachable" if case.unreachable else "line_not_on_record"
        return (Finding(unfound, "review"),)
    if case.order.customer_id != case.claim.customer_id:
        # Nothing more is said: the figures belong to another person.
        return (Finding("not_the_buyer", "review"),)
    assert rights is not None
    found = [*_period(case, rights)]
    for rule in _RULES:
        found += rule(case)
    return tuple(found)


def _before_order(case: Case) -> Iterator[Finding]:
    assert case.order is not None
    if case.claim.requested_at < case.order.ordered_at:
        yield Finding("claimed_before_order", "review")


def _before_delivery(case: Case) -> Iterator[Finding]:
    days = case.days_since_delivery
    # Who waits in vain, or no longer wants it, may say so before it is there.
    if case.claim.reason in ("not_received", "late_delivery", "changed_mind"):
        return
    if days is not None and days < 0:
        yield Finding("claimed_before_delivery", "review", {"days": round(-days, 1)})
    elif days is None:
        yield Finding("delivery_not_on_record", "inspect")


def _period(case: Case, rights: Rights) -> Iterator[Finding]:
    days = case.days_since_delivery
    if rights.not_as_agreed or days is None:
        return
    if not rights.withdrawal and not rights.window:
        assert case.terms is not None
        allowed = max(case.terms.withdrawal_days, case.terms.return_window_days)
        yield Finding("after_window", "review", {"days": int(days), "allowed_days": allowed})
    elif not rights.refund_due:
        yield Finding("not_returnable", "review")


def _not_received_but_back(case: Case) -> Iterator[Finding]:
    if not case.never_arrived:
        return
    figures: dict[str, float | int | str] = {}
    if case.claim.returned_weight_g is not None:
        figures["returned_weight_g"] = case.claim.returned_weight_g
    if case.claim.condition is not None:
        figures["condition"] = case.claim.condition
    if figures:
        yield Finding("not_received_but_returned", "review", figures)


def _not_received_but_delivered(case: Case) -> Iterator[Finding]:
    days = case.days_since_delivery
    if case.never_arrived and days is not None and days >= 0:
        yield Finding("delivered_on_record", "standard", {"days": int(days)})


def _weight(case: Case) -> Iterator[Finding]:
    assert case.order is not None
    sent, back = case.order.shipped_weight_g, case.claim.returned_weight_g
    # The weight on record is of all pieces: a part of them weighs its share.
    if not sent or back is None or case.never_arrived:
        return
    expected = sent * case.claim.quantity / case.order.quantity
    gap = (expected - back) / expected
    if abs(gap) > WEIGHT_TOLERANCE:
        figures = {"shipped_g": round(expected, 1), "returned_g": back, "share": round(gap, 3)}
        yield Finding("weight_gap", "review" if gap > 0 else "inspect", figures)


def _condition(case: Case) -> Iterator[Finding]:
    condition = case.claim.condition
    if condition in (None, "as_new") or case.never_arrived:
        return
    if condition in ("worn", "missing_parts"):
        yield Finding("condition", "inspect", {"condition": str(condition)})
    elif condition == "damaged":
        if case.claim.reason not in NOT_AS_AGREED:
            yield Finding("condition", "inspect", {"condition": condition})
    # Another article in the parcel is what a wrong delivery looks like.
    elif condition == "empty" or case.claim.reason != "wrong_item":
        yield Finding("condition", "review", {"condition": str(condition)})


def _claimed_earlier(case: Case) -> Iterator[Finding]:
    order, claim = case.order, case.claim
    assert order is not None
    earlier = [
        each
        for each in order.claims
        if each.requested_at < claim.requested_at and each.return_id != claim.return_id
    ]
    pieces = sum(each.quantity for each in earlier)
    if pieces + claim.quantity <= order.quantity:
        return
    figures = {"claimed": pieces, "bought": order.quantity}
    refunded = sum(each.quantity for each in earlier if each.resolution in _MONEY_BACK)
    settled = refunded + claim.quantity > order.quantity
    yield Finding("already_refunded" if settled else "claimed_again", "review", figures)


def _price(case: Case) -> Iterator[Finding]:
    if case.value is None:
        yield Finding("price_not_on_record", "review")


_MONEY_BACK: Final = ("refunded", "kept_item")
_RULES: Final[tuple[Callable[[Case], Iterator[Finding]], ...]] = (
    _before_order,
    _before_delivery,
    _not_received_but_back,
    _not_received_but_delivered,
    _weight,
    _condition,
    _claimed_earlier,
    _price,
)
