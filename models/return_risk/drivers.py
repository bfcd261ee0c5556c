"""What moved a line's chance of coming back, with the shop's own figures.

By occlusion (Zeiler and Fergus, "Visualizing and understanding convolutional networks", ECCV
2014): the vector is made once more as if one thing were not known, such as the record of this
colour, and what the chance changes by is what that thing moved. A record that is not known falls
back to that of the next coarser one, as for a new colour of a known product, so every vector asked
about is one that a shop could have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from features.baskets import BASKET_FACTS
from features.return_risk import DELIVERY, FACTS, HISTORIES, return_risk_vectors
from models.return_risk.answer import Driver

__all__ = ["LineLabels", "RiskModel", "drivers_of"]

Floats = npt.NDArray[np.float64]
Sums = Mapping[str, Floats]

_MOST = 3
_LEAST_EFFECT = 0.01
_LEAST_SETTLED = 5.0
_DEARER = 1.1

_F = {name: i for i, name in enumerate(FACTS)}
_D = {name: i for i, name in enumerate(DELIVERY)}
_SUM = {h.name: {each.name: i for i, each in enumerate(h.sums)} for h in HISTORIES}
_ORDERED, _RETURNED, _KEPT = 0, 1, 2

_FORGET: dict[str, tuple[str, ...]] = {
    "colour": ("product_colour",),
    "size": ("product_size",),
    "product": ("product", "product_size", "product_colour", "product_market"),
    "brand": ("brand", "brand_size"),
    "market": ("market", "category_market", "product_market"),
    "customer": tuple(h.name for h in HISTORIES if "customer_id" in h.key),
    "same_product": ("customer_product",),
}
"""Records that are taken for unknown, by what is looked at."""
_ALONE = {
    "basket_lines": 1.0,
    "basket_price_sd": 0.0,
    "price_rank": 1.0,
    "price_share": 1.0,
    "price_of_dearest": 1.0,
    "sizes_of_product": 1.0,
    "colours_of_product": 1.0,
    "other_sizes_in_colour": 1.0,
    "basket_products": 1.0,
    "basket_brands": 1.0,
    "basket_sizes": 1.0,
    "same_size": 1.0,
    "same_brand": 1.0,
    "same_category": 1.0,
    "same_scale": 1.0,
    "scale_price_rank": 1.0,
    "from_basket_place": 0.0,
    "basket_doubles": 0.0,
}
"""Facts of a basket that holds nothing but the line; its money is filled in from the line."""
_ONE_SIZE = ("sizes_of_product", "other_sizes_in_colour", "basket_doubles")
assert set(_ALONE) | {"basket_value", "basket_mean_price", "same_product"} == set(BASKET_FACTS)


class RiskModel(Protocol):
    """What is asked of the estimator; :class:`models.return_risk.ReturnRisk` is one."""

    @property
    def moment(self) -> str:
        """Which columns it reads."""
        ...

    def chance(self, X: Floats) -> Floats:
        """Chance of a return."""
        ...


@dataclass(frozen=True, slots=True)
class LineLabels:
    """Words for the figures of a line."""

    size: str | None = None
    colour: str | None = None
    brand: str | None = None
    market: str | None = None


def drivers_of(
    model: RiskModel,
    facts: Floats,
    sums: Sums,
    base: float,
    labels: Sequence[LineLabels],
    *,
    delivery: Floats | None = None,
) -> list[tuple[Driver, ...]]:
    """The few things that moved each line most.

    Parameters
    ----------
    model
        The estimator.
    facts
        Lines by `FACTS`, shape (n, len(FACTS)).
    sums
        Of every history, as :func:`features.return_risk.return_risk_vectors` takes them.
    base
        The shop's return rate.
    labels
        Words for each line.
    delivery
        Lines by `DELIVERY`, for a model of the moment ``delivered``.

    Returns
    -------
    list of tuple of Driver
        At most three a line, the strongest first; only what moved it by one point or more and what
        there are figures for.
    """
    rows = len(facts)
    if not rows:
        return []
    asked = [*_FORGET, "sizes", "colours", "basket", "price", "delivery"]
    if delivery is None:
        asked.remove("delivery")
    changed = [_without(what, facts, sums, delivery) for what in asked]
    every = [(facts, sums, delivery), *changed]
    X = return_risk_vectors(
        np.concatenate([each[0] for each in every]),
        {name: np.concatenate([each[1][name] for each in every]) for name in sums},
        base,
    )
    if delivery is not None:
        X = np.column_stack([X, np.concatenate([each[2] for each in every if each[2] is not None])])
    chances = model.chance(X).reshape(len(every), rows)
    effects = dict(zip(asked, chances[0] - chances[1:], strict=True))
    return [
        _strongest([(w, float(effects[w][i])) for w in asked], i, facts, sums, base, each, delivery)
        for i, each in enumerate(labels)
    ]


def _without(
    what: str, facts: Floats, sums: Sums, delivery: Floats | None
) -> tuple[Floats, Sums, Floats | None]:
    """The lines as if this were not known, or not so."""
    if what in _FORGET:
        unknown = {name: np.zeros_like(sums[name]) for name in _FORGET[what]}
        return facts, {**sums, **unknown}, delivery
    if what == "delivery":
        assert delivery is not None
        prompt = delivery.copy()
        late = np.maximum(np.nan_to_num(delivery[:, _D["delay_days"]]), 0.0)
        prompt[:, _D["delivery_days"]] -= late
        prompt[:, _D["delay_days"]] -= late
        return facts, sums, prompt
    other = facts.copy()
    if what == "sizes":
        for name in _ONE_SIZE:
            other[:, _F[name]] = _ALONE[name]
    elif what == "colours":
        other[:, _F["colours_of_product"]] = 1.0
    elif what == "price":
        usual = _usual_price(sums)
        known = np.isfinite(usual)
        other[known, _F["price"]] = usual[known]
    else:
        for name, value in _ALONE.items():
            other[:, _F[name]] = value
        price, quantity = facts[:, _F["price"]], facts[:, _F["quantity"]]
        other[:, _F["basket_value"]] = np.nan_to_num(price * quantity)
        other[:, _F["basket_mean_price"]] = price
        other[:, _F["same_product"]] = quantity
    return other, sums, delivery


def _usual_price(sums: Sums) -> Floats:
    """Mean price of the brand's goods."""
    brand, at = sums["brand"], _SUM["brand"]
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: Floats = brand[:, at["price"]] / brand[:, at["priced"]]
    return mean


