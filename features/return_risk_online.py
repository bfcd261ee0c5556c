"""The same vectors online: state look-up and basket instead of tables.

Goods, people and histories are read from the state in two look-ups, whatever the number of
baskets: first goods, person and buyer, then the histories whose keys they tell. The vector itself
is built by :func:`features.return_risk.return_risk_vectors`, the one training calls; that the facts
agree is held by a test that compares the vectors of whole shops.

The other colours of a product get a row of their own beside the line's, so that a model judges them
in the same call.
"""

from __future__ import annotations

import math
import struct
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import orjson

from data_contracts.lazy import pd
from features.baskets import BASKET_FACTS, basket_facts
from features.bodies import UNNAMED
from features.events import DAY_US
from features.goods_online import (
    OnlineGoods,
    OnlineSize,
    goods_items,
    goods_key,
    plain_label,
    read_goods,
)
from features.histories import T0_US, decay
from features.lines import YEAR_US, to_micros
from features.people_online import body_of, has_figures, people_items, person_keys, read_person
from features.positions import is_child_scale
from features.questions import BasketLine, BasketQuestion
from features.return_risk import DELIVERY, FACTS, HISTORIES, VECTOR, return_risk_vectors
from features.return_risk_space import ReturnRiskSpace
from features.state import KEY_SEPARATOR, StateReader, state_key
from features.window import WHOLE, Window

__all__ = ["OnlineGoods", "OnlineSize", "OtherColour", "ReturnRiskLookup", "RiskContext",
           "state_items", "sums_of"]  # fmt: skip

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_MODEL = "return_risk"
_BUYER = "buyer"
_MICROS = 1e6
_SETTLED = 5.0
_ANY = "any"
_NOT_LOOKED_AT = ("sex",)
_LINE_FACTS = FACTS[: -len(BASKET_FACTS)]
_COLOUR_FACT = FACTS.index("colour")
_POSITION = FACTS.index("position")
_WIDTHS = {history.name: len(history.sums) for history in HISTORIES}
_NOTHING = {name: bytes(8 * width) for name, width in _WIDTHS.items()}
_ENDS = np.cumsum(list(_WIDTHS.values())).tolist()
_SLICES = {
    name: slice(end - width, end) for (name, width), end in zip(_WIDTHS.items(), _ENDS, strict=True)
}
_HALF_LIVES = np.concatenate([history.half_lives for history in HISTORIES])
_ORDERED = {
    h.name: _SLICES[h.name].start + [s.name for s in h.sums].index("ordered") for h in HISTORIES
}
_COLOUR, _PRODUCT_COLOUR = (list(_WIDTHS).index(name) for name in ("colour", "product_colour"))
_OUTCOMES = struct.Struct("<8x2d")
"""Lines that came back and that were kept, of the stored sums of a history."""
assert all([each.name for each in h.sums[:3]] == ["ordered", "returned", "kept"] for h in HISTORIES)
_MOST_GOODS = 2_000
# Many baskets are about few products, and to parse one takes longer than to find it.
_read_stored = lru_cache(_MOST_GOODS)(read_goods)


def _read_goods(product_id: str, stored: bytes | None) -> OnlineGoods | None:
    # Ids that nobody sells, of which there is no end, are not kept in the place of goods.
    return None if stored is None else _read_stored(product_id, stored)


@dataclass(frozen=True, slots=True)
class OtherColour:
    """A colour that line `line` of the basket could be taken in."""

    line: int
    label: str


