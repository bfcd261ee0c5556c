"""The record of return reviews in one SQLite file, append-only by triggers."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import orjson

from data_contracts.lazy import pd
from features.audit_chain import (
    GENESIS,
    REMOVAL,
    Verification,
    content_hash,
    link_hash,
    spans,
    verify,
)
from features.audit_records import (
    LABEL_COLUMNS,
    AuditError,
    Outcome,
    Removed,
    Review,
    UnknownAuditError,
)
from features.erasure import erase

__all__ = ["SqliteAudit"]

_WAIT_S = 10.0
_APPLICATION_ID = 0x4D75_4175  # tells the file from other SQLite files, the online state above all
_LAYOUT = 1  # of the tables; a later release can tell what it finds
_REVIEW, _OUTCOME = "review", "outcome"
_JSON = orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS

# INSERT OR REPLACE deletes without firing a trigger on deletion: so a second row of the same
# number or audit id is refused before it can.
_SCHEMA = """
CREATE TABLE entries (
    seq INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('review', 'outcome', 'removal')),
    audit_id TEXT,
    customer_id TEXT,
    at REAL NOT NULL,
    content TEXT NOT NULL
);
CREATE INDEX entries_audit_id ON entries (audit_id);
CREATE INDEX entries_customer_id ON entries (customer_id);
CREATE INDEX entries_at ON entries (kind, at);
CREATE TABLE chain (seq INTEGER PRIMARY KEY, content_hash BLOB NOT NULL, hash BLOB NOT NULL);
CREATE TABLE leaving (seq INTEGER PRIMARY KEY);
CREATE TRIGGER entries_insert BEFORE INSERT ON entries
    WHEN EXISTS (SELECT 1 FROM entries WHERE seq = NEW.seq) OR NEW.kind = 'review'
        AND EXISTS (SELECT 1 FROM entries WHERE audit_id = NEW.audit_id)
    BEGIN SELECT RAISE(ABORT, 'the record is append-only: this row is there already'); END;
CREATE TRIGGER entries_update BEFORE UPDATE ON entries
    BEGIN SELECT RAISE(ABORT, 'the record is append-only: no row can be changed'); END;
CREATE TRIGGER entries_delete BEFORE DELETE ON entries
    WHEN OLD.kind = 'removal' OR NOT EXISTS (SELECT 1 FROM leaving WHERE seq = OLD.seq)
    BEGIN SELECT RAISE(ABORT, 'the record is append-only: rows leave by forget or expire'); END;
CREATE TRIGGER chain_insert BEFORE INSERT ON chain
    WHEN EXISTS (SELECT 1 FROM chain WHERE seq = NEW.seq)
    BEGIN SELECT RAISE(ABORT, 'the record is append-only: this link is there already'); END;
CREATE TRIGGER chain_update BEFORE UPDATE ON chain
    BEGIN SELECT RAISE(ABORT, 'the record is append-only: no link can be changed'); END;
CREATE TRIGGER chain_delete BEFORE DELETE ON chain
    BEGIN SELECT RAISE(ABORT, 'the record is append-only: links stay when their rows leave'); END;
