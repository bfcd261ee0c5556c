"""The penalised likelihood of :mod:`models.size_fit.ordinal`, with its gradient in closed form.

Differences would cost an evaluation a parameter, twenty-two for each step of the search.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from models.size_fit.latent import (
    HISTORY_WEIGHTS,
    NAMES,
    START,
    WIDTH,
    Given,
    Latent,
    Law,
    latent_of,
)

__all__ = ["loss_and_slope"]

Floats = npt.NDArray[np.float64]

_LEAST = 1e-9
"""No outcome is held less likely, so that no line rules the rest."""


def loss_and_slope(
    theta: Floats, given: Given, outcome: npt.NDArray[np.int_], quiet: Floats
) -> tuple[float, Floats]:
    """Mean penalised loss of the lines, and its derivative by every parameter.

    Parameters
    ----------
    theta
        Parameters in the order of :data:`models.size_fit.latent.NAMES`.
    given
        The lines.
    outcome
        0 too small, 1 fit, 2 too large.
    quiet
        How likely each line's silence is after a bad fit; 0 where somebody told.
    """
    at = latent_of(Law.of(theta), given)
    total = at.variance + at.sigma_c2
    surprise = at.position - at.body - at.known_offset
    share = at.mistake / total
    spread = np.sqrt(at.sigma**2 + at.mistake * (1 - share))
    distance = share * surprise + at.known_offset - at.offset
    low, high = (-at.t_small - distance) / spread, (distance - at.t_large) / spread
    small, large = ndtr(low), ndtr(high)
    fits = 1 - small - large
    said = np.where(outcome == 0, small, np.where(outcome == 2, large, np.maximum(fits, _LEAST)))
    chance = said + quiet * (1 - said)
    # Products have few sizes and tails are long: a Student density keeps them from ruling.
    far = surprise**2 / total / 4.0
    choice = -0.5 * np.log(total) - 2.5 * np.log1p(far)
    off = (theta - START) / WIDTH
    loss = 0.5 * np.sum(off**2) - np.log(np.maximum(chance, _LEAST)).sum() - choice.sum()

    # From here on `x_` is the derivative of the loss by x, line by line.
    said_ = np.where(chance > _LEAST, -(1 - quiet) / np.maximum(chance, _LEAST), 0.0)
    if_fits = np.where((outcome == 1) & (fits > _LEAST), -said_, 0.0)
    low_ = np.where(outcome == 0, said_, if_fits) * _density(low) / spread
    high_ = np.where(outcome == 2, said_, if_fits) * _density(high) / spread
    distance_ = high_ - low_
    spread_ = -(low_ * low + high_ * high)
    blur_ = spread_ / (2 * spread)
    share_ = distance_ * surprise - blur_ * at.mistake
    tail = 2.5 / (1 + far)
    surprise_ = distance_ * share + tail * surprise / (2 * total)
    total_ = 0.5 / total - tail * far / total - share_ * share / total
    slopes = _slopes(
        at,
        given,
        body_=-surprise_,
        variance_=total_,
        offset_=-distance_,
        known_offset_=distance_ - surprise_,
        t_small_=-low_,
        t_large_=-high_,
        sigma_=spread_ * at.sigma / spread,
        sigma_c2_=total_,
        mistake_=blur_ * (1 - share) + share_ / total,
    )
    slope = np.array([slopes[name].sum() for name in NAMES]) + off / WIDTH
    lines = len(given.position)
    return float(loss / lines), slope / lines


def _slopes(
    at: Latent,
    given: Given,
    *,
    body_: Floats,
    variance_: Floats,
    offset_: Floats,
    known_offset_: Floats,
    t_small_: Floats,
    t_large_: Floats,
    sigma_: Floats,
    sigma_c2_: Floats,
    mistake_: Floats,
) -> dict[str, Floats]:
    """Of every parameter, from the derivatives by the parts of the latent distance."""
    reading_ = body_ * at.variance  # by the numerator of the reading
    precision_ = -variance_ * at.variance**2 - reading_ * at.reading
    sigma_c2_ = sigma_c2_ - (precision_ * given.orders + reading_ * at.seen) / at.sigma_c2**2
    other_ = (precision_ + reading_ * given.aside) * at.other
    mistake_ = (mistake_ + sigma_c2_) * at.mistake
    noise_ = sigma_c2_ * at.product_noise
    offset_ = offset_ + at.known * known_offset_
    small_, large_, sigma_ = t_small_ * at.t_small, t_large_ * at.t_large, sigma_ * at.sigma
    width_ = small_ + large_
    wide_ = 2 * mistake_ + 2 * noise_ + offset_ * at.offset + width_ + sigma_
    leans = offset_ * at.wide * given.leans
    return {
        "log_prior_share": -(precision_ + reading_ * given.natural) / at.prior - other_,
        "log_sigma_a": 2 * noise_,
        "unnamed_noise": 2 * noise_ * given.unnamed,
        "log_sigma_m": 2 * mistake_,
        "outcome_step": reading_ * given.told / at.sigma_c2,
        "log_other_scale": -other_,
        "crowd": body_ * given.shift,
        **dict(zip(HISTORY_WEIGHTS, leans, strict=True)),
        "preference": offset_ * at.wide * given.liking,
        "stretch": width_ * given.stretch,
        "knowledge": known_offset_ * at.known_offset * (1 - at.known),
        "log_t_small": small_,
        "log_t_large": large_,
        "product_width": width_ * given.product_fits,
        "person_width": width_ * given.person_fits,
        "log_sigma": sigma_,
        "step_power": wide_ * np.log(given.step),
        "log_chart": sigma_c2_ * at.chart_noise,
    }


def _density(z: Floats) -> Floats:
    density: Floats = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
    return density
