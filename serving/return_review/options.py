"""The ways a claim can be settled: which are open, by which rule, and what each costs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from data_contracts.policies import Terms
from serving.return_review.case import AT_FAULT, SIZE_REASONS, Alternative, Case
from serving.return_review.checks import BLOCKING, Finding
from serving.return_review.costs import Cost, Costing
from serving.return_review.money import rounded
from serving.return_review.rights import Rights

__all__ = ["OPTIONS", "PricedOption", "RuleName", "price_options"]

OPTIONS: Final = (
    "refund",
    "refund_keep_item",
    "partial_refund_keep_item",
    "exchange_size",
    "exchange_colour",
    "return_to_warehouse",
    "repair",
)
_FLAWS = ("colour_mismatch", "not_as_described", "quality_defect", "damaged_in_transit")
_GRAVE = ("quality_defect", "damaged_in_transit")
_SAME_AGAIN = ("quality_defect", "damaged_in_transit", "wrong_item", "not_received")


@dataclass(frozen=True, slots=True)
class RuleName:
    """The rule that allows or forbids an option.

    Attributes
    ----------
    id
        Id of a policy rule, or ``review.`` and a name for what follows from the claim itself.
    text
        In plain words.
    statutory
        Whether the law sets it.
    """

    id: str
    text: str
    statutory: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedOption:
    """One way to settle the claim.

    Attributes
    ----------
    option
        One of :data:`OPTIONS`.
    allowed
        Whether it is open.
    rule
        Why.
    amount
        Money the customer gets; None where the price is not known.
    paid
        When: ``at_once``, ``on_sending``, ``after_inspection``; None where nothing is paid.
    into
        What an exchange is into.
    same_article
        The exchange is the ordered article once more.
    cost
        Expected cost to the shop; None where the price is not known.
    """

    option: str
    allowed: bool
    rule: RuleName
    amount: Decimal | None = None
    paid: str | None = None
    into: Alternative | None = None
    same_article: bool = False
    cost: Cost | None = None


def price_options(
    case: Case,
    terms: Terms | None,
    rights: Rights | None,
    findings: Sequence[Finding],
    route: str,
) -> tuple[PricedOption, ...]:
    """Judge and price every option.

    Parameters
    ----------
    case
        The claim.
    terms, rights
        Policy and entitlements; None without an order on record.
    findings, route
        As found; the route tells when money is paid, never whether.

    Returns
    -------
    tuple of PricedOption
        All of :data:`OPTIONS`, in their order.
    """
    blocked = next((each.rule for each in findings if each.rule in BLOCKING), None)
    if blocked is not None or terms is None or rights is None:
        rule = RuleName(f"review.{blocked}", _BLOCKED[blocked or "line_not_on_record"])
        return tuple(PricedOption(option=name, allowed=False, rule=rule) for name in OPTIONS)
    return tuple(_Desk(case, terms, rights, route).all())


_BLOCKED: Final = {
    "line_not_on_record": "No order line with this id is on record, so neither the price nor the "
    "rights are known; a person finds the order first.",
    "records_not_reachable": "The order cannot be looked up at the moment, so neither the price "
    "nor the rights are known; a person finds the order first, or the claim is sent again later.",
    "not_the_buyer": "The line was bought by another account; a person asks its owner first.",
    "claimed_before_order": "The claim is dated before the order; a person sets the date right.",
    "already_refunded": "All pieces bought have been refunded; a person looks at both claims.",
}


class _Desk:
    """Judges the options of one claim that can be settled."""

    def __init__(self, case: Case, terms: Terms, rights: Rights, route: str) -> None:
        self.case, self.terms, self.rights, self.route = case, terms, rights, route
        self.costing = None if case.value is None else Costing(case, terms)
        self.barred = set(terms.sanctions.get(case.band or "low", ()))
        self.reason = case.claim.reason

    def all(self) -> Iterable[PricedOption]:
        judge: dict[str, Callable[[], PricedOption]] = {
            "refund": self.refund,
            "refund_keep_item": self.refund_keep_item,
            "partial_refund_keep_item": self.partial_refund_keep_item,
            "exchange_size": self.exchange_size,
            "exchange_colour": self.exchange_colour,
            "return_to_warehouse": self.return_to_warehouse,
            "repair": self.repair,
        }
        return (judge[name]() for name in OPTIONS)

    def refund(self) -> PricedOption:
        back = not self.case.never_arrived
        due, rule = self.due()
        return self.money("refund", due, rule, share=self.share(), goods_back=back)

    def return_to_warehouse(self) -> PricedOption:
        due, rule = self.due()
        if self.case.never_arrived:
            due, rule = False, _own("nothing_to_send_back", "Nothing arrived that could come back.")
        elif self.case.claim.condition is not None:
            due, rule = False, _own("inspected", "The article is back and has been looked at.")
        return self.money(
            "return_to_warehouse", due, rule, share=self.share(), goods_back=True, seen_first=True
        )

    def refund_keep_item(self) -> PricedOption:
        due, rule = self.due()
        if due:
            due, rule = self.keeps()
        if due:
            below = self.case.value is not None and self.case.value < self.terms.keep_item_below
            due, rule = below, self.policy("keep_item_below")
        # No fee for restocking: nothing is.
        return self.money("refund_keep_item", due, rule, share=1.0, goods_back=False)

    def partial_refund_keep_item(self) -> PricedOption:
        terms = self.terms
        least, most = terms.partial_refund_share_min, terms.partial_refund_share_max
        share = most if self.reason in _GRAVE else least
        due, rule = self.due()
        if self.reason not in _FLAWS:
            due, rule = False, _own("no_flaw", "Part of the price is given for a flaw only.")
        elif due:
            due, rule = self.keeps()
        if due:
            due, rule = share > 0, self.policy("partial_refund_share_max")
        return self.money("partial_refund_keep_item", due, rule, share=share, goods_back=False)

    def exchange_size(self) -> PricedOption:
        order = self.case.order
        assert order is not None
        if self.reason in _SAME_AGAIN:
            into = Alternative(order.size_label or "") if order.size_label else None
            return self.exchange("exchange_size", into, same=True)
        if self.reason not in SIZE_REASONS:
            rule = _own("size_is_right", "The claim is not about the size.")
            return PricedOption(option="exchange_size", allowed=False, rule=rule)
        return self.exchange("exchange_size", self.case.size)

    def exchange_colour(self) -> PricedOption:
        if self.reason != "colour_mismatch":
            rule = _own("colour_is_right", "The claim is not about the colour.")
            return PricedOption(option="exchange_colour", allowed=False, rule=rule)
        return self.exchange("exchange_colour", self.case.colour)

    def repair(self) -> PricedOption:
        due, rule = self.due()
        if self.reason not in _GRAVE:
            due, rule = False, _own("nothing_to_repair", "The claim is not about a fault.")
        elif due:
            due, rule = self.terms.repair_allowed, self.policy("repair_allowed")
        cost = self.costing.repair() if self.costing else None
        return PricedOption(option="repair", allowed=due, rule=rule, cost=cost)

    def due(self) -> tuple[bool, RuleName]:
        """Whether anything is due to the customer, and by which rule: the law's first."""
        rights = self.rights
        if self.reason == "not_received":
            text = "What was ordered and did not arrive is refunded or sent again."
            return True, _own("not_delivered", text, statutory=True)
        if rights.withdrawal:
            return True, self.policy("withdrawal_days")
        if rights.not_as_agreed:
            return True, self.policy("fault_claim_days")
        if not rights.window:
            return False, self.policy("return_window_days")
        if rights.returnable:
            return True, self.policy("return_window_days")
        return False, self.policy("returnable" if not self.terms.returnable else "quality_only")

    def keeps(self) -> tuple[bool, RuleName]:
        """Whether the customer has the article and may keep it."""
        if self.case.never_arrived:
            return False, _own("nothing_to_keep", "Nothing arrived that could be kept.")
        if self.case.goods_are_back:
            return False, _own("goods_are_back", "The article has already come back.")
        return "no_keep_item" not in self.barred, self.policy("sanctions")

    def share(self) -> float:
        """Share of the price that a refund gives back: all, unless the shop may keep a fee."""
        if self.rights.statutory or self.reason in AT_FAULT:
            return 1.0
        return 1.0 - self.terms.restocking_fee_share

    def money(
        self,
        option: str,
        allowed: bool,
        rule: RuleName,
        *,
        share: float,
        goods_back: bool,
        seen_first: bool = False,
    ) -> PricedOption:
        if self.case.value is None or self.costing is None or not share:
            return PricedOption(option=option, allowed=allowed, rule=rule, paid=None)
        amount = rounded(self.case.value * share, self.terms.currency)
        soon = self.route == "fast_track" or self.case.goods_are_back or not goods_back
        return PricedOption(
            option=option,
            allowed=allowed,
            rule=rule,
            amount=amount,
            paid="after_inspection" if seen_first else "at_once" if soon else "on_sending",
            cost=self.costing.refund(
                amount,
                goods_back=goods_back,
                seen_first=seen_first,
                undone=option != "partial_refund_keep_item",
            ),
        )

    def exchange(
        self, option: str, into: Alternative | None, *, same: bool = False
    ) -> PricedOption:
        due, rule = self.due()
        if due:
            due, rule = self.terms.exchange_allowed, self.policy("exchange_allowed")
        if due and into is None and not same:
            due, rule = False, _own("nothing_better", "No other one is known to suit better.")
        cost = None
        if self.costing and due:
            p_return = into.p_return if into else None
            cost = self.costing.exchange(
                p_return,
                goods_back=not self.case.never_arrived,
                seen_first=self.route in ("inspect", "review"),
            )
        coupon = self.costing.coupon_share if self.costing else 0.0
        amount = None
        if due and self.case.value is not None and coupon:
            amount = rounded(self.case.value * coupon, self.terms.currency)
        return PricedOption(
            option=option,
            allowed=due,
            rule=rule,
            amount=amount,
            into=into,
            same_article=same,
            cost=cost,
        )

    def policy(self, term: str) -> RuleName:
        decision = self.terms.rule(term)
        return RuleName(decision.rule, decision.text, decision.statutory)


def _own(name: str, text: str, *, statutory: bool = False) -> RuleName:
    return RuleName(f"review.{name}", text, statutory)
