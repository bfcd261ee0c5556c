"""One review, from the judgement to the answer in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from data_contracts.policies import Terms
from serving.advisor import ModelLabel
from serving.languages import Language
from serving.messages import locale_notice, without_history_notice
from serving.return_review.case import Case
from serving.return_review.costs import PARTS, Cost
from serving.return_review.customer import customer_message
from serving.return_review.explanation import change_text, explain, finding_text
from serving.return_review.gather import Gathered
from serving.return_review.judgement import Judgement
from serving.return_review.money import plain
from serving.return_review.notes import reviewer_notes
from serving.return_review.options import PricedOption
from serving.return_review.schemas import ReturnReviewRequest
from serving.return_review.sentences import NOTICE, ROUTE

__all__ = ["answer"]

_DIGITS = 4


def answer(
    request: ReturnReviewRequest,
    gathered: Gathered,
    judgement: Judgement,
    language: Language,
    *,
    english: Language,
    audit_id: str,
    request_id: str,
) -> dict[str, Any]:
    """Write the response.

    Parameters
    ----------
    request
        As sent.
    gathered, judgement
        What is known, and what follows.
    language
        Of the message and the explanation.
    english
        Of what only the desk reads.
    audit_id, request_id
        Names of the review and of the request.
    """
    case, rights = judgement.case, judgement.rights
    terms, route = case.terms, judgement.routing.route
    photo = any(each.kind in ("photo", "video") for each in request.evidence or ())
    chosen = judgement.recommended
    return {
        "request_id": request_id,
        "audit_id": audit_id,
        "model": _abuse_model(gathered),
        "models": [_label(each) for each in dict.fromkeys(gathered.models)],
        "degraded": gathered.degraded,
        "order_line_id": request.order_line_id,
        "locale": language.bcp47,
        "abuse": _abuse(gathered, case),
        "route": route,
        "decided_by": [
            {
                "id": each.id,
                "route": each.route,
                "text": each.text or _ground_text(each.id, judgement, english),
            }
            for each in judgement.routing.grounds
        ],
        "rules": [
            {
                "rule": each.rule,
                "route": each.route,
                "text": finding_text(each, case, language),
                "figures": dict(each.figures),
            }
            for each in judgement.findings
        ],
        "would_change": [
            {
                "facts": list(each.facts),
                "route": each.route,
                "text": change_text(each, terms, language),
                "figures": dict(each.figures),
            }
            for each in judgement.changed
        ],
        "options": [_option(each, terms) for each in judgement.options],
        "recommended": chosen.option if chosen else None,
        "customer_message": customer_message(
            case,
            terms,
            rights,
            judgement.findings,
            route,
            chosen,
            language,
            photo_sent=photo,
        ),
        "explanation": explain(
            case, terms, rights, judgement.findings, route, chosen, judgement.changed, language
        ),
        "reviewer_notes": reviewer_notes(gathered, judgement, english),
        "notices": _notices(gathered, language),
    }


def _label(label: ModelLabel) -> dict[str, str]:
    return {"name": label.name, "version": label.version}


def _abuse_model(gathered: Gathered) -> dict[str, str] | None:
    return _label(gathered.models[0]) if gathered.abuse is not None else None


def _abuse(gathered: Gathered, case: Case) -> dict[str, Any] | None:
    score = gathered.abuse
    if score is None:
        return None
    return {
        "score": round(score.score, _DIGITS),
        "band": case.band,
        "signals": [
            {"code": each.code, "weight": each.weight, "figures": _figures(each.figures)}
            for each in score.signals
        ],
    }


def _figures(figures: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: round(value, _DIGITS) if isinstance(value, float) else value
        for name, value in figures.items()
    }


def _ground_text(rule: str, judgement: Judgement, english: Language) -> str:
    for each in judgement.findings:
        if each.rule == rule:
            return finding_text(each, judgement.case, english)
    return english.say(ROUTE[judgement.routing.route])


def _option(option: PricedOption, terms: Terms | None) -> dict[str, Any]:
    into = option.into
    return {
        "option": option.option,
        "allowed": option.allowed,
        "amount": plain(option.amount),
        "currency": terms.currency if terms and option.cost else None,
        "paid": option.paid,
        "into": (
            {
                "size": into.label if into and option.option == "exchange_size" else None,
                "colour": into.label if into and option.option == "exchange_colour" else None,
                "same_article": option.same_article,
                "p_return": (
                    round(into.p_return, _DIGITS) if into and into.p_return is not None else None
                ),
                "others": list(into.others) if into else [],
            }
            if into or option.same_article
            else None
        ),
        "expected_cost": _cost(option.cost),
        "rule": {
            "id": option.rule.id,
            "statutory": option.rule.statutory,
            "text": option.rule.text,
        },
    }


def _cost(cost: Cost | None) -> dict[str, float | None] | None:
    if cost is None:
        return None
    parts = {part: plain(getattr(cost, part)) for part in PARTS}
    return {**parts, "total": plain(cost.total)}


def _notices(gathered: Gathered, language: Language) -> list[dict[str, str]]:
    notices = []
    if gathered.degraded:
        notices.append({"code": "without_history", "text": without_history_notice(language)})
    if language.asked is not None:
        notices.append({"code": "locale_not_available", "text": locale_notice(language)})
    for name in gathered.missing:
        code = f"{name}_model_missing"
        notices.append({"code": code, "text": language.say(NOTICE[code])})
    return notices
