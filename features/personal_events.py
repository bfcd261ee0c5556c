"""Which events of a log are about a customer: those that name the person, and those that refer.

A delivery names a line and no customer; so do shipments, claims and words on the fit, and what came
of a claim names the claim. They are found through the lines and claims that stand with the
customer. A line may have been told of under several customers: it stands with the one under whom
the fold keeps it (:func:`features.live.records.tells_same`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import orjson

__all__ = [
    "PAGE",
    "SUBJECT",
    "Known",
    "LoggedSubject",
    "Standing",
    "StandingLine",
    "events_about",
    "pages",
]

PAGE: Final = 5_000
"""Events that are looked at in one go."""
SUBJECT: Final = "seq, customer_id, body, kind, at, event_id"
"""Columns of a log that make a :data:`LoggedSubject`."""
_LINE, _CLAIM = "order_line_id", "return_id"
_ORDERED, _CLAIMED = "order_line", "return"

LoggedSubject = tuple[int, str | None, bytes, str, int, str]
"""Number of an event, the customer it names, its body, kind, moment and id."""


class StandingLine(NamedTuple):
    """Where an order line stands: its order, its moment in microseconds, its customer."""

    order_id: str
    at: int
    customer_id: str


@dataclass(frozen=True)
class Standing:
    """What is known of lines and claims from elsewhere than the log, by their ids.

    Attributes
    ----------
    lines
        Where each stands.
    claims
        The line of each.
    """

    lines: Mapping[str, StandingLine] = field(default_factory=dict)
    claims: Mapping[str, str] = field(default_factory=dict)


Known = Callable[[Collection[str], Collection[str]], Standing]
"""Tells what is known of these lines and these claims."""


def events_about(
    customer_id: str,
    scan: Callable[[], Iterable[LoggedSubject]],
    lines: Collection[str] = (),
    claims: Collection[str] = (),
    known: Known | None = None,
) -> list[int]:
    """Find the events about a customer.

    Parameters
    ----------
    customer_id
        Compared as a whole.
    scan
        Gives every event of the log; called four or five times, for events come in any order.
    lines, claims
        Ids of order lines and claims known to be the customer's from elsewhere.
    known
        Where lines and claims stand that the log may tell only a part of: they were ordered
        before it began.

    Returns
    -------
    list of int
        Their numbers: every event of the lines and claims that stand with the customer, whoever is
        named in it, or the line would come back under another name; and all else that names the
        customer. What is told of lines that stand with somebody else is never among them.

    Notes
    -----
    A line or claim that nobody told of, neither here nor elsewhere, is the customer's when no event
    on it names anybody else.
    """
    told = _Told(customer_id, scan, set(lines), set(claims), known or _nothing)
    of_line, of_claim = told.standing()
    return [
        seq
        for seq, named, body, *_ in scan()
        if (ids := _ids(body))[0] in of_line or ids[1] in of_claim or named == customer_id
    ]


def pages(read: Callable[[int], list[LoggedSubject]]) -> Iterator[LoggedSubject]:
    """All events, by what reads the next page of those after a number."""
    after = 0
    while page := read(after):
        yield from page
        after = page[-1][0]


class _Word(NamedTuple):
    """An order of a line, or a claim on a line, in the order in which they are folded."""

    at: int
    event_id: str
    about: str
    """Id of the order, or of the claim's line."""
    customer_id: str | None