def _strongest(
    effects: Sequence[tuple[str, float]],
    i: int,
    facts: Floats,
    sums: Sums,
    base: float,
    labels: LineLabels,
    delivery: Floats | None,
) -> tuple[Driver, ...]:
    found: list[Driver] = []
    for what, effect in sorted(effects, key=lambda each: -abs(each[1])):
        if abs(effect) < _LEAST_EFFECT or len(found) == _MOST:
            break
        told = _told(what, effect, i, facts, sums, base, labels, delivery)
        if told is not None:
            found.append(Driver(told[0], round(effect, 4), told[1]))
    return tuple(found)


Told = tuple[str, dict[str, float | int | str]]


def _told(
    what: str,
    effect: float,
    i: int,
    facts: Floats,
    sums: Sums,
    base: float,
    labels: LineLabels,
    delivery: Floats | None,
) -> Told | None:
    """Code and figures; None where the figures do not say what the effect says."""
    up = effect > 0
    match what:
        case "colour":
            return _against_others("colour", labels.colour, sums["product_colour"], sums, i, up=up)
        case "size":
            return _against_others("size", labels.size, sums["product_size"], sums, i, up=up)
        case "product":
            return _against_shop("product", None, sums["product"][i], base, up=up)
        case "brand":
            return _against_shop("brand", labels.brand, sums["brand"][i], base, up=up)
        case "market":
            told = _against_shop("market", labels.market, sums["market"][i], base, up=up)
            return told if up else None
        case "customer":
            return _of_customer(sums["customer"][i], up=up)
        case "same_product":
            before = sums["customer_product"][i]
            if before[_ORDERED] < 1:
                return None
            figures = {"returned": _whole(before[_RETURNED]), "orders": _whole(before[_ORDERED])}
            return "same_product_before", {**figures}
        case "sizes":
            return _count("several_sizes", "count", facts[i, _F["sizes_of_product"]])
        case "colours":
            return _count("several_colours", "count", facts[i, _F["colours_of_product"]])
        case "basket":
            # A basket of one product in several sizes or colours is told as such.
            if facts[i, _F["basket_products"]] < 2:
                return None
            return _count("basket_lines", "lines", facts[i, _F["basket_lines"]])
        case "price":
            ratio = facts[i, _F["price"]] / _usual_price(sums)[i]
            return ("price_high", {"ratio": _ratio(ratio)}) if up and ratio > _DEARER else None
        case _:
            assert delivery is not None
            late = delivery[i, _D["delay_days"]]
            return ("late_delivery", {"days": _whole(late)}) if up and late >= 1 else None


def _against_others(
    what: str, label: str | None, own: Floats, sums: Sums, i: int, *, up: bool
) -> Told | None:
    """A size or colour against the product's others."""
    product, mine = sums["product"][i], own[i]
    settled = mine[_RETURNED] + mine[_KEPT]
    others = product[_RETURNED] + product[_KEPT] - settled
    back = product[_RETURNED] - mine[_RETURNED]
    if label is None or not up or min(settled, others) < _LEAST_SETTLED or back <= 0:
        return None
    ratio = (mine[_RETURNED] / settled) / (back / others)
    if ratio <= 1:
        return None
    return f"{what}_comes_back", {what: label, "ratio": _ratio(ratio), "n": _whole(settled)}


def _against_shop(
    what: str, label: str | None, own: Floats, base: float, *, up: bool
) -> Told | None:
    settled = own[_RETURNED] + own[_KEPT]
    if settled < _LEAST_SETTLED or base <= 0:
        return None
    ratio = own[_RETURNED] / settled / base
    if (ratio > 1) != up:
        return None
    named: dict[str, float | int | str] = {} if label is None else {what: label}
    if label is None and what != "product":
        return None
    code = f"{what}_comes_back" if up else f"{what}_stays"
    return code, {**named, "ratio": _ratio(ratio), "n": _whole(settled)}


def _of_customer(own: Floats, *, up: bool) -> Told | None:
    returned, kept = _whole(own[_RETURNED]), _whole(own[_KEPT])
    settled = returned + kept
    if up and returned:
        return "customer_returns", {"returned": returned, "orders": settled}
    if not up and kept:
        return "customer_keeps", {"kept": kept, "orders": settled}
    return None


def _count(code: str, name: str, count: float) -> Told | None:
    return (code, {name: _whole(count)}) if count > 1 else None


def _whole(value: float) -> int:
    return round(float(value))


def _ratio(value: float) -> float:
    return round(float(value), 2)
