"""What the service asks of a size model: the seam between HTTP and the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:  # who asks the registry needs a label, and none of the libraries of a model
    from features.questions import SizeQuestion
    from models.size_fit.advice import SizeAdvice

__all__ = ["Chart", "Known", "ModelLabel", "ProductSizes", "SizeAdvisor"]


Chart = Literal["published", "estimated"]
"""Where the bodies that a product's sizes are cut for come from: the shop, or an estimate."""


@dataclass(frozen=True, slots=True)
class ModelLabel:
    """Which model answered: its registered name and version."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class ProductSizes:
    """The sizes a product is sold in, smallest first, and the system their labels belong to.

    Parameters
    ----------
    labels
        As the shop writes them.
    size_system
        Of :data:`data_contracts.tables.SIZE_SYSTEM`.
    audience, family
        Whom it is made for, and the kind of garment (:mod:`features.size_systems`).
    bodies
        For each label the body it is cut for: interval by dimension, cm (kg for weight). Empty
        where the product has no chart.
    chart
        Where `bodies` come from.
    """

    labels: tuple[str, ...]
    size_system: str | None = None
    audience: str | None = None
    family: str | None = None
    bodies: tuple[Mapping[str, tuple[float, float]], ...] = ()
    chart: Chart | None = None


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
