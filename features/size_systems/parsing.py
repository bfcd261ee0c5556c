"""What a size label says: in which system, which size, and how sure that is.

A label is read in three steps. Its form is told by :mod:`features.size_systems.notation`. The forms
are looked up in every size table (:mod:`features.size_systems.cells`). What is ambiguous then
(``42`` is a size in Germany, Italy, France and a shoe) is weighed by what is known of the product:
Bayes' rule over the cells, with the chance of each of the product's labels in a cell as likelihood.
A cell with few labels that has all of the product's is likelier than one with many that has them
too (the size principle: Tenenbaum and Griffiths, "Generalization, similarity, and Bayesian
inference", Behavioral and Brain Sciences 24, 2001).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from features.size_systems.cells import OWN, Cell, Found, cells, usage
from features.size_systems.markets import usual_system
from features.size_systems.notation import Notation, notations, written

__all__ = ["OWN", "Reading", "SizeReading", "parse_size"]

_SURE = 0.9
"""From this likelihood on a label counts as unambiguous."""
_SHOWN = 0.001
_FLOOR = 3e-4
"""Chance of a sibling label in a cell that does not list it: a mistyped or foreign label."""
_FURTHER_FORM = 0.5
"""Weight of each further form a label may have ("32/34": jeans first, then a double size)."""
_OWN_NUMBERS = 0.01
"""How well numbers of the shop's own go with any product."""
_WRONG_SYSTEM, _WRONG_NAME = 1e-4, 1e-6
_WRONG_AUDIENCE, _WRONG_FAMILY = 1e-3, 1e-4
_CALLED_CHILD = {"girls": 1.0, "boys": 1.0, "baby": 0.2}
_KIN = {("girls", "boys"): 0.2, ("girls", "baby"): 0.1, ("boys", "baby"): 0.1}
_UNISEX = {"unisex": 1.0, "women": 0.1, "men": 0.2, "girls": 0.02, "boys": 0.02, "baby": 0.02}
_SAME = {"EU", "DE"}
"""Two names of one system: a product told to be in one may be labelled in the other."""
_DISAGREE = 0.02
"""Weight of a meaning none of the other things a label says agrees with."""
_NO_BUILD, _NO_LENGTH, _NO_LENGTH_UNDERNEATH = 0.02, 0.05, 1e-7
_NATIONAL = ("US", "UK", "EU", "FR", "IT", "DE", "ES", "CN", "JP", "KR", "AU",
             "SHOE_US", "SHOE_UK", "SHOE_CN", "SHOE_JP")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reading:
    """One meaning of a label.

    Parameters
    ----------
    system
        Size system of the product contract, or `OWN`.
    label
        Canonical label in that system's table; as written where no table has it.
    likelihood
        How likely this meaning is; the readings of a label sum to 1.
    low, high
        Canonical labels of both ends, where the label stands for two sizes or lies between two.
    inseam
        Inches.
    length
        ``S`` short or petite, ``R`` regular, ``L`` long or tall; None where not told.
    audience, family
        The table the label was found in; None where it was found in none.
    listed
        Whether a table has it.
    """

    system: str
    label: str
    likelihood: float
    low: str | None = None
    high: str | None = None
    inseam: int | None = None
    length: str | None = None
    audience: str | None = None
    family: str | None = None
    listed: bool = True


@dataclass(frozen=True, slots=True)
class SizeReading:
    """All meanings of a label.

    Parameters
    ----------
    text
        As given.
    readings
        Likeliest first; empty where the label is not read.
    also
        What else the label itself calls the size: ``UK 10`` of ``EU 38 / UK 10``.
    certainty
        How likely the likeliest meaning is, counting other names of the same body with it: the
        German 38 is the European one.
    """

    text: str
    readings: tuple[Reading, ...] = ()
    also: tuple[Reading, ...] = ()
    certainty: float = 0.0

    @property
    def best(self) -> Reading | None:
        """The likeliest meaning."""
        return self.readings[0] if self.readings else None

    @property
    def ambiguous(self) -> bool:
        """Whether it may well mean another body: `certainty` is below 0.9."""
        return bool(self.readings) and self.certainty < _SURE


@dataclass(frozen=True, slots=True)
class _Context:
    """What is known of the product."""

    audience: str | None
    family: str | None
    market: str | None
    system: str | None
    siblings: tuple[str, ...]


def parse_size(
    text: str,
    audience: str | None = None,
    family: str | None = None,
    market: str | None = None,
    *,
    system: str | None = None,
    siblings: Sequence[str] = (),
) -> SizeReading:
    """Read a size label as a shop writes it.

    Parameters
    ----------
    text
        The label, in any case and width, with stray spaces, in many languages.
    audience, family
        Of the product, as in the size tables; None where not known.
    market
        ISO 3166 alpha-2 code of where the product is sold, None where not known.
    system
        The product's size system, None where not known. A system the label itself names wins.
    siblings
        The product's labels.

    Returns
    -------
    SizeReading
        Every meaning with its likelihood.

    Examples
    --------
    >>> parse_size("W32/L34").best.label, parse_size("W32/L34").best.inseam
    ('32', 34)
    >>> parse_size("42").ambiguous
    True
    >>> parse_size("42", "women", "dress", market="IT").best.system
    'IT'
    >>> parse_size("38", siblings=["36", "37", "38", "39", "40", "41"]).best.system
    'SHOE_EU'
    >>> parse_size("blue").readings
    ()
    """
    known = tuple(sorted({s for s in siblings if s != text})) if siblings else ()
    return _parse(text, _Context(audience, family, market, system, known))


