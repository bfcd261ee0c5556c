"""What is answered: the advice on a size, before it is put into words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

__all__ = ["Because", "NextSize", "ProductFlag", "SizeAdvice", "SizeOutlook", "Status"]

Status = Literal[
    "advised",
    "between_sizes",
    "no_good_size",
    "not_enough_information",
    "not_sized",
    "unknown_product",
]
ProductFlag = Literal["runs_small", "true_to_size", "runs_large"]


class SizeOutlook(NamedTuple):
    """How one size of the product would fit this person; the three numbers sum to one."""

    label: str
    p_small: float
    p_fit: float
    p_large: float


@dataclass(frozen=True, slots=True)
class Because:
    """One reason: a message code and the figures that belong into it.

    Codes and their figures:

    ``kept_before``       {"n": int, "label": str}   sizes this person kept before
    ``measurements``      {"label": str}             the size the body measurements point to
    ``age``               {"label": str}             the size of a child by its age alone
    ``other_body``        {}                         sent was a body this is not cut for
    ``product_runs_small`` / ``product_runs_large`` {"n": int, "share": float}
                                                     buyers who said so, of how many
    ``crowd``             {"n": int}                 what other buyers of this product told
    ``market_average``    {}                         nothing known of the person
    """

    code: str
    figures: Mapping[str, float | int | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NextSize:
    """When a growing child will need the size after the one that is right today.

    Parameters
    ----------
    label
        The next larger size of the product.
    in_weeks
        Whole weeks from the question, about.
    on
        The day.
    after
        The size right today: the recommended one, the likeliest to fit where none is.
    """

    label: str
    in_weeks: int
    on: dt.date
    after: str


@dataclass(frozen=True, slots=True)
class SizeAdvice:
    """The answer of the model to one :class:`features.questions.SizeQuestion`."""

    status: Status
    recommended: str | None = None
    size_set: tuple[str, ...] = ()
    sizes: tuple[SizeOutlook, ...] = ()
    product_flag: ProductFlag | None = None
    because: tuple[Because, ...] = ()
    ask_next: str | None = None
    next_size: NextSize | None = None
