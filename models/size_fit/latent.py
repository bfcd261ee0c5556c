"""The latent distance of :mod:`models.size_fit.ordinal`: its columns, parameters and formulas."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

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
    "Law",
    "known_or_nil",
    "latent_of",
    "outcomes_of",
]

Floats = npt.NDArray[np.float64]

_LEANING = ("product", "product_size", "brand", "category", "person")
"""Histories by their shares of too small and of too large."""
_OPEN = ("chart_sd", "fit_preference", "stretch", "grown_position", "wearers.two")
"""Columns that count as nil where they are not known."""
ORDINAL_COLUMNS: tuple[str, ...] = (
    "position",
    "step",
    "natural",
    "natural_sd",
    "scale_mean",
    "scale_sd",
    "person_scale.orders",
    "person_scale.fair_sum",
    "person.orders",
    "person.level_sum",
    "recent_orders",
    "child",
    "wearer_unnamed",
    "person_scale.told_small",
    "person_scale.told_large",
    "product.shift",
    "product.weight",
    *_OPEN,
    *(f"{history}.small" for history in _LEANING),
    *(f"{history}.large" for history in _LEANING),
    "wearers.low",
    "wearers.high",
    "wearers.share",
)
"""The columns of the vector that the model reads, in order."""
AT = {name: i for i, name in enumerate(ORDINAL_COLUMNS)}
PLACED = [AT["position"], AT["natural"]]
"""Columns without which a line tells nothing."""
_OPEN_AT = slice(AT[_OPEN[0]], AT[_OPEN[-1]] + 1)
_SMALL_AT, _LARGE_AT = (
    slice(AT[f"{_LEANING[0]}.{end}"], AT[f"{_LEANING[-1]}.{end}"] + 1) for end in ("small", "large")
)

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


class Given(NamedTuple):
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

        chart, liking, stretch, grown, _ = known_or_nil(columns[_OPEN_AT])
        mean, sd = column("scale_mean"), column("scale_sd")
        child = column("child") > 0
        here, fair = column("person_scale.orders"), column("person_scale.fair_sum")
        # Choices and outcomes of the past are readings of the body, each with the choice's own
        # error. A child's size is that of its latest orders, and what it has grown since.
        orders = np.where(child, column("recent_orders"), here)
        # On other scales the person's level among all shoppers is a weaker reading of the same
        # body.
        elsewhere = np.where(child, 0.0, np.maximum(column("person.orders") - here, 0.0))
        level = column("person.level_sum") - np.where(here > 0, (fair - here * mean) / sd, 0.0)
        small, large = columns[_SMALL_AT], columns[_LARGE_AT]
        # By how much histories lean to too small, in standard deviations of the latent.
        leans = 0.5 * (ndtri(small) - ndtri(large))
        leans[1] -= leans[0]
        # Of the first and the last: product and person.
        product_fits, person_fits = 1 - small[::4] - large[::4] - 0.75
        step = column("step")
        return cls(
            position=column("position"),
            natural=column("natural"),
            natural_sd=column("natural_sd"),
            step=np.where(step > 0, step, 1.0),
            unnamed=column("wearer_unnamed"),
            chart=chart**2 / (1 + column("product.weight")),
            told=column("person_scale.told_small") - column("person_scale.told_large"),
            orders=orders,
            positions=np.where(child, orders * grown, fair),
            elsewhere=elsewhere / (elsewhere + 1.0),
            aside=mean + sd * level / np.maximum(elsewhere, 1.0),
            shift=column("product.shift"),
            leans=leans,
            liking=liking,
            product_fits=product_fits,
            person_fits=person_fits,
            stretch=stretch,
        )


class Law(NamedTuple):
    """The parameters as the formulas have them: those that were learned as logarithms raised."""

    prior_share: float
    log_sigma_a: float
    unnamed_noise: float
    mistake: float
    outcome_step: float
    other_scale: float
    crowd: float
    weights: Floats
    preference: float
    stretch: float
    known: float
    t_small: float
    t_large: float
    product_width: float
    person_width: float
    sigma: float
    step_power: float
    chart: float

    @classmethod
    def of(cls, theta: Iterable[float]) -> Law:
        """Of parameters in the order of `NAMES`."""
        p = {name: float(value) for name, value in zip(NAMES, theta, strict=True)}
        return cls(
            prior_share=_exp(p["log_prior_share"]),
            log_sigma_a=p["log_sigma_a"],
            unnamed_noise=p["unnamed_noise"],
            mistake=_exp(2 * p["log_sigma_m"]),
            outcome_step=p["outcome_step"],
            other_scale=_exp(p["log_other_scale"]),
            crowd=p["crowd"],
            weights=np.array([p[name] for name in HISTORY_WEIGHTS]),
            preference=p["preference"],
            stretch=p["stretch"],
            known=1 / (1 + _exp(-p["knowledge"])),
            t_small=_exp(p["log_t_small"]),
            t_large=_exp(p["log_t_large"]),
            product_width=p["product_width"],
            person_width=p["person_width"],
            sigma=_exp(p["log_sigma"]),
            step_power=p["step_power"],
            chart=_exp(p["log_chart"]),
        )


class Latent(NamedTuple):
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


def latent_of(law: Law, given: Given) -> Latent:
    """The latent distance of rows."""
    wide = given.step**law.step_power
    square = wide**2
    mistake = law.mistake * square
    noise = square * np.exp(2 * (law.log_sigma_a + law.unnamed_noise * given.unnamed))
    chart = law.chart * given.chart
    sigma_c2 = mistake + noise + chart
    prior = law.prior_share * given.natural_sd**2
    seen = given.positions + law.outcome_step * given.told
    other = given.elsewhere / (law.other_scale * prior)
    precision = 1 / prior + given.orders / sigma_c2 + other
    reading = (given.natural / prior + seen / sigma_c2 + other * given.aside) / precision
    offset = wide * (law.weights @ given.leans + law.preference * given.liking)
    width = wide * np.exp(
        law.product_width * given.product_fits
        + law.person_width * given.person_fits
        + law.stretch * given.stretch
    )
    return Latent(
        position=given.position,
        body=reading + law.crowd * given.shift,
        variance=1 / precision,
        offset=offset,
        known_offset=law.known * offset,
        t_small=law.t_small * width,
        t_large=law.t_large * width,
        sigma=law.sigma * wide,
        sigma_c2=sigma_c2,
        mistake=mistake,
        wide=wide,
        product_noise=noise,
        chart_noise=chart,
        prior=prior,
        other=other,
        seen=seen,
        reading=reading,
        known=law.known,
    )


def _exp(power: float) -> float:
    # As arrays have it: the library's differs in the last place.
    return float(np.exp(power))


def known_or_nil(column: Floats) -> Floats:
    """The column with nil for what is not known; on few rows a tenth of ``nan_to_num``."""
    return np.where(np.isnan(column), 0.0, column)


def outcomes_of(latent: Latent) -> tuple[Floats, Floats, Floats]:
    """What comes of rows, and how likely each is chosen.

    Returns
    -------
    would, chosen
        Rows by (small, fit, large): of a size that is given, and of one that was chosen.
    taste
        Log density of the choice, up to a constant.
    """
    mistake, offset = latent.mistake, latent.offset
    total = latent.variance + latent.sigma_c2
    away = latent.position - latent.body
    surprise = away - latent.known_offset
    share = mistake / total
    # Given first, chosen second.
    distance, variance = np.empty((2, *away.shape)), np.empty((2, *away.shape))
    distance[0], variance[0] = away - offset, total - mistake
    distance[1] = share * surprise + latent.known_offset - offset
    variance[1] = mistake * (1 - share)
    spread = np.sqrt(latent.sigma**2 + variance)
    outcomes = np.empty((*distance.shape, 3))
    outcomes[..., 0] = small = ndtr((-latent.t_small - distance) / spread)
    outcomes[..., 2] = large = ndtr((distance - latent.t_large) / spread)
    outcomes[..., 1] = np.maximum(1 - small - large, 1e-9)
    return outcomes[0], outcomes[1], -0.5 * surprise**2 / total
