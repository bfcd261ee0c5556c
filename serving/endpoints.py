"""`POST /v1/size-advice`: body in, body out."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, NamedTuple

import orjson
from pydantic import Field, TypeAdapter, ValidationError

from features.questions import SizeQuestion
from features.state import StateError
from models.size_fit.advice import SizeAdvice, SizeOutlook
from serving.advisor import Known, ModelLabel, ProductSizes, SizeAdvisor
from serving.degraded import LOOKUPS
from serving.languages import Language, Languages
from serving.messages import (
    because_text,
    chart_notice,
    locale_notice,
    next_size_text,
    question_text,
    size_message,
    system_notice,
    usual_text,
    without_history_notice,
)
from serving.observe.counts import Tally, no_tally
from serving.problems import FieldError, Problem, refuse_json
from serving.queue import QUEUE
from serving.reading import choose_languages, holds_list, item_field
from serving.risk_advisor import RiskAdvisor
from serving.schemas import HINTS, SizeAdviceRequest
from serving.size_labels import ShownSizes, SizeLabels
from serving.together import MOST, Together

__all__ = ["SizeAdviceEndpoint"]

logger = logging.getLogger("muslin.serving")

_DIGITS = 4
_NOTHING_SEEN = SizeAdvice("not_enough_information")


class _Given(NamedTuple):
    """A question answered, and whether history was lacking."""

    known: Known
    advice: SizeAdvice
    lacking: bool


class SizeAdviceEndpoint:
    """Answers one size question, or a list of them.

    Parameters
    ----------
    advisor
        The model with its state.
    languages
        Catalogues of the messages.
    max_items
        Most questions in one list.
    risks
        Tells how likely each size comes back, where that is asked for.
    tally
        Counts the answers.
    """

    def __init__(
        self,
        advisor: SizeAdvisor,
        languages: Languages,
        *,
        max_items: int,
        risks: RiskAdvisor | None = None,
        tally: Tally = no_tally,
    ) -> None:
        self._tally = tally
        self._advisor = advisor
        self._risks = risks
        self._languages = languages
        self._labels = SizeLabels()
        # No method of ours: an endpoint that knows itself is not given back when it is exchanged,
        # for the collector of cycles is told to leave alone what was there at the start.
        self._advise = Together(partial(_look_up_and_advise, advisor))
        self._one = TypeAdapter(SizeAdviceRequest).validator.validate_json
        self._many = TypeAdapter(
            Annotated[list[SizeAdviceRequest], Field(max_length=max_items)]
        ).validator.validate_json

    async def __call__(self, body: bytes, request_id: str) -> bytes:
        """Answer a request body.

        Parameters
        ----------
        body
            JSON: a question, or a list of questions.
        request_id
            Put into every answer.

        Returns
        -------
        bytes
            JSON: an answer, or the list of answers in the order of the questions.

        Raises
        ------
        Problem
            When the body is not JSON, or a value cannot be used. Of a list nothing is answered
            then, and the field names the item.
        """
        is_list = holds_list(body)
        try:
            requests: Sequence[SizeAdviceRequest] = (
                self._many(body) if is_list else (self._one(body),)
            )
        except ValidationError as error:
            raise refuse_json(error, HINTS) from None
        languages = choose_languages(
            self._languages, [request.locale for request in requests], is_list=is_list
        )
        asked_at = time.time()
        questions = [request.question(asked_at) for request in requests]
        given: list[_Given] = []
        for start in range(0, len(questions), MOST):
            if start:
                await QUEUE.turn()
            given += await self._advise(questions[start : start + MOST])
        _check_candidates([each.known for each in given], is_list=is_list)
        model = self._advisor.label()
        answers: list[dict[str, Any]] = []
        for start in range(0, len(given), MOST):
            if start:
                await QUEUE.turn()
            chunk = slice(start, start + MOST)
            missed = LOOKUPS.missed
            risks = self._return_risks(requests[chunk], questions[chunk])
            lacking = LOOKUPS.missed != missed
            answers += [
                _answer(
                    request,
                    each.advice,
                    each.known.product,
                    self._labels.of(
                        request.product_id,
                        each.known.product,
                        each.known.question.market,
                        request.show_in,
                    ),
                    risk,
                    language,
                    model,
                    request_id,
                    degraded=each.lacking or lacking,
                )
                for request, each, risk, language in zip(
                    requests[chunk], given[chunk], risks, languages[chunk], strict=True
                )
            ]
        self._tally(answers)
        return orjson.dumps(answers if is_list else answers[0])

    def _return_risks(
        self, requests: Sequence[SizeAdviceRequest], questions: Sequence[SizeQuestion]
    ) -> list[Mapping[str, float]]:
        """Give the chance of a return by size for each question that asks for it."""
        told: list[Mapping[str, float]] = [{}] * len(requests)
        asking = [i for i, request in enumerate(requests) if request.with_return_risk]
        if not asking or self._risks is None:
            return told
        baskets = [requests[i].basket(questions[i]) for i in asking]
        try:
            assessed = self._risks.assess(baskets)
        except StateError as error:  # of the other model's state: the advice stands without it
            logger.warning("size advice goes without return risk: %s", error)
            return told
        for i, (line,) in zip(asking, assessed, strict=True):
            told[i] = {each.label: each.p_return for each in line.sizes}
        return told


def _look_up_and_advise(advisor: SizeAdvisor, questions: list[SizeQuestion]) -> list[_Given]:
    missed = LOOKUPS.missed
    known = advisor.look_up(questions)
    lacking = LOOKUPS.missed != missed
    # What will be refused is not asked of the model.
    advised = iter(advisor.advise([each for each in known if not _unknown_sizes(each)]))
    return [
        _Given(each, _NOTHING_SEEN if _unknown_sizes(each) else next(advised), lacking)
        for each in known
    ]


def _unknown_sizes(known: Known) -> list[tuple[int, str]]:
    """Places and labels of the sizes asked about that the product does not have."""
    if not known.question.candidate_sizes or known.product is None:
        return []
    labels = known.product.labels
    return [
        (place, label)
        for place, label in enumerate(known.question.candidate_sizes)
        if label not in labels
    ]


def _check_candidates(known: Sequence[Known], *, is_list: bool) -> None:
    errors = []
    for index, each in enumerate(known):
        for place, label in _unknown_sizes(each):
            labels = each.product.labels if each.product else ()
            reason = (
                f"product {each.question.product_id} has no size {label!r}; its sizes are "
                f"{', '.join(labels)}"
                if labels
                else f"product {each.question.product_id} is not sold by size; leave this out"
            )
            field = item_field(f"candidate_sizes[{place}]", index, is_list=is_list)
            errors.append(FieldError(field, reason, label))
    if not errors:
        return
    first = errors[0]
    raise Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "unknown-size",
        "The product does not have this size",
        f"{first.field}: {first.reason}",
        errors=errors,
    )


def _answer(
    request: SizeAdviceRequest,
    advice: SizeAdvice,
    product: ProductSizes | None,
    shown: ShownSizes,
    risks: Mapping[str, float],
    language: Language,
    model: ModelLabel,
    request_id: str,
    *,
    degraded: bool,
) -> dict[str, Any]:
    # What cannot be looked up is not unknown.
    unreachable = degraded and advice.status == "unknown_product"
    if unreachable:
        advice = _NOTHING_SEEN
    reasons = [because_text(because, language) for because in advice.because]
    than_usual = _than_usual(request, advice, shown, language)
    return {
        "request_id": request_id,
        "model": {"name": model.name, "version": model.version},
        "degraded": degraded,
        "product_id": request.product_id,
        "locale": language.bcp47,
        "status": advice.status,
        "recommended": advice.recommended,
        "size_set": advice.size_set,
        "sizes": [_size(outlook, shown, risks) for outlook in advice.sizes],
        "chart": product.chart if product else None,
        "product_flag": advice.product_flag,
        "than_usual": than_usual,
        "next_size": _next_size(advice, language),
        "because": [
            {"code": because.code, "text": text, "figures": because.figures}
            for because, text in zip(advice.because, reasons, strict=True)
        ],
        "ask_next": (
            {"field": advice.ask_next, "text": question_text(advice.ask_next, language)}
            if advice.ask_next
            else None
        ),
        "message": size_message(
            advice,
            reasons,
            language,
            named=shown.named,
            usual=than_usual["text"] if than_usual else None,
            unreachable=unreachable,
        ),
        "notices": _notices(product, shown, advice, language, degraded=degraded),
    }


def _size(outlook: SizeOutlook, shown: ShownSizes, risks: Mapping[str, float]) -> dict[str, Any]:
    risk = risks.get(outlook.label)
    small = round(outlook.p_small, _DIGITS)
    large = round(outlook.p_large, _DIGITS)
    return {
        "label": outlook.label,
        "labels": shown.labels.get(outlook.label, {}),
        "conversions": shown.conversions.get(outlook.label, {}),
        # The middle one closes the sum, so that the three rounded shares still make one.
        "fit": {"small": small, "fit": round(1.0 - small - large, _DIGITS), "large": large},
        "return_risk": None if risk is None else round(risk, _DIGITS),
    }


def _than_usual(
    request: SizeAdviceRequest, advice: SizeAdvice, shown: ShownSizes, language: Language
) -> dict[str, Any] | None:
    if request.market is None or not advice.sizes:
        return None
    off = shown.than_usual
    steps = off.steps if advice.recommended is None else off.by_label.get(advice.recommended, 0)
    if not steps:
        return None
    market = request.market.upper()
    return {"market": market, "steps": steps, "text": usual_text(steps, market, language)}


def _next_size(advice: SizeAdvice, language: Language) -> dict[str, Any] | None:
    if (due := advice.next_size) is None:
        return None
    text = next_size_text(due, language, name_present=advice.recommended is None)
    return {
        "label": due.label,
        "after": due.after,
        "in_weeks": due.in_weeks,
        "on": due.on,
        "text": text,
    }


def _notices(
    product: ProductSizes | None,
    shown: ShownSizes,
    advice: SizeAdvice,
    language: Language,
    *,
    degraded: bool,
) -> list[dict[str, str]]:
    notices = []
    if degraded:
        notices.append({"code": "without_history", "text": without_history_notice(language)})
    if language.asked is not None:
        notices.append({"code": "locale_not_available", "text": locale_notice(language)})
    if shown.missing and advice.sizes:
        text = system_notice(shown.missing, language)
        notices.append({"code": "size_system_not_available", "text": text})
    if product is not None and product.chart == "estimated" and advice.sizes:
        notices.append({"code": "size_chart_estimated", "text": chart_notice(language)})
    return notices
