"""Accounts and the people they buy for: self, partner, children, a grown-up relative."""

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
from pipelines.simulate.bodies import Bodies, draw_bodies
from pipelines.simulate.frames import only
from pipelines.simulate.markets import MARKETS

WEARERS = ("self", "partner", "child", "child_2", "relative")
_PARTNER, _RELATIVE = 1, 4
_CHILDREN = (2, 3)
_GENERATION = 26.0
#: Where tight and loose begin, in size steps of wished ease.
TASTE = 0.22


@dataclass(frozen=True)
class Shoppers:
    """Accounts (c,) and wearers (w,) as parallel arrays.

    Attributes
    ----------
    registered_day : float array (c,)
        Days since the start of the shop.
    activity : float array (c,)
        Relative number of orders.
    returning : float array (c,)
        Personal factor on returning for reasons of mood; honest heavy returners have it high.
    reads_charts : bool array (c,)
    cluster, device, address : text arrays (c,)
        Cluster is None where nothing is known.
    owner, slot : int arrays (w,)
        Account of a wearer and its place in `WEARERS`.
    wearer_of : int array (c, 5)
        Wearer by account and slot, -1 for none.
    ease : float array (w,)
        Wished ease in size steps, positive for loose.
    knows_self : float array (w,)
        Lasting error in what is believed about the own body, in size steps.
    """

    customer_id: TextArray
    market: IntArray
    registered_day: FloatArray
    birth_year: FloatArray
    activity: FloatArray
    returning: FloatArray
    reads_charts: BoolArray
    cluster: TextArray
    device: TextArray
    address: TextArray
    favourite: FloatArray
    owner: IntArray
    slot: IntArray
    wearer_of: IntArray
    female: BoolArray
    bodies: Bodies
    ease: FloatArray
    knows_self: FloatArray


def hashes(rng: np.random.Generator, n: int) -> TextArray:
    """`n` random 64-bit hashes as hexadecimal text."""
    return np.array(
        [f"{x:016x}" for x in rng.integers(0, 2**63, n, dtype=np.int64).tolist()], object
    )


def draw_shoppers(
    rng: np.random.Generator,
    body_rng: np.random.Generator,
    home_rng: np.random.Generator,
    *,
    customers: int,
    assumptions: ShopAssumptions,
) -> Shoppers:
    """Draw accounts, their wearers and the bodies of those.

    Parameters
    ----------
    rng, body_rng, home_rng : numpy.random.Generator
    customers : int
    assumptions : ShopAssumptions

    Returns
    -------
    Shoppers
    """
    c = customers
    share = np.array([m.share for m in MARKETS])
    market = rng.choice(len(MARKETS), c, p=share / share.sum())
    days = assumptions.days
    registered = np.where(
        rng.random(c) < 0.35, rng.uniform(-900.0, 0.0, c), rng.uniform(0.0, days * 0.99, c)
    )
    age = np.clip(rng.gamma(9.0, 4.2, c), 18.0, 85.0)
    woman = rng.random(c) < 0.64
    returning = np.exp(rng.normal(0.0, 0.55, c))
    returning *= np.where(rng.random(c) < 0.03, 4.0, 1.0)

    # Most accounts stand alone. Some share a household, and honest neighbours share an address.
    address, device = hashes(rng, c), hashes(rng, c)
    cluster = only(rng.random(c) < 0.5, hashes(rng, c))
    neighbour = np.flatnonzero(rng.random(c) < 0.07)
    beside = _next_door(market)
    address[neighbour] = address[beside[neighbour]]
    household = neighbour[rng.random(neighbour.size) < 0.25]
    device[household] = device[beside[household]]
    cluster[household] = cluster[beside[household]]

    has = np.ones((c, len(WEARERS)), dtype=bool)
    has[:, 1] = rng.random(c) < 0.40
    parent = (age > 20) & (age < 55)
    has[:, 2] = parent & (rng.random(c) < 0.50)
    has[:, 3] = has[:, 2] & (rng.random(c) < 0.40)
    # A mother buys for her grown daughter, a daughter for her mother.
    has[:, _RELATIVE] = home_rng.random(c) < assumptions.relative_share
    same_sex = home_rng.random(c) < assumptions.same_sex_share
    older = np.where(home_rng.random(c) < 0.5, 1.0, -1.0)
    apart = _GENERATION * np.where(age - _GENERATION < 18.0, 1.0, older)
    apart = np.where(age + _GENERATION > 90.0, -_GENERATION, apart)
    owner, slot = np.nonzero(has)
    wearer_of = np.full((c, len(WEARERS)), -1, dtype=np.int64)
    wearer_of[owner, slot] = np.arange(owner.size)

    w = owner.size
    is_child = np.isin(slot, _CHILDREN)
    coin = body_rng.random(w) < 0.5
    other_sex = (slot == _PARTNER) & ~same_sex[owner]
    female = np.where(is_child, coin, woman[owner] ^ other_sex)
    # A shop for baby goods has many births during its years.
    child_born = np.where(
        body_rng.random(w) < 0.5,
        body_rng.uniform(-365.0, days * 0.9, w),
        body_rng.uniform(-11 * 365.25, 0.0, w),
    )
    years = age[owner] + (slot == _PARTNER) * body_rng.normal(0.0, 3.0, w)
    adult_born = -365.25 * (years + (slot == _RELATIVE) * apart[owner])
    born: FloatArray = np.round(np.where(is_child, child_born, adult_born)).astype(np.float64)
    heights = np.array([m.height for m in MARKETS])[market[owner], np.where(female, 0, 1)]
    girth = np.array([m.girth for m in MARKETS])[market[owner]]
    bodies = draw_bodies(
        body_rng,
        female=female,
        is_child=is_child,
        born_day=born,
        mean_height=heights,
        girth=girth,
    )
    kind = body_rng.choice([-0.4, 0.0, 0.45], w, p=[0.2, 0.5, 0.3])
    ease = kind + body_rng.normal(0.0, 0.10, w)
    # Parents buy with room to grow.
    ease = np.where(is_child, body_rng.normal(0.30, 0.15, w), ease)
    error = np.where(is_child, 0.20, np.where(slot != 0, 0.18, 0.10))
    return Shoppers(
        customer_id=np.array([f"C{i:07d}" for i in range(1, c + 1)], object),
        market=market.astype(np.int64),
        registered_day=registered,
        birth_year=assumptions.start.year - np.floor(age),
        activity=np.exp(rng.normal(0.0, 0.85, c)),
        returning=returning,
        reads_charts=rng.random(c) < assumptions.chart_reader_share,
        cluster=cluster,
        device=device,
        address=address,
        favourite=rng.random(c),
        owner=owner,
        slot=slot,
        wearer_of=wearer_of,
        female=female,
        bodies=bodies,
        ease=ease,
        knows_self=body_rng.normal(0.0, 1.0, w) * error * assumptions.choice_noise,
    )


def _next_door(market: IntArray) -> IntArray:
    """Another account of the same market, or the account itself where it is the first."""
    place = np.argsort(market, kind="stable")
    before = np.r_[place[:1], place[:-1]]
    out = np.empty_like(place)
    out[place] = np.where(market[before] == market[place], before, place)
    return out
