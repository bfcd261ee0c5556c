"""Natural size from the body: which size do people of this body choose?

For every scale (see :mod:`features.positions`) the body figures and the position of the chosen size
are taken as jointly normal. The natural size of a person is then the conditional mean of the
position given whatever figures are known, and its spread says how much they tell: one who gives
height and weight has a wider spread than one who gives chest and waist. Only choices enter, never
outcomes, so the fitted model cannot leak what came back.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = [
    "BODY_COLUMNS",
    "FULL_GROWN",
    "GROWTH_CM",
    "UNNAMED",
    "NaturalSize",
    "body_matrix",
    "cup_index",
    "grown_height",
]

Floats = npt.NDArray[np.float64]

BODY_COLUMNS = (
    "height_cm",
    "weight_kg",
    "chest_cm",
    "waist_cm",
    "hip_cm",
    "foot_length_cm",
    "cup_index",
    "age_years",
)
_CUPS = {"aa": 0.0, "a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0, "dd": 5.0, "e": 5.0, "f": 6.0, "g": 7.0}
GROWTH_CM = 28.0
"""Centimetres a child grows while the square root of its age grows by one (WHO 2006/2007 medians:
75, 87, 110, 138 cm at 1, 2, 5 and 10 years)."""
UNNAMED = "?"
"""Ends the name of a scale on which the body may be another person's."""
FULL_GROWN = 16.0
"""Years after which height no longer follows age."""
_OUTLIER = 5.0  # median absolute errors; 3.4 standard deviations of a normal
_MIN_ROWS = 40
_RIDGE = 0.02


def cup_index(cup: object) -> float:
    """Place of a cup letter in its order (AA = 0, A = 1, ...); NaN where unknown."""
    if not isinstance(cup, str):
        return np.nan
    letter = cup.strip().lower()
    if letter[:1] in {"h", "i", "j", "k"}:
        return 7.0 + ord(letter[0]) - ord("g")
    return _CUPS.get(letter, np.nan)


def body_matrix(people: pd.DataFrame) -> Floats:
    """Body figures as one matrix, rows of people by `BODY_COLUMNS`; NaN where unknown."""
    columns = []
    for name in BODY_COLUMNS:
        known = name in people
        column = people[name] if known else pd.Series(np.nan, index=people.index)
        if name == "cup_index" and not known:
            column = people["cup"].map({c: cup_index(c) for c in people["cup"].dropna().unique()})
        columns.append(column.astype("float64").to_numpy())
    return np.column_stack(columns)


def grown_height(height: Floats, age_then: Floats, age_now: Floats) -> Floats:
    """Height of a growing child today, from a height measured earlier.

    Parameters
    ----------
    height
        Centimetres, as measured.
    age_then, age_now
        Years; where one is unknown the height stays as measured.
    """
    then, now = (np.sqrt(np.clip(age, 0.0, FULL_GROWN)) for age in (age_then, age_now))
    grown: Floats = height + np.nan_to_num(np.maximum(now - then, 0.0)) * GROWTH_CM
    return grown


def _shape(body: Floats) -> Floats:
    """Make the figures run straight with size.

    Weight grows with the cube of length, so its logarithm runs with the girths; a child's height
    grows about with the square root of its age.
    """
    shaped = body.copy()
    with np.errstate(invalid="ignore", divide="ignore"):
        shaped[:, 1] = np.log(body[:, 1]) * 60.0
        shaped[:, 7] = np.sqrt(np.clip(body[:, 7], 0.0, FULL_GROWN)) * GROWTH_CM
    return shaped


