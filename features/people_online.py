"""People online: what the state keeps of a wearer's body, and how it is read for a garment.

Written and read alike for every model that asks whether a size will fit.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Protocol

import numpy as np
import orjson

from data_contracts.lazy import pd
from features.bodies import BODY_COLUMNS, cup_index
from features.children import OUTGROWN, YEAR_US, choose_child, growing_body_one, imply_birth, moment
from features.lines import (
    GROWN_YEARS,
    PERSON_TEXTS,
    SAME_BIRTH_US,
    is_child_record,
    people_on_record,
)
from features.positions import CHILDREN
from features.state import state_key

__all__ = ["Asker", "body_of", "has_figures", "people_items", "person_keys", "read_person"]

_PERSON, _CHILD = "person_facts", "child_facts"
_TOLD_FIGURES = frozenset((*OUTGROWN, "cup_index"))
_MOMENTS = [(figure, moment(figure)) for figure in OUTGROWN]
_NO_HEIGHTS = (math.nan, math.nan)
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
    """The latest record of every person, and those of every account's children.

    A record tells each figure, and in ``at`` the moment of those measured before the record itself.

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
    latest = people.drop_duplicates(["customer_id", "wearer"], keep="last")
    columns = ["measured", "birth", "birth_date", *OUTGROWN, *map(moment, OUTGROWN), *PERSON_TEXTS]
    records = latest[columns].assign(cup_index=latest["cup"]).to_dict("records")
    children: dict[str, list[tuple[float, str, dict[str, Any]]]] = {}
    keys = latest[["customer_id", "wearer"]].to_numpy(dtype=object)
    flags = is_child_record(latest).to_numpy(dtype=bool)
    for (customer_id, wearer), child, record in zip(keys, flags, records, strict=True):
        told = _compact({str(name): value for name, value in record.items()})
        yield state_key(_PERSON, customer_id, wearer), orjson.dumps(told)
        if child:
            named = {**told, "who": wearer}
            children.setdefault(customer_id, []).append((told["measured"], wearer, named))
    for customer_id, known in children.items():
        known.sort(key=lambda each: each[:2])
        yield state_key(_CHILD, customer_id), orjson.dumps([told for _, _, told in known])


def _compact(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record without what is unknown, or as young as the record itself."""
    told = {name: value for name, value in record.items() if not pd.isna(value)}
    older = {}
    for figure in OUTGROWN:
        at = told.pop(moment(figure), None)
        if at is not None and at != told["measured"]:
            older[figure] = at
    return {**told, "at": older} if older else told


def _unfold(record: dict[str, Any]) -> dict[str, Any]:
    """The inverse of :func:`_compact`: every figure with its moment."""
    older, measured = record.pop("at", {}), record.get("measured")
    for figure, at in _MOMENTS:
        if figure in record:
            record[at] = older.get(figure, measured)
    return record


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
    heights: tuple[float, float] = _NO_HEIGHTS,
) -> dict[str, Any]:
    """What is known of the wearer's body: the rules of :func:`features.lines.line_facts`.

    Parameters
    ----------
    asker
        The question.
    audience
        Of the garment. Where it is for children and names no child, one that it can fit is meant;
        a body it cannot be for is forgotten.
    found
        Values of :func:`person_keys`.
    at
        Moment for which the body is wanted, seconds; that of the question if None.
    without
        What is told of a person and must not be looked at.
    heights
        Lowest and highest (cm) the garment is made for, NaN where not told.

    Returns
    -------
    dict
        Figures and texts by name, only those that are known; of a growing wearer those of the day
        of wearing, with ``expected_height_cm`` and ``expected_height_sd``; ``who``, the name of the
        child that is meant where none was named.
    """
    now = (asker.asked_at if at is None else at) * _MICROS
    told = _unfold(_told(asker)) if asker.measurements else {}
    record = _on_record(asker, audience, found, without, heights, told, now)
    date = record.pop("birth_date", None)
    record.update(told)
    if date is not None and abs(record["birth"] - date) < SAME_BIRTH_US:
        record["birth"] = date
    for name in without:
        record.pop(name, None)
    imply_birth(record, audience)
    birth = record.get("birth")
    if birth is not None:
        age = (now - birth) / YEAR_US
        if age < GROWN_YEARS:
            record["age_years"] = age
        else:
            record["grown_up"] = True
    growing_body_one(record, audience, now)
    own = _without_other_body(record, audience)
    return {**own, "who": record["who"]} if "who" in record else own


def _on_record(
    asker: Asker,
    audience: str,
    found: Mapping[str, bytes],
    without: Collection[str],
    heights: tuple[float, float],
    told: Mapping[str, Any],
    now: float,
) -> dict[str, Any]:
    """The record of the wearer, or of the child that is meant."""
    if asker.customer_id is None:
        return {}
    own, of_children = person_keys(asker)
    if audience not in CHILDREN or asker.wearer != "self":
        stored = found.get(own)
        return {} if stored is None else _unfold(orjson.loads(stored))
    stored = found.get(of_children)
    if stored is None:
        return {}
    children = [_unfold(child) for child in orjson.loads(stored)]
    for child in children:
        for name in without:
            child.pop(name, None)
    if "birth" in told:  # the question says which child it is
        near = [
            c
            for c in children
            if abs(c.get("birth", told["birth"]) - told["birth"]) < SAME_BIRTH_US
        ]
        children = near
    return choose_child(children, audience, heights, now) or {}


def body_of(person: Mapping[str, Any]) -> list[float]:
    """Body figures by `BODY_COLUMNS`, NaN where unknown."""
    return [person.get(name, math.nan) for name in BODY_COLUMNS]


def has_figures(person: Mapping[str, Any]) -> bool:
    """Whether anything of the body is known beside its age."""
    return not _TOLD_FIGURES.isdisjoint(person)


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
