"""Request and response of each endpoint, as pydantic models; the OpenAPI document is made of them.

Values are strict (``"170"`` is text, not a height) with one exception: an id or a size label may be
sent as a number, because shops number their products and sizes.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic.config import JsonDict

from data_contracts.tables import BODY_RANGES, SELF
from features.questions import SizeQuestion
from models.size_fit.advice import ProductFlag, Status
from serving.problems import Hints

__all__ = [
    "HINTS",
    "AskNext",
    "FitShares",
    "Measurements",
    "ModelName",
    "Notice",
    "ProblemDocument",
    "Reason",
    "SizeAdviceRequest",
    "SizeAdviceResponse",
    "SizeEntry",
    "SizeSystem",
]

_AGE = (0.0, 120.0, "years")
_EARLIEST_BIRTH = dt.date(1900, 1, 1)
_DAYS_A_YEAR = 365.25

SizeSystem = Literal[
    "ALPHA",
    "US",
    "UK",
    "EU",
    "FR",
    "IT",
    "DE",
    "ES",
    "CN",
    "JP",
    "KR",
    "AU",
    "BABY_CM",
    "BABY_MONTHS",
    "WAIST_INCH",
    "SHOE_EU",
    "SHOE_US",
    "SHOE_UK",
    "SHOE_CN",
    "SHOE_JP",
    "ONE",
]


def _text(length: int, doc: str) -> Any:
    return Field(
        min_length=1, max_length=length, strict=False, coerce_numbers_to_str=True, description=doc
    )


def _body(name: str, doc: str) -> Any:
    low, high, unit = BODY_RANGES[name]
    return Field(default=None, ge=low, le=high, allow_inf_nan=False, description=f"{doc}, {unit}.")


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Measurements(_Request):
    """The body of the person who will wear the garment. Send what you have."""

    height_cm: float | None = _body("height_cm", "Body height")
    weight_kg: float | None = _body("weight_kg", "Body weight")
    chest_cm: float | None = _body("chest_cm", "Chest or bust girth")
    waist_cm: float | None = _body("waist_cm", "Waist girth")
    hip_cm: float | None = _body("hip_cm", "Hip girth")
    foot_length_cm: float | None = _body("foot_length_cm", "Heel to longest toe")
    cup: Annotated[str, _text(10, "Bra cup letter.")] | None = None
    body_shape: Annotated[str, _text(40, "Shape, in the shop's words.")] | None = None
    age_years: float | None = Field(
        default=None, ge=_AGE[0], le=_AGE[1], allow_inf_nan=False, description="Age, years."
    )
    birth_date: dt.date | None = Field(
        default=None, description="A child's day of birth; used where `age_years` is not sent."
    )
    sex: Annotated[str, _text(20, "Sex of the body: female, male, or the person's own word.")] | (
        None
    ) = None
    fit_preference: Literal["tight", "regular", "loose"] | None = Field(
        default=None, description="How the person likes to wear."
    )

    @field_validator("birth_date")
    @classmethod
    def _born(cls, day: dt.date | None) -> dt.date | None:
        today = dt.datetime.now(dt.UTC).date()
        if day is not None and not _EARLIEST_BIRTH <= day <= today:
            raise ValueError(f"must be between {_EARLIEST_BIRTH} and today, {today}")
        return day

    def known(self, asked_at: float) -> dict[str, float | str]:
        """Give what was sent, by contract column name, a birth date as the age at `asked_at`."""
        sent: dict[str, float | str] = {}
        for name in self.model_fields_set:
            value = getattr(self, name)
            if value is not None and name != "birth_date":
                sent[name] = value
        if self.birth_date is not None and "age_years" not in sent:
            today = dt.datetime.fromtimestamp(asked_at, dt.UTC).date()
            sent["age_years"] = max(0.0, (today - self.birth_date).days / _DAYS_A_YEAR)
        return sent


_SIZE_ADVICE_EXAMPLE: JsonDict = {
    "product_id": "dress-1042",
    "market": "US",
    "locale": "en-US",
    "customer_id": "c-77",
    "measurements": {"height_cm": 168, "weight_kg": 61.5, "fit_preference": "regular"},
    "candidate_sizes": ["S", "M", "L"],
    "show_in": ["ALPHA"],
}


class SizeAdviceRequest(_Request):
    """Which size of this product will fit this person?"""

    model_config = ConfigDict(
        json_schema_extra={"examples": [_SIZE_ADVICE_EXAMPLE, {"product_id": "dress-1042"}]}
    )

    product_id: Annotated[str, _text(200, "The product asked about.")]
    market: str | None = Field(
        default=None,
        pattern="^[A-Za-z]{2}$",
        description="Market of the buyer, ISO 3166 alpha-2, such as DE.",
    )
    locale: str | None = Field(
        default=None,
        min_length=1,
        max_length=35,
        description="Language of the message, such as `de`, `de-AT` or `zh_CN`; English unless "
        "sent. Where we lack it, the message is in English and a notice says so.",
    )
    customer_id: Annotated[str, _text(200, "The buyer's account.")] | None = None
    wearer: Annotated[str, _text(200, "Which person of the account; `self` unless sent.")] | (
        None
    ) = None
    occasion: Annotated[str, _text(100, "What the garment is wanted for.")] | None = None
    measurements: Measurements | None = None
    candidate_sizes: list[Annotated[str, _text(40, "A size label of the product.")]] | None = Field(
        default=None, max_length=200, description="Sizes to choose from; all unless sent."
    )
    show_in: list[SizeSystem] | None = Field(
        default=None, max_length=30, description="Size systems to show each size in."
    )

    def question(self, asked_at: float) -> SizeQuestion:
        """Put the request as the model's question.

        Parameters
        ----------
        asked_at
            Moment of the request, seconds since the epoch (UTC).
        """
        return SizeQuestion(
            product_id=self.product_id,
            asked_at=asked_at,
            customer_id=self.customer_id,
            wearer=self.wearer or SELF,
            market=self.market.upper() if self.market else None,
            occasion=self.occasion,
            measurements=self.measurements.known(asked_at) if self.measurements else {},
            candidate_sizes=tuple(self.candidate_sizes or ()),
        )


class ModelName(BaseModel):
    """Which model answered."""

    name: str
    version: str


class FitShares(BaseModel):
    """Chances that the size is too small, fits, is too large; they sum to one."""

    small: float = Field(ge=0, le=1)
    fit: float = Field(ge=0, le=1)
    large: float = Field(ge=0, le=1)


class SizeEntry(BaseModel):
    """One size of the product."""

    label: str
    labels: dict[str, str | None] = Field(
        description="The label in each asked size system, and in the product's own; null where no "
        "conversion is known."
    )
    fit: FitShares
    return_risk: float | None = Field(
        description="Chance that it comes back; null while no return-risk model is promoted."
    )


class Reason(BaseModel):
    """One reason for the advice."""

    code: str
    text: str | None = Field(description="A sentence in the message's language.")
    figures: dict[str, float | int | str]


class AskNext(BaseModel):
    """The one further question that would narrow the advice most."""

    field: str = Field(description="Name of the measurement to send with the next request.")
    text: str = Field(description="The question in the message's language.")


class Notice(BaseModel):
    """Something about the request that was answered differently from what was asked."""

    code: Literal["locale_not_available", "size_system_not_available"]
    text: str


class SizeAdviceResponse(BaseModel):
    """The advice."""

    request_id: str
    model: ModelName
    product_id: str
    locale: str = Field(description="Language of the texts.")
    status: Status
    recommended: str | None
    size_set: list[str] = Field(description="Holds the fitting size with the model's coverage.")
    sizes: list[SizeEntry]
    product_flag: ProductFlag | None
    because: list[Reason]
    ask_next: AskNext | None
    message: str
    notices: list[Notice]


class ProblemField(BaseModel):
    """One thing wrong with one field."""

    field: str
    reason: str
    value: str | float | bool | None = None


class ProblemDocument(BaseModel):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    errors: list[ProblemField] = []
    error_count: int | None = None


def _range(low: float, high: float, unit: str) -> str:
    return f"between {low:g} and {high:g} {unit}"


HINTS = Hints(
    fields={
        "": tuple(SizeAdviceRequest.model_fields),
        "measurements": tuple(Measurements.model_fields),
    },
    bounds={name: _range(*limits) for name, limits in {**BODY_RANGES, "age_years": _AGE}.items()},
)
"""What a refused size question is told."""
