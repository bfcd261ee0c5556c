"""What returns are expected to cost, and the action that makes them cost least.

No threshold on a probability: a line of 15 EUR on a dear lane and one of 200 EUR with a good resale
are different decisions at the same probability. Every action that applies is priced, and the
cheapest is taken (expected-cost decision making, Elkan, "The Foundations of Cost-Sensitive
Learning", IJCAI 2001). A line that is kept costs nothing; money is in one currency.

What an action does is told by one figure of the policy, the share of buyers who heed what they are
shown (``drop_share``):

- ``confirm``: they are asked to look again, and drop the line. A return is saved where it would
  have come back, a sale is lost where it would have been kept.
- ``show_size_advice``: they take the suggested size. No sale is lost.
- ``drop_duplicate_size``: they keep the likelier of two sizes. Two sizes of one product are bought
  to keep one, so a sale is lost only where the size that stays comes back and the other would not
  have.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

import numpy as np
import numpy.typing as npt

from models.return_risk.answer import LineRisk

__all__ = [
    "ACTION",
    "PUBLIC_RULES",
    "Action",
    "BasketCost",
    "CostRule",
    "ReturnTerms",
    "Saved",
    "judge_basket",
    "mixed_rule",
    "money_saved",
    "return_rule",
]

Action = Literal["none", "show_size_advice", "drop_duplicate_size", "confirm"]
ACTION: Final = ("none", "show_size_advice", "drop_duplicate_size", "confirm")
"""Actions, gentlest first: of two that cost the same the gentler is taken."""

Floats = npt.NDArray[np.float64]

_SAME = 1e-9
_LOST = "not_received"  # nothing comes back, so nothing is shipped, handled or sold again


@dataclass(frozen=True, slots=True)
class CostRule:
    """What a return of a line costs, and what a warning does.

    Parameters
    ----------
    fixed
        Money for each return: way back and handling.
    share
        Share of the line's value lost for each return: duty that is not reclaimed, and what the
        goods resell for less.
    drop_share
        Share of buyers who heed a message.
    margin_share
        Share of the line's value that a kept sale earns.
    """

    fixed: float
    share: float
    drop_share: float = 0.5
    margin_share: float = 0.0

    def of_return(self, value: float) -> float:
        """Money lost when a line of this value comes back."""
        return self.fixed + self.share * value

    def of_lost_sale(self, value: float) -> float:
        """Money not earned when a line of this value is dropped that would have been kept."""
        return self.margin_share * value


PUBLIC_RULES: Final[Mapping[str, CostRule]] = {
    "a lost sale costs its value": CostRule(3.0, 0.10, 0.5, 1.0),
    "a lost sale costs a margin of 40 %": CostRule(3.0, 0.10, 0.5, 0.4),
    "a lost sale costs nothing": CostRule(3.0, 0.10, 0.5, 0.0),
}
"""A return costs 3 EUR and 10 % of the value, a warning makes half of the buyers drop the line.

