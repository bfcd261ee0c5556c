"""Which links an account was seen with before: it joins the accounts of an address once.

A customer's record in the state lists the addresses, devices and clusters that the account's orders
came with. Without it a later window could not tell a new link from an old one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import narwhals as nw
import orjson

from data_contracts.lazy import pd
from features.abuse_events import LINKS
from features.events import wrapped
from features.state import state_key
from features.window import Window

__all__ = ["CUSTOMER", "MODEL", "customer_items", "joined_before", "without_joined"]

MODEL, CUSTOMER = "abuse", "customer"
_BETWEEN = "\x1f"

Joined = dict[str, set[tuple[str, str]]]


def joined_before(window: Window, customers: pd.Series) -> Joined:
    """By link: customer and address, device or cluster that were seen together before."""
    found: Joined = {link: set() for link in LINKS}
    for customer, record in _stored(window, customers).items():
        for link, values in record["joined"].items():
            found[link].update((customer, value) for value in values)
    return found


def without_joined(events: Any, joined: Joined) -> Any:
    """The events without those of accounts joining a link they were seen with before."""
    frame = wrapped(events)
    for link, pairs in joined.items():
        if pairs:
            known = nw.concat_str("customer_id", link, separator=_BETWEEN)
            again = known.fill_null("").is_in([_BETWEEN.join(pair) for pair in pairs])
            frame = frame.filter(~((nw.col("kind") == f"joined_{link}") & again))
    return frame.to_native()


def customer_items(lines: pd.DataFrame, window: Window) -> Iterator[tuple[str, bytes]]:
    """What the state keeps of every customer of these lines.

    Parameters
    ----------
    lines
        See :func:`features.abuse_facts.line_rows`.
    window
        What was known before it is added.
    """
    links: dict[str, dict[str, set[str]]] = {
        customer: {link: set(values) for link, values in record["joined"].items()}
        for customer, record in _stored(window, lines["customer_id"]).items()
    }
    for link in LINKS:
        seen = lines[["customer_id", link]].dropna().drop_duplicates()
        for customer, value in seen.itertuples(index=False):
            links.setdefault(customer, {}).setdefault(link, set()).add(value)
    rows = lines.drop_duplicates("customer_id")
    for customer, cluster, registered in zip(
        rows["customer_id"], rows["cluster"], rows["registered"], strict=True
    ):
        told = {
            "cluster": cluster,
            "registered": None if math.isnan(registered) else registered,
            "joined": {link: sorted(values) for link, values in links.get(customer, {}).items()},
        }
        yield (
            state_key(MODEL, CUSTOMER, customer),
            orjson.dumps(told, option=orjson.OPT_SORT_KEYS),
        )


def _stored(window: Window, customers: pd.Series) -> dict[str, Any]:
    if window.state is None:
        return {}
    names = {state_key(MODEL, CUSTOMER, each): each for each in customers.unique()}
    found = window.state.get_many(list(names))
    return {names[key]: orjson.loads(value) for key, value in found.items()}
