"""What there is to tell of a line: the shop's own figures, where they speak for or against it.

Figures are told only where they say what the effect says: that a product comes back often explains
why its record raises the chance, never why it lowers it. Which effects could be told at all is
therefore known before a model is asked for any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from features.return_risk import DELIVERY, FACTS, HISTORIES

__all__ = ["LineLabels", "Telling", "Told", "tellings", "usual_price"]

Floats = npt.NDArray[np.float64]
Sums = Mapping[str, Floats]

_LEAST_SETTLED = 5.0
_DEARER = 1.1

_DELAY = DELIVERY.index("delay_days")
_BRAND = {each.name: i for h in HISTORIES if h.name == "brand" for i, each in enumerate(h.sums)}
_PRICE = FACTS.index("price")
_COUNTS = [
    FACTS.index(name)
    for name in ("sizes_of_product", "colours_of_product", "basket_products", "basket_lines")
]
_RECORDS = (
    "product",
    "product_colour",
    "product_size",
    "brand",
    "market",
    "customer",
    "customer_product",
)
_ORDERED, _RETURNED, _KEPT = 0, 1, 2

Told = tuple[str, dict[str, float | int | str]]
"""Code and figures."""
_Both = tuple[Told | None, Told | None]
_NOTHING: _Both = (None, None)


class Telling(NamedTuple):
    """What is told of one thing about a line.

    Attributes
    ----------
    line
        Place of the line.
    up, down
        Where it raises the chance of a return, and where it does not; None where there are no
        figures to say so.
    """

    line: int
    up: Told | None
    down: Told | None


@dataclass(frozen=True, slots=True)
class LineLabels:
    """Words for the figures of a line."""

    size: str | None = None
    colour: str | None = None
    brand: str | None = None
    market: str | None = None


def tellings(
    facts: Floats, sums: Sums, base: float, labels: Sequence[LineLabels], delivery: Floats | None
) -> dict[str, list[Telling]]:
    """What can be told of some lines.

    Parameters
    ----------
    facts, sums, base, labels, delivery
        As :class:`models.return_risk.drivers.Occluded` takes them.

    Returns
    -------
    dict of str to list of Telling
        By what is looked at; only lines there are figures for.
    """
    # Plain numbers: numpy takes ten times as long for the few sums and quotients of a line.
    records = [sums[name][:, : _KEPT + 1].tolist() for name in _RECORDS]
    counts = facts[:, _COUNTS].tolist()
    with np.errstate(invalid="ignore", divide="ignore"):
        dearer = (facts[:, _PRICE] / usual_price(sums["brand"])).tolist()
    late = [0.0] * len(labels) if delivery is None else delivery[:, _DELAY].tolist()
    found: dict[str, list[Telling]] = {}
    for i, words in enumerate(labels):
        product, colour, size, brand, market, customer, before = [each[i] for each in records]
        sizes, colours, products, lines = counts[i]
        told: dict[str, _Both] = {
            "colour": (_against_others("colour", words.colour, colour, product), None),
            "size": (_against_others("size", words.size, size, product), None),
            "product": _against_shop("product", {}, product, base),
            "brand": _named_against_shop("brand", words.brand, brand, base),
            "market": (_named_against_shop("market", words.market, market, base)[0], None),
            "customer": _of_customer(customer),
            "same_product": _of_same_product(before),
            "sizes": _count("several_sizes", "count", sizes),
            "colours": _count("several_colours", "count", colours),
            # A basket of one product in several sizes or colours is told as such.
            "basket": _NOTHING if products < 2 else _count("basket_lines", "lines", lines),
            "price": (_dearer(dearer[i]), None),
            "delivery": (_late(late[i]), None),
        }
        for what, (up, down) in told.items():
            if up is not None or down is not None:
                found.setdefault(what, []).append(Telling(i, up, down))
    return found


def usual_price(brand: Floats) -> Floats:
    """Mean price of a brand's goods, by the sums of its history."""
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: Floats = brand[:, _BRAND["price"]] / brand[:, _BRAND["priced"]]
    return mean


def _against_others(
    what: str, label: str | None, mine: Sequence[float], product: Sequence[float]
) -> Told | None:
    """A size or colour against the product's others."""
    settled = mine[_RETURNED] + mine[_KEPT]
    others = product[_RETURNED] + product[_KEPT] - settled
    back = product[_RETURNED] - mine[_RETURNED]
    if label is None or min(settled, others) < _LEAST_SETTLED or back <= 0:
        return None
    ratio = (mine[_RETURNED] / settled) / (back / others)
    if ratio <= 1:
        return None
    return f"{what}_comes_back", {what: label, "ratio": round(ratio, 2), "n": round(settled)}


def _against_shop(
    what: str, named: dict[str, float | int | str], own: Sequence[float], base: float
) -> _Both:
    settled = own[_RETURNED] + own[_KEPT]
    if settled < _LEAST_SETTLED or base <= 0:
        return _NOTHING
    ratio = own[_RETURNED] / settled / base
    figures = {**named, "ratio": round(ratio, 2), "n": round(settled)}
    return (
        ((f"{what}_comes_back", figures), None) if ratio > 1 else (None, (f"{what}_stays", figures))
    )


def _named_against_shop(what: str, label: str | None, own: Sequence[float], base: float) -> _Both:
    return _NOTHING if label is None else _against_shop(what, {what: label}, own, base)


def _of_customer(own: Sequence[float]) -> _Both:
    returned, kept = round(own[_RETURNED]), round(own[_KEPT])
    orders = returned + kept
    return (
        ("customer_returns", {"returned": returned, "orders": orders}) if returned else None,
        ("customer_keeps", {"kept": kept, "orders": orders}) if kept else None,
    )


def _of_same_product(before: Sequence[float]) -> _Both:
    if before[_ORDERED] < 1:
        return _NOTHING
    returned, orders = round(before[_RETURNED]), round(before[_ORDERED])
    told: Told = ("same_product_before", {"returned": returned, "orders": orders})
    return told, told


def _count(code: str, name: str, count: float) -> _Both:
    told: Told | None = (code, {name: round(count)}) if count > 1 else None
    return told, told


def _dearer(ratio: float) -> Told | None:
    return ("price_high", {"ratio": round(ratio, 2)}) if ratio > _DEARER else None


def _late(days: float) -> Told | None:
    return ("late_delivery", {"days": round(days)}) if days >= 1 else None
