"""Bins of a feature: cut once where a model was trained, counted again wherever it is watched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np
import numpy.typing as npt

__all__ = ["FEWEST_ROWS", "Bins"]

Floats = npt.NDArray[np.float64]

FEWEST_ROWS = 20
"""Rows of the training data that a bin is cut to hold, so that none tells of a single person."""
_MOST_BINS = 10
_MOST_VALUES = 12
_DIGITS = 6
_OTHER = "other"


@dataclass(frozen=True)
class Bins:
    """How the values of one feature are put together.

    Parameters
    ----------
    edges
        Bins of a number are ``(-inf, edges[0]]``, ``(edges[0], edges[1]]``, ..., ``(edges[-1],
        inf)``; empty for a category.
    values
        Categories by code, those that are told apart; the rest are one bin, ``other``.
    is_category
        Whether the feature is a code.

    Notes
    -----
    The last bin is always of what is missing.
    """

    edges: tuple[float, ...] = ()
    values: tuple[tuple[int, str], ...] = ()
    is_category: bool = False

    @classmethod
    def of(cls, x: Floats, names: Sequence[str] | None = None) -> Self:
        """Cut bins of about equal counts.

        Parameters
        ----------
        x
            Values, NaN where missing; shape (n,).
        names
            Names of the codes where the feature is a category.
        """
        known = x[np.isfinite(x)]
        if names is not None:
            codes, counts = np.unique(known.astype(np.int64), return_counts=True)
            usual = sorted(zip(-counts, codes, strict=True))[:_MOST_VALUES]
            told = sorted(int(code) for count, code in usual if -count >= FEWEST_ROWS)
            named = tuple((c, names[c] if c < len(names) else str(c)) for c in told)
            return cls(values=named, is_category=True)
        wanted = min(_MOST_BINS, len(known) // FEWEST_ROWS)
        if wanted < 2:
            return cls()
        cuts = np.quantile(known, np.linspace(0, 1, wanted + 1)[1:-1], method="inverted_cdf")
        rounded = {float(f"{cut:.{_DIGITS}g}") for cut in cuts}
        return cls(edges=_held(known, sorted(rounded)))

    @property
    def labels(self) -> tuple[str, ...]:
        """The bins in words, in order."""
        if self.is_category:
            return (*(name for _, name in self.values), _OTHER, "missing or new")
        if not self.edges:
            return ("any", "missing")
        shown = [f"{edge:.4g}" for edge in self.edges]
        between = [f"{low} to {high}" for low, high in pairwise(shown)]
        return (f"up to {shown[0]}", *between, f"above {shown[-1]}", "missing")

    def count(self, x: Floats) -> npt.NDArray[np.int64]:
        """How many values fall into each bin.

        Parameters
        ----------
        x
            Values, NaN where missing; shape (n,).

        Returns
        -------
        ndarray
            By `labels`.
        """
        known = x[np.isfinite(x)]
        if self.is_category:
            codes = [code for code, _ in self.values]
            place = {code: i for i, code in enumerate(codes)}
            found, counts = np.unique(known.astype(np.int64), return_counts=True)
            total = np.zeros(len(codes) + 2, dtype=np.int64)
            for code, count in zip(found.tolist(), counts.tolist(), strict=True):
                total[place.get(code, len(codes))] += count
        else:
            where = np.searchsorted(np.array(self.edges), known, side="left")
            total = np.bincount(where, minlength=len(self.edges) + 2).astype(np.int64)
        total[-1] = len(x) - len(known)
        return total

    def to_json(self) -> dict[str, Any]:
        """What :meth:`from_json` reads."""
        if self.is_category:
            return {"values": [list(each) for each in self.values]}
        return {"edges": list(self.edges)}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """The inverse of :meth:`to_json`."""
        if "values" in content:
            named = tuple((int(code), str(name)) for code, name in content["values"])
            return cls(values=named, is_category=True)
        return cls(edges=tuple(float(edge) for edge in content["edges"]))


def _held(known: Floats, cuts: Sequence[float]) -> tuple[float, ...]:
    """Those cuts between which, and outside of which, enough rows lie."""
    kept: list[float] = []
    ordered = np.sort(known)
    below = 0
    for cut in cuts:
        upto = int(np.searchsorted(ordered, cut, side="right"))
        if upto - below >= FEWEST_ROWS and len(ordered) - upto >= FEWEST_ROWS:
            kept.append(cut)
            below = upto
    return tuple(kept)
