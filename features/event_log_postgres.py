"""The log of events in PostgreSQL, for a service of several replicas."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any, Final, LiteralString, Self, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict

from features.event_log import EventLogError, LoggedEvent, NewEvent, sift
from features.personal_events import PAGE, SUBJECT, Known, LoggedSubject, events_about, pages

__all__ = ["PostgresEventLog"]

T = TypeVar("T")

_CONNECT_S: Final = "5"
_SILENT_MS: Final = "10000"
_LOCK_TIMEOUT: Final = "30s"
_SETTLING: Final = 0x4D75_4576  # number of the advisory lock under which tables are made

# Ids are compared byte by byte, as SQLite does, so that events of one moment come in one order.
_SCHEMA: Final[tuple[LiteralString, ...]] = (
    """CREATE TABLE IF NOT EXISTS muslin_events (
        seq bigint PRIMARY KEY,
        event_id text COLLATE "C" NOT NULL UNIQUE,
        kind text NOT NULL,
        at bigint NOT NULL,
        customer_id text,
        body bytea NOT NULL
    )""",
    "CREATE INDEX IF NOT EXISTS muslin_events_at ON muslin_events (at, event_id)",
    """CREATE TABLE IF NOT EXISTS muslin_events_last (
        one boolean PRIMARY KEY DEFAULT true CHECK (one),
        seq bigint NOT NULL
    )""",
    "INSERT INTO muslin_events_last (seq) VALUES (0) ON CONFLICT DO NOTHING",
)
_LOCK: Final = "SELECT seq FROM muslin_events_last FOR UPDATE"
_KNOWN: Final = "SELECT event_id, kind, at, body FROM muslin_events WHERE event_id = ANY(%s)"
_INSERT: Final = """
WITH put AS (
    INSERT INTO muslin_events (seq, event_id, kind, at, customer_id, body)
    SELECT * FROM unnest(
        %s::bigint[], %s::text[], %s::text[], %s::bigint[], %s::text[], %s::bytea[]
    )
)
UPDATE muslin_events_last SET seq = %s
"""
_READ: Final = """
SELECT seq, event_id, kind, at, body FROM muslin_events WHERE seq > %s ORDER BY seq LIMIT %s
"""
_BETWEEN: Final = """
SELECT seq, event_id, kind, at, body FROM muslin_events
WHERE at > %s AND at <= %s AND seq <= %s ORDER BY at, event_id
"""
_SUBJECTS: Final = (
    f"SELECT {SUBJECT} FROM muslin_events"  # noqa: S608 - a constant
    " WHERE seq > %s ORDER BY seq LIMIT %s"
)


class PostgresEventLog:
    """Events in the tables ``muslin_events`` and ``muslin_events_last`` of a PostgreSQL database.

    Parameters
    ----------
    url
        ``postgresql://[user:password@]host[:port]/database``, with any option of libpq after a
        question mark: ``?options=-csearch_path%3Dshop`` keeps shops of one database apart. The
        tables are made when absent, which takes the right to create them once.

    Raises
    ------
    EventLogError
        The URL cannot be used, nobody answers, the tables cannot be made, or the server would
        forget what it acknowledged (``fsync=off``).

    Notes
    -----
    The one row of ``muslin_events_last`` holds the greatest number, and a writer holds its lock
    from before it looks until it has committed. So numbers become visible in their order, and a
    reader that has read up to a number misses none: a sequence would let 7 be seen before 6 is
    committed. Writers take turns for the time of one commit, so send events in batches.

    The lock is a row and not an advisory lock, whose number another application of the same
    database may use. One object may be shared among threads; a connection that was lost is opened
    anew by the next call.
    """

    def __init__(self, url: str) -> None:
        try:
            given = conninfo_to_dict(url)
        except psycopg.ProgrammingError:  # it would quote the URL, with the password
            raise EventLogError(
                "the URL of the log of events cannot be used; it should be like"
                " postgresql://user:password@host:5432/database, signs such as @ / ? # % in the"
                " password percent-encoded"
            ) from None
        # A server that is gone is noticed; who asks for other limits in the URL gets them.
        limits = {"connect_timeout": _CONNECT_S, "tcp_user_timeout": _SILENT_MS}
        self._options: dict[str, Any] = {**limits, **given}
        host, port = given.get("host", "localhost"), given.get("port", "5432")
        self._where = f"{host}:{port}/{given.get('dbname', '')}"
        self._lock = threading.Lock()
        self._db: psycopg.Connection | None = None
        try:
            self._do("opened", self._settle)
        except BaseException:
            self.close()
            raise

    def _settle(self, db: psycopg.Connection) -> None:
        """Make the tables, once, whoever else does at this moment."""
        if self._setting(db, "fsync") == "off":
            raise EventLogError(
                f"PostgreSQL at {self._where} runs with fsync=off: it would lose events it has"
                " acknowledged; turn fsync on"
            )
        if db.execute("SELECT to_regclass('muslin_events_last')").fetchone() != (None,):
            return
        with db.transaction():
            db.execute("SELECT pg_advisory_xact_lock(%s)", (_SETTLING,))
            for statement in _SCHEMA:
                db.execute(statement)

    def _setting(self, db: psycopg.Connection, name: str) -> str:
        row = db.execute("SELECT current_setting(%s)", (name,)).fetchone()
        return str(row[0]) if row else ""

    def _connect(self) -> psycopg.Connection:
        db = psycopg.connect(autocommit=True, **self._options)
        try:
            db.execute("SELECT set_config('lock_timeout', %s, false)", (_LOCK_TIMEOUT,))
            if self._setting(db, "synchronous_commit") == "off":
                db.execute("SET synchronous_commit = on")
        except BaseException:
            db.close()
            raise
        return db

    @property
    def where(self) -> str:
        """Host, port and database, without user and password."""
        return self._where

    def append(self, events: Sequence[NewEvent]) -> list[int | None]:
        """Log events, all of them or none; see :class:`EventLog`."""
        if not events:
            return []
        return self._do("written", partial(_append, events))

    def read(self, after: int, limit: int) -> list[LoggedEvent]:
        """At most `limit` events with numbers greater than `after`, by number."""
        return self._found(_READ, after, limit)

    def between(self, after_at: int, until_at: int, up_to_seq: int) -> list[LoggedEvent]:
        """Events of moments in (`after_at`, `until_at`], by moment and id."""
        return self._found(_BETWEEN, after_at, until_at, up_to_seq)

    def _found(self, query: LiteralString, *given: int) -> list[LoggedEvent]:
        return self._do(
            "read",
            lambda db: [LoggedEvent(*row) for row in db.execute(query, given, binary=True)],
        )

    def last(self) -> int:
        """The greatest number ever given to a stored event; 0 when there was none."""
        return self._do("read", lambda db: _one(db.execute("SELECT seq FROM muslin_events_last")))

    def forget_customer(
        self,
        customer_id: str,
        *,
        lines: Collection[str] = (),
        claims: Collection[str] = (),
        known: Known | None = None,
    ) -> int:
        """Remove the events about a customer; see :class:`features.event_log.EventLog`.

        Notes
        -----
        No query finds them from then on. Their bytes leave the table's file with the next ``VACUUM
        FULL muslin_events``, and the server's own log and backups as these are kept.
        """
        found = events_about(customer_id, lambda: pages(self._subjects), lines, claims, known)
        return self._remove("DELETE FROM muslin_events WHERE seq = ANY(%s)", found)

    def _subjects(self, after: int) -> list[LoggedSubject]:
        return self._do(
            "read", lambda db: db.execute(_SUBJECTS, (after, PAGE), binary=True).fetchall()
        )

    def moved(self) -> bool:
        """Never: the address stays that of the log."""
        return False

    def prune(self, before_at: int) -> int:
        """Remove the events of moments before `before_at`; later events take their space."""
        return self._remove("DELETE FROM muslin_events WHERE at < %s", before_at)

    def _remove(self, query: LiteralString, given: int | list[int]) -> int:
        return self._do("written", lambda db: db.execute(query, (given,)).rowcount)

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            if self._db is not None:
                self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _do(self, what: str, work: Callable[[psycopg.Connection], T]) -> T:
        """Work with the connection, one thread at a time.

        A connection that was lost is opened anew, once, for all that is done here may be done
        twice: an event that was stored before the answer was lost is known the second time.
        """
        with self._lock:
            try:
                try:
                    return work(self._connected())
                except psycopg.OperationalError:
                    if self._db is None or not self._db.closed:
                        raise
                    return work(self._connected())
            except psycopg.Error as error:
                raise EventLogError(
                    f"the log of events in PostgreSQL at {self._where} cannot be {what}"
                    f" ({_said(error)}); see that the server runs, that this machine may reach it,"
                    " and that user, password and rights are right"
                ) from error

    def _connected(self) -> psycopg.Connection:
        if self._db is None or self._db.closed:
            self._db = self._connect()
        return self._db


def _append(events: Sequence[NewEvent], db: psycopg.Connection) -> list[int | None]:
    with db.transaction():
        # A statement of its own: the next one sees what was committed before the lock came.
        last = _one(db.execute(_LOCK))
        rows = db.execute(_KNOWN, ([event.event_id for event in events],), binary=True)
        new, numbers = sift(events, {row[0]: row[1:] for row in rows}, last)
        if new:
            put = [event for _, event in new]
            db.execute(
                _INSERT,
                (
                    [seq for seq, _ in new],
                    [event.event_id for event in put],
                    [event.kind for event in put],
                    [event.at for event in put],
                    [event.customer_id for event in put],
                    [event.body for event in put],
                    new[-1][0],
                ),
            )
    return numbers


def _one(found: psycopg.Cursor[tuple[Any, ...]]) -> int:
    row = found.fetchone()
    if row is None:
        raise EventLogError(
            "the table muslin_events_last is empty; put the greatest seq of muslin_events there"
        )
    return int(row[0])


def _said(error: psycopg.Error) -> str:
    """The message in one line, without the detail that may quote a row."""
    return error.diag.message_primary or " ".join(str(error).split())
