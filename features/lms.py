"""The LMS tables of the World Health Organization, read and interpolated.

At every age a figure follows a normal distribution after a Box-Cox transformation, and three
numbers say which (Cole & Green, *Stat Med* 1992;11:1305-1319): the median M, the coefficient of
variation S and the power L. A figure x stands at z = ((x / M)^L - 1) / (L S), and the figure at z
is M (1 + L S z)^(1 / L). The tables are data: ``growth_tables/who_lms.tsv``, with their sources.

How they are interpolated and joined is said in :mod:`features.growth`.
"""

from __future__ import annotations

import csv
import math
from bisect import bisect_right
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["DAYS_A_YEAR", "Sexes", "lms", "lms_one", "stature_grid"]

Floats = npt.NDArray[np.float64]
Sexes = Sequence[str | None] | npt.NDArray[np.object_]

DAYS_A_YEAR = 365.25
_STANDING_DAY, _STANDING_FROM, _LYING_MORE_CM = 731.0, 548.0, 0.7
_CODE: dict[object, int] = {"female": 0, "male": 1}
_NEITHER = 2


class Curve(NamedTuple):
    """L, M and S of one sex by age; plain lists for one child, arrays for many."""

    days: list[float]
    rows: list[tuple[float, float, float]]
    grid: Floats  # (rows,)
    columns: tuple[Floats, Floats, Floats]


def _curve(days: Floats, lms_of_days: Floats) -> Curve:
    plain = [(float(a), float(b), float(c)) for a, b, c in lms_of_days]
    columns = (lms_of_days[:, 0], lms_of_days[:, 1], lms_of_days[:, 2])
    return Curve(days.tolist(), plain, days, columns)


@cache
def _curves(measure: str) -> tuple[Curve, Curve, Curve]:
    """Curves of girls, of boys and of a child of either sex."""
    text = (files("features") / "growth_tables" / "who_lms.tsv").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    told: dict[str, list[tuple[float, ...]]] = {"female": [], "male": []}
    for row in csv.DictReader(lines, delimiter="\t"):
        if row["measure"] == measure:
            told[row["sex"]].append(tuple(float(row[name]) for name in ("days", "l", "m", "s")))
    girls, boys = (np.array(told[sex]) for sex in ("female", "male"))
    if measure == "stature":
        girls, boys = _standing(girls), _standing(boys)
    days = girls[:, 0]
    # Either sex: the moments of the mixture, relative to its middle.
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


def lms_one(measure: str, age: float, sex: str | None) -> tuple[float, float, float]:
    """:func:`lms` for one child, in plain numbers: about 2 µs."""
    day = age * DAYS_A_YEAR
    if math.isnan(day):
        return math.nan, math.nan, math.nan
    curve = _curves(measure)[_CODE.get(sex, _NEITHER)]
    right = bisect_right(curve.days, day)
    if right == 0:
        return curve.rows[0]
    if right == len(curve.days):
        return curve.rows[-1]
    start, end = curve.days[right - 1], curve.days[right]
    part = (day - start) / (end - start)
    (l0, m0, s0), (l1, m1, s1) = curve.rows[right - 1], curve.rows[right]
    return l0 + (l1 - l0) * part, m0 + (m1 - m0) * part, s0 + (s1 - s0) * part


def lms(measure: str, age: Floats, sex: str | Sexes | None) -> tuple[Floats, Floats, Floats]:
    """L, M and S at ages.

    Parameters
    ----------
    measure
        ``"stature"`` (cm) or ``"weight"`` (kg).
    age
        Years; NaN gives NaN.
    sex
        Of all, or of each.
    """
    day = np.asarray(age, dtype="float64") * DAYS_A_YEAR
    curves = _curves(measure)
    if sex is None or isinstance(sex, str):
        curve = curves[_CODE.get(sex, _NEITHER)]
        values = [np.interp(day, curve.grid, column) for column in curve.columns]
        return values[0], values[1], values[2]
    day, names = np.broadcast_arrays(day, np.asarray(sex, dtype=object))
    girl, boy = names == "female", names == "male"
    out = np.empty((3, *day.shape))
    for curve, rows in zip(curves, (girl, boy, ~(girl | boy)), strict=True):
        if rows.any():
            for i, column in enumerate(curve.columns):
                out[i][rows] = np.interp(day[rows], curve.grid, column)
    return out[0], out[1], out[2]


def stature_grid(sex: str | None) -> tuple[Floats, Floats, Floats]:
    """Ages (years) of the rows of stature, with the medians and standard deviations there (cm)."""
    curve = _curves("stature")[_CODE.get(sex, _NEITHER)]
    _, median, spread = curve.columns
    return curve.grid / DAYS_A_YEAR, median, median * spread
