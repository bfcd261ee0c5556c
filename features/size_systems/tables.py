"""Size tables of the world as data: every label is an interval of body dimensions in centimetres.

The figures are in ``tables/*.yaml``, one file per audience, with the source, the edition and the
kind (a standard, or the table the trade uses) of every table. They are read once.

All tables of one audience and family step by the same dimension, the *leading* one: chest for
tops, dresses and outerwear, waist for trousers and skirts, hip (women) or waist (men) for
underwear, foot length for shoes, height for children. That makes every conversion a matter of
overlapping intervals (:mod:`features.size_systems.conversion`).
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType

from features.size_systems.reading import Interval

__all__ = [
    "AUDIENCES",
    "DIMENSIONS",
    "FAMILIES",
    "Size",
    "SizeTable",
    "normalise",
]

AUDIENCES = ("women", "men", "girls", "boys", "baby", "unisex")
FAMILIES = ("top", "bottom", "dress", "outerwear", "underwear", "shoes")
DIMENSIONS = (
    "chest_cm",
    "waist_cm",
    "hip_cm",
    "height_cm",
    "weight_kg",
    "foot_length_cm",
    "underbust_cm",
    "cup_cm",
    "inseam_cm",
)
"""Body dimensions of the contract, and three more: the girth under the bust, what the bust
measures more than that (``cup_cm``), and the inside leg."""
_INCH = 2.54
_HEIGHT_STEP = 2.5
"""Half of the step between the heights GB/T 1335 and JIS L 4004 name beside a girth."""


@dataclass(frozen=True, slots=True)
class Size:
    """One size: its label and the body it is cut for.

    Attributes
    ----------
    label : str
        Canonical spelling.
    body : mapping of str to (float, float)
        Dimension (see `DIMENSIONS`) to lower and upper end; cm, kg for weight.
    """

    label: str
    body: Mapping[str, Interval]


@dataclass(frozen=True)
class SizeTable:
    """The sizes of one system for one audience and family.

    Attributes
    ----------
    system, audience, family : str
    sizes : tuple of Size
        Smallest first; neighbours touch on the leading dimension.
    leading : str
        The dimension the labels step by; empty for goods of one size.
    source, edition : str
        Where the figures are from.
    kind : {"standard", "trade"}
        A published standard, or the table shops commonly use.
    aliases : mapping of str to str
        Other spellings (as `normalise` leaves them) to the canonical label.
    spans : mapping of str to (str, str)
        Labels that cover several sizes (``0-3`` months) to the first and last of them.
    patterns : tuple of re.Pattern
        Labels that state their own measures: groups are dimensions in cm, or ``waist_in`` and
        ``inseam_in`` in inches.
    cups : SizeTable or None
        Sizes by band and cup sold in the same system (bras); they lead by ``underbust_cm``.
    """

    system: str
    audience: str
    family: str
    sizes: tuple[Size, ...]
    leading: str
    source: str
    edition: str
    kind: str
    aliases: Mapping[str, str] = field(default_factory=dict)
    spans: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    patterns: tuple[re.Pattern[str], ...] = ()
    cups: SizeTable | None = None
    note: str = ""

    def __post_init__(self) -> None:
        ranks = {size.label: rank for rank, size in enumerate(self.sizes)}
        index = {normalise(label): rank for label, rank in ranks.items()}
        # A label's own meaning wins over another size's nickname.
        for alias, label in self.aliases.items():
            index.setdefault(alias, ranks[label])
        object.__setattr__(self, "_ranks", ranks)
        object.__setattr__(self, "_index", index)
        bounds = {
            dimension: tuple(zip(*(size.body[dimension] for size in self.sizes), strict=True))
            for dimension in self.sizes[0].body
        }
        object.__setattr__(self, "_bounds", bounds)

    _ranks: Mapping[str, int] = field(init=False, repr=False, compare=False)
    _index: Mapping[str, int] = field(init=False, repr=False, compare=False)
    _bounds: Mapping[str, tuple[tuple[float, ...], ...]] = field(
        init=False, repr=False, compare=False
    )

    @property
    def labels(self) -> tuple[str, ...]:
        """Canonical labels, smallest first."""
        return tuple(self._ranks)

    def rank(self, label: str) -> int | None:
        """Place of a label, 0 for the smallest; of the nearest size for one between sizes."""
        known = self._index.get(normalise(label))
        if known is not None:
            return known
        size = self.find(label)
        if size is None:
            return None
        middle = sum(size.body[self.leading]) / 2
        return self.touching(self.leading, (middle, middle))[0]

    def find(self, label: str) -> Size | None:
        """The size a label names.

        A label that states its own measure (``160/86A``, ``105`` cm) is found even where the
        table lists no such step: it is the measure, half a step each way.

        Parameters
        ----------
        label : str
            In any case and width, spaces allowed.

        Returns
        -------
        Size or None
            None where the system has no such size.
        """
        text = normalise(label)
        rank = self._index.get(text)
        exact = self.sizes[rank] if rank is not None else None
        if exact is None and text in self.spans:
            return self.span(*self.spans[text], label=text)
        return self._stated(text, exact) or exact or self._double(text)

    def span(self, low: str, high: str, label: str = "") -> Size | None:
        """One size that covers all from one label to another, as ``S/M`` does.

        Parameters
        ----------
        low, high : str
            Labels of the table, in either order.
        label : str, optional
            What to call it; both labels with a slash between them if left out.

        Returns
        -------
        Size or None
            None where the table lacks one of them.
        """
        first, last = self.find(low), self.find(high)
        if first is None or last is None:
            return None
        body = {d: (min(a[0], b[0]), max(a[1], b[1])) for d, a, b in _both(first, last)}
        return Size(label or f"{first.label}/{last.label}", MappingProxyType(body))

    def _double(self, text: str) -> Size | None:
        """The size of two labels in one, the smaller first: ``S/M``, ``36/38``, ``110-116``."""
        for mark in "/-":
            low, found, high = text.partition(mark)
            first, last = self._index.get(low), self._index.get(high)
            if found and first is not None and last is not None and first < last:
                return self.span(low, high)
        return None

    def _stated(self, text: str, exact: Size | None) -> Size | None:
        """The size of a label that states measures of its own, some of them off the ladder."""
        matches = (pattern.fullmatch(text) for pattern in self.patterns)
        match = next((match for match in matches if match), None)
        if match is None:
            return None
        told = {k: float(v) for k, v in match.groupdict().items() if v is not None}
        size = exact or self._of_girth(told)
        if size is None:
            return None
        body = dict(size.body)
        if "height_cm" in told and "height_cm" in body and self.leading != "height_cm":
            body["height_cm"] = (told["height_cm"] - _HEIGHT_STEP, told["height_cm"] + _HEIGHT_STEP)
        if "inseam_in" in told:
            inseam = told["inseam_in"] * _INCH
            body["inseam_cm"] = (inseam - _INCH, inseam + _INCH)
        return exact if exact and body == exact.body else Size(text, MappingProxyType(body))

    def _of_girth(self, told: Mapping[str, float]) -> Size | None:
        if "waist_in" in told:
            rank = self._index.get(f"{told['waist_in']:g}")
            return None if rank is None else self.sizes[rank]
        for dimension, value in told.items():
            if dimension == "height_cm" and self.leading != dimension:
                continue
            ranks = self.touching(dimension, (value, value))
            if not ranks:
                return None
            near = self.sizes[ranks[0]]
            low, high = near.body[dimension]
            body = dict(near.body)
            if dimension == self.leading:
                body[dimension] = (value - (high - low) / 2, value + (high - low) / 2)
            return Size(near.label, MappingProxyType(body))
        return None

    def touching(self, dimension: str, interval: Interval) -> range:
        """Ranks of the sizes that share some of an interval of a dimension (cm, kg).

        Empty for a dimension the table does not have.
        """
        if dimension not in self._bounds:
            return range(0)
        lows, highs = self._bounds[dimension]
        low, high = interval
        # A size holds its lower end, not its upper: a point belongs to one size.
        return range(
            bisect_right(highs, low), max(bisect_left(lows, high), bisect_right(lows, low))
        )


def _both(a: Size, b: Size) -> list[tuple[str, Interval, Interval]]:
    return [(d, a.body[d], b.body[d]) for d in a.body if d in b.body]


_NO_MATTER = re.compile(r"\s+|(?<=\d)\.0+(?!\d)")


@lru_cache(maxsize=8192)
def normalise(label: str) -> str:
    """Spelling by which tables look labels up: plain width, upper case, no spaces, dots.

    Examples
    --------
    >>> normalise(" ３８，５ "), normalise("2 ans"), normalise("34 dd")
    ('38.5', '2ANS', '34DD')
    """
    text = unicodedata.normalize("NFKC", label).upper().replace(",", ".")
    return _NO_MATTER.sub("", text)
