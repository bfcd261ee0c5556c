"""Every size table, read from the data files once and checked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import pairwise, product
from types import MappingProxyType
from typing import Any

from features.size_systems.reading import (
    Interval,
    SizeTableError,
    figures,
    intervals,
    label_list,
    read_data,
)
from features.size_systems.tables import (
    AUDIENCES,
    DIMENSIONS,
    FAMILIES,
    Size,
    SizeTable,
    normalise,
)

__all__ = ["UNISEX_LIKE", "all_tables", "size_table", "systems_of"]

UNISEX_LIKE = "men"
"""Clothes for everyone are cut and labelled like men's (what makers of unisex shirts print)."""
FILES = ("women", "men", "children", "baby", "shoes", "bras")
_KINDS = ("standard", "trade")
_ONE = "ONE"
_BAND = "underbust_cm"


def size_table(system: str, audience: str, family: str | None) -> SizeTable | None:
    """The table of a system for an audience and family; None where there is none.

    Parameters
    ----------
    system : str
        A size system of the product contract.
    audience : str
        One of `AUDIENCES`.
    family : str or None
        One of `FAMILIES`; None for goods of one size.
    """
    return all_tables().get((system, audience, family))


@lru_cache(maxsize=256)
def systems_of(audience: str, family: str | None) -> tuple[str, ...]:
    """Systems that have a table for an audience and family."""
    return tuple(s for s, a, f in all_tables() if a == audience and f == family)


@lru_cache(maxsize=1)
def all_tables() -> Mapping[tuple[str, str, str | None], SizeTable]:
    """Every table, by (system, audience, family).

    Raises
    ------
    SizeTableError
        When the data contradict themselves: file, table and what is wrong are named.
    """
    tables: dict[tuple[str, str, str | None], SizeTable] = {}
    for name in FILES:
        data = read_data(f"tables/{name}.yaml")
        for entry in data["tables"]:
            for table in _tables_of(entry, data, f"tables/{name}.yaml"):
                key = (table.system, table.audience, table.family)
                if table.leading == _BAND:
                    if key not in tables:
                        raise SizeTableError(f"tables/{name}.yaml: {key} has cups but no sizes")
                    tables[key] = _copy(tables[key], cups=table)
                elif key in tables:
                    raise SizeTableError(f"tables/{name}.yaml: {key} is given twice")
                else:
                    tables[key] = table
    for (system, audience, family), table in list(tables.items()):
        if audience == UNISEX_LIKE:
            tables.setdefault((system, "unisex", family), _copy(table, audience="unisex"))
    for audience in AUDIENCES:
        for family in (*FAMILIES, None):
            tables[_ONE, audience, family] = _one_size(audience, family)
    _check_leading(tables.values())
    return MappingProxyType(tables)


def _tables_of(entry: dict[str, Any], data: dict[str, Any], where: str) -> Iterator[SizeTable]:
    named = f"{where}: {entry.get('systems')} for {entry.get('audiences')}"
    if entry["kind"] not in _KINDS:
        raise SizeTableError(f"{named}: kind must be one of {_KINDS}, is {entry['kind']!r}")
    if "cups" in entry:
        labels, cells, aliases = _bands_and_cups(entry, named)
    else:
        labels = label_list(entry["labels"])
        cells = intervals(entry, data.get("bodies", {}), len(labels), named)
        aliases = _aliases(entry, labels)
    if len(set(labels)) != len(labels):
        raise SizeTableError(f"{named}: a label is given twice in {labels}")
    if unknown := set(cells) - set(DIMENSIONS):
        raise SizeTableError(f"{named}: unknown dimensions {sorted(unknown)}")
    if strange := set(aliases.values()) - set(labels):
        raise SizeTableError(f"{named}: aliases of labels it does not have: {sorted(strange)}")
    spans = {normalise(str(k)): (str(a), str(b)) for k, (a, b) in entry.get("spans", {}).items()}
    for family, leading in entry["families"].items():
        sizes = _sizes(labels, cells, leading, f"{named}, {family}")
        for system, audience in product(entry["systems"], entry["audiences"]):
            yield SizeTable(
                system=system,
                audience=audience,
                family=family,
                sizes=sizes,
                leading=leading,
                source=entry["source"],
                edition=str(entry["edition"]),
                kind=entry["kind"],
                aliases=MappingProxyType(aliases),
                spans=MappingProxyType(_with_endings(spans, entry)),
                patterns=tuple(re.compile(p) for p in entry.get("patterns", ())),
                note=entry.get("note", ""),
            )


