"""The cells a label may belong to: a system for an audience, with how usual each label is there.

A cell is made of size tables that share their labels (a system's tops and dresses often do). How
usual a label is comes from ``usage.yaml``; what labels there are, from the tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, NamedTuple

from features.size_systems.catalogue import all_tables
from features.size_systems.notation import Notation, notations, written
from features.size_systems.reading import read_data
from features.size_systems.tables import FAMILIES, Size, SizeTable

__all__ = ["OWN", "Cell", "Found", "Key", "cells", "key_of", "usage"]

Key = tuple[str, float, float, str]
"""Kind, both ends, and unit or cup of a notation: what makes two spellings one size."""

_USUAL_SHARE = 0.85
"""Of the labels of a cell seen in shops, how many are inside its usual window."""
OWN = "OWN"
"""System of a number no size table explains: the shop's own."""
_OWN_NUMBERS = 61
_ALIAS, _LETTER_ALIAS = 0.3, 0.02
"""Weight of a size's other spellings, beside its own label; of letters for a size of numbers."""
_HALF = 0.35
"""Weight of a half or rare size beside a whole one: many shops stock whole sizes only."""
_PART = 0.3
"""Weight of a size that is written as two, or as half of two."""
_GROWN_CM = 135
_GROWN = ("women", "men", "unisex")
_SPAN_OF_AGES = 0.03
"""Weight of a range of ages where sizes are of single ages."""
_BETWEEN = 0.1
"""Weight of a fraction between two sizes of the table."""


@dataclass(frozen=True, slots=True)
class Found:
    """A notation found in a cell.

    Parameters
    ----------
    label
        Canonical label.
    chance
        Share of the labels of the cell, as shops stock them.
    low, high
        Canonical labels of both ends, of a double size or a size between two.
    length
        ``S`` or ``L`` where the number itself tells the build.
    body
        Leading dimension and the interval of it that the size is cut for: sizes that share it
        are one size under two names.
    """

    label: str
    chance: float
    low: str | None = None
    high: str | None = None
    length: str | None = None
    body: tuple[str, float, float] = ("", 0.0, 0.0)


class _Named(NamedTuple):
    """What a notation stands for, as :meth:`Cell._as` takes it: most are never asked for."""

    label: str
    chance: float
    low: str | None = None
    high: str | None = None
    length: str | None = None


