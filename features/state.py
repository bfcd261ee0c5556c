"""The online state: what the service knows of a key, one look-up away.

One small interface, so that other stores can stand behind it. The default is a SQLite file in WAL
mode: one writer, many readers, nothing to install.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, Self

__all__ = ["KEY_SEPARATOR", "SqliteState", "StateError", "StateStore", "state_key"]

KEY_SEPARATOR = "\x1f"
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

    def close(self) -> None:
        """Give the connection back."""
        ...


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
        """Put this content in the place of all there was, in one transaction."""
        db = self._db
        db.execute("BEGIN IMMEDIATE")
        try:
            db.execute("DELETE FROM state")
            db.execute("DELETE FROM meta")
            db.executemany("INSERT INTO state VALUES (?, ?)", items)
            db.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
            (count,) = db.execute("SELECT count(*) FROM state").fetchone()
            db.execute("COMMIT")
        except BaseException:
            db.execute("ROLLBACK")
            raise
        return int(count)

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
