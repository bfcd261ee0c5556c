"""How children grow: stature and weight for age, by the WHO standards and reference.

Figures. WHO Child Growth Standards (2006) from birth to 5 years, WHO Reference (2007) from 5 to 19
years (weight: to 10), each as the L, M and S of Cole's method (Cole & Green, *Stat Med* 1992;
11:1305-1319) by sex and age. A figure x stands at z = ((x / M)^L - 1) / (L S), and
x = M (1 + L S z)^(1 / L). The tables are data: ``growth_tables/who_lms.tsv``, with their sources.

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
"""

from __future__ import annotations

import csv
import math
from bisect import bisect_right
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple, overload

import numpy as np
import numpy.typing as npt

__all__ = [
    "GROWN_UP",
    "SEXES",
    "stature",
    "stature_at",
    "stature_z",
]

Floats = npt.NDArray[np.float64]
Sexes = Sequence[str | None] | npt.NDArray[np.object_]

SEXES = ("female", "male", None)
"""Values of sex; None (or any other word) where it is not known."""
GROWN_UP = 19.0
"""Years at which the tables of stature end."""
DAYS_A_YEAR = 365.25
_STANDING_DAY, _STANDING_FROM, _LYING_MORE_CM = 731.0, 548.0, 0.7
_CODE = {"female": 0, "male": 1}
_NEITHER = 2


class _Curve(NamedTuple):
    """L, M and S of one sex by age; plain lists for one child, arrays for many."""

    days: list[float]
    lms: list[tuple[float, float, float]]
    grid: Floats  # (rows,)
    columns: tuple[Floats, Floats, Floats]


def _curve(days: Floats, lms: Floats) -> _Curve:
    plain = [(float(a), float(b), float(c)) for a, b, c in lms]
    return _Curve(days.tolist(), plain, days, (lms[:, 0], lms[:, 1], lms[:, 2]))


@cache
def _curves(measure: str) -> tuple[_Curve, _Curve, _Curve]:
    """Curves of girls, of boys and of a child of either sex."""
    text = (files("features") / "growth_tables" / "who_lms.tsv").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    rows = csv.DictReader(lines, delimiter="\t")
    told: dict[str, list[tuple[float, ...]]] = {"female": [], "male": []}
    for row in rows:
        if row["measure"] == measure:
            told[row["sex"]].append(tuple(float(row[name]) for name in ("days", "l", "m", "s")))
    girls, boys = (np.array(told[sex]) for sex in ("female", "male"))
    if measure == "stature":
        girls, boys = _standing(girls), _standing(boys)
    days = girls[:, 0]
    # Either sex: moments of the mixture, on the scale of logarithms for S.
    both = (girls[:, 1:] + boys[:, 1:]) / 2
    apart = (girls[:, 2] - boys[:, 2]) / (girls[:, 2] + boys[:, 2])
    both[:, 2] = np.sqrt((girls[:, 3] ** 2 + boys[:, 3] ** 2) / 2 + apart**2)
    return _curve(days, girls[:, 1:]), _curve(days, boys[:, 1:]), _curve(days, both)


def _standing(rows: Floats) -> Floats:
    """Take the difference between lying and standing off evenly over the last half year of it."""
    rows = rows.copy()
    days, median = rows[:, 0], rows[:, 2]
    part = np.clip((days - _STANDING_FROM) / (_STANDING_DAY - _STANDING_FROM), 0.0, 1.0)
    less = np.where(days < _STANDING_DAY, part * _LYING_MORE_CM, 0.0)
    rows[:, 3] *= median / (median - less)  # the spread in centimetres stays
    rows[:, 2] -= less
    return rows


def _lms_one(measure: str, age: float, sex: str | None) -> tuple[float, float, float]:
    curve = _curves(measure)[_CODE.get(sex, _NEITHER)]  # type: ignore[arg-type]
    day = age * DAYS_A_YEAR
    if math.isnan(day):
        return math.nan, math.nan, math.nan
    right = bisect_right(curve.days, day)
    if right in (0, len(curve.days)):
        return curve.lms[max(right - 1, 0)]
    start, end = curve.days[right - 1], curve.days[right]
    part = (day - start) / (end - start)
    (l0, m0, s0), (l1, m1, s1) = curve.lms[right - 1], curve.lms[right]
    return l0 + (l1 - l0) * part, m0 + (m1 - m0) * part, s0 + (s1 - s0) * part


def _lms_many(measure: str, age: Floats, sex: str | Sexes | None) -> tuple[Floats, Floats, Floats]:
    day = np.asarray(age, dtype="float64") * DAYS_A_YEAR
    curves = _curves(measure)
    if sex is None or isinstance(sex, str):
        curve = curves[_CODE.get(sex, _NEITHER)]  # type: ignore[arg-type]
        values = [np.interp(day, curve.grid, column) for column in curve.columns]
        return values[0], values[1], values[2]
    names = np.asarray(sex, dtype=object)
    day, names = np.broadcast_arrays(day, names)
    girl, boy = names == "female", names == "male"
    out = np.empty((3, *day.shape))
    for curve, rows in zip(curves, (girl, boy, ~(girl | boy)), strict=True):
        if rows.any():
            for i, column in enumerate(curve.columns):
                out[i][rows] = np.interp(day[rows], curve.grid, column)
    return out[0], out[1], out[2]


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
        ``"female"``, ``"male"``, or None where unknown.

    Returns
    -------
    tuple
        Centimetres; two floats for one age, two arrays for many.
    """
    if isinstance(age, float | int) and (sex is None or isinstance(sex, str)):
        _, median, spread = _lms_one("stature", age, sex)
        return median, median * spread
    _, medians, spreads = _lms_many("stature", np.asarray(age), sex)
    return medians, medians * spreads


@overload
def stature_z(height: float, age: float, sex: str | None) -> float: ...
@overload
def stature_z(height: Floats, age: Floats, sex: str | Sexes | None) -> Floats: ...
def stature_z(
    height: float | Floats, age: float | Floats, sex: str | Sexes | None
) -> float | Floats:
    """Where a height (cm) stands among those of the age (years): standard deviations from M.

    The inverse of :func:`stature_at`.
    """
    if isinstance(age, float | int):
        median, spread = stature(age, sex if isinstance(sex, str) else None)
        return (height - median) / spread
    medians, spreads = stature(age, sex)
    return (height - medians) / spreads


@overload
def stature_at(z: float, age: float, sex: str | None) -> float: ...
@overload
def stature_at(z: Floats, age: Floats, sex: str | Sexes | None) -> Floats: ...
def stature_at(z: float | Floats, age: float | Floats, sex: str | Sexes | None) -> float | Floats:
    """Height (cm) of a child at ``z`` standard deviations, at an age in years."""
    if isinstance(age, float | int):
        median, spread = stature(age, sex if isinstance(sex, str) else None)
        return median + z * spread
    medians, spreads = stature(age, sex)
    return medians + z * spreads
