"""How children grow: stature, weight and foot for age, and a child's own line among all.

Figures. WHO Child Growth Standards (2006) from birth to 5 years, WHO Reference (2007) from 5 to 19
years (weight: to 10), by sex; see :mod:`features.lms`. For stature L is 1, so that stature at an
age is normal.

Interpolation. L, M and S run straight between neighbouring rows: weeks to 13 weeks, months after.
Before birth the newborn's figures are given, after the last row those of the last row: who is 19
has grown up.

Joins. WHO gives lying length to 24 months and standing height after, 0.7 cm less: a child would
shrink on its second birthday. Here the 0.7 cm are taken off evenly between 18 and 24 months, so
that stature always grows; up to 18 months it is the published length, from 24 months the published
height. At 5 years the figures run straight from the last row of 2006 (60 months) to the first of
2007 (61 months); the rows that both books give for 61 months differ by 0.3 cm.

Sex unknown. Both sexes are equally likely: the mean of their medians, and a spread widened by the
distance between them. A z-score against it says where a child of unknown sex stands among all.

A child's own line. A child keeps its percentile, but not quite: see :mod:`features.persistence`.
"""

from __future__ import annotations

import math
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from data_contracts.tables import BODY_RANGES
from features.lms import Sexes, lms, lms_one, stature_grid
from features.persistence import GROWN_UP, USUAL, Persistence, carry_z

__all__ = [
    "GROWN_UP",
    "MEASURED_SD",
    "USUAL",
    "WEIGHED_TO",
    "Persistence",
    "age_at_stature",
    "age_of_stature",
    "carry_z",
    "foot_length",
    "stature",
    "stature_at",
    "stature_later",
    "stature_z",
    "weight",
    "weight_at",
    "weight_later",
    "weight_z",
    "within",
]

Floats = npt.NDArray[np.float64]

WEIGHED_TO = 10.0
"""Years at which the table of weight ends: in puberty weight says nothing without height."""
MEASURED_SD = 0.7
"""Standard deviation (cm) of one measurement of a child's stature. Of the same 200 children as
:mod:`features.persistence`, what each curve leaves unexplained: 0.27 z, in cm at their ages."""
# Foot length by stature: at 3 years 15.6 (boys) and 15.3 cm (girls) by Cheng et al., Clin Orthop
# 1997;342:123-131, over the WHO median stature; of the grown, mean foot over mean stature of men
# (27.1 / 175.6 cm) and women (24.6 / 162.9 cm) by ANSUR II (Gordon et al. 2014).
_FOOT_AGES = (3.0, 18.0)
_FOOT_RATIO = {"female": (0.161, 0.151), "male": (0.162, 0.154), None: (0.1615, 0.1525)}
_FOOT_SPREAD = 0.035
_FARTHEST_Z = 5.0
"""Beyond, a figure is a slip: the WHO flags statures beyond 6 z and weights above 5 z as such."""
_STATURES, _WEIGHTS = (BODY_RANGES[name][:2] for name in ("height_cm", "weight_kg"))


def _plain(*values: object) -> bool:
    return all(isinstance(value, float | int) for value in values)


@overload
def within(value: float, low: float, high: float) -> float: ...
@overload
def within(value: Floats, low: float, high: float) -> Floats: ...
def within(value: Any, low: float, high: float) -> Any:
    """The value, no less than ``low`` and no more than ``high``; NaN stays."""
    if _plain(value):
        return low if value < low else high if value > high else value
    return np.clip(value, low, high)


def _one_sex(sex: object) -> str | None:
    return sex if isinstance(sex, str) else None


@overload
def stature(age: float, sex: str | None) -> tuple[float, float]: ...
@overload
def stature(age: Floats, sex: str | Sexes | None) -> tuple[Floats, Floats]: ...
def stature(
    age: float | Floats, sex: str | Sexes | None
) -> tuple[float, float] | tuple[Floats, Floats]:
    """Median stature and its standard deviation at an age.

    Parameters
    ----------
    age
        Years; NaN gives NaN.
    sex
        ``"female"``, ``"male"``, or None (or any other word) where it is not known.

    Returns
    -------
    tuple
        Centimetres; two floats for one age, two arrays for many.
    """
    if isinstance(age, float | int):
        _, median, spread = lms_one("stature", age, _one_sex(sex))
        return median, median * spread
    _, medians, spreads = lms("stature", age, sex)
    return medians, medians * spreads


