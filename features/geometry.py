"""How the position of a size follows the body, as the size charts say.

A chart states the body each size is cut for. Over a shop's catalogue that makes, for every scale
(see :mod:`features.positions`) and dimension, a straight line from centimetres to position. With
what bodies are like (:mod:`features.anthropometry`) it says which size a body needs before anybody
has ordered on the scale: the prior of :class:`features.bodies.NaturalSize`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from data_contracts.lazy import pd
from features.anthropometry import (
    CHILD_AGES,
    FIGURES,
    age_height,
    body_moments,
    told_covariance,
)
from features.growth import foot_length, stature
from features.plausibility import kind_of
from features.positions import AGED

__all__ = ["UNNAMED", "ScaleGeometry", "chart_geometry", "parent_scale", "prior_moments"]

Floats = npt.NDArray[np.float64]

UNNAMED = "?"
"""Ends the name of a scale on which the body may be another person's."""
_MIDDLES = {
    "chest_cm": "chest_mid",
    "waist_cm": "waist_mid",
    "hip_cm": "hip_mid",
    "height_cm": "height_mid",
    "foot_length_cm": "foot_mid",
}
_LEADING = {"girth": ("chest_cm", "waist_cm", "hip_cm"), "height": ("height_cm",),
            "foot": ("foot_length_cm",)}  # fmt: skip
_FEWEST = 6  # sizes, for a line to be drawn through them
_FAR_OFF, _LEAST_OFF = 6.0, 1.0  # median distances from the line, and steps, that count as near
_NOISE, _UNNAMED_NOISE = 0.8, 3.0
_DAYS_A_YEAR = 365.25


@dataclass(frozen=True)
class ScaleGeometry:
    """The lines from body to position on one scale.

    Parameters
    ----------
    lines
        Position at 0 cm and steps per cm, by dimension.
    weights
        How much each dimension decides, summing to one; all alike if None. The hip may bind for a
        skirt, the chest for a coat.
    noise
        Standard deviation, in steps, of chosen positions about the lines: taste, cut, whole sizes.
    wear_days
        Positions count from the size of the age this long after the order; None where they do not
        follow an age.
    """

    lines: Mapping[str, tuple[float, float]]
    weights: Mapping[str, float] | None = None
    noise: float = _NOISE
    wear_days: float | None = None
    shares: Mapping[str, float] = field(init=False)

    def __post_init__(self) -> None:
        if not self.lines or any(slope <= 0 for _, slope in self.lines.values()):
            raise ValueError(f"every line must rise with the body, {dict(self.lines)} do not")
        told = {name: (self.weights or {}).get(name, 0.0) for name in self.lines}
        if not sum(told.values()) > 0:  # what binds is not published: all alike
            told = dict.fromkeys(self.lines, 1.0)
        total = sum(told.values())
        object.__setattr__(self, "shares", {name: part / total for name, part in told.items()})


def parent_scale(name: str) -> str | None:
    """The scale that a sub-scale (``women|girth/bottom``) is a part of; None for a whole one."""
    whole, mark, part = name.partition("/")
    if not mark:
        return None
    return whole + (UNNAMED if part.endswith(UNNAMED) else "")


def chart_geometry(
    placed: pd.DataFrame,
    binding: Mapping[str, Mapping[str, float]] | None = None,
    wear_days: float = 30.0,
) -> dict[str, ScaleGeometry]:
    """The geometry of every scale whose charts say enough.

    Parameters
    ----------
    placed
        Sizes of a catalogue with ``scale``, ``position`` and chart middles in cm; see
        :meth:`features.positions.SizeScales.place`.
    binding
        What decides on sub-scales, by name (``women|girth/bottom``), as
        :func:`features.size_systems.binding_of` gives it: the parent's lines, other weights.
    wear_days
        For scales that count from a child's age.

    Returns
    -------
    dict of str to ScaleGeometry
        By scale; for scales of children also the one that counts from the age.

    Notes
    -----
    The line of a dimension is that through the medians of the lower and the upper third of sizes
    (the resistant line of Tukey, *Exploratory Data Analysis*, 1977), then least squares of the body
    by position on the sizes near it: a wrong chart does not tilt it.
    """
    found: dict[str, ScaleGeometry] = {}
    for name, sizes in placed.groupby(placed["scale"].astype(object)):
        leading = _LEADING.get(str(name).rsplit("|", 1)[-1], tuple(_MIDDLES))
        lines = {}
        for dimension in leading:
            line = _resistant_line(
                sizes[_MIDDLES[dimension]].to_numpy(dtype="float64"),
                sizes["position"].to_numpy(dtype="float64"),
            )
            if line is not None:
                lines[dimension] = line
        if lines:
            found[str(name)] = ScaleGeometry(lines)
            if str(name) in ("children|height", "children|foot"):
                found[f"{name}{AGED}"] = ScaleGeometry(lines, wear_days=wear_days)
    for name, weights in (binding or {}).items():
        parent = parent_scale(name)
        if parent in found:
            whole = found[parent]
            found[name] = ScaleGeometry(whole.lines, weights, whole.noise, whole.wear_days)
    return found


