"""Fields of a request made of the columns of a contract, so that no rule is written twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field, create_model

from data_contracts.schema import Column
from features.event_log import MOST_TEXT
from features.state import KEY_SEPARATOR
from serving.schema_base import RequestModel, in_words

__all__ = ["bounds_of", "data_model", "field_of", "id_field", "patterns_of"]

_LONGEST_TEXT: Final = 1_000
_MOST: Final = 1e12  # where the contract sets no end: sums of such figures are still exact
_NOT_IN_TEXT: Final = rf"\x00\x{ord(KEY_SEPARATOR):02x}"
# Keys of the state are parts of text with a separator between them, and no store takes a NUL.
_TEXT: Final = rf"^[^{_NOT_IN_TEXT}]*[^\s{_NOT_IN_TEXT}][^{_NOT_IN_TEXT}]*$"
_PLAIN: Final = "text that is not blank, without the characters U+0000 and U+001F"
_LONGEST_TIME: Final = 40
_IN_WORDS: Final = {
    "market": "two capital letters, such as DE (ISO 3166)",
    "currency": "three capital letters, such as EUR (ISO 4217)",
    "locale": "a language tag, such as de or de-AT",
}

Fields = dict[str, tuple[Any, Any]]


def data_model(
    name: str,
    doc: str,
    columns: Iterable[Column],
    *,
    required: Iterable[str] = (),
    more: Mapping[str, tuple[Any, Any]] | None = None,
    base: type[RequestModel] = RequestModel,
) -> type[RequestModel]:
    """Make the model of what an event tells.

    Parameters
    ----------
    name, doc
        Of the model.
    columns
        What it may tell.
    required
        Columns that must be told although the contract lets them be null.
    more
        Further fields, as :func:`pydantic.create_model` takes them.
    base
        Its fields are there as well.
    """
    must = set(required)
    fields: Fields = {
        column.name: field_of(column, required=column.name in must) for column in columns
    }
    fields |= more or {}
    model: type[RequestModel] = create_model(  # type: ignore[call-overload]
        name, __base__=base, __doc__=doc, __module__=__name__, **fields
    )
    return model


def field_of(column: Column, *, required: bool = False) -> tuple[Any, Any]:
    """The field a column is sent in: its type, and its default.

    A column with a default in the contract need not be sent; a null is the same as nothing.
    """
    kind = _type(column)
    if (column.required or required) and column.default is None:
        return Annotated[kind, Field(description=_doc(column))], ...
    return Annotated[kind | None, Field(description=_doc(column))], None


def id_field(doc: str) -> Any:
    """A name of 1 to 256 characters; it may be sent as a number."""
    return Annotated[str, _text(MOST_TEXT), Field(description=doc)]


def bounds_of(columns: Iterable[Column]) -> dict[str, str]:
    """Range of each number in words, as a refusal tells it."""
    return {
        column.name: in_words(*_ends(column), _unit(column)).rstrip()
        for column in columns
        if column.kind in ("number", "integer")
    }


def patterns_of(columns: Iterable[Column]) -> dict[str, str]:
    """How text must look in words, as a refusal tells it."""
    told = {}
    for column in columns:
        if column.kind == "time":
            told[column.name] = "a time in ISO 8601, such as 2025-05-09T16:20:00Z"
        elif column.pattern is not None:
            told[column.name] = _IN_WORDS.get(column.name, f"text like {column.pattern}")
        elif column.kind == "text" and column.allowed is None:
            told[column.name] = _PLAIN
    return told


def _type(column: Column) -> Any:
    match column.kind:
        case "text" if column.allowed is not None:
            return Literal[column.allowed]
        case "text" if column.pattern is not None:
            return Annotated[
                str, Field(pattern=f"^(?:{column.pattern})$", max_length=_LONGEST_TEXT)
            ]
        case "text":
            longest = MOST_TEXT if column.name.endswith("_id") else _LONGEST_TEXT
            return Annotated[str, _text(longest)]
        case "text_list":
            return list[Annotated[str, _text(_LONGEST_TEXT)]]
        case "number":
            low, high = _ends(column)
            return Annotated[float, Field(ge=low, le=high, allow_inf_nan=False)]
        case "integer":
            low, high = _ends(column)
            return Annotated[int, Field(ge=int(low), le=int(high))]
        case "boolean":
            return bool
        case "time":  # read later: pydantic takes digits for seconds since the epoch
            return Annotated[
                str,
                Field(max_length=_LONGEST_TIME, json_schema_extra={"format": "date-time"}),
            ]


def _text(longest: int) -> Any:
    return Field(
        min_length=1,
        max_length=longest,
        pattern=_TEXT,
        strict=False,
        coerce_numbers_to_str=True,
    )


def _ends(column: Column) -> tuple[float, float]:
    low = -_MOST if column.minimum is None else column.minimum
    return low, _MOST if column.maximum is None else column.maximum


def _unit(column: Column) -> str:
    return "" if column.unit in (None, "currency") else column.unit


def _doc(column: Column) -> str:
    unit = _unit(column)
    default = f" `{column.default}` unless sent." if column.default is not None else ""
    return f"{column.doc.rstrip('.')}{f', {unit}' if unit else ''}.{default}"