@overload
def stature_z(height: float, age: float, sex: str | None) -> float: ...
@overload
def stature_z(height: Floats, age: Floats, sex: str | Sexes | None) -> Floats: ...
def stature_z(height: Any, age: Any, sex: Any) -> Any:
    """Where a height (cm) stands among those of the age (years): standard deviations from M.

    The inverse of :func:`stature_at`.
    """
    median, spread = stature(age, sex)
    return (height - median) / spread


@overload
def stature_at(z: float, age: float, sex: str | None) -> float: ...
@overload
def stature_at(z: Floats, age: Floats, sex: str | Sexes | None) -> Floats: ...
def stature_at(z: Any, age: Any, sex: Any) -> Any:
    """Height (cm) of a child at ``z`` standard deviations, at an age in years."""
    median, spread = stature(age, sex)
    return median + z * spread


@overload
def weight(age: float, sex: str | None) -> tuple[float, float]: ...
@overload
def weight(age: Floats, sex: str | Sexes | None) -> tuple[Floats, Floats]: ...
def weight(age: Any, sex: Any) -> Any:
    """Median weight (kg) and half the way from -1 to +1 z, at an age; NaN beyond `WEIGHED_TO`."""
    none = 0.0 if _plain(age) else np.zeros(np.shape(age))
    low, middle, high = (weight_at(none + z, age, sex) for z in (-1.0, 0.0, 1.0))
    return middle, (high - low) / 2


@overload
def weight_z(kilograms: float, age: float, sex: str | None) -> float: ...
@overload
def weight_z(kilograms: Floats, age: Floats, sex: str | Sexes | None) -> Floats: ...
def weight_z(kilograms: Any, age: Any, sex: Any) -> Any:
    """Where a weight stands among those of the age; NaN beyond `WEIGHED_TO`."""
    if _plain(kilograms, age):
        power, median, spread = lms_one("weight", age, _one_sex(sex))
        known = age <= WEIGHED_TO
        return ((kilograms / median) ** power - 1) / (power * spread) if known else math.nan
    powers, medians, spreads = lms("weight", age, sex)
    z = ((kilograms / medians) ** powers - 1) / (powers * spreads)
    return np.where(np.asarray(age) <= WEIGHED_TO, z, np.nan)


@overload
def weight_at(z: float, age: float, sex: str | None) -> float: ...
@overload
def weight_at(z: Floats, age: Floats, sex: str | Sexes | None) -> Floats: ...
def weight_at(z: Any, age: Any, sex: Any) -> Any:
    """Weight (kg) of a child at ``z``, at an age in years; NaN beyond `WEIGHED_TO`.

    The inverse of :func:`weight_z`.
    """
    if _plain(z, age):
        power, median, spread = lms_one("weight", age, _one_sex(sex))
        base = 1 + power * spread * z
        return median * base ** (1 / power) if age <= WEIGHED_TO and base > 0 else math.nan
    powers, medians, spreads = lms("weight", age, sex)
    bases = 1 + powers * spreads * z
    known = (np.asarray(age) <= WEIGHED_TO) & (bases > 0)
    return np.where(known, medians * np.where(known, bases, 1.0) ** (1 / powers), np.nan)


@overload
def stature_later(
    height: float, age_then: float, age_now: float, sex: str | None
) -> tuple[float, float]: ...
@overload
def stature_later(
    height: Floats, age_then: Floats, age_now: Floats, sex: str | Sexes | None
) -> tuple[Floats, Floats]: ...
def stature_later(height: Any, age_then: Any, age_now: Any, sex: Any) -> Any:
    """Height of a child on a later day from one measured earlier: its percentile carried on.

    Parameters
    ----------
    height
        Centimetres, as measured.
    age_then, age_now
        Years. Nobody shrinks: the height never falls below that measured.
    sex
        As in :func:`stature`.

    Returns
    -------
    tuple
        Mean and standard deviation, cm, `MEASURED_SD` at the least; NaN where an age is unknown.
        The mean is in the bounds of the contract, the z-score carried within 5 of the middle.
    """
    z = within(stature_z(height, age_then, sex), -_FARTHEST_Z, _FARTHEST_Z)
    mean, spread = carry_z(z, age_then, age_now)
    median, deviation = stature(age_now, sex)
    later = median + mean * deviation
    if _plain(height, age_then, age_now):
        grown = height if later < height else later
        return within(grown, *_STATURES), math.hypot(spread * deviation, MEASURED_SD)
    grown = within(np.maximum(later, height), *_STATURES)
    return grown, np.hypot(spread * deviation, MEASURED_SD)


