"""Open the store that a setting names: a file when it is a path, a server when it is a URL."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from features.event_log import EventLog, EventLogError, SqliteEventLog
from features.state import SqliteState, StateError, StateStore

__all__ = ["event_log_exists", "open_event_log", "open_state", "shown"]


def open_state(url: str | Path, *, readonly: bool = False, quick: bool = False) -> StateStore:
    """Open the online state.

    Parameters
    ----------
    url
        ``redis://...`` or ``rediss://...`` (see :class:`features.state_redis.RedisState`), or the
        path of a SQLite file.
    readonly
        Open for looking up only; there must be a state.
    quick
        For one who can do without: a server is not waited for longer than half a second.

    Raises
    ------
    NoStateError
        When `readonly` and there is none.
    StateAwayError
        When it cannot be reached or read now.
    StateError
        When it cannot be opened, or the `redis` extra is not installed.
    """
    scheme = _scheme(url)
    if scheme in ("redis", "rediss"):
        if find_spec("redis") is None:
            raise StateError(
                "the online state is to be in Redis, whose client is not installed;"
                " run: pip install 'muslin[redis]'"
            )
        from features.state_redis import RedisState  # noqa: PLC0415 - an extra

        return RedisState(str(url), readonly=readonly, quick=quick)
    if scheme:
        raise StateError(
            f"the online state cannot be in a store of kind {scheme!r}; give the path of a SQLite"
            " file, or redis://host:port/db"
        )
    return SqliteState(url, readonly=readonly)


def open_event_log(url: str | Path) -> EventLog:
    """Open the log of events; it is made when absent.

    Parameters
    ----------
    url
        ``postgresql://...`` (see :class:`features.event_log_postgres.PostgresEventLog`), or the
        path of a SQLite file.

    Raises
    ------
    EventLogError
        When it cannot be opened, or the `postgres` extra is not installed.
    """
    scheme = _scheme(url)
    if scheme in ("postgresql", "postgres"):
        if find_spec("psycopg") is None:
            raise EventLogError(
                "the log of events is to be in PostgreSQL, whose client is not installed;"
                " run: pip install 'muslin[postgres]'"
            )
        from features.event_log_postgres import PostgresEventLog  # noqa: PLC0415 - an extra

        return PostgresEventLog(str(url))
    if scheme:
        raise EventLogError(
            f"the log of events cannot be in a store of kind {scheme!r}; give the path of a SQLite"
            " file, or postgresql://host:port/database"
        )
    return SqliteEventLog(url)


def event_log_exists(url: str | Path) -> bool:
    """Whether there is a log at that place; of a server it is assumed, and found out by opening."""
    return bool(_scheme(url)) or Path(url).exists()


def shown(url: str | Path) -> str:
    """Give a store's path or URL as it may be shown: without user, password and options."""
    if not _scheme(url):
        return str(url)
    parts = urlsplit(str(url))
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _scheme(url: str | Path) -> str:
    """The scheme of a URL; empty for a path, also one with a drive letter."""
    scheme, mark, _ = str(url).partition("://")
    return scheme if mark else ""
