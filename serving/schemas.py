"""Request and response of size advice, as pydantic models; the OpenAPI document is made of them."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from data_contracts.tables import SELF, SizeSystem
from features.access_keys import STOREFRONT
from features.questions import BasketLine, BasketQuestion, SizeQuestion
from models.size_fit.advice import ProductFlag, Status
from serving.advisor import Chart
from serving.measures import BODY_BOUNDS, MEASURE_HINTS, Measurements
from serving.operation import Example, Operation
from serving.problems import Hints
from serving.schema_base import (
    PATTERNS,
    CustomerId,
    Degraded,
    LocaleTag,
    Market,
    ModelName,
    RequestModel,
    Wearer,
    text_field,
)

__all__ = [
    "HINTS",
    "SIZE_ADVICE",
    "AskNext",
    "FitShares",
    "LabelShare",
    "NextSize",
    "Notice",
    "Reason",
    "SizeAdviceRequest",
    "SizeAdviceResponse",
    "SizeEntry",
    "ThanUsual",
]

_KNOWN: JsonDict = {
    "product_id": "dress-1042",
    "market": "US",
    "locale": "en-US",
    "customer_id": "c-77",
    "measurements": {"height_cm": 168, "weight_kg": 61.5, "fit_preference": "regular"},
    "candidate_sizes": ["S", "M", "L"],
    "show_in": ["ALPHA"],
}
_IN_FEET: JsonDict = {
    "product_id": "dress-1042",
    "market": "US",
    "measurements": {"height": "5 ft 6 in", "weight": "140 lb", "chest": "36 in"},
}
_CHILD: JsonDict = {
    "product_id": "romper-7",
    "market": "DE",
    "locale": "de",
    "wearer": "Mia",
    "measurements": {"birth_date": "2025-03-14", "sex": "female", "height_cm": 71},
}
_BARE: JsonDict = {"product_id": "dress-1042"}


class SizeAdviceRequest(RequestModel):
    """Which size of this product will fit this person?"""

    model_config = ConfigDict(json_schema_extra={"examples": [_KNOWN, _BARE]})

    product_id: Annotated[str, text_field(200, "The product asked about.")]
    market: Market | None = None
    locale: LocaleTag | None = None
    customer_id: CustomerId | None = None
    wearer: Wearer | None = None
    occasion: Annotated[str, text_field(100, "What the garment is wanted for.")] | None = None
    measurements: Measurements | None = None
    candidate_sizes: list[Annotated[str, text_field(40, "A size label of the product.")]] | None = (
        Field(default=None, max_length=200, description="Sizes to choose from; all unless sent.")
    )
    show_in: list[SizeSystem] | None = Field(
        default=None,
        max_length=30,
        description="Size systems to show each size in, the shopper's own first. Unless sent, the "
        "one the market is used to.",
    )
    with_return_risk: bool | None = Field(
        default=None,
        description="Tell for each size the chance that it comes back, too; this takes longer.",
    )

    def question(self, asked_at: float) -> SizeQuestion:
        """Put the request as the model's question.

        Parameters
        ----------
        asked_at
            Moment of the request, seconds since the epoch (UTC).
        """
        market = self.market.upper() if self.market else None
        return SizeQuestion(
            product_id=self.product_id,
            asked_at=asked_at,
            customer_id=self.customer_id,
            wearer=self.wearer or SELF,
            market=market,
            occasion=self.occasion,
            measurements=self.measurements.known(asked_at, market) if self.measurements else {},
            candidate_sizes=tuple(self.candidate_sizes or ()),
        )

    def basket(self, question: SizeQuestion) -> BasketQuestion:
        """Ask the return-risk model about the same product and person."""
        return BasketQuestion(
            lines=(BasketLine(product_id=question.product_id),),
            asked_at=question.asked_at,
            customer_id=question.customer_id,
            wearer=question.wearer,
            market=question.market,
            measurements=question.measurements,
        )


class FitShares(BaseModel):
    """Chances that the size is too small, fits, is too large; they sum to one."""

    small: float = Field(ge=0, le=1)
    fit: float = Field(ge=0, le=1)
    large: float = Field(ge=0, le=1)


class LabelShare(BaseModel):
    """A size of another system, and how much of this size's body it is cut for."""

    label: str
    share: float = Field(gt=0, le=1, description="The shares of a system sum to one.")


