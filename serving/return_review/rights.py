"""What the customer is entitled to, before any score or shop rule is looked at."""

from __future__ import annotations

from dataclasses import dataclass

from data_contracts.policies import Terms
from serving.return_review.case import AT_FAULT, DAY_S, NOT_AS_AGREED, Case

__all__ = ["Rights", "rights_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """Ground, if any, on which the price is due.

    Attributes
    ----------
    withdrawal
        The law lets the buyer give the article back without a reason, and the period runs.
    withdrawal_until
        Its last moment, seconds since the epoch; None where delivery is not on record, or there is
        no such right.
    not_as_agreed
        The claim is that what was agreed did not arrive, and it may still be made.
    window
        The shop's own period runs.
    window_until
        Its last moment.
    returnable
        The shop takes such articles back without a fault.
    """

    withdrawal: bool
    withdrawal_until: float | None
    not_as_agreed: bool
    window: bool
    window_until: float | None
    returnable: bool

    @property
    def statutory(self) -> bool:
        """Whether the price is due by law."""
        return self.withdrawal or self.not_as_agreed

    @property
    def refund_due(self) -> bool:
        """Whether the price is due at all, by law or by the shop's own promise."""
        return self.statutory or (self.window and self.returnable)


def rights_of(case: Case, terms: Terms) -> Rights:
    """Find what the customer is entitled to.

    Parameters
    ----------
    case
        The claim; the score is not looked at.
    terms
        Policy of its order.

    Notes
    -----
    A period runs from delivery. Where delivery is not on record it has not begun, so it has not
    ended either: the doubt is the shop's. A withdrawal runs from the last delivery of the order
    (Directive 2011/83/EU, art. 9(2)(b)(i)).
    """
    start = case.received_from
    last_start = start
    if start is not None and case.order is not None and case.order.order_delivered_at is not None:
        last_start = max(start, case.order.order_delivered_at)
    asked = case.claim.requested_at
    reason = case.claim.reason

    def runs(days: float, start: float | None = start) -> tuple[bool, float | None]:
        if days <= 0:
            return False, None
        if start is None:
            return True, None
        # A period counted in days ends with its last day, wherever on earth that ends last.
        last = start + (days + 1) * DAY_S
        return asked <= last, last

    withdrawal, withdrawal_until = runs(terms.withdrawal_days, last_start)
    window, window_until = runs(terms.return_window_days)
    # What never came can be asked for without end; a fault as long as the law or the shop says.
    fault_days = max(terms.fault_claim_days, terms.reject_faulty_days, terms.return_window_days)
    quality_only = terms.quality_only and reason not in AT_FAULT
    return Rights(
        withdrawal=withdrawal,
        withdrawal_until=withdrawal_until,
        not_as_agreed=reason == "not_received" or (reason in NOT_AS_AGREED and runs(fault_days)[0]),
        window=window,
        window_until=window_until,
        returnable=terms.returnable and not quality_only,
    )
