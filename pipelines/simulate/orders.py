"""Who orders what, for whom and when."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipelines.simulate.abuse import BRACKETING, FARMING
from pipelines.simulate.assumptions import BoolArray, FloatArray, IntArray, ShopAssumptions
from pipelines.simulate.catalogue import AUDIENCES, Catalogue
from pipelines.simulate.shoppers import Shoppers

BASE, OTHER_SIZE, OTHER_COLOUR = 0, 1, 2
_LOYAL, _NEW_ONLY, _NEW_DAYS = 0.40, 0.25, 150.0
BABY_AGE = 2.2
# Whom a shopper turns to where the shop sells nothing for the audience itself.
_FALLBACK = {
    "women": ("unisex", "men"),
    "men": ("unisex", "women"),
    "unisex": ("women", "men"),
    "girls": ("boys", "baby"),
    "boys": ("girls", "baby"),
    "baby": ("girls", "boys"),
}


@dataclass(frozen=True)
class Lines:
    """Order lines as parallel arrays (n,), sorted by time.

    Attributes
    ----------
    order, customer, wearer, product : int arrays
        `order` counts from 0 in order of time.
    day : float array
        When it was ordered, days since the start of the shop.
    want : int array
        One wish; lines of one want differ in size or colour only.
    extra : int array
        `BASE`, `OTHER_SIZE` or `OTHER_COLOUR`.
    nth : int array
        0 for the base line, then 1, 2, ... within the want.
    body_position : float array
        The wearer's true position on the product's ladder, taste not yet counted.
    """

    order: IntArray
    customer: IntArray
    wearer: IntArray
    product: IntArray
    day: FloatArray
    want: IntArray
    extra: IntArray
    nth: IntArray
    body_position: FloatArray


def earlier(key: IntArray, day: FloatArray) -> IntArray:
    """How many rows of the same key lie strictly before each row.

    Parameters
    ----------
    key : int array (n,)
    day : float array (n,)

    Returns
    -------
    int array (n,)
    """
    place = np.lexsort((day, key))
    k, d = key[place], day[place]
    index = np.arange(k.size)
    new_key = np.r_[True, k[1:] != k[:-1]]
    new_day = new_key | np.r_[True, d[1:] != d[:-1]]
    before = np.maximum.accumulate(np.where(new_day, index, 0))
    before -= np.maximum.accumulate(np.where(new_key, index, 0))
    out = np.empty(k.size, dtype=np.int64)
    out[place] = before
    return out


class _Shelf:
    """Draws products by popularity among those launched, within groups."""

    def __init__(self, group: IntArray, catalogue: Catalogue) -> None:
        self.place = np.lexsort((catalogue.launched_day, group))
        self.group = group[self.place]
        self.launched = catalogue.launched_day[self.place]
        self.cumulated = np.r_[0.0, np.cumsum(catalogue.popularity[self.place])]
        self.groups, first = np.unique(self.group, return_index=True)
        self.first = dict(zip(self.groups.tolist(), first.tolist(), strict=True))
        # One sorted number per product stands for (group, launch day).
        self.span = 100_000.0
        self.code = self.group * self.span + self.launched

    def draw(
        self, rng: np.random.Generator, group: IntArray, since: FloatArray, until: FloatArray
    ) -> IntArray:
        """Product of each row, -1 where the group has none launched in ``(since, until]``."""
        low = np.searchsorted(self.code, group * self.span + np.maximum(since, -9e3), side="right")
        high = np.searchsorted(self.code, group * self.span + until, side="right")
        a, b = self.cumulated[low], self.cumulated[np.maximum(high, low)]
        at = np.searchsorted(self.cumulated, a + rng.random(group.size) * (b - a), side="right") - 1
        at = np.clip(at, low, np.maximum(high - 1, low))
        return np.where(high > low, self.place[np.minimum(at, self.place.size - 1)], -1)


def _order_days(
    rng: np.random.Generator, registered: FloatArray, days: float
) -> tuple[FloatArray, FloatArray]:
    """Season-weighted time between registration and the end, and the share of season left."""
    grid = np.linspace(0.0, days, int(days) + 1)
    phase = 2 * np.pi * (grid % 365.25) / 365.25
    year_end = np.exp(-0.5 * (((grid % 365.25) - 330.0) / 12.0) ** 2)
    intensity = 1.0 + 0.15 * np.sin(2 * phase) - 0.1 * np.cos(phase) + 0.9 * year_end
    intensity *= 1.0 + 0.4 * grid / days
    cumulated = np.r_[0.0, np.cumsum((intensity[1:] + intensity[:-1]) / 2)]
    cumulated /= cumulated[-1]
    begin = np.interp(np.maximum(registered, 0.0), grid, cumulated)
    u = begin + (1.0 - begin) * rng.random(registered.size)
    return np.interp(u, cumulated, grid), 1.0 - begin


def draw_lines(
    rng: np.random.Generator,
    catalogue: Catalogue,
    shoppers: Shoppers,
    abuse_kind: IntArray,
    *,
    lines: int,
    assumptions: ShopAssumptions,
) -> Lines:
    """Draw exactly `lines` order lines.

    Parameters
    ----------
    rng : numpy.random.Generator
    catalogue : Catalogue
    shoppers : Shoppers
    abuse_kind : int array (c,)
    lines : int
    assumptions : ShopAssumptions

    Returns
    -------
    Lines
    """
    days = assumptions.days
    _, left = _order_days(rng, shoppers.registered_day, days)
    weight = shoppers.activity * left
    # As many orders as lines is always enough: an order has at least one line.
    customer = rng.choice(weight.size, lines, p=weight / weight.sum())
    wants = np.minimum(rng.geometric(0.58, lines), 8)
    order = np.repeat(np.arange(lines), wants)
    kind = abuse_kind[customer[order]]

    u = rng.random(order.size)
    extras = (u < assumptions.bracket_share).astype(np.int64)
    extras = np.where(kind == BRACKETING, np.where(u < 0.3, 2, 0), extras)
    extras = np.where(kind == FARMING, 0, extras)
    is_colour = (rng.random(order.size) < 0.25) & (kind != BRACKETING)
    want = np.repeat(np.arange(order.size), 1 + extras)[:lines]
    nth = np.arange(lines) - np.searchsorted(want, want, side="left")
    extra = np.where(nth == 0, BASE, np.where(is_colour[want], OTHER_COLOUR, OTHER_SIZE))

    # From here on only what is needed: wants are drawn once and copied to their lines.
    used = int(want[-1]) + 1
    order = order[:used]
    orders = int(order[-1]) + 1
    customer = customer[:orders]
    day, _ = _order_days(rng, shoppers.registered_day[customer], days)
    day = np.round(day * 86_400.0) / 86_400.0
    who, when = customer[order], day[order]
    wearer = _wearers(rng, shoppers, who, when, sold=_sold(catalogue))
    product, position = _products(rng, catalogue, shoppers, who, wearer, when)

    in_time = np.lexsort((np.arange(orders), day))
    number = np.empty(orders, dtype=np.int64)
    number[in_time] = np.arange(orders)
    line_order = number[order[want]]
    sort = np.lexsort((np.arange(lines), line_order))
    want_of, extra_of, nth_of = want[sort], extra[sort], nth[sort]
    return Lines(
        order=line_order[sort],
        customer=who[want_of],
        wearer=wearer[want_of],
        product=product[want_of],
        day=when[want_of],
        want=want_of,
        extra=extra_of,
        nth=nth_of,
        body_position=position[want_of],
    )


def _sold(catalogue: Catalogue) -> set[str]:
    return {AUDIENCES[a] for a in catalogue.audience.tolist()}


def _wearers(
    rng: np.random.Generator,
    shoppers: Shoppers,
    who: IntArray,
    when: FloatArray,
    *,
    sold: set[str],
) -> IntArray:
    of = shoppers.wearer_of[who]
    age = (when[:, None] - shoppers.bodies.born_day[np.maximum(of, 0)]) / 365.25
    weight = np.where(of >= 0, np.array([1.0, 0.30, 0.0, 0.0, 0.30]), 0.0)
    # Things for a baby are bought from shortly before the birth, and more often than later.
    baby = (of >= 0) & (age > -0.15) & (age < BABY_AGE) & ("baby" in sold)
    child = (of >= 0) & (age >= BABY_AGE) & (age < 15.5) & bool({"girls", "boys"} & sold)
    weight[:, 2:4] = (1.3 * baby + 0.7 * child)[:, 2:4]
    cumulated = np.cumsum(weight, axis=1)
    u = rng.random(who.size) * cumulated[:, -1]
    chosen: IntArray = of[np.arange(who.size), (u[:, None] >= cumulated).sum(axis=1)]
    return chosen


def _audience(
    rng: np.random.Generator, shoppers: Shoppers, wearer: IntArray, when: FloatArray
) -> npt.NDArray[np.str_]:
    age = (when - shoppers.bodies.born_day[wearer]) / 365.25
    female = shoppers.female[wearer]
    adult = np.where(rng.random(wearer.size) < 0.07, "unisex", np.where(female, "women", "men"))
    child = np.where(age < BABY_AGE, "baby", np.where(female, "girls", "boys"))
    return np.where(shoppers.bodies.is_child[wearer] & (age < 16.0), child, adult)


def _products(
    rng: np.random.Generator,
    catalogue: Catalogue,
    shoppers: Shoppers,
    who: IntArray,
    wearer: IntArray,
    when: FloatArray,
) -> tuple[IntArray, FloatArray]:
    """Product of each want, and the wearer's position on its ladder."""
    sold = _sold(catalogue)
    stands_for = {}
    for name in AUDIENCES:
        options = (name, *_FALLBACK[name], *AUDIENCES)
        stands_for[name] = AUDIENCES.index(next(x for x in options if x in sold))
    named = _audience(rng, shoppers, wearer, when)
    audience = np.array([stands_for[str(x)] for x in named], dtype=np.int64)
    body = shoppers.bodies.at(wearer, when)

    brands = int(catalogue.brand_no.max()) + 1
    all_of = _Shelf(catalogue.audience, catalogue)
    by_brand = _Shelf(catalogue.audience * brands + catalogue.brand_no, catalogue)
    per_audience = np.bincount(catalogue.audience, minlength=len(AUDIENCES))
    first = np.array([all_of.first.get(a, 0) for a in range(len(AUDIENCES))])
    favourite = catalogue.brand_no[
        all_of.place[
            first[audience] + (shoppers.favourite[who] * per_audience[audience]).astype(np.int64)
        ]
    ]

    product = np.full(who.size, -1, dtype=np.int64)
    position = np.zeros(who.size)
    pending = np.arange(who.size)
    # A shopper looks on when a product is not made in the own size at all, up to six times.
    for _ in range(6):
        group, until = audience[pending], when[pending]
        n = pending.size
        since = np.where(rng.random(n) < _NEW_ONLY, until - _NEW_DAYS, -9e3)
        found = all_of.draw(rng, group, since, until)
        found = np.where(found < 0, all_of.draw(rng, group, np.full(n, -9e3), until), found)
        liked = by_brand.draw(rng, group * brands + favourite[pending], np.full(n, -9e3), until)
        found = np.where((liked >= 0) & (rng.random(n) < _LOYAL), liked, found)
        found = np.where(found < 0, all_of.place[first[group]], found)
        product[pending] = found
        position[pending] = catalogue.body_position(found, body[pending])
        low, top = catalogue.low[found], catalogue.low[found] + catalogue.count[found] - 1
        wanted = position[pending] + shoppers.ease[wearer[pending]]
        outside: BoolArray = (wanted < low - 0.5) | (wanted > top + 0.5)
        outside &= catalogue.count[found] > 1
        pending = pending[outside]
        if not pending.size:
            break
    return product, position
