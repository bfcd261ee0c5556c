"""Everything that happens in the shop, before any of it is written down."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.simulate import abuse, claims, outcomes
from pipelines.simulate.assumptions import (
    BoolArray,
    FloatArray,
    IntArray,
    ShopAssumptions,
    streams,
)
from pipelines.simulate.catalogue import Catalogue, draw_catalogue
from pipelines.simulate.categories import CATEGORIES
from pipelines.simulate.choice import choose_sizes
from pipelines.simulate.claims import Claims
from pipelines.simulate.markets import MARKETS
from pipelines.simulate.orders import OTHER_COLOUR, Lines, draw_lines
from pipelines.simulate.settlement import Settlement, settle
from pipelines.simulate.shoppers import Shoppers, draw_shoppers
from pipelines.simulate.spelling import respell


@dataclass(frozen=True)
class Goods:
    """What is in the parcel, over order lines (n,).

    Attributes
    ----------
    colour : int array
        Place in the product's colours.
    euros, list_euros : float array
        Price of a piece, paid and before reductions.
    quantity : int array
    grams : float array
        Weight sent, with packaging.
    formal : float array
        How much it is worn for occasions, 0 to 1.
    sealed : bool array
    """

    colour: IntArray
    euros: FloatArray
    list_euros: FloatArray
    quantity: IntArray
    grams: FloatArray
    formal: FloatArray
    sealed: BoolArray


@dataclass(frozen=True)
class World:
    """The shop as it is. Lines run over (n,); claims known at the snapshot over (r,).

    Attributes
    ----------
    rng : dict of str to numpy.random.Generator
        The streams, for what remains to be drawn when tables are laid out.
    customer_kind : int array (c,)
        Kind of abuse of the account, or ``abuse.NO_ABUSE``.
    rank : int array (n,)
        Chosen size within the product, from 0.
    abused_kind : int array (n,)
        Kind of abuse committed on the line.
    claimed : int array (r,)
        Lines of the claims, by time of the claim.
    snapshot : float
        Day after which nothing is known.
    """

    assumptions: ShopAssumptions
    rng: dict[str, np.random.Generator]
    catalogue: Catalogue
    shoppers: Shoppers
    customer_kind: IntArray
    lines: Lines
    rank: IntArray
    market: IntArray
    goods: Goods
    deliveries: outcomes.Deliveries
    fits: outcomes.Fits
    abused_kind: IntArray
    claims: Claims
    claimed: IntArray
    settlement: Settlement
    feedback: outcomes.Feedback
    snapshot: float


def draw_world(lines: int, seed: int, assumptions: ShopAssumptions) -> World:
    """Draw the shop part by part.

    Parameters
    ----------
    lines : int
        Number of order lines, at least 1.
    seed : int
        Not negative.
    assumptions : ShopAssumptions

    Returns
    -------
    World
    """
    a, rng = assumptions, streams(seed)
    products = max(80, round(lines / a.lines_per_product))
    customers = max(20, round(lines / a.lines_per_customer))
    cat = draw_catalogue(
        rng["catalogue"], rng["charts of brands"], products=products, assumptions=a
    )
    cat = respell(rng["spelling"], cat, a.label_noise_share)
    who = draw_shoppers(
        rng["customers"], rng["bodies"], rng["households"], customers=customers, assumptions=a
    )
    who, customer_kind = abuse.plant_abusers(rng["abuse"], who, a)
    drawn = draw_lines(rng["orders"], cat, who, customer_kind, lines=lines, assumptions=a)
    rank = choose_sizes(rng["choice"], cat, who, drawn, a)
    market = who.market[drawn.customer]
    goods = _draw_goods(rng["goods"], cat, drawn)
    deliveries = outcomes.deliver(rng["delivery"], who, drawn)
    fits = outcomes.true_fits(rng["fit"], cat, who, drawn, rank, a)

    several = np.bincount(drawn.want)[drawn.want] > 1
    kind = customer_kind[drawn.customer]
    tempted = abuse.Temptation(
        kind=kind,
        order=drawn.order,
        euros=goods.euros,
        formal=goods.formal,
        bracketed=several,
        delivered=~np.isnan(deliveries.delivered),
    )
    abused_kind = np.where(abuse.commit(rng["abuse"], tempted), kind, abuse.NO_ABUSE)
    wrong_colour, described, defective = outcomes.faults(cat, drawn, goods.colour)
    about = claims.Circumstances(
        want=drawn.want,
        returning=who.returning[drawn.customer],
        culture=np.array([m.returning for m in MARKETS])[market],
        damage=np.array([m.damage for m in MARKETS])[market],
        euros=goods.euros,
        wrong_colour=wrong_colour,
        wrongly_described=described,
        defective=defective,
        bracketed=several,
    )
    claimed = claims.draw_claims(
        rng["returns"], fits, deliveries, about, abused_kind=abused_kind, assumptions=a
    )
    snapshot = a.days + a.settle_days
    known = claimed.requested < snapshot
    at = np.flatnonzero(known)
    at = at[np.argsort(claimed.requested[at], kind="stable")]
    settlement = settle(
        rng["settlement"],
        reason=claimed.reason[at],
        requested=claimed.requested[at],
        kind=abused_kind[at],
        euros=goods.euros[at],
        ordered=goods.quantity[at],
        sealed=goods.sealed[at],
        transit=np.array([m.transit_days for m in MARKETS])[market[at]],
    )
    feedback = outcomes.draw_feedback(
        rng["feedback"],
        fits,
        deliveries,
        reason=np.where(known, claimed.reason, claims.NONE),
        requested=claimed.requested,
        honest=~claimed.abused,
        assumptions=a,
    )
    return World(
        assumptions=a,
        rng=rng,
        catalogue=cat,
        shoppers=who,
        customer_kind=customer_kind,
        lines=drawn,
        rank=rank,
        market=market,
        goods=goods,
        deliveries=deliveries,
        fits=fits,
        abused_kind=abused_kind,
        claims=claimed,
        claimed=at,
        settlement=settlement,
        feedback=feedback,
        snapshot=snapshot,
    )


def _draw_goods(rng: np.random.Generator, cat: Catalogue, lines: Lines) -> Goods:
    p, n = lines.product, lines.product.size
    choices = np.array([len(c) for c in cat.colours])[p]
    drawn = (rng.random(n) * choices).astype(np.int64)
    _, first, want = np.unique(lines.want, return_index=True, return_inverse=True)
    # All lines of one want have the colour of the first, but where another colour is the point.
    shift = np.where(lines.extra == OTHER_COLOUR, lines.nth, 0)
    reduced = np.where(rng.random(n) < 0.30, rng.choice([0.9, 0.8, 0.7, 0.5], n), 1.0)[first]
    several = (rng.random(n) < 0.06) & (cat.price[p] < 30) & (np.bincount(want)[want] == 1)
    quantity = 1 + several * rng.integers(1, 3, n)
    return Goods(
        colour=(drawn[first][want] + shift) % choices,
        euros=cat.price[p] * reduced[want],
        list_euros=cat.price[p],
        quantity=quantity,
        grams=cat.grams[p] * quantity * np.exp(rng.normal(0.0, 0.03, n)) + 60.0,
        formal=np.array([c.formal for c in CATEGORIES])[cat.category[p]],
        sealed=np.array([c.sealed for c in CATEGORIES])[cat.category[p]],
    )