@dataclass(frozen=True, slots=True)
class RiskContext:
    """A basket with what is known of its lines.

    Attributes
    ----------
    question
        As asked.
    goods
        The product of each line; None where it is unknown.
    facts
        Lines by `FACTS`.
    records
        Lines by the sums of all histories, decayed to the moment of the question.
    X
        Lines by ``VECTORS["checkout"]``.
    delivery
        Lines by `DELIVERY`; only told of lines that have arrived.
    colours
        Other colours with settled lines enough to judge them by.
    recoloured
        Their vectors.
    """

    question: BasketQuestion
    goods: tuple[OnlineGoods | None, ...]
    facts: Floats
    records: Floats
    X: Floats
    delivery: Floats
    colours: tuple[OtherColour, ...]
    recoloured: Floats

    @property
    def sums(self) -> dict[str, Floats]:
        """Of every history: lines by its sums."""
        return sums_of(self.records)

    def orders(self, history: str, line: int) -> int:
        """Orders on record behind a line in this history."""
        return round(float(self.records[line, _ORDERED[history]]))


def sums_of(records: Floats) -> dict[str, Floats]:
    """The sums of each history, of lines by the sums of all of them."""
    return {name: records[:, at] for name, at in _SLICES.items()}


def state_items(
    space: ReturnRiskSpace, tables: Mapping[str, pd.DataFrame], window: Window = WHOLE
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
        # No history counts by the body of the buyer.
        lines = {name: table for name, table in tables.items() if name != "body_measurements"}
        events = space.events(space.facts(lines, placed), tables, window=window)
        for history in HISTORIES:
            yield from window.final_items(history, events, (_MODEL,))
    yield from goods_items(placed, tables, window)
    if (customers := tables.get("customers")) is not None:
        yield from _buyers(window.told_of("customer_id", customers))
    if (bodies := tables.get("body_measurements")) is not None:
        yield from people_items(window.told_of("customer_id", bodies))


def _buyers(customers: pd.DataFrame | None) -> Iterator[tuple[str, bytes]]:
    if customers is None or "registered_at" not in customers:
        return
    known = customers[customers["registered_at"].notna()]
    registered = to_micros(known["registered_at"]).astype("int64")
    for customer, at in zip(known["customer_id"], registered.tolist(), strict=True):
        yield state_key(_MODEL, _BUYER, customer), orjson.dumps({"registered": at})


class ReturnRiskLookup:
    """Builds the vectors of baskets from the state.

    Parameters
    ----------
    space
        The model's feature space.
    state
        The store, filled for this space.
    """

    def __init__(self, space: ReturnRiskSpace, state: StateReader) -> None:
        self._space = space
        self._state = state

    def goods(self, product_ids: Sequence[str]) -> list[OnlineGoods | None]:
        """What is known of each product, in order; one look-up."""
        keys = [goods_key(each) for each in product_ids]
        found = self._state.get_many(list(dict.fromkeys(keys)))
        return [
            _read_goods(each, found.get(key)) for each, key in zip(product_ids, keys, strict=True)
        ]

    def contexts(self, questions: Sequence[BasketQuestion]) -> list[RiskContext]:
        """Look up what is known of each basket and build the vectors of its lines."""
        first: dict[str, None] = {}
        for q in questions:
            first.update(dict.fromkeys(goods_key(x.product_id) for x in q.lines))
            if q.customer_id is not None:
                first[state_key(_MODEL, _BUYER, q.customer_id)] = None
                first.update(dict.fromkeys(person_keys(q)))
        found = self._state.get_many(list(first)) if first else {}
        baskets = [_Basket(self._space, q, found) for q in questions]
        wanted = dict.fromkeys(key for each in baskets for key in each.wanted())
        histories = self._state.get_many(list(wanted)) if wanted else {}
        for each in baskets:
            each.read(histories)
        return self._contexts(baskets)

    def _contexts(self, baskets: Sequence[_Basket]) -> list[RiskContext]:
        """One matrix for all baskets: first their lines, then the other colours."""
        lines = sum([len(each.facts) for each in baskets])
        if not lines:
            return [_empty(each.question) for each in baskets]
        owner = np.repeat(np.arange(len(baskets)), [len(each.facts) for each in baskets])
        own = np.array([row for each in baskets for row in each.facts])
        own = np.concatenate([own, _beside(baskets, owner, own)], axis=1)
        starts = [0, *np.cumsum([len(each.facts) for each in baskets]).tolist()]
        ends = [lines, *(lines + np.cumsum([len(each.others) for each in baskets])).tolist()]
        facts = own
        others = [
            (start + other.line, code)
            for each, start in zip(baskets, starts, strict=False)
            for other, code in zip(each.others, each.other_codes, strict=True)
        ]
        if others:
            rows, codes = zip(*others, strict=True)
            coloured = own[list(rows)]
            coloured[:, _COLOUR_FACT] = codes
            facts = np.concatenate([own, coloured])
            owner = np.concatenate([owner, owner[list(rows)]])
        stored = [each.stored for each in baskets] + [each.other_stored for each in baskets]
        known = np.frombuffer(b"".join([part for each in stored for part in each]), "<f8")
        now = np.array([each.question.asked_at for each in baskets])
        faded = decay(_HALF_LIVES, now[:, None] * _MICROS)
        records = known.reshape(len(facts), -1) * faded[owner]
        X = return_risk_vectors(facts, sums_of(records), self._space.base_)
        delivery = np.array([row for each in baskets for row in each.delivery])
        contexts = []
        for i, each in enumerate(baskets):
            at, beside = slice(starts[i], starts[i + 1]), slice(ends[i], ends[i + 1])
            contexts.append(
                RiskContext(
                    question=each.question,
                    goods=each.goods,
                    facts=facts[at],
                    records=records[at],
                    X=X[at],
                    delivery=delivery[at],
                    colours=tuple(each.others),
                    recoloured=X[beside],
                )
            )
        return contexts


_Heights = tuple[float, float]


class _Basket:
    """What one basket needs of the state, and what was found."""

    def __init__(
        self, space: ReturnRiskSpace, question: BasketQuestion, found: Mapping[str, bytes]
    ) -> None:
        self.question = question
        self._space = space
        self._found = found
        self._people: dict[tuple[str, float, _Heights], dict[str, Any]] = {}
        self._places: dict[tuple[str, str, float, _Heights], tuple[float, float]] = {}
        self._opened = _registered(question, found)
        known: dict[str, OnlineGoods | None] = {}
        for line in question.lines:
            if line.product_id not in known:
                stored = found.get(goods_key(line.product_id))
                known[line.product_id] = _read_goods(line.product_id, stored)
        self.goods = tuple([known[line.product_id] for line in question.lines])
        self.sizes = [
            None if goods is None else goods.size(line.size_label)
            for line, goods in zip(question.lines, self.goods, strict=True)
        ]
        self.parts = [self._key_parts(i) for i in range(len(question.lines))]
        self.facts = [self._facts(i) for i in range(len(question.lines))]
        self.delivery = [_delivery(line) for line in question.lines]
        self._keys = [_history_keys(parts) for parts in self.parts]
        self._candidates = self._other_colours()
        self.stored: list[bytes] = []
        self.others: list[OtherColour] = []
        self.other_codes: list[float] = []
        self.other_stored: list[bytes] = []

    def wanted(self) -> Iterator[str]:
        """Keys of the histories wanted."""
        for keys in self._keys:
            yield from filter(None, keys)
        for _, shade in self._candidates:
            yield from shade.keys

    def read(self, histories: Mapping[str, bytes]) -> None:
        """Take the histories that were found, and keep the colours known well enough."""
        nothing = tuple(_NOTHING.values())
        get = histories.get
        stored = [
            [
                empty if key is None else get(key, empty)
                for key, empty in zip(keys, nothing, strict=True)
            ]
            for keys in self._keys
        ]
        self.stored = [each for row in stored for each in row]
        codes = self._space.codes_["colour"]
        for line, shade in self._candidates:
            of_colour, of_product = shade.keys
            own = get(of_product)
            if own is None or sum(_OUTCOMES.unpack_from(own)) < _SETTLED:
                continue
            row = list(stored[line])
            row[_COLOUR], row[_PRODUCT_COLOUR] = get(of_colour, nothing[_COLOUR]), own
            self.others.append(OtherColour(line, shade.label))
            self.other_codes.append(codes.get(shade.plain, math.nan))
            self.other_stored += row

    def _key_parts(self, i: int) -> dict[str, str | None]:
        """The key columns of the histories, as training has them."""
        line, goods, size = self.question.lines[i], self.goods[i], self.sizes[i]
        return {
            "market": self.question.market,
            "customer_id": self.question.customer_id,
            "product_id": line.product_id,
            "size": plain_label(line.size_label),
            "colour": plain_label(line.colour),
            "category": None if goods is None else goods.category,
            "brand": None if goods is None else goods.brand,
            "scale": None if size is None else size.scale,
        }

    def _facts(self, i: int) -> list[float]:
        q, line, goods = self.question, self.question.lines[i], self.goods[i]
        size, parts, codes = self.sizes[i], self.parts[i], self._space.codes_
        ordered = q.asked_at if line.delivered is None else line.delivered.ordered_at
        at = ordered * _MICROS
        audience = (goods.audience if goods is not None else None) or _ANY
        told = {name: codes[name].get(parts[name] or "", math.nan) for name in _CODED_PARTS}
        told["audience"] = codes["audience"].get(audience, math.nan)
        told["years"] = (at - T0_US) / YEAR_US
        told["quantity"] = float(line.quantity)
        told["price"], told["price_cents"] = self._price(line, goods)
        if size is not None and goods is not None:
            told["position"], told["size_rank"] = size.position, size.rank
            told["sizes"] = float(len(goods.sizes))
            told["gap"], told["natural_sd"] = self._natural(size, audience, ordered, goods.heights)
        tenure = (at - self._opened) / DAY_US
        told["tenure_days"] = tenure if tenure >= 0 else math.nan
        return [told.get(name, math.nan) for name in _LINE_FACTS]

    def _price(self, line: BasketLine, goods: OnlineGoods | None) -> tuple[float, float]:
        """Price in the shop's commonest currency, and its cents as written.

        A line asked about without a price has that on record.
        """
        price, currency = line.unit_price, self.question.currency
        if price is None:
            if goods is None or goods.price is None:
                return math.nan, math.nan
            price, currency = goods.price, goods.currency
        rate = self._space.exchange_.get(currency or "", 1.0)
        return price * rate, float(round(price * 100) % 100)

    def _natural(
        self, size: OnlineSize, audience: str, at: float, heights: _Heights
    ) -> tuple[float, float]:
        """Steps from the size the body points to, and how sure that is."""
        if size.scale is None:
            return math.nan, math.nan
        asked = (size.scale, audience, at, heights)
        if asked not in self._places:
            self._places[asked] = self._natural_place(*asked)
        mean, spread = self._places[asked]
        return size.position - mean, spread

    def _natural_place(
        self, scale: str, audience: str, at: float, heights: _Heights
    ) -> tuple[float, float]:
        """Where on a scale the body points to, NaN without a body; and how sure that is."""
        person = self._people.get((audience, at, heights))
        if person is None:
            person = read_person(self.question, audience, self._found, at, _NOT_LOOKED_AT, heights)
            self._people[audience, at, heights] = person
        unnamed = is_child_scale(scale) and self.question.wearer == "self"
        whole = f"{scale}{UNNAMED}" if unnamed else scale
        mean, spread = self._space.natural_.predict_one(body_of(person), whole)
        return mean if has_figures(person) else math.nan, spread

    def _other_colours(self) -> list[tuple[int, _Shade]]:
        """Colours to judge beside each line's own.

        Not of a product that is in the basket more than once: there another line decides as well.
        """
        found = []
        lines = Counter([line.product_id for line in self.question.lines])
        for i, (line, goods) in enumerate(zip(self.question.lines, self.goods, strict=True)):
            own = plain_label(line.colour)
            if goods is None or own is None or lines[line.product_id] > 1:
                continue
            shades = _shades(line.product_id, goods.colours)
            found += [(i, shade) for shade in shades if shade.plain != own]
        return found


class _Shade(NamedTuple):
    """A colour of a product, and the keys of its histories: of the colour, and of the two."""

    label: str
    plain: str
    keys: tuple[str, str]


@lru_cache(_MOST_GOODS)
def _shades(product_id: str, colours: tuple[str, ...]) -> tuple[_Shade, ...]:
    """The colours of a product."""
    shades = []
    for label in colours:
        plain = label.strip().lower()
        keys = (
            state_key(_MODEL, "colour", plain),
            state_key(_MODEL, "product_colour", product_id, plain),
        )
        shades.append(_Shade(label, plain, keys))
    return tuple(shades)


_CODED_PARTS = ("category", "brand", "colour", "scale", "market")
_KEYED = tuple((state_key(_MODEL, h.name, ""), h.key[0], h.key[1:]) for h in HISTORIES)
assert {h.name for h in HISTORIES if "colour" in h.key} == {"colour", "product_colour"}


def _history_keys(parts: Mapping[str, str | None]) -> list[str | None]:
    """Key in the store by history; None where a part of it is not known."""
    keys: list[str | None] = []
    for kind, first, rest in _KEYED:
        value = parts[first]
        key = None if value is None else kind + value
        for column in rest:
            value = parts[column]
            key = None if value is None or key is None else f"{key}{KEY_SEPARATOR}{value}"
        keys.append(key)
    return keys


def _beside(baskets: Sequence[_Basket], owner: Ints, facts: Floats) -> Floats:
    """Facts of the baskets, by the function training calls."""
    parts = [each for basket in baskets for each in basket.parts]
    return basket_facts(
        owner,
        product=_codes(parts, "product_id"),
        size=_codes(parts, "size"),
        colour=_codes(parts, "colour"),
        brand=_codes(parts, "brand"),
        category=_codes(parts, "category"),
        scale=_codes(parts, "scale"),
        price=facts[:, _PRICE],
        quantity=facts[:, _QUANTITY],
        position=facts[:, _POSITION],
    )


_PRICE, _QUANTITY = FACTS.index("price"), FACTS.index("quantity")


def _codes(parts: Sequence[Mapping[str, str | None]], name: str) -> Ints:
    seen: dict[str | None, int] = {None: -1}
    return np.array([seen.setdefault(each[name], len(seen)) for each in parts])


def _delivery(line: BasketLine) -> list[float]:
    """Facts by `DELIVERY`."""
    came = line.delivered
    told = dict.fromkeys(DELIVERY, math.nan)
    told["arrived"] = float(came is not None)
    if came is not None:
        told["delivery_days"] = (came.delivered_at - came.ordered_at) * _MICROS / DAY_US
        if came.promised_at is not None:
            told["delay_days"] = (came.delivered_at - came.promised_at) * _MICROS / DAY_US
        if came.shipped_weight_g is not None:
            told["shipped_weight_g"] = came.shipped_weight_g
    return list(told.values())


def _empty(question: BasketQuestion) -> RiskContext:
    return RiskContext(
        question=question,
        goods=(),
        facts=np.empty((0, len(FACTS))),
        records=np.empty((0, _ENDS[-1])),
        X=np.empty((0, len(VECTOR))),
        delivery=np.empty((0, len(DELIVERY))),
        colours=(),
        recoloured=np.empty((0, 0)),
    )


def _registered(q: BasketQuestion, found: Mapping[str, bytes]) -> float:
    if q.customer_id is None:
        return math.nan
    stored = found.get(state_key(_MODEL, _BUYER, q.customer_id))
    return math.nan if stored is None else float(orjson.loads(stored)["registered"])
