"""What would have changed the route: the routing is run again with one fact changed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from data_contracts.policies import Terms
from serving.return_review.case import DAY_S, Case
from serving.return_review.checks import check
from serving.return_review.rights import rights_of
from serving.return_review.routes import Routing, lighter, route_of

__all__ = ["FOR_THE_DESK", "Change", "changes"]

FOR_THE_DESK: Final = ("low_score",)
"""Facts no customer is told of."""

_LEAST = 0.01  # an amount below a threshold by less than any currency's smallest coin we price in
TermsOf = Callable[[Case], Terms | None]


@dataclass(frozen=True, slots=True)
class Change:
    """Facts that would have led to a lighter route.

    Attributes
    ----------
    facts
        What is changed: one, or several that do so only together.
    route
        Where it would have gone.
    figures
        The value each fact would have needed.
    """

    facts: tuple[str, ...]
    route: str
    figures: Mapping[str, float | int | str] = field(default_factory=dict)


def changes(case: Case, routing: Routing, terms_of: TermsOf) -> tuple[Change, ...]:
    """Find what would have changed the route.

    Parameters
    ----------
    case
        The claim.
    routing
        Its route.
    terms_of
        Gives the policy for a changed claim.

    Returns
    -------
    tuple of Change
        Single facts; where none suffices alone, all of them together, if that does.
    """
    if case.order is None or case.terms is None:
        return ()
    tried = list(_variants(case, case.terms))
    found = []
    for fact, changed, figures in tried:
        route = _again(changed(case), terms_of)
        if lighter(route, routing.route):
            found.append(Change((fact,), route, figures))
    if found or len(tried) < 2:
        return tuple(found)
    together, figures_of_all = case, {}
    for _, changed, figures in tried:
        together = changed(together)
        figures_of_all.update(figures)
    route = _again(together, terms_of)
    if not lighter(route, routing.route):
        return ()
    return (Change(tuple(fact for fact, _, _ in tried), route, figures_of_all),)


def _again(case: Case, terms_of: TermsOf) -> str:
    terms = terms_of(case)
    rights = rights_of(case, terms) if terms is not None else None
    changed = dataclasses.replace(case, terms=terms)
    return route_of(changed, terms, rights, check(changed, rights)).route


_Figures = dict[str, float | int | str]
_Variant = tuple[str, Callable[[Case], Case], _Figures]


def _variants(case: Case, terms: Terms) -> Iterator[_Variant]:
    order, claim = case.order, case.claim
    assert order is not None
    if order.customer_id != claim.customer_id:
        return  # the figures belong to another person
    for bound in (terms.inspect_above, terms.fast_track_below):
        if case.value is not None and case.value >= bound > 0:
            yield "value_below", _with(value=bound - _LEAST), {"below": bound}
    days = case.days_since_delivery
    allowed = max(terms.withdrawal_days, terms.return_window_days)
    if days is not None and days > allowed > 0:
        assert order.delivered_at is not None
        yield (
            "asked_within",
            _claim(requested_at=order.delivered_at + allowed * DAY_S),
            {"within_days": allowed},
        )
    if claim.returned_weight_g is not None and order.shipped_weight_g and not case.never_arrived:
        expected = round(order.shipped_weight_g * claim.quantity / order.quantity, 1)
        yield "weight_as_sent", _claim(returned_weight_g=expected), {"shipped_g": expected}
    if claim.condition not in (None, "as_new") and not case.never_arrived:
        yield "as_new", _claim(condition="as_new"), {}
    if case.never_arrived and case.goods_are_back:
        yield "nothing_came_back", _claim(condition=None, returned_weight_g=None), {}
    if case.band not in (None, "low"):
        yield "low_score", _with(score=0.0, band="low"), {}


def _with(**facts: object) -> Callable[[Case], Case]:
    return lambda case: dataclasses.replace(case, **facts)  # type: ignore[arg-type]


def _claim(**facts: object) -> Callable[[Case], Case]:
    def changed(case: Case) -> Case:
        claim = dataclasses.replace(case.claim, **facts)  # type: ignore[arg-type]
        return dataclasses.replace(case, claim=claim)

    return changed
