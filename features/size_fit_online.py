"""The same vectors online: state look-up and question instead of tables.

Product, person and history are read from the state in two look-ups, whatever the number of
questions: first product and person, then the histories whose keys they tell. The vector itself is
built by :func:`features.size_fit.size_fit_vectors`, the one training calls; that the facts agree is
held by a test that compares the vectors of whole shops.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from data_contracts.lazy import pd
from data_contracts.tables import SELF
from features.bodies import BODY_COLUMNS, UNNAMED
from features.choices import CHOICE_VARIANCE, OWN_SHARE, choice_items
from features.frames import CHILD_HEIGHT, is_growing
from features.garments import part_of_scale, stretch_of
from features.histories import T0_US, decay
from features.lines import PERSON_TEXTS, YEAR_US, is_aged
from features.next_size import KeptSizes
from features.people_online import (
    body_of,
    has_figures,
    people_items,
    person_keys,
    read_person,
)
from features.positions import AGED, PLACES, is_child_scale
from features.products_online import (
    OnlineProduct,
    moved_by_buyers,
    product_items,
    product_key,
    read_product,
)
from features.questions import SizeQuestion
from features.size_fit import (
    FACTS,
    HISTORIES,
    PREFERENCES,
    SUMS,
    VECTOR,
    size_fit_vectors,
)
from features.size_fit_space import SizeFitSpace
from features.state import StateReader, state_key
from features.window import WHOLE, Window

__all__ = ["SizeContext", "SizeFitLookup", "state_items"]

Floats = npt.NDArray[np.float64]

_F = {name: i for i, name in enumerate(FACTS)}
_H = {history.name: i for i, history in enumerate(HISTORIES)}
_MICROS = 1e6
_OF_ANYONE = frozenset(PERSON_TEXTS)
"""What is told of a person without telling which of several children it is."""


@dataclass(frozen=True, slots=True)
class SizeContext:
    """A question with what is known.

    Attributes
    ----------
    product
        What is asked about.
    labels
        The sizes asked about, smallest first.
    scale
        By which the body is read.
    X
        The vectors of these sizes.
    person
        The wearer; see :func:`features.people_online.read_person`.
    kept
        What the sizes that a child of known age kept say of its stature.
    """

    product: OnlineProduct | None
    labels: tuple[str, ...] = ()
    scale: str | None = None
    X: Floats | None = None
    person: Mapping[str, Any] = field(default_factory=dict)
    kept: KeptSizes | None = None


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question about some sizes: by which scales they are read, and the histories it needs."""

    question: SizeQuestion
    product: OnlineProduct
    rows: list[int]
    person: Mapping[str, Any]
    scales: list[str | None]
    taken: list[float]
    # Key in the store, which history, and for which row (None: for all).
    keys: list[tuple[str, int, int | None]]


def state_items(
    space: SizeFitSpace, tables: Mapping[str, pd.DataFrame], window: Window = WHOLE
) -> Iterator[tuple[str, bytes]]:
    """Everything the look-ups need, as keys and values of the state store.

    Parameters
    ----------
    space
        The feature space of the model that will ask.
    tables
        Contract tables; of a window the rows that it touches, of orders all their lines.
    window
        What happened before it is in the stored sums already.
    """
    placed = space.scales_.place(tables["products"], tables["product_sizes"])
    if len(tables["order_lines"]):
        facts = space.lines(tables, window, placed)
        events = space.events(facts, tables, window=window)
        for history in HISTORIES:
            yield from window.final_items(history, events)
        yield from choice_items(facts, space.engine, window)
    yield from product_items(space.scales_, tables, placed)
    yield from people_items(tables.get("body_measurements"))


