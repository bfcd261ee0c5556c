"""Goods online: what the state keeps of a product, for return risk and for the policies."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from data_contracts.lazy import pd
from features.children import product_heights
from features.lines import to_micros
from features.state import state_key
from features.window import WHOLE, Window

__all__ = ["OnlineGoods", "OnlineSize", "goods_items", "goods_key", "plain_label", "read_goods"]

_MODEL, _GOODS, _SOLD = "return_risk", "goods", "sold"
_MICROS = 1e6
_MOST_COLOURS = 12


@dataclass(frozen=True, slots=True)
class OnlineSize:
    """One size of a product: its label, and where it stands."""

    label: str
    plain: str
    scale: str | None
    position: float
    rank: float


@dataclass(frozen=True, slots=True)
class OnlineGoods:
    """A product as the state knows it.

    Attributes
    ----------
    sizes
        Smallest first.
    colours
        As the shop writes them, the most often ordered first; at most twelve.
    price, currency
        On record, else as last ordered.
    launched_at
        Seconds since the epoch (UTC).
    heights
        Lowest and highest (cm) it is made for, where told.
    """

    product_id: str
    sizes: tuple[OnlineSize, ...]
    colours: tuple[str, ...]
    category: str | None = None
    brand: str | None = None
    audience: str | None = None
    hygiene_sealed: bool | None = None
    price: float | None = None
    currency: str | None = None
    launched_at: float | None = None
    heights: tuple[float, float] = (math.nan, math.nan)

    def size(self, label: str | None) -> OnlineSize | None:
        """The size of this label, as the shop writes it or nearly so."""
        if label is None:
            return None
        for each in self.sizes:
            if each.label == label:
                return each
        plain = plain_label(label)
        return next((each for each in self.sizes if each.plain == plain), None)


def goods_key(product_id: str) -> str:
    """Key of a product in the state."""
    return state_key(_MODEL, _GOODS, product_id)


def goods_items(
    placed: pd.DataFrame, tables: Mapping[str, pd.DataFrame], window: Window = WHOLE
) -> Iterator[tuple[str, bytes]]:
    """Every product as key and value of the state store, and how it was sold so far.

    Parameters
    ----------
    placed
        Every size of every product; see :meth:`features.positions.SizeScales.place`.
    tables
        Contract tables.
    window
        Lines outside of it are counted already.
    """
    products, lines = tables["products"], tables["order_lines"]
    placed = placed.sort_values(["product_id", "size_rank", "size_label"], kind="stable")
    sizes: dict[str, list[list[Any]]] = {}
    columns = placed[["product_id", "size_label", "scale", "position", "size_rank"]]
    for product_id, label, scale, position, rank in columns.itertuples(index=False):
        told = [label, scale if isinstance(scale, str) else None, _number(position), _number(rank)]
        sizes.setdefault(product_id, []).append(told)
    heights = product_heights(placed).dropna()
    made_for = dict(zip(heights.index, heights.to_numpy().tolist(), strict=True))
    sold = _sold(lines[window.is_new(to_micros(lines["ordered_at"]))])
    _add_stored(sold, products["product_id"].tolist(), window)
    launched = to_micros(products["launched_at"]).astype("float64") / _MICROS
    for row, launch in zip(products.to_dict("records"), launched, strict=True):
        product_id = row["product_id"]
        price, currency = row["price"], row["currency"]
        sales = sold.get(product_id, _NOTHING_SOLD)
        if pd.isna(price) and sales["paid"] is not None:
            price, currency = sales["paid"][2:]
        sealed = row["hygiene_sealed"]
        record = {
            "sizes": sizes.get(product_id, []),
            "colours": _colours(sales["colours"]),
            "category": _text(row["category"]),
            "brand": _text(row["brand"]),
            "audience": _text(row["audience"]),
            "hygiene_sealed": None if pd.isna(sealed) else bool(sealed),
            "price": _number(price),
            "currency": _text(currency),
            "launched_at": _number(launch),
        }
        if product_id in made_for:
            record["heights"] = made_for[product_id]
        yield goods_key(product_id), orjson.dumps(record)
    for product_id, sales in sold.items():
        yield state_key(_MODEL, _SOLD, product_id), orjson.dumps(sales, option=orjson.OPT_SORT_KEYS)


_NOTHING_SOLD: dict[str, Any] = {"colours": {}, "paid": None}


def _sold(lines: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """By product: orders by colour as written, and the price last paid with its moment and line."""
    sold: dict[str, dict[str, Any]] = {}
    counts = lines[["product_id", "colour"]].value_counts(sort=False)
    products, colours = (counts.index.get_level_values(i).tolist() for i in (0, 1))
    for product_id, colour, n in zip(products, colours, counts.tolist(), strict=True):
        sold.setdefault(product_id, {"colours": {}, "paid": None})["colours"][colour] = n
    priced = lines[lines["unit_price"].notna()]
    last = priced.sort_values(["ordered_at", "order_line_id"], kind="stable")
    last = last.drop_duplicates("product_id", keep="last")
    told = zip(
        last["product_id"],
        to_micros(last["ordered_at"]),
        last["order_line_id"],
        last["unit_price"],
        last["currency"],
        strict=True,
    )
    for product_id, at, line, price, currency in told:
        sales = sold.setdefault(product_id, {"colours": {}, "paid": None})
        sales["paid"] = [int(at), line, float(price), currency]
    return sold


def _add_stored(sold: dict[str, dict[str, Any]], product_ids: list[str], window: Window) -> None:
    """Add what was sold before the window."""
    if window.state is None:
        return
    names = {state_key(_MODEL, _SOLD, each): each for each in product_ids}
    for key, stored in window.state.get_many(list(names)).items():
        before = orjson.loads(stored)
        sales = sold.setdefault(names[key], before)
        if sales is not before:
            for colour, n in before["colours"].items():
                sales["colours"][colour] = sales["colours"].get(colour, 0) + n
            sales["paid"] = sales["paid"] or before["paid"]


def _colours(counts: Mapping[str, int]) -> list[str]:
    """Colours in their commonest spelling, most orders first."""
    of_plain: dict[str, list[tuple[int, str]]] = {}
    for colour, n in counts.items():
        of_plain.setdefault(colour.strip().lower(), []).append((-n, colour))
    ranked = sorted((sum(n for n, _ in each), plain) for plain, each in of_plain.items())
    return [min(of_plain[plain])[1] for _, plain in ranked[:_MOST_COLOURS]]


def read_goods(product_id: str, stored: bytes | None) -> OnlineGoods | None:
    """The product of a value in the store; None where there is none."""
    if stored is None:
        return None
    told = orjson.loads(stored)
    sizes = tuple(
        [
            OnlineSize(
                label,
                label.strip().lower(),
                scale,
                math.nan if position is None else position,
                math.nan if rank is None else rank,
            )
            for label, scale, position, rank in told.pop("sizes")
        ]
    )
    if "heights" in told:
        told["heights"] = tuple(told["heights"])
    return OnlineGoods(product_id, sizes, tuple(told.pop("colours")), **told)


def plain_label(label: str | None) -> str | None:
    """:func:`features.return_risk_space.plain_text` of one label."""
    return None if label is None else label.strip().lower()


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Any) -> float | None:
    return None if value is None or pd.isna(value) else float(value)
