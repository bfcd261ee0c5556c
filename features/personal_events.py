"""Which events of a log are about a customer: those that name the person, and those that refer.

A delivery names a line and no customer; so do shipments, claims and words on the fit, and what came
of a claim names the claim. They are found through the lines and claims of the customer's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, Final

import orjson

__all__ = ["PAGE", "LoggedSubject", "events_about", "pages"]

PAGE: Final = 5_000
"""Events that are looked at in one go."""
_LINE, _CLAIM = "order_line_id", "return_id"

LoggedSubject = tuple[int, str | None, bytes]
"""Number of an event, the customer it names, its body."""


def events_about(
    customer_id: str,
    scan: Callable[[], Iterable[LoggedSubject]],
    lines: Collection[str] = (),
    claims: Collection[str] = (),
) -> list[int]:
    """Find the events about a customer.

    Parameters
    ----------
    customer_id
        Compared as a whole.
    scan
        Gives every event of the log; called until nothing more is found, three times as a rule, for
        events come in any order.
    lines, claims
        Ids of order lines and claims known to be the customer's from elsewhere.

    Returns
    -------
    list of int
        Their numbers. An event that names another customer is never among them.
    """
    of_line, of_claim = set(lines), set(claims)
    found: set[int] = set()
    known = -1
    while known < (known := len(found) + len(of_line) + len(of_claim)):
        for seq, named, body in scan():
            if seq in found or named not in (None, customer_id):
                continue
            told = _told(body)
            line, claim = _ids(told.get(_LINE)), _ids(told.get(_CLAIM))
            if named is None and of_line.isdisjoint(line) and of_claim.isdisjoint(claim):
                continue
            found.add(seq)
            of_line |= line
            of_claim |= claim
    return sorted(found)


def pages(read: Callable[[int], list[LoggedSubject]]) -> Iterator[LoggedSubject]:
    """All events, by what reads the next page of those after a number."""
    after = 0
    while page := read(after):
        yield from page
        after = page[-1][0]


def _told(body: bytes) -> dict[str, Any]:
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return told if isinstance(told, dict) else {}


def _ids(value: object) -> set[str]:
    return {value} if isinstance(value, str) else set()
