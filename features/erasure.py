"""Erasing from a SQLite file: what was deleted must also be gone from the bytes of the file."""

from __future__ import annotations

import sqlite3

__all__ = ["erase"]


def erase(db: sqlite3.Connection) -> bool:
    """Rebuild the file without what was deleted, and empty its write-ahead log.

    A deleted row stays readable in free pages, and a moved one in unused parts of pages, until
    the file is rebuilt; the log holds old pages until it is truncated.

    Parameters
    ----------
    db
        A connection in autocommit mode, with no transaction open. Rebuilding needs free disk space
        of twice the size of the file.

    Returns
    -------
    bool
        False when a reader kept the log from being emptied for as long as the connection waits;
        the bytes are gone once this is called again without such a reader.

    Raises
    ------
    sqlite3.Error
        The file cannot be rebuilt: no space, or locked by another for too long.
    """
    db.execute("VACUUM")
    busy, *_ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy
