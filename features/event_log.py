"""The log of live events: what the shop told of, in the order in which it was accepted.

The log is the durable source. An event that was acknowledged is in it for good, once, whatever
happens to the process, and the online state can be made again from it. The default is a SQLite
file; :mod:`features.event_log_postgres` has the same where several machines write.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, Protocol, Self

import orjson

from features.erasure import erase
from features.personal_events import PAGE, SUBJECT, Known, LoggedSubject, events_about, pages
from features.same_file import file_at
from features.state import customer_of

__all__ = [
    "MOST_TEXT",
    "EventConflictError",
    "EventLog",
    "EventLogError",
    "LoggedEvent",
    "NewEvent",
    "SqliteEventLog",
    "sift",
]

MOST_TEXT: Final = 256
"""Characters of an id at most: it is a key of an index in every store."""
_WAIT_S: Final = 30.0
_APPLICATION_ID: Final = 0x4D75_4576  # tells the file from other SQLite files
_LAYOUT: Final = 1  # of the tables; a later release can tell what it finds
_SCHEMA: Final = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    at INTEGER NOT NULL,
    customer_id TEXT,
    body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS events_at ON events (at, event_id);
PRAGMA application_id={_APPLICATION_ID};
PRAGMA user_version={_LAYOUT};
COMMIT;
"""
_COLUMNS = "seq, event_id, kind, at, body"


class EventLogError(RuntimeError):
    """The log cannot be read or written; the message says which and what to do."""


class EventConflictError(EventLogError):
    """An event has the id of another that is in the log; the message names the id.

    Attributes
    ----------
    event_id
        The id.
    """

    def __init__(self, event_id: str) -> None:
        super().__init__(
            f"event {event_id!r} is in the log with another content; nothing of this batch was"
            " stored; give what is new an id of its own"
        )
        self.event_id = event_id


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to be logged.

    Parameters
    ----------
    event_id
        The sender's name for it: the same id is the same event, however often it is sent.
    kind
        What it tells, such as ``ordered``.
    at
        The moment it tells of, microseconds since the epoch (UTC).
    body
        JSON of the event as accepted.
    customer_id
        Whom it is about, so that the person can be forgotten. When it is not given, it is the
        ``customer_id`` of the body, if the body is a JSON object that has one.

    Raises
    ------
    ValueError
        An id or the kind is empty, longer than 256 characters or holds a NUL; `at` is no 64-bit
        number.
    """

    event_id: str
    kind: str
    at: int
    body: bytes
    customer_id: str | None = None

    def __post_init__(self) -> None:
        if self.customer_id is None and isinstance(found := customer_of(self.body), str):
            object.__setattr__(self, "customer_id", found)
        for name in ("event_id", "kind", "customer_id"):
            value = getattr(self, name)
            if value is None:
                continue
            if not 0 < len(value) <= MOST_TEXT or "\0" in value:
                raise ValueError(
                    f"{name} {value[:80]!r} of an event must have 1 to {MOST_TEXT} characters and"
                    " no NUL"
                )
        if not -(2**63) <= self.at < 2**63:
            raise ValueError(f"at {self.at} of event {self.event_id!r} is out of range")


class LoggedEvent(NamedTuple):
    """An event of the log.

    Attributes
    ----------
    seq
        Its number: who has read up to a number has read all that will ever have a smaller one.
    event_id, kind, at, body
        As in :class:`NewEvent`.
    """

    seq: int
    event_id: str
    kind: str
    at: int
    body: bytes


class EventLog(Protocol):
    """What every log does."""

    @property
    def where(self) -> str:
        """Name of the place, for messages: a path or an address, never with a password."""
        ...

    def append(self, events: Sequence[NewEvent]) -> list[int | None]:
        """Log events, all of them or none; they are there for good when this returns.

        Parameters
        ----------
        events
            In the order in which they are to be numbered.

        Returns
        -------
        list of int or None
            For each event its number; None when it was in the log already, with the same kind,
            moment and body (or comes twice in this batch).

        Raises
        ------
        EventConflictError
            One has the id of another event that differs. Nothing of the batch was stored: a sender
            that uses an id twice is mistaken, and half a batch would hide how much it is.
        EventLogError
            The log cannot be written. Whether the batch was stored may be unknown; sending it
            again is safe.
        """
        ...

    def read(self, after: int, limit: int) -> list[LoggedEvent]:
        """At most `limit` events with numbers greater than `after`, by number."""
        ...

    def between(self, after_at: int, until_at: int, up_to_seq: int) -> list[LoggedEvent]:
        """Events of moments in (`after_at`, `until_at`], by moment and id.

        Only those numbered up to `up_to_seq`, so that the answer is the same when it is asked again
        after others have written.
        """
        ...

    def last(self) -> int:
        """The greatest number ever given to a stored event; 0 when there was none."""
        ...

    def forget_customer(
        self,
        customer_id: str,
        *,
        lines: Collection[str] = (),
        claims: Collection[str] = (),
        known: Known | None = None,
    ) -> int:
        """Remove the events about a customer, for good; return how many there were.

        That is those that name the person, and those that refer to one of the person's lines or
        claims, such as a delivery. Their ids are free again: an event that is sent anew is logged
        anew. See :func:`features.personal_events.events_about`.

        Parameters
        ----------
        customer_id
            Compared as a whole.
        lines, claims
            Ids of the customer's order lines and claims that the log itself may not tell of: they
            were ordered before it began.
        known
            Where lines and claims stand that the log itself may tell only a part of.
        """
        ...

    def prune(self, before_at: int) -> int:
        """Remove the events of moments before `before_at`; return how many there were.

        Their ids are free again, so whoever accepts events must refuse those of that age.
        """
        ...

    def moved(self) -> bool:
        """Whether the place holds another log by now, or none, than the one that was opened."""
        ...

    def close(self) -> None:
        """Give the connection back."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


