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
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from data_contracts.lazy import pd
from data_contracts.tables import SELF
from features.bodies import BODY_COLUMNS, UNNAMED
from features.choices import CHOICE_VARIANCE, OWN_SHARE, choice_items
from features.frames import CHILD_HEIGHT, is_growing
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
from features.positions import AGED, is_child_scale
from features.products_online import OnlineProduct, product_items, product_key
from features.questions import SizeQuestion
from features.size_fit import (
    FACTS,
    HISTORIES,
    PREFERENCES,
    SUMS,
    VECTOR,
    size_fit_vectors,
)
from features.size_fit_products import OF_PRODUCT, ProductReader, ReadProduct, Sizes
from features.size_fit_space import SizeFitSpace
from features.state import StateReader, state_key
from features.window import WHOLE, Window

__all__ = ["SizeContext", "SizeFitLookup", "state_items"]

Floats = npt.NDArray[np.float64]

_F = {name: i for i, name in enumerate(FACTS)}
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


class _Asked(NamedTuple):
    """A question about some sizes, with what is known of the wearer."""

    question: SizeQuestion
    product: ReadProduct
    sizes: Sizes
    person: Mapping[str, Any]
    # Of every scale of the sizes: its name seen from the wearer's age, what that takes off.
    framed: list[tuple[str, float]]
    # Of every size, where the state has its histories, by `HISTORIES`.
    keys: list[tuple[str | None, ...]]


_OF_GOODS = ("products", "product_sizes")


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
    goods = {name: window.told_of("product_id", tables[name]) for name in _OF_GOODS}
    if len(goods["products"]):
        yield from product_items(space.scales_, goods, window.told_of("product_id", placed))
    if (bodies := tables.get("body_measurements")) is not None:
        yield from people_items(window.told_of("customer_id", bodies))


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
        self._products = ProductReader(space.codes_)
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
        products = [
            self._products.read(q.product_id, found.get(product_key(q.product_id)))
            for q in questions
        ]
        asked = [
            None if product is None else self._ask(q, product, found)
            for q, product in zip(questions, products, strict=True)
        ]
        known = [each for each in asked if each is not None]
        if not known:
            return [_without_sizes(product) for product in products]
        X = size_fit_vectors(self._facts(known), self._sums(known), self._space.base_)
        contexts, start = [], 0
        for product, each in zip(products, asked, strict=True):
            if each is None:
                contexts.append(_without_sizes(product))
                continue
            end = start + len(each.sizes.labels)
            contexts.append(self._context(each, X[start:end]))
            start = end
        return contexts

    def _ask(
        self, q: SizeQuestion, product: ReadProduct, found: Mapping[str, bytes]
    ) -> _Asked | None:
        """Who asks about which sizes, seen from the wearer's age; None where there is no size."""
        sizes = product.of(q.candidate_sizes)
        if not sizes.labels:
            return None
        audience = product.product.audience
        person = read_person(q, audience, found, heights=product.heights)
        age, sex = person.get("age_years", math.nan), person.get("sex")
        framed: list[tuple[str, float]] = []
        for scale in sizes.scales:
            name, taken = self._space.ages_.of_one(scale, age, sex)
            framed.append((name or scale, taken))
        own = _own_keys(q, person.get("who", q.wearer), audience, [scale for scale, _ in framed])
        keys = [
            own[scale] + of_size for scale, of_size in zip(sizes.scale_of, sizes.keys, strict=True)
        ]
        return _Asked(q, product, sizes, person, framed, keys)

    def _facts(self, asked: Sequence[_Asked]) -> Floats:
        """Sizes of all questions by `FACTS`."""
        told: list[list[float]] = []
        rows: list[int] = []
        for each in asked:
            rows += [len(told) + scale for scale in each.sizes.scale_of]
            told += self._told(each)
        here = np.array(told).take(rows, axis=0)
        facts = np.concatenate([each.sizes.facts for each in asked])
        facts[:, _TOLD] = here[:, : len(_TOLD)]
        taken, moved, natural = here[:, len(_TOLD) :].T
        position = facts[:, _F["position"]] - taken - moved
        facts[:, _F["position"]] = position
        facts[:, _F["gap"]] = position - natural
        return facts

    def _told(self, asked: _Asked) -> list[list[float]]:
        """What the sizes of every scale have in common.

        The facts `_TOLD`, what the wearer's age and the kind of garment take off the position, and
        the natural position where it makes a gap.
        """
        q, person, codes = asked.question, asked.person, self._codes
        body = body_of(person)
        of_all = [
            *body,
            PREFERENCES.get(person.get("fit_preference", ""), math.nan),
            (q.asked_at * _MICROS - T0_US) / YEAR_US,
            codes["market"].get(q.market or "", math.nan),
            codes["occasion"].get(q.occasion or "", math.nan),
            codes["body_shape"].get(person.get("body_shape", ""), math.nan),
        ]
        # Who sends a figure of the child's along says which child it is.
        named = q.wearer != SELF or not _OF_ANYONE.issuperset(q.measurements)
        gap = has_figures(person) or any(is_aged(scale) for scale, _ in asked.framed)
        told = []
        for scale, taken in asked.framed:
            unnamed = not named and is_child_scale(scale) > 0
            read_by = f"{scale}{UNNAMED}" if unnamed else scale
            natural, spread = self._space.natural_.predict_one(body, read_by)
            moved = 0.0
            part = asked.product.part_of(read_by)
            if part != read_by:
                of_part, spread_of_part = self._space.natural_.predict_one(body, part)
                if not math.isnan(of_part):
                    moved, spread = of_part - natural, spread_of_part
            mean, sd = self._scales.get(read_by, _UNKNOWN)
            told.append([
                *of_all, natural, spread, mean, sd, is_growing(scale), unnamed,
                codes["scale"].get(scale, math.nan), self._space.ages_.stature_step(scale),
                taken, moved, natural if gap else math.nan,
            ])  # fmt: skip
        return told

    def _sums(self, asked: Sequence[_Asked]) -> Floats:
        """Sizes of all questions by `HISTORIES` by `SUMS`, as they are by the time of asking."""
        keys = [key for each in asked for of_size in each.keys for key in of_size]
        found: Mapping[Any, bytes] = self._state.get_many(list(filter(None, dict.fromkeys(keys))))
        stored = [found.get(key, _NO_SUMS) for key in keys]
        sums = np.frombuffer(b"".join(stored), "<f8").reshape(-1, len(HISTORIES), len(SUMS))
        moments = np.array([each.question.asked_at * _MICROS for each in asked])
        faded = decay(_HALF_LIVES, moments[:, None])
        return sums * faded.repeat([len(each.keys) for each in asked], axis=0)[:, None]

    def _context(self, asked: _Asked, X: Floats) -> SizeContext:
        product, (scale, _) = asked.product, asked.framed[0]
        part = product.part_of(scale)
        return SizeContext(
            product.moved(float(X[0, _V["product.kept_shift"]])),
            asked.sizes.labels,
            part,
            X,
            asked.person,
            self._kept(scale, part, X[0]),
        )

    def _kept(self, scale: str | None, part: str | None, x: Floats) -> KeptSizes | None:
        """What the wearer's kept sizes say of the stature; None where they say nothing of it."""
        if scale != CHILD_HEIGHT + AGED or not x[_KEPT_ORDERS] > 0:
            return None
        plain = x[_V["position"]] - x[_V["product.shift"]]
        above = plain - x[_V["from_kept"]] - x[_V["scale_mean"]]
        step, orders = self._space.ages_.steps[CHILD_HEIGHT], x[_KEPT_ORDERS]
        habit = OWN_SHARE * self._space.natural_.spread_of(_TALL_AND_OLD, part) ** 2
        return KeptSizes(float(above * step), float((habit + CHOICE_VARIANCE / orders) * step**2))


