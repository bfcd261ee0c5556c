"""What of a size question hangs on the product alone: read once, and remembered."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from features.garments import part_of_scale, stretch_of
from features.positions import PLACES
from features.products_online import OnlineProduct, moved_by_buyers, read_product
from features.size_fit import FACTS, HISTORIES
from features.state import state_key

__all__ = ["OF_PRODUCT", "ProductReader", "ReadProduct", "Sizes"]

Floats = npt.NDArray[np.float64]
Codes = Mapping[str, Mapping[str, float]]

OF_PRODUCT: Final = ("product", "product_size", "brand", "category")
"""The histories that are of a product or its kind: the last of `HISTORIES`, in order."""
assert tuple(each.name for each in HISTORIES)[-len(OF_PRODUCT) :] == OF_PRODUCT

_F: Final = {name: i for i, name in enumerate(FACTS)}
_PLACES: Final = [_F[name] for name in PLACES]
_MOST: Final = 2_000  # products remembered, some 10 kB each


class Sizes(NamedTuple):
    """Some sizes of a product, smallest first, each with a scale.

    Attributes
    ----------
    labels
        What they are called.
    scales
        The scales that occur.
    scale_of
        Which of them each size stands on.
    facts
        Sizes by `FACTS`: what the product tells, NaN what hangs on who asks.
    keys
        Of each size, where the state has its histories `OF_PRODUCT`; None where there is none.
    """

    labels: tuple[str, ...]
    scales: tuple[str, ...]
    scale_of: tuple[int, ...]
    facts: Floats
    keys: tuple[tuple[str | None, ...], ...]


class ReadProduct:
    """A product of the state with what follows from it.

    Parameters
    ----------
    product
        As the state knows it.
    codes
        Of categories, by fact; see :class:`features.size_fit_space.SizeFitSpace`.
    """

    def __init__(self, product: OnlineProduct, codes: Codes) -> None:
        self.product = product
        self.heights = product.heights
        self._codes = codes
        self._parts: dict[str, str | None] = {}
        self._moved = (0.0, product)

    @cached_property
    def sizes(self) -> Sizes:
        """All sizes that have a scale; others cannot be compared."""
        scales = self.product.scales
        return self._sizes([row for row, scale in enumerate(scales) if scale is not None])

    def of(self, wanted: Sequence[str]) -> Sizes:
        """The sizes of these labels that have a scale; all where none is named."""
        if not wanted:
            return self.sizes
        product = self.product
        return self._sizes([
            row
            for row, label in enumerate(product.labels)
            if product.scales[row] is not None and label in wanted
        ])  # fmt: skip

    def _sizes(self, rows: Sequence[int]) -> Sizes:
        product, codes = self.product, self._codes
        facts = np.full((len(rows), len(FACTS)), math.nan)
        facts[:, _PLACES] = product.facts[rows]
        facts[:, _F["category"]] = codes["category"].get(product.category or "", math.nan)
        facts[:, _F["audience"]] = codes["audience"].get(product.audience, math.nan)
        facts[:, _F["stretch"]] = stretch_of(product.material)
        labels = tuple([product.labels[row] for row in rows])
        of_rows = [str(product.scales[row]) for row in rows]
        scales = tuple(dict.fromkeys(of_rows))
        own = state_key("product", product.product_id)
        brand = None if product.brand is None else state_key("brand", product.brand)
        category = None if product.category is None else state_key("category", product.category)
        keys = [
            (own, state_key("product_size", product.product_id, label), brand, category)
            for label in labels
        ]
        return Sizes(labels, scales, tuple(map(scales.index, of_rows)), facts, tuple(keys))

    def part_of(self, scale: str) -> str | None:
        """:func:`features.garments.part_of_scale` of a scale for this kind of garment."""
        if scale not in self._parts:
            product = self.product
            self._parts[scale] = part_of_scale(
                scale, product.category, product.audience, product.size_system
            )
        return self._parts[scale]

    def moved(self, shift: float) -> OnlineProduct:
        """:func:`features.products_online.moved_by_buyers`; the same object for the same shift."""
        if self._moved[0] != shift:
            self._moved = shift, moved_by_buyers(self.product, shift)
        return self._moved[1]


class ProductReader:
    """Reads products, and remembers those read last while the state says the same of them.

    Parameters
    ----------
    codes
        Of categories, by fact.
    """

    def __init__(self, codes: Codes) -> None:
        def read(product_id: str, stored: bytes) -> ReadProduct:
            return ReadProduct(read_product(product_id, stored), codes)

        self._read = lru_cache(_MOST)(read)

    def read(self, product_id: str, stored: bytes | None) -> ReadProduct | None:
        """The product of a value in the store; None where there is none."""
        return None if stored is None else self._read(product_id, stored)
