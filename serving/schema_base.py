"""Pieces that the schemas of several endpoints share.

Values are strict (``"170"`` is text, not a height) with one exception: an id or a size label may be
sent as a number, because shops number their products and sizes.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "PATTERNS",
    "Currency",
    "CustomerId",
    "Degraded",
    "LocaleTag",
    "Market",
    "ModelName",
    "Probability",
    "ProblemDocument",
    "ProblemField",
    "RequestModel",
    "Wearer",
    "in_words",
    "text_field",
]


def text_field(length: int, doc: str) -> Any:
    """Declare text of 1 to `length` characters that may be sent as a number."""
    return Field(
        min_length=1, max_length=length, strict=False, coerce_numbers_to_str=True, description=doc
    )


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


Degraded = Annotated[
    bool,
    Field(
        description="True while the online state cannot be reached: the answer rests on the "
        "question, the model and what is remembered of the product, without any history, and the "
        "notice `without_history` says so in words. Ask again later for one that rests on more.",
        examples=[False],
    ),
]


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
