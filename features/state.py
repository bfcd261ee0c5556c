"""The online state: what the service knows of a key, one look-up away.

One small interface, so that other stores can stand behind it. The default is a SQLite file in WAL
mode: one writer, many readers, nothing to install. :mod:`features.state_redis` has the same for
several machines, :func:`features.stores.open_state` opens whichever a setting names.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import Final, Protocol, Self

import orjson

from features.erasure import erase
from features.same_file import file_at

__all__ = [
    "KEY_SEPARATOR",
    "NamesCustomer",
    "NoStateError",
    "SqliteState",
    "StateAwayError",
    "StateConflictError",
    "StateError",
    "StateReader",
    "StateStore",
    "any_part",
    "check_expected",
    "customer_of",
    "state_key",
]

KEY_SEPARATOR = "\x1f"
NamesCustomer = Callable[[Sequence[str], str], bool]
"""Whether a key, given in its parts, is one of this customer."""
_FEW = 500
"""Keys that are looked up by a query of their own number; more go in as one JSON array."""
# In place: INSERT OR REPLACE removes the row first, and takes five times as long.
_PUT = "INSERT INTO state VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
_NOT_OURS: Final = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)
"""What SQLite says of a file that is something else, not of one that cannot be read now."""
# With rowids: without them values stand among the keys, and a search that passes a value of many
# megabytes, as windows of live events keep them, reads it whole.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS state (key TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""


class StateError(RuntimeError):
    """The store cannot be read or written; the message says which and what to do."""


class NoStateError(StateError):
    """There is no state at that place yet."""


class StateAwayError(StateError):
    """The store does not answer, or cannot be read, now; later it may."""


class StateConflictError(StateError):
    """What is said of the content is not what the writer built upon; nothing was written."""


class StateReader(Protocol):
    """What is asked of a store by those who only look up. Keys are text, values are bytes."""

    @property
    def where(self) -> str:
        """Name of the place, for messages: a path or an address, never with a password."""
        ...

    def get_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        """The values of those keys that are there, all of one moment."""
        ...

    def meta(self) -> dict[str, str]:
        """What is said of the content: when, from what, by which feature declaration."""
        ...

    def changed(self) -> bool:
        """Whether another has written since this was last asked; quick enough for every request."""
        ...

    def forget_version(self) -> None:
        """Let :meth:`changed` answer yes when it is asked next."""
        ...

    def close(self) -> None:
        """Give the connection back."""
        ...


class StateStore(StateReader, Protocol):
    """What every store does."""

    def replace(self, items: Iterable[tuple[str, bytes]], meta: Mapping[str, str]) -> int:
        """Put this content in the place of all there was, at once; return the number of keys."""
        ...

    def put_many(
        self,
        items: Iterable[tuple[str, bytes]],
        meta: Mapping[str, str],
        *,
        delete: Iterable[str] = (),
        expect: Mapping[str, str | None] | None = None,
    ) -> None:
        """Put these values among the others, all at once and together with their meta.

        Parameters
        ----------
        items
            Of a key given twice the last counts.
        meta
            Merged into what is said of the content: names that are not given stay.
        delete
            Keys that go; a key that is also among the items is put.
        expect
            What must be said of the content for this to be written, by name; None where the name
            must be missing. The position in the event log, for instance, so that of two writers
            that took up the same events one is refused.

        Raises
        ------
        StateConflictError
            The content is not as expected; nothing was written.
        StateError
            It cannot be written.
        """
        ...

    def all_keys(self) -> Iterator[str]:
        """All keys, in no particular order; of a store that is written meanwhile some may lack."""
        ...

    def moved(self) -> bool:
        """Whether the place holds another store by now, or none, than the one that was opened."""
        ...

    def forget_customer(self, customer_id: str, names: NamesCustomer) -> dict[str, int]:
        """Remove what is kept of a customer, for good; return the keys removed, by first part."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


def any_part(parts: Sequence[str], customer_id: str) -> bool:
    """Take every key that has the customer's id as a whole part after its kind."""
    return customer_id in parts[1:]


