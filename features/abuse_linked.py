"""Accounts that share a cluster, an address or a device, and what the others have done.

One person behind several accounts shares more than one of these with them, and opened them within
days. Honest neighbours share an address and nothing else: then both signals weigh little.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from features.abuse_events import LINKS
from features.abuse_surprise import MOST_SURPRISE, surprise
from features.histories import Sum

__all__ = ["SHARED", "link_sums", "linked_accounts"]

Floats = npt.NDArray[np.float64]

SHARED = (
    Sum("delivered", "delivered"),
    Sum("expected", "delivered", "expected"),
    Sum("expected_fault", "delivered", "expected_fault"),
    Sum("expected_lost", "delivered", "expected_lost"),
    Sum("claimed", "claimed"),
    Sum("fault", "claimed", "fault"),
    Sum("lost", "claimed", "lost"),
    Sum("looked", "inspected", "looked"),
    Sum("worn", "inspected", "worn"),
    Sum("swapped", "inspected", "swapped"),
    Sum("found", "found"),
)
"""What is summed both of a link and of one account at this link; the rest is the others'."""
_OPENED = ("accounts", "registered", "registered_square")
_AT = {name: i for i, name in enumerate((*(each.name for each in SHARED), *_OPENED))}
_ADDRESS_ONLY = 0.3
_OPENING_DAYS, _OPENING_SPAN = 3.0, 730.0
_MOST_ACCOUNTS = 3.0


def link_sums(link: str) -> tuple[Sum, ...]:
    """What is summed of all accounts that share a `link`."""
    return (
        *SHARED,
        Sum("accounts", f"joined_{link}"),
        Sum("registered", f"joined_{link}", "registered"),
        Sum("registered_square", f"joined_{link}", "registered", square=True),
    )


def linked_accounts(
    shared: Floats,
    own: Floats,
    registered: Floats,
    *,
    rates: Mapping[str, float],
    shape: float,
) -> dict[str, Floats]:
    """What is known of other accounts.

    Parameters
    ----------
    shared
        `LINKS` by claims by :func:`link_sums`.
    own
        `LINKS` by claims by `SHARED`: of the account itself.
    registered
        When the account was opened, in days.
    rates
        Usual rates by :data:`features.abuse.BASE`.
    shape
        Of :func:`features.abuse_surprise.surprise`.

    Returns
    -------
    dict
        By claim: ``accounts`` and ``kinds`` of links to others; days ``apart`` they were opened,
        NaN without others; ``observed`` faults, losses, swaps and findings of others and
        ``expected`` ones at the link where they surprise most; the surprises ``record`` and
        ``together`` (opened at one time).
    """
    at = {name: shared[:, :, i] for name, i in _AT.items()}
    others = np.maximum(at["accounts"] - 1, 0.0)
    some = others > 0.5
    rest = np.maximum(shared[:, :, : len(SHARED)] - own, 0.0)
    r = {each.name: rest[:, :, i] for i, each in enumerate(SHARED)}
    observed = r["fault"] + r["lost"] + r["swapped"] + r["worn"] + r["found"]
    expected = (
        r["expected_fault"]
        + r["expected_lost"]
        + r["looked"] * (rates["swapped"] + rates["worn"])
        + r["claimed"] * rates["found"]
    )
    record = np.where(some, surprise(observed, expected, shape), 0.0)
    strongest = np.argmax(record, axis=0)[None, :]
    # Mean square of the days between the account's opening and the others'.
    square = at["registered_square"] - 2 * registered * at["registered"]
    square = square + at["accounts"] * registered**2
    with np.errstate(invalid="ignore", divide="ignore"):
        gap = np.where(some, np.sqrt(np.maximum(square, 0.0) / others), np.nan)
        chance = np.minimum(2 * (gap + _OPENING_DAYS) / _OPENING_SPAN, 1.0)
        # Some pair is always close in a house of many: no more than three count.
        close = np.minimum(others, _MOST_ACCOUNTS) * -np.log10(chance)
    together = np.where(np.isnan(close), 0.0, close).max(axis=0)
    person = [link != "address" for link in LINKS]
    weight = np.where(some[person].any(axis=0), 1.0, _ADDRESS_ONLY)
    surprising = record.max(axis=0) > 0
    return {
        "accounts": others.max(axis=0),
        "kinds": some.sum(axis=0).astype("float64"),
        "apart": np.fmin.reduce(gap, axis=0),
        "observed": _of_link(observed, strongest, surprising),
        "expected": _of_link(expected, strongest, surprising),
        "record": record.max(axis=0) * weight,
        "together": np.minimum(together, MOST_SURPRISE) * weight,
    }


def _of_link(values: Floats, link: npt.NDArray[np.int64], where: npt.NDArray[np.bool_]) -> Floats:
    return np.where(where, np.take_along_axis(values, link, axis=0)[0], 0.0)
