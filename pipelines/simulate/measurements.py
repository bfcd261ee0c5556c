"""What people tell about their bodies: often nothing, otherwise with bias and noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.simulate.assumptions import FloatArray, IntArray, ShopAssumptions, TextArray
from pipelines.simulate.frames import only
from pipelines.simulate.ladders import DIMENSIONS
from pipelines.simulate.shoppers import TASTE, Shoppers

# Order of DIMENSIONS: chest, waist, hip, height, weight, foot. People tell themselves taller,
# lighter and slimmer than they are.
_BIAS = np.array([0.0, -1.5, -0.5, 1.0, -1.6, 0.0])
_NOISE = np.array([2.8, 3.2, 2.8, 1.6, 1.9, 0.35])
_TOLD = np.array([0.45, 0.50, 0.42, 0.92, 0.85, 0.30])
_FLOOR = np.array([25.0, 25.0, 25.0, 40.0, 2.0, 6.0])
#: Chance that anything was ever told, by place in WEARERS.
_EVER = np.array([0.62, 0.30, 0.62, 0.55, 0.30])


@dataclass(frozen=True)
class Tellings:
    """One row per telling (m,); NaN or None where not told."""

    wearer: IntArray
    day: FloatArray
    body: FloatArray
    cup: TextArray
    body_shape: TextArray
    age_years: FloatArray
    birth_day: FloatArray
    sex: TextArray
    fit_preference: TextArray


def draw_tellings(
    rng: np.random.Generator,
    shoppers: Shoppers,
    *,
    first_day: FloatArray,
    last_day: float,
    assumptions: ShopAssumptions,
) -> Tellings:
    """Draw who told which measurements when.

    Parameters
    ----------
    rng : numpy.random.Generator
    shoppers : Shoppers
    first_day : float array (w,)
        The first order for each wearer; NaN for those never bought for, who tell nothing.
    last_day : float
        The day of the snapshot.
    assumptions : ShopAssumptions

    Returns
    -------
    Tellings
    """
    w = shoppers.owner.size
    child = shoppers.bodies.is_child
    ever = rng.random(w) < _EVER[shoppers.slot] * assumptions.measured_share
    ever &= ~np.isnan(first_day)
    times = np.where(ever, 1 + rng.poisson(np.where(child, 1.6, 0.35)), 0)
    wearer = np.repeat(np.arange(w), times)
    nth = np.arange(wearer.size) - np.searchsorted(wearer, wearer, side="left")
    # The first telling mostly precedes the first order; later ones lie anywhere after it.
    begin = first_day[wearer]
    before = begin - np.where(rng.random(wearer.size) < 0.75, 0.02, -20.0)
    span = np.maximum(last_day - begin, 1.0)
    later = begin + span * rng.random(wearer.size)
    day = np.where(nth == 0, before, later)
    born = shoppers.bodies.born_day[wearer]
    kept = (day < last_day) & (day > born + 1.0)
    wearer, day, born = wearer[kept], day[kept], born[kept]

    m = wearer.size
    is_child = child[wearer]
    true = shoppers.bodies.at(wearer, day)
    scale = true / true.mean(axis=0) if m else true
    scale = np.where(is_child[:, None], 0.5, np.minimum(scale, 1.5))
    bias = np.where(is_child[:, None], 0.0, _BIAS)
    told = true + bias + _NOISE * scale * rng.standard_normal(true.shape)
    told = np.round(np.maximum(told, _FLOOR), 0)
    foot = DIMENSIONS.index("foot_length_cm")
    weight = DIMENSIONS.index("weight_kg")
    exact = np.round(
        np.maximum(true + 0.5 * _NOISE * scale * rng.standard_normal(true.shape), _FLOOR), 1
    )
    told[:, foot] = exact[:, foot]
    told[:, weight] = np.where(is_child, exact[:, weight], told[:, weight])
    silent = rng.random(true.shape) >= np.where(is_child[:, None], _TOLD * 0.55, _TOLD)
    height = DIMENSIONS.index("height_cm")
    silent[:, height] = rng.random(m) >= 0.92
    told = np.where(silent, np.nan, told)

    def maybe(values: TextArray, share: float) -> TextArray:
        return only(rng.random(m) < share, values)

    chest, waist, hip = true[:, 0], true[:, 1], true[:, 2]
    female = shoppers.female[wearer]
    cup = np.array(list("abcdefg"), object)[
        np.clip(
            np.rint(1.5 + (chest - 0.93 * waist - 20.0) / 3.0 + rng.normal(0, 1, m)), 0, 6
        ).astype(int)
    ]
    shape = np.where(
        waist / hip > 0.82, "apple", np.where(chest < hip * 0.9, "pear",
        np.where(waist / hip < 0.74, "hourglass", "straight"))
    ).astype(object)  # fmt: skip
    ease = shoppers.ease[wearer] + rng.normal(0.0, 0.12, m)
    likes = np.where(ease < -TASTE, "tight", np.where(ease > TASTE, "loose", "regular"))
    age = np.maximum((day - born) / 365.25, 0.0)
    dated = is_child & (rng.random(m) < 0.75)
    return Tellings(
        wearer=wearer,
        day=day,
        body=told,
        cup=only(female & ~is_child, maybe(cup, 0.35)),
        body_shape=only(~is_child, maybe(shape, 0.40)),
        age_years=np.where(
            rng.random(m) < 0.55, np.where(is_child, np.round(age, 1), np.floor(age)), np.nan
        ),
        birth_day=np.where(dated, born, np.nan),
        sex=maybe(np.where(female, "female", "male").astype(object), 0.70),
        fit_preference=maybe(likes.astype(object), 0.45),
    )
