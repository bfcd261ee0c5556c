"""The vector of `return_risk`: customer, product, size, colour and basket as ordered numbers.

There is one implementation: :func:`return_risk_vectors` takes facts and history sums as matrices
and is called with all order lines in training and with the lines of one basket in serving.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from features.baskets import BASKET_FACTS
from features.histories import History, Sum

__all__ = [
    "CLOCKS",
    "CODED",
    "DELIVERY",
    "FACTS",
    "HISTORIES",
    "MOMENTS",
    "PARENTS",
    "VECTOR",
    "VECTORS",
    "return_risk_vectors",
]

Floats = npt.NDArray[np.float64]

MOMENTS = ("checkout", "delivered")

_RATE = (Sum("ordered", "ordered"), Sum("returned", "returned"), Sum("kept", "kept"))
_RECENT_DAYS = 45.0
_RECENT = (
    Sum("recent_ordered", "ordered", half_life_days=_RECENT_DAYS),
    Sum("recent_returned", "returned", half_life_days=_RECENT_DAYS),
    Sum("recent_kept", "kept", half_life_days=_RECENT_DAYS),
)
_DELIVERED_DAYS = 30.0
_YOUNG_DAYS = 60.0
_DELIVERY = (
    Sum("lately_ordered", "ordered", half_life_days=_DELIVERED_DAYS),
    Sum("lately_delivered", "delivered", half_life_days=_DELIVERED_DAYS),
)
_TOLD_REASONS = ("too_small", "too_large", "colour_mismatch", "not_as_described", "quality_defect")
_REASONS = tuple(Sum(f"back_{reason}", "returned", verdict=reason) for reason in _TOLD_REASONS)
_PRICE = (Sum("priced", "ordered", "is_priced"), Sum("price", "ordered", "price"))
_PLACE = (
    Sum("place", "ordered", "position"),
    Sum("place_kept", "kept", "position"),
    Sum("place_returned", "returned", "position"),
)

_DECLARED: dict[str, tuple[tuple[str, ...], tuple[Sum, ...]]] = {
    "market": (("market",), _RATE + _RECENT + _REASONS),
    "category": (("category",), _RATE + _RECENT + _REASONS),
    "category_market": (("category", "market"), _RATE + _REASONS),
    "size": (("size",), _RATE),
    "colour": (("colour",), _RATE),
    "brand": (("brand",), _RATE + _RECENT + _REASONS + _PRICE),
    "brand_size": (("brand", "size"), _RATE),
    "product": (("product_id",), _RATE + _RECENT + _DELIVERY + _REASONS + _PRICE),
    "product_size": (("product_id", "size"), _RATE + _RECENT + _DELIVERY + _REASONS),
    "product_colour": (("product_id", "colour"), _RATE + _RECENT + _DELIVERY + _REASONS),
    "product_market": (("product_id", "market"), _RATE),
    "customer": (("customer_id",), _RATE + _RECENT + _REASONS + _PRICE),
    "customer_product": (("customer_id", "product_id"), _RATE),
    "customer_brand": (("customer_id", "brand"), _RATE),
    "customer_category": (("customer_id", "category"), _RATE),
    "customer_size": (("customer_id", "size"), _RATE),
    "customer_scale": (("customer_id", "scale"), _RATE + _PLACE),
}
HISTORIES: tuple[History, ...] = tuple(
    History(name, key, sums) for name, (key, sums) in _DECLARED.items()
)
"""The histories `return_risk` reads."""

PARENTS: dict[str, tuple[str | None, float]] = {
    "market": (None, 100.0),
    "category": (None, 50.0),
    "category_market": ("category", 30.0),
    "size": (None, 30.0),
    "colour": (None, 30.0),
    "brand": ("category", 20.0),
    "brand_size": ("brand", 10.0),
    "product": ("brand", 12.0),
    "product_size": ("product", 8.0),
    "product_colour": ("product", 8.0),
    "product_market": ("product", 12.0),
    "customer": (None, 3.0),
    "customer_product": ("customer", 1.0),
    "customer_brand": ("customer", 2.0),
    "customer_category": ("customer", 2.0),
    "customer_size": ("customer", 2.0),
    "customer_scale": ("customer", 2.0),
}
"""Whose rate a history's own is shrunk towards, and by how many settled lines; coarse to fine."""

_SUMS = {h.name: {each.name: i for i, each in enumerate(h.sums)} for h in HISTORIES}
_RECENTLY = tuple(h.name for h in HISTORIES if "recent_ordered" in _SUMS[h.name])
_DELIVERS = tuple(h.name for h in HISTORIES if "lately_ordered" in _SUMS[h.name])
_TELLS = tuple(h.name for h in HISTORIES if "back_too_small" in _SUMS[h.name])
_PRICED = tuple(h.name for h in HISTORIES if "price" in _SUMS[h.name])

CODED: tuple[str, ...] = ("category", "audience", "brand", "colour", "scale", "market")
"""Facts that are codes of categories."""

FACTS: tuple[str, ...] = (
    *CODED,
    "years",
    "price",
    "price_cents",
    "quantity",
    "position",
    "size_rank",
    "sizes",
    "gap",
    "natural_sd",
    "tenure_days",
    *BASKET_FACTS,
)
"""What is known of a line beside its histories."""
_F = {name: i for i, name in enumerate(FACTS)}

DELIVERY: tuple[str, ...] = ("arrived", "delivery_days", "delay_days", "shipped_weight_g")
"""Facts of a line that has arrived: never part of a question at checkout."""


