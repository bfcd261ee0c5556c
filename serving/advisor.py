"""What the service asks of a size model: the seam between HTTP and the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from features.questions import SizeQuestion
from models.size_fit.advice import SizeAdvice

__all__ = ["ModelLabel", "ProductSizes", "SizeAdvisor"]


@dataclass(frozen=True, slots=True)
class ModelLabel:
    """Which model answered: its registered name and version."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class ProductSizes:
    """The sizes a product is sold in, smallest first, and the system their labels belong to."""

    labels: tuple[str, ...]
    size_system: str | None = None


class SizeAdvisor(Protocol):
    """Answers size questions. Called on the event loop: it must be quick and never block."""

    def advise(self, questions: Sequence[SizeQuestion]) -> list[SizeAdvice]:
        """Answer each question, in order. An unknown id is answered, never an error."""
        ...

    def product_sizes(self, product_ids: Sequence[str]) -> Mapping[str, ProductSizes]:
        """Sizes of the products that are known; an unknown product is left out."""
        ...

    def label(self) -> ModelLabel:
        """Name and version of the model that answers."""
        ...
