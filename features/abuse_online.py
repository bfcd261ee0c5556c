"""The same vectors online: state look-up and claim instead of tables.

The vector itself is built by :func:`features.abuse.abuse_vectors`, the one training calls; that the
facts agree is held by a test that compares the vectors of whole shops.

A returns desk often asks about a claim that is already in the state. What was known strictly before
such a claim is kept with it, so that a claim never counts as its own precedent.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import orjson

from data_contracts.lazy import pd
from features.abuse import FACTS, HISTORIES, abuse_vectors
from features.abuse_facts import FAULTS, GAP_FROM, MOODS, OTHER_GOODS, SIZES, line_rows
from features.abuse_joined import CUSTOMER, MODEL, customer_items
from features.abuse_space import AbuseSpace
from features.events import DAY_US
from features.histories import T0_US, decay
from features.order_records import OrderRecord, read_orders
from features.questions import ClaimQuestion
from features.state import StateReader, state_key
from features.window import WHOLE, Window

__all__ = ["AbuseLookup", "ClaimContext", "state_items"]

Floats = npt.NDArray[np.float64]

_MODEL, _CUSTOMER, _CLAIM = MODEL, CUSTOMER, "claim"
_KEEP_DAYS = 180.0
_MICROS = 1e6
_SAME_US = 1e6
_WIDTHS = {history.name: len(history.sums) for history in HISTORIES}


@dataclass(frozen=True, slots=True)
class ClaimContext:
    """A claim with what is known: the line, where it is on record, and the vector."""

    order: OrderRecord | None
    x: Floats


def state_items(
    space: AbuseSpace, tables: Mapping[str, pd.DataFrame], window: Window = WHOLE
) -> Iterator[tuple[str, bytes]]:
    """Everything the look-ups need beside the order records, as keys and values of the state store.

    Parameters
    ----------
    space
        The feature space of the model that will ask.
    tables
        Contract tables; of a window the rows that it touches, of orders all their lines.
    window
        What happened before it is in the stored sums already.
    """
    if not len(tables["order_lines"]):
        return
    claims, sums, events = space.known(tables, window)
    for history in HISTORIES:
        yield from window.final_items(history, events, (_MODEL,))
    yield from customer_items(line_rows(tables, space.prices_), window)
    yield from _claims(claims, sums)


def _claims(claims: pd.DataFrame, sums: Mapping[str, Floats]) -> Iterator[tuple[str, bytes]]:
    """What was known before each claim that may still be asked about.

    The buyer is part of the key, so that everything of a person is found when it must go.
    """
    if claims.empty:
        return
    at = claims["at"].to_numpy()
    recent = np.flatnonzero(at >= at.max() - _KEEP_DAYS * DAY_US)
    known = np.concatenate([sums[name][recent] for name in _WIDTHS], axis=1)
    rows = np.column_stack([at[recent].astype("float64"), known]).astype("<f8")
    made = claims.iloc[recent]
    for buyer, return_id, row in zip(made["customer_id"], made["return_id"], rows, strict=True):
        yield state_key(_MODEL, _CLAIM, buyer, return_id), row.tobytes()


class AbuseLookup:
    """Builds the vectors of claims from the state.

    Parameters
    ----------
    space
        The model's feature space.
    state
        The store, filled for this space with :func:`state_items` and
        :func:`features.order_records.order_items`.
    """

    def __init__(self, space: AbuseSpace, state: StateReader) -> None:
        self._space = space
        self._state = state

    def contexts(self, questions: Sequence[ClaimQuestion]) -> list[ClaimContext]:
        """Look up what is known of each claim and build its vector; no unknown id is an error."""
        if not questions:
            return []
        orders = read_orders(self._state, [q.order_line_id for q in questions])
        asked = [(q, orders.get(q.order_line_id)) for q in questions]
        first = {state_key(_MODEL, _CUSTOMER, who) for q, o in asked if (who := _who(q, o))}
        first |= {key for q, o in asked if (key := _claim_key(q, o))}
        found = self._state.get_many(list(first)) if first else {}
        people = [_person(q, o, found) for q, o in asked]
        keys = [_keys(q, o, p) for (q, o), p in zip(asked, people, strict=True)]
        wanted = list({key for each in keys for key in each.values()})
        histories = self._state.get_many(wanted) if wanted else {}
        facts = np.array(
            [self._facts(q, o, p) for (q, o), p in zip(asked, people, strict=True)],
            dtype="float64",
        )
        sums = self._sums(asked, keys, found, histories)
        X = abuse_vectors(facts, sums, self._space.base_, self._space.shapes_)
        return [ClaimContext(o, x) for (_, o), x in zip(asked, X, strict=True)]

    def _sums(
        self,
        asked: Sequence[tuple[ClaimQuestion, OrderRecord | None]],
        keys: Sequence[Mapping[str, str]],
        found: Mapping[str, bytes],
        histories: Mapping[str, bytes],
    ) -> dict[str, Floats]:
        sums = {name: np.zeros((len(asked), width)) for name, width in _WIDTHS.items()}
        for row, (q, order) in enumerate(asked):
            stored = found.get(_claim_key(q, order) or "")
            if stored is not None:
                at, *known = np.split(np.frombuffer(stored, "<f8"), _SPLITS)
                if abs(float(at[0]) - q.requested_at * _MICROS) < _SAME_US:
                    for name, values in zip(_WIDTHS, known, strict=True):
                        sums[name][row] = values
                    continue
            for history in HISTORIES:
                value = histories.get(keys[row].get(history.name, ""))
                if value is not None:
                    now = decay(history.half_lives, q.requested_at * _MICROS)
                    sums[history.name][row] = np.frombuffer(value, "<f8") * now
        return sums

    def _facts(
        self, q: ClaimQuestion, order: OrderRecord | None, person: Mapping[str, float | str | None]
    ) -> list[float]:
        """The facts of :func:`features.abuse_facts.claim_rows` for one claim."""
        nan = math.nan
        told = dict.fromkeys(FACTS, nan)
        told |= {
            "size": float(q.reason in SIZES),
            "fault": float(q.reason in FAULTS),
            "mood": float(q.reason in MOODS),
            "worn": nan if q.condition is None else float(q.condition == "worn"),
        }
        registered = person.get("registered")
        if isinstance(registered, float):
            told["registered"] = registered
            told["age"] = (q.requested_at * _MICROS - T0_US) / DAY_US - registered
        sent: float | None = None
        if order is not None:
            usual = self._space.prices_.get(order.currency)
            value = 1.0
            if usual is not None and order.unit_price is not None:
                value = order.quantity * order.unit_price / usual
            share = min(q.quantity / order.quantity, 1.0)
            arrived = order.delivered_at is not None and order.delivered_at < q.requested_at
            lost = q.reason == "not_received" and arrived
            earlier = [
                each
                for each in order.claims
                if each.requested_at < q.requested_at and each.return_id != _made(q, order)
            ]
            told |= {
                "value": value * share,
                "share": share,
                "lost": float(lost) / order.order_lines,
                "arrived": float(arrived),
                "repeat": float(bool(earlier)),
                "changed": float(bool(earlier) and earlier[-1].reason != q.reason),
                "basket": float(order.order_lines),
                "alike": float(order.alike_lines),
                "hidden": float(not arrived),
                "line_value": value,
            }
            if arrived and order.delivered_at is not None:
                told["delay"] = (q.requested_at - order.delivered_at) * _MICROS / DAY_US
            if order.shipped_weight_g:
                sent = order.shipped_weight_g * share
        if sent is not None and q.returned_weight_g is not None:
            told["gap"] = (sent - q.returned_weight_g) / sent
        if q.condition is not None or math.isfinite(told["gap"]):
            odd = q.condition in OTHER_GOODS or abs(told["gap"]) > GAP_FROM
            told["swapped"] = float(odd and q.reason != "wrong_item")
        return [told[name] for name in FACTS]


_SPLITS = np.cumsum([1, *list(_WIDTHS.values())[:-1]])


def _who(q: ClaimQuestion, order: OrderRecord | None) -> str | None:
    """Whose conduct is looked at: the buyer's, whoever asks."""
    return order.customer_id if order is not None else q.customer_id


