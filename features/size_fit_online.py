"""The same vectors online: state look-up and question instead of tables.

Product, person and history are read from the state in two look-ups, whatever the number of
questions: first product and person, then the histories whose keys they tell. The vector itself is
built by :func:`features.size_fit.size_fit_vectors`, the one training calls; that the facts agree is
held by a test that compares the vectors of whole shops.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pandas as pd
from narwhals import from_native

from features.bodies import UNNAMED
from features.histories import T0_US, decay, final_state
from features.lines import YEAR_US
from features.people_online import (
    body_of,
    has_figures,
    people_items,
    person_keys,
    read_person,
)
from features.positions import CHILDREN, PLACES, is_child_scale
from features.questions import SizeQuestion
from features.size_fit import FACTS, HISTORIES, PREFERENCES, SUMS, size_fit_vectors
from features.size_fit_space import SizeFitSpace
from features.state import StateStore, state_key

__all__ = ["OnlineProduct", "SizeContext", "SizeFitLookup", "state_items"]

Floats = npt.NDArray[np.float64]

_F = {name: i for i, name in enumerate(FACTS)}
_H = {history.name: i for i, history in enumerate(HISTORIES)}
_PRODUCT = "product_facts"
_MICROS = 1e6


@dataclass(frozen=True, slots=True)
class OnlineProduct:
    """A product as the state knows it; its sizes smallest first."""

    product_id: str
    labels: tuple[str, ...]
    scales: tuple[str | None, ...]
    size_system: str | None
    category: str | None
    audience: str
    brand: str | None
    facts: Floats

    @property
    def sized(self) -> bool:
        """Whether there is a size to choose."""
        return any(scale is not None for scale in self.scales)


@dataclass(frozen=True, slots=True)
class SizeContext:
    """A question with what is known: the product, and vectors of the sizes asked about."""

    product: OnlineProduct | None
    labels: tuple[str, ...] = ()
    scale: str | None = None
    X: Floats | None = None


def state_items(
    space: SizeFitSpace, tables: Mapping[str, pd.DataFrame]
) -> Iterator[tuple[str, bytes]]:
    """Everything the look-ups need, as keys and values of the state store.

    Parameters
    ----------
    space
        The feature space of the model that will ask.
    tables
        Contract tables.
    """
    data = space.data(tables)
    for history in HISTORIES:
        final = from_native(final_state(history, data.events), eager_only=True)
        keys = zip(*(final[part].to_list() for part in history.key), strict=True)
        values = np.ascontiguousarray(final.select(*history.columns).to_numpy(), dtype="<f8")
        for key, row in zip(keys, values, strict=True):
            yield state_key(history.name, *key), row.tobytes()
    yield from _products(tables["products"], data.placed)
    yield from people_items(tables.get("body_measurements"))


def _products(products: pd.DataFrame, placed: pd.DataFrame) -> Iterator[tuple[str, bytes]]:
    known = products.set_index("product_id")[["category", "brand", "audience", "size_system"]]
    ordered = placed.sort_values(["product_id", "size_rank"], kind="stable")
    matrix = ordered[list(PLACES)].to_numpy(dtype="<f8")
    labels = ordered["size_label"].to_numpy(dtype=object)
    scales = ordered["scale"].to_numpy(dtype=object)
    ids = ordered["product_id"].to_numpy(dtype=object)
    starts = np.flatnonzero(np.r_[np.ones(min(len(ids), 1), bool), ids[1:] != ids[:-1]])
    ends = np.append(starts[1:], len(ids))[: len(starts)]
    of_product = {ids[s]: slice(s, e) for s, e in zip(starts, ends, strict=True)}
    nothing = slice(0, 0)
    for product_id, row in zip(known.index, known.to_dict("records"), strict=True):
        rows = of_product.get(product_id, nothing)
        head = {
            "labels": labels[rows].tolist(),
            "scales": [s if isinstance(s, str) else None for s in scales[rows]],
            **{name: value if isinstance(value, str) else None for name, value in row.items()},
        }
        yield state_key(_PRODUCT, product_id), orjson.dumps(head) + b"\0" + matrix[rows].tobytes()


class SizeFitLookup:
    """Builds the vectors of questions from the state.

    Parameters
    ----------
    space
        The model's feature space.
    state
        The store, filled for this space.
    """

    def __init__(self, space: SizeFitSpace, state: StateStore) -> None:
        self._space = space
        self._state = state
        self._codes = space.codes_
        self._scales: dict[str | None, tuple[float, float]] = {
            name: (float(mean[-1]), math.sqrt(covariance[-1, -1]))
            for name, (mean, covariance) in space.natural_.scales_.items()
        }

    def contexts(self, questions: Sequence[SizeQuestion]) -> list[SizeContext]:
        """Look up what is known of each question and build the vectors of its sizes."""
        first: set[str] = set()
        for q in questions:
            first.add(state_key(_PRODUCT, q.product_id))
            first.update(person_keys(q))
        found = self._state.get_many(list(first))
        asked = []
        second: set[str] = set()
        for q in questions:
            stored = found.get(state_key(_PRODUCT, q.product_id))
            product = None if stored is None else _read_product(q.product_id, stored)
            rows = [] if product is None else _rows(product, q.candidate_sizes)
            keys = [] if product is None or not rows else _history_keys(q, product, rows)
            asked.append((q, product, rows, keys))
            second.update(key for key, _, _ in keys)
        histories = self._state.get_many(list(second)) if second else {}
        facts, sums = [], []
        for q, product, rows, keys in asked:
            if product is not None and rows:
                person = read_person(q, product.audience, found, heights=_heights(product))
                facts.append(self._facts(q, product, rows, person))
                sums.append(self._sums(q, len(rows), keys, histories))
        if not facts:
            return [SizeContext(product) for _, product, _, _ in asked]
        X = size_fit_vectors(np.concatenate(facts), np.concatenate(sums), self._space.base_)
        contexts, start = [], 0
        for _, product, rows, _ in asked:
            if product is None or not rows:
                contexts.append(SizeContext(product))
                continue
            contexts.append(
                SizeContext(
                    product=product,
                    labels=tuple(product.labels[row] for row in rows),
                    scale=product.scales[rows[0]],
                    X=X[start : start + len(rows)],
                )
            )
            start += len(rows)
        return contexts

    def _facts(
        self,
        q: SizeQuestion,
        product: OnlineProduct,
        rows: list[int],
        person: Mapping[str, Any],
    ) -> Floats:
        codes = self._codes
        of_all = {
            **person,
            "child_age": person.get("age_years", math.nan),
            "fit_preference": PREFERENCES.get(person.get("fit_preference", ""), math.nan),
            "years": (q.asked_at * _MICROS - T0_US) / YEAR_US,
            "category": codes["category"].get(product.category or "", math.nan),
            "audience": codes["audience"].get(product.audience, math.nan),
            "market": codes["market"].get(q.market or "", math.nan),
            "occasion": codes["occasion"].get(q.occasion or "", math.nan),
            "body_shape": codes["body_shape"].get(person.get("body_shape", ""), math.nan),
        }
        facts = np.empty((len(rows), len(FACTS)))
        facts[:] = [of_all.get(name, math.nan) for name in FACTS]
        facts[:, _PRODUCT_COLUMNS] = product.facts[rows]
        body = body_of(person)
        scales = [product.scales[row] for row in rows]
        for scale in set(scales):
            child = is_child_scale(scale)
            unnamed = child and q.wearer == "self"
            read_by = f"{scale}{UNNAMED}" if unnamed else scale
            facts[np.ix_([each == scale for each in scales], _SCALE_COLUMNS)] = (
                *self._space.natural_.predict_one(body, read_by),
                *self._scales.get(read_by, (math.nan, math.nan)),
                child,
                float(unnamed),
                codes["scale"].get(scale or "", math.nan),
            )
        if has_figures(person):
            facts[:, _F["gap"]] = facts[:, _F["position"]] - facts[:, _F["natural"]]
        return facts

    def _sums(
        self,
        q: SizeQuestion,
        rows: int,
        keys: Iterable[tuple[str, int, int | None]],
        histories: Mapping[str, bytes],
    ) -> Floats:
        sums = np.zeros((rows, len(HISTORIES), len(SUMS)))
        for key, history, row in keys:
            stored = histories.get(key)
            if stored is not None:
                sums[slice(None) if row is None else row, history] = np.frombuffer(stored, "<f8")
        return sums * decay(_HALF_LIVES, q.asked_at * _MICROS)


_SCALE_COLUMNS = [
    _F[name]
    for name in (
        "natural",
        "natural_sd",
        "scale_mean",
        "scale_sd",
        "child",
        "wearer_unnamed",
        "scale",
    )
]
_PRODUCT_COLUMNS = [_F[name] for name in PLACES]
_HEIGHT = PLACES.index("height_mid")
_HALF_LIVES = HISTORIES[0].half_lives


def _read_product(product_id: str, stored: bytes) -> OnlineProduct:
    head, _, matrix = stored.partition(b"\0")
    told = orjson.loads(head)
    return OnlineProduct(
        product_id=product_id,
        labels=tuple(told["labels"]),
        scales=tuple(told["scales"]),
        size_system=told["size_system"],
        category=told["category"],
        audience=told["audience"] or "any",
        brand=told["brand"],
        facts=np.frombuffer(matrix, "<f8").reshape(-1, len(PLACES)),
    )


def _heights(product: OnlineProduct) -> tuple[float, float]:
    """Lowest and highest (cm) the product is made for, NaN where not told."""
    if product.audience not in CHILDREN:
        return math.nan, math.nan
    heights = product.facts[:, _HEIGHT]
    told = heights[np.isfinite(heights)]
    return (float(told.min()), float(told.max())) if len(told) else (math.nan, math.nan)


def _rows(product: OnlineProduct, wanted: Sequence[str]) -> list[int]:
    """Sizes to advise on, smallest first; those of no scale cannot be compared."""
    return [
        row
        for row, label in enumerate(product.labels)
        if product.scales[row] is not None and (not wanted or label in wanted)
    ]


def _history_keys(
    q: SizeQuestion, product: OnlineProduct, rows: list[int]
) -> list[tuple[str, int, int | None]]:
    """Key in the store, which history, and for which row (None: for all)."""
    keys: list[tuple[str, int, int | None]] = [
        (state_key("product", product.product_id), _H["product"], None)
    ]
    if product.brand is not None:
        keys.append((state_key("brand", product.brand), _H["brand"], None))
    if product.category is not None:
        keys.append((state_key("category", product.category), _H["category"], None))
    for i, row in enumerate(rows):
        label = product.labels[row]
        keys.append((state_key("product_size", product.product_id, label), _H["product_size"], i))
    if q.customer_id is not None:
        person = state_key(q.customer_id, q.wearer)
        keys.append((state_key("person", person, product.audience), _H["person"], None))
        for i, row in enumerate(rows):
            scale = str(product.scales[row])
            keys.append((state_key("person_scale", person, scale), _H["person_scale"], i))
            keys.append((state_key("account_scale", q.customer_id, scale), _H["account_scale"], i))
    return keys
