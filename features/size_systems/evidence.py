"""What speaks for a cell: the product's system, audience, kind and market, and its other labels.

A cell with few labels that has all of the product's is likelier than one with many that has them
too (the size principle: Tenenbaum and Griffiths, "Generalization, similarity, and Bayesian
inference", Behavioral and Brain Sciences 24, 2001).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from features.size_systems.cells import OWN, Cell, Found, cells, usage
from features.size_systems.markets import usual_system
from features.size_systems.notation import Notation, notations

__all__ = ["FURTHER_FORM", "Context", "found_in", "named", "priors"]

FURTHER_FORM = 0.5
"""Weight of each further form a label may have ("32/34": jeans first, then a double size)."""
_FLOOR = 3e-4
"""Chance of a sibling label in a cell that does not list it: a mistyped or foreign label."""
_OWN_NUMBERS = 0.01
"""How well numbers of the shop's own go with any product."""
_WRONG_SYSTEM, _WRONG_NAME = 1e-4, 1e-6
_WRONG_AUDIENCE, _WRONG_FAMILY = 1e-3, 1e-4
_CALLED_CHILD = {"girls": 1.0, "boys": 1.0, "baby": 0.2}
_KIN = {("girls", "boys"): 0.2, ("girls", "baby"): 0.1, ("boys", "baby"): 0.1}
_UNISEX = {"unisex": 1.0, "women": 0.1, "men": 0.2, "girls": 0.02, "boys": 0.02, "baby": 0.02}
_SAME = {"EU", "DE"}
"""Two names of one system: a product told to be in one may be labelled in the other."""
_NO_BUILD, _NO_LENGTH = 0.02, 0.05
_NATIONAL = ("US", "UK", "EU", "FR", "IT", "DE", "ES", "CN", "JP", "KR", "AU",
             "SHOE_US", "SHOE_UK", "SHOE_CN", "SHOE_JP")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Context:
    """What is known of the product."""

    audience: str | None
    family: str | None
    market: str | None
    system: str | None
    siblings: tuple[str, ...]


@lru_cache(maxsize=16_384)
def found_in(form: Notation) -> tuple[Found | None, ...]:
    """The form in every cell."""
    return tuple(cell.find(form) for cell in cells())


@lru_cache(maxsize=16_384)
def _support(label: str) -> tuple[float, ...]:
    """Log-chance of a label in every cell, whatever it means there."""
    best = [_FLOOR] * len(cells())
    for forms in notations(label):
        for place, form in enumerate(forms):
            for i, found in enumerate(found_in(form)):
                if found is not None:
                    fits = named(cells()[i], form, spoken=False)
                    best[i] = max(best[i], found.chance * fits * FURTHER_FORM**place)
    return tuple(map(math.log, best))


@lru_cache(maxsize=16_384)
def priors(context: Context) -> tuple[tuple[float, float], ...]:
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


def _told(cell: Cell, context: Context) -> float:
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


def named(cell: Cell, form: Notation, *, spoken: bool = True) -> float:
    """How well a cell goes with the words beside the size; `spoken`: and with their language."""
    weight = 1.0
    common = usage()
    for marker in form.markers:
        if marker.kind == "system":
            meant = common["named"][marker.value]
            weight *= 1.0 / (1 + meant.index(cell.system)) if cell.system in meant else _WRONG_NAME
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
