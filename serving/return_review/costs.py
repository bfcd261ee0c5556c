"""What an option costs the shop if the customer takes it: every part a figure of the policy.

Costs are counted against a sale that stands, as :func:`models.return_risk.cost.return_rule` counts
them: what goes back to the buyer, the ways, and the duty that was paid for a sale that is undone.
Below 0 is a credit.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from decimal import Decimal

from data_contracts.policies import Terms
from serving.return_review.case import AT_FAULT, DAY_S, Case
from serving.return_review.money import rounded

__all__ = ["PARTS", "Cost", "Costing"]

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Parts of an option's expected cost, in the line's currency, rounded; they sum to the total.

    Attributes
    ----------
    refund
        Money given back.
    replacement
        What the article sent instead costs the shop: its price less the margin.
    return_shipping, outbound_shipping
        The parcel's ways, as far as the shop pays them.
    duty_lost, duty_reclaimed
        Duty paid on the article, where it is refunded or replaced; what of it comes back with the
        goods (a credit).
    handling
        Receiving, inspecting and shelving.
    repair
        Of the article.
    coupon
        Incentive to exchange.
    resale
        What the goods that come back resell for, by condition and season (a credit).
    next_return
        Chance that what is sent instead comes back too, times what a refund of it costs.
    abuse
        Abuse score times the value that is given away before anyone has seen the goods.
    """

    refund: Decimal = _ZERO
    replacement: Decimal = _ZERO
    return_shipping: Decimal = _ZERO
    outbound_shipping: Decimal = _ZERO
    duty_lost: Decimal = _ZERO
    duty_reclaimed: Decimal = _ZERO
    handling: Decimal = _ZERO
    repair: Decimal = _ZERO
    coupon: Decimal = _ZERO
    resale: Decimal = _ZERO
    next_return: Decimal = _ZERO
    abuse: Decimal = _ZERO

    @property
    def total(self) -> Decimal:
        """All parts together."""
        return sum((getattr(self, part) for part in PARTS), _ZERO)


PARTS = tuple(part.name for part in fields(Cost))
"""Names of the parts, in order."""


class Costing:
    """Costs of one claim.

    Parameters
    ----------
    case
        The claim; its value is known.
    terms
        The policy.
    """

    def __init__(self, case: Case, terms: Terms) -> None:
        assert case.value is not None
        self._case = case
        self._terms = terms
        self._value = case.value
        self._score = case.score or 0.0

    def refund(
        self, amount: Decimal, *, goods_back: bool, seen_first: bool, undone: bool = True
    ) -> Cost:
        """Money back.

        Parameters
        ----------
        amount
            What is given back.
        goods_back
            Whether the article comes back.
        seen_first
            Whether somebody looks at it before the money goes.
        undone
            Whether the sale is undone; part of the price leaves it standing.
        """
        at_stake = 0.0 if seen_first else float(amount)
        return self._cost(
            refund=float(amount),
            duty_lost=self._value * self._terms.duty_share if undone else 0.0,
            abuse=self._score * at_stake,
            **(self._goods_back() if goods_back else {}),
        )

    def exchange(self, p_return: float | None, *, goods_back: bool, seen_first: bool) -> Cost:
        """The article in another size or colour, or once more.

        Parameters
        ----------
        p_return
            Chance that it comes back too; None counts as 0.
        goods_back
            Whether the first one comes back.
        seen_first
            Whether somebody looks at it before the other one goes.
        """
        terms, value = self._terms, self._value
        replacement = value * (1.0 - terms.margin_share)
        # What is sent instead is new, and its way back is still to be paid.
        unseen = replace(self._case.claim, condition=None, returned_weight_g=None)
        again = Costing(replace(self._case, claim=unseen), terms).refund(
            rounded(value, terms.currency), goods_back=True, seen_first=True
        )
        return self._cost(
            replacement=replacement,
            outbound_shipping=terms.outbound_shipping,
            duty_lost=value * terms.duty_share,
            coupon=value * self.coupon_share,
            next_return=(p_return or 0.0) * max(0.0, float(again.total)),
            abuse=0.0 if seen_first else self._score * replacement,
            **(self._goods_back() if goods_back else {}),
        )

    def repair(self) -> Cost:
        """The article comes in, is mended and goes back to the buyer."""
        terms = self._terms
        return self._cost(
            repair=terms.repair_cost * self._case.claim.quantity,
            return_shipping=self._way_back(),
            outbound_shipping=terms.outbound_shipping,
            handling=terms.handling * self._case.claim.quantity,
        )

    @property
    def coupon_share(self) -> float:
        """Share of the price given for exchanging; a shop's own mistake needs no incentive."""
        terms = self._terms
        if self._case.claim.reason in AT_FAULT and self._case.claim.reason != "colour_mismatch":
            return 0.0
        barred = terms.sanctions.get(self._case.band or "low", ())
        return 0.0 if "no_coupon" in barred else terms.coupon_share

    def _goods_back(self) -> dict[str, float]:
        terms, value = self._terms, self._value
        return {
            "return_shipping": self._way_back(),
            "handling": terms.handling * self._case.claim.quantity,
            "duty_reclaimed": -value * terms.duty_share * terms.duty_reclaim_share,
            "resale": -value * terms.resale_share(self._condition(), self._age_days()),
        }

    def _way_back(self) -> float:
        if self._case.goods_are_back:
            return 0.0  # paid already, whatever is chosen now
        pays = self._case.claim.reason in AT_FAULT or not self._terms.buyer_pays_return
        return self._terms.return_shipping if pays else 0.0

    def _condition(self) -> str | None:
        """As inspected; before that, as the claim itself says."""
        if self._case.claim.condition is not None:
            return self._case.claim.condition
        faulty = self._case.claim.reason in ("quality_defect", "damaged_in_transit")
        return "damaged" if faulty else None

    def _age_days(self) -> float | None:
        order = self._case.order
        if order is None or order.launched_at is None:
            return None
        return max(0.0, (self._case.claim.requested_at - order.launched_at) / DAY_S)

    def _cost(self, **parts: float) -> Cost:
        currency = self._terms.currency
        return Cost(**{part: rounded(parts.get(part, 0.0), currency) for part in PARTS})
