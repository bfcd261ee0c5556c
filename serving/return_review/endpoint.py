"""`POST /v1/return-review`: body in, body out, on record before it is sent."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

import orjson
from pydantic import Field, TypeAdapter, ValidationError

from data_contracts.policies import Policies, PolicyError
from features.audit import (
    AuditError,
    Review,
    new_audit_id,
)
from features.clock import ForwardClock
from features.order_records import OrderRecord
from serving.advisor import SizeAdvisor
from serving.dependency import Dependency
from serving.languages import Language, Languages
from serving.observe.counts import Tally, no_tally
from serving.problems import FieldError, Problem, refuse_json, refuse_values
from serving.queue import QUEUE
from serving.reading import choose_languages, holds_list, item_field
from serving.return_review.gather import Gathered, Gatherer, Orders
from serving.return_review.judgement import Judgement, judge
from serving.return_review.off_loop import RECORD_THREAD
from serving.return_review.outcome import not_recorded
from serving.return_review.record import ReviewRecord
from serving.return_review.review import answer
from serving.return_review.schemas import HINTS, ReturnReviewRequest
from serving.risk_advisor import RiskAdvisor

if TYPE_CHECKING:
    from serving.abuse_advisor import AbuseScorer

__all__ = ["ReturnReviewEndpoint"]

_CHUNK = 5  # claims reviewed before other clients get their turn
_CLOCKS_DIFFER_S = 300.0
_now = ForwardClock()  # of a clock that is set back an hour all claims would lie in the future


class ReturnReviewEndpoint:
    """Reviews one claim, or a list of them.

    Parameters
    ----------
    orders
        Order lines on record.
    policies
        Rules in force.
    audit
        Keeps every review before its answer is sent.
    languages
        Catalogues of the messages.
    max_items
        Most claims in one list.
    sizes, risks, abuse
        The models; each may be missing.
    record
        Is told whether the record can be written.
    tally
        Counts the answers.
    """

    def __init__(
        self,
        orders: Orders,
        policies: Policies,
        audit: ReviewRecord,
        languages: Languages,
        *,
        max_items: int,
        sizes: SizeAdvisor | None = None,
        risks: RiskAdvisor | None = None,
        abuse: AbuseScorer | None = None,
        record: Dependency | None = None,
        tally: Tally = no_tally,
    ) -> None:
        self._tally = tally
        self._record = Dependency("audit") if record is None else record
        self._gatherer = Gatherer(orders, policies, sizes=sizes, risks=risks, abuse=abuse)
        self._policies = policies
        self._audit = audit
        self._languages = languages
        self._one = TypeAdapter(ReturnReviewRequest).validator.validate_json
        self._many = TypeAdapter(
            Annotated[list[ReturnReviewRequest], Field(max_length=max_items)]
        ).validator.validate_json

    async def __call__(self, body: bytes, request_id: str) -> bytes:
        """Answer a request body.

        Parameters
        ----------
        body
            JSON: a claim, or a list of claims.
        request_id
            Put into every answer.

        Returns
        -------
        bytes
            JSON: a review, or the list of reviews in the order of the claims.

        Raises
        ------
        Problem
            When the body is not JSON, or a value cannot be used. Of a list nothing is answered
            then, and the field names the item.
        """
        is_list = holds_list(body)
        try:
            requests: Sequence[ReturnReviewRequest] = (
                self._many(body) if is_list else (self._one(body),)
            )
        except ValidationError as error:
            raise refuse_json(error, HINTS) from None
        now = _now()
        found = self._gatherer.orders(requests)
        orders = found.orders
        asked = [each.locale for each in requests]
        languages = choose_languages(self._languages, asked, is_list=is_list)
        _check(requests, orders, now, is_list=is_list)
        reviews: list[Review] = []
        for index, (request, order, language) in enumerate(
            zip(requests, orders, languages, strict=True)
        ):
            if index and index % _CHUNK == 0:
                await QUEUE.turn()
            try:
                gathered = self._gatherer.gather(request, order, now, unreachable=found.unreachable)
                reviews.append(self._review(request, gathered, language, now, request_id))
            except PolicyError as error:
                raise _without_policy(
                    error, item_field("order_line_id", index, is_list=is_list)
                ) from None
        # An append waits for the disk: others are answered meanwhile.
        try:
            with QUEUE.waiting_elsewhere(body):
                await RECORD_THREAD.write(self._audit.append_reviews, reviews)
        except AuditError as error:
            raise not_recorded(error, self._record) from error
        self._record.works()
        answers = [dict(each.answer) for each in reviews]
        self._tally(answers)
        return orjson.dumps(answers if is_list else answers[0])

    def _review(
        self,
        request: ReturnReviewRequest,
        gathered: Gathered,
        language: Language,
        now: float,
        request_id: str,
    ) -> Review:
        judgement = judge(gathered.case, self._gatherer.terms)
        audit_id = new_audit_id()
        response = answer(
            request,
            gathered,
            judgement,
            language,
            english=self._languages.choose(None),
            audit_id=audit_id,
            request_id=request_id,
        )
        return Review(
            audit_id=audit_id,
            at=now,
            customer_id=request.customer_id,
            order_line_id=request.order_line_id,
            return_id=request.return_id,
            requested_at=gathered.case.claim.requested_at,
            inputs=_inputs(request, gathered),
            models={each.name: {"version": each.version} for each in gathered.models},
            rules={"policies": self._policies.fingerprint, **_rules(gathered, judgement)},
            route=judgement.routing.route,
            recommended=judgement.recommended.option if judgement.recommended else None,
            answer=response,
        )


def _check(
    requests: Sequence[ReturnReviewRequest],
    orders: Sequence[OrderRecord | None],
    now: float,
    *,
    is_list: bool,
) -> None:
    """Refuse what cannot be used, all of it at once."""
    errors: list[FieldError] = []
    for index, (request, order) in enumerate(zip(requests, orders, strict=True)):
        moment = request.requested_at
        if moment is not None and moment.timestamp() > now + _CLOCKS_DIFFER_S:
            field = item_field("requested_at", index, is_list=is_list)
            errors.append(FieldError(field, "lies in the future", moment.isoformat()))
        # What another person bought is not told.
        if order is not None and order.customer_id == request.customer_id:
            errors += _against_order(request, order, index, is_list=is_list)
    if errors:
        raise refuse_values(errors)


def _against_order(
    request: ReturnReviewRequest, order: OrderRecord, index: int, *, is_list: bool
) -> list[FieldError]:
    errors = []
    if request.quantity > order.quantity:
        reason = (
            f"claims {request.quantity} pieces of order line {request.order_line_id}, of which "
            f"{order.quantity} were bought; claim at most {order.quantity}"
        )
        errors.append(
            FieldError(item_field("quantity", index, is_list=is_list), reason, request.quantity)
        )
    if request.currency is not None and request.currency.upper() != order.currency:
        reason = f"is not the order's currency, {order.currency}; leave it out or send that"
        errors.append(
            FieldError(item_field("currency", index, is_list=is_list), reason, request.currency)
        )
    return errors


def _without_policy(error: PolicyError, field: str) -> Problem:
    currency = error.currency
    return Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "currency-without-policy" if currency else "no-policy",
        "The policies have no terms for this claim",
        f"{field}: {error}",
        errors=[FieldError(field, str(error), currency)],
    )


def _inputs(request: ReturnReviewRequest, gathered: Gathered) -> dict[str, Any]:
    """Keep the request and what was looked up for it; never another person's order."""
    order = gathered.case.order
    own = order is not None and order.customer_id == request.customer_id
    return {
        "request": request.model_dump(mode="json", exclude_none=True),
        "order": _plain(order) if own and order is not None else None,
        "abuse_evidence": dict(gathered.abuse.evidence) if gathered.abuse else None,
        "missing_models": list(gathered.missing),
    }


def _plain(order: OrderRecord) -> dict[str, Any]:
    told = {each.name: getattr(order, each.name) for each in dataclasses.fields(order)}
    return {**told, "claims": [dataclasses.asdict(each) for each in order.claims]}


def _rules(gathered: Gathered, judgement: Judgement) -> dict[str, Any]:
    terms = gathered.case.terms
    return {
        "route": [each.id for each in judgement.routing.grounds],
        "options": {each.option: each.rule.id for each in judgement.options},
        "findings": [each.rule for each in judgement.findings],
        "terms": {name: terms.rule(name).rule for name in terms.decisions} if terms else {},
    }
