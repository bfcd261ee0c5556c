"""Request and response of a review's outcome, as pydantic models."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic.config import JsonDict

from features.access_keys import DESK
from serving.operation import Example, Operation
from serving.problems import Hints
from serving.schema_base import RequestModel, text_field

__all__ = ["OUTCOME_HINTS", "REVIEW_OUTCOME", "OutcomeRequest", "OutcomeResponse"]

Decision = Literal[
    "refund",
    "refund_keep_item",
    "partial_refund_keep_item",
    "exchange_size",
    "exchange_colour",
    "return_to_warehouse",
    "repair",
    "other",
]

_DECIDED: JsonDict = {"decision": "refund", "label": "legitimate", "decided_by": "desk-4"}
_ABUSE: JsonDict = {
    "decision": "other",
    "label": "abuse",
    "kind": "wardrobing",
    "decided_by": "desk-4",
    "note": "worn, tag cut off",
}


class OutcomeRequest(RequestModel):
    """What the reviewer decided."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"decision": "refund", "label": "legitimate", "decided_by": "desk-4"}]
        }
    )

    decision: Decision = Field(description="The option the claim was settled with.")
    label: Literal["abuse", "legitimate"] | None = Field(
        default=None, description="Becomes a label for the next training."
    )
    kind: (
        Literal[
            "wardrobing",
            "item_swap",
            "empty_box",
            "false_not_received",
            "serial_returner",
            "bracketing",
            "account_farming",
        ]
        | None
    ) = None
    decided_by: Annotated[str, text_field(200, "Id of the person who decided.")]
    note: Annotated[str, text_field(2_000, "In the reviewer's words.")] | None = None

    @field_validator("decided_by")
    @classmethod
    def _person(cls, who: str) -> str:
        if who.strip().casefold() in ("", "model"):
            raise ValueError("must name the person: a model's own decision is no outcome")
        return who

    @model_validator(mode="after")
    def _kind_of_abuse(self) -> OutcomeRequest:
        if self.kind is not None and self.label != "abuse":
            raise ValueError(f"kind {self.kind!r} is a kind of abuse; send label 'abuse' with it")
        return self


class OutcomeResponse(BaseModel):
    """The outcome is on record."""

    request_id: str
    audit_id: str
    recorded: bool
    becomes_label: bool
    text: str


OUTCOME_HINTS = Hints(fields={"": tuple(OutcomeRequest.model_fields)}, bounds={})
"""What a refused outcome is told."""

REVIEW_OUTCOME = Operation(
    path="/v1/return-review/{audit_id}/outcome",
    scope=DESK,
    operation_id="recordReviewOutcome",
    summary="What did the reviewer decide?",
    description="Kept beside the review; a label becomes an `abuse_labels` row for the next "
    "training. Of several outcomes of one review the last counts.",
    requests=(OutcomeRequest,),
    response=OutcomeResponse,
    answer="It is on record.",
    examples=(
        Example("honest", "The claim was honest", _DECIDED),
        Example("abuse", "The claim was abuse", _ABUSE),
    ),
    listed=False,
    problems={"404": "There is no review under this audit id."},
)
"""The outcome's endpoint as it is documented."""