def state_key(*parts: str) -> str:
    """The key of a history: its name and the values of its key columns."""
    return KEY_SEPARATOR.join(parts)


class SqliteState:
    """State in one SQLite file.

    Parameters
    ----------
    path
        The file; made with its folder when absent, unless `readonly`.
    readonly
        Open for looking up only; the file must exist.
    durable
        Whether what was written also survives a loss of power the moment after. Without it the
        file stays whole, but its last writes may be gone, as suits a content that can be made
        again from the tables or from the log of events.

    Raises
    ------
    NoStateError
        When `readonly` and there is no such file.
    StateAwayError
        When the file cannot be read now.
    StateError
        When the file is no state store.

    Notes
    -----
    WAL lets readers go on while the writer fills the next content: :meth:`replace` is one
    transaction, so a reader sees the old content or the new, never a part.
    """

    def __init__(self, path: str | Path, *, readonly: bool = False, durable: bool = False) -> None:
        self.path = Path(path)
        self._version = -1
        if readonly and not self.path.exists():
            raise NoStateError(f"no online state at {self.path}; fill it with: muslin materialize")
        try:
            if readonly:
                # The default connection mode may still create the -wal file a reader needs.
                self._db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
                self._db.execute("PRAGMA query_only=ON")
            else:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._db = sqlite3.connect(self.path, isolation_level=None)
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.executescript(_SCHEMA)
                # Keys come in any order: a window of live events rewrites pages all over the file,
                # and those it comes back to are kept at hand (64 MB).
                self._db.execute("PRAGMA cache_size=-65536")
            self._db.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            self._db.execute("PRAGMA mmap_size=1073741824")
            self._db.execute("SELECT key FROM state LIMIT 1")
            self._file = file_at(self.path)
        except sqlite3.Error as error:
            kind = StateError if _code(error) in _NOT_OURS else StateAwayError
            raise kind(
                f"{self.path} is not a readable state store ({error}); "
                "remove it and fill it again with: muslin materialize"
            ) from error

    @property
    def where(self) -> str:
        """The path."""
        return str(self.path)

    def get_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        """The values of those keys that are there, in one query."""
        if len(keys) <= _FEW:
            marks = ",".join("?" * len(keys))
            query = f"SELECT key, value FROM state WHERE key IN ({marks})"  # noqa: S608 - marks only
            given: Sequence[str] = keys
        else:  # SQLite bounds the number of variables
            query = "SELECT key, value FROM state WHERE key IN (SELECT value FROM json_each(?))"
            given = [orjson.dumps(list(keys)).decode()]
        try:
            return dict(self._db.execute(query, given).fetchall())
        except sqlite3.Error as error:
            raise self._unread(error) from error

    def replace(self, items: Iterable[tuple[str, bytes]], meta: Mapping[str, str]) -> int:
        """Put this content in the place of all there was, in one transaction.

        Models share records of people, and each gives them: of a key given twice the last counts.
        """
        with self._writing() as db:
            db.execute("DELETE FROM state")
            db.execute("DELETE FROM meta")
            db.executemany(_PUT, items)
            db.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
            (count,) = db.execute("SELECT count(*) FROM state").fetchone()
        return int(count)

    def put_many(
        self,
        items: Iterable[tuple[str, bytes]],
        meta: Mapping[str, str],
        *,
        delete: Iterable[str] = (),
        expect: Mapping[str, str | None] | None = None,
    ) -> None:
        """Put these values among the others, in one transaction; see :class:`StateStore`."""
        ordered = sorted(items, key=itemgetter(0))  # neighbours of the file one after another
        with self._writing() as db:
            if expect:
                check_expected(self.meta(), expect, self.where)
            db.executemany("DELETE FROM state WHERE key = ?", ((key,) for key in delete))
            db.executemany(_PUT, ordered)
            db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", meta.items())

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction; what breaks inside it undoes it."""
        db = self._db
        try:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise StateError(f"{self.path} cannot be written ({error})") from error

    def forget_customer(self, customer_id: str, names: NamesCustomer = any_part) -> dict[str, int]:
        """Remove what is kept of a customer, also from the bytes of the file.

        A row goes when its key names the customer, or when its value is a JSON object whose
        ``customer_id`` is the customer's. One pass over the whole store.

        Parameters
        ----------
        customer_id
            Compared as a whole.
        names
            Which keys name the customer: a product may have the same id.

        Returns
        -------
        dict of str to int
            Keys removed, by the first part of the key; empty when nothing was kept.

        Raises
        ------
        StateError
            The file is held by another, cannot be written, or there is no space to rebuild it.
        """
        db = self._db
        quoted = orjson.dumps(customer_id)
        try:
            db.execute("PRAGMA secure_delete=ON")
            db.execute("BEGIN IMMEDIATE")
            try:
                # SQLite sifts; what it finds is only a candidate: "c-1" is in "c-11" too.
                candidates = db.execute(
                    "SELECT key, CASE WHEN instr(value, :quoted) THEN value END FROM state"
                    " WHERE instr(key, :id) OR instr(value, :quoted)",
                    {"id": customer_id, "quoted": quoted},
                )
                keys = [
                    key
                    for key, value in candidates
                    if names(key.split(KEY_SEPARATOR), customer_id)
                    or (value is not None and customer_of(value) == customer_id)
                ]
                db.executemany("DELETE FROM state WHERE key = ?", [(key,) for key in keys])
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
            # Also when nothing was found: an earlier content may have held the customer.
            emptied = erase(db)
        except sqlite3.Error as error:
            raise StateError(
                f"{self.path}: the customer cannot be forgotten now ({error}); let what else"
                " writes this file end, free space of twice its size, and try again"
            ) from error
        if not emptied:
            raise StateError(
                f"{self.path}: the rows are removed, but a reader keeps the log beside the file"
                " from being emptied; try again"
            )
        return dict(Counter(key.partition(KEY_SEPARATOR)[0] for key in keys))

    def all_keys(self) -> Iterator[str]:
        """All keys."""
        for (key,) in self._db.execute("SELECT key FROM state"):
            yield key

    def meta(self) -> dict[str, str]:
        """What is said of the content."""
        try:
            return dict(self._db.execute("SELECT name, value FROM meta").fetchall())
        except sqlite3.Error as error:
            raise self._unread(error) from error

    def changed(self) -> bool:
        """Whether another connection has written since this was last asked."""
        try:
            (version,) = self._db.execute("PRAGMA data_version").fetchone()
        except sqlite3.Error as error:
            raise self._unread(error) from error
        before, self._version = self._version, int(version)
        return before != self._version

    def moved(self) -> bool:
        """Whether the path is of another file by now, or of none."""
        return file_at(self.path) != self._file

    def _unread(self, error: sqlite3.Error) -> StateAwayError:
        return StateAwayError(f"{self.path} cannot be read ({error})")

    def forget_version(self) -> None:
        """Let :meth:`changed` answer yes when it is asked next."""
        self._version = -1

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _code(error: sqlite3.Error) -> int:
    """SQLite's own number of what went wrong, without what it adds to it."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def check_expected(said: Mapping[str, str], expect: Mapping[str, str | None], where: str) -> None:
    """Refuse to write upon a content of which something else is said than the writer expects.

    Raises
    ------
    StateConflictError
        Names what differs.
    """
    for name, value in expect.items():
        if (found := said.get(name)) != value:
            raise StateConflictError(
                f"the online state at {where} has {name} {found!r} where {value!r} was expected:"
                " another writer was there meanwhile; read it again and go on from there"
            )


def customer_of(value: bytes) -> object:
    """The ``customer_id`` of a value that is a JSON object; None for all other values."""
    try:
        record = orjson.loads(value)
    except orjson.JSONDecodeError:  # the sums of a history, or a header before them
        return None
    return record.get("customer_id") if isinstance(record, dict) else None