The rule does not say what a lost sale costs, and that decides the result, so all three are told.
"""


class ReturnTerms(Protocol):
    """What :func:`return_rule` reads of :class:`data_contracts.policies.Terms`."""

    @property
    def return_shipping(self) -> float: ...
    @property
    def handling(self) -> float: ...
    @property
    def buyer_pays_return(self) -> bool: ...
    @property
    def duty_share(self) -> float: ...
    @property
    def duty_reclaim_share(self) -> float: ...
    @property
    def restocking_fee_share(self) -> float: ...
    @property
    def keep_item_below(self) -> float: ...
    @property
    def margin_share(self) -> float: ...
    @property
    def warning_drop_share(self) -> float: ...
    def resale_share(
        self, condition: str | None = None, days_since_launch: float | None = None
    ) -> float: ...


def return_rule(
    terms: ReturnTerms, reason: str, value: float, *, days_since_launch: float | None = None
) -> CostRule:
    """Put the policy's terms together for a line that comes back for one reason.

    Parameters
    ----------
    terms
        Of this reason, in the currency of `value`: who pays for the way back depends on it.
    reason
        Of :data:`data_contracts.tables.RETURN_REASON`.
    value
        Of the line.
    days_since_launch
        Age of the product: out of season it resells for less.

    Notes
    -----
    Goods below ``keep_item_below`` are refunded and left with the buyer: they cost their value and
    the duty on it, and no way back. So does a parcel that never arrived. The way back is counted
    for each line, though lines of a basket may share a parcel; outbound shipping is spent whether
    the line comes back or not.
    """
    drop, margin = terms.warning_drop_share, terms.margin_share
    if reason == _LOST or value < terms.keep_item_below:
        return CostRule(0.0, 1.0 + terms.duty_share, drop, margin)
    fixed = terms.handling + (0.0 if terms.buyer_pays_return else terms.return_shipping)
    share = (
        terms.duty_share * (1.0 - terms.duty_reclaim_share)
        + 1.0
        - terms.resale_share(None, days_since_launch)
        - terms.restocking_fee_share
    )
    return CostRule(fixed, max(0.0, share), drop, margin)


def mixed_rule(rules: Mapping[str, CostRule], reasons: Mapping[str, float]) -> CostRule:
    """Weigh the rule of each reason by its probability.

    Parameters
    ----------
    rules
        By reason; at least one.
    reasons
        Probability by reason; every reason has a rule.
    """
    total = sum(reasons.values())
    if total <= 0:
        return next(iter(rules.values()))
    fixed = share = drop = margin = 0.0
    for reason, p in reasons.items():
        rule = rules[reason]
        fixed += p * rule.fixed
        share += p * rule.share
        drop += p * rule.drop_share
        margin += p * rule.margin_share
    return CostRule(fixed / total, share / total, drop / total, margin / total)


@dataclass(frozen=True, slots=True)
class BasketCost:
    """What a basket is expected to cost, and what to do about it.

    Attributes
    ----------
    lines
        Expected cost of each line if nothing is done; None where its value is not known.
    total
        Their sum.
    action
        The cheapest.
    concerns
        Indexes of the lines the action is about.
    stays
        By the index of a line that ``drop_duplicate_size`` is about: the line that stays.
    costs
        Expected cost of the basket under ``none`` and under each action that would save something.
    """

    lines: tuple[float | None, ...]
    total: float
    action: Action
    concerns: tuple[int, ...] = ()
    stays: Mapping[int, int] = field(default_factory=dict)
    costs: Mapping[str, float] = field(default_factory=dict)

    @property
    def saving(self) -> float:
        """What the action is expected to save."""
        return self.total - self.costs[self.action]


def judge_basket(
    risks: Sequence[LineRisk],
    values: Sequence[float | None],
    rules: Sequence[CostRule],
    *,
    bought: bool = False,
) -> BasketCost:
    """Price every action that applies and take the cheapest.

    Parameters
    ----------
    risks
        Of each line.
    values
        Money of each line, price times quantity; a line without is left out.
    rules
        Of each line, in the currency of the values.
    bought
        Nothing can be dropped any more: only ``none`` applies.
    """
    lines = tuple(
        None if value is None else risk.p_return * rule.of_return(value)
        for risk, value, rule in zip(risks, values, rules, strict=True)
    )
    total = sum(cost for cost in lines if cost is not None)
    savings: dict[Action, dict[int, float]] = {
        "show_size_advice": {},
        "drop_duplicate_size": {},
        "confirm": {},
    }
    kept = {} if bought else _likelier_sizes(risks)
    if not bought:
        for i, (risk, value, rule) in enumerate(zip(risks, values, rules, strict=True)):
            if value is None:
                continue
            comes_back, lost = rule.of_return(value), rule.of_lost_sale(value)
            p, heed = risk.p_return, rule.drop_share
            sizes = [each.p_to for each in risk.suggestions if each.kind == "size"]
            if sizes:
                savings["show_size_advice"][i] = heed * (p - sizes[0]) * comes_back
            stays = kept.get(i)
            if stays is not None:
                missed = risks[stays].p_return * (1.0 - p) * lost
                savings["drop_duplicate_size"][i] = heed * (p * comes_back - missed)
            savings["confirm"][i] = heed * (p * comes_back - (1.0 - p) * lost)
    costs: dict[str, float] = {"none": total}
    best: Action = "none"
    concerns: tuple[int, ...] = ()
    for action, by_line in savings.items():
        helped = tuple(i for i, saved in by_line.items() if saved > _SAME)
        if not helped:
            continue
        costs[action] = total - sum(by_line[i] for i in helped)
        if costs[action] < costs[best] - _SAME:
            best, concerns = action, helped
    return BasketCost(lines, total, best, concerns, kept, costs)


def _likelier_sizes(risks: Sequence[LineRisk]) -> dict[int, int]:
    """For each line of a product in several sizes: the line of the size likeliest to be kept.

    That line itself is left out.
    """
    groups: dict[int, list[int]] = {}
    for i, risk in enumerate(risks):
        if risk.duplicate_of is not None:
            groups.setdefault(risk.duplicate_of, [risk.duplicate_of]).append(i)
    stays: dict[int, int] = {}
    for group in groups.values():
        best = min(group, key=lambda i: risks[i].p_return)
        stays |= {i: best for i in group if i != best}
    return stays


@dataclass(frozen=True, slots=True)
class Saved:
    """What warnings saved.

    Attributes
    ----------
    model, oracle
        Money saved by the model's warnings, and by one who warns for exactly what came back.
    warned
        Share of the lines that were warned about.
    """

    model: float
    oracle: float
    warned: float

    @property
    def share(self) -> float:
        """Of the oracle's saving; NaN where there was nothing to save."""
        return self.model / self.oracle if self.oracle > 0 else math.nan


def money_saved(p: Floats, returned: Floats, value: Floats, rule: CostRule) -> Saved:
    """Judge ``confirm`` on past lines: warn where it is expected to save, and count what it saved.

    Parameters
    ----------
    p
        Predicted probabilities of a return, (n,).
    returned
        1 where the line came back, 0 where it was kept, (n,).
    value
        Money of each line, (n,); at least 0.
    rule
        What a return and a lost sale cost.

    Raises
    ------
    ValueError
        When the three differ in length, or one is not finite.
    """
    p, returned, value = (np.asarray(each, dtype=np.float64) for each in (p, returned, value))
    if not p.shape == returned.shape == value.shape:
        raise ValueError(f"lengths differ: p {p.shape}, returned {returned.shape}, {value.shape}")
    if not all(np.isfinite(each).all() for each in (p, returned, value)):
        raise ValueError("p, returned and value must be finite; leave lines without a price out")
    comes_back = rule.fixed + rule.share * value
    lost = rule.margin_share * value
    warned = p * comes_back > (1.0 - p) * lost
    true = rule.drop_share * (returned * comes_back - (1.0 - returned) * lost)
    return Saved(
        model=float(true[warned].sum()),
        oracle=float(rule.drop_share * (returned * comes_back).sum()),
        warned=float(warned.mean()) if len(p) else 0.0,
    )
