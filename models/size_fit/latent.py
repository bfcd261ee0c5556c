"""The latent distance of :mod:`models.size_fit.ordinal`: its columns, parameters and formulas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

__all__ = [
    "AT",
    "HISTORY_WEIGHTS",
    "NAMES",
    "ORDINAL_COLUMNS",
    "PLACED",
    "START",
    "WIDTH",
    "Given",
    "Latent",
    "known_or_nil",
    "latent_of",
    "outcome_of",
]

Floats = npt.NDArray[np.float64]

ORDINAL_COLUMNS: tuple[str, ...] = (
    "position",
    "step",
    "chart_sd",
    "natural",
    "natural_sd",
    "scale_mean",
    "scale_sd",
    "fit_preference",
    "stretch",
    "person_scale.orders",
    "person_scale.fair_sum",
    "person.orders",
    "person.level_sum",
    "recent_orders",
    "grown_position",
    "child",
    "wearer_unnamed",
    "person_scale.told_small",
    "person_scale.told_large",
    "product.small",
    "product.large",
    "product.shift",
    "product.weight",
    "product_size.small",
    "product_size.large",
    "brand.small",
    "brand.large",
    "category.small",
    "category.large",
    "person.small",
    "person.large",
    "wearers.two",
    "wearers.low",
    "wearers.high",
    "wearers.share",
)
"""The columns of the vector that the model reads, in order."""
AT = {name: i for i, name in enumerate(ORDINAL_COLUMNS)}
PLACED = [AT["position"], AT["natural"]]
"""Columns without which a line tells nothing."""
_RATES = [
    AT[f"{history}.{end}"]
    for end in ("small", "large")
    for history in ("product", "product_size", "brand", "category", "person")
]

# Name, start and width of the normal prior around it: without much data the parameters stay
# plausible, and the unit of the latent distance stays that of a size.
_PRIORS: dict[str, tuple[float, float]] = {
    "log_prior_share": (-0.5, 1.0),  # variance of b over variance of the choice given the body
    "log_sigma_a": (-1.0, 0.7),
    "unnamed_noise": (0.5, 0.5),  # added to log_sigma_a where the wearer may be another
    "log_sigma_m": (-1.05, 0.2),  # rounding to whole sizes alone gives log(0.29) = -1.24
    "outcome_step": (0.5, 0.3),  # how far b is from a size that was told too small or too large
    "log_other_scale": (0.0, 1.0),  # variance of the body read off another scale, in natural_sd^2
    "crowd": (0.9, 0.3),
    "product": (1.0, 1.0),
    "grading": (0.5, 0.7),
    "brand": (0.5, 0.7),
    "category": (0.5, 0.7),
    "person": (0.3, 0.7),
    "preference": (0.3, 0.3),
    "stretch": (0.1, 0.1),  # a fabric that gives fits wider a range of bodies
    "knowledge": (-0.5, 1.0),  # phi before the logistic
    "log_t_small": (-0.16, 0.05),
    "log_t_large": (-0.16, 0.05),
    "product_width": (0.0, 1.0),
    "person_width": (0.0, 1.0),
    "log_sigma": (-0.8, 0.5),
    # Letters are cut for wider bodies than numbers, and fit accordingly; 1: in full proportion.
    "step_power": (0.8, 0.3),
    "log_chart": (0.0, 0.7),  # variance of an estimated chart, in chart_sd^2
}
NAMES = tuple(_PRIORS)
HISTORY_WEIGHTS = ("product", "grading", "brand", "category", "person")
START: Floats = np.array([start for start, _ in _PRIORS.values()])
WIDTH: Floats = np.array([width for _, width in _PRIORS.values()])


@dataclass(frozen=True, slots=True)
class Given:
    """What rows tell, whatever the parameters: each field by row, `leans` by history and row."""

    position: Floats
    natural: Floats
    natural_sd: Floats
    step: Floats
    unnamed: Floats
    chart: Floats
    told: Floats
    orders: Floats
    positions: Floats
    elsewhere: Floats
    aside: Floats
    shift: Floats
    leans: Floats
    liking: Floats
    product_fits: Floats
    person_fits: Floats
    stretch: Floats

    @classmethod
    def of(cls, X: Floats) -> Given:
        """Read rows by `ORDINAL_COLUMNS`."""
        columns = np.ascontiguousarray(X.T)

        def column(name: str) -> Floats:
            found: Floats = columns[AT[name]]
            return found

        mean, sd = column("scale_mean"), column("scale_sd")
        child = column("child") > 0
        here, fair = column("person_scale.orders"), column("person_scale.fair_sum")
        # Choices and outcomes of the past are readings of the body, each with the choice's own
        # error. A child's size is that of its latest orders, and what it has grown since.
        orders = np.where(child, column("recent_orders"), here)
        grown = orders * known_or_nil(column("grown_position"))
        # On other scales the person's level among all shoppers is a weaker reading of the same
        # body.
        elsewhere = np.where(child, 0.0, np.maximum(column("person.orders") - here, 0.0))
        level = column("person.level_sum") - np.where(here > 0, (fair - here * mean) / sd, 0.0)
        product_side, size_side, *others = _differences(columns)
        step, chart = column("step"), known_or_nil(column("chart_sd"))
        return cls(
            position=column("position"),
            natural=column("natural"),
            natural_sd=column("natural_sd"),
            step=np.where(step > 0, step, 1.0),
            unnamed=column("wearer_unnamed"),
            chart=chart**2 / (1 + column("product.weight")),
            told=column("person_scale.told_small") - column("person_scale.told_large"),
            orders=orders,
            positions=np.where(child, grown, fair),
            elsewhere=elsewhere / (elsewhere + 1.0),
            aside=mean + sd * level / np.maximum(elsewhere, 1.0),
            shift=column("product.shift"),
            leans=np.array([product_side, size_side - product_side, *others]),
            liking=known_or_nil(column("fit_preference")),
            product_fits=1 - column("product.small") - column("product.large") - 0.75,
            person_fits=1 - column("person.small") - column("person.large") - 0.75,
            stretch=known_or_nil(column("stretch")),
        )


@dataclass(frozen=True, slots=True)
class Latent:
    """The latent distance of rows in its parts, and what the parts are made of."""

    position: Floats
    body: Floats
    variance: Floats
    offset: Floats
    known_offset: Floats
    t_small: Floats
    t_large: Floats
    sigma: Floats
    sigma_c2: Floats
    mistake: Floats
    wide: Floats
    product_noise: Floats
    chart_noise: Floats
    prior: Floats
    other: Floats
    seen: Floats
    reading: Floats
    known: float


def latent_of(theta: Sequence[float] | Floats, given: Given) -> Latent:
    """The latent distance of rows under parameters in the order of `NAMES`."""
    p = dict(zip(NAMES, theta, strict=True))
    wide = given.step ** p["step_power"]
    mistake = np.exp(2 * p["log_sigma_m"]) * wide**2
    noise = wide**2 * np.exp(2 * (p["log_sigma_a"] + p["unnamed_noise"] * given.unnamed))
    chart = np.exp(p["log_chart"]) * given.chart
    sigma_c2 = mistake + noise + chart
    prior = np.exp(p["log_prior_share"]) * given.natural_sd**2
    seen = given.positions + p["outcome_step"] * given.told
    other = given.elsewhere / (np.exp(p["log_other_scale"]) * prior)
    precision = 1 / prior + given.orders / sigma_c2 + other
    reading = (given.natural / prior + seen / sigma_c2 + other * given.aside) / precision
    weights = [p[name] for name in HISTORY_WEIGHTS]
    offset = wide * (np.array(weights) @ given.leans + p["preference"] * given.liking)
    known = 1 / (1 + np.exp(-p["knowledge"]))
    width = wide * np.exp(
        p["product_width"] * given.product_fits
        + p["person_width"] * given.person_fits
        + p["stretch"] * given.stretch
    )
    return Latent(
        position=given.position,
        body=reading + p["crowd"] * given.shift,
        variance=1 / precision,
        offset=offset,
        known_offset=known * offset,
        t_small=np.exp(p["log_t_small"]) * width,
        t_large=np.exp(p["log_t_large"]) * width,
        sigma=np.exp(p["log_sigma"]) * wide,
        sigma_c2=sigma_c2,
        mistake=mistake,
        wide=wide,
        product_noise=noise,
        chart_noise=chart,
        prior=prior,
        other=other,
        seen=seen,
        reading=reading,
        known=float(known),
    )


def known_or_nil(column: Floats) -> Floats:
    """The column with nil for what is not known; on few rows a tenth of ``nan_to_num``."""
    return np.where(np.isnan(column), 0.0, column)


def _differences(columns: Floats) -> Floats:
    """By how much histories lean to too small, in standard deviations of the latent."""
    z = ndtri(columns[_RATES])
    half = len(_RATES) // 2
    lean: Floats = 0.5 * (z[:half] - z[half:])
    return lean


def outcome_of(latent: Latent, *, seen: bool) -> Floats:
    """Rows by (small, fit, large): of the size that was chosen, or of one that was not."""
    mistake = latent.mistake
    if seen:
        share = mistake / (latent.variance + latent.sigma_c2)
        surprise = latent.position - latent.body - latent.known_offset
        distance = share * surprise + latent.known_offset - latent.offset
        variance = mistake * (1 - share)
    else:
        distance = latent.position - latent.body - latent.offset
        variance = latent.variance + latent.sigma_c2 - mistake
    spread = np.sqrt(latent.sigma**2 + variance)
    small = ndtr((-latent.t_small - distance) / spread)
    large = ndtr((distance - latent.t_large) / spread)
    return np.column_stack([small, np.maximum(1 - small - large, 1e-9), large])
