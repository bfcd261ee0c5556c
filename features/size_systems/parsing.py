"""What a size label says: in which system, which size, and how sure that is.

A label is read in three steps. Its form is told by :mod:`features.size_systems.notation`. The forms
are looked up in every size table (:mod:`features.size_systems.cells`). What is ambiguous then
(``42`` is a size in Germany, Italy, France and a shoe) is weighed by what is known of the product:
Bayes' rule over the cells, with the chance of each of the product's labels in a cell as likelihood
(:mod:`features.size_systems.evidence`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from features.size_systems.cells import OWN, Cell, Found, cells
from features.size_systems.evidence import FURTHER_FORM, Context, found_in, named, priors
from features.size_systems.notation import Notation, notations, written

__all__ = ["OWN", "Reading", "SizeReading", "parse_size"]

_SURE = 0.9
"""From this likelihood on a label counts as unambiguous."""
_SHOWN = 0.001
_DISAGREE = 0.02
"""Weight of a meaning none of the other things a label says agrees with."""
_NO_LENGTH_UNDERNEATH = 1e-7


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
    market = market.upper() if market else None
    return _parse(text, Context(audience, family, market, system, known))


@dataclass
class _Part:
    """One of the things a label says: what it may mean, each with its weight."""

    forms: tuple[Notation, ...]
    fit: float
    weighed: list[tuple[float, Cell, Notation, Found]]


@lru_cache(maxsize=65_536)
def _parse(text: str, context: Context) -> SizeReading:
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


def _weigh(forms: tuple[Notation, ...], context: Context) -> _Part:
    weighed: list[tuple[float, Cell, Notation, Found]] = []
    fit = 0.0
    known = priors(context)
    for place, form in enumerate(forms):
        rank = FURTHER_FORM**place
        if form.length is not None and context.family == "underwear":
            rank *= _NO_LENGTH_UNDERNEATH
        for cell, (prior, told), found in zip(cells(), known, found_in(form), strict=True):
            if found is not None:
                fits = named(cell, form)
                fit = max(fit, told * fits)
                weighed.append((prior * fits * found.chance * rank, cell, form, found))
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


def _readings(part: _Part, context: Context) -> tuple[tuple[Reading, ...], float]:
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
    same = sum(r.likelihood for r in out if (r.system, r.label) == (best.system, best.label))
    sure = max(same, *bodies.values())
    return tuple(r for r in out if r.likelihood >= _SHOWN), min(sure, 1.0)


def _reading(found: Found, form: Notation, cell: Cell, context: Context) -> Reading:
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


def _own(form: Notation, context: Context) -> Reading:
    """A form that no table has: in the system that is told, else a number of the shop's own."""
    told = form.marked("system")
    system = told[0] if told else context.system
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