Content = tuple[str, int, bytes]
"""What makes two events of one id the same: kind, moment, body."""


def sift(
    events: Iterable[NewEvent], known: Mapping[str, Content], last: int
) -> tuple[list[tuple[int, NewEvent]], list[int | None]]:
    """Number what is new.

    Parameters
    ----------
    events
        The batch.
    known
        What is in the log under the ids of the batch.
    last
        The greatest number given so far.

    Returns
    -------
    new : list of (number, event)
    numbers : list of int or None
        For each event of the batch; None when it is known.

    Raises
    ------
    EventConflictError
        An id stands for two contents.
    """
    seen = dict(known)
    new: list[tuple[int, NewEvent]] = []
    numbers: list[int | None] = []
    for event in events:
        content = (event.kind, event.at, event.body)
        before = seen.setdefault(event.event_id, content)
        if before is content:
            last += 1
            new.append((last, event))
            numbers.append(last)
        elif before == content:
            numbers.append(None)
        else:
            raise EventConflictError(event.event_id)
    return new, numbers


def _write_ahead(db: sqlite3.Connection) -> None:
    """Keep a write-ahead log; unlike all else this does not wait for another that is at it."""
    until = time.monotonic() + _WAIT_S
    while True:
        try:
            db.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return


class SqliteEventLog:
    """Events in one SQLite file of their own.

    Parameters
    ----------
    path
        The file; made with its folder when absent.

    Raises
    ------
    EventLogError
        The file cannot be opened, or holds something else.

    Notes
    -----
    WAL with ``synchronous=FULL``: a commit returns when the log beside the file is on the disk.
    SQLite lets one transaction write at a time, so numbers grow in the order of commits; other
    processes that write wait up to 30 s for their turn. One object may be shared among threads.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(
                self.path, isolation_level=None, check_same_thread=False, timeout=_WAIT_S
            )
        except (OSError, sqlite3.Error) as error:
            raise self._cannot("opened", error) from error
        try:
            self._prepare()
        except sqlite3.Error as error:
            self._db.close()
            raise self._cannot("opened", error) from error
        except BaseException:
            self._db.close()
            raise
        self._file = file_at(self.path)

    def _prepare(self) -> None:
        db = self._db
        # Tables first: who finds them while another makes the file finds its marks as well.
        (tables,) = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        (application,) = db.execute("PRAGMA application_id").fetchone()
        (layout,) = db.execute("PRAGMA user_version").fetchone()
        if tables and (application, layout) != (_APPLICATION_ID, _LAYOUT):
            raise EventLogError(
                f"{self.path} is another file than a log of events, or one of a later release;"
                " give the log a path of its own (MUSLIN_EVENTS_URL)"
            )
        _write_ahead(db)
        db.execute("PRAGMA synchronous=FULL")
        db.execute("PRAGMA secure_delete=ON")  # what is removed is overwritten
        # Ids come in any order: their index is kept at hand (64 MB), and its pages are moved from
        # the log into the file once for many batches.
        db.execute("PRAGMA cache_size=-65536")
        db.execute("PRAGMA wal_autocheckpoint=10000")
        if not tables:
            db.executescript(_SCHEMA)

    @property
    def where(self) -> str:
        """The path."""
        return str(self.path)

    def append(self, events: Sequence[NewEvent]) -> list[int | None]:
        """Log events, all of them or none; see :class:`EventLog`."""
        if not events:
            return []
        ids = orjson.dumps([event.event_id for event in events]).decode()
        if self.moved():
            raise EventLogError(
                f"the log of events at {self.path} was removed, or another file is in its place;"
                " what is written now would be lost; open it again"
            )
        with self._writing() as db:
            known = {
                event_id: (kind, at, body)
                for event_id, kind, at, body in db.execute(
                    "SELECT event_id, kind, at, body FROM events"
                    " WHERE event_id IN (SELECT value FROM json_each(?))",
                    (ids,),
                )
            }
            new, numbers = sift(events, known, _last(db))
            db.executemany(
                "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)",
                (
                    (seq, each.event_id, each.kind, each.at, each.customer_id, each.body)
                    for seq, each in new
                ),
            )
        return numbers

    def read(self, after: int, limit: int) -> list[LoggedEvent]:
        """At most `limit` events with numbers greater than `after`, by number."""
        return self._found("WHERE seq > ? ORDER BY seq LIMIT ?", after, limit)

    def between(self, after_at: int, until_at: int, up_to_seq: int) -> list[LoggedEvent]:
        """Events of moments in (`after_at`, `until_at`], by moment and id."""
        return self._found(
            "WHERE at > ? AND at <= ? AND seq <= ? ORDER BY at, event_id",
            after_at,
            until_at,
            up_to_seq,
        )

    def _found(self, where: str, *given: int) -> list[LoggedEvent]:
        query = f"SELECT {_COLUMNS} FROM events {where}"  # noqa: S608 - constants of this module
        with self._reading() as db:
            return [*map(LoggedEvent._make, db.execute(query, given))]

    def last(self) -> int:
        """The greatest number ever given to a stored event; 0 when there was none."""
        with self._reading() as db:
            return _last(db)

    def forget_customer(
        self,
        customer_id: str,
        *,
        lines: Collection[str] = (),
        claims: Collection[str] = (),
        known: Known | None = None,
    ) -> int:
        """Remove the events about a customer, also from the bytes of the file.

        Raises
        ------
        EventLogError
            The file cannot be rebuilt now (it needs free space of twice its size), or a reader
            keeps the log beside it; calling this again finishes the work.
        """
        found = events_about(customer_id, lambda: pages(self._subjects), lines, claims, known)
        with self._writing() as db:
            count = db.executemany(
                "DELETE FROM events WHERE seq = ?", ((seq,) for seq in found)
            ).rowcount
        with self._reading() as db:
            # Also when nothing was found: an earlier removal may have left bytes.
            emptied = erase(db)
        if not emptied:
            raise EventLogError(
                f"{self.path}: the events are removed, but a reader keeps the log beside the file"
                " from being emptied; try again"
            )
        return count

    def _subjects(self, after: int) -> list[LoggedSubject]:
        query = f"SELECT {SUBJECT} FROM events WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608
        with self._reading() as db:
            return db.execute(query, (after, PAGE)).fetchall()

    def moved(self) -> bool:
        """Whether the path is of another file by now, or of none."""
        return file_at(self.path) != self._file

    def prune(self, before_at: int) -> int:
        """Remove the events of moments before `before_at`; later events take their space."""
        with self._writing() as db:
            return db.execute("DELETE FROM events WHERE at < ?", (before_at,)).rowcount

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._lock:
                yield self._db
        except sqlite3.Error as error:
            raise self._cannot("read", error) from error

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction; what breaks inside it undoes it."""
        db = self._db
        try:
            with self._lock:
                db.execute("BEGIN IMMEDIATE")
                try:
                    yield db
                    db.execute("COMMIT")
                except BaseException:
                    if db.in_transaction:
                        db.execute("ROLLBACK")
                    raise
        except sqlite3.Error as error:
            raise self._cannot("written", error) from error

    def _cannot(self, what: str, error: Exception) -> EventLogError:
        return EventLogError(
            f"the log of events at {self.path} cannot be {what} ({error}); see that the folder can"
            " be written, that there is space, and that nobody holds the file"
        )


def _last(db: sqlite3.Connection) -> int:
    """The greatest number given: SQLite keeps it also when the event is gone."""
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
    return int(row[0]) if row else 0
