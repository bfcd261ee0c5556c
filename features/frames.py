"""A child's sizes seen from its age: the position of a size less what the age leads to expect.

A child is not the size it was last month, so its earlier orders say little of the size it needs
now. They say much of how tall it is *for its age*, which children keep. Where the age is known,
positions on a child's scale are therefore counted from the size that the median child of that age
and sex needs (WHO; see :mod:`features.growth`), on a scale of their own; histories of kept sizes
and of outcomes, the body and the crowd's choices all follow without a rule of their own.

Clothes are bought to be worn for a while: the age that counts lies `wear_days_` after the order,
which is learned from how much larger than the child its parents buy where children grow fast.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from data_contracts.lazy import pd
from features.growth import foot_length, stature
from features.positions import AGED, SizeScales

__all__ = ["CHILD_HEIGHT", "AgeFrame", "is_growing"]

Floats = npt.NDArray[np.float64]

CHILD_HEIGHT, _FOOT = "children|height", "children|foot"
_DAYS_A_YEAR = 365.25
_USUAL_DAYS, _DAYS_SPREAD = 30.0, 20.0
_MOST_DAYS = 120.0
_FULL_GROWN = 19.0
_FOOT_SHARE = 0.157
"""Foot length over stature in childhood; see :func:`features.growth.foot_length`."""


def is_growing(scale: object) -> float:
    """1.0 for a child's scale whose positions do not follow its age, 0.0 for others."""
    return float(isinstance(scale, str) and scale.startswith("children|") and AGED not in scale)


@dataclass
class AgeFrame:
    """What the size of a child's age is, in steps of its scale.

    Parameters
    ----------
    steps
        Centimetres a step of ``children|height`` and of ``children|foot`` stands for.

    Attributes
    ----------
    wear_days_
        How long after the order clothes shall fit.
    """

    steps: dict[str, float]
    wear_days_: float = _USUAL_DAYS

    @classmethod
    def of_scales(cls, scales: SizeScales) -> AgeFrame:
        """The frame of a shop's axes."""
        return cls({name: scales.steps_.get(name, 1.0) for name in (CHILD_HEIGHT, _FOOT)})

    def fit(self, facts: pd.DataFrame) -> AgeFrame:
        """Learn how far ahead parents buy, from the sizes they choose.

        Parameters
        ----------
        facts
            Lines with ``scale``, ``position``, ``age_years`` and ``sex``; see
            :func:`features.lines.line_facts`.

        Notes
        -----
        The chosen size above the child's own grows with the centimetres that it grows in a day;
        the slope is the number of days. A prior of 30 days (standard deviation 20) rules where
        there are few orders for infants, who alone grow fast enough to tell.
        """
        age = facts["age_years"].to_numpy(dtype="float64")
        tall = facts["scale"].astype(object).eq(CHILD_HEIGHT).to_numpy(dtype=bool)
        rows = tall & np.isfinite(age) & (age < 6)
        if not rows.any():
            return self
        sex = facts["sex"].to_numpy(dtype=object)[rows]
        today, spread = stature(age[rows], sex)
        soon, _ = stature(age[rows] + 30.0 / _DAYS_A_YEAR, sex)
        rate = (soon - today) / 30.0
        chosen = facts["position"].to_numpy(dtype="float64")[rows] * self.steps[CHILD_HEIGHT]
        above = chosen - today
        # A garment far off the age is another child's.
        near = np.abs(above - np.median(above)) < 4 * spread
        rate, above = rate[near], above[near]
        centred = rate - rate.mean()
        noise = max(float(above.var()), 1.0)
        told = float(centred @ above) / noise
        weight = float(centred @ centred) / noise
        days = (told + _USUAL_DAYS / _DAYS_SPREAD**2) / (weight + 1 / _DAYS_SPREAD**2)
        self.wear_days_ = float(np.clip(days, 0.0, _MOST_DAYS))
        return self

    def apply(self, facts: pd.DataFrame) -> pd.DataFrame:
        """Count positions from the size of the age, wherever the age is known.

        Parameters
        ----------
        facts
            With ``scale``, ``position``, ``age_years`` and ``sex``.

        Returns
        -------
        DataFrame
            The same with ``scale`` and ``position`` changed on these rows; ``age_position``, what
            was taken off, nil on others; ``step_cm``, see :meth:`stature_step`.
        """
        scale = facts["scale"].astype(object)
        age = facts["age_years"].to_numpy(dtype="float64")
        old_enough = np.isfinite(age) & (age < _FULL_GROWN)
        expected, _ = stature(self._worn(age), facts["sex"].to_numpy(dtype=object))
        taken = np.zeros(len(facts))
        aged = np.zeros(len(facts), dtype=bool)
        for name, dimension in ((CHILD_HEIGHT, expected), (_FOOT, None)):
            rows = scale.eq(name).to_numpy(dtype=bool) & old_enough
            if not rows.any():
                continue
            if dimension is None:
                sex = facts["sex"].to_numpy(dtype=object)[rows]
                taken[rows] = foot_length(expected[rows], self._worn(age[rows]), sex)[0]
            else:
                taken[rows] = dimension[rows]
            taken[rows] /= self.steps[name]
            aged |= rows
        return facts.assign(
            step_cm=self.stature_steps(scale.where(~aged, None)),
            scale=scale.where(~aged, scale + AGED),
            position=facts["position"].to_numpy(dtype="float64") - taken,
            age_position=taken,
        )

    def stature_step(self, scale: str | None) -> float:
        """Centimetres of stature to a step of a scale whose positions do not follow an age.

        NaN for scales of grown-ups, and for those that count from the age.
        """
        if scale == CHILD_HEIGHT:
            return self.steps[CHILD_HEIGHT]
        return self.steps[_FOOT] / _FOOT_SHARE if scale == _FOOT else math.nan

    def stature_steps(self, scale: pd.Series) -> Floats:
        """:meth:`stature_step` of many scales."""
        steps = {name: self.stature_step(name) for name in (CHILD_HEIGHT, _FOOT)}
        found: Floats = np.asarray(scale.map(steps), dtype=np.float64)
        return found

    def of_one(self, scale: str | None, age: float, sex: str | None) -> tuple[str | None, float]:
        """:meth:`apply` for one size: its scale, and what is taken off its position."""
        if scale not in (CHILD_HEIGHT, _FOOT) or not age < _FULL_GROWN:
            return scale, 0.0
        worn = max(age + self.wear_days_ / _DAYS_A_YEAR, 0.0)
        expected = stature(worn, sex)[0]
        if math.isnan(expected):
            return scale, 0.0
        size = expected if scale == CHILD_HEIGHT else foot_length(expected, worn, sex)[0]
        return f"{scale}{AGED}", size / self.steps[scale]

    def _worn(self, age: Floats) -> Floats:
        # Clothes bought before the birth are for the newborn.
        worn: Floats = np.maximum(age + self.wear_days_ / _DAYS_A_YEAR, 0.0)
        return worn

    def to_json(self) -> dict[str, Any]:
        """The learned frame as plain values."""
        return {"steps": self.steps, "wear_days": self.wear_days_}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> AgeFrame:
        """The inverse of :meth:`to_json`."""
        return cls(dict(stored["steps"]), stored["wear_days"])
