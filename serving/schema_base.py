"""Pieces that the schemas of several endpoints share.

Values are strict (``"170"`` is text, not a height) with one exception: an id or a size label may be
sent as a number, because shops number their products and sizes.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from data_contracts.tables import BODY_RANGES

__all__ = [
    "BODY_BOUNDS",
    "PATTERNS",
    "Currency",
    "CustomerId",
    "LocaleTag",
    "Market",
    "Measurements",
    "ModelName",
    "Probability",
    "ProblemDocument",
    "ProblemField",
    "RequestModel",
    "Wearer",
    "in_words",
    "text_field",
]

_AGE = (0.0, 120.0, "years")
_EARLIEST_BIRTH = dt.date(1900, 1, 1)
_DAYS_A_YEAR = 365.25


def text_field(length: int, doc: str) -> Any:
    """Declare text of 1 to `length` characters that may be sent as a number."""
    return Field(
        min_length=1, max_length=length, strict=False, coerce_numbers_to_str=True, description=doc
    )


def _body(name: str, doc: str) -> Any:
    low, high, unit = BODY_RANGES[name]
    return Field(default=None, ge=low, le=high, allow_inf_nan=False, description=f"{doc}, {unit}.")


class RequestModel(BaseModel):
    """A request, or a part of one: unknown fields and loose types are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


Market = Annotated[
    str,
    Field(pattern="^[A-Za-z]{2}$", description="Market of the buyer, ISO 3166 alpha-2, as DE."),
]
Currency = Annotated[
    str, Field(pattern="^[A-Za-z]{3}$", description="Currency of the money sent, ISO 4217, as EUR.")
]
Probability = Annotated[float, Field(ge=0, le=1)]
LocaleTag = Annotated[
    str,
    Field(
        min_length=1,
        max_length=35,
        description="Language of the message, such as `de`, `de-AT` or `zh_CN`; English unless "
        "sent. Where we lack it, the message is in English and a notice says so.",
    ),
]
CustomerId = Annotated[str, text_field(200, "The buyer's account.")]
Wearer = Annotated[str, text_field(200, "Which person of the account; `self` unless sent.")]


class Measurements(RequestModel):
    """The body of the person who will wear the garment. Send what you have."""

    height_cm: float | None = _body("height_cm", "Body height")
    weight_kg: float | None = _body("weight_kg", "Body weight")
    chest_cm: float | None = _body("chest_cm", "Chest or bust girth")
    waist_cm: float | None = _body("waist_cm", "Waist girth")
    hip_cm: float | None = _body("hip_cm", "Hip girth")
    foot_length_cm: float | None = _body("foot_length_cm", "Heel to longest toe")
    cup: Annotated[str, text_field(10, "Bra cup letter.")] | None = None
    body_shape: Annotated[str, text_field(40, "Shape, in the shop's words.")] | None = None
    age_years: float | None = Field(
        default=None, ge=_AGE[0], le=_AGE[1], allow_inf_nan=False, description="Age, years."
    )
    birth_date: dt.date | None = Field(
        default=None, description="A child's day of birth; used where `age_years` is not sent."
    )
    sex: Annotated[
        str, text_field(20, "Sex of the body: female, male, or the person's own word.")
    ] | (None) = None
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


class ModelName(BaseModel):
    """Which model answered."""

    name: str
    version: str


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


def in_words(low: float, high: float, unit: str) -> str:
    """Write a range: ``between 30 and 250 cm``."""
    return f"between {low:g} and {high:g} {unit}"


PATTERNS = {
    "market": "a two-letter code, such as DE (ISO 3166)",
    "currency": "a three-letter code, such as EUR (ISO 4217)",
}
"""How a code must look, as a refusal tells it."""

BODY_BOUNDS = {
    name: in_words(*limits) for name, limits in {**BODY_RANGES, "age_years": _AGE}.items()
}
"""Range of each measurement in words, as a refusal tells it."""