@dataclass
class _Told:
    """What a log tells of the lines and claims that may be a customer's."""

    customer_id: str
    scan: Callable[[], Iterable[LoggedSubject]]
    lines: set[str]
    claims: set[str]
    known: Known

    def standing(self) -> tuple[set[str], set[str]]:
        """Lines and claims that stand with the customer."""
        asked_lines, asked_claims, words = set(self.lines), set(self.claims), _Words()
        for _, named, body, *_ in self.scan():
            if named == self.customer_id:
                line, claim = _ids(body)
                asked_lines |= set() if line is None else {line}
                asked_claims |= set() if claim is None else {claim}
        others_lines: set[str | None] = set()
        others_claims: set[str | None] = set()
        for _, named, body, kind, at, event_id in self.scan():
            line, claim = _ids(body)
            if line in asked_lines and kind == _CLAIMED and claim is not None:
                asked_claims.add(claim)
            if line in asked_lines and kind == _ORDERED:
                words.add(line, body, at, event_id, named)
            if named not in (None, self.customer_id):
                others_lines.add(line if line in asked_lines else None)
                others_claims.add(claim if claim in asked_claims else None)
        elsewhere = self.known(asked_lines, asked_claims)
        of_line = set()
        for line in asked_lines:
            owner = words.customer_of(line, elsewhere.lines.get(line))
            if owner is None and (line in self.lines or line not in others_lines):
                owner = self.customer_id
            if owner == self.customer_id:
                of_line.add(line)
        line_of = self._lines_of(asked_claims, words, elsewhere)
        of_claim = set()
        for claim in asked_claims:
            if claim in line_of:
                theirs = line_of[claim] in of_line
            else:
                theirs = claim in self.claims or claim not in others_claims
            if theirs:
                of_claim.add(claim)
        return of_line, of_claim

    def _lines_of(self, claims: set[str], words: _Words, elsewhere: Standing) -> dict[str, str]:
        """The line of each claim that somebody told of: that of the first word that counts."""
        found: dict[str, list[_Word]] = {}
        for _, named, body, kind, at, event_id in self.scan():
            line, claim = _ids(body)
            if kind == _CLAIMED and claim in claims and line is not None:
                found.setdefault(claim, []).append(_Word(at, event_id, line, named))
        # The state has looked at these already.
        line_of = {claim: line for claim, line in elsewhere.claims.items() if claim in claims}
        open_ = {claim: sorted(of) for claim, of in found.items() if claim not in line_of}
        lines = {word.about for of in open_.values() for word in of} - words.of_line.keys()
        stands = {**elsewhere.lines, **self.known(lines, ()).lines} if lines else elsewhere.lines
        if lines:
            for _, named, body, kind, at, event_id in self.scan():
                if kind == _ORDERED and (line := _ids(body)[0]) in lines:
                    words.add(line, body, at, event_id, named)
        for claim, of in open_.items():
            for word in of:
                first = words.first_of(word.about, stands.get(word.about))
                if first is None or first <= word.at:  # else nothing was told of the line by then
                    line_of[claim] = word.about
                    break
        return line_of


@dataclass
class _Words:
    """Orders of lines, by line."""

    of_line: dict[str, list[_Word]] = field(default_factory=dict)

    def add(self, line: str, body: bytes, at: int, event_id: str, named: str | None) -> None:
        told = _row(body)
        order, customer = str(told.get("order_id")), told.get("customer_id", named)
        word = _Word(at, event_id, order, customer if isinstance(customer, str) else None)
        self.of_line.setdefault(line, []).append(word)

    def customer_of(self, line: str, stands: StandingLine | None) -> str | None:
        """The customer in the last word that may take the place of the first; None if nobody."""
        words = sorted(self.of_line.get(line, ()))
        if not words:
            return None if stands is None else stands.customer_id
        place = (words[0].about, words[0].at) if stands is None else stands[:2]
        last = [word.customer_id for word in words if (word.about, word.at) == place]
        if last:
            return last[-1]
        return None if stands is None else stands.customer_id

    def first_of(self, line: str, stands: StandingLine | None) -> int | None:
        """The moment from which on something is told of a line; None where that is not known."""
        if stands is not None:
            return stands.at
        return min((word.at for word in self.of_line.get(line, ())), default=None)


def _nothing(lines: Collection[str], claims: Collection[str]) -> Standing:
    del lines, claims
    return Standing()


def _ids(body: bytes) -> tuple[str | None, str | None]:
    """Ids of the line and of the claim that an event refers to."""
    told = _row(body)
    line, claim = told.get(_LINE), told.get(_CLAIM)
    return line if isinstance(line, str) else None, claim if isinstance(claim, str) else None


def _row(body: bytes) -> dict[str, Any]:
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return told if isinstance(told, dict) else {}