_TOLD = [
    _F["child_age" if name == "age_years" else name]
    for name in (
        *BODY_COLUMNS,
        "fit_preference",
        "years",
        "market",
        "occasion",
        "body_shape",
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
"""The facts that hang on who asks, and by which scale."""
_V = {name: i for i, name in enumerate(VECTOR)}
_KEPT_ORDERS = _V["person_scale.kept"]
_TALL_AND_OLD = [name in ("height_cm", "age_years") for name in BODY_COLUMNS]
_HALF_LIVES = HISTORIES[0].half_lives
_NO_SUMS = bytes(8 * len(SUMS))
_UNKNOWN = (math.nan, math.nan)
_OF_PERSON = ("person", "person_scale", "account_scale")
assert (*_OF_PERSON, *OF_PRODUCT) == tuple(each.name for each in HISTORIES)


def _without_sizes(product: ReadProduct | None) -> SizeContext:
    return SizeContext(None if product is None else product.product)


def _own_keys(
    q: SizeQuestion, who: str, audience: str, scales: Sequence[str]
) -> list[tuple[str | None, ...]]:
    """Of every scale, where the state has the histories `_OF_PERSON`."""
    if q.customer_id is None:
        return [(None, None, None)] * len(scales)
    person = state_key(q.customer_id, who)
    key = state_key("person", person, audience)
    return [
        (
            key,
            state_key("person_scale", person, scale),
            state_key("account_scale", q.customer_id, scale),
        )
        for scale in scales
    ]