@overload
def weight_later(kilograms: float, age_then: float, age_now: float, sex: str | None) -> float: ...
@overload
def weight_later(
    kilograms: Floats, age_then: Floats, age_now: Floats, sex: str | Sexes | None
) -> Floats: ...
def weight_later(kilograms: Any, age_then: Any, age_now: Any, sex: Any) -> Any:
    """Weight of a child on a later day from one taken earlier; NaN beyond `WEIGHED_TO`.

    The persistence is that of stature: of weight, Cole (1995) has 0.38 from birth to 1 year where
    it gives 0.42. The z-score carried is within 5 of the middle, the weight in the bounds of the
    contract.
    """
    z = within(weight_z(kilograms, age_then, sex), -_FARTHEST_Z, _FARTHEST_Z)
    mean, _ = carry_z(z, age_then, age_now)
    return within(weight_at(mean, age_now, sex), *_WEIGHTS)


@overload
def foot_length(height: float, age: float, sex: str | None) -> tuple[float, float]: ...
@overload
def foot_length(height: Floats, age: Floats, sex: str | Sexes | None) -> tuple[Floats, Floats]: ...
def foot_length(height: Any, age: Any, sex: Any) -> Any:
    """Foot length of a child of a height (cm) and age (years): mean and standard deviation, cm.

    A share of stature that falls evenly from 3 to 18 years; before, it stays as at 3 years, which
    gives a newborn of 50 cm a foot of 8.1 cm.
    """
    if _plain(height, age):
        start, end = _FOOT_RATIO.get(_one_sex(sex), _FOOT_RATIO[None])
        part = min(max((age - _FOOT_AGES[0]) / (_FOOT_AGES[1] - _FOOT_AGES[0]), 0.0), 1.0)
        length = height * (start + (end - start) * part)
        return length, length * _FOOT_SPREAD
    names = np.broadcast_to(np.asarray(sex, dtype=object), np.shape(age))
    ratios = {name: np.interp(age, _FOOT_AGES, ratio) for name, ratio in _FOOT_RATIO.items()}
    ratio = np.where(names == "female", ratios["female"], ratios[None])
    lengths = height * np.where(names == "male", ratios["male"], ratio)
    return lengths, lengths * _FOOT_SPREAD


def age_of_stature(height: Floats, sex: str | None) -> Floats:
    """Age (years) whose median stature a height is; that of the ends beyond the tables."""
    ages, medians, _ = stature_grid(sex)
    age: Floats = np.interp(height, medians, ages)
    return age


def age_at_stature(height: float, z: float, sex: str | None, age_now: float) -> float:
    """Age (years) at which a child who stands at ``z`` today reaches a height.

    Parameters
    ----------
    height
        Centimetres to be reached.
    z
        The child's z-score at ``age_now``; from there it regresses (:func:`carry_z`).
    sex
        As in :func:`stature`.
    age_now
        Years.

    Returns
    -------
    float
        ``age_now`` where it is reached already, infinity where it never is, NaN where ``z`` or
        ``age_now`` is.
    """
    if math.isnan(age_now) or math.isnan(z):
        return math.nan
    ages, medians, spreads = stature_grid(sex)
    ahead = ages > age_now
    path_ages = np.r_[age_now, ages[ahead]]
    start, deviation = stature(age_now, sex)
    mean, _ = carry_z(np.full(len(path_ages), z), np.full(len(path_ages), age_now), path_ages)
    path = np.r_[start, medians[ahead]] + mean * np.r_[deviation, spreads[ahead]]
    path = np.maximum.accumulate(path)
    if path[0] >= height:
        return age_now
    if path[-1] < height:
        return math.inf
    above = int(np.argmax(path >= height))
    part = (height - path[above - 1]) / (path[above] - path[above - 1])
    return float(path_ages[above - 1] + part * (path_ages[above] - path_ages[above - 1]))
