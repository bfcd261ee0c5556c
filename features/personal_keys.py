"""Which keys of the online state name a customer, and in which part.

Ids of customers and of products may be the same number, so that looking for the id in any part of
a key would forget the product as well. Histories tell by their declaration; records are listed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from features.abuse import HISTORIES as ABUSE
from features.histories import History
from features.return_risk import HISTORIES as RETURN_RISK
from features.size_fit import HISTORIES as SIZE_FIT
from features.state import state_key

__all__ = ["CUSTOMER_PART", "keys_of_claim", "keys_of_line", "names_customer"]

_WIDTH = {"person": 2}  # customer and wearer, joined by the separator of the keys
_NAMES = ("customer_id", "person")


def _parts(histories: Iterable[History], *before: str) -> dict[tuple[str, ...], int | None]:
    found: dict[tuple[str, ...], int | None] = {}
    for history in histories:
        kind = (*before, history.name)
        at = len(kind)
        found[kind] = None
        for column in history.key:
            if column in _NAMES:
                found[kind] = at
                break
            at += _WIDTH.get(column, 1)
    return found


CUSTOMER_PART: dict[tuple[str, ...], int | None] = {
    **_parts(SIZE_FIT),
    **_parts(ABUSE, "abuse"),
    **_parts(RETURN_RISK, "return_risk"),
    ("abuse", "customer"): 2,
    ("abuse", "claim"): 2,
    ("return_risk", "goods"): None,
    ("return_risk", "buyer"): 2,
    ("product_facts",): None,
    ("person_facts",): 1,
    ("child_facts",): 1,
    ("order_line",): None,  # its value names the customer
    ("crowd",): None,
    ("own",): 1,
    ("chosen",): None,
    ("return_risk", "sold"): None,
    ("live", "customer"): 2,
    ("live", "order"): None,  # its value names the customer
    ("live", "line"): None,
    ("live", "return"): None,
    ("live", "product"): None,
    ("live", "due"): None,
    ("live", "undo"): None,
}
"""Place of the customer's id among the parts of a key, by kind (the first part or parts)."""

_LONGEST = max(map(len, CUSTOMER_PART))


def names_customer(parts: Sequence[str], customer_id: str) -> bool:
    """Whether a key names this customer.

    Parameters
    ----------
    parts
        Parts of the key.
    customer_id
        Compared as a whole.

    Returns
    -------
    bool
        For a kind of key that is not listed, whether any part is the id: rather a history too
        many removed, which the next filling brings back, than a person kept.
    """
    for length in range(1, _LONGEST + 1):
        kind = tuple(parts[:length])
        if kind in CUSTOMER_PART:
            place = CUSTOMER_PART[kind]
            return place is not None and parts[place : place + 1] == [customer_id]
    return customer_id in parts[1:]


def keys_of_line(order_line_id: str, order_id: str, product_id: str) -> Iterator[str]:
    """Keys of what is kept of an order line and its order, of which none names the customer."""
    yield state_key("order_line", order_line_id)
    yield state_key("chosen", order_line_id)
    yield state_key("live", "line", order_line_id)
    yield state_key("live", "order", order_id)
    yield state_key("abuse", "order", order_id)
    yield state_key("abuse", "bracket", order_id, product_id)


def keys_of_claim(return_id: str) -> Iterator[str]:
    """Keys of what is kept of a claim, of which none names the customer."""
    yield state_key("live", "return", return_id)