@dataclass
class Cell:
    """One system for one audience and the families that share its labels.

    Attributes
    ----------
    system, audience : str
    families : tuple of str
    unit : str
        Of its bare numbers.
    table : SizeTable
        One of the tables.
    """

    system: str
    audience: str
    families: tuple[str, ...]
    unit: str
    table: SizeTable
    _own: dict[Key, _Named] = field(default_factory=dict)
    _spelt: dict[Key, _Named] = field(default_factory=dict)
    _singles: list[tuple[float, str, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        chances = _chances(self.system, self.audience, self.families, self.table.labels)
        for label, chance in chances.items():
            for form in self._forms(label):
                self._own.setdefault(key_of(form), _Named(label, chance))
                if form.kind == "figure" and form.low == form.high:
                    self._singles.append((form.low, label, chance))
        self._singles.sort()
        builds = usage()["builds"].get(self.system, {}).get(self.audience, {})
        for alias, label in self.table.aliases.items():
            for form in self._forms(alias):
                length = next((b for b, (a, z) in builds.items() if a <= form.low <= z), None)
                part = _alias_share(form, label)
                found = _Named(label, chances[label] * part, length=length)
                self._spelt.setdefault(key_of(form), found)
        for span, (low, high) in self.table.spans.items():
            for form in self._forms(span):
                chance = (chances[low] + chances[high]) / 2
                chance *= _LETTER_ALIAS if form.kind == "letters" else _PART
                found = _Named(written(form), chance, low, high)
                self._spelt.setdefault(key_of(form), found)

    def _forms(self, label: str) -> Iterator[Notation]:
        """The forms a label of this cell has: cups only where sizes have cups, ages of a child."""
        read = notations(label)
        ages = ("months", "years") if self.audience in _GROWN else ()
        for form in read[0] if len(read) == 1 else ():
            if form.unit not in ages and (form.kind == "bra") == (
                self.table.leading == "underbust_cm"
            ):
                yield form

    def _as(
        self,
        label: str,
        chance: float,
        low: str | None = None,
        high: str | None = None,
        length: str | None = None,
    ) -> Found:
        ends = (self.table.find(low or label), self.table.find(high or label))
        leading = self.table.leading
        body = ("", 0.0, 0.0)
        if ends[0] and ends[1] and leading:
            start, end = ends[0].body[leading][0], ends[1].body[leading][1]
            body = (leading, round(start, 1), round(end, 1))
        return Found(label, chance, low, high, length, body)

    def find(self, form: Notation) -> Found | None:
        """What a notation is in this cell, None where it is nothing."""
        if form.kind == "waist":
            if self.system != "WAIST_INCH":
                return None
            form = Notation("figure", form.low, form.high)
        kind, low, high, tag = key_of(form)
        keys = [(kind, low, high, each) for each in self._tags(form, tag)]
        for known in (self._own, self._spelt):
            for key in keys:
                if found := known.get(key):
                    return self._as(*found)
        return self._composed(form)

    def _tags(self, form: Notation, tag: str) -> tuple[str, ...]:
        if form.kind != "figure":
            return (tag,)
        if tag == "":
            return (tag, self.unit)
        if tag == "C":
            return (tag, "") if self.system in ("SHOE_UK", "SHOE_US") else (tag,)
        return (tag, "") if tag == self.unit else (tag,)

    def _composed(self, form: Notation) -> Found | None:
        if form.kind == "letters" and form.low < form.high:
            return self._double(form, "/")
        if form.kind == "girth":
            return self._girth(form)
        if form.kind != "figure" or form.unit not in ("", self.unit):
            return None
        if form.low < form.high:
            return self._double(form, "-")
        return self._age(form.low) or self._between(form.low)

    def _double(self, form: Notation, joint: str) -> Found | None:
        low = self.find(replace(form, high=form.low))
        high = self.find(replace(form, low=form.high))
        if low is None or high is None or low.low or high.low or low.label == high.label:
            return None
        labels = self.table.labels
        apart = labels.index(high.label) - labels.index(low.label)
        if not 0 < apart <= 8:
            return None
        chance = (low.chance + high.chance) / 2 / apart
        chance *= _SPAN_OF_AGES if self.unit in ("years", "months") else _PART
        plain = not any(mark in low.label + high.label for mark in "-/")
        label = f"{low.label}{joint}{high.label}" if plain else written(form)
        return self._as(label, chance, low.label, high.label)

    def _girth(self, form: Notation) -> Found | None:
        """Any height with the girth of a size: the size of that girth. A child's: the height."""
        if self.system != "CN" or form.height is None:
            return None
        if self.unit == "cm":
            if form.low >= form.height:  # nobody, and no other label of the table, is so round
                return None
            size = self.table.find(f"{form.height:g}/{form.low:g}")
            part = _PART if form.letter == "" else _LETTER_ALIAS
            return self._as(size.label, part / len(self.table.labels)) if size else None
        same = [found for key, found in self._own.items() if key[1] == form.low]
        if not same or form.height < _GROWN_CM:
            return None
        label = f"{form.height:g}/{form.low:g}{form.letter or 'A'}"
        return self._as(label, same[0].chance * _PART, same[0].label, same[-1].label)

    def _age(self, value: float) -> Found | None:
        """One age of a size that spans two ("5 years" of 4-5): the upper one."""
        if self.unit not in ("years", "months"):
            return None
        for key, found in self._own.items():
            if key[0] == "figure" and key[1] < key[2] and key[2] == value:
                return self._as(*found._replace(chance=found.chance * _PART))
        return None

    def _between(self, value: float) -> Found | None:
        if "shoes" not in self.families or value == int(value):
            return None
        below = [s for s in self._singles if s[0] < value and value - s[0] <= 1]
        above = [s for s in self._singles if s[0] > value and s[0] - value <= 1]
        if not below or not above:
            return None
        low, high = below[-1], above[0]
        label = written(Notation("figure", value, value))
        return self._as(label, (low[2] + high[2]) / 2 * _BETWEEN, low[1], high[1])


def key_of(form: Notation) -> Key:
    """What a notation is looked up by."""
    tag = form.letter
    if form.kind == "girth":
        tag = f"{form.height:g}"
    elif form.kind == "figure":
        tag = form.suffix if form.suffix in ("C", "Y") else form.unit
    return (form.kind, round(form.low, 2), round(form.high, 2), tag)


def _alias_share(form: Notation, label: str) -> float:
    read = notations(label)
    own = read[0][0] if read else form
    if form.kind == own.kind and (form.low, form.high) == (own.low, own.high):
        return 1.0  # the label less its letter, 9 of 9C
    return _LETTER_ALIAS if form.kind == "letters" != own.kind else _ALIAS


def _chances(
    system: str, audience: str, families: tuple[str, ...], labels: tuple[str, ...]
) -> dict[str, float]:
    windows = usage()["usual"].get(system, {})
    window = windows.get(f"{audience}/{families[0]}") or windows.get(audience)
    inside: tuple[str, ...] = labels
    if window and window[0] in labels and window[1] in labels:
        inside = labels[labels.index(window[0]) : labels.index(window[1]) + 1]
    rare = usage()["rare"].get(system, ())
    weights = {label: _HALF if ".5" in label or label in rare else 1.0 for label in labels}
    usual = sum(weights[label] for label in inside)
    rest = sum(weights.values()) - usual
    share = _USUAL_SHARE if rest else 1.0
    return {
        label: weight * (share / usual if label in inside else (1 - share) / rest)
        for label, weight in weights.items()
    }


@lru_cache(maxsize=1)
def usage() -> Mapping[str, Any]:
    """Common practice, ``usage.yaml``."""
    return read_data("usage.yaml")


@lru_cache(maxsize=1)
def cells() -> tuple[Cell, ...]:
    """All cells, one for each set of tables of a system and audience with the same labels."""
    grouped: dict[tuple[Any, ...], list[SizeTable]] = {}
    for (system, audience, family), table in all_tables().items():
        if family is None:
            continue
        unit = _unit(system, audience, family)
        grouped.setdefault((system, audience, unit, table.labels), []).append(table)
        if table.cups is not None:
            cups = table.cups
            grouped.setdefault((system, audience, "", cups.labels), []).append(cups)
    known = tuple(
        Cell(system, audience, tuple(t.family for t in tables), unit, tables[0])
        for (system, audience, unit, _), tables in grouped.items()
    )
    return (*known, _own_numbers())


def _own_numbers() -> Cell:
    """Any number, for products whose labels no system explains."""
    sizes = tuple(Size(str(number), {}) for number in range(_OWN_NUMBERS))
    table = SizeTable(OWN, "unisex", "", sizes, "", "the shop", "-", "trade")
    return Cell(OWN, "unisex", FAMILIES, "", table)


def _unit(system: str, audience: str, family: str) -> str:
    units = usage()["units"]
    return (
        str(units["shoes" if family == "shoes" else audience].get(system, ""))
        if (family == "shoes" or audience in units)
        else ""
    )
