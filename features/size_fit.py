"""The vector of `size_fit`: person, product and candidate size as ordered numbers.

There is one implementation: :func:`size_fit_vectors` takes facts and history sums as matrices and
is called with all order lines in training and with the candidate sizes of one question in serving.
"""

from __future__ import annotations

from collections.abc import Iterable

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
Ints = npt.NDArray[np.int64]

_OUTCOMES = ("small", "fit", "large")
_MOMENTS = ("spread_1", "spread_2", "spread_3")
_RECENT_DAYS = 180.0
_SUMS = (
    Sum("orders", "ordered"),
    Sum("level", "ordered", "level"),
    Sum("fair", "ordered", "fair"),
    *(Sum(name, "ordered", name) for name in _MOMENTS),
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
_H = {name: i for i, name in enumerate(_KEYS)}
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


_V = {name: i for i, name in enumerate(VECTOR)}
# Sums that are told as they are, by their names in the vector.
_COPIED: dict[str, tuple[str, str]] = {
    "person_scale.orders": ("person_scale", "orders"),
    "person_scale.fair_sum": ("person_scale", "fair"),
    "person_scale.kept": ("person_scale", "kept"),
    "person.orders": ("person", "orders"),
    "person.level_sum": ("person", "level"),
    "product.weight": ("product", "surplus_weight"),
}
for _name in ("person_scale", "product", "product_size", "brand"):
    _COPIED |= {f"{_name}.told_{outcome}": (_name, outcome) for outcome in _OUTCOMES}
# Mean positions that a size is held against: their sum, and over how many lines.
_MEANS = {"from_orders": ("fair", "orders"), "from_kept": ("kept_fair", "kept")}
_MEANS |= {f"from_{outcome}": (f"fair_{outcome}", outcome) for outcome in _OUTCOMES}
_LATELY = ("recent_orders", "recent_fair", "recent_born")
_READ: dict[str, list[tuple[str, str]]] = {
    "copied": list(_COPIED.values()),
    "ends": [(name, end) for name in _RATED for end in ("small", "large")],
    "fit": [(name, "fit") for name in _RATED],
    "kept": [(name, "kept") for name in _RATED],
    "orders": [(name, "orders") for name in _COUNTED],
    "recent": [("person_scale", name) for name in _LATELY],
    "recent_of_any": [("account_scale", name) for name in _LATELY],
    "moments": [("person_scale", name) for name in ("orders", *_MOMENTS)],
    "surplus": [("product", name) for name in ("surplus", "kept_surplus")],
    "surplus_weight": [("product", name) for name in ("surplus_weight", "kept_weight")],
    "summed": [("person_scale", summed) for summed, _ in _MEANS.values()],
    "lines": [("person_scale", lines) for _, lines in _MEANS.values()],
}
"""The sums that are read, by what for."""


def _places(names: Iterable[str]) -> Ints:
    return np.array([_V[name] for name in names])


def _columns(first: str, last: str) -> slice:
    return slice(_V[first], _V[last] + 1)


_TAKEN = np.array([
    _H[history] * len(SUMS) + SUMS.index(name) for read in _READ.values() for history, name in read
])  # fmt: skip
_ENDS = np.cumsum([len(read) for read in _READ.values()]).tolist()
_BY = {
    name: slice(end - len(read), end)
    for (name, read), end in zip(_READ.items(), _ENDS, strict=True)
}
_COPIED_TO, _FROM_MEANS = _places(_COPIED), _places(_MEANS)
_STRENGTHS = np.array([[strength] for _, _, strength in _PARENTS])
_RATES = _columns(f"{_RATED[0]}.small", f"{_RATED[-1]}.large")
_LOG_TOLD = _columns(f"{_RATED[0]}.log_told", f"{_RATED[-1]}.log_told")
_LOG_ORDERS = _columns(f"{_COUNTED[0]}.log_orders", f"{_COUNTED[-1]}.log_orders")
_BODY = _places(("chest_cm", "waist_cm", "hip_cm", "height_cm", "foot_length_cm"))
_MIDS = _places(f"{name}_mid" for name in ("chest", "waist", "hip", "height", "foot"))
_GAPS = _columns("chest_gap", "foot_gap")


def kept_shift(surplus: Floats, weight: Floats) -> Floats:
    """By how many steps a product is kept above what its buyers usually take.

    Parameters
    ----------
    surplus, weight
        Sums over its kept lines; see :func:`features.choices.with_choices`.
    """
    shift: Floats = surplus / (weight + SHIFT_PRIOR)
    return shift


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

    Notes
    -----
    A question has half a dozen rows, for which a call of numpy costs the same as for one number:
    what is alike for several columns is done for all of them in one call.
    """
    vectors = np.empty((len(facts), len(VECTOR)))
    vectors[:, : len(FACTS)] = facts
    read = sums.reshape(len(sums), len(HISTORIES) * len(SUMS)).take(_TAKEN, axis=1).T
    vectors[:, _COPIED_TO] = read[_BY["copied"]].T
    with np.errstate(invalid="ignore", divide="ignore"):
        _put_body(vectors)
        _put_rates(vectors, read, base)
        _put_choices(vectors, read)
    return vectors


def _put_body(vectors: Floats) -> None:
    height = vectors[:, _V["height_cm"]]
    vectors[:, _V["bmi"]] = vectors[:, _V["weight_kg"]] / (height / 100) ** 2
    vectors[:, _GAPS] = vectors.take(_BODY, axis=1) - vectors.take(_MIDS, axis=1)


def _put_rates(vectors: Floats, read: Floats, base: Floats) -> None:
    ends = read[_BY["ends"]].reshape(len(_RATED), 2, -1)
    # Who keeps a line without a word has no complaint of its fit.
    count = ends[:, 0] + ends[:, 1] + np.maximum(read[_BY["fit"]], read[_BY["kept"]])
    weight = count + _STRENGTHS
    rates = np.empty(ends.shape)
    for here, (_, parent, strength) in enumerate(_PARENTS):
        prior = base[:, None] if parent is None else rates[_RATED.index(parent)]
        rates[here] = (ends[here] + strength * prior) / weight[here]
    vectors[:, _LOG_TOLD] = np.log1p(count).T
    vectors[:, _RATES] = rates.T.reshape(len(vectors), 2 * len(_RATED))
    vectors[:, _LOG_ORDERS] = np.log1p(read[_BY["orders"]]).T


def _put_choices(vectors: Floats, read: Floats) -> None:
    position, basket = vectors[:, _V["position"]], vectors[:, _V["basket_fair"]]
    # Who orders for one of several without naming whom is read by all the account ordered.
    unnamed = vectors[:, _V["wearer_unnamed"]] > 0
    recent = np.where(unnamed, read[_BY["recent_of_any"]], read[_BY["recent"]])
    shift, shift_of_kept = kept_shift(read[_BY["surplus"]], read[_BY["surplus_weight"]])
    orders, *moments = read[_BY["moments"]]
    counted, fair = orders, vectors[:, _V["person_scale.fair_sum"]]
    grown = _grown(vectors, recent)
    if grown is not None:
        outgrown = np.isfinite(grown)
        counted = np.where(outgrown, recent[0], orders)
        fair = np.where(outgrown, recent[0] * grown, fair)
    usual = usual_position(vectors[:, _V["natural"]], vectors[:, _V["natural_sd"]], counted, fair)
    plain = position - shift
    found = {
        **dict(zip(WEARERS, split(orders, *moments), strict=True)),
        "recent_orders": recent[0],
        "recent_fair": recent[1],
        "grown_position": np.nan if grown is None else grown,
        "product.shift": shift,
        "product.kept_shift": shift_of_kept,
        "gap_from_shift": vectors[:, _V["gap"]] - shift,
        "usual": usual,
        "from_usual": position - usual,
        "from_usual_shifted": plain - usual,
        "from_basket": plain - basket,
        "basket_from_usual": basket - usual,
    }
    for name, values in found.items():
        vectors[:, _V[name]] = values
    vectors[:, _FROM_MEANS] = (plain - read[_BY["summed"]] / read[_BY["lines"]]).T


def _grown(vectors: Floats, recent: Floats) -> Floats | None:
    """Where children of unknown age stand by now, by the sizes they took and the growth since.

    NaN where it is not known; None where there is no such child.
    """
    step_cm = vectors[:, _V["step_cm"]]
    rows = np.flatnonzero(np.isfinite(step_cm) & (recent[0] > 0))
    if not len(rows):
        return None
    grown = np.full(len(vectors), np.nan)
    age = vectors[rows, _V["years"]] - recent[2, rows] / recent[0, rows]
    grown[rows] = stature(np.maximum(age, 0.0), None)[0] / step_cm[rows]
    return grown
