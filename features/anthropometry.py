"""What bodies are like: mean and covariance of the figures, by sex and age.

The figures of one body hang together: who knows a height and a weight knows something of the waist.
Of grown-ups of a sex they are taken as jointly normal, of children of an age likewise, weight by
its logarithm. The tables and their sources are in ``body_tables/population.yaml``; stature and
weight of children come from :mod:`features.growth`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, overload

import numpy as np
import numpy.typing as npt
import yaml

from features.growth import foot_length, stature, weight

__all__ = [
    "CHILD_AGES",
    "FIGURES",
    "FULL_GROWN",
    "KINDS",
    "LOG_KG",
    "Moments",
    "age_height",
    "body_moments",
    "expected",
    "moments",
    "told_covariance",
]

Floats = npt.NDArray[np.float64]

FIGURES = ("height_cm", "weight_kg", "chest_cm", "waist_cm", "hip_cm", "foot_length_cm")
"""In the order of the first of `features.bodies.BODY_COLUMNS`."""
LOG_KG = 60.0
"""Weight counts by its natural logarithm times this, to be of the size of a girth."""
FULL_GROWN = 16.0
"""Years after which height no longer follows age."""
KINDS = ("female", "male", "grown", "child")
"""Kinds of bodies; ``grown`` is of either sex."""
CHILD_AGES = tuple(float(age) for age in np.arange(0.0, 16.0, 0.5))
"""Ages that stand for those of all children."""
_GROWN_UP = 19.0
_CUP = (3.0, 1.5)  # C, and one and a half letters: what shops of either sex would be told
_TEENS = 5.0  # spread of the age of those in grown-ups' clothes who still tell one, cm
_HEIGHT, _WEIGHT = 0, 1
_GIRTHS, _FOOT = slice(2, 5), 5
_TABLES = Path(__file__).with_name("body_tables") / "population.yaml"


@dataclass(frozen=True)
class Moments:
    """Mean (6,) and covariance (6, 6) by `FIGURES`, weight as `LOG_KG` times its logarithm."""

    mean: Floats
    covariance: Floats


@lru_cache(maxsize=1)
def _tables() -> dict[str, Any]:
    tables: dict[str, Any] = yaml.safe_load(_TABLES.read_text(encoding="utf-8"))
    return tables


@lru_cache(maxsize=1)
def told_covariance() -> Floats:
    """Covariance (8, 8) of what people tell about what a tape would find, as `body_moments`."""
    noise = np.array([_tables()["told"][name] for name in FIGURES])
    noise[_WEIGHT] *= LOG_KG
    return np.diag(np.append(noise, [0.0, 0.0]) ** 2)


@lru_cache(maxsize=1024)
def moments(sex: str | None = None, age: float | None = None) -> Moments:
    """Mean and covariance of the figures of all people of a sex and an age.

    Parameters
    ----------
    sex
        ``female`` or ``male``; any other word or None means either, equally likely.
    age
        Years; None or from 19 on means a grown-up.
    """
    if age is not None and age < _GROWN_UP:
        return _child(max(age, 0.0), sex if sex in ("female", "male") else None)
    if sex in ("female", "male"):
        return _adult(_tables()[sex])
    return _mixture([_adult(_tables()[each]) for each in ("female", "male")])


@overload
def age_height(age: float) -> float: ...
@overload
def age_height(age: Floats) -> Floats: ...
def age_height(age: Any) -> Any:
    """An age (years) as a figure that runs straight with size: the median stature (cm) of it."""
    if isinstance(age, float | int):
        return stature(min(max(float(age), 0.0), FULL_GROWN), None)[0]
    return stature(np.clip(age, 0.0, FULL_GROWN), None)[0]


@lru_cache(maxsize=len(KINDS))
def body_moments(kind: str) -> tuple[Floats, Floats]:
    """Mean (8,) and covariance (8, 8) of all bodies of a kind, over `features.bodies.BODY_COLUMNS`.

    Weight counts as in :class:`Moments`, age by :func:`age_height`. Cup and, of grown-ups,
    age hang on nothing here.

    Parameters
    ----------
    kind
        One of `KINDS`.
    """
    if kind != "child":
        body = moments(None if kind == "grown" else kind)
        return _with_cup_and_age(body, age_height(FULL_GROWN), _TEENS**2)
    parts = [_with_cup_and_age(moments(None, age), *_age(age)) for age in CHILD_AGES]
    means = np.array([mean for mean, _ in parts])
    mean = means.mean(axis=0)
    between = (means - mean).T @ (means - mean) / len(parts)
    return mean, between + np.mean([covariance for _, covariance in parts], axis=0)


def _age(age: float) -> tuple[float, float]:
    return age_height(age), 1.0


def _with_cup_and_age(body: Moments, age: float, variance: float) -> tuple[Floats, Floats]:
    covariance = np.zeros((len(FIGURES) + 2, len(FIGURES) + 2))
    covariance[:-2, :-2] = body.covariance
    covariance[-2, -2], covariance[-1, -1] = _CUP[1] ** 2, variance
    return np.concatenate([body.mean, [_CUP[0], age]]), covariance


def expected(
    body: Floats, sex: str | None = None, age: float | None = None
) -> tuple[Floats, Floats]:
    """Figures that were not told, from those that were.

    Parameters
    ----------
    body
        People by `FIGURES` (further columns are not looked at), in cm and kg, NaN where unknown.
    sex, age
        Of all of them; see :func:`moments`.

    Returns
    -------
    mean, sd
        Arrays (people, 6), in cm and kg. A figure that was told is returned with no spread.

    Examples
    --------
    >>> body = np.array([[170.0, 60.0, np.nan, np.nan, np.nan, np.nan]])
    >>> mean, sd = expected(body, "female")
    >>> mean[0].round(), sd[0].round(1)
    (array([170.,  60.,  89.,  69.,  95.,  26.]), array([0. , 0. , 4.3, 3.6, 2.9, 0.9]))
    """
    all_ = moments(sex, age)
    shaped = np.array(body[:, : len(FIGURES)], dtype="float64")
    shaped[:, _WEIGHT] = np.log(shaped[:, _WEIGHT]) * LOG_KG
    mean, spread = shaped.copy(), np.zeros_like(shaped)
    known = np.isfinite(shaped)
    for pattern in np.unique(known, axis=0):
        rows = (known == pattern).all(axis=1)
        seen, open_ = np.flatnonzero(pattern), np.flatnonzero(~pattern)
        cross = all_.covariance[np.ix_(open_, seen)]
        weights = np.linalg.solve(all_.covariance[np.ix_(seen, seen)], cross.T).T
        away = shaped[np.ix_(rows, seen)] - all_.mean[seen]
        mean[np.ix_(rows, open_)] = all_.mean[open_] + away @ weights.T
        left = np.diag(all_.covariance)[open_] - (weights * cross).sum(axis=1)
        spread[np.ix_(rows, open_)] = np.sqrt(np.maximum(left, 0.0))
    mean[:, _WEIGHT] = np.exp(mean[:, _WEIGHT] / LOG_KG)
    spread[:, _WEIGHT] *= mean[:, _WEIGHT] / LOG_KG
    return mean, spread


def _adult(table: dict[str, Any]) -> Moments:
    height, height_sd = table["height_cm"]
    median, log_sd = table["weight_kg"]
    foot = table["foot_length_cm"]
    return _assemble(
        (height, height_sd),
        (math.log(median), log_sd),
        table["height_and_weight"],
        girths=np.array(table["at_mean"]),
        per_cm=np.array(table["per_cm"]),
        per_log_kg=np.array(table["per_log_kg"]),
        spread=np.array(table["spread"]),
        between=table["between"],
        foot=(foot["at_mean"], foot["per_cm"], foot["spread"]),
    )


def _child(age: float, sex: str | None) -> Moments:
    table = _tables()["child"]
    height, height_sd = stature(age, sex)
    girths = [
        np.interp([height, height + 1.0], table["heights"], table["at_height"][name])
        for name in table["girths"]
    ]
    at_mean = np.array([each[0] for each in girths])
    log_kg, log_sd = _log_weight(age, sex)
    correlation = table["height_and_weight"]
    per_log_kg = at_mean * table["per_log_kg"]
    # A taller child of the age is heavier as well: what is left goes by height alone.
    by_height = np.array([each[1] - each[0] for each in girths])
    length, _ = foot_length(height, age, sex)
    taller, spread = foot_length(height + 1.0, age, sex)
    return _assemble(
        (height, height_sd),
        (log_kg, log_sd),
        correlation,
        girths=at_mean,
        per_cm=by_height - per_log_kg * correlation * log_sd / height_sd,
        per_log_kg=per_log_kg,
        spread=at_mean * table["spread"],
        between=table["between"],
        foot=(length, taller - length, spread),
    )


def _log_weight(age: float, sex: str | None) -> tuple[float, float]:
    """Of a child; beyond the table of weights the way to a grown-up's is straight in the log."""
    last = 10.0
    median, spread = weight(min(age, last), sex)
    log_kg, log_sd = math.log(median), spread / median
    if age > last:
        beyond = _tables()["child"]["weight_beyond"]
        grown = moments(sex)
        share = min((age - last) / (beyond["to_years"] - last), 1.0)
        log_kg += share * (float(grown.mean[_WEIGHT]) / LOG_KG - log_kg)
        log_sd = beyond["spread"]
    return log_kg, log_sd


