"""The public tables: what a real shop would know of the world, in the contract's columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from data_contracts.tables import (
    ABUSE_KIND,
    CONDITION,
    FEEDBACK_SOURCE,
    FIT,
    RESOLUTION,
    RETURN_REASON,
)
from pipelines.simulate import abuse, claims
from pipelines.simulate.assumptions import FloatArray, IntArray
from pipelines.simulate.catalogue import AUDIENCES, charts
from pipelines.simulate.categories import CATEGORIES
from pipelines.simulate.frames import frame, names, only, times
from pipelines.simulate.ladders import DIMENSIONS
from pipelines.simulate.markets import MARKETS
from pipelines.simulate.measurements import draw_tellings
from pipelines.simulate.shoppers import WEARERS
from pipelines.simulate.world import World

_OCCASIONS = ("everyday", "work", "party", "wedding", "vacation")
_CHANNELS = ("web", "app", "marketplace")
_PAYMENTS = ("card", "paypal", "invoice", "wallet")


def public_tables(world: World) -> dict[str, pd.DataFrame]:
    """The eight contract tables, as known on the day of the snapshot.

    Parameters
    ----------
    world : World

    Returns
    -------
    dict of str to DataFrame
    """
    returns = _returns(world)
    return {
        "products": _products(world),
        "product_sizes": _product_sizes(world),
        "customers": _customers(world),
        "body_measurements": _body_measurements(world),
        "order_lines": _order_lines(world),
        "returns": returns,
        "fit_feedback": _fit_feedback(world),
        "abuse_labels": _abuse_labels(world, returns["return_id"].to_numpy(dtype=object)),
    }


def line_ids(world: World) -> np.ndarray[tuple[int, ...], np.dtype[np.object_]]:
    """Ids of the order lines, (n,)."""
    return np.array([f"L{i:09d}" for i in range(1, world.rank.size + 1)], dtype=object)


def _known(world: World, day: FloatArray) -> FloatArray:
    """Days after the snapshot are not known yet."""
    return np.where(day < world.snapshot, day, np.nan)


def _money(euros: FloatArray, market: IntArray) -> FloatArray:
    value = euros * np.array([m.per_euro for m in MARKETS])[market]
    whole = np.array([m.decimals == 0 for m in MARKETS])[market]
    rounded: FloatArray = np.where(whole, np.round(value), np.round(value, 2))
    return rounded


def _products(world: World) -> pd.DataFrame:
    c = world.catalogue
    told = world.rng["untold"].random(c.price.size) >= world.assumptions.system_untold_share
    return frame(
        "products",
        {
            "product_id": c.product_id,
            "category": names(tuple(x.name for x in CATEGORIES), c.category),
            "brand": c.brand,
            "audience": names(AUDIENCES, c.audience),
            "size_system": only(told, names(tuple(x.system for x in c.all_ladders), c.ladder)),
            "price": c.price,
            "currency": np.full(c.price.size, "EUR", dtype=object),
            "material": c.material,
            "colours": c.colours,
            "hygiene_sealed": np.array([x.sealed for x in CATEGORIES])[c.category],
            "launched_at": times(world.assumptions.start, np.floor(c.launched_day)),
        },
    )


def _product_sizes(world: World) -> pd.DataFrame:
    c = world.catalogue
    owner = np.repeat(np.arange(c.count.size), c.count)
    columns: dict[str, Any] = {
        "product_id": c.product_id[owner],
        "size_label": c.label,
        "size_rank": np.arange(owner.size) - c.start[owner] + 1,
    }
    columns |= charts(c, world.rng["charts"])
    return frame("product_sizes", columns)


def _customers(world: World) -> pd.DataFrame:
    w = world.shoppers
    count = w.customer_id.size
    first = np.full(count, np.inf)
    np.minimum.at(first, world.lines.customer, world.lines.day)
    told = world.rng["accounts"].random(count) < 0.6
    return frame(
        "customers",
        {
            "customer_id": w.customer_id,
            "market": names(tuple(m.code for m in MARKETS), w.market),
            "registered_at": times(world.assumptions.start, np.minimum(w.registered_day, first)),
            "birth_year": np.where(told, w.birth_year, np.nan),
            "locale": names(tuple(m.locale for m in MARKETS), w.market),
            "account_cluster": w.cluster,
        },
    )


def _body_measurements(world: World) -> pd.DataFrame:
    w, start = world.shoppers, world.assumptions.start
    first = np.full(w.owner.size, np.inf)
    np.minimum.at(first, world.lines.wearer, world.lines.day)
    told = draw_tellings(
        world.rng["measurements"],
        w,
        first_day=np.where(np.isinf(first), np.nan, first),
        last_day=world.snapshot,
        assumptions=world.assumptions,
    )
    columns: dict[str, Any] = {
        "customer_id": w.customer_id[w.owner[told.wearer]],
        "wearer": names(WEARERS, w.slot[told.wearer]),
        "measured_at": times(start, told.day),
        "cup": told.cup,
        "body_shape": told.body_shape,
        "age_years": told.age_years,
        "birth_date": times(start, told.birth_day),
        "sex": told.sex,
        "fit_preference": told.fit_preference,
    }
    columns |= {d: told.body[:, i] for i, d in enumerate(DIMENSIONS)}
    out = frame("body_measurements", columns)
    out = out.drop_duplicates(["customer_id", "wearer", "measured_at"])
    return out.sort_values(["measured_at", "customer_id", "wearer"], ignore_index=True)


def _order_lines(world: World) -> pd.DataFrame:
    lines, w, c, goods = world.lines, world.shoppers, world.catalogue, world.goods
    rng, start, n = world.rng["accounts"], world.assumptions.start, world.rank.size
    slot = w.slot[lines.wearer]
    named = rng.random(n) < np.where(slot == 0, 0.08, world.assumptions.wearer_named_share)
    festive = rng.random(n) < goods.formal
    occasion = np.where(festive, rng.choice([1, 2, 3], n), rng.choice([0, 0, 0, 1, 4], n))
    orders = int(lines.order.max()) + 1
    channel = rng.choice(len(_CHANNELS), orders, p=[0.5, 0.35, 0.15])[lines.order]
    payment = rng.choice(len(_PAYMENTS), w.customer_id.size, p=[0.45, 0.25, 0.15, 0.15])
    weighed = rng.random(n) < 0.92
    colours = [c.colours[p][i] for p, i in zip(lines.product, goods.colour, strict=True)]
    return frame(
        "order_lines",
        {
            "order_line_id": line_ids(world),
            "order_id": np.array([f"O{i + 1:09d}" for i in lines.order.tolist()], dtype=object),
            "customer_id": w.customer_id[lines.customer],
            "product_id": c.product_id[lines.product],
            "size_label": c.label[c.start[lines.product] + world.rank],
            "colour": np.array(colours, dtype=object),
            "quantity": goods.quantity,
            "unit_price": _money(goods.euros, world.market),
            "list_price": _money(goods.list_euros, world.market),
            "currency": names(tuple(m.currency for m in MARKETS), world.market),
            "market": names(tuple(m.code for m in MARKETS), world.market),
            "channel": names(_CHANNELS, channel),
            "wearer": only(named, names(WEARERS, slot)),
            "occasion": only(rng.random(n) < 0.35, names(_OCCASIONS, occasion)),
            "ordered_at": times(start, lines.day),
            "promised_at": times(start, world.deliveries.promised),
            "shipped_at": times(start, _known(world, world.deliveries.shipped)),
            "delivered_at": times(start, _known(world, world.deliveries.delivered)),
            "shipped_weight_g": np.where(weighed, np.round(goods.grams), np.nan),
            "ship_address_hash": w.address[lines.customer],
            "device_hash": w.device[lines.customer],
            "payment_method": names(_PAYMENTS, payment[lines.customer]),
        },
    )


def _returns(world: World) -> pd.DataFrame:
    at, settled, start = world.claimed, world.settlement, world.assumptions.start
    received, closed = _known(world, settled.received), _known(world, settled.closed)
    inspected, done = ~np.isnan(received), ~np.isnan(closed)
    goods = world.goods
    pieces = settled.quantity / goods.quantity[at]
    weight = np.round(goods.grams[at] * pieces * settled.weight_ratio)
    paid = goods.euros[at] * settled.quantity * settled.refund_share
    return frame(
        "returns",
        {
            "return_id": np.array([f"R{i:09d}" for i in range(1, at.size + 1)], dtype=object),
            "order_line_id": line_ids(world)[at],
            "requested_at": times(start, world.claims.requested[at]),
            "received_at": times(start, received),
            "reason": names(RETURN_REASON, world.claims.reason[at]),
            "quantity": settled.quantity,
            "refund_amount": np.where(done, _money(paid, world.market[at]), np.nan),
            "condition": names(CONDITION, np.where(inspected, settled.condition, -1)),
            "returned_weight_g": np.where(inspected, weight, np.nan),
            "resolution": names(RESOLUTION, np.where(done, settled.resolution, -1)),
            "closed_at": times(start, closed),
        },
    )


def _fit_feedback(world: World) -> pd.DataFrame:
    f = world.feedback
    keep = np.flatnonzero(f.day < world.snapshot)
    keep = keep[np.lexsort((f.source[keep], f.line[keep], f.day[keep]))]
    return frame(
        "fit_feedback",
        {
            "order_line_id": line_ids(world)[f.line[keep]],
            "source": names(FEEDBACK_SOURCE, f.source[keep]),
            "given_at": times(world.assumptions.start, f.day[keep]),
            "fit": names(FIT, f.outcome[keep] + 1),
        },
    )


def _abuse_labels(
    world: World, return_id: np.ndarray[tuple[int, ...], np.dtype[np.object_]]
) -> pd.DataFrame:
    at, settled = world.claimed, world.settlement
    odd = [CONDITION.index("different_item"), CONDITION.index("empty")]
    reason = world.claims.reason[at]
    said = abuse.judge(
        world.rng["labels"],
        kind=world.abused_kind[at],
        not_received=reason == claims.REASON["not_received"],
        odd=np.isin(settled.condition, odd) & (reason != claims.REASON["wrong_item"]),
        worn=settled.condition == CONDITION.index("worn"),
        euros=world.goods.euros[at] * settled.quantity,
        assumptions=world.assumptions,
    )
    # Nobody decides before the parcel is back.
    since = np.fmax(world.claims.requested[at], settled.received)
    decided = since + said.delay
    keep = np.flatnonzero(said.judged & (decided < world.snapshot))
    keep = keep[np.argsort(decided[keep], kind="stable")]
    by = np.where(said.chargeback, "chargeback", "investigator").astype(object)
    return frame(
        "abuse_labels",
        {
            "return_id": return_id[keep],
            "customer_id": world.shoppers.customer_id[world.lines.customer[at[keep]]],
            "label": np.where(said.says_abuse[keep], "abuse", "legitimate").astype(object),
            "kind": names(ABUSE_KIND, said.kind[keep]),
            "decided_at": times(world.assumptions.start, decided[keep]),
            "decided_by": by[keep],
        },
    )
