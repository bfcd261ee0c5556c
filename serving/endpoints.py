"""`POST /v1/size-advice`: body in, body out."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any

import orjson
from pydantic import Field, TypeAdapter, ValidationError

from features.questions import SizeQuestion
from features.state import StateError
from models.size_fit.advice import SizeAdvice, SizeOutlook
from serving.advisor import Known, ModelLabel, ProductSizes, SizeAdvisor
from serving.languages import Language, Languages
from serving.messages import (
    because_text,
    locale_notice,
    question_text,
    size_message,
    system_notice,
)
from serving.problems import FieldError, Problem, refuse_json
from serving.reading import choose_languages, holds_list, item_field
from serving.risk_advisor import RiskAdvisor
from serving.schemas import HINTS, SizeAdviceRequest

__all__ = ["SizeAdviceEndpoint"]

logger = logging.getLogger("muslin.serving")

_CHUNK = 25  # questions answered before other clients get their turn
_DIGITS = 4


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
    """

    def __init__(
        self,
        advisor: SizeAdvisor,
        languages: Languages,
        *,
        max_items: int,
        risks: RiskAdvisor | None = None,
    ) -> None:
        self._advisor = advisor
        self._risks = risks
        self._languages = languages
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
        known: list[Known] = []
        for start in range(0, len(questions), _CHUNK):
            if start:
                await asyncio.sleep(0)
            known += self._advisor.look_up(questions[start : start + _CHUNK])
        _check_candidates(known, is_list=is_list)
        model = self._advisor.label()
        answers: list[dict[str, Any]] = []
        for start in range(0, len(known), _CHUNK):
            if start:
                await asyncio.sleep(0)
            chunk = slice(start, start + _CHUNK)
            advised = self._advisor.advise(known[chunk])
            risks = self._return_risks(requests[chunk], questions[chunk])
            answers += [
                _answer(request, advice, each.product, risk, language, model, request_id)
                for request, each, advice, risk, language in zip(
                    requests[chunk], known[chunk], advised, risks, languages[chunk], strict=True
                )
            ]
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


def _check_candidates(known: Sequence[Known], *, is_list: bool) -> None:
    errors = []
    for index, each in enumerate(known):
        product = each.product
        if not each.question.candidate_sizes or product is None:
            continue
        product_id = each.question.product_id
        for place, label in enumerate(each.question.candidate_sizes):
            if label not in product.labels:
                reason = (
                    f"product {product_id} has no size {label!r}; its sizes are "
                    f"{', '.join(product.labels)}"
                    if product.labels
                    else f"product {product_id} is not sold by size; leave this out"
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
    risks: Mapping[str, float],
    language: Language,
    model: ModelLabel,
    request_id: str,
) -> dict[str, Any]:
    systems = _systems(request, product)
    reasons = [because_text(because, language) for because in advice.because]
    own = product.size_system if product else None
    return {
        "request_id": request_id,
        "model": {"name": model.name, "version": model.version},
        "product_id": request.product_id,
        "locale": language.bcp47,
        "status": advice.status,
        "recommended": advice.recommended,
        "size_set": advice.size_set,
        "sizes": [_size(outlook, systems, own, risks) for outlook in advice.sizes],
        "product_flag": advice.product_flag,
        "because": [
            {"code": because.code, "text": text, "figures": because.figures}
            for because, text in zip(advice.because, reasons, strict=True)
        ],
        "ask_next": (
            {"field": advice.ask_next, "text": question_text(advice.ask_next, language)}
            if advice.ask_next
            else None
        ),
        "message": size_message(advice, reasons, language),
        "notices": _notices(systems, own, advice, language),
    }


def _systems(request: SizeAdviceRequest, product: ProductSizes | None) -> tuple[str, ...]:
    asked: tuple[str, ...] = tuple(request.show_in or ())
    own = product.size_system if product else None
    return asked if own is None or own in asked else (own, *asked)


def _size(
    outlook: SizeOutlook, systems: tuple[str, ...], own: str | None, risks: Mapping[str, float]
) -> dict[str, Any]:
    risk = risks.get(outlook.label)
    small = round(outlook.p_small, _DIGITS)
    large = round(outlook.p_large, _DIGITS)
    return {
        "label": outlook.label,
        "labels": {system: outlook.label if system == own else None for system in systems},
        # The middle one closes the sum, so that the three rounded shares still make one.
        "fit": {"small": small, "fit": round(1.0 - small - large, _DIGITS), "large": large},
        "return_risk": None if risk is None else round(risk, _DIGITS),
    }


def _notices(
    systems: tuple[str, ...], own: str | None, advice: SizeAdvice, language: Language
) -> list[dict[str, str]]:
    notices = []
    if language.asked is not None:
        notices.append({"code": "locale_not_available", "text": locale_notice(language)})
    other = [system for system in systems if system != own]
    if other and advice.sizes:
        text = system_notice(other, language)
        notices.append({"code": "size_system_not_available", "text": text})
    return notices