def _assemble(
    height: tuple[float, float],
    log_kg: tuple[float, float],
    correlation: float,
    *,
    girths: Floats,
    per_cm: Floats,
    per_log_kg: Floats,
    spread: Floats,
    between: list[float],
    foot: tuple[float, float, float],
) -> Moments:
    """Joint moments of height and weight, and of what hangs on them."""
    (mean_height, height_sd), (mean_log, log_sd) = height, log_kg
    root = np.array([[height_sd**2, 0.0], [0.0, (log_sd * LOG_KG) ** 2]])
    root[0, 1] = root[1, 0] = correlation * height_sd * log_sd * LOG_KG
    slopes = np.vstack([np.eye(2), np.column_stack([per_cm, per_log_kg / LOG_KG]), [foot[1], 0.0]])
    left = np.zeros((len(FIGURES), len(FIGURES)))
    chest_waist, chest_hip, waist_hip = between
    alike = np.array(
        [[1.0, chest_waist, chest_hip], [chest_waist, 1.0, waist_hip], [chest_hip, waist_hip, 1.0]]
    )
    left[_GIRTHS, _GIRTHS] = alike * np.outer(spread, spread)
    left[_FOOT, _FOOT] = foot[2] ** 2
    mean = np.concatenate([[mean_height, mean_log * LOG_KG], girths, [foot[0]]])
    return Moments(mean, slopes @ root @ slopes.T + left)


def _mixture(parts: list[Moments]) -> Moments:
    """Moments of people who are of either part, equally likely."""
    means = np.array([part.mean for part in parts])
    mean = means.mean(axis=0)
    away = means - mean
    within = np.mean([part.covariance for part in parts], axis=0)
    return Moments(mean, within + away.T @ away / len(parts))
