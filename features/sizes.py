"""Size labels in their natural order: letters, numbers, ranges, waist and inseam, months.

This module orders the labels *of one product* and places each on an axis. What a label means as a
body, and how one system converts to another, is not its business.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["ParsedLabel", "parse_label", "rank_labels"]

_LETTERS = {"S": 3.0, "M": 4.0, "L": 5.0, "SMALL": 3.0, "MEDIUM": 4.0, "LARGE": 5.0}
_ONE_SIZE = {"ONE", "ONESIZE", "OS", "UNSIZED", "FREE", "FREESIZE", "UNI", "NOSIZE", "NONE"}
_X_SIZE = re.compile(r"^(?:(\d{1,2})X|(X{1,6}))(S|L)$")
_PLUS_X = re.compile(r"^([1-9])X$")
_WAIST = re.compile(r"^W?\s*(\d{2})\s*(?:/|X|L|)\s*L?\s*(\d{2})$")
_RANGE = re.compile(r"^(\d+(?:\.\d+)?)\s*(?:-|–|/|TO)\s*(\d+(?:\.\d+)?)\s*([A-Z]*)$")
_NUMBER = re.compile(r"^(\d+(?:[.,]\d+)?)(?:\s*(1/2|1/3|2/3|\+))?\s*([A-Z]*)$")
_PARTS = {"1/2": 1 / 2, "1/3": 1 / 3, "2/3": 2 / 3, "+": 1 / 2}
_VULGAR = re.compile("(?=[½⅓⅔])")
_TODDLER_YEARS = {"T", "Y", "YR", "YRS", "YEAR", "YEARS"}
_MONTHS = {"M", "MO", "MOS", "MONTH", "MONTHS"}


@dataclass(frozen=True, slots=True)
class ParsedLabel:
    """A label read: its kind and its place on that kind's axis.

    Parameters
    ----------
    kind
        ``letters``, ``numbers``, ``waist``, ``months``, ``years`` or ``one``. Places compare only
        within a kind.
    place
        Letters: S = 3, M = 4, L = 5, each X one step. Numbers: the number itself, the middle of a
        range. Waist and inseam: the waist in inches plus a hundredth of the inseam. Months and
        years: the middle of the range.
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
    # Spelt out, the fraction of "42½" would run into its number.
    apart = _VULGAR.sub(" ", label)
    text = re.sub(r"\s+", " ", unicodedata.normalize("NFKC", apart)).strip().upper()
    text = text.replace("⁄", "/")
    if text.replace(" ", "").replace("-", "") in _ONE_SIZE:
        return ParsedLabel("one", 0.0)
    return _parse_letters(text) or _parse_figures(text)


def _parse_letters(text: str) -> ParsedLabel | None:
    tight = text.replace(" ", "").replace("-", "/")
    if tight in _LETTERS:
        return ParsedLabel("letters", _LETTERS[tight])
    if match := _X_SIZE.match(tight):
        steps = int(match[1]) if match[1] else len(match[2])
        return ParsedLabel("letters", 3.0 - steps if match[3] == "S" else 5.0 + steps)
    if match := _PLUS_X.match(tight):
        return ParsedLabel("letters", 5.0 + int(match[1]))
    if "/" in tight:
        halves = [_parse_letters(half) for half in tight.split("/") if half]
        if len(halves) == 2 and halves[0] and halves[1]:
            return ParsedLabel("letters", (halves[0].place + halves[1].place) / 2)
    return None


def _parse_figures(text: str) -> ParsedLabel | None:
    if match := _WAIST.match(text):
        waist, inseam = int(match[1]), int(match[2])
        if text.startswith("W") or "L" in text or (22 <= waist <= 60 and 24 <= inseam <= 40):
            return ParsedLabel("waist", waist + inseam / 100)
    if match := _RANGE.match(text):
        low, high = float(match[1]), float(match[2])
        return ParsedLabel(_kind(match[3]), (low + high) / 2) if low < high else None
    if match := _NUMBER.match(text):
        part = _PARTS.get(match[2], 0.0)
        return ParsedLabel(_kind(match[3]), float(match[1].replace(",", ".")) + part)
    return None


def _kind(suffix: str) -> str:
    if suffix in _MONTHS:
        return "months"
    return "years" if suffix in _TODDLER_YEARS else "numbers"


def rank_labels(labels: Sequence[str]) -> list[float]:
    """Rank the labels of one product in their natural order, 0 for the smallest.

    Labels of one kind are ordered by their place; kinds, where a product mixes them, stand in the
    order one size, months, years, letters, numbers, waist; what no rule reads comes last, in
    alphabetical order. Labels that read the same share a rank (``L`` and ``l``).

    Examples
    --------
    >>> rank_labels(["L", "S", "XL", "m"])
    [2.0, 0.0, 3.0, 1.0]
    >>> rank_labels(["10", "8", "9-10"])
    [2.0, 0.0, 1.0]
    """
    order = ("one", "months", "years", "letters", "numbers", "waist")
    keys: list[tuple[int, float, str]] = []
    for label in labels:
        parsed = parse_label(label)
        keys.append(
            (order.index(parsed.kind), parsed.place, "")
            if parsed
            else (len(order), 0.0, label.strip().casefold())
        )
    ranks = {key: float(rank) for rank, key in enumerate(sorted(set(keys)))}
    return [ranks[key] for key in keys]
