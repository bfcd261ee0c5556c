"""How the size labels of a shop are read: by product, with what the product tells beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from data_contracts.errors import BadInputError
from features.size_systems import SizeReading, family_of, parse_size

__all__ = ["LabelShares", "read_labels", "shares_of"]

READ = ["product_id", "size_label", "lines", "read", "listed", "sure", "system", "label"]


@dataclass(frozen=True, slots=True)
class LabelShares:
    """How much of what a shop sells has a size that is read.

    Parameters
    ----------
    lines
        Order lines with a size label; sizes of the catalogue where there are no order lines.
    labels
        Different spellings.
    read, listed, sure
        Share of the lines whose label is read; is a size of a table; and means one body with a
        likelihood of 0.9 or more.
    unread
        Lines by spelling that is not read, the most frequent first.
    own
        Lines by spelling that is read as a number no size table has.
    """

    lines: int
    labels: int
    read: float
    listed: float
    sure: float
    unread: Mapping[str, int]
    own: Mapping[str, int]


def read_labels(tables: Mapping[str, pd.DataFrame], market: str | None = None) -> pd.DataFrame:
    """Read every size label of every product.

    Parameters
    ----------
    tables
        Contract tables: ``products``, and ``product_sizes`` or ``order_lines``.
    market
        Where the shop sells. Where None, the one market of its order lines or else of its
        customers; not known where they are of several.

    Returns
    -------
    DataFrame
        One row per product and label: how many order ``lines`` it has, whether it is ``read``,
        ``listed`` in a size table and ``sure``, and the likeliest ``system`` and canonical
        ``label``.

    Raises
    ------
    BadInputError
        There are no size labels at all.
    """
    sizes = _labels(tables)
    if sizes.empty:
        raise BadInputError(
            "no size labels: the tables need product_sizes or order_lines with size_label"
        )
    products = tables.get("products", pd.DataFrame(columns=["product_id"]))
    known: dict[str, Mapping[str, object]] = {
        str(row["product_id"]): {str(name): value for name, value in row.items()}
        for row in products.to_dict("records")
    }
    market = market or _market(tables)
    rows: list[tuple[object, ...]] = []
    for product, group in sizes.groupby("product_id", sort=True):
        about = known.get(str(product), {})
        labels = group["size_label"].tolist()
        for label, lines in zip(labels, group["lines"], strict=True):
            rows.append((product, label, lines, *_said(_read(label, about, market, labels))))
    return pd.DataFrame(rows, columns=READ)


def _labels(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The labels of each product, and how many order lines have them."""
    key = ["product_id", "size_label"]
    parts = []
    if "product_sizes" in tables:
        parts.append(tables["product_sizes"][key].assign(lines=0))
    if "order_lines" in tables and "size_label" in tables["order_lines"]:
        parts.append(tables["order_lines"][key].assign(lines=1))
    if not parts:
        return pd.DataFrame(columns=[*key, "lines"])
    every = pd.concat(parts).dropna(subset=key)
    return every.groupby(key, sort=True)["lines"].sum().reset_index()


def _market(tables: Mapping[str, pd.DataFrame]) -> str | None:
    for name in ("order_lines", "customers"):
        if name in tables and "market" in tables[name]:
            common = tables[name]["market"].dropna().value_counts()
            if len(common) == 1:
                return str(common.index[0])
    return None


def _read(
    label: str, about: Mapping[str, object], market: str | None, siblings: list[str]
) -> SizeReading:
    audience, category, system = (
        str(about[name]) if name in about and not pd.isna(about[name]) else None  # type: ignore[call-overload]
        for name in ("audience", "category", "size_system")
    )
    family = family_of(category, audience, system)
    return parse_size(label, audience, family, market, system=system, siblings=siblings)


def _said(reading: SizeReading) -> tuple[object, ...]:
    best = reading.best
    if best is None:
        return (False, False, False, None, None)
    return (True, best.listed, best.listed and not reading.ambiguous, best.system, best.label)


def shares_of(labels: pd.DataFrame) -> LabelShares:
    """Sum up `read_labels`, weighted by order lines where there are any.

    Parameters
    ----------
    labels
        As `read_labels` returns it.
    """
    weight = labels["lines"] if labels["lines"].sum() else labels["lines"] + 1
    total = int(weight.sum())
    read, listed = labels["read"].astype(bool), labels["listed"].astype(bool)

    def share(which: pd.Series[bool]) -> float:
        return float(weight[which].sum()) / total

    def counted(which: pd.Series[bool]) -> dict[str, int]:
        sums = weight[which].groupby(labels.loc[which, "size_label"]).sum()
        return {str(k): int(v) for k, v in sums.sort_values(ascending=False).items()}

    return LabelShares(
        lines=total,
        labels=int(labels["size_label"].nunique()),
        read=share(read),
        listed=share(listed),
        sure=share(labels["sure"].astype(bool)),
        unread=counted(~read),
        own=counted(read & ~listed),
    )
