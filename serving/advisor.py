"""What the service asks of a size model: the seam between HTTP and the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from features.questions import SizeQuestion
from models.size_fit.advice import SizeAdvice

__all__ = ["Known", "ModelLabel", "ProductSizes", "SizeAdvisor"]


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


@dataclass(frozen=True, slots=True)
class Known:
    """A question with what the state knows of it.

    Parameters
    ----------
    question
        As asked.
    product
        None when the product is unknown.
    state
        The advisor's own: what it read of person, product and their histories.
    """

    question: SizeQuestion
    product: ProductSizes | None
    state: Any = None


class SizeAdvisor(Protocol):
    """Answers size questions. Called on the event loop: it must be quick and never block."""

    def look_up(self, questions: Sequence[SizeQuestion]) -> list[Known]:
        """Read what is known of each question, in order. An unknown id is no error."""
        ...

    def advise(self, known: Sequence[Known]) -> list[SizeAdvice]:
        """Answer each question, in order."""
        ...

    def label(self) -> ModelLabel:
        """Name and version of the model that answers."""
        ...
