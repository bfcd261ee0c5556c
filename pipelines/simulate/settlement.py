"""How a claim ends: what inspection finds, what is paid, when it is settled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data_contracts.tables import CONDITION, RESOLUTION
from pipelines.simulate import abuse
from pipelines.simulate.assumptions import BoolArray, FloatArray, IntArray
from pipelines.simulate.claims import NONE, REASON

_C = {name: i for i, name in enumerate(CONDITION)}
_R = {name: i for i, name in enumerate(RESOLUTION)}


@dataclass(frozen=True)
class Settlement:
    """How each claim ended, over claims (r,); NaN or -1 where unknown."""

    quantity: IntArray
    received: FloatArray
    condition: IntArray
    weight_ratio: FloatArray
    resolution: IntArray
    refund_share: FloatArray
    closed: FloatArray


def settle(
    rng: np.random.Generator,
    *,
    reason: IntArray,
    requested: FloatArray,
    kind: IntArray,
    euros: FloatArray,
    ordered: IntArray,
    sealed: BoolArray,
    transit: FloatArray,
) -> Settlement:
    """Inspect and settle claims.

    Parameters
    ----------
    rng : numpy.random.Generator
    reason, kind : int arrays (r,)
    requested : float array (r,)
        Day of the claim.
    euros : float array (r,)
        Price of a piece.
    ordered : int array (r,)
        Pieces ordered.
    sealed : bool array (r,)
    transit : float array (r,)
        Median days on the way back.

    Returns
    -------
    Settlement
    """
    n = reason.size
    size = np.isin(reason, (REASON["too_small"], REASON["too_large"]))
    lost = reason == REASON["not_received"]
    faults = [REASON[r] for r in ("colour_mismatch", "not_as_described", "quality_defect")]
    flawed = np.isin(reason, faults)
    condition = _condition(rng, reason, kind)

    u = rng.random(n)
    resolution = np.full(n, _R["refunded"])
    resolution = np.where(size & (u < 0.14), _R["exchanged"], resolution)
    resolution = np.where(flawed & (u < 0.18), _R["partial_refund"], resolution)
    resolution = np.where(~lost & (euros < 20) & (u > 0.65), _R["kept_item"], resolution)
    stays = lost | np.isin(resolution, (_R["partial_refund"], _R["kept_item"]))
    odd = np.isin(condition, (_C["different_item"], _C["empty"])) & (reason != REASON["wrong_item"])
    worn = condition == _C["worn"]
    chance = np.where(odd, 0.45, np.where(worn, 0.20, np.where(lost, 0.08, 0.003)))
    chance += np.where(sealed & size, 0.25, 0.0)
    resolution = np.where(~stays & (rng.random(n) < chance), _R["rejected"], resolution)

    back = 1.5 + transit * np.exp(rng.normal(0.0, 0.35, n))
    received = np.where(stays, np.nan, requested + back)
    closed = np.where(stays, requested, received) + 0.3 + rng.gamma(1.5, 1.6, n)
    seen = ~stays & (rng.random(n) < 0.88)
    ratio = np.exp(rng.normal(0.0, 0.02, n))
    ratio *= np.where(condition == _C["missing_parts"], 0.8, 1.0)
    other = (condition == _C["different_item"]) | (kind == abuse.ITEM_SWAP)
    ratio = np.where(other, np.exp(rng.normal(-0.30, 0.40, n)), ratio)
    ratio = np.where(kind == abuse.EMPTY_BOX, rng.uniform(0.05, 0.30, n), ratio)
    weighed = ~stays & (rng.random(n) < 0.75)

    share = np.zeros(n)
    share[np.isin(resolution, (_R["refunded"], _R["kept_item"]))] = 1.0
    share = np.where(resolution == _R["partial_refund"], rng.uniform(0.2, 0.3, n).round(2), share)
    some = 1 + (rng.random(n) * ordered).astype(np.int64)
    return Settlement(
        quantity=np.where(rng.random(n) < 0.7, ordered, some),
        received=received,
        condition=np.where(seen, condition, NONE),
        weight_ratio=np.where(weighed, ratio, np.nan),
        resolution=resolution,
        refund_share=share,
        closed=closed,
    )


# Chance of each condition (order of CONDITION), by what happened.
_FOUND = {
    "default": (0.930, 0.045, 0.007, 0.003, 0.013, 0.002),
    "faulty": (0.300, 0.050, 0.630, 0.003, 0.015, 0.002),
    "broken": (0.080, 0.010, 0.890, 0.003, 0.015, 0.002),
    "mixed_up": (0.120, 0.005, 0.005, 0.860, 0.008, 0.002),
    "wardrobing": (0.160, 0.780, 0.050, 0.000, 0.010, 0.000),
    "item_swap": (0.150, 0.060, 0.050, 0.720, 0.020, 0.000),
    "empty_box": (0.050, 0.000, 0.000, 0.050, 0.100, 0.800),
    "serial": (0.700, 0.260, 0.020, 0.000, 0.020, 0.000),
    "farming": (0.520, 0.080, 0.380, 0.000, 0.020, 0.000),
}
_FOUND_OF_REASON = {
    "quality_defect": "faulty",
    "damaged_in_transit": "broken",
    "wrong_item": "mixed_up",
}
_FOUND_OF_KIND = {
    abuse.WARDROBING: "wardrobing",
    abuse.ITEM_SWAP: "item_swap",
    abuse.EMPTY_BOX: "empty_box",
    abuse.SERIAL: "serial",
    abuse.FARMING: "farming",
}


def _condition(rng: np.random.Generator, reason: IntArray, kind: IntArray) -> IntArray:
    """State of the goods as inspection finds them."""
    names = list(_FOUND)
    story = np.zeros(reason.size, dtype=np.int64)
    for told, name in _FOUND_OF_REASON.items():
        story[reason == REASON[told]] = names.index(name)
    for k, name in _FOUND_OF_KIND.items():
        story[kind == k] = names.index(name)
    cumulated = np.cumsum(np.array(list(_FOUND.values())), axis=1)[story]
    found: IntArray = (rng.random(reason.size)[:, None] >= cumulated).sum(axis=1)
    return np.minimum(found, len(CONDITION) - 1)