def _aliases(entry: Mapping[str, Any], labels: list[str]) -> dict[str, str]:
    aliases = {normalise(str(k)): str(v) for k, v in entry.get("aliases", {}).items()}
    plain = {normalise(label): label for label in labels}
    return _with_endings(aliases | plain, entry) | aliases


def _with_endings(spellings: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    """Every spelling also with each ending a shop may add (``6-9M``, ``6-9 months``)."""
    endings = [normalise(end) for end in entry.get("endings", ())]
    numbered = {s: to for s, to in spellings.items() if s[-1].isdigit()}
    return {**spellings, **{s + end: to for end in endings for s, to in numbered.items()}}


def _bands_and_cups(
    entry: Mapping[str, Any], named: str
) -> tuple[list[str], dict[str, list[Interval]], dict[str, str]]:
    """Bra sizes: every band with every cup, and the bust that makes."""
    bands, cups = label_list(entry["bands"]), label_list(entry["cups"])
    under = figures(entry["underbust_cm"], len(bands), f"{named}: underbust_cm")
    more = figures(entry["cup_cm"], len(cups), f"{named}: cup_cm")
    labels: list[str] = []
    cells: dict[str, list[Interval]] = {_BAND: [], "cup_cm": [], "chest_cm": []}
    aliases = {}
    others = {c: [str(o) for o in entry.get("other_cups", {}).get(c, ())] for c in cups}
    for (band, girth), (cup, extra) in product(
        zip(bands, under, strict=True), zip(cups, more, strict=True)
    ):
        label = entry["form"].format(band=band, cup=cup)
        labels.append(label)
        middle = (girth[0] + girth[1]) / 2
        cells[_BAND].append(girth)
        cells["cup_cm"].append(extra)
        cells["chest_cm"].append((middle + extra[0], middle + extra[1]))
        for name in (cup, *others[cup]):
            aliases[normalise(f"{band}{name}")] = label
            aliases[normalise(f"{name}{band}")] = label
    return labels, cells, aliases


def _sizes(
    labels: list[str], cells: Mapping[str, list[Interval]], leading: str, named: str
) -> tuple[Size, ...]:
    if leading not in cells:
        raise SizeTableError(f"{named}: leads by {leading}, which has no figures")
    for dimension, steps in cells.items():
        if len(steps) != len(labels):
            raise SizeTableError(f"{named}: {len(labels)} labels, {len(steps)} of {dimension}")
        if any(low >= high for low, high in steps):
            raise SizeTableError(f"{named}: {dimension} has an empty interval in {steps}")
    if leading != _BAND:
        gaps = [(a, b) for a, b in pairwise(cells[leading]) if abs(a[1] - b[0]) > 1e-9]
        if gaps:
            raise SizeTableError(f"{named}: {leading} leaves gaps or overlaps at {gaps}")
    return tuple(
        Size(label, MappingProxyType({d: steps[i] for d, steps in cells.items()}))
        for i, label in enumerate(labels)
    )


def _copy(table: SizeTable, **changed: Any) -> SizeTable:
    names = [name for name, spec in SizeTable.__dataclass_fields__.items() if spec.init]
    return SizeTable(**{name: getattr(table, name) for name in names} | changed)


def _one_size(audience: str, family: str | None) -> SizeTable:
    words = ("ONESIZE", "ONE-SIZE", "OS", "UNSIZED", "FREE", "FREESIZE", "UNI")
    return SizeTable(
        system=_ONE,
        audience=audience,
        family=family or "",
        sizes=(Size(_ONE, MappingProxyType({})),),
        leading="",
        source="One size for every body",
        edition="-",
        kind="trade",
        aliases=MappingProxyType(dict.fromkeys(words, _ONE)),
    )


def _check_leading(tables: Iterable[SizeTable]) -> None:
    seen: dict[tuple[str, str], tuple[str, str]] = {}
    for table in tables:
        if not table.leading:
            continue
        key = (table.audience, table.family)
        first = seen.setdefault(key, (table.leading, table.system))
        if first[0] != table.leading:
            raise SizeTableError(
                f"{key}: {first[1]} leads by {first[0]} but {table.system} by {table.leading};"
                " conversions need one leading dimension"
            )