@dataclass
class NaturalSize:
    """Joint normal of body figures and chosen position, per scale.

    Attributes
    ----------
    scales_
        Per scale: ``mean`` and ``covariance`` over the body columns and, last, the position.
    """

    scales_: dict[str, tuple[Floats, Floats]] = field(default_factory=dict)
    _plain: dict[tuple[str, tuple[bool, ...]], tuple[list[float], float, float]] = field(
        default_factory=dict
    )
    _weights: dict[tuple[str, bytes], tuple[Floats, float, float]] = field(default_factory=dict)

    def fit(self, body: Floats, scale: npt.NDArray[Any], position: Floats) -> NaturalSize:
        """Learn from choices.

        Parameters
        ----------
        body
            Lines by body columns, NaN where unknown.
        scale
            The scale of each line's product, None where unsized.
        position
            Of the chosen size, in steps.
        """
        self.scales_, self._weights, self._plain = {}, {}, {}
        shaped = _shape(body)
        for name in sorted({s for s in scale if isinstance(s, str)}):
            rows = (scale == name) & np.isfinite(position)
            if rows.sum() < _MIN_ROWS:
                continue
            joint = np.column_stack([shaped[rows], position[rows]])
            self.scales_[name] = _moments(joint)
            if not name.endswith(UNNAMED):
                # Some orders are for somebody else; the natural size is that of the wearer.
                expected, _ = self.predict(body[rows], np.full(rows.sum(), name, dtype=object))
                error = np.abs(position[rows] - expected)
                near = error <= _OUTLIER * np.median(error)
                self.scales_[name] = _moments(joint[near])
                self._weights.clear()
        return self

    def predict(self, body: Floats, scale: npt.NDArray[Any]) -> tuple[Floats, Floats]:
        """Natural position and its standard deviation, in steps; NaN where the scale is unknown.

        With no body figure at all the mean of the scale is returned, with its whole spread.
        """
        mean = np.full(len(body), np.nan)
        spread = np.full(len(body), np.nan)
        shaped = _shape(body)
        known = np.isfinite(shaped)
        pattern = known @ (1 << np.arange(known.shape[1]))
        codes, names = pd.factorize(pd.Series(scale, dtype=object))
        group = codes.astype(np.int64) * (1 << known.shape[1]) + pattern
        order = np.argsort(group, kind="stable")
        starts = np.flatnonzero(np.r_[True, np.diff(group[order]) != 0])
        for rows in np.split(order, starts[1:]):
            if not len(rows) or codes[rows[0]] < 0 or names[codes[rows[0]]] not in self.scales_:
                continue
            here = known[rows[0]]
            weights, constant, deviation = self._conditional(names[codes[rows[0]]], here)
            mean[rows] = shaped[np.ix_(rows, here)] @ weights + constant
            spread[rows] = deviation
        return mean, spread

    def predict_one(self, body: Sequence[float], scale: str | None) -> tuple[float, float]:
        """:meth:`predict` for one body, in plain numbers: a service has no batch to spread cost on.

        Parameters
        ----------
        body
            Figures by `BODY_COLUMNS`, NaN where unknown.
        scale
            The scale by which it is read.
        """
        if scale is None or scale not in self.scales_:
            return math.nan, math.nan
        shaped = list(body)
        if not math.isnan(shaped[1]):
            shaped[1] = math.log(shaped[1]) * 60.0
        if not math.isnan(shaped[7]):
            shaped[7] = math.sqrt(min(max(shaped[7], 0.0), FULL_GROWN)) * GROWTH_CM
        known = tuple(not math.isnan(figure) for figure in shaped)
        key = (scale, known)
        if key not in self._plain:
            weights, constant, deviation = self._conditional(scale, np.array(known))
            self._plain[key] = (weights.tolist(), constant, deviation)
        plain, constant, deviation = self._plain[key]
        figures = [figure for figure, here in zip(shaped, known, strict=True) if here]
        mean = sum(weight * figure for weight, figure in zip(plain, figures, strict=True))
        return mean + constant, deviation

    def of_scale(self, scale: npt.NDArray[Any]) -> tuple[Floats, Floats]:
        """Mean and standard deviation of all choices on each scale; NaN where it is unknown."""
        known = {n: (m[-1], np.sqrt(c[-1, -1])) for n, (m, c) in self.scales_.items()}
        names = pd.Series(scale, dtype=object)
        pairs = [names.map({n: v[i] for n, v in known.items()}) for i in (0, 1)]
        return pairs[0].to_numpy(dtype="float64"), pairs[1].to_numpy(dtype="float64")

    def _conditional(self, scale: str, known: npt.NDArray[np.bool_]) -> tuple[Floats, float, float]:
        key = (scale, known.tobytes())
        if key not in self._weights:
            mean, covariance = self.scales_[scale]
            seen = np.flatnonzero(known & (np.diag(covariance)[:-1] > 0))
            inner = covariance[np.ix_(seen, seen)]
            inner = inner + _RIDGE * np.diag(np.diag(inner))
            cross = covariance[seen, -1]
            weights = np.linalg.solve(inner, cross) if len(seen) else np.zeros(0)
            variance = covariance[-1, -1] - float(cross @ weights)
            full = np.zeros(len(known))
            full[seen] = weights
            self._weights[key] = (
                full[known],
                float(mean[-1] - weights @ mean[seen]),
                float(np.sqrt(max(variance, 0.02 * covariance[-1, -1], 1e-6))),
            )
        return self._weights[key]

    def to_json(self) -> dict[str, Any]:
        """The learned moments as plain lists."""
        return {name: [m.tolist(), c.tolist()] for name, (m, c) in self.scales_.items()}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> NaturalSize:
        """The inverse of :meth:`to_json`."""
        return cls({name: (np.array(m), np.array(c)) for name, (m, c) in stored.items()})


def _moments(joint: Floats) -> tuple[Floats, Floats]:
    """Mean and covariance from all pairs present, made positive definite.

    Pairs seen fewer than `_MIN_ROWS` times count as uncorrelated.
    """
    seen = np.isfinite(joint)
    count = seen.sum(axis=0)
    mean = np.where(count > 0, np.nansum(joint, axis=0) / np.maximum(count, 1), 0.0)
    centred = np.where(seen, joint - mean, 0.0)
    pairs = seen.T.astype(float) @ seen
    covariance = (centred.T @ centred) / np.maximum(pairs, 1)
    covariance[pairs < _MIN_ROWS] = 0.0
    scale = np.sqrt(np.diag(covariance))
    safe = np.where(scale > 0, scale, 1.0)
    values, vectors = np.linalg.eigh(covariance / np.outer(safe, safe))
    correlation = (vectors * np.maximum(values, 1e-3)) @ vectors.T
    return mean, correlation * np.outer(scale, scale)
