"""Order lines online: what the returns desk and the abuse model must know of one, in one look-up.

A claim names an order line. Who bought what, when, for how much and where it went is read from the
state under ``state_key("order_line", order_line_id)``, with the claims already made on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any

import orjson

from data_contracts.lazy import pd
from features.lines import to_micros
from features.state import StateReader, state_key

__all__ = ["EarlierClaim", "OrderRecord", "order_items", "order_key", "read_orders"]

_LINE_TEXTS = (
    "order_id",
    "customer_id",
    "product_id",
    "size_label",
    "colour",
    "currency",
    "market",
    "wearer",
    "ship_address_hash",
    "device_hash",
    "payment_method",
)
_LINE_NUMBERS = ("quantity", "unit_price", "list_price", "shipped_weight_g")
_LINE_TIMES = ("ordered_at", "promised_at", "shipped_at", "delivered_at")
_PRODUCT_TEXTS = ("category", "brand", "audience")
_CLAIM_TEXTS = ("return_id", "reason", "condition", "resolution")
_CLAIM_NUMBERS = ("quantity", "refund_amount", "returned_weight_g")
_CLAIM_TIMES = ("requested_at", "received_at", "closed_at")
_MICROS = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierClaim:
    """A claim on record.

    Attributes
    ----------
    return_id, reason, condition, resolution
        As in the contract ``returns``; None where not known.
    quantity
        Pieces claimed.
    refund_amount
        Money given back, in the line's currency.
    returned_weight_g
        Weight that came back, g.
    requested_at, received_at, closed_at
        Seconds since the epoch (UTC).
    """

    return_id: str
    reason: str
    quantity: int
    requested_at: float
    received_at: float | None = None
    closed_at: float | None = None
    condition: str | None = None
    resolution: str | None = None
    refund_amount: float | None = None
    returned_weight_g: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRecord:
    """An order line as the state knows it.

    Attributes
    ----------
    order_line_id, order_id, customer_id, product_id
        Ids of the shop.
    size_label, colour, quantity
        What was bought, and how many pieces.
    unit_price, list_price, currency
        Price of a piece, paid and before reductions; ISO 4217.
    market
        Where it went, ISO 3166 alpha-2.
    ordered_at, promised_at, shipped_at, delivered_at
        Seconds since the epoch (UTC).
    order_delivered_at
        When the last line of the order arrived, of those that have.
    shipped_weight_g
        Weight sent, g.
    ship_address_hash, device_hash, wearer, payment_method
        As in the contract ``order_lines``.
    category, brand, audience, hygiene_sealed, launched_at
        Of the product.
    order_lines, alike_lines
        Lines of the order placed at the same moment, and those of them with the same product: tried
        on beside each other.
    claims
        Claims already made on the line, oldest first.
    """

    order_line_id: str
    order_id: str
    customer_id: str
    product_id: str
    quantity: int
    currency: str
    ordered_at: float
    size_label: str | None = None
    colour: str | None = None
    unit_price: float | None = None
    list_price: float | None = None
    market: str | None = None
    promised_at: float | None = None
    shipped_at: float | None = None
    delivered_at: float | None = None
    order_delivered_at: float | None = None
    shipped_weight_g: float | None = None
    ship_address_hash: str | None = None
    device_hash: str | None = None
    wearer: str | None = None
    payment_method: str | None = None
    category: str | None = None
    brand: str | None = None
    audience: str | None = None
    hygiene_sealed: bool | None = None
    launched_at: float | None = None
    order_lines: int = 1
    alike_lines: int = 1
    claims: tuple[EarlierClaim, ...] = ()

    def claimed_before(self, moment: float, return_id: str | None = None) -> int:
        """Pieces claimed strictly before `moment` (seconds), the claim `return_id` aside."""
        return sum(
            claim.quantity
            for claim in self.claims
            if claim.requested_at < moment and claim.return_id != return_id
        )


def order_key(order_line_id: str) -> str:
    """Key of an order line in the state."""
    return state_key("order_line", order_line_id)


def order_items(tables: Mapping[str, pd.DataFrame]) -> Iterator[tuple[str, bytes]]:
    """Every order line as key and value of the state store.

    Parameters
    ----------
    tables
        Contract tables; ``order_lines`` and ``products`` are needed, ``returns`` helps.
    """
    lines = tables["order_lines"]
    products = tables["products"]
    told = _plain(lines, ["order_line_id", *_LINE_TEXTS], _LINE_NUMBERS, _LINE_TIMES).reset_index(
        drop=True
    )
    came = told["delivered_at"].astype("Int64").groupby(told["order_id"])
    told["order_delivered_at"] = came.transform("max").astype(object)
    placed = ["order_id", "ordered_at"]
    alike = [*placed, "product_id"]
    told["order_lines"] = told.groupby(placed)["order_id"].transform("size")
    told["alike_lines"] = told.groupby(alike)["order_id"].transform("size")
    goods = _plain(products, ["product_id", *_PRODUCT_TEXTS], (), ("launched_at",))
    sealed = products["hygiene_sealed"].astype(object)
    goods["hygiene_sealed"] = sealed.map(bool, na_action="ignore").to_numpy(dtype=object)
    told = told.merge(goods, on="product_id", how="left")
    claims = _claims(tables.get("returns"))
    for record in _known(told):
        order_line_id = record.pop("order_line_id")
        if order_line_id in claims:
            record["claims"] = claims[order_line_id]
        yield order_key(order_line_id), orjson.dumps(record)


def read_orders(state: StateReader, ids: Sequence[str]) -> dict[str, OrderRecord]:
    """The records of those lines that are in the state, by id; one look-up."""
    found = state.get_many([order_key(each) for each in dict.fromkeys(ids)])
    return {each: _record(each, found[order_key(each)]) for each in ids if order_key(each) in found}


def _plain(
    frame: pd.DataFrame, texts: Sequence[str], numbers: Sequence[str], times: Sequence[str]
) -> pd.DataFrame:
    """Columns as text, plain numbers and whole microseconds, null where not known."""
    out: dict[str, pd.Series] = {name: frame[name].astype(object) for name in texts}
    for name in numbers:
        values = frame[name].astype("float64")
        out[name] = values.astype("Int64") if name == "quantity" else values
    for name in times:
        out[name] = to_micros(frame[name])
    return pd.DataFrame(out).astype(object)


def _known(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """What is known of each row, by column."""
    names = [str(column) for column in frame.columns]
    values, told = frame.to_numpy(dtype=object).tolist(), frame.notna().to_numpy().tolist()
    for row, known in zip(values, told, strict=True):
        yield dict(compress(zip(names, row, strict=True), known))


def _claims(returns: pd.DataFrame | None) -> dict[str, list[dict[str, object]]]:
    if returns is None or returns.empty:
        return {}
    ordered = returns.sort_values(["requested_at", "return_id"], kind="stable")
    plain = _plain(ordered, ["order_line_id", *_CLAIM_TEXTS], _CLAIM_NUMBERS, _CLAIM_TIMES)
    of_line: dict[str, list[dict[str, object]]] = {}
    for claim in _known(plain):
        of_line.setdefault(str(claim.pop("order_line_id")), []).append(claim)
    return of_line


def _record(order_line_id: str, stored: bytes) -> OrderRecord:
    told = orjson.loads(stored)
    for name in (*_LINE_TIMES, "order_delivered_at", "launched_at"):
        if name in told:
            told[name] /= _MICROS
    claims = []
    for claim in told.pop("claims", ()):
        for name in _CLAIM_TIMES:
            if name in claim:
                claim[name] /= _MICROS
        claims.append(EarlierClaim(**claim))
    return OrderRecord(order_line_id=order_line_id, claims=tuple(claims), **told)
