"""Returns: competing honest reasons, and the pretexts of abuse."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data_contracts.tables import RETURN_REASON
from pipelines.simulate import abuse
from pipelines.simulate.assumptions import BoolArray, FloatArray, IntArray, ShopAssumptions
from pipelines.simulate.outcomes import Deliveries, Fits

REASON = {name: i for i, name in enumerate(RETURN_REASON)}
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
    euros : float array
        Price of a piece.
    wrong_colour, defective, bracketed : bool array
    wrongly_described : float array
    """

    want: IntArray
    returning: FloatArray
    culture: FloatArray
    damage: FloatArray
    euros: FloatArray
    wrong_colour: BoolArray
    wrongly_described: FloatArray
    defective: BoolArray
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
