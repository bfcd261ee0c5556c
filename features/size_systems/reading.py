"""Reads the YAML files of this package and turns their figures into intervals."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Any, cast

import yaml

__all__ = ["Interval", "SizeTableError", "figures", "intervals", "label_list", "read_data"]

Interval = tuple[float, float]
_LOADER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
"""The service reads the tables as it starts: in C that is a tenth of a second."""


class SizeTableError(ValueError):
    """The size data contradict themselves."""


@cache
def read_data(name: str) -> dict[str, Any]:
    """One YAML file of this package as a mapping; read once, not to be changed."""
    text = resources.files("features.size_systems").joinpath(name).read_text("utf-8")
    return cast(dict[str, Any], yaml.load(text, _LOADER))  # noqa: S506 - safe, and in C


def label_list(labels: list[Any]) -> list[str]:
    """Labels written out, a run of numbers ``{from, to, by, end}`` among them counted out."""
    out: list[str] = []
    for label in labels:
        if isinstance(label, dict):
            first, step = float(label["from"]), float(label.get("by", 1))
            count = round((float(label["to"]) - first) / step) + 1
            out += [f"{first + step * i:g}{label.get('end', '')}" for i in range(count)]
        else:
            out.append(str(label))
    return out


def intervals(
    entry: Mapping[str, Any], bodies: Mapping[str, Any], count: int, named: str
) -> dict[str, list[Interval]]:
    """Intervals of every size of a table entry, by dimension.

    ``body`` names a shared body of `bodies` (``first`` says at which row it starts) or holds the
    figures itself, each dimension written as `figures` reads it.

    Raises
    ------
    SizeTableError
        Naming the table, when a body is not defined, too short, or its figures fall.
    """
    body, first = entry["body"], int(entry.get("first", 0))
    if isinstance(body, str):
        if body not in bodies:
            raise SizeTableError(f"{named}: no body called {body!r}; there are {sorted(bodies)}")
        body = bodies[body]
    return {d: figures(f, count, f"{named}: {d}", first) for d, f in body.items()}


def figures(written: Any, count: int, named: str, first: int = 0) -> list[Interval]:
    """Intervals of one dimension, from row `first` on.

    Written in one of these ways: a list (the middle of each size: neighbours meet half way, the
    ends reach as far out as in), ``{edges: [...]}`` (one more than there are labels), ``{first,
    step}`` (evenly spaced middles), or ``{middles: [...], around: x}`` (each x to both sides).

    Raises
    ------
    SizeTableError
        When there are too few figures or they fall.
    """
    if isinstance(written, dict) and "around" in written:
        around = float(written["around"])
        cells = [(float(m) - around, float(m) + around) for m in written["middles"]]
    elif isinstance(written, dict) and "step" in written:
        start, step = float(written["first"]), float(written["step"])
        edges = [round(start + step * (i - 0.5), 4) for i in range(first + count + 1)]
        cells = list(pairwise(edges))
    elif isinstance(written, dict):
        cells = list(pairwise(float(edge) for edge in written["edges"]))
    else:
        cells = list(pairwise(_between([float(middle) for middle in written])))
    cells = cells[first : first + count]
    if len(cells) != count:
        raise SizeTableError(f"{named}: {count} labels but {len(cells)} figures")
    for (low, high), (after, _) in pairwise([*cells, (cells[-1][1], cells[-1][1])]):
        if high <= low or after < low:
            raise SizeTableError(f"{named}: figures must rise, not {low}, {high}, {after}")
    return cells


def _between(middles: list[float]) -> list[float]:
    inner = [(a + b) / 2 for a, b in pairwise(middles)]
    return [2 * middles[0] - inner[0], *inner, 2 * middles[-1] - inner[-1]]