def _resistant_line(x: Floats, y: Floats) -> tuple[float, float] | None:
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    if len(x) < _FEWEST:
        return None
    low, high = x <= np.quantile(x, 1 / 3), x >= np.quantile(x, 2 / 3)
    run = np.median(x[high]) - np.median(x[low])
    rise = np.median(y[high]) - np.median(y[low])
    if not (run > 0 and rise > 0):
        return None
    slope = rise / run
    rest = y - slope * x
    off = np.abs(rest - np.median(rest))
    near = off <= max(_FAR_OFF * float(np.median(off)), _LEAST_OFF)
    per_step, at_nil = np.polyfit(y[near], x[near], 1)
    return (float(-at_nil / per_step), float(1.0 / per_step)) if per_step > 0 else None


def _line(geometry: ScaleGeometry) -> tuple[float, Floats]:
    """Position at a body of nothing, and steps per figure (8,), by `BODY_COLUMNS` as shaped."""
    slopes = np.zeros(len(FIGURES) + 2)
    origin = 0.0
    for name, (at_nothing, slope) in geometry.lines.items():
        slopes[FIGURES.index(name)] = geometry.shares[name] * slope
        origin += geometry.shares[name] * at_nothing
    return origin, slopes


def prior_moments(
    scale: str, geometry: ScaleGeometry, body: tuple[Floats, Floats] | None = None
) -> tuple[Floats, Floats] | None:
    """Joint moments of bodies and the positions that fit them, before any order.

    Parameters
    ----------
    scale
        Its name, which says whose bodies.
    geometry
        Its lines.
    body
        Mean (8,) and covariance (8, 8) of bodies as told, where they are known better than from
        surveys.

    Returns
    -------
    tuple of ndarray
        Mean (9,) and covariance (9, 9), the position last; None where nothing is known of the
        bodies.
    """
    kind = kind_of(scale)
    if kind is None:
        return None
    origin, slopes = _line(geometry)
    noise = told_covariance()
    if body is None:
        mean, true = body_moments(kind)
        told = true + noise
    else:
        mean, told = body
        true = told - noise
    if geometry.wear_days is not None:
        # What the age leads to expect is taken off: nearly a straight line of its stature.
        at_nothing, per_age = _expected_line(geometry)
        slopes[-1] -= per_age
        origin -= at_nothing
    row = true @ slopes
    joint = np.zeros((len(mean) + 1, len(mean) + 1))
    joint[:-1, :-1] = told
    unnamed = scale.endswith(UNNAMED)
    # A body that may be another child's tells half as much.
    joint[-1, :-1] = joint[:-1, -1] = row / 2.0 if unnamed else row
    joint[-1, -1] = slopes @ row + (_UNNAMED_NOISE if unnamed else geometry.noise) ** 2
    return np.append(mean, origin + slopes @ mean), joint


def _expected_line(geometry: ScaleGeometry) -> tuple[float, float]:
    """The expected position by a child's age: at a stature of nil, and per centimetre."""
    assert geometry.wear_days is not None
    root, place = [], []
    for age in CHILD_AGES:
        worn = age + geometry.wear_days / _DAYS_A_YEAR
        height, _ = stature(worn, None)
        size = {"height_cm": height, "foot_length_cm": foot_length(height, worn, None)[0]}
        place.append(
            sum(part * geometry.lines[n][1] * size[n] for n, part in geometry.shares.items())
        )
        root.append(age_height(age))
    slope, at_nothing = np.polyfit(root, place, 1)
    return float(at_nothing), float(slope)