@dataclass
class _Part:
    """One of the things a label says: what it may mean, each with its weight."""

    forms: tuple[Notation, ...]
    fit: float
    weighed: list[tuple[float, Cell, Notation, Found]]


@lru_cache(maxsize=65_536)
def _parse(text: str, context: _Context) -> SizeReading:
    said = notations(text)
    if not said:
        return SizeReading(text)
    if said[0][0].kind == "one":
        one = Reading("ONE", "ONE", 1.0, audience=context.audience, family=context.family)
        return SizeReading(text, (one,), (), 1.0)
    parts = [_weigh(forms, context) for forms in said]
    if len(parts) > 1:
        _agree(parts)
    # The first said, unless the product speaks for another.
    parts.sort(key=lambda part: -part.fit)
    first, *others = [_readings(part, context) for part in parts]
    return SizeReading(text, first[0], tuple(readings[0] for readings, _ in others), first[1])


def _weigh(forms: tuple[Notation, ...], context: _Context) -> _Part:
    weighed: list[tuple[float, Cell, Notation, Found]] = []
    fit = 0.0
    priors = _priors(context)
    for place, form in enumerate(forms):
        rank = _FURTHER_FORM**place
        if form.length is not None and context.family == "underwear":
            rank *= _NO_LENGTH_UNDERNEATH
        for cell, (prior, told), found in zip(cells(), priors, _found(form), strict=True):
            if found is not None:
                named = _named(cell, form)
                fit = max(fit, told * named)
                weighed.append((prior * named * found.chance * rank, cell, form, found))
    return _Part(forms, fit, weighed)


def _agree(parts: list[_Part]) -> None:
    """Weigh up meanings for a wearer and kind of goods that every part of the label may have."""
    shares: list[dict[tuple[str, bool], float]] = []
    for part in parts:
        total = sum(weight for weight, *_ in part.weighed) or 1.0
        share: dict[tuple[str, bool], float] = {}
        for weight, cell, _, _ in part.weighed:
            share[_group(cell)] = share.get(_group(cell), 0.0) + weight / total
        shares.append(share)
    for i, part in enumerate(parts):
        if not any(other.forms[0].marked("audience") for other in parts):
            others = [share for j, share in enumerate(shares) if j != i]
            part.weighed = [
                (w * math.prod(_DISAGREE + s.get(_group(c), 0.0) for s in others), c, form, found)
                for w, c, form, found in part.weighed
            ]


def _group(cell: Cell) -> tuple[str, bool]:
    return cell.audience, "shoes" in cell.families


def _readings(part: _Part, context: _Context) -> tuple[tuple[Reading, ...], float]:
    """The meanings of one part, likeliest first, and how certain the first is."""
    total = sum(weight for weight, *_ in part.weighed)
    if total <= 0.0:
        return (_own(part.forms[0], context),), 1.0
    merged: dict[tuple[str, str, str | None], Reading] = {}
    bodies: dict[tuple[str, float, float], float] = {}
    for weight, cell, form, found in sorted(part.weighed, key=lambda each: -each[0]):
        share = weight / total
        bodies[found.body] = bodies.get(found.body, 0.0) + share
        reading = _reading(found, form, cell, context)
        key = (reading.system, reading.label, reading.length)
        before = merged.get(key)
        merged[key] = replace(
            before or reading, likelihood=share + (before.likelihood if before else 0)
        )
    out = sorted(merged.values(), key=lambda r: -r.likelihood)
    best = out[0]
    named = sum(r.likelihood for r in out if (r.system, r.label) == (best.system, best.label))
    sure = max(named, *bodies.values())
    return tuple(r for r in out if r.likelihood >= _SHOWN), min(sure, 1.0)


@lru_cache(maxsize=16_384)
def _found(form: Notation) -> tuple[Found | None, ...]:
    """The form in every cell."""
    return tuple(cell.find(form) for cell in cells())


@lru_cache(maxsize=16_384)
def _support(label: str) -> tuple[float, ...]:
    """Log-chance of a label in every cell, whatever it means there."""
    best = [_FLOOR] * len(cells())
    for forms in notations(label):
        for place, form in enumerate(forms):
            for i, found in enumerate(_found(form)):
                if found is not None:
                    named = _named(cells()[i], form, spoken=False)
                    best[i] = max(best[i], found.chance * named * _FURTHER_FORM**place)
    return tuple(map(math.log, best))


