"""People online: what the state keeps of a wearer's body, and how it is read for a garment.

Written and read alike for every model that asks whether a size will fit.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Protocol

import numpy as np
import orjson
import pandas as pd

from features.bodies import BODY_COLUMNS, FULL_GROWN, GROWTH_CM, cup_index
from features.lines import (
    GROWN_YEARS,
    PERSON_TEXTS,
    STALE_US,
    YEAR_US,
    is_child_record,
    people_on_record,
)
from features.positions import CHILDREN
from features.state import state_key

__all__ = ["Asker", "body_of", "has_figures", "people_items", "person_keys", "read_person"]

_PERSON, _CHILD = "person_facts", "child_facts"
_FIGURES = tuple(name for name in BODY_COLUMNS if name not in ("cup_index", "age_years"))
_TOLD_FIGURES = (*_FIGURES, "cup_index")
_OUTGROWN = frozenset(_FIGURES)
_MICROS = 1e6


class Asker(Protocol):
    """The part of a question that says who will wear it."""

    @property
    def customer_id(self) -> str | None:
        """Whose account."""
        ...

    @property
    def wearer(self) -> str:
        """Which person on it."""
        ...

    @property
    def asked_at(self) -> float:
        """Seconds since the epoch (UTC)."""
        ...

    @property
    def measurements(self) -> Mapping[str, float | str]:
        """Figures sent along, by contract column name."""
        ...


def people_items(measurements: pd.DataFrame | None) -> Iterator[tuple[str, bytes]]:
    """The latest record of every person, and of every account's child last measured.

    Parameters
    ----------
    measurements
        Contract table ``body_measurements``, where the shop has one.

    Yields
    ------
    tuple of str and bytes
        Key and value of the state store.
    """
    if measurements is None or measurements.empty:
        return
    people = people_on_record(measurements)
    people["cup"] = people["cup"].map(cup_index, na_action="ignore").astype("float64")
    columns = ["measured", "birth", *_FIGURES, *PERSON_TEXTS]
    for kind, rows, by in (
        (_PERSON, people, ["customer_id", "wearer"]),
        (_CHILD, people[is_child_record(people)], ["customer_id"]),
    ):
        latest = rows.drop_duplicates(by, keep="last")
        keys = latest[by].to_numpy(dtype=object)
        records = latest[columns].assign(cup_index=latest["cup"])
        for key, record in zip(keys, records.to_dict("records"), strict=True):
            told = {name: value for name, value in record.items() if not pd.isna(value)}
            yield state_key(kind, *key), orjson.dumps(told)


def person_keys(asker: Asker) -> tuple[str, ...]:
    """Keys of the records that may be read for this question."""
    if asker.customer_id is None:
        return ()
    return (
        state_key(_PERSON, asker.customer_id, asker.wearer),
        state_key(_CHILD, asker.customer_id),
    )


def read_person(
    asker: Asker,
    audience: str,
    found: Mapping[str, bytes],
    at: float | None = None,
    without: Collection[str] = (),
) -> dict[str, Any]:
    """What is known of the wearer's body: the rules of :func:`features.lines.line_facts`.

    Parameters
    ----------
    asker
        The question.
    audience
        Of the garment. Where it is for children and names no child, the child last measured is
        meant; a body it cannot be for is forgotten.
    found
        Values of :func:`person_keys`.
    at
        Moment for which the body is wanted, seconds; that of the question if None.
    without
        What is told of a person and must not be looked at.

    Returns
    -------
    dict
        Figures and texts by name, only those that are known.
    """
    record: dict[str, Any] = {}
    if asker.customer_id is not None:
        for_child = audience in CHILDREN and asker.wearer == "self"
        stored = found.get(person_keys(asker)[for_child])
        if stored is not None:
            record = orjson.loads(stored)
    if asker.measurements:
        record = {**record, **_told(asker)}
    for name in without:
        record.pop(name, None)
    now = (asker.asked_at if at is None else at) * _MICROS
    birth = record.get("birth")
    if birth is not None:
        age = (now - birth) / YEAR_US
        then = (record["measured"] - birth) / YEAR_US
        if "height_cm" in record:
            grown = math.sqrt(_clip(age)) - math.sqrt(_clip(then))
            record["height_cm"] += max(grown, 0.0) * GROWTH_CM
        if age < GROWN_YEARS:
            record["age_years"] = age
        else:
            record["grown_up"] = True
    if audience in CHILDREN and now - record.get("measured", now) > STALE_US:
        kept = {"height_cm"} if birth is not None else set()
        record = {k: v for k, v in record.items() if k not in _OUTGROWN - kept}
    return _without_other_body(record, audience)


def body_of(person: Mapping[str, Any]) -> list[float]:
    """Body figures by `BODY_COLUMNS`, NaN where unknown."""
    return [person.get(name, math.nan) for name in BODY_COLUMNS]


def has_figures(person: Mapping[str, Any]) -> bool:
    """Whether anything of the body is known beside its age."""
    return any(name in person for name in _TOLD_FIGURES)


def _clip(age: float) -> float:
    return min(max(age, 0.0), FULL_GROWN)


def _told(asker: Asker) -> dict[str, Any]:
    """Figures sent with the question, in the terms of the record."""
    told: dict[str, Any] = dict(asker.measurements)
    told["measured"] = asker.asked_at * _MICROS
    place = cup_index(told.pop("cup", None))
    if math.isfinite(place):  # what no rule reads is not known
        told["cup_index"] = place
    age = told.pop("age_years", None)
    if age is not None:
        told["birth"] = told["measured"] - float(age) * YEAR_US
    return told


def _without_other_body(record: dict[str, Any], audience: str) -> dict[str, Any]:
    """The rule of :func:`features.lines.line_facts` on a body the garment cannot be for."""
    height, age = record.get("height_cm", np.nan), record.get("age_years", np.nan)
    grown = "grown_up" in record or (math.isnan(age) and height > 165)
    small = height < 130 or age < 10
    adult = audience in ("women", "men")
    sex = {"female": "women", "male": "men"}.get(str(record.get("sex")))
    other = adult and sex is not None and sex != audience
    if not ((audience in CHILDREN and grown) or (adult and small) or other):
        return record
    return {"age_years": age} if not (grown or small) else {}
