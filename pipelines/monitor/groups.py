"""Groups that a model is watched in: by market, category, audience, and new or known customer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["ALL", "DIMENSIONS", "Groups", "groups_of"]

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

ALL = ("all", "all")
"""The group of everything."""
DIMENSIONS = ("market", "category", "audience", "customer")
_MOST = 40
_OTHERS = "others"


@dataclass(frozen=True)
class Groups:
    """Where each of some questions belongs.

    Parameters
    ----------
    of
        By dimension the group of each question, None where it is not told.
    customer
        Codes of who asked, from 0.
    """

    of: pd.DataFrame
    customer: Ints

    def __len__(self) -> int:
        """Number of questions."""
        return len(self.customer)

    def take(self, rows: Ints | Bools) -> Groups:
        """Those of some questions."""
        return Groups(self.of.iloc[_places(rows)].reset_index(drop=True), self.customer[rows])

    def each(self) -> Iterator[tuple[tuple[str, str], Bools]]:
        """Every group with its rows, all questions first; the largest groups of a dimension."""
        yield ALL, np.ones(len(self), dtype=bool)
        for dimension in self.of.columns:
            told = self.of[dimension]
            counts = told.value_counts()
            usual = sorted(counts.index[:_MOST])
            for name in usual:
                yield (dimension, str(name)), told.eq(name).fillna(False).to_numpy(dtype=bool)
            if len(counts) > _MOST:
                rest = told.notna() & ~told.isin(usual)
                yield (dimension, _OTHERS), rest.to_numpy(dtype=bool)


def groups_of(tables: Mapping[str, pd.DataFrame], lines: Iterable[str]) -> Groups:
    """Find the groups of order lines.

    Parameters
    ----------
    tables
        Contract tables; ``order_lines`` and ``products`` are needed.
    lines
        ``order_line_id`` of each question; a line may stand several times.
    """
    orders = tables["order_lines"]
    customers = orders["customer_id"]
    # Known is who has ordered before: the basket of a first order is of a new customer.
    first = orders.groupby(customers)["ordered_at"].transform("min")
    new = orders["ordered_at"].le(first).map({True: "new", False: "known"})
    goods = tables["products"].set_index("product_id").reindex(orders["product_id"])
    of = pd.DataFrame(
        {
            "market": orders["market"].to_numpy(dtype=object),
            "category": goods["category"].to_numpy(dtype=object),
            "audience": goods["audience"].to_numpy(dtype=object),
            "customer": new.to_numpy(dtype=object),
        }
    )
    place = pd.Series(np.arange(len(orders)), index=orders["order_line_id"])
    rows = place.reindex(list(lines)).to_numpy(dtype=np.int64)
    codes = pd.factorize(customers)[0].astype(np.int64)
    asked = of.iloc[rows].reset_index(drop=True)
    told = [name for name in DIMENSIONS if len(asked[name].dropna().unique()) > 1]
    return Groups(asked[told], codes[rows])


def _places(rows: Ints | Bools) -> Ints:
    return np.flatnonzero(rows) if rows.dtype == np.bool_ else rows.astype(np.int64)
