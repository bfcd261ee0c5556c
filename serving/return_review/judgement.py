"""What was found and chosen of one claim, before it is put into words."""

from __future__ import annotations

from dataclasses import dataclass

from serving.return_review.case import Case
from serving.return_review.changes import Change, TermsOf, changes
from serving.return_review.checks import Finding, check
from serving.return_review.options import PricedOption, price_options
from serving.return_review.recommend import recommend
from serving.return_review.rights import Rights, rights_of
from serving.return_review.routes import Routing, route_of

__all__ = ["Judgement", "judge"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What was found and chosen, before it is put into words.

    Attributes
    ----------
    case
        The claim.
    rights
        None without an order on record.
    findings, routing, options, recommended, changed
        In the order in which each follows from those before.
    """

    case: Case
    rights: Rights | None
    findings: tuple[Finding, ...]
    routing: Routing
    options: tuple[PricedOption, ...]
    recommended: PricedOption | None
    changed: tuple[Change, ...]


def judge(case: Case, terms_of: TermsOf) -> Judgement:
    """Review a claim.

    Parameters
    ----------
    case
        The claim with its policy.
    terms_of
        Gives the policy for a changed claim, to find what would have changed the route.
    """
    terms = case.terms
    rights = rights_of(case, terms) if terms is not None else None
    findings = check(case, rights)
    routing = route_of(case, terms, rights, findings)
    options = price_options(case, terms, rights, findings, routing.route)
    return Judgement(
        case=case,
        rights=rights,
        findings=findings,
        routing=routing,
        options=options,
        recommended=recommend(case, options, routing.route),
        changed=changes(case, routing, terms_of),
    )
