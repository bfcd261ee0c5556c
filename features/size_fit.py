"""The vector of `size_fit`: person, product and candidate size as ordered numbers.

There is one implementation: :func:`size_fit_vectors` takes facts and history sums as matrices and
is called with all order lines in training and with the candidate sizes of one question in serving.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from features.choices import BASKET, SHIFT_PRIOR, usual_position
from features.growth import stature
from features.histories import History, Sum
from features.wearers import split

__all__ = [
    "BASKET",
    "CODED",
    "FACTS",
    "HISTORIES",
    "PREFERENCES",
    "SUMS",
    "VECTOR",
    "WEARERS",
    "kept_shift",
    "size_fit_vectors",
]

Floats = npt.NDArray[np.float64]

_OUTCOMES = ("small", "fit", "large")
_RECENT_DAYS = 180.0
_SUMS = (
    Sum("orders", "ordered"),
    Sum("level", "ordered", "level"),
    Sum("fair", "ordered", "fair"),
    *(Sum(f"spread_{power}", "ordered", f"spread_{power}") for power in (1, 2, 3)),
    Sum("surplus", "ordered", "surplus"),
    Sum("surplus_weight", "ordered", "surplus_weight"),
    Sum("recent_orders", "ordered", half_life_days=_RECENT_DAYS),
    Sum("recent_fair", "ordered", "fair", half_life_days=_RECENT_DAYS),
    Sum("recent_born", "ordered", "born", half_life_days=_RECENT_DAYS),
    *(Sum(o, "fit_told", verdict=o) for o in _OUTCOMES),
    *(Sum(f"fair_{o}", "fit_told", "fair", verdict=o) for o in _OUTCOMES),
    Sum("kept", "kept"),
    Sum("kept_fair", "kept", "fair"),
    Sum("kept_surplus", "kept", "surplus"),
    Sum("kept_weight", "kept", "surplus_weight"),
)
SUMS: tuple[str, ...] = tuple(each.name for each in _SUMS)
"""Names of the sums every history of `size_fit` keeps, in order."""

_KEYS: dict[str, tuple[str, ...]] = {
    "person": ("person", "audience"),
    "person_scale": ("person", "scale"),
    "account_scale": ("customer_id", "scale"),
    "product": ("product_id",),
    "product_size": ("product_id", "size_label"),
    "brand": ("brand",),
    "category": ("category",),
}
HISTORIES: tuple[History, ...] = tuple(History(name, key, _SUMS) for name, key in _KEYS.items())
"""The histories `size_fit` reads, all with the same sums so that they stack into one array."""

# Whose rates a history's own are shrunk towards, and by how many told outcomes. Coarse to fine.
_PARENTS: tuple[tuple[str, str | None, float], ...] = (
    ("category", None, 50.0),
    ("brand", "category", 10.0),
    ("product", "brand", 4.0),
    ("product_size", "product", 4.0),
    ("person", None, 4.0),
)
_RATED = tuple(name for name, _, _ in _PARENTS)
_COUNTED = ("person", "person_scale", "product")

FACTS: tuple[str, ...] = (
    "position",
    "step",
    "step_cm",
    "chart_sd",
    "natural",
    "natural_sd",
    "scale_mean",
    "scale_sd",
    "gap",
    "size_rank",
    "sizes",
    "height_cm",
    "weight_kg",
    "chest_cm",
    "waist_cm",
    "hip_cm",
    "foot_length_cm",
    "cup_index",
    "child_age",
    "child",
    "wearer_unnamed",
    "years",
    "fit_preference",
    "stretch",
    *BASKET,
    "chest_mid",
    "waist_mid",
    "hip_mid",
    "height_mid",
    "foot_mid",
    "category",
    "audience",
    "market",
    "occasion",
    "body_shape",
    "scale",
)
"""What is known without history, in order; the last six are codes of categories."""

WEARERS = ("wearers.two", "wearers.low", "wearers.high", "wearers.share")
"""Two people on one account and scale; see :func:`features.wearers.split`."""

PREFERENCES = {"tight": -1.0, "regular": 0.0, "loose": 1.0}
"""Fit preference as a number, in the order of ease."""

CODED = ("category", "audience", "market", "occasion", "body_shape", "scale")
_H = {each.name: i for i, each in enumerate(HISTORIES)}
_S = {name: i for i, name in enumerate(SUMS)}
_RATED_AT = [_H[name] for name in _RATED]
_COUNTED_AT = [_H[name] for name in _COUNTED]
_F = {name: i for i, name in enumerate(FACTS)}
_SPREAD = slice(_S["spread_1"], _S["spread_3"] + 1)
_TOLD = slice(_S["small"], _S["large"] + 1)
_RECENT = slice(_S["recent_orders"], _S["recent_born"] + 1)
_FAIR = slice(_S["fair_small"], _S["fair_large"] + 1)
_BODY = slice(_F["chest_cm"], _F["hip_cm"] + 1)
_MIDS = slice(_F["chest_mid"], _F["hip_mid"] + 1)

VECTOR: tuple[str, ...] = (
    *FACTS,
    "bmi",
    "chest_gap",
    "waist_gap",
    "hip_gap",
    "height_gap",
    "foot_gap",
    *(f"{h}.log_told" for h in _RATED),
    *(f"{h}.small" for h in _RATED),
    *(f"{h}.large" for h in _RATED),
    *(f"{h}.log_orders" for h in _COUNTED),
    "person_scale.orders",
    "person_scale.told_small",
    "person_scale.told_fit",
    "person_scale.told_large",
    "person_scale.fair_sum",
    "person_scale.kept",
    *WEARERS,
    "person.orders",
    "person.level_sum",
    "recent_orders",
    "recent_fair",
    "grown_position",
    "product.told_small",
    "product.told_fit",
    "product.told_large",
    "product.shift",
    "product.weight",
    "product.kept_shift",
    "gap_from_shift",
    "usual",
    "from_usual",
    "from_usual_shifted",
    "from_orders",
    "from_kept",
    "from_basket",
    "basket_from_usual",
    "from_small",
    "from_fit",
    "from_large",
    "product_size.told_small",
    "product_size.told_fit",
    "product_size.told_large",
    "brand.told_small",
    "brand.told_fit",
    "brand.told_large",
)
"""Names of the vector's columns, in order."""


