"""Request and response of a return review, as pydantic models."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic.config import JsonDict

from features.access_keys import DESK
from features.questions import ClaimQuestion
from serving.operation import Example, Operation
from serving.problems import Hints
from serving.schema_base import (
    CustomerId,
    Degraded,
    LocaleTag,
    ModelName,
    RequestModel,
    text_field,
)

__all__ = ["HINTS", "RETURN_REVIEW", "ReturnReviewRequest", "ReturnReviewResponse"]

Reason = Literal[
    "too_small",
    "too_large",
    "colour_mismatch",
    "not_as_described",
    "quality_defect",
    "damaged_in_transit",
    "wrong_item",
    "late_delivery",
    "not_received",
    "changed_mind",
    "other",
]
Condition = Literal["as_new", "worn", "damaged", "different_item", "missing_parts", "empty"]
RouteName = Literal["fast_track", "standard", "inspect", "review"]
OptionName = Literal[
    "refund",
    "refund_keep_item",
    "partial_refund_keep_item",
    "exchange_size",
    "exchange_colour",
    "return_to_warehouse",
    "repair",
]
_MOST_PIECES = 10_000
_HEAVIEST_G = 1_000_000.0


class Evidence(RequestModel):
    """Something the buyer or the carrier sent along."""

    kind: Literal["photo", "video", "message", "tracking"]
    note: Annotated[str, text_field(1_000, "What it shows.")] | None = None
    ref: Annotated[str, text_field(500, "Where the shop keeps it.")] | None = None


_EXAMPLE: JsonDict = {
    "order_line_id": "l-1042",
    "customer_id": "c-77",
    "reason": "too_small",
    "requested_at": "2026-03-02T10:15:00Z",
    "locale": "de-DE",
}
_INSPECTED: JsonDict = {
    "order_line_id": "l-1042",
    "customer_id": "c-77",
    "reason": "quality_defect",
    "quantity": 1,
    "return_id": "r-9",
    "condition": "damaged",
    "returned_weight_g": 412.0,
    "evidence": [{"kind": "photo", "note": "open seam", "ref": "ticket-88/1.jpg"}],
}


class ReturnReviewRequest(RequestModel):
    """What is the best way to settle this return claim?"""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE, _INSPECTED]})

    order_line_id: Annotated[str, text_field(200, "The order line claimed.")]
    customer_id: CustomerId
    reason: Reason
    requested_at: dt.datetime | None = Field(
        default=None,
        description="When the buyer asked, ISO 8601 with a zone. Unless sent, the moment on record "
        "under `return_id`, or now.",
    )
    quantity: int = Field(default=1, ge=1, le=_MOST_PIECES, description="Pieces claimed.")
    return_id: Annotated[str, text_field(200, "The shop's id of the claim.")] | None = None
    condition: Condition | None = Field(
        default=None, description="What an inspection found, where there was one."
    )
    returned_weight_g: float | None = Field(
        default=None,
        ge=0,
        le=_HEAVIEST_G,
        allow_inf_nan=False,
        description="Weight of the parcel that came back, g.",
    )
    opened: bool | None = Field(
        default=None, description="Whether a hygiene seal was opened, where there is one."
    )
    wanted: Literal["refund", "exchange", "repair"] | None = Field(
        default=None,
        description="What the buyer asked for. Who asks for money back is recommended nothing "
        "less than money back.",
    )
    evidence: list[Evidence] | None = Field(default=None, max_length=50)
    currency: str | None = Field(
        default=None,
        pattern="^[A-Za-z]{3}$",
        description="Currency the claim is made in, ISO 4217; must be the order line's.",
    )
    locale: LocaleTag | None = None

    @field_validator("requested_at")
    @classmethod
    def _zoned(cls, moment: dt.datetime | None) -> dt.datetime | None:
        if moment is not None and moment.utcoffset() is None:
            raise ValueError("must carry a time zone, such as 2026-03-02T10:15:00Z")
        return moment

    def question(self, moment: float) -> ClaimQuestion:
        """Put the request as the abuse model's question.

        Parameters
        ----------
        moment
            Of the claim where the request tells none, seconds since the epoch (UTC).
        """
        return ClaimQuestion(
            order_line_id=self.order_line_id,
            customer_id=self.customer_id,
            reason=self.reason,
            requested_at=self.requested_at.timestamp() if self.requested_at else moment,
            quantity=self.quantity,
            return_id=self.return_id,
            condition=self.condition,
            returned_weight_g=self.returned_weight_g,
        )


class AbuseSignal(BaseModel):
    """One thing that moved the score."""

    code: str
    weight: float
    figures: dict[str, float | int | str]


class AbuseAssessment(BaseModel):
    """For the returns desk only; no text for the customer is made of it."""

    score: float = Field(ge=0, le=1)
    band: str
    signals: list[AbuseSignal]


class Into(BaseModel):
    """What an exchange is into."""

    size: str | None = None
    colour: str | None = None
    same_article: bool = Field(description="The article that was ordered, sent once more.")
    p_return: float | None = Field(description="Chance that it comes back too, where known.")
    others: list[str] = Field(description="What else would do, best first.")


class Cost(BaseModel):
    """Expected cost to the shop, if the customer takes the option; credits are below 0."""

    refund: float
    replacement: float
    return_shipping: float
    outbound_shipping: float
    duty_lost: float
    duty_reclaimed: float
    handling: float
    repair: float
    coupon: float
    resale: float
    next_return: float
    abuse: float
    total: float


class AppliedRule(BaseModel):
    """The rule that allows or forbids."""

    id: str
    statutory: bool
    text: str


class Option(BaseModel):
    """One way to settle the claim. Money is rounded to the currency's own decimals."""

    option: OptionName
    allowed: bool
    amount: float | None = Field(
        description="Money the customer gets back; the voucher that comes with an exchange."
    )
    currency: str | None
    paid: Literal["at_once", "on_sending", "after_inspection"] | None
    into: Into | None
    expected_cost: Cost | None
    rule: AppliedRule


