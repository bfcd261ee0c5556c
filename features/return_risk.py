"""The vector of `return_risk`: customer, product, size, colour and basket as ordered numbers.

There is one implementation: :func:`return_risk_vectors` takes facts and history sums as matrices
and is called with all order lines in training and with the lines of one basket in serving.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

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
Ints = npt.NDArray[np.intp]

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
    vectors = np.empty((len(facts), len(VECTOR)))
    for start in range(0, len(facts), _BLOCK):
        at = slice(start, start + _BLOCK)
        vectors[at] = _vectors(facts[at], {name: each[at] for name, each in sums.items()}, base)
    return vectors


_BLOCK = 1024
"""Lines whose columns in the making stay near the processor."""


def _vectors(facts: Floats, sums: Mapping[str, Floats], base: float) -> Floats:
    facts = facts.copy()
    # Beyond two months the age of an account tells the calendar more than the buyer.
    facts[:, _F["tenure_days"]] = np.minimum(facts[:, _F["tenure_days"]], _YOUNG_DAYS)
    # All histories at once: of the few lines of a question a call costs more than its numbers.
    every = np.concatenate([sums[history.name] for history in HISTORIES], axis=1)
    returned, kept = every.take(_RETURNED, axis=1), every.take(_KEPT, axis=1)
    settled = returned + kept
    believed = settled + _STRENGTHS
    rates = np.empty_like(settled)
    for own, parents in _GENERATIONS:
        prior = base if parents is None else rates.take(parents, axis=1)
        shrunk = returned.take(own, axis=1) + _STRENGTHS[own] * prior
        rates[:, own] = shrunk / believed.take(own, axis=1)
    columns: list[Floats] = [facts, rates, np.log1p(settled)]
    with np.errstate(invalid="ignore", divide="ignore"):
        came, stayed = every.take(_RECENT_RETURNED, axis=1), every.take(_RECENT_KEPT, axis=1)
        strength = _STRENGTHS[_OF_RECENT]
        shrunk = came + strength * rates.take(_OF_RECENT, axis=1)
        columns.append(shrunk / (came + stayed + strength))
        columns.append(np.log1p(every.take(_RECENT_ORDERED, axis=1)))
        arrived, sent = every.take(_DELIVERED, axis=1), every.take(_SENT, axis=1)
        columns.append((arrived + 0.9) / (sent + 1.0))
        columns.append(every.take(_TOLD, axis=1) / believed.take(_OF_TOLD, axis=1))
        usual = every.take(_PRICES, axis=1) / every.take(_COUNT_OF_PRICES, axis=1)
        columns.append(facts[:, _F["price"], None] / usual)
        customer, same = sums["customer"], sums["customer_product"]
        still_open = customer[:, 0] - customer[:, 1] - customer[:, 2]
        columns += [customer[:, :3], still_open, same[:, :3]]
        columns.append(np.log1p(sums["product"][:, 0]))
        scale, first = sums["customer_scale"], _SUMS["customer_scale"]["place"]
        position = facts[:, _F["position"]]
        columns.append(position - scale[:, first] / scale[:, 0])
        columns.append(position - scale[:, first + 1] / scale[:, 2])
        columns.append(position - scale[:, first + 2] / scale[:, 1])
        columns.append(facts[:, _F["size_rank"]] / (facts[:, _F["sizes"]] - 1.0))
        odds = dict(zip(_CROSSED, _log_odds(rates.take(_OF_CROSSED, axis=1)).T, strict=True))
        columns.append(
            odds["product_size"] + odds["product_colour"] - odds["product"] + odds["customer"]
        )
        columns.append(odds["customer"] + odds["product"])
        columns.append(odds["brand_size"] + odds["product"] - odds["brand"])
    vectors = np.concatenate([c if c.ndim == 2 else c[:, None] for c in columns], axis=1)
    vectors[~np.isfinite(vectors)] = np.nan
    return vectors


_CROSSED = ("product", "product_size", "product_colour", "customer", "brand", "brand_size")
_STARTS = dict(
    zip(_SUMS, np.cumsum([0, *(len(each) for each in _SUMS.values())]).tolist(), strict=False)
)
_PLACES = {name: i for i, name in enumerate(PARENTS)}
_STRENGTHS = np.array([strength for _, strength in PARENTS.values()])


def _sums_at(histories: Iterable[str], *names: str) -> Ints:
    """Places of these sums among the sums of all histories."""
    return np.array([_STARTS[h] + _SUMS[h][name] for h in histories for name in names])


def _rates_at(histories: Iterable[str]) -> Ints:
    return np.array([_PLACES[h] for h in histories])


def _generations() -> Iterator[tuple[Ints, Ints | None]]:
    """Places of rates that are told together, and of their parents' rates, told before."""
    parents = {name: parent for name, (parent, _) in PARENTS.items()}
    told = [name for name, parent in parents.items() if parent is None]
    yield _rates_at(told), None
    while after := {name: parent for name, parent in parents.items() if parent in told}:
        told = list(after)
        yield _rates_at(told), _rates_at(filter(None, after.values()))


_GENERATIONS = tuple(_generations())
_RETURNED, _KEPT = _sums_at(PARENTS, "returned"), _sums_at(PARENTS, "kept")
_RECENT_ORDERED = _sums_at(_RECENTLY, "recent_ordered")
_RECENT_RETURNED = _sums_at(_RECENTLY, "recent_returned")
_RECENT_KEPT = _sums_at(_RECENTLY, "recent_kept")
_OF_RECENT, _OF_CROSSED = _rates_at(_RECENTLY), _rates_at(_CROSSED)
_SENT = _sums_at(_DELIVERS, "lately_ordered")
_DELIVERED = _sums_at(_DELIVERS, "lately_delivered")
_TOLD = _sums_at(_TELLS, *(f"back_{reason}" for reason in _TOLD_REASONS))
_OF_TOLD = np.repeat(_rates_at(_TELLS), len(_TOLD_REASONS))
_PRICES, _COUNT_OF_PRICES = _sums_at(_PRICED, "price"), _sums_at(_PRICED, "priced")


def _log_odds(rate: Floats) -> Floats:
    held = np.clip(rate, 0.01, 0.99)
    odds: Floats = np.log(held / (1.0 - held))
    return odds
