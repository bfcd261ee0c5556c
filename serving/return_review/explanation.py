"""Why it was settled so, in sentences a customer could be given: own figures, rule, what if."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from data_contracts.policies import Terms
from serving.languages import Language
from serving.return_review.case import AT_FAULT, Case
from serving.return_review.changes import FOR_THE_DESK, Change
from serving.return_review.checks import BLOCKING, Finding
from serving.return_review.customer import day
from serving.return_review.options import PricedOption
from serving.return_review.rights import Rights
from serving.return_review.sentences import (
    CHANGE,
    CONDITION,
    FACT,
    FINDING,
    ON_ARRIVAL,
    ROUTE,
    RULE,
)

__all__ = ["change_text", "explain", "finding_text"]


def explain(
    case: Case,
    terms: Terms | None,
    rights: Rights | None,
    findings: Sequence[Finding],
    route: str,
    recommended: PricedOption | None,
    changed: Sequence[Change],
    language: Language,
) -> list[str]:
    """Write the explanation.

    Parameters
    ----------
    case, terms, rights, findings, route, recommended, changed
        The review; nothing that rests on a score is told.
    language
        Whose sentences.
    """
    told: list[str] = []
    blocked = any(each.rule in BLOCKING for each in findings)
    if terms is not None and rights is not None and not blocked:
        told += _facts(case, terms, language)
        told += _rules(case, terms, rights, recommended, language)
    told += [finding_text(each, case, language) for each in findings]
    # Nobody who withdraws has to wait for what an inspection finds.
    waits = route != "inspect" or rights is None or not rights.withdrawal
    told.append(language.say(ROUTE[route] if waits else ON_ARRIVAL))
    told += [text for each in changed if (text := change_text(each, terms, language))]
    return told


def _money(amount: float, terms: Terms, language: Language) -> str:
    return language.money(amount, terms.currency)


def _facts(case: Case, terms: Terms, language: Language) -> Iterator[str]:
    order, claim = case.order, case.claim
    assert order is not None
    if order.unit_price is not None and case.value is not None:
        yield language.say_count(
            FACT["bought"],
            order.quantity,
            amount=_money(order.unit_price * order.quantity, terms, language),
            date=day(order.ordered_at, language),
        )
        if claim.quantity != order.quantity:
            yield language.say_count(
                FACT["claimed"], claim.quantity, amount=_money(case.value, terms, language)
            )
    days = case.days_since_delivery
    if days is not None and days >= 0 and order.delivered_at is not None:
        yield language.say_count(
            FACT["delivered"], int(days), date=day(order.delivered_at, language)
        )


def _rules(
    case: Case,
    terms: Terms,
    rights: Rights,
    recommended: PricedOption | None,
    language: Language,
) -> Iterator[str]:
    if rights.not_as_agreed:
        yield language.say(RULE["not_as_agreed"])
    if case.never_arrived:
        return  # there is nothing to send back, so no period to tell of
    if rights.withdrawal:
        yield language.say(RULE["withdrawal"], days=terms.withdrawal_days)
    elif rights.window and rights.returnable:
        yield language.say(RULE["window"], days=terms.return_window_days)
        fee = 0.0 if case.value is None else case.value * terms.restocking_fee_share
        if fee and not rights.statutory and case.claim.reason not in AT_FAULT:
            yield language.say(RULE["fee"], amount=_money(fee, terms, language))
    if recommended is not None and recommended.option == "refund_keep_item":
        yield language.say(RULE["keep"], amount=_money(terms.keep_item_below, terms, language))


def finding_text(finding: Finding, case: Case, language: Language) -> str:
    """Tell one finding with its figures.

    Parameters
    ----------
    finding
        Of :func:`serving.return_review.checks.check`.
    case
        The claim.
    language
        Whose sentences.
    """
    figures = finding.figures
    match finding.rule:
        case "condition":
            return language.say(CONDITION[str(figures["condition"])])
        case "after_window":
            return language.say(
                FINDING[finding.rule], n=figures["days"], days=figures["allowed_days"]
            )
        case "weight_gap":
            return language.say(
                FINDING[finding.rule], returned=figures["returned_g"], shipped=figures["shipped_g"]
            )
        case "delivered_on_record":
            assert case.order is not None
            assert case.order.delivered_at is not None
            return language.say(FINDING[finding.rule], date=day(case.order.delivered_at, language))
        case rule:
            return language.say(FINDING[rule], **figures)


def change_text(change: Change, terms: Terms | None, language: Language) -> str | None:
    """Tell what would have changed the route; None for what no customer is told of."""
    if terms is None or set(change.facts) & set(FOR_THE_DESK):
        return None
    figures = change.figures
    phrases = []
    for fact in change.facts:
        match fact:
            case "value_below":
                amount = _money(float(figures["below"]), terms, language)
                phrases.append(language.say(CHANGE[fact], amount=amount))
            case "asked_within":
                phrases.append(language.say(CHANGE[fact], days=figures["within_days"]))
            case "weight_as_sent":
                phrases.append(language.say(CHANGE[fact], shipped=figures["shipped_g"]))
            case _:
                phrases.append(language.say(CHANGE[fact]))
    return language.say(CHANGE[change.route], facts=language.both(list(dict.fromkeys(phrases))))
