"""Situations as sets, so that rules can be compared before anybody asks.

Every aspect of a situation is cut into the finitely many atoms that the rules tell apart (the
markets they name and all others; the steps of value between the amounts they name; ...). A rule's
``when`` is then one bit mask an aspect, a box; to match is to test bits, and whether two rules
overlap, or one leaves something of another, is exact.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence

from data_contracts.policies.documents import Money, When
from data_contracts.policies.situation import Situation

__all__ = ["ASPECTS", "Box", "Space", "intersection", "subtract"]

Box = tuple[int, ...]
"""One mask of atoms an aspect, in the order of :data:`ASPECTS`."""

_NAMED = ("market", "category", "audience", "reason", "condition", "abuse_band")
_FLAGS = ("hygiene_sealed", "opened", "custom_made")
ASPECTS = (*_NAMED, *_FLAGS, "value", "days_since_delivery")

_KEYS = {
    "market": "markets",
    "category": "categories",
    "audience": "audiences",
    "reason": "reasons",
    "condition": "conditions",
    "abuse_band": "abuse_bands",
}
_OTHER, _UNTOLD = 0, 1  # atoms of a named aspect that no rule names


def category_name(text: str) -> str:
    """Write a category the one way it is compared."""
    return text.strip().casefold().replace(" ", "_").replace("-", "_")


def intersection(one: Box, other: Box) -> Box | None:
    """Give the situations two boxes share, None where there are none."""
    both = tuple(a & b for a, b in zip(one, other, strict=True))
    return both if all(both) else None


def subtract(box: Box, hole: Box) -> list[Box]:
    """Give disjoint boxes that hold what is in `box` and not in `hole`."""
    if intersection(box, hole) is None:
        return [box]
    left, rest = [], box
    for i, mask in enumerate(hole):
        if outside := rest[i] & ~mask:
            left.append((*rest[:i], outside, *rest[i + 1 :]))
        rest = (*rest[:i], rest[i] & mask, *rest[i + 1 :])
    return left


class Space:
    """The atoms a set of rules tells apart.

    Parameters
    ----------
    whens
        The conditions of all rules.
    groups
        Members by name of group, by aspect (``market``, ``category``, ``reason``).
    in_base, base
        Turns money into the base currency; its name.
    """

    def __init__(
        self,
        whens: Sequence[When],
        groups: Mapping[str, Mapping[str, Sequence[str]]],
        in_base: Callable[[Money], float],
        base: str,
    ) -> None:
        self._groups = groups
        self._in_base = in_base
        self._base = base
        self._atoms: dict[str, dict[str, int]] = {}
        for aspect in _NAMED:
            names = {n for when in whens for n in self._names(when, aspect)}
            self._atoms[aspect] = {name: i + 2 for i, name in enumerate(sorted(names))}
        amounts = {in_base(m) for when in whens for m in _amounts(when)}
        self._amounts = sorted(amounts)
        self._days = sorted({day for when in whens for day in _days(when)})

    def _names(self, when: When, aspect: str) -> set[str]:
        key = _KEYS[aspect]
        given = when.given
        listed: Iterable[str] = given.get(key, given.get(f"{key}_except", ()))
        members = self._groups.get(aspect, {})
        names = {name for each in listed for name in members.get(each, (each,))}
        return {category_name(name) for name in names} if aspect == "category" else names

    def box(self, when: When) -> Box:
        """Give the situations a rule is for."""
        return (*(self._named_mask(when, aspect) for aspect in _NAMED),
                *(_flag_mask(when.given.get(flag)) for flag in _FLAGS),
                self._value_mask(when), self._days_mask(when))  # fmt: skip

    def _named_mask(self, when: When, aspect: str) -> int:
        key = _KEYS[aspect]
        every = (1 << (len(self._atoms[aspect]) + 2)) - 1
        if key not in when.given and f"{key}_except" not in when.given:
            return every
        mask = sum(1 << self._atoms[aspect][name] for name in self._names(when, aspect))
        return mask if key in when.given else every & ~mask

    def _value_mask(self, when: When) -> int:
        """Bit 0 is a value that is not told; bit i + 1 lies below amount i and not below i - 1."""
        every = (1 << (len(self._amounts) + 2)) - 1
        given = when.given
        if "value_from" in given:
            first = bisect_right(self._amounts, self._in_base(given["value_from"]))
            every &= ~((1 << (first + 1)) - 1)
        if "value_below" in given:
            last = bisect_left(self._amounts, self._in_base(given["value_below"]))
            every &= ((1 << (last + 2)) - 1) & ~1
        return every

    def _days_mask(self, when: When) -> int:
        """Bit i is a day above day i - 1 of the rules and not above day i."""
        every = (1 << (len(self._days) + 1)) - 1
        given = when.given
        if "days_after" in given:
            every &= ~((1 << (bisect_left(self._days, given["days_after"]) + 1)) - 1)
        if "days_up_to" in given:
            every &= (1 << (bisect_left(self._days, given["days_up_to"]) + 1)) - 1
        return every

    def place(self, situation: Situation, base_per_unit: float) -> tuple[int, ...]:
        """Give the atom of each aspect of a situation, in the order of :data:`ASPECTS`."""
        value, atoms = situation.value, self._atoms
        category = situation.category
        return (
            _atom(atoms["market"], situation.market),
            _atom(atoms["category"], None if category is None else category_name(category)),
            _atom(atoms["audience"], situation.audience),
            _atom(atoms["reason"], situation.reason),
            _atom(atoms["condition"], situation.condition),
            _atom(atoms["abuse_band"], situation.abuse_band),
            1 if situation.hygiene_sealed else 0,
            1 if situation.opened else 0,
            1 if situation.custom_made else 0,
            0
            if value is None or value != value  # noqa: PLR0124 (not a number)
            else bisect_right(self._amounts, value * base_per_unit) + 1,
            bisect_left(self._days, situation.days_since_delivery),
        )

    def example(self, box: Box) -> str:
        """Describe the plainest situation of a box: what is not mentioned is not told."""
        said = []
        for aspect, mask in zip(ASPECTS, box, strict=True):
            if aspect in _NAMED:
                said += self._example_name(aspect, mask)
            elif aspect in _FLAGS:
                said += [] if mask & 1 else [f"{aspect} true"]
            elif mask & 1:
                continue
            elif aspect == "value":
                lowest = (mask & -mask).bit_length() - 1
                said.append(
                    f"value {self._amounts[lowest - 2]:.2f} {self._base}"
                    if lowest > 1
                    else f"value below {self._amounts[0]:.2f} {self._base}"
                )
            else:
                first = (mask & -mask).bit_length() - 1
                day = self._days[first] if first < len(self._days) else self._days[-1] + 1
                said.append(f"{day} days after delivery")
        return ", ".join(said) or "every situation"

    def _example_name(self, aspect: str, mask: int) -> list[str]:
        if mask >> _UNTOLD & 1:
            return []
        named = [name for name, i in self._atoms[aspect].items() if mask >> i & 1]
        return [f"{aspect} {named[0]}" if named else f"any other {aspect}"]


def _atom(atoms: dict[str, int], name: str | None) -> int:
    return _UNTOLD if name is None else atoms.get(name, _OTHER)


def _flag_mask(wanted: bool | None) -> int:
    return 0b11 if wanted is None else 0b10 if wanted else 0b01


def _amounts(when: When) -> list[Money]:
    return [when.given[key] for key in ("value_from", "value_below") if key in when.given]


def _days(when: When) -> list[int]:
    return [when.given[key] for key in ("days_after", "days_up_to") if key in when.given]
