"""What moved a line's chance of coming back, with the shop's own figures.

By occlusion (Zeiler and Fergus, "Visualizing and understanding convolutional networks", ECCV
2014): the vector is made once more as if one thing were not known, such as the record of this
colour, and what the chance changes by is what that thing moved. A record that is not known falls
back to that of the next coarser one, as for a new colour of a known product, so every vector asked
about is one that a shop could have.

The model is asked only of what there are figures to tell of: its rows are what an answer costs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from features.baskets import BASKET_FACTS
from features.return_risk import DELIVERY, FACTS, HISTORIES, return_risk_vectors
from models.return_risk.answer import Driver
from models.return_risk.figures import LineLabels, Telling, Told, tellings, usual_price

__all__ = ["LOOKED_AT", "Occluded"]

Floats = npt.NDArray[np.float64]
Sums = Mapping[str, Floats]

_MOST = 3
_LEAST_EFFECT = 0.01

_F = {name: i for i, name in enumerate(FACTS)}
_D = {name: i for i, name in enumerate(DELIVERY)}

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
LOOKED_AT = (*_FORGET, "sizes", "colours", "basket", "price", "delivery")
"""What may have moved a chance; of two equal effects the earlier is told first."""
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


class Occluded:
    """Lines as if one thing or other were not known of them, for a model to judge.

    Parameters
    ----------
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

    Attributes
    ----------
    X
        Rows by ``VECTORS[moment]``: of each line one for everything there are figures to tell of.
    """

    def __init__(
        self,
        facts: Floats,
        sums: Sums,
        base: float,
        labels: Sequence[LineLabels],
        *,
        delivery: Floats | None = None,
    ) -> None:
        found = tellings(facts, sums, base, labels, delivery)
        told = [(what, found[what]) for what in LOOKED_AT if what in found]
        self._told: list[Telling] = [each for _, of_lines in told for each in of_lines]
        lines = np.array([each.line for each in self._told], dtype=np.int64)
        hidden = {name: each[lines] for name, each in sums.items()}
        facts, came = facts[lines], None if delivery is None else delivery[lines]
        start = 0
        for what, of_lines in told:
            end = start + len(of_lines)
            _forget(what, slice(start, end), facts, hidden, came)
            start = end
        X = return_risk_vectors(facts, hidden, base)
        self.X = X if came is None else np.column_stack([X, came])

    def drivers(self, own: Floats, occluded: Floats) -> list[tuple[Driver, ...]]:
        """The few things that moved each line most.

        Parameters
        ----------
        own
            Chance of a return of each line.
        occluded
            Chance of a return of each row of :attr:`X`.

        Returns
        -------
        list of tuple of Driver
            At most three a line, the strongest first; only what moved it by one point or more and
            what there are figures for.
        """
        chances = own.tolist()
        effects: list[list[tuple[float, Told | None, Told | None]]] = [[] for _ in chances]
        for (line, up, down), without in zip(self._told, occluded.tolist(), strict=True):
            effects[line].append((chances[line] - without, up, down))
        return [_strongest(each) for each in effects]


def _strongest(effects: list[tuple[float, Told | None, Told | None]]) -> tuple[Driver, ...]:
    found: list[Driver] = []
    for effect, up, down in sorted(effects, key=lambda each: -abs(each[0])):
        if abs(effect) < _LEAST_EFFECT or len(found) == _MOST:
            break
        told = up if effect > 0 else down
        if told is not None:
            found.append(Driver(told[0], round(effect, 4), told[1]))
    return tuple(found)


def _forget(what: str, at: slice, facts: Floats, sums: Sums, delivery: Floats | None) -> None:
    """Change these rows to what they would be if this were not known, or not so."""
    if what in _FORGET:
        for name in _FORGET[what]:
            sums[name][at] = 0.0
        return
    if what == "delivery":
        assert delivery is not None
        prompt = delivery[at]
        late = np.maximum(np.nan_to_num(prompt[:, _D["delay_days"]]), 0.0)
        prompt[:, _D["delivery_days"]] -= late
        prompt[:, _D["delay_days"]] -= late
        return
    other = facts[at]
    if what == "sizes":
        for name in _ONE_SIZE:
            other[:, _F[name]] = _ALONE[name]
    elif what == "colours":
        other[:, _F["colours_of_product"]] = 1.0
    elif what == "price":
        usual = usual_price(sums["brand"][at])
        known = np.isfinite(usual)
        other[known, _F["price"]] = usual[known]
    else:
        for name, value in _ALONE.items():
            other[:, _F[name]] = value
        price, quantity = other[:, _F["price"]], other[:, _F["quantity"]]
        other[:, _F["basket_value"]] = np.nan_to_num(price * quantity)
        other[:, _F["basket_mean_price"]] = price
        other[:, _F["same_product"]] = quantity
