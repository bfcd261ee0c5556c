"""`POST /v1/return-review/{audit_id}/outcome`: what a person decided, beside the review."""

from __future__ import annotations

import time
from http import HTTPStatus

import orjson
from pydantic import TypeAdapter, ValidationError

from features.audit import AuditError, Outcome, UnknownAuditError
from serving.dependency import Dependency
from serving.problems import Problem, refuse_json
from serving.return_review.off_loop import RECORD_THREAD
from serving.return_review.outcome_schemas import OUTCOME_HINTS, OutcomeRequest
from serving.return_review.record import ReviewRecord

__all__ = ["OutcomeEndpoint", "not_recorded"]


class OutcomeEndpoint:
    """Records what a person decided about a review.

    Parameters
    ----------
    audit
        The record.
    record
        Is told whether it can be written.
    """

    def __init__(self, audit: ReviewRecord, record: Dependency | None = None) -> None:
        self._audit = audit
        self._record = Dependency("audit") if record is None else record
        self._read = TypeAdapter(OutcomeRequest).validator.validate_json

    async def __call__(self, body: bytes, request_id: str, audit_id: str) -> bytes:
        """Record an outcome.

        Parameters
        ----------
        body
            JSON: what was decided.
        request_id
            Put into the answer.
        audit_id
            Of the review.

        Raises
        ------
        Problem
            404 when there is no such review; 400 or 422 for a body that cannot be used.
        """
        try:
            told: OutcomeRequest = self._read(body)
        except ValidationError as error:
            raise refuse_json(error, OUTCOME_HINTS) from None
        outcome = Outcome(
            audit_id=audit_id,
            at=time.time(),
            decided_by=told.decided_by,
            decision=told.decision,
            label=told.label,
            kind=told.kind,
            note=told.note or "",
        )
        try:
            await RECORD_THREAD.write(self._audit.append_outcome, outcome)
        except UnknownAuditError:
            raise Problem(
                HTTPStatus.NOT_FOUND,
                "unknown-audit-id",
                "There is no review under this audit id",
                f"There is no review under the audit id {audit_id[:64]!r}: it was never given, has "
                "expired, or its customer was forgotten; take audit_id from the review's answer.",
            ) from None
        except AuditError as error:
            raise not_recorded(error, self._record) from error
        self._record.works()
        text = (
            f"The outcome is recorded with the label {told.label}, for the next training."
            if told.label
            else "The outcome is recorded; without a label it is not used in training."
        )
        return orjson.dumps(
            {
                "request_id": request_id,
                "audit_id": audit_id,
                "recorded": True,
                "becomes_label": told.label is not None,
                "text": text,
            }
        )


def not_recorded(error: AuditError, record: Dependency) -> Problem:
    """Make the problem of a record that cannot be written.

    Parameters
    ----------
    error
        Why; it goes into the log too.
    record
        Is told of it.
    """
    record.failed(str(error))
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "not-recorded",
        "The record of reviews cannot be written",
        f"Nothing was answered, because it could not be put on record: {error}",
        headers={"retry-after": "30"},
    )
