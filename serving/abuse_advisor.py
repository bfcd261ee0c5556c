"""What the service asks of an abuse model: the seam between HTTP and the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from features.questions import ClaimQuestion
from models.abuse.answer import AbuseScore
from serving.advisor import ModelLabel

__all__ = ["AbuseScorer"]


class AbuseScorer(Protocol):
    """Scores claims. Called on the event loop: it must be quick and never block."""

    def score(self, questions: Sequence[ClaimQuestion]) -> list[AbuseScore]:
        """Score each claim, in order. An unknown line or customer is no error."""
        ...

    def label(self) -> ModelLabel:
        """Name and version of the model that answers."""
        ...
