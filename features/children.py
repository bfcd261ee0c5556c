"""A growing wearer's body on the day a garment is worn, and which child of an account is meant.

Written twice, for tables and for one question, with the same rules; a test holds them equal:

- What was measured earlier is carried to the day the garment is worn: stature, weight and foot by
  the child's own percentile (:mod:`features.growth`). Girths are not, and count for half a year.
- Every figure has its own moment: a record that tells a new weight makes the height no younger.
- Who orders for a child without naming it means the child whom the garment can fit: of the right
  sex where both are told, of a height that the product is made for. Of several such, the one last
  measured; a child of the other sex, or sizes away, is not meant even if no other is known.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from data_contracts.lazy import pd
from data_contracts.tables import BODY_RANGES
from features.events import DAY_US
from features.growth import (
    GROWN_UP,
    WEIGHED_TO,
    age_of_stature,
    foot_length,
    stature,
    stature_later,
    weight_later,
    within,
)
from features.positions import CHILDREN

__all__ = [
    "EXPECTED",
    "GROWN_YEARS",
    "NOT_MEANT_CM",
    "OUTGROWN",
    "SEX_OF",
    "STALE_US",
    "UNTIL_WORN_US",
    "YEAR_US",
    "choose_child",
    "growing_body",
    "growing_body_one",
    "implied_birth",
    "imply_birth",
    "misfit",
    "moment",
    "product_heights",
]

Floats = npt.NDArray[np.float64]

YEAR_US = 365.25 * DAY_US
GROWN_YEARS = 18.0
"""Figures told from this age on are a grown-up's, and stay."""
STALE_US = 183 * DAY_US
"""After half a year a child has outgrown its measurements."""
UNTIL_WORN_US = 21 * DAY_US
"""From the order until the garment is worn: a week on its way and a fortnight in the drawer."""
EXPECTED = ("expected_height_cm", "expected_height_sd")
"""Height of a growing wearer on the day of wearing: carried from its own, else that of its age."""
OUTGROWN = ("height_cm", "weight_kg", "chest_cm", "waist_cm", "hip_cm", "foot_length_cm")
"""Figures that grow."""
_CARRIED = ("height_cm", "weight_kg", "foot_length_cm")
_FEET = BODY_RANGES["foot_length_cm"][:2]
SEX_OF = {"girls": "female", "women": "female", "boys": "male", "men": "male"}
"""Whom a garment is made for, where the wearer's sex is not told."""
_OTHER_SEX = {"girls": "male", "boys": "female"}
# Heights (cm) garments are made for where the product does not say.
_USUAL_HEIGHTS = {"baby": (50.0, 98.0), "girls": (92.0, 170.0), "boys": (92.0, 176.0)}
_SMALL_CM = 130.0
"""Up to this height a wearer of children's clothes is taken for a child that grows."""
_SLACK_CM = 6.0  # one size of children's clothes
_STRANGER_CM = 1000.0
NOT_MEANT_CM = 12.0
"""A child further than this from those a product is made for is not meant by it."""


def moment(figure: str) -> str:
    """Name of the column that tells when a figure was measured (microseconds)."""
    return f"{figure}_at"


def product_heights(placed: pd.DataFrame) -> pd.DataFrame:
    """Heights a product is made for: ``low`` and ``high`` (cm) by product, NaN where not told."""
    heights = placed.groupby("product_id")["height_mid"]
    return pd.DataFrame({"low": heights.min(), "high": heights.max()})


def implied_birth(facts: pd.DataFrame) -> pd.Series:
    """When each line's wearer was born: as told, or as a small child's height makes likely.

    A child of whom only the height is told grows as one of that median height does; without an age
    it would stay as small as it was.

    Parameters
    ----------
    facts
        As in :func:`growing_body`.
    """
    height = facts["height_cm"].to_numpy(dtype="float64")
    likely = facts["birth"].isna() & facts["audience"].isin(CHILDREN) & (height < _SMALL_CM)
    if not likely.any():
        return facts["birth"]
    told_at = facts[moment("height_cm")].to_numpy(dtype="float64")
    age = age_of_stature(height[likely], None)
    birth = facts["birth"].copy()
    birth[likely] = told_at[likely] - age * YEAR_US
    return birth


def imply_birth(record: dict[str, Any], audience: str) -> None:
    """:func:`implied_birth` for one record, in place; ``age_implied`` says that it was."""
    height = record.get("height_cm")
    if "birth" not in record and height is not None and height < _SMALL_CM and audience in CHILDREN:
        age = float(age_of_stature(np.array([height]), None)[0])
        record["birth"] = record[moment("height_cm")] - age * YEAR_US
        record["age_implied"] = True