def kept_shift(surplus: Floats, weight: Floats) -> Floats:
    """By how many steps a product is kept above what its buyers usually take.

    Parameters
    ----------
    surplus, weight
        Sums over its kept lines; see :func:`features.choices.with_choices`.
    """
    shift: Floats = surplus / (weight + SHIFT_PRIOR)
    return shift


def _grown(facts: Floats, recent: Floats) -> Floats:
    """Where a child of unknown age stands by now, by the sizes it took and the growth since."""
    grown = np.full(len(facts), np.nan)
    rows = np.flatnonzero(np.isfinite(facts[:, _F["step_cm"]]) & (recent[:, 0] > 0))
    if len(rows):
        age = facts[rows, _F["years"]] - recent[rows, 2] / recent[rows, 0]
        grown[rows] = stature(np.maximum(age, 0.0), None)[0] / facts[rows, _F["step_cm"]]
    return grown


def size_fit_vectors(facts: Floats, sums: Floats, base: Floats) -> Floats:
    """Build the vectors.

    Parameters
    ----------
    facts
        Rows by `FACTS`, NaN where unknown.
    sums
        Rows by `HISTORIES` by `SUMS`: what was known before the question, decayed to it.
    base
        Shares of small and large over all told outcomes of the training data, the rates that a
        key without history gets.

    Returns
    -------
    ndarray
        Rows by `VECTOR`.
    """
    rows = len(facts)
    told = sums[:, :, _TOLD]
    rated = told[:, _RATED_AT]
    ends = rated[:, :, ::2]
    # Who keeps a line without a word has no complaint of its fit.
    count = ends.sum(axis=2) + np.maximum(rated[:, :, 1], sums[:, _RATED_AT, _S["kept"]])
    rates = np.empty((rows, len(_RATED), 2))
    for here, (_, parent, strength) in enumerate(_PARENTS):
        prior = base if parent is None else rates[:, _RATED.index(parent)]
        rates[:, here] = (ends[:, here] + strength * prior) / (count[:, here, None] + strength)
    with np.errstate(invalid="ignore", divide="ignore"):
        person, product = sums[:, _H["person_scale"]], sums[:, _H["product"]]
        # Who orders for one of several without naming whom is read by all the account ordered.
        unnamed = facts[:, _F["wearer_unnamed"], None] > 0
        recent = np.where(unnamed, sums[:, _H["account_scale"], _RECENT], person[:, _RECENT])
        position, gap = facts[:, _F["position"]], facts[:, _F["gap"]]
        height = facts[:, _F["height_cm"]]
        orders = person[:, _S["orders"]]
        shift = product[:, _S["surplus"]] / (product[:, _S["surplus_weight"]] + SHIFT_PRIOR)
        grown = _grown(facts, recent)
        outgrown = np.isfinite(grown)
        usual = usual_position(
            facts[:, _F["natural"]],
            facts[:, _F["natural_sd"]],
            np.where(outgrown, recent[:, 0], orders),
            np.where(outgrown, recent[:, 0] * grown, person[:, _S["fair"]]),
        )
        plain, basket = position - shift, facts[:, _F["basket_fair"]]
        vectors = (
            facts,
            facts[:, _F["weight_kg"]] / (height / 100) ** 2,
            facts[:, _BODY] - facts[:, _MIDS],
            height - facts[:, _F["height_mid"]],
            facts[:, _F["foot_length_cm"]] - facts[:, _F["foot_mid"]],
            np.log1p(count),
            rates[:, :, 0],
            rates[:, :, 1],
            np.log1p(sums[:, _COUNTED_AT, _S["orders"]]),
            orders,
            told[:, _H["person_scale"]],
            person[:, _S["fair"]],
            person[:, _S["kept"]],
            *split(orders, *person[:, _SPREAD].T),
            sums[:, _H["person"], _S["orders"]],
            sums[:, _H["person"], _S["level"]],
            recent[:, 0],
            recent[:, 1],
            grown,
            told[:, _H["product"]],
            shift,
            product[:, _S["surplus_weight"]],
            kept_shift(product[:, _S["kept_surplus"]], product[:, _S["kept_weight"]]),
            gap - shift,
            usual,
            position - usual,
            plain - usual,
            plain - person[:, _S["fair"]] / orders,
            plain - person[:, _S["kept_fair"]] / person[:, _S["kept"]],
            plain - basket,
            basket - usual,
            plain[:, None] - person[:, _FAIR] / told[:, _H["person_scale"]],
            told[:, _H["product_size"]],
            told[:, _H["brand"]],
        )
    return np.concatenate([v if v.ndim == 2 else v[:, None] for v in vectors], axis=1)