@lru_cache(maxsize=16_384)
def _priors(context: _Context) -> tuple[tuple[float, float], ...]:
    """Of every cell its weight before the label is seen, and how well it goes with the product."""
    told = [_told(cell, context) for cell in cells()]
    logs = [math.log(_common(cell) * fit) for cell, fit in zip(cells(), told, strict=True)]
    for label in context.siblings:
        logs = [a + b for a, b in zip(logs, _support(label), strict=True)]
    top = max(logs)
    return tuple((math.exp(log - top), fit) for log, fit in zip(logs, told, strict=True))


def _common(cell: Cell) -> float:
    """How common a cell is in shops."""
    common = usage()
    systems = common["systems"]
    weight = max(
        systems.get(
            f"{cell.system}/{cell.audience}/{family}",
            systems.get(f"{cell.system}/{cell.audience}", systems.get(cell.system, 1.0)),
        )
        * common["families"][family]
        for family in cell.families
    )
    return float(weight * common["audiences"][cell.audience])


def _told(cell: Cell, context: _Context) -> float:
    """How well a cell goes with what is told of the product."""
    if cell.system == OWN:
        return _OWN_NUMBERS if context.system is None else _WRONG_SYSTEM
    weight = _for_audience(cell.audience, context.audience)
    if context.family is not None and context.family not in cell.families:
        weight *= _WRONG_FAMILY
    if context.system is not None and cell.system != context.system:
        weight *= 0.1 if {cell.system, context.system} == _SAME else _WRONG_SYSTEM
    if context.market is not None:
        weight *= _in_market(cell, context.market)
    return weight


def _for_audience(audience: str, wanted: str | None) -> float:
    if wanted is None or wanted == audience:
        return 1.0
    if wanted == "unisex":
        return _UNISEX.get(audience, 1.0)
    return _KIN.get((audience, wanted)) or _KIN.get((wanted, audience)) or _WRONG_AUDIENCE


@lru_cache(maxsize=4096)
def _usual(market: str, audience: str, families: tuple[str, ...]) -> frozenset[str]:
    return frozenset(usual_system(market, audience, family) for family in families)


def _in_market(cell: Cell, market: str) -> float:
    common = usage()["markets"]
    gains = common["near"].get(market, {})
    if cell.system in _usual(market, cell.audience, cell.families):
        return float(max(common["home"], gains.get(cell.system, 0.0)))
    if cell.system in gains:
        return float(gains[cell.system])
    return float(common["else"]) if cell.system in _NATIONAL else 1.0


def _named(cell: Cell, form: Notation, *, spoken: bool = True) -> float:
    """How well a cell goes with the words beside the size; `spoken`: and with their language."""
    weight = 1.0
    common = usage()
    for marker in form.markers:
        if marker.kind == "system":
            named = common["named"][marker.value]
            weight *= 1.0 / (1 + named.index(cell.system)) if cell.system in named else _WRONG_NAME
        elif spoken and marker.kind == "size" and marker.value in common["spoken"]:
            weight *= common["spoken"][marker.value].get(cell.system, 1.0)
        elif marker.kind == "audience":
            weight *= _called(cell.audience, marker.value)
        elif marker.kind == "family" and marker.value not in cell.families:
            weight *= _WRONG_FAMILY
    if form.suffix == "T" and cell.system != "US":
        weight *= _NO_LENGTH
    if form.suffix == "K" and cell.system not in _SAME:
        weight *= _NO_BUILD
    if form.suffix == "W" and (cell.system not in ("US", "ALPHA") or cell.audience != "women"):
        weight *= _NO_LENGTH
    if form.suffix == "A" and cell.system != "FR":
        weight *= 0.2
    if form.length is not None and ("shoes" in cell.families or cell.audience == "baby"):
        weight *= _NO_BUILD
    if form.length == "R" and cell.system not in ("US", "UK", "JP", "ALPHA"):
        weight *= _NO_LENGTH
    if form.kind == "bra" and form.first != (cell.system == "JP"):
        weight *= 0.02
    return float(weight)


def _called(audience: str, word: str) -> float:
    if word == "child":
        return _CALLED_CHILD.get(audience, _WRONG_AUDIENCE)
    return _for_audience(audience, word)


def _reading(found: Found, form: Notation, cell: Cell, context: _Context) -> Reading:
    if cell.system == OWN:
        return Reading(OWN, found.label, 0.0, length=form.length, listed=False)
    family = context.family if context.family in cell.families else cell.families[0]
    return Reading(
        cell.system,
        found.label,
        0.0,
        low=found.low,
        high=found.high,
        inseam=form.inseam,
        length=form.length or found.length,
        audience=cell.audience,
        family=family,
    )


def _own(form: Notation, context: _Context) -> Reading:
    """A form that no table has: in the system that is told, else a number of the shop's own."""
    named = form.marked("system")
    system = named[0] if named else context.system
    if form.kind == "waist":
        system = "WAIST_INCH"
    elif form.kind == "letters":
        system = "ALPHA"
    return Reading(
        system or OWN,
        written(form),
        1.0,
        inseam=form.inseam,
        length=form.length,
        listed=False,
    )
