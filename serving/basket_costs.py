"""What the policies say a return of each line of a basket costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from data_contracts.policies import Policies, PolicyError, Situation
from data_contracts.tables import RETURN_REASON
from features.questions import BasketLine, BasketQuestion
from models.return_risk.answer import LineRisk
from models.return_risk.cost import BasketCost, CostRule, judge_basket, mixed_rule, return_rule
from serving.risk_advisor import Goods

__all__ = ["BasketCosts", "PolicyCosts"]

_DAY_S = 86_400.0
_MOST_CACHED = 10_000
_COUNTED: Final = (
    "return_shipping",
    "buyer_pays_return",
    "handling",
    "duty_share",
    "duty_reclaim_share",
    "resale_share",
    "restocking_fee_share",
    "keep_item_below",
    "margin_share",
    "warning_drop_share",
)
"""Terms a cost is made of, by their keys in a policy file."""


@dataclass(frozen=True, slots=True)
class BasketCosts:
    """What a basket is expected to cost, under which rules.

    Parameters
    ----------
    currency
        Of all money in it.
    judged
        Costs and action.
    rules
        Names of the policy rules behind them.
    """

    currency: str
    judged: BasketCost
    rules: tuple[str, ...]


class PolicyCosts:
    """Prices baskets by the policies in force.

    Parameters
    ----------
    policies
        The statutory and the shop's rules.
    """

    def __init__(self, policies: Policies) -> None:
        self._policies = policies
        # A shop's prices repeat, and so do its markets and categories.
        self._rules = lru_cache(_MOST_CACHED)(self._read_rules)
        self._currency_of = lru_cache(_MOST_CACHED)(self._read_currency)

    @property
    def currencies(self) -> tuple[str, ...]:
        """Currencies money can be told in."""
        return tuple(sorted(self._policies.rates.per_base))

    def judge(
        self,
        question: BasketQuestion,
        goods: Sequence[Goods | None],
        risks: Sequence[LineRisk],
        *,
        bought: bool,
    ) -> BasketCosts:
        """Price a basket and choose its action.

        Parameters
        ----------
        question
            The basket; its currency is one of :attr:`currencies`, or None for the market's own.
        goods
            What is known of each line's product.
        risks
            Of each line.
        bought
            The lines have arrived.
        """
        currency = question.currency or self._currency_of(question.market)
        values, rules = [], []
        named: dict[str, None] = {}
        for line, found, risk in zip(question.lines, goods, risks, strict=True):
            known = found or _UNKNOWN
            value = self._value(line, known, currency)
            launched = known.launched_at
            by_reason, names = self._rules(
                question.market,
                known.category,
                known.audience,
                bool(known.hygiene_sealed),
                currency,
                value or 0.0,
                None if launched is None else max(0, int((question.asked_at - launched) // _DAY_S)),
            )
            rules.append(mixed_rule(by_reason, risk.reasons))
            values.append(value)
            if value is not None:
                named.update(names)
        judged = judge_basket(risks, values, rules, bought=bought)
        return BasketCosts(currency, judged, tuple(named))

    def _value(self, line: BasketLine, known: Goods, currency: str) -> float | None:
        if line.unit_price is not None:
            return line.unit_price * line.quantity
        if known.price is None:
            return None
        rates = self._policies.rates
        if known.currency is None or known.currency == currency:
            return known.price * line.quantity
        try:
            rate = rates.base_per_unit(known.currency) / rates.base_per_unit(currency)
        except PolicyError:
            return None
        return known.price * rate * line.quantity

    def priced(self, question: BasketQuestion) -> BasketQuestion:
        """The question with the currency its prices are in: the market's own unless one was sent.

        The model compares prices, so it must read them as they are charged.
        """
        if question.currency is not None:
            return question
        return replace(question, currency=self._currency_of(question.market))

    def _read_currency(self, market: str | None) -> str:
        return self._policies.terms(Situation(market=market)).currency

    def _read_rules(
        self,
        market: str | None,
        category: str | None,
        audience: str | None,
        hygiene_sealed: bool,
        currency: str,
        value: float,
        days_since_launch: int | None,
    ) -> tuple[dict[str, CostRule], dict[str, None]]:
        """Give the cost rule of each reason, and the names of the policy rules behind them."""
        rules: dict[str, CostRule] = {}
        names: dict[str, None] = {}
        for reason in RETURN_REASON:
            terms = self._policies.terms(
                Situation(
                    market=market,
                    category=category,
                    audience=audience,
                    hygiene_sealed=hygiene_sealed,
                    currency=currency,
                    reason=reason,
                    value=value,
                )
            )
            rules[reason] = return_rule(terms, reason, value, days_since_launch=days_since_launch)
            names.update({terms.rule(term).rule: None for term in _COUNTED})
        return rules, names


_UNKNOWN = Goods()
