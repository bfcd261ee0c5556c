"""From a label of one system to labels of another, always through the body.

A label stands for an interval of its table's leading dimension. Its part that falls into each
size of the other table is that size's share. Because neighbouring sizes touch, a larger label can
never lead to a smaller size, and coming back lands within one size (of the coarser system).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from features.size_systems.catalogue import size_table
from features.size_systems.reading import Interval
from features.size_systems.tables import SizeTable
from features.size_systems.vocabulary import binding_of

__all__ = ["Match", "convert", "convert_body"]

_LEAST_SHARE = 0.2
"""Share from which a size is told beside the best one."""
_LEAST_COVER = 0.1
"""Part of a body that must lie within a system for its sizes to mean anything there."""


class Match(NamedTuple):
    """A size of the other system and how much of the body interval falls into it."""

    label: str
    share: float


@lru_cache(maxsize=65_536)
def convert(
    label: str, system: str, to: str, audience: str, family: str | None
) -> tuple[Match, ...]:
    """What a label is called in another system.

    Parameters
    ----------
    label, system : str
        The label and the system it is of.
    to : str
        The system wanted.
    audience, family : str
        Whom it is for and the kind of garment (`family` None: goods of one size).

    Returns
    -------
    tuple of Match
        Best first, shares sum to one. Two (seldom more) where the body of the label falls between
        sizes; sizes with less than a fifth are left out. Empty where a table or the label is
        missing, or the other system ends before that body.

    Examples
    --------
    >>> convert("38", "DE", "UK", "women", "dress")
    (Match(label='12', share=1.0),)
    >>> [m.label for m in convert("M", "ALPHA", "EU", "women", "dress")]
    ['40', '42']
    """
    source, target = size_table(system, audience, family), size_table(to, audience, family)
    if source is None or target is None:
        return ()
    size = source.find(label)
    if size is None:
        return _convert_cups(label, source, target)
    if system == to or not source.leading or not target.leading:
        return (Match(size.label, 1.0),) if system == to else ()
    return _best(_overlaps(size.body[source.leading], target, source.leading), target)


def _convert_cups(label: str, source: SizeTable, target: SizeTable) -> tuple[Match, ...]:
    if source.cups is None or target.cups is None:
        return ()
    size = source.cups.find(label)
    if size is None:
        return ()
    if source.system == target.system:
        return (Match(size.label, 1.0),)
    return _cups_of(size.body, target.cups)


def _cups_of(body: Mapping[str, Interval], cups: SizeTable) -> tuple[Match, ...]:
    """Bra sizes of a band and a cup: the part of the one times the part of the other."""
    bands = _overlaps(body["underbust_cm"], cups, "underbust_cm")
    shares = {r: s * _part(body["cup_cm"], cups.sizes[r].body["cup_cm"]) for r, s in bands.items()}
    return _best({rank: share for rank, share in shares.items() if share > 0}, cups)


def convert_body(
    body: Mapping[str, Interval], to: str, audience: str, family: str | None
) -> tuple[Match, ...]:
    """The sizes of a system a body, or the body a chart states, falls into.

    Parameters
    ----------
    body : mapping of str to (float, float)
        Dimension to lower and upper end, cm (kg for weight); equal ends for a measured person.
    to, audience, family : str
        As for `convert`.

    Returns
    -------
    tuple of Match
        Best first, shares sum to one. Each dimension votes with the weight it binds with
        (`binding_of`); a band and bust (``underbust_cm`` and ``chest_cm`` or ``cup_cm``) is
        answered in bra sizes. Empty where no dimension is shared or the body is beyond the table.
    """
    table = size_table(to, audience, family)
    if table is None or not table.leading:
        return (Match(table.sizes[0].label, 1.0),) if table else ()
    if table.cups is not None and "underbust_cm" in body:
        band, cup = body["underbust_cm"], body.get("cup_cm")
        if cup is None and "chest_cm" in body:
            middle = (band[0] + band[1]) / 2
            cup = (body["chest_cm"][0] - middle, body["chest_cm"][1] - middle)
        if cup is not None:
            return _cups_of({"underbust_cm": band, "cup_cm": cup}, table.cups)
    shared = body.keys() & table.sizes[0].body.keys()
    weights = {d: w for d, w in binding_of(None, family, audience).items() if d in shared}
    weights = weights or dict.fromkeys(sorted(shared), 1.0)
    votes: dict[int, float] = {}
    for dimension, weight in weights.items():
        for rank, share in _overlaps(body[dimension], table, dimension).items():
            votes[rank] = votes.get(rank, 0.0) + weight * share
    total = sum(weights.values())
    return _best({rank: vote / total for rank, vote in votes.items()}, table) if total else ()


def _overlaps(interval: Interval, table: SizeTable, dimension: str) -> dict[int, float]:
    """Rank to the part of an interval that falls into that size."""
    ranks = table.touching(dimension, interval)
    parts = {rank: _part(interval, table.sizes[rank].body[dimension]) for rank in ranks}
    return {rank: part for rank, part in parts.items() if part > 0}


def _part(interval: Interval, other: Interval) -> float:
    low, high = interval
    if high <= low:
        return 1.0 if other[0] <= low < other[1] else 0.0
    return max(min(high, other[1]) - max(low, other[0]), 0.0) / (high - low)


def _best(shares: Mapping[int, float], table: SizeTable) -> tuple[Match, ...]:
    if sum(shares.values()) < _LEAST_COVER:
        return ()
    most = max(shares.values())
    bar = min(_LEAST_SHARE, most / 2)
    kept = {rank: share for rank, share in shares.items() if share >= bar}
    total = sum(kept.values())
    order = sorted(kept, key=lambda rank: (-round(kept[rank], 6), _off_middle(rank, kept), rank))
    return tuple(Match(table.sizes[rank].label, kept[rank] / total) for rank in order)


def _off_middle(rank: int, ranks: Mapping[int, float] | Sequence[int]) -> float:
    """Of equal shares the one in the middle stands first: it misses by least."""
    return abs(rank - sum(ranks) / len(ranks))
