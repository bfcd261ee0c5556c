"""Which one further answer would narrow the natural size most."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import numpy as np

from data_contracts.tables import SELF
from features.bodies import BODY_COLUMNS, UNNAMED, NaturalSize
from features.positions import AGED, CHILDREN
from features.questions import SizeQuestion
from features.size_fit import VECTOR
from features.size_fit_online import SizeContext

__all__ = ["NextQuestion"]

_V: Final = {name: i for i, name in enumerate(VECTOR)}
_AGE: Final = "age_years"
_BODY: Final = np.array([_V["child_age" if name == _AGE else name] for name in BODY_COLUMNS])
_ASKED: Final = tuple("cup" if name == "cup_index" else name for name in BODY_COLUMNS)
_FOOT: Final = "foot_length_cm"
_OF_FEET: Final = "|foot"  # in the name of every scale of shoes
_WORTH_ASKING = 0.95  # an answer that leaves more of the uncertainty is not asked for

_TWO: Final = _V["wearers.two"]
_LIKELY = 0.5  # from here on the account is taken to order for two people

Known = tuple[bool, ...]


class NextQuestion:
    """The answer that would narrow the natural size most.

    How far a measurement narrows it is known before it is told: under a joint normal the spread
    that is left depends on which figures are known, not on what they are. The same holds of whom
    the garment is for, where the account does not say.

    Parameters
    ----------
    natural
        The model's natural size.
    """

    def __init__(self, natural: NaturalSize) -> None:
        self._natural = natural
        self._found: dict[tuple[object, ...], str | None] = {}

    def of(self, context: SizeContext, question: SizeQuestion) -> str | None:
        """Name of what to ask for; None where nothing would help.

        A name in `measurements` of a request, or ``wearer``. A child is asked for by its
        ``birth_date``, which holds for the next order too.

        Parameters
        ----------
        context
            What is known.
        question
            As asked. What it tells is not asked for again even where it is not used, such as a
            grown-up's height for a child's garment.
        """
        if context.scale is None or context.product is None or context.X is None:
            return None
        if context.person.get("age_years", 0.0) < 0:
            return None  # what is not born yet cannot be measured
        told = [name in question.measurements for name in _ASKED]
        # A figure that is sent along is the wearer's, so that it is known who that is.
        if question.wearer == SELF and not any(told) and context.X[0, _TWO] > _LIKELY:
            return "wearer"
        known = tuple(np.isfinite(context.X[0].take(_BODY)).tolist())
        unnamed = bool(context.X[0, _V["wearer_unnamed"]])
        child = context.product.audience in CHILDREN
        # A grown-up's age and, for clothes, the foot only go with the size; they do not decide it.
        sensible = {_AGE: child, _FOOT: _OF_FEET in context.scale}
        open_ = tuple([
            not here and not sent and sensible.get(name, True)
            for here, sent, name in zip(known, told, _ASKED, strict=True)
        ])  # fmt: skip
        key = (context.scale, known, open_, unnamed, child, question.customer_id is not None)
        if key not in self._found:
            best = self._search(
                context.scale, known, open_, unnamed, question.customer_id is not None
            )
            self._found[key] = "birth_date" if child and best == _AGE else best
        return self._found[key]

    def _search(
        self, scale: str, known: Known, open_: Known, unnamed: bool, account: bool
    ) -> str | None:
        read_by = f"{scale}{UNNAMED}" if unnamed else scale
        now = self._natural.spread_of(known, read_by)
        left = {
            name: self._left(name, _with(known, name), read_by)
            for name, here in zip(_ASKED, open_, strict=True)
            if here
        }
        if unnamed and account:
            left["wearer"] = self._natural.spread_of(known, scale)
        finite = {name: spread for name, spread in left.items() if np.isfinite(spread)}
        if not finite or not np.isfinite(now):
            return None
        best = min(finite, key=lambda name: finite[name])
        return best if finite[best] <= _WORTH_ASKING * now else None

    def _left(self, name: str, known: Known, read_by: str) -> float:
        """Spread once `name` is known; a child's age makes its sizes stand on an axis of ages."""
        if name == _AGE and AGED not in read_by:
            scale, unnamed = read_by.removesuffix(UNNAMED), read_by.endswith(UNNAMED)
            aged = self._natural.spread_of(known, f"{scale}{AGED}{UNNAMED if unnamed else ''}")
            if np.isfinite(aged):
                return aged
        return self._natural.spread_of(known, read_by)


def _with(known: Collection[bool], name: str) -> Known:
    return tuple(here or each == name for here, each in zip(known, _ASKED, strict=True))