def _made(q: ClaimQuestion, order: OrderRecord | None) -> str | None:
    """The shop's id of this claim, where it is on record."""
    if q.return_id is not None:
        return q.return_id
    if order is not None:
        for claim in order.claims:
            if abs(claim.requested_at - q.requested_at) * _MICROS < _SAME_US:
                return claim.return_id
    return None


def _claim_key(q: ClaimQuestion, order: OrderRecord | None) -> str | None:
    who, made = _who(q, order), _made(q, order)
    return state_key(_MODEL, _CLAIM, who, made) if who and made else None


def _person(
    q: ClaimQuestion, order: OrderRecord | None, found: Mapping[str, bytes]
) -> Mapping[str, float | str | None]:
    stored = found.get(state_key(_MODEL, _CUSTOMER, _who(q, order) or ""))
    told: dict[str, float | str | None] = {} if stored is None else orjson.loads(stored)
    return told


def _keys(
    q: ClaimQuestion, order: OrderRecord | None, person: Mapping[str, float | str | None]
) -> dict[str, str]:
    """Key in the store of every history whose key columns are known."""
    parts: dict[str, object] = {"customer_id": _who(q, order), "cluster": person.get("cluster")}
    if order is not None:
        parts |= {
            "address": order.ship_address_hash,
            "device": order.device_hash,
            "product_id": order.product_id,
            "size_label": order.size_label,
            "market": order.market,
            "order_id": order.order_id,
            "bracket": state_key(order.order_id, order.product_id),
        }
    keys = {}
    for history in HISTORIES:
        values = [parts.get(part) for part in history.key]
        if all(isinstance(value, str) for value in values):
            keys[history.name] = state_key(_MODEL, history.name, *map(str, values))
    return keys