"""


class SqliteAudit:
    """Reviews in one SQLite file, which several processes may write.

    Parameters
    ----------
    path
        The file; made with its folder when absent, unless `readonly`.
    readonly
        Open for reading only; the file must exist.

    Raises
    ------
    AuditError
        The file cannot be opened or made, or is something else.

    Notes
    -----
    ``synchronous=FULL``: an append returns when its row is on the disk. Triggers refuse to change
    or delete a row. Rows leave only by :meth:`forget` and :meth:`expire`, which in one transaction
    add a row that tells of it, name the rows in the table `leaving`, delete them and empty
    `leaving` again; the trigger lets go only what is named there. Safe to use from several threads.
    """

    def __init__(self, path: str | Path, *, readonly: bool = False) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        if readonly and not self.path.exists():
            raise AuditError(
                f"no record of reviews at {self.path}; the service makes it, or set"
                " MUSLIN_AUDIT_URL to where it is"
            )
        try:
            if not readonly:
                self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise AuditError(
                f"the folder of {self.path} cannot be made ({error.strerror}); set"
                " MUSLIN_AUDIT_URL to a path that can be written"
            ) from error
        with self._explained("opened"):
            self._db = sqlite3.connect(
                self.path, timeout=_WAIT_S, isolation_level=None, check_same_thread=False
            )
            try:
                self._prepare(readonly=readonly)
            except BaseException:
                self._db.close()
                raise

    def _prepare(self, *, readonly: bool) -> None:
        db = self._db
        db.execute("PRAGMA secure_delete=ON")
        db.execute("PRAGMA synchronous=FULL")
        if readonly:
            db.execute("PRAGMA query_only=ON")
            self._check_kind()
            return
        if not self._is_empty():
            self._check_kind()
        _patiently(db, "PRAGMA journal_mode=WAL")
        with self._transaction():
            if self._is_empty():  # another process may have made the tables meanwhile
                db.execute(f"PRAGMA application_id={_APPLICATION_ID}")
                db.execute(f"PRAGMA user_version={_LAYOUT}")
                for statement in _statements(_SCHEMA):
                    db.execute(statement)
            self._check_kind()

    def _is_empty(self) -> bool:
        (tables,) = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        return not tables

    def _check_kind(self) -> None:
        (kind,) = self._db.execute("PRAGMA application_id").fetchone()
        if kind != _APPLICATION_ID:
            raise AuditError(
                f"{self.path} is another database, not a record of reviews; set MUSLIN_AUDIT_URL"
                " to a path of its own"
            )

    def append_review(self, review: Review) -> None:
        """Keep a review; it is on the disk when this returns."""
        self.append_reviews([review])

    def append_reviews(self, reviews: Sequence[Review]) -> None:
        """Keep reviews in one transaction, all or none."""
        contents = [orjson.dumps(asdict(each), option=_JSON).decode() for each in reviews]
        with self._lock, self._explained("written; nothing was kept"), self._transaction():
            for each, content in zip(reviews, contents, strict=True):
                self._append(_REVIEW, each.audit_id, each.customer_id, each.at, content)

    def append_outcome(self, outcome: Outcome) -> None:
        """Keep an outcome; it is on the disk when this returns.

        Raises
        ------
        UnknownAuditError
            There is no such review: never was, forgotten or expired.
        """
        content = orjson.dumps(asdict(outcome), option=_JSON).decode()
        with self._lock, self._explained("written; nothing was kept"), self._transaction():
            found = self._db.execute(
                "SELECT customer_id FROM entries WHERE audit_id = ? AND kind = ?",
                (outcome.audit_id, _REVIEW),
            ).fetchone()
            if found is None:
                raise _unknown(outcome.audit_id)
            self._append(_OUTCOME, outcome.audit_id, found[0], outcome.at, content)

    def get(self, audit_id: str) -> tuple[Review, tuple[Outcome, ...]]:
        """Give a review and its outcomes, oldest first.

        Raises
        ------
        UnknownAuditError
            There is no such review: never was, forgotten or expired.
        """
        with self._lock, self._explained("read"):
            found = self._db.execute(
                "SELECT kind, content FROM entries WHERE audit_id = ? ORDER BY seq", (audit_id,)
            ).fetchall()
        if not found:
            raise _unknown(audit_id)
        (_, review), *outcomes = found
        return (
            Review(**orjson.loads(review)),
            tuple(Outcome(**orjson.loads(content)) for _, content in outcomes),
        )

    def labels(self) -> pd.DataFrame:
        """Reviews whose last outcome judges honesty, in the order they were judged.

        Returns
        -------
        DataFrame (n, len(LABEL_COLUMNS))
            A last outcome without a label takes an earlier label back.
        """
        with self._lock, self._explained("read"):
            found = self._db.execute(
                "SELECT r.content, o.content FROM entries o JOIN entries r"
                " ON r.audit_id = o.audit_id AND r.kind = 'review' WHERE o.seq IN"
                " (SELECT max(seq) FROM entries WHERE kind = 'outcome' GROUP BY audit_id)"
                " AND json_extract(o.content, '$.label') IS NOT NULL ORDER BY o.seq"
            ).fetchall()
        pairs = [(orjson.loads(review), orjson.loads(outcome)) for review, outcome in found]
        columns: dict[str, list[Any]] = {
            "audit_id": [r["audit_id"] for r, _ in pairs],
            "reviewed_at": [r["at"] for r, _ in pairs],
            "requested_at": [
                r["at"] if r["requested_at"] is None else r["requested_at"] for r, _ in pairs
            ],
            **{name: [r[name] for r, _ in pairs] for name in LABEL_COLUMNS[3:6]},
            **{name: [o[name] for _, o in pairs] for name in LABEL_COLUMNS[6:10]},
            "decided_at": [o["at"] for _, o in pairs],
        }
        return pd.DataFrame(
            {
                name: pd.to_datetime(pd.Series(values, dtype="float64"), unit="s", utc=True)
                .dt.round("us")
                .astype("datetime64[us, UTC]")
                if name.endswith("_at")
                else pd.Series(values, dtype="str")
                for name, values in columns.items()
            }
        )

    def routes(self) -> pd.DataFrame:
        """When each review was answered and the route it was given, oldest first; nobody is named.

        Returns
        -------
        DataFrame (n, 2)
            ``reviewed_at`` (``datetime64[us, UTC]``) and ``route``.
        """
        with self._lock, self._explained("read"):
            found = self._db.execute(
                "SELECT at, json_extract(content, '$.route') FROM entries WHERE kind = ?"
                " ORDER BY at, seq",
                (_REVIEW,),
            ).fetchall()
        at = pd.to_datetime(pd.Series([a for a, _ in found], dtype="float64"), unit="s", utc=True)
        return pd.DataFrame(
            {
                "reviewed_at": at.dt.round("us").astype("datetime64[us, UTC]"),
                "route": pd.Series([route for _, route in found], dtype="str"),
            }
        )

    def forget(self, customer_id: str) -> Removed:
        """Remove a person's reviews with their outcomes, also from the bytes of the file.

        Parameters
        ----------
        customer_id
            Compared as a whole.
        """
        removed = self._remove("forgotten", "customer_id = ?", customer_id)
        with self._lock, self._explained("rebuilt; the rows are removed, their bytes are not"):
            (elsewhere,) = self._db.execute(
                "SELECT count(DISTINCT e.seq) FROM entries e, json_tree(e.content) t"
                " WHERE instr(e.content, ?) AND t.type = 'text' AND t.atom = ?",
                (orjson.dumps(customer_id).decode(), customer_id),
            ).fetchone()
            erased = erase(self._db)
        return Removed(removed.reviews, removed.outcomes, elsewhere, erased)

    def expire(self, before: float) -> Removed:
        """Remove reviews answered before a moment, with their outcomes.

        The bytes are overwritten in the file; the rest of the log is left to its next checkpoint,
        so that a service may do this when it starts.

        Parameters
        ----------
        before
            Seconds since the epoch (UTC).
        """
        old = "audit_id IN (SELECT audit_id FROM entries WHERE kind = 'review' AND at < ?)"
        return self._remove("expired", old, before)

    def verify(self, head: str | None = None) -> Verification:
        """Look for rows that were changed or are missing without a row that tells of it.

        Parameters
        ----------
        head
            The `head` of an earlier verification, kept elsewhere.
        """
        with self._lock, self._explained("read"):
            return verify(self._db, head)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _append(
        self, kind: str, audit_id: str | None, customer_id: str | None, at: float, content: str
    ) -> None:
        """Add a row and its link, inside the caller's transaction."""
        db = self._db
        last = db.execute("SELECT seq, hash FROM chain ORDER BY seq DESC LIMIT 1").fetchone()
        seq, previous = (1, GENESIS) if last is None else (last[0] + 1, last[1])
        row = (seq, kind, audit_id, customer_id, float(at), content)
        kept = content_hash(*row)
        db.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?)", row)
        db.execute("INSERT INTO chain VALUES (?, ?, ?)", (seq, kept, link_hash(previous, kept)))

    def _remove(self, why: str, where: str, value: str | float) -> Removed:
        """Delete rows and add the row that tells of it, in one transaction."""
        db = self._db
        with self._lock, self._explained("written; nothing was removed"), self._transaction():
            rows = db.execute(
                f"SELECT seq, kind FROM entries WHERE {where} ORDER BY seq",  # noqa: S608 - ours
                (value,),
            ).fetchall()
            if not rows:
                return Removed()
            reviews = sum(kind == _REVIEW for _, kind in rows)
            removed = Removed(reviews, len(rows) - reviews)
            told = {
                "why": why,
                "reviews": removed.reviews,
                "outcomes": removed.outcomes,
                "rows": spans(seq for seq, _ in rows),
            }
            self._append(REMOVAL, None, None, time.time(), orjson.dumps(told).decode())
            db.executemany("INSERT INTO leaving VALUES (?)", [(seq,) for seq, _ in rows])
            db.execute("DELETE FROM entries WHERE seq IN (SELECT seq FROM leaving)")
            db.execute("DELETE FROM leaving")
        return removed

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # a full disk may have rolled it back already
                self._db.execute("ROLLBACK")
            raise

    @contextmanager
    def _explained(self, doing: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            what = _WHAT_TO_DO.get(code, "check the file and the disk it is on")
            raise AuditError(
                f"{self.path}: the record of reviews cannot be {doing} ({error}); {what}"
            ) from error


_WHAT_TO_DO = {
    sqlite3.SQLITE_FULL: "free space on the disk",
    sqlite3.SQLITE_IOERR: "check the disk, and that it has space",
    sqlite3.SQLITE_READONLY: "let this user write the file and its folder",
    sqlite3.SQLITE_CANTOPEN: "let this user write the file and its folder",
    sqlite3.SQLITE_PERM: "let this user write the file and its folder",
    sqlite3.SQLITE_BUSY: f"another process held it for {_WAIT_S:g} s: end that one or try again",
    sqlite3.SQLITE_NOTADB: "the file is something else: set MUSLIN_AUDIT_URL to a path of its own",
    sqlite3.SQLITE_CORRUPT: "the file is damaged: keep it, and put a backup in its place",
    sqlite3.SQLITE_CONSTRAINT: "the row is there already, or breaks the rules of the record",
}


def _unknown(audit_id: str) -> UnknownAuditError:
    return UnknownAuditError(
        f"there is no review {audit_id!r}: it was never made, or it expired or was forgotten"
    )


def _patiently(db: sqlite3.Connection, statement: str) -> None:
    """Execute what SQLite does not wait for by itself when processes start at the same time."""
    until = time.monotonic() + _WAIT_S
    while True:
        try:
            db.execute(statement)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return


def _statements(script: str) -> Iterator[str]:
    """Statements of a script one by one: ``executescript`` would commit the transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