class SizeEntry(BaseModel):
    """One size of the product."""

    label: str
    labels: dict[str, str | None] = Field(
        description="What each asked size system, and the product's own, calls this size: one "
        "label, or the first and last of those that share it, such as `38-40`; null where no "
        "conversion is known."
    )
    conversions: dict[str, list[LabelShare]] = Field(
        description="The same with shares, best first; empty where no conversion is known."
    )
    fit: FitShares
    return_risk: float | None = Field(
        description="Chance that it comes back; null unless `with_return_risk` asks for it, and "
        "while no return-risk model is promoted."
    )


class Reason(BaseModel):
    """One reason for the advice."""

    code: str
    text: str | None = Field(description="A sentence in the message's language.")
    figures: dict[str, float | int | str]


class ThanUsual(BaseModel):
    """The labels mean another body than shoppers of the market are used to."""

    market: str
    steps: int = Field(
        description="Sizes larger than usual to take; below 0 smaller. Of the recommended size "
        "where there is one, else of most sizes."
    )
    text: str = Field(description="The same as a sentence.")


class NextSize(BaseModel):
    """When a growing child will need the size after the one that is right today."""

    label: str
    after: str = Field(
        description="The size right today: the recommended one, the likeliest to fit where none is."
    )
    in_weeks: int = Field(ge=1, description="Weeks from now, about.")
    on: dt.date = Field(description="The day.")
    text: str = Field(description="The same as a sentence.")


class AskNext(BaseModel):
    """The one further question that would narrow the advice most."""

    field: str = Field(
        description="What to send with the next request: a name in `measurements`, or `wearer`."
    )
    text: str = Field(description="The question in the message's language.")


class Notice(BaseModel):
    """Something that was answered differently from what was asked, or rests on an estimate."""

    code: Literal[
        "without_history",
        "locale_not_available",
        "size_system_not_available",
        "size_chart_estimated",
    ]
    text: str


class SizeAdviceResponse(BaseModel):
    """The advice."""

    request_id: str
    model: ModelName
    degraded: Degraded
    product_id: str
    locale: str = Field(description="Language of the texts.")
    status: Status
    recommended: str | None
    size_set: list[str] = Field(description="Holds the fitting size with the model's coverage.")
    sizes: list[SizeEntry]
    chart: Chart | None = Field(
        description="Where the bodies the sizes are cut for come from: published by the shop, or "
        "estimated; null where neither."
    )
    product_flag: ProductFlag | None
    than_usual: ThanUsual | None = Field(
        description="How the labels differ from what shoppers of the market are used to; null "
        "where they do not."
    )
    next_size: NextSize | None = Field(
        description="For a growing child: the size after the one that is right today, and when; "
        "null where that cannot be said, and where no size fits."
    )
    because: list[Reason]
    ask_next: AskNext | None
    message: str
    notices: list[Notice]


HINTS = Hints(
    fields={
        "": tuple(SizeAdviceRequest.model_fields),
        "measurements": tuple(Measurements.model_fields),
    },
    bounds=BODY_BOUNDS,
    patterns={**PATTERNS, **MEASURE_HINTS},
)
"""What a refused size question is told."""

SIZE_ADVICE = Operation(
    path="/v1/size-advice",
    scope=STOREFRONT,
    operation_id="adviseSize",
    summary="Which size will fit this person?",
    description="An unknown product or customer is no error: the answer says what it rests on. A "
    "product that cannot be looked up now gets `not_enough_information` and `degraded`.",
    requests=(SizeAdviceRequest,),
    response=SizeAdviceResponse,
    answer="The advice.",
    examples=(
        Example("known_shopper", "Measurements and stock", _KNOWN),
        Example("feet_and_inches", "Measurements in other units", _IN_FEET),
        Example("child", "A baby by its date of birth", _CHILD),
        Example("product_only", "Nothing known of the shopper", _BARE),
        Example("list", "Two questions at once", [_KNOWN, _BARE]),
    ),
)
"""The endpoint as it is documented."""
