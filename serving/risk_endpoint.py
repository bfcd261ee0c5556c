"""`POST /v1/return-risk`: body in, body out."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache, partial
from itertools import islice
from typing import Annotated, Any, NamedTuple

import orjson
from babel.numbers import get_currency_precision
from pydantic import Field, TypeAdapter, ValidationError

from data_contracts.policies import Policies
from features.questions import BasketQuestion
from models.return_risk.answer import LineRisk
from models.return_risk.cost import BasketCost
from serving.advisor import ModelLabel
from serving.basket_costs import BasketCosts, PolicyCosts
from serving.degraded import LOOKUPS
from serving.languages import Language, Languages
from serving.messages import locale_notice, without_history_notice
from serving.observe.counts import Tally, no_tally
from serving.problems import FieldError, refuse_json, refuse_values
from serving.queue import QUEUE
from serving.reading import choose_languages, holds_list, item_field
from serving.risk_advisor import Goods, RiskAdvisor
from serving.risk_messages import (
    action_text,
    driver_text,
    price_notice,
    shopper_message,
    suggestion_text,
)
from serving.risk_schemas import HINTS, CheckoutBasket, DeliveredBasket, ReturnRiskRequest
from serving.together import MOST, Together

__all__ = ["ReturnRiskEndpoint"]

_DIGITS = 4
_UNITS = 10**_DIGITS

Basket = CheckoutBasket | DeliveredBasket


class _Assessed(NamedTuple):
    """The risks and products of a basket's lines, and whether something could not be looked up."""

    risks: Sequence[LineRisk]
    goods: Sequence[Goods | None]
    degraded: bool


class ReturnRiskEndpoint:
    """Judges one basket, or a list of them.

    Parameters
    ----------
    advisor
        The model with its state.
    languages
        Catalogues of the messages.
    policies
        What a return costs.
    max_items
        Most baskets in one list, and most lines in all of them.
    tally
        Counts the answers.
    """

    def __init__(
        self,
        advisor: RiskAdvisor,
        languages: Languages,
        policies: Policies,
        *,
        max_items: int,
        tally: Tally = no_tally,
    ) -> None:
        self._tally = tally
        self._advisor = advisor
        self._languages = languages
        self._costs = PolicyCosts(policies)
        self._max_lines = max_items
        # No method of ours: see SizeAdviceEndpoint.
        judge = partial(_look_up_and_assess, advisor)
        self._assess = Together(judge, size=lambda basket: len(basket.lines))
        self._one = TypeAdapter[Basket](ReturnRiskRequest).validator.validate_json
        self._many = TypeAdapter[list[Basket]](
            Annotated[list[ReturnRiskRequest], Field(max_length=max_items)]
        ).validator.validate_json

    async def __call__(self, body: bytes, request_id: str) -> bytes:
        """Answer a request body.

        Parameters
        ----------
        body
            JSON: a basket, or a list of baskets.
        request_id
            Put into every answer.

        Returns
        -------
        bytes
            JSON: an answer, or the list of answers in the order of the baskets.

        Raises
        ------
        Problem
            When the body is not JSON, or a value cannot be used. Of a list nothing is answered
            then, and the field names the item.
        """
        is_list = holds_list(body)
        try:
            baskets: Sequence[Basket] = self._many(body) if is_list else (self._one(body),)
        except ValidationError as error:
            raise refuse_json(error, HINTS) from None
        self._check(baskets, is_list=is_list)
        locales = [basket.locale for basket in baskets]
        languages = choose_languages(self._languages, locales, is_list=is_list)
        asked_at = time.time()
        questions = [self._costs.priced(basket.question(asked_at)) for basket in baskets]
        model = self._advisor.label()
        answers: list[dict[str, Any]] = []
        for chunk in _chunks(questions):
            if chunk.start:
                await QUEUE.turn()
            answers += [
                self._answer(basket, question, each, language, model, request_id)
                for basket, question, each, language in zip(
                    baskets[chunk],
                    questions[chunk],
                    await self._assess(questions[chunk]),
                    languages[chunk],
                    strict=True,
                )
            ]
        self._tally(answers)
        return orjson.dumps(answers if is_list else answers[0])

    def _check(self, baskets: Sequence[Basket], *, is_list: bool) -> None:
        errors = []
        lines = sum([len(basket.lines) for basket in baskets])
        if lines > self._max_lines:
            reason = f"the baskets have {lines} lines in all, and at most {self._max_lines} may be"
            errors.append(FieldError("" if is_list else "lines", f"{reason} sent at once"))
        known = self._costs.currencies
        for index, basket in enumerate(baskets):
            if basket.currency is not None and basket.currency.upper() not in known:
                reason = f"the policies have no exchange rate for it; known are {', '.join(known)}"
                field = item_field("currency", index, is_list=is_list)
                errors.append(FieldError(field, reason, basket.currency))
        if errors:
            raise refuse_values(errors)

    def _answer(
        self,
        basket: Basket,
        question: BasketQuestion,
        assessed: _Assessed,
        language: Language,
        model: ModelLabel,
        request_id: str,
    ) -> dict[str, Any]:
        risks, goods, degraded = assessed
        bought = basket.moment == "delivered"
        costs = self._costs.judge(question, goods, risks, bought=bought)
        judged = costs.judged
        return {
            "request_id": request_id,
            "model": {"name": model.name, "version": model.version},
            "degraded": degraded,
            "moment": basket.moment,
            "locale": language.bcp47,
            "lines": [
                _line(line.product_id, line.size, line.colour, risk, language, degraded=degraded)
                for line, risk in zip(basket.lines, risks, strict=True)
            ],
            "expected_cost": {
                "amount": _money(judged.total, costs.currency),
                "currency": costs.currency,
                "lines": [
                    None if cost is None else _money(cost, costs.currency) for cost in judged.lines
                ],
            },
            "action": judged.action,
            "action_reason": _action_reason(costs, language, bought=bought),
            "message": shopper_message(judged.action, _sizes(question, risks, judged), language),
            "notices": _notices(judged, language, degraded=degraded),
        }


