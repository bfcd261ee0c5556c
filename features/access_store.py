"""API keys in one SQLite file, which the command line writes and the service reads."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final, Self

from data_contracts.errors import BadInputError
from features.access_keys import SCOPES, Key, new_key_text

__all__ = ["KeyStore", "KeyStoreError"]

_WAIT_S: Final = 5.0
_APPLICATION_ID: Final = 0x4D75_4B79  # tells the file from other SQLite files
_LONGEST_NAME: Final = 80
_COLUMNS: Final = "id, digest, name, scopes, created, expires, revoked, rate, burst, replaced_by"
_SCHEMA: Final = """
CREATE TABLE keys (
    id TEXT PRIMARY KEY,
    digest BLOB NOT NULL,
    name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created REAL NOT NULL,
    expires REAL,
    revoked REAL,
    rate REAL,
    burst REAL,
    replaced_by TEXT
) STRICT
"""
_ALL: Final = f"SELECT {_COLUMNS} FROM keys ORDER BY created, id"  # noqa: S608 - a constant
_ONE: Final = f"SELECT {_COLUMNS} FROM keys WHERE id = ?"  # noqa: S608 - a constant
_INSERT: Final = f"INSERT INTO keys ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608


class KeyStoreError(BadInputError):
    """The keys cannot be read or written, or what is asked of them makes no sense."""


class KeyStore:
    """The keys of a service.

    Parameters
    ----------
    path
        The file. Made, readable by its owner alone, when absent, unless `readonly`.
    readonly
        Open for reading only; the file must exist.
    wait_s
        Seconds to wait while somebody else holds the file; 0 where the caller cannot wait, such as
        on an event loop.

    Raises
    ------
    KeyStoreError
        The file cannot be opened or made, or is something else.

    Notes
    -----
    A rollback journal and not a write-ahead log: writes are rare, and a reader needs no right to
    write beside the file.
    """

    def __init__(
        self, path: str | Path, *, readonly: bool = False, wait_s: float = _WAIT_S
    ) -> None:
        if "://" in str(path):
            raise KeyStoreError(
                "the keys are kept in a SQLite file; set MUSLIN_KEYS_URL to the path of one"
            )
        self.path = Path(path)
        if not readonly:
            self._make_file()
        elif not self.path.exists():
            raise KeyStoreError(f"there are no keys at {self.path}; make one: muslin keys add NAME")
        with self._explained("opened"):
            self._db = sqlite3.connect(self.path, timeout=wait_s, isolation_level=None)
            try:
                if readonly:
                    self._db.execute("PRAGMA query_only=ON")
                else:
                    self._make_table()
                self._check_kind()
            except BaseException:
                self._db.close()
                raise
        self._version = -1

    def _make_file(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise KeyStoreError(
                f"{self.path} cannot be made or written ({error.strerror}); set MUSLIN_KEYS_URL to"
                " a path that can"
            ) from error

    def _make_table(self) -> None:
        with self._transaction():
            (tables,) = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if not tables:
                self._db.execute(f"PRAGMA application_id={_APPLICATION_ID}")
                self._db.execute(_SCHEMA)

    def _check_kind(self) -> None:
        (kind,) = self._db.execute("PRAGMA application_id").fetchone()
        if kind != _APPLICATION_ID:
            raise KeyStoreError(
                f"{self.path} is another file, not one of keys; set MUSLIN_KEYS_URL to a path of"
                " its own"
            )

    def all(self) -> list[Key]:
        """Give every key, oldest first."""
        with self._explained("read"):
            return [_key(row) for row in self._db.execute(_ALL)]

    def changed(self) -> bool:
        """Whether another connection has written since this was last asked; the first time yes."""
        with self._explained("read"):
            (version,) = self._db.execute("PRAGMA data_version").fetchone()
        before, self._version = self._version, version
        return bool(before != version)

    def add(
        self,
        name: str,
        scopes: Iterable[str],
        *,
        now: float,
        expires: float | None = None,
        rate: float | None = None,
        burst: float | None = None,
    ) -> tuple[Key, str]:
        """Make a key.

        Parameters
        ----------
        name
            What it is for.
        scopes
            Some of :data:`features.access_keys.SCOPES`.
        now, expires
            Seconds since the epoch.
        rate, burst
            See :class:`features.access_keys.Key`.

        Returns
        -------
        key, text
            The text is nowhere else: it cannot be shown again.

        Raises
        ------
        KeyStoreError
            For a name or a scope that cannot be used.
        """
        known = _scopes(scopes)
        if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
            raise KeyStoreError(
                f"a key cannot be named {name!r}; give up to {_LONGEST_NAME} printable characters"
            )
        key_id, text, digest = new_key_text()
        key = Key(
            id=key_id,
            digest=digest,
            name=name.strip(),
            scopes=known,
            created=now,
            expires=expires,
            rate=rate,
            burst=burst,
        )
        with self._explained("written"), self._transaction():
            self._insert(key)
        return key, text

    def revoke(self, key_id: str, *, now: float) -> Key:
        """End a key now. One that was revoked before stays so.

        Raises
        ------
        KeyStoreError
            There is no such key.
        """
        with self._explained("written"), self._transaction():
            key = self._get(key_id)
            if key.revoked is None:
                key = replace(key, revoked=now)
                self._db.execute("UPDATE keys SET revoked = ? WHERE id = ?", (now, key_id))
        return key

    def rotate(self, key_id: str, *, now: float, grace_s: float) -> tuple[Key, Key, str]:
        """Make a key of the same rights, and let the old one end after a while.

        The new key lives as long as the old one was made for, counted from now.

        Parameters
        ----------
        key_id
            The old key.
        now
            Seconds since the epoch.
        grace_s
            Seconds the old key is taken beside the new one.

        Returns
        -------
        old, new, text
            Both keys, and the text of the new one.

        Raises
        ------
        KeyStoreError
            There is no such key, or it has ended or was rotated already.
        """
        with self._explained("written"), self._transaction():
            old = self._get(key_id)
            state = old.state(now)
            if state == "replaced":
                raise KeyStoreError(
                    f"key {key_id} was replaced by {old.replaced_by} already; rotate that one"
                )
            if state != "active":
                raise KeyStoreError(
                    f"key {key_id} is {state}; make a new one: muslin keys add {old.name!r}"
                )
            new_id, text, digest = new_key_text()
            lives = None if old.expires is None else now + (old.expires - old.created)
            new = replace(old, id=new_id, digest=digest, created=now, expires=lives)
            ends = now + grace_s if old.expires is None else min(old.expires, now + grace_s)
            old = replace(old, expires=ends, replaced_by=new_id)
            self._insert(new)
            self._db.execute(
                "UPDATE keys SET expires = ?, replaced_by = ? WHERE id = ?", (ends, new_id, key_id)
            )
        return old, new, text

    def _insert(self, key: Key) -> None:
        self._db.execute(
            _INSERT,
            (
                key.id,
                key.digest,
                key.name,
                " ".join(key.scopes),
                key.created,
                key.expires,
                key.revoked,
                key.rate,
                key.burst,
                key.replaced_by,
            ),
        )

    def _get(self, key_id: str) -> Key:
        row = self._db.execute(_ONE, (key_id,)).fetchone()
        if row is None:
            raise KeyStoreError(
                f"there is no key {key_id!r} in {self.path}; muslin keys list names them"
            )
        return _key(row)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

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
            raise KeyStoreError(
                f"the keys in {self.path} cannot be {doing} ({error}); see that the file is one of"
                " keys, that this user may use it, and that the disk has space"
            ) from error


def _scopes(asked: Iterable[str]) -> tuple[str, ...]:
    wanted = set(asked)
    unknown = sorted(wanted - SCOPES.keys())
    if unknown:
        raise KeyStoreError(f"there is no scope {unknown[0]!r}; there is {', '.join(SCOPES)}")
    if not wanted:
        raise KeyStoreError(f"a key needs a scope: {', '.join(SCOPES)}")
    return tuple(scope for scope in SCOPES if scope in wanted)


def _key(row: Sequence[object]) -> Key:
    fields = dict(zip(_COLUMNS.split(", "), row, strict=True))
    return Key(**fields | {"scopes": tuple(str(fields["scopes"]).split())})  # type: ignore[arg-type]
