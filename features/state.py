"""The online state: what the service knows of a key, one look-up away.

One small interface, so that other stores can stand behind it. The default is a SQLite file in WAL
mode: one writer, many readers, nothing to install.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, Self

import orjson

from features.erasure import erase

__all__ = [
    "KEY_SEPARATOR",
    "NamesCustomer",
    "SqliteState",
    "StateError",
    "StateStore",
    "any_part",
    "state_key",
]

KEY_SEPARATOR = "\x1f"
NamesCustomer = Callable[[Sequence[str], str], bool]
"""Whether a key, given in its parts, is one of this customer."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS state (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""


class StateError(RuntimeError):
    """The store cannot be read or written; the message says which and what to do."""


class StateStore(Protocol):
    """What every store does. Keys are text, values are bytes."""

    def get_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        """The values of those keys that are there."""
        ...

    def replace(self, items: Iterable[tuple[str, bytes]], meta: Mapping[str, str]) -> int:
        """Put this content in the place of all there was, at once; return the number of keys."""
        ...

    def meta(self) -> dict[str, str]:
        """What is said of the content: when, from what, by which feature declaration."""
        ...

    def changed(self) -> bool:
        """Whether another has written since this was last asked; quick enough for every request."""
        ...

    def forget_customer(self, customer_id: str, names: NamesCustomer) -> dict[str, int]:
        """Remove what is kept of a customer, for good; return the keys removed, by first part."""
        ...

    def close(self) -> None:
        """Give the connection back."""
        ...


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

    Raises
    ------
    StateError
        When `readonly` and there is no such file, or the file is no state store.

    Notes
    -----
    WAL lets readers go on while the writer fills the next content: :meth:`replace` is one
    transaction, so a reader sees the old content or the new, never a part.
    """

    def __init__(self, path: str | Path, *, readonly: bool = False) -> None:
        self.path = Path(path)
        self._version = -1
        if readonly and not self.path.exists():
            raise StateError(f"no online state at {self.path}; fill it with: muslin materialize")
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
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute("PRAGMA mmap_size=1073741824")
            self._db.execute("SELECT key FROM state LIMIT 1")
        except sqlite3.Error as error:
            raise StateError(
                f"{self.path} is not a readable state store ({error}); "
                "remove it and fill it again with: muslin materialize"
            ) from error

    def get_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        """The values of those keys that are there, in one query."""
        marks = ",".join("?" * len(keys))
        query = f"SELECT key, value FROM state WHERE key IN ({marks})"  # noqa: S608 - marks only
        return dict(self._db.execute(query, keys).fetchall())

    def replace(self, items: Iterable[tuple[str, bytes]], meta: Mapping[str, str]) -> int:
        """Put this content in the place of all there was, in one transaction.

        Models share records of people, and each gives them: of a key given twice the last counts.
        """
        db = self._db
        db.execute("BEGIN IMMEDIATE")
        try:
            db.execute("DELETE FROM state")
            db.execute("DELETE FROM meta")
            db.executemany("INSERT OR REPLACE INTO state VALUES (?, ?)", items)
            db.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
            (count,) = db.execute("SELECT count(*) FROM state").fetchone()
            db.execute("COMMIT")
        except BaseException:
            db.execute("ROLLBACK")
            raise
        return int(count)

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
                    or (value is not None and _customer_of(value) == customer_id)
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

    def meta(self) -> dict[str, str]:
        """What is said of the content."""
        return dict(self._db.execute("SELECT name, value FROM meta").fetchall())

    def changed(self) -> bool:
        """Whether another connection has written since this was last asked."""
        (version,) = self._db.execute("PRAGMA data_version").fetchone()
        before, self._version = self._version, int(version)
        return before != self._version

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


def _customer_of(value: bytes) -> object:
    """The ``customer_id`` of a value that is a JSON object; None for all other values."""
    try:
        record = orjson.loads(value)
    except orjson.JSONDecodeError:  # the sums of a history, or a header before them
        return None
    return record.get("customer_id") if isinstance(record, dict) else None
