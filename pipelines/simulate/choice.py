"""Which size a shopper picks: private knowledge, labels, charts and own experience.

The shopper knows the own body better than any table does, so the choice is informative about the
body and the observed fit is not that of a random size.
"""

from __future__ import annotations

import numpy as np

from pipelines.simulate.assumptions import FloatArray, IntArray, ShopAssumptions
from pipelines.simulate.catalogue import CHARTS, Catalogue
from pipelines.simulate.ladders import ASIAN_ALPHA_STEPS
from pipelines.simulate.markets import MARKETS
from pipelines.simulate.orders import OTHER_SIZE, Lines, earlier
from pipelines.simulate.shoppers import Shoppers

_READ, _HOME, _FOREIGN = 0.15, 0.20, 0.40


def choose_sizes(
    rng: np.random.Generator,
    catalogue: Catalogue,
    shoppers: Shoppers,
    lines: Lines,
    assumptions: ShopAssumptions,
) -> IntArray:
    """Rank of the chosen size within its product.

    Parameters
    ----------
    rng : numpy.random.Generator
    catalogue : Catalogue
    shoppers : Shoppers
    lines : Lines
    assumptions : ShopAssumptions

    Returns
    -------
    int array (n,)
        From 0, smallest first.
    """
    p, n = lines.product, lines.day.size
    market = shoppers.market[lines.customer]
    chart = catalogue.chart[p]
    legible = (chart == CHARTS.index("full")) | (
        (chart == CHARTS.index("partial")) & (rng.random(n) < 0.6)
    )
    reads = shoppers.reads_charts[lines.customer] & legible
    systems = sorted({x.system for x in catalogue.all_ladders})
    speaks = np.array([[s in m.systems for s in systems] for m in MARKETS])
    system = np.array([systems.index(x.system) for x in catalogue.all_ladders])
    at_home = speaks[market, system[catalogue.ladder[p]]]

    spread = np.where(reads, _READ, np.where(at_home, _HOME, _FOREIGN))
    error = shoppers.knows_self[lines.wearer]
    error = error + assumptions.choice_noise * spread * rng.standard_normal(n)
    # Who reads no chart takes a label for what it usually means, if not quite.
    error = error + np.where(reads, 0.0, 0.6 * catalogue.chart_shift[p])
    error = error + np.where(reads, 0.0, _letters(catalogue, market, p))

    believed = _experience(rng, catalogue, lines)
    target = lines.body_position + shoppers.ease[lines.wearer] + error - believed
    wished = target - catalogue.low[p]
    # All lines of one want start from the thought of its first line.
    _, first, want = np.unique(lines.want, return_index=True, return_inverse=True)
    base = wished[first][want]
    top = catalogue.count[p] - 1
    rank = np.clip(np.rint(base), 0, top)
    towards = np.where(base >= rank, 1.0, -1.0)
    towards = np.where((rank + towards > top) | (rank + towards < 0), -towards, towards)
    step = np.where(lines.nth % 2 == 1, towards, -towards) * ((lines.nth + 1) // 2)
    rank += np.where(lines.extra == OTHER_SIZE, step, 0.0)
    chosen: IntArray = np.clip(rank, 0, top).astype(np.int64)
    return chosen


def _letters(catalogue: Catalogue, market: IntArray, product: IntArray) -> FloatArray:
    """Error from reading letters as they are meant at home, where no chart is read."""
    eastern = np.isin(market, [i for i, m in enumerate(MARKETS) if m.code in ("CN", "JP", "KR")])
    letters = np.array([x.system == "ALPHA" for x in catalogue.all_ladders])
    is_alpha = letters[catalogue.ladder[product]]
    is_asian = catalogue.asian[product]
    too_low = is_alpha & is_asian & ~eastern
    too_high = is_alpha & ~is_asian & eastern
    out: FloatArray = ASIAN_ALPHA_STEPS * (0.45 * too_high - 0.55 * too_low)
    return out


def _experience(rng: np.random.Generator, catalogue: Catalogue, lines: Lines) -> FloatArray:
    """Belief about how far the cut is off, learnt from own orders and from others' reviews."""
    p = lines.product
    brand, own = catalogue.brand_offset[p], catalogue.product_offset[p]
    brands = int(catalogue.brand_no.max()) + 1
    of_brand = earlier(lines.wearer * brands + catalogue.brand_no[p], lines.day)
    of_product = earlier(lines.wearer * catalogue.brand.size + p, lines.day)
    sold = earlier(p, lines.day)
    knows_brand = of_brand / (of_brand + 2.5)
    knows_product = np.maximum(0.30 * sold / (sold + 60.0), of_product / (of_product + 0.7))
    knows_brand = np.maximum(knows_brand, of_product / (of_product + 0.7))
    # What is learnt from few garments is noisy.
    noise = rng.standard_normal(p.size) * 0.30 * knows_brand / np.sqrt(of_brand + 1.0)
    out: FloatArray = knows_brand * brand + knows_product * own + noise
    return out