class FiredRule(BaseModel):
    """A named rule that found something in the claim."""

    rule: str
    route: RouteName = Field(description="The claim goes this way at least.")
    text: str
    figures: dict[str, float | int | str]


class WouldChange(BaseModel):
    """Facts that would have led to a lighter route; found by routing again with them."""

    facts: list[str]
    route: RouteName
    text: str | None = Field(description="For the customer; null where none is told of it.")
    figures: dict[str, float | int | str]


class ReviewNotice(BaseModel):
    """Something that was answered with less than there could be."""

    code: str
    text: str


class Deciding(BaseModel):
    """One rule that set the route."""

    id: str
    route: RouteName
    text: str


class ReturnReviewResponse(BaseModel):
    """The review. There is no denial: against a customer a person decides."""

    request_id: str
    audit_id: str
    model: ModelName | None = Field(description="The abuse model; null where there is none.")
    models: list[ModelName] = Field(description="All models that took part.")
    degraded: Degraded
    order_line_id: str
    locale: str
    abuse: AbuseAssessment | None
    route: RouteName
    decided_by: list[Deciding]
    rules: list[FiredRule]
    would_change: list[WouldChange]
    options: list[Option]
    recommended: OptionName | None = Field(
        description="The cheapest allowed one that keeps the customer's rights; null where a "
        "person has to decide."
    )
    customer_message: str
    explanation: list[str] = Field(description="Sentences the customer could be given.")
    reviewer_notes: list[str] = Field(description="For the desk, in English.")
    notices: list[ReviewNotice]


HINTS = Hints(
    fields={
        "": tuple(ReturnReviewRequest.model_fields),
        "evidence": tuple(Evidence.model_fields),
    },
    bounds={
        "quantity": f"between 1 and {_MOST_PIECES} pieces",
        "returned_weight_g": f"between 0 and {_HEAVIEST_G:.0f} g",
    },
)
"""What a refused claim is told."""

RETURN_REVIEW = Operation(
    path="/v1/return-review",
    scope=DESK,
    operation_id="reviewReturn",
    summary="What is the best way to settle this return claim?",
    description="An unknown order line is no error: the answer names what is missing and sends the "
    "claim to a person, and so does an order that cannot be looked up now (`degraded`). Every "
    "answer is on record under its `audit_id` before it is sent.",
    requests=(ReturnReviewRequest,),
    response=ReturnReviewResponse,
    answer="The review.",
    examples=(
        Example("claim", "A claim as the buyer makes it", _EXAMPLE),
        Example("inspected", "A claim after the article was looked at", _INSPECTED),
        Example("list", "Two claims at once", [_EXAMPLE, _INSPECTED]),
    ),
)
"""The endpoint as it is documented."""
