"""What the service asks of a return-risk model: the seam between HTTP and the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from features.questions import BasketQuestion
from models.return_risk.answer import LineRisk
from serving.advisor import ModelLabel

__all__ = ["RiskAdvisor"]


class RiskAdvisor(Protocol):
    """Judges baskets. Called on the event loop: it must be quick and never block."""

    def assess(self, questions: Sequence[BasketQuestion]) -> list[tuple[LineRisk, ...]]:
        """Judge each basket, in order: one risk a line, in the basket's order.

        An unknown product, customer, size or market is no error.
        """
        ...

    def label(self) -> ModelLabel:
        """Name and version of the model that answers."""
        ...
