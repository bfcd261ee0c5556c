"""What a bra's size tells of the body of the woman who wears it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from features.bodies import cup_index
from features.size_systems import convert, size_table, systems_of
from features.size_systems.parsing import parse_size

__all__ = ["Bra", "bra_meanings", "read_bra"]

_GOODS: Final = ("women", "underwear")
_LETTERED: Final = "EU"  # one letter a cup, which the contract's `cup` is counted by
_SURE, _LIKELY = 0.9, 0.75  # shares of all meanings from which a girth and a cup are taken


@dataclass(frozen=True, slots=True)
class Bra:
    """The body one meaning of a bra size is cut for.

    Parameters
    ----------
    chest_cm
        Girth over the bust, lower and upper end.
    cup
        European cup letter, lower case; None beyond the letters.
    likelihood
        How likely this body is meant, against the other meanings.
    """

    chest_cm: tuple[float, float]
    cup: str | None
    likelihood: float

    @property
    def chest_middle(self) -> float:
        """Middle of the girth over the bust, cm."""
        return sum(self.chest_cm) / 2

    def near(self, chest_cm: float, off: float) -> bool:
        """Whether a girth over the bust is within `off` cm of what the bra is cut for."""
        return self.chest_cm[0] - off <= chest_cm <= self.chest_cm[1] + off

    def like(self, cup: str) -> bool:
        """Whether a cup is this one or its neighbour: countries' letters part by no more."""
        place, own = cup_index(cup), cup_index(self.cup)
        return not abs(place - own) > 1  # an unknown letter is not known to be another


@lru_cache(maxsize=4096)
def bra_meanings(text: str, market: str | None = None) -> tuple[Bra, ...]:
    """Bodies a bra size may be cut for, the likeliest first; none where it is no bra size.

    Parameters
    ----------
    text
        Such as ``34DD``, ``80B`` or ``B75``.
    market
        ISO 3166 alpha-2 code: 80B is one bra in Germany and another in France.
    """
    said = [
        (each.system, each.label, each.likelihood)
        for each in parse_size(text, *_GOODS, market).readings
    ]
    # A system of its own, such as Italy's 2C, may be known to its table alone.
    listed = [(system, text, 1.0) for system in systems_of(*_GOODS)]
    return _bras(said) or _bras(listed)


@lru_cache(maxsize=4096)
def read_bra(text: str, market: str | None) -> dict[str, float | str]:
    """Figures of a body by contract column: what is sure of them.

    Parameters
    ----------
    text
        A bra size.
    market
        Whose sizes it is in. Where it is None, a girth that depends on it is left out.

    Returns
    -------
    dict
        ``chest_cm``, the middle of what the bra is cut for, and ``cup``.
    """
    meanings = bra_meanings(text, market)
    if not meanings:
        return {}
    known: dict[str, float | str] = {}
    first, total = meanings[0], sum(bra.likelihood for bra in meanings)
    if market is not None or first.likelihood > _SURE * total:
        known["chest_cm"] = first.chest_middle
    alike = sum(bra.likelihood for bra in meanings if bra.cup == first.cup)
    if first.cup is not None and ("chest_cm" in known or alike > _LIKELY * total):
        known["cup"] = first.cup
    return known


def _bras(said: list[tuple[str, str, float]]) -> tuple[Bra, ...]:
    found: dict[tuple[float, float], Bra] = {}
    for system, label, likelihood in said:
        table = size_table(system, *_GOODS)
        cups = None if table is None else table.cups
        size = None if cups is None else cups.find(label)
        if size is None:
            continue
        body = size.body
        before = found.get(body["chest_cm"])
        found[body["chest_cm"]] = Bra(
            body["chest_cm"],
            before.cup if before else _letter(size.label, system),
            likelihood + (before.likelihood if before else 0.0),
        )
    return tuple(sorted(found.values(), key=lambda bra: -bra.likelihood))


def _letter(label: str, system: str) -> str | None:
    matches = convert(label, system, _LETTERED, *_GOODS)
    letters = re.sub(r"\d", "", matches[0].label).lower() if matches else ""
    return letters or None
