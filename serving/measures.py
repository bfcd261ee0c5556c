"""The body of a request: figures in the contract's units, or as text with a unit of its own."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationInfo, field_validator

from data_contracts.tables import BODY_RANGES
from data_contracts.units import MEASURES, UNITS, MeasureError, read_measure
from serving.bras import bra_meanings, read_bra
from serving.schema_base import RequestModel, in_words, text_field

__all__ = ["BODY_BOUNDS", "MEASURE_HINTS", "Measurements"]

_AGE: Final = MEASURES["age_years"]
_EARLIEST_BIRTH = dt.date(1900, 1, 1)
_DAYS_A_YEAR = 365.25
_DAYS_EXPECTED = 280  # nobody who is due later than this is expected yet
_IN_TEXT: Final[Mapping[str, str]] = {name.rsplit("_", maxsplit=1)[0]: name for name in BODY_RANGES}
_OTHER: Final = {"cm": "in", "kg": "lb"}  # bounds are named in these as well
_SAME = 0.02  # a figure written twice, once rounded to whole inches, differs by less


def _body(name: str, doc: str) -> Any:
    low, high, unit = BODY_RANGES[name]
    return Field(default=None, ge=low, le=high, allow_inf_nan=False, description=f"{doc}, {unit}.")


def _written(name: str, examples: str) -> Any:
    return Field(
        default=None,
        min_length=1,
        max_length=60,
        description=f"The same as `{name}` as text with its unit, such as {examples}.",
    )


_BRAS: Final = "34DD, 80B or B75"
_BRA_OFF = 10.0  # cm, two bands: many wear a size that is not theirs
_EXAMPLES: Final = {
    "height": "`168 cm`, `1.68 m`, `66 in` or `5 ft 6 in`",
    "weight": "`63.5 kg`, `140 lb` or `9 st 4 lb`",
    "chest": "`92 cm` or `36 in`",
    "waist": "`76 cm` or `30 in`",
    "hip": "`98 cm` or `38 1/2 in`",
    "foot_length": "`24.5 cm`, `245 mm` or `9.6 in`",
}


class Measurements(RequestModel):
    """The body of the person who will wear the garment. Send what you have, in any unit."""

    height_cm: float | None = _body("height_cm", "Body height")
    weight_kg: float | None = _body("weight_kg", "Body weight")
    chest_cm: float | None = _body("chest_cm", "Chest or bust girth")
    waist_cm: float | None = _body("waist_cm", "Waist girth")
    hip_cm: float | None = _body("hip_cm", "Hip girth")
    foot_length_cm: float | None = _body("foot_length_cm", "Heel to longest toe")
    height: str | None = _written("height_cm", _EXAMPLES["height"])
    weight: str | None = _written("weight_kg", _EXAMPLES["weight"])
    chest: str | None = _written("chest_cm", _EXAMPLES["chest"])
    waist: str | None = _written("waist_cm", _EXAMPLES["waist"])
    hip: str | None = _written("hip_cm", _EXAMPLES["hip"])
    foot_length: str | None = _written("foot_length_cm", _EXAMPLES["foot_length"])
    cup: Annotated[str, text_field(10, "Bra cup letter.")] | None = None
    bra: str | None = Field(
        default=None,
        min_length=1,
        max_length=20,
        description="Bra size, such as `34DD`, `80B` or `B75`: tells cup and chest where those are "
        "not sent. Send `market` with it: 80B is one bra in Germany and another in France.",
    )
    body_shape: Annotated[str, text_field(40, "Shape, in the shop's words.")] | None = None
    age_years: float | None = Field(
        default=None, ge=_AGE[0], le=_AGE[1], allow_inf_nan=False, description="Age, years."
    )
    birth_date: dt.date | None = Field(
        default=None,
        description="A child's day of birth, or the day it is due, at most 280 days ahead; used "
        "where `age_years` is not sent.",
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
        latest = today + dt.timedelta(days=_DAYS_EXPECTED)
        if day is not None and not _EARLIEST_BIRTH <= day <= latest:
            raise ValueError(
                f"must be between {_EARLIEST_BIRTH} and {latest}: a child may be expected, up to "
                f"{_DAYS_EXPECTED} days from today, {today}"
            )
        return day

    @field_validator(*_IN_TEXT)
    @classmethod
    def _readable(cls, text: str | None, info: ValidationInfo) -> str | None:
        if text is None or info.field_name is None:
            return text
        name = _IN_TEXT[info.field_name]
        figure = _read(text, name)
        sent = info.data.get(name)
        if sent is not None and abs(figure - sent) > _SAME * sent:
            unit = BODY_RANGES[name][2]
            raise ValueError(
                f"{info.field_name} {text!r} is {figure:.4g} {unit} and {name} is {sent:g} {unit};"
                " send one of them, or the same figure in both"
            )
        return text

    @field_validator("bra")
    @classmethod
    def _a_bra(cls, text: str | None, info: ValidationInfo) -> str | None:
        if text is None:
            return None
        meanings = bra_meanings(text)
        if not meanings:
            raise ValueError(f"{text!r} is no bra size; write band and cup, such as {_BRAS}")
        cup, chest = info.data.get("cup"), info.data.get("chest_cm")
        if chest is None and (written := info.data.get("chest")) is not None:
            chest = read_measure(written, "chest_cm")
        if cup is not None and not any(bra.like(cup) for bra in meanings):
            raise ValueError(f"bra {text!r} and cup {cup!r} disagree; send the one that is right")
        if chest is not None and not any(bra.near(chest, _BRA_OFF) for bra in meanings):
            low, high = meanings[0].chest_cm
            raise ValueError(
                f"bra {text!r} is cut for a chest of {low:g} to {high:g} cm and the chest sent is "
                f"{chest:.4g} cm; send the one that is right"
            )
        return text

    def known(self, asked_at: float, market: str | None = None) -> dict[str, float | str]:
        """Give what was sent, by contract column name, a birth date as the age at `asked_at`.

        The age of a child that is expected is below 0: what is bought for it is for the newborn.

        Parameters
        ----------
        asked_at
            Moment of the request, seconds since the epoch (UTC).
        market
            Whose bra sizes are meant, ISO 3166 alpha-2 code, upper case.
        """
        sent: dict[str, float | str] = {}
        for name in self.model_fields_set:
            value = getattr(self, name)
            if value is None or name in ("birth_date", "bra"):
                continue
            if (column := _IN_TEXT.get(name)) is None:
                sent[name] = value
            elif getattr(self, column) is None:  # what was sent in the contract's unit goes first
                sent[column] = read_measure(value, column)
        if self.bra is not None:  # what was measured goes before what is worn
            sent = {**read_bra(self.bra, market), **sent}
        if self.birth_date is not None and "age_years" not in sent:
            today = dt.datetime.fromtimestamp(asked_at, dt.UTC).date()
            sent["age_years"] = (today - self.birth_date).days / _DAYS_A_YEAR
        return sent


def _read(text: str, name: str) -> float:
    """The figure in the contract's unit; the bounds of a refusal in the other measure as well."""
    try:
        return read_measure(text, name)
    except MeasureError as error:
        if math.isnan(error.amount):
            raise
        low, high, unit = BODY_RANGES[name]
        other = _OTHER[unit]
        factor = UNITS[unit][other]
        raise ValueError(f"{error} ({low / factor:.3g} to {high / factor:.3g} {other})") from None


MEASURE_HINTS: Final = {
    written: f"text with its unit, such as {_EXAMPLES[written].replace('`', '')}; "
    f"a plain number goes into {name}"
    for written, name in _IN_TEXT.items()
} | {"bra": f"text with band and cup, such as {_BRAS}"}
"""How a figure with a unit must look, as a refusal tells it."""

BODY_BOUNDS: Final = {name: in_words(*limits) for name, limits in MEASURES.items()}
"""Range of each measurement in words, as a refusal tells it."""
