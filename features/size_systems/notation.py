"""What a label says by its form alone: letters, a figure with its unit, waist and inseam, a bra.

One label may have several forms (``32/34`` is a waist with an inseam, or a double size) and may say
one size in several ways (``EU 38 / UK 10``). Which system a form belongs to is decided elsewhere,
in :mod:`features.size_systems.parsing`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

from features.size_systems.spellings import Marker, fold, spellings

__all__ = ["Notation", "letters_text", "notations", "written"]


@dataclass(frozen=True, slots=True)
class Notation:
    """One way to read the form of a label, or of one part of it.

    Parameters
    ----------
    kind
        ``one``, ``letters``, ``figure``, ``waist`` (inches, with or without an inseam), ``girth``
        (height and girth in cm, as in China), or ``bra``.
    low, high
        The size, or both ends of a range. Letters: S = 3, M = 4, L = 5, each X one step. Bra: the
        band. Girth: the girth.
    unit
        Of a figure: ``months``, ``years``, ``cm``, ``mm``, ``in`` or blank where not told.
    inseam
        Inches, of a waist.
    height
        Centimetres, of a girth.
    letter
        Cup of a bra (``1st`` where the cup stands before the band), body type of a girth.
    first
        Whether the letter stands before the number.
    length
        ``S``, ``R`` or ``L``: short (petite), regular, long (tall).
    suffix
        What else is told: ``T`` toddler, ``A`` ans, ``W`` wide (plus size), ``C`` child's and
        ``Y`` youth's shoe, ``K`` kurz, ``NB`` newborn, ``P`` premature.
    markers
        Words beside it: system, audience, family, language.
    """

    kind: str
    low: float = 0.0
    high: float = 0.0
    unit: str = ""
    inseam: int | None = None
    height: float | None = None
    letter: str = ""
    first: bool = False
    length: str | None = None
    suffix: str = ""
    markers: tuple[Marker, ...] = ()

    def marked(self, kind: str) -> tuple[str, ...]:
        """What the markers of a kind say."""
        return tuple(marker.value for marker in self.markers if marker.kind == kind)


_Rule = Callable[[re.Match[str]], Iterator[Notation]]
_N = r"(\d{1,3}(?:\.\d{1,3})?)"
_LETTERS = r"(?:(?:\d{1,2}X|X{1,6})[SL]|[SML]|[1-9]X|LL|SS)"
_UNIT = "[mycki]|MO|[MYTA]|YR"
_UNITS = {"m": "months", "M": "months", "MO": "months", "n": "months", "y": "years", "Y": "years",
          "T": "years", "A": "years", "YR": "years", "c": "cm", "k": "mm", "i": "in"}  # fmt: skip
_LENGTHS = {"p": "S", "s": "S", "r": "R", "l": "L", "t": "L"}
_RAW_LENGTHS = {"P": "S", "S": "S", "R": "R", "L": "L", "T": "L"}
_CUP = r"(AAA?|A|B|C|DD?D?|EE?|FF?|GG?|HH?|I|JJ?|KK?|L)"
_BANDS = {*range(26, 62, 2), *range(55, 140, 5)}
_AU_BANDS = range(6, 30, 2)
_FIRST_BAND = 55
_MAX_TODDLER = 7
_MAX_CHILD_SHOE = 13.5


def letters_text(step: float) -> str:
    """The usual spelling of a letter size: S = 3, M = 4, L = 5.

    Examples
    --------
    >>> [letters_text(step) for step in (1, 2, 4, 7, 8)]
    ['XXS', 'XS', 'M', 'XXL', '3XL']
    """
    if step in (3.0, 4.0, 5.0):
        return "SML"[int(step) - 3]
    count = int(3 - step) if step < 3 else int(step - 5)
    letter = "S" if step < 3 else "L"
    return ("X" * count if count < 3 else f"{count}X") + letter


def written(form: Notation) -> str:
    """A notation in plain spelling, ends joined by ``/`` (letters) or ``-``.

    Examples
    --------
    >>> written(notations("x-large / 2XL")[0][0]), written(notations("9 – 12 months")[0][0])
    ('XL/XXL', '9-12')
    """
    if form.kind == "one":
        return "ONE"
    if form.kind == "letters":
        return "/".join(dict.fromkeys((letters_text(form.low), letters_text(form.high))))
    text = "-".join(dict.fromkeys((_number(form.low), _number(form.high))))
    if form.kind == "girth":
        return f"{form.height:g}/{text}{form.letter}"
    if form.kind == "bra":
        return form.letter + text if form.first else text + form.letter
    return text


def _number(value: float) -> str:
    whole = int(value)
    thirds = {333: " 1/3", 667: " 2/3"}.get(round((value - whole) * 1000), "")
    return f"{whole}{thirds}" if thirds else f"{value:g}"


def _step(letters: str) -> float:
    if letters in ("LL", "SS"):
        return 6.0 if letters == "LL" else 2.0
    if letters in "SML":
        return 3.0 + "SML".index(letters)
    if letters[-1] == "X":
        return 5.0 + int(letters[:-1])
    count = int(letters[:-2]) if letters[0].isdigit() else len(letters) - 1
    return 3.0 - count if letters[-1] == "S" else 5.0 + count


def _letters(m: re.Match[str]) -> Iterator[Notation]:
    step = _step(m[2])
    length = _LENGTHS.get(m[1] or m[3]) or _RAW_LENGTHS.get(m[1] or m[3])
    wide = "W" if "w" in (m[1], m[3]) or m[2][-1] == "X" else ""
    yield Notation("letters", step, step, length=length, suffix=wide)


def _letters_range(m: re.Match[str]) -> Iterator[Notation]:
    low, high = sorted((_step(m[1]), _step(m[2])))
    yield Notation("letters", low, high)


def _girth(m: re.Match[str]) -> Iterator[Notation]:
    height, girth = float(m[1]), float(m[2])
    if 45 <= height <= 215 and 36 <= girth <= 150 and (m[3] or girth < height):
        yield Notation("girth", girth, girth, height=height, letter=m[3] or "")


def _waist(m: re.Match[str]) -> Iterator[Notation]:
    waist, inseam = float(m[1]), int(m[2])
    said = any(mark in m[0] for mark in "WL")
    if said or (22 <= waist <= 60 and 24 <= inseam <= 40):
        yield Notation("waist", waist, waist, "in", inseam=inseam)


def _waist_alone(m: re.Match[str]) -> Iterator[Notation]:
    waist = float(m[1])
    if waist >= 20:
        yield Notation("waist", waist, waist, "in")
    yield Notation("figure", waist, waist, markers=(Marker("audience", "women"),))


def _bra(m: re.Match[str]) -> Iterator[Notation]:
    band = int(m[1])
    if band in _AU_BANDS and m[2] == "A":  # French: 10 ans
        yield Notation("figure", band, band, "years", suffix="A")
    if (band in _BANDS or band in _AU_BANDS) and m[2] != "L":
        yield Notation("bra", band, band, letter=m[2])


def _rare_bra(m: re.Match[str]) -> Iterator[Notation]:
    """Italian bands, and the cup that reads like a length: something else first."""
    band = int(m[1])
    if band < 10 or band in _BANDS or band in _AU_BANDS:
        yield Notation("bra", band, band, letter=m[2])


def _cup_first(m: re.Match[str]) -> Iterator[Notation]:
    band = int(m[2])
    if band in _BANDS and band % 5 == 0:
        yield Notation("bra", band, band, letter=m[1], first=True)


def _range(m: re.Match[str]) -> Iterator[Notation]:
    low, high = float(m[1]), float(m[3])
    unit = m[4] or m[2] or ""
    if low < high and _UNITS.get(m[2] or unit) == _UNITS.get(unit):
        yield Notation("figure", low, high, _UNITS.get(unit, ""), suffix=_toddler(unit))


def _toddler(unit: str) -> str:
    return unit if unit in ("T", "A") else ""


def _newborn(m: re.Match[str]) -> Iterator[Notation]:
    low = 0.0 if m[0] == "n" else -1.0
    yield Notation("figure", low, low, "months", suffix="NB" if low == 0 else "P")


def _with_unit(m: re.Match[str]) -> Iterator[Notation]:
    value, unit = float(m[1]), m[2]
    if unit == "T" and value > _MAX_TODDLER:
        yield Notation("figure", value, value, length="L")
        return
    yield Notation("figure", value, value, _UNITS[unit], suffix=_toddler(unit))
    if unit == "Y" and value <= _MAX_TODDLER:
        yield Notation("figure", value, value, suffix="Y", markers=(Marker("family", "shoes"),))
    if unit == "i" and value >= 20:
        yield Notation("waist", value, value, "in")


def _unit_first(m: re.Match[str]) -> Iterator[Notation]:
    value = float(m[2])
    yield Notation("figure", value, value, _UNITS[m[1]])


def _with_length(m: re.Match[str]) -> Iterator[Notation]:
    value = float(m[1])
    length = _LENGTHS.get(m[2]) or _RAW_LENGTHS[m[2]]
    if m[2] in "LS" and 2 <= value <= 6 and value == int(value):
        step = 4.0 + value if m[2] == "L" else 4.0 - value
        yield Notation("figure", value, value, length=length)
        yield Notation("letters", step, step)
        return
    yield Notation("figure", value, value, length=length)


def _child_shoe(m: re.Match[str]) -> Iterator[Notation]:
    value = float(m[1] or m[2])
    shoe = (Marker("family", "shoes"), Marker("audience", "child"))
    if value <= _MAX_CHILD_SHOE:
        yield Notation("figure", value, value, suffix="C", markers=shoe)
    elif m[0][-1] == "K" and value < _FIRST_BAND:  # German: kurz
        yield Notation("figure", value, value, length="S", suffix="K")


def _sex_first(m: re.Match[str]) -> Iterator[Notation]:
    value = float(m[2])
    who = "men" if m[1] == "M" else "women"
    yield Notation("figure", value, value, markers=(Marker("audience", who),))


def _system_first(m: re.Match[str]) -> Iterator[Notation]:
    value = float(m[2])
    system = {"D": "DE", "F": "FR", "I": "IT", "E": "ES", "J": "JP"}[m[1]]
    yield Notation("figure", value, value, markers=(Marker("system", system),))


def _french(m: re.Match[str]) -> Iterator[Notation]:
    value = float(m[1])
    yield Notation("figure", value, value, markers=(Marker("size", "FR"),))


def _wide(m: re.Match[str]) -> Iterator[Notation]:
    value = float(m[1])
    yield Notation("figure", value, value, suffix="W")
    if value >= 22:
        yield Notation("waist", value, value, "in")


def _japanese(m: re.Match[str]) -> Iterator[Notation]:
    value = float(m[1])
    length = {"R": "R", "P": "S", "PP": "S", "T": "L"}[m[3]]
    yield Notation("figure", value, value, length=length, markers=(Marker("system", "JP"),))


def _noughts(m: re.Match[str]) -> Iterator[Notation]:
    value = 1.0 - len(m[0])
    yield Notation("figure", value, value)


def _plain(m: re.Match[str]) -> Iterator[Notation]:
    value = float(m[1])
    value += 0.5 if m[2] else 0.0
    yield Notation("figure", value, value)


_RULES: tuple[tuple[re.Pattern[str], _Rule], ...] = tuple(
    (re.compile(pattern), rule)
    for pattern, rule in (
        (rf"([ptlsrwP]?)-?({_LETTERS})[-/]?([ptlsrwTP]?)", _letters),
        (rf"({_LETTERS})[-/]({_LETTERS})", _letters_range),
        (r"(\d{2,3})[/-](\d{2,3})\(?([ABCY])?\)?", _girth),
        (r"W?(\d{2})(?:[/X]|-(?=L))?L?(\d{2})", _waist),
        (r"W(\d{2})[-/X]?L?(\d{2})", _waist),
        (r"(\d{2})W[-/X]?(\d{2})L", _waist),
        (r"W-?(\d{1,2}(?:\.5)?)", _waist_alone),
        (rf"(\d{{1,3}})-?{_CUP}", _bra),
        (rf"{_CUP}(\d{{2,3}})", _cup_first),
        (rf"{_N}({_UNIT})?[-/]{_N}({_UNIT})?", _range),
        (r"[nqP]", _newborn),
        (r"0{2,5}", _noughts),
        (rf"{_N}-?({_UNIT})", _with_unit),
        (rf"([mycki]){_N}", _unit_first),
        (rf"{_N}-?([ptlsr]|[PSRL])", _with_length),
        (rf"[CK]{_N}|{_N}[CK]", _child_shoe),
        (rf"([MW]){_N}", _sex_first),
        (rf"([DFIEJ]){_N}", _system_first),
        (rf"T{_N}", _french),
        (rf"{_N}[Ww]", _wide),
        (rf"(\d|\d{{2,3}}(?=L)){_CUP}", _rare_bra),
        (r"(\d{1,2})(AB?|B|Y)(PP?|R|T)", _japanese),
        (rf"(?!00){_N}(h|H)?", _plain),
    )
)
# A minus, or half of what parts two figures: the label is broken off, the rest another size.
_BROKEN = re.compile(r"[-/].*|.*/")
# 1² is no 12: raised and lowered digits count only as the fraction of ¹⁄₂.
_RAISED = re.compile(r"(?<!\S)[¹²³]⁄[₂₃₄₈](?!\S)|(?P<note>[⁰¹²³⁴-⁹₀-₉])")
_NO_BRACKETS = str.maketrans("()[]", "    ")
_TIERS = (re.compile(r"[()\[\]|=;,&]+"), re.compile(r"/"), re.compile(r"-"), re.compile(r" "))


_LONGEST = 200


@lru_cache(maxsize=8192)
def notations(text: str) -> tuple[tuple[Notation, ...], ...]:
    """Read the form of a label.

    Parameters
    ----------
    text
        As the shop writes it.

    Returns
    -------
    tuple of tuple of Notation
        One entry a way the label says its size (``EU 38 / UK 10`` has two), each with the forms it
        may have, the usual one first. Empty where no rule reads it, and for more than 200
        characters: that is no label, and would be dear to fold.
    """
    if len(text) > _LONGEST:
        return ()
    words = spellings()
    folded = fold(text)
    tight = folded.replace(" ", "").replace("-", "")
    if not tight or tight in words.unread or _BROKEN.fullmatch(folded):
        return ()
    if any(found["note"] for found in _RAISED.finditer(text)):
        return ()
    if tight in words.one:
        return ((Notation("one"),),)
    encoded = words.encode(folded)
    if whole := _part(encoded):
        return (whole,)
    twice = next((found for tier in _TIERS if (found := _said_twice(encoded, tier))), ())
    if twice:
        return twice
    whole = _part(encoded.translate(_NO_BRACKETS))  # 38 (EU)
    return (whole,) if whole else ()


def _part(encoded: str, inherited: tuple[Marker, ...] = ()) -> tuple[Notation, ...]:
    rest, markers = spellings().decode(encoded)
    named = [marker for marker in markers if marker.kind == "system"]
    if len({marker.value for marker in named}) > 1:
        return ()
    markers += tuple(m for m in inherited if all(m.kind != own.kind for own in markers))
    form = "".join(rest.split()).strip("-.:/_#'*")
    found = tuple(
        replace(notation, markers=notation.markers + markers) if markers else notation
        for pattern, rule in _RULES
        if (match := pattern.fullmatch(form))
        for notation in rule(match)
    )
    return tuple(dict.fromkeys(found))


def _said_twice(encoded: str, separator: re.Pattern[str]) -> tuple[tuple[Notation, ...], ...]:
    """Read a label that says its size more than once, if every part reads and says it anew."""
    parts = [part for part in separator.split(encoded) if part.strip(" -./")]
    read: list[tuple[Notation, ...]] = []
    inherited: tuple[Marker, ...] = ()
    if len(parts) < 2:
        return ()
    for part in parts:
        forms = _part(part, inherited)
        if not forms:
            return ()
        inherited = tuple(m for m in forms[0].markers if m.kind in ("system", "family"))
        read.append(forms)
    loose = separator is _TIERS[0]
    fresh = all(_differ(one[0], other[0], loose) for one, other in pairwise(read))
    return tuple(read) if fresh else ()


def _differ(one: Notation, other: Notation, loose: bool) -> bool:
    """Whether two parts speak of one size in two ways, rather than of two sizes."""
    if one.kind != other.kind or bool(one.unit and other.unit and one.unit != other.unit):
        return True
    if loose and one.unit != other.unit:
        return True
    return any(one.marked(kind) != other.marked(kind) for kind in ("system", "audience", "family"))
