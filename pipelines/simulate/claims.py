"""Returns: competing honest reasons, planned abuse, and how each claim is settled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data_contracts.tables import CONDITION, RESOLUTION, RETURN_REASON
from pipelines.simulate import abuse
from pipelines.simulate.assumptions import BoolArray, FloatArray, IntArray, ShopAssumptions
from pipelines.simulate.outcomes import Deliveries, Fits

REASON = {name: i for i, name in enumerate(RETURN_REASON)}
_C = {name: i for i, name in enumerate(CONDITION)}
_R = {name: i for i, name in enumerate(RESOLUTION)}
NONE = -1


@dataclass(frozen=True)
class Circumstances:
    """What bears on a return, over order lines (n,).

    Attributes
    ----------
    want : int array
    returning : float array
        Personal factor on reasons of mood.
    culture, damage : float array
        Of the market.
    euros, quantity : float array
        Price of a piece in euro; pieces.
    wrong_colour, defective, sealed, bracketed : bool array
    wrongly_described : float array
    """

    want: IntArray
    returning: FloatArray
    culture: FloatArray
    damage: FloatArray
    euros: FloatArray
    quantity: IntArray
    wrong_colour: BoolArray
    wrongly_described: FloatArray
    defective: BoolArray
    sealed: BoolArray
    bracketed: BoolArray


@dataclass(frozen=True)
class Claims:
    """Claims over order lines (n,); `reason` is -1 and days are NaN where there is none.

    Attributes
    ----------
    reason, cause : int arrays
        What the buyer says and what is true, both indices of the contract's reasons.
    abused : bool array
    requested : float array
        Day of the claim.
    """

    reason: IntArray
    cause: IntArray
    abused: BoolArray
    requested: FloatArray


def losers(want: IntArray, latent: FloatArray, rng: np.random.Generator) -> BoolArray:
    """All but the best fitting line of every want of several lines.

    Parameters
    ----------
    want : int array (n,)
    latent : float array (n,)
        Mismatch in steps.
    rng : numpy.random.Generator
        Breaks ties between colours.

    Returns
    -------
    bool array (n,)
    """
    badness = np.abs(latent) + 0.2 * rng.random(latent.size)
    place = np.lexsort((badness, want))
    lost = np.empty(want.size, dtype=bool)
    lost[place] = np.r_[False, want[place][1:] == want[place][:-1]]
    return lost


def draw_claims(
    rng: np.random.Generator,
    fits: Fits,
    deliveries: Deliveries,
    about: Circumstances,
    *,
    abused_kind: IntArray,
    assumptions: ShopAssumptions,
) -> Claims:
    """Let the reasons compete: each has an intensity, the first to strike is the cause.

    Parameters
    ----------
    rng : numpy.random.Generator
    fits : Fits
    deliveries : Deliveries
    about : Circumstances
    abused_kind : int array (n,)
        Kind of abuse committed on the line, or ``abuse.NO_ABUSE``.
    assumptions : ShopAssumptions

    Returns
    -------
    Claims
    """
    n = fits.outcome.size
    came = ~np.isnan(deliveries.delivered)
    mood = about.culture * about.returning
    excess = np.minimum(np.abs(fits.latent), 3.0)
    by_size = (0.25 + 0.36 * excess) * mood**0.35
    late = np.maximum(np.nan_to_num(deliveries.delivered - deliveries.promised), 0.0)
    intensity = np.zeros((n, len(RETURN_REASON)))
    intensity[:, REASON["too_small"]] = np.where(fits.outcome < 0, by_size, 0.0)
    intensity[:, REASON["too_large"]] = np.where(fits.outcome > 0, 0.85 * by_size, 0.0)
    intensity[:, REASON["colour_mismatch"]] = np.where(about.wrong_colour, 0.28, 0.006)
    intensity[:, REASON["not_as_described"]] = 0.010 + about.wrongly_described
    intensity[:, REASON["quality_defect"]] = np.where(about.defective, 0.30, 0.008)
    intensity[:, REASON["damaged_in_transit"]] = about.damage
    intensity[:, REASON["wrong_item"]] = 0.004
    intensity[:, REASON["late_delivery"]] = 0.020 * np.minimum(late, 12.0)
    intensity[:, REASON["changed_mind"]] = 0.028 * mood * (about.euros / 45.0) ** 0.35
    intensity[:, REASON["other"]] = 0.004
    intensity *= assumptions.return_propensity
    lost = losers(about.want, fits.latent, rng)
    extra = np.where(lost & about.bracketed, 2.2, 0.0)
    size_cause = np.where(fits.outcome < 0, REASON["too_small"], REASON["too_large"])
    cause_of_loser = np.where(fits.outcome == 0, REASON["changed_mind"], size_cause)
    intensity[np.arange(n), cause_of_loser] += extra
    intensity[~came] = 0.0
    intensity[:, REASON["not_received"]] = np.where(came, 0.0012, 3.0)

    arrival = rng.exponential(1.0, intensity.shape) / np.maximum(intensity, 1e-12)
    cause = np.where(arrival.min(axis=1) < 1.0, arrival.argmin(axis=1), NONE)
    reason = _told_reason(rng, cause)
    reason, cause = _abusive_reasons(rng, reason, cause, abused_kind, fits)
    requested = _days_of_claim(rng, deliveries, reason, abused_kind, assumptions)
    return Claims(reason, cause, abused_kind != abuse.NO_ABUSE, requested)


def _told_reason(rng: np.random.Generator, cause: IntArray) -> IntArray:
    """Forms are filled in carelessly: some causes are told as another reason."""
    vague = rng.choice(
        [REASON["changed_mind"], REASON["other"], REASON["not_as_described"]], cause.size
    )
    careless = (rng.random(cause.size) < 0.06) & (cause != REASON["not_received"])
    return np.where((cause != NONE) & careless, vague, cause)


def _abusive_reasons(
    rng: np.random.Generator, reason: IntArray, cause: IntArray, kind: IntArray, fits: Fits
) -> tuple[IntArray, IntArray]:
    n = reason.size
    size = np.where(fits.latent < 0, REASON["too_small"], REASON["too_large"])
    changed, other = REASON["changed_mind"], REASON["other"]
    quality, described = REASON["quality_defect"], REASON["not_as_described"]
    damaged, lost = REASON["damaged_in_transit"], REASON["not_received"]

    def one_of(options: list[int]) -> IntArray:
        return rng.choice(np.array(options), n)

    mixed = np.where(rng.random(n) < 0.4, size, one_of([changed, described, other, quality]))
    pretext = {
        abuse.WARDROBING: np.where(rng.random(n) < 0.4, size, one_of([changed, described])),
        abuse.ITEM_SWAP: one_of([quality, described, changed]),
        abuse.EMPTY_BOX: np.where(rng.random(n) < 0.5, size, one_of([changed, other])),
        abuse.NOT_RECEIVED: np.full(n, lost),
        abuse.SERIAL: mixed,
        abuse.BRACKETING: np.where(rng.random(n) < 0.6, size, changed),
        abuse.FARMING: one_of([quality, damaged, lost, described]),
    }
    for k, told in pretext.items():
        reason = np.where(kind == k, told, reason)
        cause = np.where(kind == k, told, cause)
    return reason, cause


def _days_of_claim(
    rng: np.random.Generator,
    deliveries: Deliveries,
    reason: IntArray,
    kind: IntArray,
    assumptions: ShopAssumptions,
) -> FloatArray:
    n, window = reason.size, assumptions.return_window_days
    delay = 0.5 + rng.gamma(1.8, 3.6, n)
    delay = np.where(kind == abuse.WARDROBING, window * rng.uniform(0.5, 1.0, n), delay)
    delay = np.where(kind == abuse.SERIAL, rng.gamma(2.0, 5.0, n), delay)
    # What does not come in time is not accepted; the last days of the window absorb it.
    delay = np.where(delay > window, window * rng.uniform(0.6, 0.999, n), delay)
    since = np.where(
        np.isnan(deliveries.delivered), deliveries.promised + 3.0, deliveries.delivered
    )
    return np.where(reason == NONE, np.nan, since + delay)


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
