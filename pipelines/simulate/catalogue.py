"""Brands and products: charts the public sees, and the true cut that it does not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.simulate.assumptions import (
    BoolArray,
    FloatArray,
    IntArray,
    ShopAssumptions,
    TextArray,
)
from pipelines.simulate.categories import CATEGORIES, Category
from pipelines.simulate.ladders import DIMENSIONS, Ladder, asian, ladders

CHARTS = ("full", "partial", "none")
COLOURS = (
    "black", "white", "navy", "grey", "beige", "red", "blue", "green", "pink", "rust", "mint",
    "cream",
)  # fmt: skip


_AUDIENCE_SHARE = {
    "women": 0.40, "men": 0.22, "unisex": 0.06, "girls": 0.10, "boys": 0.10, "baby": 0.12,
}  # fmt: skip
_BRAND_HOMES = (
    ("DE", 0.25), ("US", 0.18), ("IT", 0.12), ("GB", 0.12), ("FR", 0.10), ("CN", 0.15),
    ("JP", 0.08), ("KR", 0.05), ("AU", 0.03),
)  # fmt: skip


@dataclass(frozen=True)
class Catalogue:
    """Products as parallel arrays; sizes of all products laid end to end.

    Attributes
    ----------
    product_id, brand, label : text arrays
    audience, category, ladder, brand_no : int arrays (p,)
        Indices into `AUDIENCES`, `CATEGORIES`, `all_ladders` and the brands.
    low, count, start : int arrays (p,)
        First ladder step sold, number of sizes, place of the first size in the flat arrays.
    asian : bool array (p,)
        Letters are cut for smaller bodies, as the chart says.
    chart_shift : float array (p,)
        The brand's chart minus that of its size system, in size steps.
    brand_offset, product_offset : float arrays (p,)
        True cut minus the chart, in size steps; negative runs small.
    position : float array (s,)
        Body position, in steps of the brand's chart, a size truly fits best.
    """

    product_id: TextArray
    brand: TextArray
    brand_no: IntArray
    audience: IntArray
    category: IntArray
    ladder: IntArray
    all_ladders: tuple[Ladder, ...]
    asian: BoolArray
    low: IntArray
    count: IntArray
    start: IntArray
    chart_shift: FloatArray
    brand_offset: FloatArray
    product_offset: FloatArray
    kink_rank: IntArray
    kink: FloatArray
    chart: IntArray
    price: FloatArray
    grams: FloatArray
    popularity: FloatArray
    launched_day: FloatArray
    colours: TextArray
    misleading_colour: TextArray
    wrongly_described: FloatArray
    defect_from_day: FloatArray
    material: TextArray
    label: TextArray
    position: FloatArray

    def body_position(self, product: IntArray, body: FloatArray) -> FloatArray:
        """Where a body stands on the ladder of a product.

        Parameters
        ----------
        product : int array (m,)
        body : float array (m, 6)
            Measurements in the order of `DIMENSIONS`.

        Returns
        -------
        float array (m,)
            In size steps of the brand's own chart; the middle of the ladder for goods of one size.
        """
        weights, first, step = self._anchors()
        position = (weights[product] * (body - first[product]) / step[product]).sum(axis=1)
        one_size = weights.sum(axis=1)[product] == 0
        return np.where(one_size, 0.0, position - self.chart_shift[product])

    def _anchors(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        n = len(self.all_ladders)
        first, step = np.zeros((n, len(DIMENSIONS))), np.ones((n, len(DIMENSIONS)))
        for i, ladder in enumerate(self.all_ladders):
            for d, (a, s) in ladder.centres.items():
                first[i, DIMENSIONS.index(d)], step[i, DIMENSIONS.index(d)] = a, s
        binding = np.array([[c.binding.get(d, 0.0) for d in DIMENSIONS] for c in CATEGORIES])
        return binding[self.category], first[self.ladder], step[self.ladder]


AUDIENCES = tuple(_AUDIENCE_SHARE)


def _fits(category: Category, audience: str, ladder: Ladder) -> bool:
    return (
        ladder.audience == audience
        and ladder.garment == category.garment
        and (not category.systems or ladder.system in category.systems)
    )


def _assortment(known: tuple[Ladder, ...]) -> tuple[IntArray, FloatArray]:
    """All (audience, category, ladder) that go together, and how common each is."""
    triples, weights = [], []
    for a, audience in enumerate(AUDIENCES):
        for c, category in enumerate(CATEGORIES):
            if audience not in category.audiences:
                continue
            usable = [i for i, x in enumerate(known) if _fits(category, audience, x)]
            total = sum(known[i].weight for i in usable)
            for i in usable:
                triples.append((a, c, i))
                weights.append(category.share * known[i].weight / total)
    found = np.array(triples, dtype=np.int64).reshape(-1, 3)
    weight = np.array(weights)
    for a, audience in enumerate(AUDIENCES):
        mine = found[:, 0] == a
        if mine.any():
            weight[mine] *= _AUDIENCE_SHARE[audience] / weight[mine].sum()
    return found, weight / weight.sum()


def draw_catalogue(
    rng: np.random.Generator,
    chart_rng: np.random.Generator,
    *,
    products: int,
    assumptions: ShopAssumptions,
) -> Catalogue:
    """Draw brands, products and sizes.

    Parameters
    ----------
    rng, chart_rng : numpy.random.Generator
    products : int
    assumptions : ShopAssumptions

    Returns
    -------
    Catalogue

    Raises
    ------
    ValueError
        When the chosen size systems size no category.
    """
    western = ladders(assumptions.size_systems)
    known = western + tuple(asian(x) for x in western)
    triples, weight = _assortment(western)
    if not len(triples):
        raise ValueError(f"size_systems {assumptions.size_systems} size no category of the shop")
    # Every kind of goods has at least one product before the rest is drawn at random.
    first = np.unique(triples[:, 0], return_index=True)[1]
    picked = np.concatenate([first, rng.choice(len(triples), products - first.size, p=weight)])
    audience, category, ladder = triples[picked].T
    days = assumptions.days

    brands = int(np.clip(np.sqrt(products) * 1.2, 6, 90))
    homes, shares = zip(*_BRAND_HOMES, strict=True)
    home = rng.choice(np.array(homes), brands, p=np.array(shares) / sum(shares))
    brand_cut = rng.normal(0.0, assumptions.brand_offset_sd, brands)
    brand_price = np.exp(rng.normal(0.0, 0.35, brands))
    brand_share = rng.dirichlet(np.full(brands, 2.0))
    brand_no = rng.choice(brands, products, p=brand_share)
    # Asian brands write western sizes as everybody does; only letters differ.
    letters = np.array([x.system == "ALPHA" for x in western])[ladder]
    is_asian = letters & np.isin(home[brand_no], ("CN", "JP", "KR"))
    ladder = ladder + np.where(is_asian, len(western), 0)

    length = np.array([len(x.labels) for x in known])[ladder]
    count = np.minimum(length, np.clip(rng.integers(5, 11, products), 4, 10))
    spare = length - count
    low = np.where(
        length > 10,
        rng.integers(0, spare + 1),
        np.minimum(spare, rng.binomial(1, 0.4, products) * (spare > 0)),
    ).astype(np.int64)
    start = np.concatenate([[0], np.cumsum(count)[:-1]])

    offset = rng.normal(0.0, assumptions.product_offset_sd, products)
    far = rng.random(products) < assumptions.far_off_share
    offset += (
        far * rng.choice([-1.0, 1.0], products, p=[0.65, 0.35]) * rng.uniform(0.8, 1.6, products)
    )
    kinked = (rng.random(products) < assumptions.kink_share) & (count > 2)
    kink_rank = np.where(kinked, 1 + (rng.random(products) * (count - 2)).astype(np.int64), -1)
    kink = np.where(kinked, rng.choice([-0.7, 0.7], products), 0.0)
    one_size = length == 1
    strays = chart_rng.normal(0.0, assumptions.chart_shift_sd, brands)
    shift = np.where(one_size, 0.0, strays[brand_no])
    cut = np.where(one_size, 0.0, brand_cut[brand_no])
    offset = np.where(one_size, 0.0, offset)

    owner = np.repeat(np.arange(products), count)
    rank = np.arange(owner.size) - start[owner]
    labels = np.array([x.labels[i] for x, i in _labels(known, ladder, low, owner, rank)], object)
    position = low[owner] + rank + (cut + offset)[owner]
    position += np.where(rank == kink_rank[owner], kink[owner], 0.0)

    none, partial = assumptions.chart_none_share, assumptions.chart_partial_share
    chart = rng.choice(3, products, p=[1.0 - none - partial, partial, none])
    base_price = np.array([c.price for c in CATEGORIES])[category]
    price = base_price * brand_price[brand_no] * np.exp(rng.normal(0.0, 0.25, products))
    grams = np.array([c.grams for c in CATEGORIES])[category] * np.exp(
        rng.normal(0.0, 0.15, products)
    )
    launched = np.where(
        rng.random(products) < 0.4,
        rng.uniform(-700.0, 0.0, products),
        rng.uniform(0.0, days * 0.985, products),
    )
    launched[: first.size] = -365.0
    colours = np.empty(products, dtype=object)
    misleading = np.full(products, None, dtype=object)
    misled = rng.random(products) < 0.06
    for i, n in enumerate(rng.integers(1, 6, products)):
        colours[i] = [str(x) for x in rng.choice(COLOURS, n, replace=False)]
        if misled[i]:
            misleading[i] = colours[i][0]
    defect = np.where(rng.random(products) < 0.025, rng.uniform(0.3, 0.95, products) * days, np.inf)
    described = np.where(rng.random(products) < 0.05, rng.uniform(0.08, 0.30, products), 0.0)
    stuff = [CATEGORIES[c].material for c in category]
    material = np.array(
        [m[int(u * len(m))] for m, u in zip(stuff, rng.random(products), strict=True)], object
    )
    return Catalogue(
        product_id=np.array([f"P{i:06d}" for i in range(1, products + 1)], object),
        brand=np.array([f"{home[b]}-brand-{b + 1:02d}" for b in brand_no], object),
        brand_no=brand_no.astype(np.int64),
        audience=audience,
        category=category,
        ladder=ladder,
        all_ladders=known,
        asian=is_asian,
        low=low,
        count=count.astype(np.int64),
        start=start.astype(np.int64),
        chart_shift=shift,
        brand_offset=cut,
        product_offset=offset,
        kink_rank=kink_rank,
        kink=kink,
        chart=chart.astype(np.int64),
        price=np.round(np.maximum(price, 4.0), 2),
        grams=grams,
        popularity=np.exp(rng.normal(0.0, 0.9, products)),
        launched_day=launched,
        colours=colours,
        misleading_colour=misleading,
        wrongly_described=described,
        defect_from_day=defect,
        material=material,
        label=labels,
        position=position,
    )


def _labels(
    known: tuple[Ladder, ...], ladder: IntArray, low: IntArray, owner: IntArray, rank: IntArray
) -> list[tuple[Ladder, int]]:
    return [
        (known[ladder[p]], int(low[p] + r))
        for p, r in zip(owner.tolist(), rank.tolist(), strict=True)
    ]


def charts(catalogue: Catalogue, rng: np.random.Generator) -> dict[str, FloatArray]:
    """Published body intervals of every size.

    Parameters
    ----------
    catalogue : Catalogue
    rng : numpy.random.Generator
        Decides what the incomplete charts leave out.

    Returns
    -------
    dict of str to float array (s,)
        ``<dimension>_min`` and ``<dimension>_max`` of every dimension; NaN where unpublished.
    """
    owner = np.repeat(np.arange(catalogue.count.size), catalogue.count)
    rank = np.arange(owner.size) - catalogue.start[owner]
    step_no = catalogue.low[owner] + rank + catalogue.chart_shift[owner]
    published = catalogue.chart[owner] != CHARTS.index("none")
    partial = catalogue.chart[owner] == CHARTS.index("partial")
    out: dict[str, FloatArray] = {}
    for d in DIMENSIONS:
        anchor = np.array(
            [x.centres.get(d, (np.nan, np.nan)) for x in catalogue.all_ladders], dtype=float
        )[catalogue.ladder[owner]]
        # An incomplete chart misses whole dimensions of a product and single rows.
        lacks = rng.random(catalogue.count.size)[owner] < 0.4
        shown = published & ~(partial & (lacks | (rng.random(owner.size) < 0.25)))
        centre = np.where(shown, anchor[:, 0] + step_no * anchor[:, 1], np.nan)
        out[f"{d}_min"] = np.round(centre - anchor[:, 1] / 2, 1)
        out[f"{d}_max"] = np.round(centre + anchor[:, 1] / 2, 1)
    return out
