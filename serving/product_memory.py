"""What is remembered of products, for when the online state cannot be read."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Final

from features.goods_online import goods_key
from features.products_online import product_key

__all__ = ["MOST_REMEMBERED_BYTES", "PRODUCTS", "ProductMemory"]

MOST_REMEMBERED_BYTES: Final = 20_000_000
"""Of products, in each worker; some 15,000 of them."""
PRODUCTS: Final = (product_key(""), goods_key(""))
"""What the keys of products begin with."""
_ENTRY_BYTES: Final = 150  # what a dictionary and the objects take beside key and value


class ProductMemory:
    """The records of products that were looked up last, as they stand in the state.

    Parameters
    ----------
    most_bytes
        The products that were not asked about for longest go first.
    """

    def __init__(self, most_bytes: int = MOST_REMEMBERED_BYTES) -> None:
        self._most = most_bytes
        self._records: OrderedDict[str, bytes] = OrderedDict()
        self.size = 0

    def __len__(self) -> int:
        return len(self._records)

    def remember(self, found: Mapping[str, bytes]) -> None:
        """Take over what is of products."""
        records = self._records
        for key, value in found.items():
            if not key.startswith(PRODUCTS):
                continue
            known = records.get(key)
            if known is None:
                self.size += len(key) + len(value) + _ENTRY_BYTES
                records[key] = value
            else:
                if known != value:
                    self.size += len(value) - len(known)
                    records[key] = value
                records.move_to_end(key)
        while self.size > self._most:
            key, value = records.popitem(last=False)
            self.size -= len(key) + len(value) + _ENTRY_BYTES

    def find(self, keys: Sequence[str]) -> dict[str, bytes]:
        """Those that are known."""
        records = self._records
        return {key: records[key] for key in keys if key in records}
