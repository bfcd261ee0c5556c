"""The record of reviews in the service: opened when it is needed, and anew after a fault."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from features.audit import AuditError, Outcome, Review, SqliteAudit, UnknownAuditError
from features.same_file import file_at

__all__ = ["ReviewRecord", "SteadyRecord"]


class ReviewRecord(Protocol):
    """What the endpoints ask of the record; see :class:`features.audit.AuditStore`."""

    def append_reviews(self, reviews: Sequence[Review]) -> None:
        """Keep reviews, all or none; they have survived a power cut when this returns."""
        ...

    def append_outcome(self, outcome: Outcome) -> None:
        """Keep an outcome."""
        ...


class SteadyRecord:
    """A record in a file that may be away, full or replaced for a time.

    Parameters
    ----------
    path
        Of the file.
    opened
        Called with a record that was just opened.

    Notes
    -----
    A fault costs the request that meets it and no more: the next one opens the record again.
    """

    def __init__(self, path: str, opened: Callable[[SqliteAudit], object] | None = None) -> None:
        self._path = Path(path)
        self._opened = opened
        self._lock = threading.Lock()
        self._audit: SqliteAudit | None = None
        self._file: tuple[int, int] | None = None

    def open(self) -> None:
        """Open it now.

        Raises
        ------
        AuditError
            It cannot be opened.
        """
        with self._lock:
            self._open()

    def append_reviews(self, reviews: Sequence[Review]) -> None:
        """Keep reviews, all or none."""
        self._do(lambda audit: audit.append_reviews(reviews))

    def append_outcome(self, outcome: Outcome) -> None:
        """Keep an outcome."""
        self._do(lambda audit: audit.append_outcome(outcome))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._drop()

    def _do(self, work: Callable[[SqliteAudit], None]) -> None:
        with self._lock:
            try:
                work(self._open())
            except UnknownAuditError:
                raise
            except AuditError:
                self._drop()
                raise

    def _open(self) -> SqliteAudit:
        if self._audit is not None and file_at(self._path) != self._file:
            self._drop()  # what is appended to a file without a name is lost
        if self._audit is None:
            self._audit = SqliteAudit(self._path)
            self._file = file_at(self._path)
            if self._opened is not None:
                try:
                    self._opened(self._audit)
                except BaseException:
                    self._drop()  # else it would never be called again, and nobody told
                    raise
        return self._audit

    def _drop(self) -> None:
        if self._audit is not None:
            with contextlib.suppress(AuditError):
                self._audit.close()
            self._audit = None