class SizeFitLookup:
    """Builds the vectors of questions from the state.

    Parameters
    ----------
    space
        The model's feature space.
    state
        The store, filled for this space.
    """

    def __init__(self, space: SizeFitSpace, state: StateReader) -> None:
        self._space = space
        self._state = state
        self._codes = space.codes_
        self._scales: dict[str | None, tuple[float, float]] = {
            name: (float(mean[-1]), math.sqrt(covariance[-1, -1]))
            for name, (mean, covariance) in space.natural_.scales_.items()
        }

    def contexts(self, questions: Sequence[SizeQuestion]) -> list[SizeContext]:
        """Look up what is known of each question and build the vectors of its sizes."""
        # A product stands first: who remembers products looks for them only then.
        first: dict[str, None] = {}
        for q in questions:
            first[product_key(q.product_id)] = None
            first.update(dict.fromkeys(person_keys(q)))
        found = self._state.get_many(list(first))
        products: list[OnlineProduct | None] = []
        asked: list[_Asked | None] = []
        second: set[str] = set()
        for q in questions:
            stored = found.get(product_key(q.product_id))
            product = None if stored is None else read_product(q.product_id, stored)
            products.append(product)
            asked.append(None if product is None else self._ask(q, product, found))
            if asked[-1] is not None:
                second.update(key for key, _, _ in asked[-1].keys)
        histories = self._state.get_many(list(second)) if second else {}
        known = [each for each in asked if each is not None]
        if not known:
            return [SizeContext(product) for product in products]
        X = size_fit_vectors(
            np.concatenate([self._facts(each) for each in known]),
            np.concatenate([self._sums(each, histories) for each in known]),
            self._space.base_,
        )
        contexts, start = [], 0
        for product, each in zip(products, asked, strict=True):
            if product is None or each is None:
                contexts.append(SizeContext(product))
                continue
            end = start + len(each.rows)
            labels = tuple(each.product.labels[row] for row in each.rows)
            part = part_of_scale(
                each.scales[0], product.category, product.audience, product.size_system
            )
            kept = self._kept(each.scales[0], part, X[start])
            moved = moved_by_buyers(product, float(X[start, _V["product.kept_shift"]]))
            contexts.append(SizeContext(moved, labels, part, X[start:end], each.person, kept))
            start = end
        return contexts

    def _ask(
        self, q: SizeQuestion, product: OnlineProduct, found: Mapping[str, bytes]
    ) -> _Asked | None:
        """Who asks about which sizes, seen from the wearer's age; None where there is no size."""
        rows = _rows(product, q.candidate_sizes)
        if not rows:
            return None
        person = read_person(q, product.audience, found, heights=product.heights)
        age, sex = person.get("age_years", math.nan), person.get("sex")
        who = person.get("who", q.wearer)
        of_scale = {
            scale: self._space.ages_.of_one(scale, age, sex)
            for scale in {product.scales[row] for row in rows}
        }
        framed = [of_scale[product.scales[row]] for row in rows]
        scales = [scale for scale, _ in framed]
        taken = [taken for _, taken in framed]
        return _Asked(q, product, rows, person, scales, taken, _keys(q, product, rows, scales, who))

    def _facts(self, asked: _Asked) -> Floats:
        codes = self._codes
        q, product, person = asked.question, asked.product, asked.person
        of_all = {
            **person,
            "child_age": person.get("age_years", math.nan),
            "fit_preference": PREFERENCES.get(person.get("fit_preference", ""), math.nan),
            "stretch": stretch_of(product.material),
            "years": (q.asked_at * _MICROS - T0_US) / YEAR_US,
            "category": codes["category"].get(product.category or "", math.nan),
            "audience": codes["audience"].get(product.audience, math.nan),
            "market": codes["market"].get(q.market or "", math.nan),
            "occasion": codes["occasion"].get(q.occasion or "", math.nan),
            "body_shape": codes["body_shape"].get(person.get("body_shape", ""), math.nan),
        }
        facts = np.empty((len(asked.rows), len(FACTS)))
        facts[:] = [of_all.get(name, math.nan) for name in FACTS]
        facts[:, _PRODUCT_COLUMNS] = product.facts[asked.rows]
        facts[:, _F["position"]] -= asked.taken
        body = body_of(person)
        aged = False
        scales = set(asked.scales)
        for scale in scales:
            # Who sends a figure of the child's along says which child it is.
            named = q.wearer != SELF or not _OF_ANYONE.issuperset(q.measurements)
            unnamed = is_child_scale(scale) and not named
            read_by = f"{scale}{UNNAMED}" if unnamed else scale
            here: slice | list[int] = slice(None)
            if len(scales) > 1:
                here = [row for row, each in enumerate(asked.scales) if each == scale]
            natural, spread = self._space.natural_.predict_one(body, read_by)
            part = part_of_scale(read_by, product.category, product.audience, product.size_system)
            if part != read_by:
                of_part, spread_of_part = self._space.natural_.predict_one(body, part)
                if not math.isnan(of_part):
                    facts[here, _F["position"]] -= of_part - natural
                    spread = spread_of_part
            told = (
                natural,
                spread,
                *self._scales.get(read_by, (math.nan, math.nan)),
                is_growing(scale),
                float(unnamed),
                codes["scale"].get(scale or "", math.nan),
                self._space.ages_.stature_step(scale),
            )
            for column, value in zip(_SCALE_COLUMNS, told, strict=True):
                facts[here, column] = value
            aged |= is_aged(scale)
        if aged or has_figures(person):
            facts[:, _F["gap"]] = facts[:, _F["position"]] - facts[:, _F["natural"]]
        return facts

    def _kept(self, scale: str | None, part: str | None, x: Floats) -> KeptSizes | None:
        """What the wearer's kept sizes say of the stature; None where they say nothing of it."""
        orders = x[_KEPT_ORDERS]
        if scale != CHILD_HEIGHT + AGED or not orders > 0:
            return None
        plain = x[_V["position"]] - x[_V["product.shift"]]
        above = plain - x[_V["from_kept"]] - x[_V["scale_mean"]]
        step = self._space.ages_.steps[CHILD_HEIGHT]
        habit = OWN_SHARE * self._space.natural_.spread_of(_TALL_AND_OLD, part) ** 2
        return KeptSizes(float(above * step), float((habit + CHOICE_VARIANCE / orders) * step**2))

    def _sums(self, asked: _Asked, histories: Mapping[str, bytes]) -> Floats:
        sums = np.zeros((len(asked.rows), len(HISTORIES), len(SUMS)))
        for key, history, row in asked.keys:
            stored = histories.get(key)
            if stored is not None:
                sums[slice(None) if row is None else row, history] = np.frombuffer(stored, "<f8")
        return sums * decay(_HALF_LIVES, asked.question.asked_at * _MICROS)


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
        "step_cm",
    )
]
_PRODUCT_COLUMNS = [_F[name] for name in PLACES]
_V = {name: i for i, name in enumerate(VECTOR)}
_KEPT_ORDERS = _V["person_scale.kept"]
_TALL_AND_OLD = [name in ("height_cm", "age_years") for name in BODY_COLUMNS]
_HALF_LIVES = HISTORIES[0].half_lives


def _rows(product: OnlineProduct, wanted: Sequence[str]) -> list[int]:
    """Sizes to advise on, smallest first; those of no scale cannot be compared."""
    return [
        row
        for row, label in enumerate(product.labels)
        if product.scales[row] is not None and (not wanted or label in wanted)
    ]


def _keys(
    q: SizeQuestion,
    product: OnlineProduct,
    rows: list[int],
    scales: Sequence[str | None],
    who: str,
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
        person = state_key(q.customer_id, who)
        keys.append((state_key("person", person, product.audience), _H["person"], None))
        for i, scale in enumerate(map(str, scales)):
            keys.append((state_key("person_scale", person, scale), _H["person_scale"], i))
            keys.append((state_key("account_scale", q.customer_id, scale), _H["account_scale"], i))
    return keys
