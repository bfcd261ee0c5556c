"""The places of sizes in a catalogue that hardly changes: worked out once for each product.

Every window of live events asks where the sizes of the goods in it stand. The answer is the same
each time, until a product is told otherwise, and costs as much as the sums of thousands of events.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from data_contracts.lazy import pd
from features.positions import SizeScales

__all__ = ["RememberedScales"]

_ID = "product_id"
_MOST_AT_ONCE = 2_000  # products of a window; a catalogue that is read as a whole is read once
_MOST = 10_000  # products: to look through more costs what it spares


@dataclass(frozen=True)
class _Catalogue:
    """Goods with the places of their sizes; `sizes` and `placed` go together, row by row."""

    products: pd.DataFrame
    sizes: pd.DataFrame
    placed: pd.DataFrame

    def find(self, products: pd.DataFrame, sizes: pd.DataFrame) -> pd.DataFrame | None:
        """The places of these sizes; None where something else was told of these goods."""
        known, of = (self._index.get_indexer(pd.Index(each[_ID])) for each in (products, sizes))
        if (known < 0).any() or (of < 0).any() or (_places(products, sizes) < 0).any():
            return None
        begins = self._begins
        if (np.bincount(of, minlength=len(begins))[known] != np.diff(begins)[known]).any():
            return None
        rows = begins[of] + sizes.groupby(_ID).cumcount().to_numpy()
        if not _same(self.products.iloc[known], products) or not _same(
            self.sizes.iloc[rows], sizes
        ):
            return None
        return self.placed.iloc[rows].reset_index(drop=True)

    @cached_property
    def _index(self) -> pd.Index[Any]:
        index: pd.Index[Any] = pd.Index(self.products[_ID])
        return index

    @cached_property
    def _begins(self) -> npt.NDArray[np.intp]:
        """The first size of each product, and after the last one the count of all."""
        goods = np.arange(len(self.products) + 1)
        return np.searchsorted(self._index.get_indexer(pd.Index(self.sizes[_ID])), goods)

    def joined(self, other: _Catalogue) -> _Catalogue:
        """These goods and others; what the others tell of a product counts."""
        again = other.products[_ID]
        products = pd.concat([self.products[~self.products[_ID].isin(again)], other.products])
        rest = ~self.sizes[_ID].isin(again)
        sizes = pd.concat([self.sizes[rest], other.sizes])
        placed = pd.concat([self.placed[rest.to_numpy()], other.placed])
        return _Catalogue(products, sizes, placed).ordered()

    def ordered(self) -> _Catalogue:
        """The same with the sizes of a product next to each other, products in their order."""
        order = np.argsort(_places(self.products, self.sizes), kind="stable")
        return _Catalogue(self.products, self.sizes.iloc[order], self.placed.iloc[order])


class RememberedScales(SizeScales):
    """Fitted scales that remember the goods they have placed.

    The places are those that :class:`features.positions.SizeScales` gives: a product stands where
    it stands, whichever others are placed with it. A product is found again by all that is told of
    it and of its sizes, so that it may be told otherwise at any time.
    """

    _known: _Catalogue | None = None

    @classmethod
    def of(cls, scales: SizeScales) -> Self:
        """These scales, which must not be fitted anew."""
        return cls(**{each.name: getattr(scales, each.name) for each in fields(scales)})

    def place(self, products: pd.DataFrame, product_sizes: pd.DataFrame) -> pd.DataFrame:
        """Place every size of every product; see :meth:`SizeScales.place`."""
        if len(products) > _MOST_AT_ONCE:
            return super().place(products, product_sizes)
        found = None if self._known is None else self._known.find(products, product_sizes)
        if found is not None:
            return found
        placed = super().place(products, product_sizes)
        if products[_ID].is_unique and (_places(products, product_sizes) >= 0).all():
            now = _Catalogue(products, product_sizes, placed).ordered()
            # Full, it begins anew: most windows are about the goods of today.
            full = self._known is None or len(self._known.products) + len(products) > _MOST
            self._known = now if full or self._known is None else self._known.joined(now)
        return placed


def _places(products: pd.DataFrame, rows: pd.DataFrame) -> npt.NDArray[np.intp]:
    """The place of the product of each row; -1 where it is not among them."""
    places: npt.NDArray[np.intp] = pd.Index(products[_ID]).get_indexer(rows[_ID])
    return places


def _same(stored: pd.DataFrame, told: pd.DataFrame) -> bool:
    return stored.reset_index(drop=True).equals(told.reset_index(drop=True))