def _look_up_and_assess(advisor: RiskAdvisor, questions: list[BasketQuestion]) -> list[_Assessed]:
    missed = LOOKUPS.missed
    assessed = advisor.assess(questions)
    goods = iter(advisor.goods([line.product_id for each in questions for line in each.lines]))
    degraded = LOOKUPS.missed != missed
    return [_Assessed(risks, list(islice(goods, len(risks))), degraded) for risks in assessed]


def _chunks(questions: Sequence[BasketQuestion]) -> Iterator[slice]:
    """Cut a list where the lines so far are enough for one turn."""
    start = lines = 0
    for end, question in enumerate(questions, start=1):
        lines += len(question.lines)
        if lines >= MOST or end == len(questions):
            yield slice(start, end)
            start, lines = end, 0


def _line(
    product_id: str,
    size: str | None,
    colour: str | None,
    risk: LineRisk,
    language: Language,
    *,
    degraded: bool,
) -> dict[str, Any]:
    # What could not be looked up is null: none on record would be another answer.
    knows: Mapping[str, int | None] = {} if degraded else risk.knows
    return {
        "product_id": product_id,
        "size": size,
        "colour": colour,
        "p_return": round(risk.p_return, _DIGITS),
        "p_low": round(risk.p_low, _DIGITS),
        "p_high": round(risk.p_high, _DIGITS),
        "reasons": _shares(risk.reasons, round(risk.p_return, _DIGITS)),
        "drivers": [
            {
                "code": driver.code,
                "text": driver_text(driver, language),
                "effect": round(driver.effect, _DIGITS),
                "figures": driver.figures,
            }
            for driver in risk.drivers
        ],
        "sizes": [
            {"label": each.label, "p_return": round(each.p_return, _DIGITS)} for each in risk.sizes
        ],
        "colours": [
            {"label": each.label, "p_return": round(each.p_return, _DIGITS)}
            for each in risk.colours
        ],
        "suggestions": [
            {
                "kind": each.kind,
                "label": each.label,
                "p_from": round(each.p_from, _DIGITS),
                "p_to": round(each.p_to, _DIGITS),
                "text": suggestion_text(each, size if each.kind == "size" else colour, language),
            }
            for each in risk.suggestions
        ],
        "duplicate_of": risk.duplicate_of,
        "knows": {
            "customer_orders": knows.get("customer_orders"),
            "product_orders": knows.get("product_orders"),
        },
    }


def _shares(reasons: Mapping[str, float], p: float) -> dict[str, float]:
    """Round the reasons so that they sum to the rounded `p` (largest remainders)."""
    total = sum(reasons.values())
    units = round(p * _UNITS)
    if total <= 0:
        return dict.fromkeys(reasons, 0.0)
    exact = [each / total * units for each in reasons.values()]
    whole = [int(each) for each in exact]
    by_rest = sorted(range(len(exact)), key=lambda i: whole[i] - exact[i])
    for i in by_rest[: units - sum(whole)]:
        whole[i] += 1
    return {reason: count / _UNITS for reason, count in zip(reasons, whole, strict=True)}


def _action_reason(costs: BasketCosts, language: Language, *, bought: bool) -> dict[str, Any]:
    judged, currency = costs.judged, costs.currency
    saving = _money(judged.saving, currency)
    priced = any(cost is not None for cost in judged.lines)
    text = action_text(
        judged.action,
        language.money(_money(judged.total, currency), currency) if priced else None,
        language.money(saving, currency) if saving else "",
        language,
        bought=bought,
    )
    return {
        "text": text,
        "lines": judged.concerns,
        "saving": saving,
        "costs": {action: _money(cost, currency) for action, cost in judged.costs.items()},
        "rules": costs.rules,
    }


def _sizes(
    question: BasketQuestion, risks: Sequence[LineRisk], judged: BasketCost
) -> list[tuple[str | None, str]]:
    """For each line the action is about: the size it has, and the one that is likelier kept."""
    lines = question.lines
    told = []
    for i in judged.concerns:
        own = lines[i].size_label
        if judged.action == "show_size_advice":
            better = next(each.label for each in risks[i].suggestions if each.kind == "size")
            told.append((own, better))
        elif judged.action == "drop_duplicate_size":
            stays = lines[judged.stays[i]].size_label
            if stays is not None:
                told.append((own, stays))
    return told


def _notices(judged: BasketCost, language: Language, *, degraded: bool) -> list[dict[str, str]]:
    notices = []
    if degraded:
        notices.append({"code": "without_history", "text": without_history_notice(language)})
    if language.asked is not None:
        notices.append({"code": "locale_not_available", "text": locale_notice(language)})
    if None in judged.lines:
        notices.append({"code": "price_not_known", "text": price_notice(language)})
    return notices


@lru_cache
def _decimals(currency: str) -> int:
    return get_currency_precision(currency)


def _money(amount: float, currency: str) -> float:
    return round(amount, _decimals(currency))
