"""What the service asks of a return-risk model: the seam between HTTP and the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from features.questions import BasketQuestion
from models.return_risk.answer import LineRisk
from serving.advisor import ModelLabel

__all__ = ["Goods", "RiskAdvisor"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Goods:
    """What the policies must know of a product. None where the state does not know it.

    Parameters
    ----------
    category, audience
        As in the contract ``products``.
    hygiene_sealed
        Not taken back once opened.
    price, currency
        Price of a piece on record, for a line that is asked about without one.
    launched_at
        Seconds since the epoch (UTC); goods resell for less when their season is over.
    """

    category: str | None = None
    audience: str | None = None
    hygiene_sealed: bool | None = None
    price: float | None = None
    currency: str | None = None
    launched_at: float | None = None


class RiskAdvisor(Protocol):
    """Judges baskets. Called on the event loop: it must be quick and never block."""

    def assess(self, questions: Sequence[BasketQuestion]) -> list[tuple[LineRisk, ...]]:
        """Judge each basket, in order: one risk a line, in the basket's order.

        An unknown product, customer, size or market is no error.
        """
        ...

    def goods(self, product_ids: Sequence[str]) -> list[Goods | None]:
        """What is known of each product, in order; None where it is unknown."""
        ...

    def label(self) -> ModelLabel:
        """Name and version of the model that answers."""
        ...
