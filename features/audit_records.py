"""What is kept of a return review: what was asked, what was answered and why, what came of it."""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from data_contracts.tables import ABUSE_KIND, ABUSE_LABEL

__all__ = [
    "LABEL_COLUMNS",
    "AuditError",
    "Outcome",
    "Removed",
    "Review",
    "UnknownAuditError",
    "new_audit_id",
]

LABEL_COLUMNS = (
    "audit_id",
    "reviewed_at",
    "requested_at",
    "customer_id",
    "order_line_id",
    "return_id",
    "label",
    "kind",
    "decision",
    "decided_by",
    "decided_at",
)
"""Columns of :meth:`AuditStore.labels`; times are ``datetime64[us, UTC]``, all else is text."""


class AuditError(RuntimeError):
    """The record cannot be read or written; the message says which and what to do."""


class UnknownAuditError(LookupError):
    """There is no review under this audit id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """One answered return review.

    Parameters
    ----------
    audit_id
        From :func:`new_audit_id`: whoever knows it may record an outcome, so it cannot be guessed.
    at
        Moment of the answer, seconds since the epoch (UTC).
    customer_id, order_line_id, return_id
        Whose claim it was, and about what; None where not told.
    requested_at
        Moment of the claim, seconds since the epoch (UTC); `at` when None.
    inputs
        The request, and the facts looked up for it. It must not name other customers: forgetting
        them does not remove this review.
    models
        Name, version and fingerprint of each model that took part.
    rules
        Policy rules that decided, by term or option.
    route, recommended
        As answered; `recommended` is None when no option was.
    answer
        The response as it was sent.

    Notes
    -----
    The mappings hold what JSON can hold; a number that is not finite is kept as null.
    """

    audit_id: str
    at: float
    customer_id: str | None
    order_line_id: str | None
    return_id: str | None = None
    requested_at: float | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    models: Mapping[str, Any] = field(default_factory=dict)
    rules: Mapping[str, Any] = field(default_factory=dict)
    route: str
    recommended: str | None
    answer: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.audit_id:
            raise ValueError("a review needs an audit_id; take one from new_audit_id()")
        _moment("at", self.at)
        if self.requested_at is not None:
            _moment("requested_at", self.requested_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a person decided about a review.

    Parameters
    ----------
    audit_id
        Of the review.
    at
        Moment of the decision, seconds since the epoch (UTC).
    decided_by
        Id of the person. A model's own decision is no outcome.
    decision
        The option the claim was settled with.
    label
        ``abuse``, ``legitimate``, or None when honesty was not judged.
    kind
        Kind of abuse, of :data:`data_contracts.tables.ABUSE_KIND`; only beside ``abuse``.
    note
        In the reviewer's words.

    Raises
    ------
    ValueError
        For an unknown label or kind, a kind without abuse, no reviewer or the word ``model``.
    """

    audit_id: str
    at: float
    decided_by: str
    decision: str
    label: str | None = None
    kind: str | None = None
    note: str = ""

    def __post_init__(self) -> None:
        _moment("at", self.at)
        if self.decided_by.strip().casefold() in ("", "model"):
            raise ValueError(
                f"decided_by is {self.decided_by!r}; give the id of the person who decided:"
                " a model's own decision is no outcome"
            )
        if not self.decision.strip():
            raise ValueError("decision is blank; give the option the claim was settled with")
        if self.label is not None and self.label not in ABUSE_LABEL:
            raise ValueError(f"label is {self.label!r}; it can be {', '.join(ABUSE_LABEL)} or None")
        if self.kind is not None and self.kind not in ABUSE_KIND:
            raise ValueError(f"kind is {self.kind!r}; it can be {', '.join(ABUSE_KIND)} or None")
        if self.kind is not None and self.label != "abuse":
            raise ValueError(
                f"kind is {self.kind!r} beside the label {self.label!r}; it needs abuse"
            )


@dataclass(frozen=True, slots=True)
class Removed:
    """What was removed.

    Attributes
    ----------
    reviews, outcomes
        Rows removed.
    named_elsewhere
        Rows of other people that still name this person; they stay.
    erased
        Whether the bytes are gone from the file too; False when a reader was in the way or when
        this was not asked for.
    """

    reviews: int = 0
    outcomes: int = 0
    named_elsewhere: int = 0
    erased: bool = False


def new_audit_id() -> str:
    """Make an id that cannot be guessed: 128 random bits as 32 hexadecimal digits."""
    return secrets.token_hex(16)


def _moment(name: str, value: float) -> None:
    if not math.isfinite(value):
        raise ValueError(f"{name} is {value!r}; give seconds since the epoch")
