"""The record of return reviews: kept by serving, read by training.

Rows are only ever added. A person may be forgotten and old rows expire; then a row tells when and
how many went. Each row is chained to the one before by a hash (:mod:`features.audit_chain`), so
that what was changed behind our back is found. The default store is one SQLite file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from data_contracts.lazy import pd
from features.audit_chain import Verification
from features.audit_records import (
    LABEL_COLUMNS,
    AuditError,
    Outcome,
    Removed,
    Review,
    UnknownAuditError,
    new_audit_id,
)
from features.audit_sqlite import SqliteAudit

__all__ = [
    "LABEL_COLUMNS",
    "AuditError",
    "AuditStore",
    "Outcome",
    "Removed",
    "Review",
    "SqliteAudit",
    "UnknownAuditError",
    "Verification",
    "expire_old",
    "new_audit_id",
]

_DAY_S = 86_400.0


class AuditStore(Protocol):
    """What every store of reviews does. An append that returned has survived a power cut."""

    def append_review(self, review: Review) -> None:
        """Keep a review."""
        ...

    def append_reviews(self, reviews: Sequence[Review]) -> None:
        """Keep reviews, all or none."""
        ...

    def append_outcome(self, outcome: Outcome) -> None:
        """Keep an outcome; several of one review are all kept and the last counts."""
        ...

    def get(self, audit_id: str) -> tuple[Review, tuple[Outcome, ...]]:
        """A review and its outcomes, oldest first."""
        ...

    def labels(self) -> pd.DataFrame:
        """Reviews whose last outcome judges honesty: (n, len(LABEL_COLUMNS)), oldest first."""
        ...

    def forget(self, customer_id: str) -> Removed:
        """Remove a person's reviews with their outcomes, also from the bytes of the store."""
        ...

    def expire(self, before: float) -> Removed:
        """Remove reviews answered before a moment (seconds since the epoch), with outcomes."""
        ...

    def verify(self, head: str | None = None) -> Verification:
        """Look for rows that were changed or are missing without a row that tells of it."""
        ...

    def close(self) -> None:
        """Give the connection back."""
        ...


def expire_old(audit: AuditStore, retention_days: int, now: float) -> Removed:
    """Remove what is older than the retention.

    Parameters
    ----------
    audit
        The record.
    retention_days
        Days a review is kept, counted from its answer.
    now
        Seconds since the epoch (UTC).
    """
    return audit.expire(now - retention_days * _DAY_S)
