"""Which way a claim goes: at once, as usual, by way of the inspection table, or to a person.

There is no route, and no type, for a denial: against a customer a person decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from data_contracts.policies import Terms
from serving.return_review.case import Case
from serving.return_review.checks import Finding
from serving.return_review.rights import Rights

__all__ = ["ROUTES", "Ground", "Routing", "lighter", "route_of"]

ROUTES: Final = ("fast_track", "standard", "inspect", "review")
"""Lightest first."""


@dataclass(frozen=True, slots=True)
class Ground:
    """One rule that asks for a route.

    Attributes
    ----------
    id
        A finding's name, or the id of a policy rule.
    route
        What it asks for.
    text
        Why, in plain words; empty where the finding has its own sentence.
    """

    id: str
    route: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Routing:
    """The route, and the rules that set it.

    Attributes
    ----------
    route
        One of :data:`ROUTES`.
    grounds
        Every rule that asked for this very route.
    """

    route: str
    grounds: tuple[Ground, ...]


def lighter(one: str, other: str) -> bool:
    """Whether `one` is less of a burden on the customer than `other`."""
    return ROUTES.index(one) < ROUTES.index(other)


def route_of(
    case: Case, terms: Terms | None, rights: Rights | None, findings: Sequence[Finding]
) -> Routing:
    """Choose the route.

    Parameters
    ----------
    case
        The claim.
    terms, rights
        Policy and entitlements; None without an order on record.
    findings
        Of :func:`serving.return_review.checks.check`.

    Notes
    -----
    The heaviest route any rule asks for is taken, with one bound: who withdraws from a purchase
    within the statutory period is never sent to a person because of a score. The goods may be
    looked at when they arrive, and the price is due all the same.
    """
    grounds = [Ground(each.rule, each.route) for each in findings]
    if terms is not None and rights is not None:
        grounds += _of_value(case, terms)
        grounds += _of_score(case, terms, rights)
        if _fast(case, terms) and not grounds:
            rule = terms.rule("fast_track_below")
            grounds.append(Ground(rule.rule, "fast_track", rule.text))
    if not grounds:
        grounds.append(Ground("usual_way", "standard"))
    route = max((each.route for each in grounds), key=ROUTES.index)
    return Routing(route, tuple(each for each in grounds if each.route == route))


def _to_inspect(case: Case) -> bool:
    """Whether there is something to look at that nobody has looked at yet."""
    return not case.never_arrived and case.claim.condition is None


def _of_value(case: Case, terms: Terms) -> list[Ground]:
    if case.value is None or case.value <= terms.inspect_above or not _to_inspect(case):
        return []
    rule = terms.rule("inspect_above")
    return [Ground(rule.rule, "inspect", rule.text)]


def _of_score(case: Case, terms: Terms, rights: Rights) -> list[Ground]:
    if case.band is None:
        return []
    asked = terms.sanctions.get(case.band, ())
    rule = terms.rule("sanctions")
    if "review" in asked and not (rights.withdrawal and not case.never_arrived):
        return [Ground(rule.rule, "review", rule.text)]
    if "review" in asked or "inspect_first" in asked:
        return [Ground(rule.rule, "inspect" if _to_inspect(case) else "standard", rule.text)]
    return [Ground(rule.rule, "standard", rule.text)] if "no_fast_track" in asked else []


def _fast(case: Case, terms: Terms) -> bool:
    return case.value is not None and case.value < terms.fast_track_below