def growing_body(facts: pd.DataFrame) -> pd.DataFrame:
    """The figures of every line's wearer on the day of wearing.

    Parameters
    ----------
    facts
        ``at`` (moment of the order), ``birth`` (both microseconds), ``sex``, ``audience``, the
        figures `OUTGROWN` and the :func:`moment` of each.

    Returns
    -------
    DataFrame
        The figures, and `EXPECTED` where the wearer is younger than 19.
    """
    now = facts["at"].to_numpy(dtype="float64")
    birth = facts["birth"].to_numpy(dtype="float64")
    child = facts["audience"].isin(CHILDREN).to_numpy()
    age = (now + UNTIL_WORN_US - birth) / YEAR_US
    by_audience = facts["audience"].map(SEX_OF).astype(object)
    sex = facts["sex"].astype(object).where(facts["sex"].notna(), by_audience).to_numpy()
    found: dict[str, Floats] = {}
    spread = np.full(len(facts), np.nan)
    for name in OUTGROWN:
        figure = facts[name].to_numpy(dtype="float64").copy()
        told_at = facts[moment(name)].to_numpy(dtype="float64")
        then = (told_at - birth) / YEAR_US
        growing = np.isfinite(figure) & (then < GROWN_YEARS)
        if name == "weight_kg":
            growing &= (then <= WEIGHED_TO) & (age <= WEIGHED_TO)
        if name not in _CARRIED:
            growing[:] = False
        if growing.any():
            rows = (figure[growing], then[growing], age[growing], sex[growing])
            if name == "height_cm":
                figure[growing], spread[growing] = stature_later(*rows)
            elif name == "weight_kg":
                figure[growing] = weight_later(*rows)
            else:
                longer = figure[growing] * _foot_grown(*rows[1:])
                figure[growing] = within(longer, *_FEET)
        figure[child & ~growing & (now - told_at > STALE_US)] = np.nan
        found[name] = figure
    young = age < GROWN_UP
    own = young & np.isfinite(spread)
    median, deviation = stature(age, sex)
    found[EXPECTED[0]] = np.where(own, found["height_cm"], np.where(young, median, np.nan))
    found[EXPECTED[1]] = np.where(own, spread, np.where(young, deviation, np.nan))
    return pd.DataFrame(found, index=facts.index)


def growing_body_one(record: dict[str, Any], audience: str, now: float) -> None:
    """:func:`growing_body` for one record, in place.

    Parameters
    ----------
    record
        Figures known, by name; ``birth`` and the :func:`moment` of each figure (microseconds).
    audience
        Of the garment.
    now
        Moment of the order, microseconds.
    """
    birth = record.get("birth", math.nan)
    age = (now + UNTIL_WORN_US - birth) / YEAR_US
    sex = record.get("sex") or SEX_OF.get(audience)
    spread = math.nan
    for name in OUTGROWN:
        figure = record.get(name)
        if figure is None:
            continue
        told_at = record[moment(name)]
        then = (told_at - birth) / YEAR_US
        growing = name in _CARRIED and then < GROWN_YEARS
        if name == "weight_kg":
            growing = growing and then <= WEIGHED_TO and age <= WEIGHED_TO
        if not growing:
            if audience in CHILDREN and now - told_at > STALE_US:
                del record[name]
        elif name == "height_cm":
            record[name], spread = stature_later(figure, then, age, sex)
        elif name == "weight_kg":
            record[name] = weight_later(figure, then, age, sex)
        else:
            record[name] = within(figure * _foot_grown_one(then, age, sex), *_FEET)
    if age < GROWN_UP:
        own = (record.get("height_cm", math.nan), spread)
        record[EXPECTED[0]], record[EXPECTED[1]] = stature(age, sex) if math.isnan(spread) else own


def _foot_grown(then: Floats, now: Floats, sex: npt.NDArray[np.object_]) -> Floats:
    """How many times as long a foot is as it was: feet run with stature."""
    before, _ = foot_length(stature(then, sex)[0], then, sex)
    after, _ = foot_length(stature(now, sex)[0], now, sex)
    return np.maximum(after / before, 1.0)


def _foot_grown_one(then: float, now: float, sex: str | None) -> float:
    before, _ = foot_length(stature(then, sex)[0], then, sex)
    after, _ = foot_length(stature(now, sex)[0], now, sex)
    return max(after / before, 1.0)


def misfit(
    height: Floats, sex: pd.Series, audience: pd.Series, low: Floats, high: Floats
) -> Floats:
    """How far children are from those a product is made for, cm; 0 within a size of them.

    Parameters
    ----------
    height
        On the day of wearing, NaN where unknown.
    sex
        ``"female"``, ``"male"`` or null.
    audience
        Of the garment.
    low, high
        :func:`product_heights`.
    """
    usual = pd.DataFrame(audience.map(_USUAL_HEIGHTS).tolist(), columns=["low", "high"])
    low = np.where(np.isfinite(low), low, usual["low"].to_numpy(dtype="float64"))
    high = np.where(np.isfinite(high), high, usual["high"].to_numpy(dtype="float64"))
    outside = np.nan_to_num(np.maximum(low - height, height - high) - _SLACK_CM)
    stranger = sex.to_numpy(dtype=object) == audience.map(_OTHER_SEX).to_numpy(dtype=object)
    return np.maximum(outside, 0.0) + np.where(stranger, _STRANGER_CM, 0.0)


def choose_child(
    children: Sequence[dict[str, Any]],
    audience: str,
    heights: tuple[float, float],
    now: float,
) -> dict[str, Any] | None:
    """The child that is meant, of the records of all children of an account; None if none can be.

    Parameters
    ----------
    children
        Records, the one last measured last.
    audience
        Of the garment.
    heights
        Lowest and highest the product is made for, NaN where not told.
    now
        Moment of the order, microseconds.
    """
    usual = _USUAL_HEIGHTS[audience]
    low, high = (h if math.isfinite(h) else u for h, u in zip(heights, usual, strict=True))
    best, least = None, math.nextafter(NOT_MEANT_CM, math.inf)
    for child in reversed(children):
        away = _misfit_one(child, audience, low, high, now)
        if away < least:
            best, least = child, away
    return best


def _misfit_one(
    child: Mapping[str, Any], audience: str, low: float, high: float, now: float
) -> float:
    today = dict(child)
    imply_birth(today, audience)
    growing_body_one(today, audience, now)
    height = today.get(EXPECTED[0], today.get("height_cm", math.nan))
    outside = max(low - height, height - high) - _SLACK_CM
    away = max(outside, 0.0) if math.isfinite(outside) else 0.0
    return away + (_STRANGER_CM if child.get("sex") == _OTHER_SEX.get(audience, "") else 0.0)
