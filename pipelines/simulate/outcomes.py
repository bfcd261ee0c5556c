"""What becomes of a line: delivery, fit, and what the wearer says about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from data_contracts.tables import FEEDBACK_SOURCE, RETURN_REASON
from pipelines.simulate.assumptions import BoolArray, FloatArray, IntArray, ShopAssumptions
from pipelines.simulate.catalogue import Catalogue
from pipelines.simulate.categories import CATEGORIES, STRETCH
from pipelines.simulate.markets import MARKETS
from pipelines.simulate.orders import Lines
from pipelines.simulate.shoppers import Shoppers

ONE_SIZE_TOLERANCE = 2.2


@dataclass(frozen=True)
class Deliveries:
    """Days since the start of the shop (n,); NaN where a parcel never came."""

    shipped: FloatArray
    promised: FloatArray
    delivered: FloatArray


@dataclass(frozen=True)
class Fits:
    """True fit.

    Attributes
    ----------
    line, rank : int arrays (s,)
        One row per line and size of the ordered product.
    small, fit, large : float arrays (s,)
        Probability under do(size), residual noise integrated out.
    chosen : int array (n,)
        Row of the ordered size.
    best : int array (n,)
        Row of the size with the highest `fit`.
    latent : float array (n,)
        Realised mismatch of the ordered size in steps, positive for large.
    outcome : int array (n,)
        -1 small, 0 fit, 1 large.
    """

    line: IntArray
    rank: IntArray
    small: FloatArray
    fit: FloatArray
    large: FloatArray
    chosen: IntArray
    best: IntArray
    latent: FloatArray
    outcome: IntArray


def deliver(rng: np.random.Generator, shoppers: Shoppers, lines: Lines) -> Deliveries:
    """Ship every order as one parcel.

    Parameters
    ----------
    rng : numpy.random.Generator
    shoppers : Shoppers
    lines : Lines

    Returns
    -------
    Deliveries
    """
    orders = int(lines.order.max()) + 1
    first = np.unique(lines.order, return_index=True)[1]
    market = shoppers.market[lines.customer[first]]
    day = lines.day[first]
    median = np.array([m.transit_days for m in MARKETS])[market]
    spread = np.array([m.delay for m in MARKETS])[market]
    # Warehouses fall behind before the holidays.
    rush = np.exp(-0.5 * (((day % 365.25) - 335.0) / 12.0) ** 2)
    shipped = day + 0.2 + rng.gamma(2.0, 0.35, orders) * (1.0 + 1.5 * rush)
    transit = median * np.exp(spread * rng.standard_normal(orders)) * (1.0 + 0.4 * rush)
    stuck = rng.random(orders) < 0.02
    transit += np.where(stuck, rng.gamma(2.0, 5.0, orders), 0.0)
    promised = np.ceil(day + 1.0 + 1.7 * median)
    delivered = np.where(rng.random(orders) < 0.004, np.nan, shipped + transit)
    return Deliveries(shipped[lines.order], promised[lines.order], delivered[lines.order])


def true_fits(
    rng: np.random.Generator,
    catalogue: Catalogue,
    shoppers: Shoppers,
    lines: Lines,
    rank: IntArray,
    assumptions: ShopAssumptions,
) -> Fits:
    """How every size of the ordered product would fit the true wearer, and how the chosen did.

    Parameters
    ----------
    rng : numpy.random.Generator
    catalogue : Catalogue
    shoppers : Shoppers
    lines : Lines
    rank : int array (n,)
        Chosen size.
    assumptions : ShopAssumptions

    Returns
    -------
    Fits
    """
    n = rank.size
    count = catalogue.count[lines.product]
    start = np.concatenate([[0], np.cumsum(count)[:-1]])
    line = np.repeat(np.arange(n), count)
    of_rank = np.arange(line.size) - start[line]
    cut = catalogue.position[catalogue.start[lines.product][line] + of_rank]
    wished = lines.body_position + shoppers.ease[lines.wearer]
    one_size = count == 1
    mismatch = np.where(one_size[line], 0.0, cut - wished[line])
    band = np.array([c.tolerance for c in CATEGORIES])[catalogue.category[lines.product]]
    give = np.array([STRETCH.get(m, 1.0) for m in catalogue.material]) ** assumptions.stretch
    band = band * give[lines.product]
    band = np.where(one_size, ONE_SIZE_TOLERANCE * assumptions.residual_noise, band)
    band = band * assumptions.tolerance
    small = norm.cdf((-band[line] - mismatch) / assumptions.residual_noise)
    large = norm.sf((band[line] - mismatch) / assumptions.residual_noise)
    fit = np.maximum(1.0 - small - large, 0.0)
    chosen = start + rank
    order = np.lexsort((of_rank, -fit, line))
    best = order[start]
    # Garments of one want are tried on by the same body on the same day.
    wants, want = np.unique(lines.want, return_inverse=True)
    noise = assumptions.residual_noise * rng.standard_normal(wants.size)[want]
    latent = mismatch[chosen] + noise
    outcome = np.where(latent < -band, -1, np.where(latent > band, 1, 0))
    return Fits(line, of_rank, small, fit, large, chosen, best, latent, outcome)


@dataclass(frozen=True)
class Feedback:
    """Told fit, one row per line and source (f,)."""

    line: IntArray
    source: IntArray
    day: FloatArray
    outcome: IntArray


def draw_feedback(
    rng: np.random.Generator,
    fits: Fits,
    deliveries: Deliveries,
    *,
    reason: IntArray,
    requested: FloatArray,
    honest: BoolArray,
    assumptions: ShopAssumptions,
) -> Feedback:
    """Who tells how it fitted, when, and with what mistakes.

    Parameters
    ----------
    rng : numpy.random.Generator
    fits : Fits
    deliveries : Deliveries
    reason : int array (n,)
        Index into the contract's return reasons, -1 where nothing came back.
    requested : float array (n,)
        Day of the claim, NaN where there is none.
    honest : bool array (n,)
        False where the claim is abuse.
    assumptions : ShopAssumptions

    Returns
    -------
    Feedback
    """
    n = reason.size
    came = ~np.isnan(deliveries.delivered)
    misfit = fits.outcome != 0
    small, large = RETURN_REASON.index("too_small"), RETURN_REASON.index("too_large")
    by_size = (reason == small) | (reason == large)
    chance = (
        np.where(misfit, 0.26, 0.17),
        np.where(misfit, 0.13, 0.10),
        np.where(by_size, 0.80, np.where((reason >= 0) & honest, 0.10, 0.0)),
    )
    delay = (2.0 + rng.gamma(1.6, 4.0, n), 14.0 + rng.gamma(2.0, 2.0, n), np.zeros(n))
    rows = []
    for source, _ in enumerate(FEEDBACK_SOURCE):
        told = came & (rng.random(n) < np.minimum(chance[source] * assumptions.feedback_share, 1.0))
        when = np.where(source == 2, requested, deliveries.delivered + delay[source])
        said = np.where(rng.random(n) < 0.03, fits.outcome + rng.choice([-1, 1], n), fits.outcome)
        said = np.clip(said, -1, 1)
        if source == 2:
            said = np.where(by_size, np.where(reason == small, -1, 1), said)
        index = np.flatnonzero(told & ~np.isnan(when))
        rows.append((index, np.full(index.size, source), when[index], said[index]))
    line, of, day, outcome = (np.concatenate(x) for x in zip(*rows, strict=True))
    return Feedback(line, of, day, outcome)


def faults(
    catalogue: Catalogue, lines: Lines, colour: IntArray
) -> tuple[BoolArray, FloatArray, BoolArray]:
    """Faults a line suffers from: misleading colour, wrong description (0 to 1), defective lot."""
    p = lines.product
    misled = catalogue.misleading_colour[p] != None  # noqa: E711 - elementwise on objects
    return (
        misled & (colour == 0),
        catalogue.wrongly_described[p],
        lines.day >= catalogue.defect_from_day[p],
    )
