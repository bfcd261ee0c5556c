"""A hash chain over the rows of the record, so that tampering is found.

A link holds the SHA-256 of its row's content and, over that and the link before, its own. Links
outlive their rows: when a person is forgotten the content goes and the link stays, which tells
nothing of the person because every content holds an audit id of 128 random bits.

Whoever can write the file can also write a whole new chain. Note the head somewhere else now and
then, and give it to :func:`verify`: then this is found too, as is a cut-off end.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import orjson

__all__ = ["GENESIS", "REMOVAL", "Verification", "content_hash", "link_hash", "spans", "verify"]

GENESIS = bytes(32)
"""What the first link takes for the link before."""
REMOVAL = "removal"
"""Kind of the row that tells of removed rows."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found.

    Attributes
    ----------
    rows
        Rows whose content was compared with their link.
    removed
        Rows that were forgotten or expired, as a row says.
    head
        Hash of the last link, hexadecimal; empty when there is none.
    faults
        One sentence for each row that is not as it was written.
    """

    rows: int
    removed: int
    head: str
    faults: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether every row is as it was written."""
        return not self.faults


def content_hash(
    seq: int, kind: str, audit_id: str | None, customer_id: str | None, at: float, content: str
) -> bytes:
    """SHA-256 of all columns of a row."""
    row = orjson.dumps([seq, kind, audit_id, customer_id, at, content])
    return hashlib.sha256(row).digest()


def link_hash(previous: bytes, content: bytes) -> bytes:
    """SHA-256 of a row's content hash and the link before."""
    return hashlib.sha256(previous + content).digest()


def spans(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Runs of consecutive ascending numbers, as (first, last)."""
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def verify(db: sqlite3.Connection, head: str | None = None) -> Verification:
    """Compare every row with its link and every link with the one before.

    Parameters
    ----------
    db
        The record.
    head
        A head noted earlier: it must still be in the chain.
    """
    faults: list[str] = []
    told: set[int] = set()
    missing: list[int] = []
    rows, expected, previous, seen = 0, 1, GENESIS, head is None
    for seq, kept, link, *row in _joined(db):
        if seq != expected:
            faults.append(f"rows {expected} to {seq - 1} are missing with their links")
        expected = seq + 1
        if link is None:
            faults.append(f"row {seq} was put in without a link")
            continue
        if link != link_hash(previous, kept):
            faults.append(f"the link of row {seq} does not follow from the one before")
        previous = link
        seen = seen or link.hex() == head
        if row[0] is None:
            missing.append(seq)
            continue
        rows += 1
        if content_hash(seq, *row) != kept:
            faults.append(f"row {seq} ({row[0]}) is not as it was written")
        elif row[0] == REMOVAL:
            for first, last in orjson.loads(row[-1])["rows"]:
                told.update(range(first, last + 1))
    untold = [seq for seq in missing if seq not in told]
    faults += [
        f"row {first} is missing" if first == last else f"rows {first} to {last} are missing"
        for first, last in spans(untold)
    ]
    if not seen:
        faults.append(f"the head {head} is not in the chain: it was cut off or written anew")
    gone = len(missing) - len(untold)
    return Verification(rows, gone, "" if previous == GENESIS else previous.hex(), tuple(faults))


def _joined(db: sqlite3.Connection) -> Iterator[tuple[int, bytes, bytes | None, ...]]:  # type: ignore[misc]
    """Links with their rows, None for those that are gone, and rows that have no link."""
    return db.execute(
        "SELECT c.seq AS seq, c.content_hash, c.hash, e.kind, e.audit_id, e.customer_id, e.at,"
        " e.content FROM chain c LEFT JOIN entries e ON e.seq = c.seq UNION ALL"
        " SELECT seq, x'', NULL, kind, audit_id, customer_id, at, content FROM entries"
        " WHERE seq NOT IN (SELECT seq FROM chain) ORDER BY seq"
    )
