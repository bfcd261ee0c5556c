"""Size labels in their natural order: letters, numbers, ranges, waist and inseam, months.

This module orders the labels *of one product* and places each on an axis. Their forms are read in
one place, :mod:`features.size_systems.notation`; what a label means as a body, and how one system
converts to another, is the business of :mod:`features.size_systems`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from features.size_systems.notation import Notation, notations

__all__ = ["ParsedLabel", "parse_label", "parse_labels", "rank_labels"]

_ORDER = ("one", "months", "years", "letters", "numbers", "girth", "bra", "waist")
_CUPS = ("AAA", "AA", "A", "B", "C", "D", "DD", "E", "DDD", "EE", "F", "FF", "G", "GG", "H", "HH",
         "I", "J", "JJ", "K", "KK", "L")  # fmt: skip


@dataclass(frozen=True, slots=True)
class ParsedLabel:
    """A label read: its kind and its place on that kind's axis.

    Parameters
    ----------
    kind
        ``letters``, ``numbers``, ``waist``, ``girth`` (height and girth, as in China), ``bra``,
        ``months``, ``years`` or ``one``. Places compare only within a kind.
    place
        Letters: S = 3, M = 4, L = 5, each X one step. Numbers: the number itself, the middle of a
        range. Waist and inseam: the waist in inches plus a hundredth of the inseam. Girth: the
        girth plus a thousandth of the height. Bra: the band plus a hundredth of the cup's place in
        the alphabet of cups. Months and years: the middle of the range.
    """

    kind: str
    place: float


def parse_label(label: str) -> ParsedLabel | None:
    """Read one size label.

    Parameters
    ----------
    label
        As the shop writes it, in any case and width, stray spaces allowed.

    Returns
    -------
    ParsedLabel or None
        None where no rule reads it.

    Examples
    --------
    >>> parse_label(" xxl ")
    ParsedLabel(kind='letters', place=7.0)
    >>> parse_label("W32/L34")
    ParsedLabel(kind='waist', place=32.34)
    >>> parse_label("6-9M")
    ParsedLabel(kind='months', place=7.5)
    >>> parse_label("42 1/2").place, parse_label("42+").place
    (42.5, 42.5)
    >>> parse_label("blue") is None
    True
    """
    return _parsed(forms[0]) if (forms := _forms(label)) else None


def parse_labels(labels: Sequence[str]) -> list[ParsedLabel | None]:
    """Read the labels of one product, each as the kind that reads most of them.

    ``36/38`` alone is a waist with its inseam; beside ``40/42`` it is a double size.

    Examples
    --------
    >>> [read.place for read in parse_labels(["36/38", "40/42"])]
    [37.0, 41.0]
    """
    forms = [_forms(label) for label in labels]
    counts = Counter(kind for each in forms for kind in {_kind(form) for form in each})
    return [
        _parsed(max(each, key=lambda form: counts[_kind(form)])) if each else None for each in forms
    ]


def _forms(label: str) -> tuple[Notation, ...]:
    said = notations(label)
    return said[0] if said else ()


def _parsed(form: Notation) -> ParsedLabel:
    return ParsedLabel(_kind(form), _place(form))


def _kind(form: Notation) -> str:
    if form.kind == "figure":
        return form.unit if form.unit in ("months", "years") else "numbers"
    return form.kind


def _place(form: Notation) -> float:
    if form.kind == "waist":
        return form.low + (form.inseam or 0) / 100
    if form.kind == "girth":
        return form.low + (form.height or 0.0) / 1000
    if form.kind == "bra":
        return form.low + _CUPS.index(form.letter) / 100
    return (form.low + form.high) / 2


def rank_labels(labels: Sequence[str]) -> list[float]:
    """Rank the labels of one product in their natural order, 0 for the smallest.

    Labels of one kind are ordered by their place; kinds, where a product mixes them, stand in the
    order one size, months, years, letters, numbers, girth, bra, waist; what no rule reads comes
    last, in alphabetical order. Labels that read the same share a rank (``L`` and ``l``).

    Examples
    --------
    >>> rank_labels(["L", "S", "XL", "m"])
    [2.0, 0.0, 3.0, 1.0]
    >>> rank_labels(["10", "8", "9-10"])
    [2.0, 0.0, 1.0]
    """
    keys: list[tuple[int, float, str]] = []
    for label, parsed in zip(labels, parse_labels(labels), strict=True):
        keys.append(
            (_ORDER.index(parsed.kind), parsed.place, "")
            if parsed
            else (len(_ORDER), 0.0, label.strip().casefold())
        )
    ranks = {key: float(rank) for rank, key in enumerate(sorted(set(keys)))}
    return [ranks[key] for key in keys]