def _names() -> tuple[str, ...]:
    names = [*FACTS]
    names += [f"{name}.rate" for name in PARENTS]
    names += [f"{name}.log_settled" for name in PARENTS]
    names += [f"{name}.recent_rate" for name in _RECENTLY]
    names += [f"{name}.recent_log_orders" for name in _RECENTLY]
    names += [f"{name}.arrives" for name in _DELIVERS]
    for name in _TELLS:
        names += [f"{name}.{reason}_share" for reason in _TOLD_REASONS]
    names += [f"{name}.price_ratio" for name in _PRICED]
    names += ["customer.orders", "customer.returned", "customer.kept", "customer.open"]
    names += ["customer_product.orders", "customer_product.returned", "customer_product.kept"]
    names += ["product.log_orders", "from_usual", "from_kept", "from_returned"]
    names += ["size_rank_share", "line_score", "product_customer", "size_brand"]
    return tuple(names)


VECTOR: tuple[str, ...] = _names()
"""Columns at checkout, in order."""

_WIDE = ("market", "category", "category_market", "size", "colour", "brand", "brand_size")
CLOCKS: frozenset[str] = frozenset(
    {"years"}
    | {f"{name}.log_settled" for name in (*_WIDE, "product_market")}
    | {f"{name}.recent_log_orders" for name in _WIDE}
)
"""Columns that grow with the shop: they tell what day it is, and a day learned is of the past."""

VECTORS: dict[str, tuple[str, ...]] = {"checkout": VECTOR, "delivered": VECTOR + DELIVERY}
"""Columns by moment."""


def return_risk_vectors(facts: Floats, sums: Mapping[str, Floats], base: float) -> Floats:
    """Put facts and history sums into one row a line.

    Parameters
    ----------
    facts
        Shape (n, len(FACTS)).
    sums
        Of every history: shape (n, number of its sums), decayed to the moment of the question;
        zeros where nothing is known of its key.
    base
        The shop's return rate, towards which the coarsest rates are shrunk.

    Returns
    -------
    ndarray
        Shape (n, len(VECTOR)).
    """
    rows = len(facts)
    facts = facts.copy()
    # Beyond two months the age of an account tells the calendar more than the buyer.
    facts[:, _F["tenure_days"]] = np.minimum(facts[:, _F["tenure_days"]], _YOUNG_DAYS)
    rates: dict[str, Floats] = {}
    settled: dict[str, Floats] = {}
    for name, (parent, strength) in PARENTS.items():
        own = sums[name]
        prior = base if parent is None else rates[parent]
        settled[name] = own[:, 1] + own[:, 2]
        rates[name] = (own[:, 1] + strength * prior) / (settled[name] + strength)
    columns: list[Floats] = [facts]
    columns += rates.values()
    columns += [np.log1p(each) for each in settled.values()]
    with np.errstate(invalid="ignore", divide="ignore"):
        recent = [_sums(sums, name, "recent_ordered", 3) for name in _RECENTLY]
        for name, each in zip(_RECENTLY, recent, strict=True):
            strength = PARENTS[name][1]
            known = each[:, 1] + each[:, 2]
            columns.append((each[:, 1] + strength * rates[name]) / (known + strength))
        columns += [np.log1p(each[:, 0]) for each in recent]
        lately = [_sums(sums, name, "lately_ordered", 2) for name in _DELIVERS]
        columns += [(each[:, 1] + 0.9) / (each[:, 0] + 1.0) for each in lately]
        for name in _TELLS:
            told = _sums(sums, name, "back_too_small", len(_TOLD_REASONS))
            columns.append(told / (settled[name] + PARENTS[name][1])[:, None])
        price = facts[:, _F["price"]]
        for name in _PRICED:
            paid = _sums(sums, name, "priced", 2)
            columns.append(price / (paid[:, 1] / paid[:, 0]))
        customer, same = sums["customer"], sums["customer_product"]
        still_open = customer[:, 0] - customer[:, 1] - customer[:, 2]
        columns += [customer[:, :3], still_open, same[:, :3]]
        columns.append(np.log1p(sums["product"][:, 0]))
        scale = sums["customer_scale"]
        place = _sums(sums, "customer_scale", "place", 3)
        position = facts[:, _F["position"]]
        columns.append(position - place[:, 0] / scale[:, 0])
        columns.append(position - place[:, 1] / scale[:, 2])
        columns.append(position - place[:, 2] / scale[:, 1])
        columns.append(facts[:, _F["size_rank"]] / (facts[:, _F["sizes"]] - 1.0))
        odds = {name: _log_odds(rates[name]) for name in _CROSSED}
        columns.append(
            odds["product_size"] + odds["product_colour"] - odds["product"] + odds["customer"]
        )
        columns.append(odds["customer"] + odds["product"])
        columns.append(odds["brand_size"] + odds["product"] - odds["brand"])
    vectors = np.concatenate([c if c.ndim == 2 else c[:, None] for c in columns], axis=1)
    vectors[~np.isfinite(vectors)] = np.nan
    assert vectors.shape == (rows, len(VECTOR))
    return vectors


_CROSSED = ("product", "product_size", "product_colour", "customer", "brand", "brand_size")


def _sums(sums: Mapping[str, Floats], history: str, first: str, count: int) -> Floats:
    at = _SUMS[history][first]
    return sums[history][:, at : at + count]


def _log_odds(rate: Floats) -> Floats:
    held = np.clip(rate, 0.01, 0.99)
    odds: Floats = np.log(held / (1.0 - held))
    return odds
