"""Charts for products that publish none: the size table of their system, moved to the shop's cut.

A shop that publishes no chart for a product still prints labels of some size system on it. The
system's table says which body the label usually means; by how much this shop, and this brand,
means another is learned from the products that do publish a chart. A product that publishes part
of one is moved by its own rows. Catalogue data alone is read here, so an estimated chart can leak
nothing of what was ordered; what buyers of the system and brand keep is learned apart
(:meth:`features.positions.SizeScales.learn_moves`), and of the product it is a history.

Every figure is a shrunken mean: the difference of the published middle from the table's, at the
product, within the brand, within the system, each weighed by how many stand behind it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.size_systems import Size, family_of, is_unsized, size_table
from features.size_systems.parsing import parse_size

__all__ = ["CHART_DIMENSIONS", "EstimatedCharts", "joined", "move_by_buyers", "table_size"]

Floats = npt.NDArray[np.float64]
Number = TypeVar("Number", float, Floats)

CHART_DIMENSIONS = ("chest_cm", "waist_cm", "hip_cm", "height_cm", "foot_length_cm")
_GIRTHS = ("chest_cm", "waist_cm", "hip_cm")
_CHILDREN = ("girls", "boys", "baby")
_BRAND_PRIOR, _SYSTEM_PRIOR, _ROW_PRIOR = 2.0, 1.0, 0.3
_USUAL_SPREAD = 0.5
"""Steps that a product's cut is off the table where no chart of the shop tells."""
_SURE_SYSTEM = "ALPHA"


@lru_cache(maxsize=65_536)
def table_size(
    label: str, system: str | None, audience: str | None, category: str | None
) -> Size | None:
    """The size a label names in its system's table.

    Parameters
    ----------
    label
        As the shop writes it.
    system
        Size system of the product; without one only letters are looked up.
    audience, category
        As on the product; a category no word tells the kind of is taken as a top, and what the
        body does not size (hats, gloves, belts) has no table.

    Returns
    -------
    Size or None
        None where there is no such table, or no such label in it.
    """
    if audience is None:
        return None
    family = family_of(category, audience, system)
    if family is None:
        if is_unsized(category):
            return None
        family = "top"
    name = system or _SURE_SYSTEM
    table = size_table(name, audience, family)
    if table is None or not table.leading:
        return None
    if (found := table.find(label)) is not None:
        return found
    best = parse_size(label, audience, family, system=name).best
    if best is None or best.system != name or not best.listed:
        return None
    if best.low and best.high:
        return table.span(best.low, best.high)
    return table.find(best.label)


@dataclass
class EstimatedCharts:
    """How a shop's published charts differ from the tables of their systems.

    Attributes
    ----------
    shifts_
        By ``system|audience|dimension`` and, more finely, ``...|brand``: mean difference (cm) and
        the number of products it rests on.
    spread_
        By ``audience|dimension``: standard deviation (cm) between products of one brand.
    """

    shifts_: dict[str, tuple[float, float]] = field(default_factory=dict)
    spread_: dict[str, float] = field(default_factory=dict)

    def fit(self, products: pd.DataFrame, product_sizes: pd.DataFrame) -> EstimatedCharts:
        """Learn from the products that publish a chart."""
        self.shifts_, self.spread_ = {}, {}
        sizes = _with_tables(products, product_sizes)
        for dimension in CHART_DIMENSIONS:
            off = (_middle(sizes, dimension) - sizes[f"{dimension}_table"]).dropna()
            if off.empty:
                continue
            keys = sizes.loc[off.index]
            by_product = (
                pd.DataFrame(
                    {
                        "system": joined(keys["size_system"], keys["audience"], dimension),
                        "brand": keys["brand"],
                        "of": joined(keys["audience"], dimension),
                        "off": off,
                    }
                )
                .groupby(keys["product_id"])
                .agg({"system": "first", "brand": "first", "of": "first", "off": "mean"})
            )
            for system, rows in by_product.groupby("system"):
                mean = float(rows["off"].sum() / (len(rows) + _SYSTEM_PRIOR))
                self.shifts_[str(system)] = (mean, float(len(rows)))
                for brand, own in rows.dropna(subset=["brand"]).groupby("brand"):
                    self.shifts_[f"{system}|{brand}"] = (
                        float((own["off"].sum() + _BRAND_PRIOR * mean) / (len(own) + _BRAND_PRIOR)),
                        float(len(own)),
                    )
            within = by_product["off"] - by_product.groupby(
                ["system", by_product["brand"].fillna("")]
            )["off"].transform("mean")
            for of, rest in within.groupby(by_product["of"]):
                self.spread_[str(of)] = float(np.sqrt((rest**2).sum() / max(len(rest) - 1, 1)))
        return self

    def fill(self, products: pd.DataFrame, product_sizes: pd.DataFrame) -> pd.DataFrame:
        """Complete the charts.

        Returns
        -------
        DataFrame
            `product_sizes` with intervals filled where the product publishes none, ``chart``
            (``published``, ``estimated`` or None) and ``chart_sd`` (cm, nil where published; NaN
            without a chart).

        Notes
        -----
        A dimension that the product publishes in some rows is filled in the others. Where it
        publishes none that its kind of garment is cut by, all that the table has are filled.
        """
        sizes = _with_tables(products, product_sizes)
        told = {d: _middle(sizes, d).notna() for d in CHART_DIMENSIONS}
        any_told = {d: told[d].groupby(sizes["product_id"]).transform("any") for d in told}
        children = sizes["audience"].isin(_CHILDREN)
        out = product_sizes.copy()
        error = pd.Series(np.nan, index=sizes.index)
        for dimension in CHART_DIMENSIONS:
            table, half = sizes[f"{dimension}_table"], sizes[f"{dimension}_half"]
            alike = _GIRTHS if dimension in _GIRTHS else (dimension,)
            others = np.logical_or.reduce([any_told[d] for d in alike])
            wanted = ~told[dimension] & table.notna() & (any_told[dimension] | ~others)
            if dimension in _GIRTHS:
                wanted &= ~children | any_told[dimension]
            if not wanted.any():
                continue
            shift, spread = self._shift(sizes, dimension, told[dimension], half)
            out.loc[wanted, f"{dimension}_min"] = (table + shift - half)[wanted].to_numpy()
            out.loc[wanted, f"{dimension}_max"] = (table + shift + half)[wanted].to_numpy()
            error = error.fillna(spread.where(wanted & ~any_told[dimension]))
        known = np.logical_or.reduce([_middle(out, d).notna() for d in CHART_DIMENSIONS])
        # A chart with holes is the product's own, and its own rows fill them.
        own = np.logical_or.reduce(
            [told[d] & (children if d == "height_cm" else True) for d in CHART_DIMENSIONS]
        )
        own = pd.Series(own, index=out.index).groupby(sizes["product_id"]).transform("any")
        chart = pd.Series("estimated", index=out.index, dtype=object).where(~own, "published")
        return out.assign(
            chart=chart.where(known, None), chart_sd=error.where(~own).fillna(0.0).where(known)
        )

    def _shift(
        self, sizes: pd.DataFrame, dimension: str, told: pd.Series, half: pd.Series
    ) -> tuple[pd.Series, pd.Series]:
        """How far each size is moved from its table (cm), and how far it may still be off."""
        key = joined(sizes["size_system"], sizes["audience"], dimension)
        system = key.map({k: v[0] for k, v in self.shifts_.items()}).astype("float64").fillna(0.0)
        of_brand = joined(key, sizes["brand"]).map({k: v[0] for k, v in self.shifts_.items()})
        prior = of_brand.astype("float64").fillna(system)
        off = (_middle(sizes, dimension) - sizes[f"{dimension}_table"]).where(told)
        total = off.groupby(sizes["product_id"]).transform("sum")
        rows = off.groupby(sizes["product_id"]).transform("count")
        usual = joined(sizes["audience"], dimension).map(self.spread_).astype("float64")
        spread = usual.fillna(2 * half * _USUAL_SPREAD)
        return (total + _ROW_PRIOR * prior) / (rows + _ROW_PRIOR), spread

    def to_json(self) -> dict[str, Any]:
        """The learned differences as plain values."""
        return {"shifts": {k: list(v) for k, v in self.shifts_.items()}, "spread": self.spread_}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> EstimatedCharts:
        """The inverse of :meth:`to_json`."""
        shifts = {k: (float(v[0]), float(v[1])) for k, v in stored["shifts"].items()}
        return cls(shifts, dict(stored["spread"]))


def move_by_buyers(low: Number, high: Number, steps: Number) -> tuple[Number, Number]:
    """Intervals of an estimated chart after what buyers kept.

    Parameters
    ----------
    low, high
        Ends of each size's interval (cm).
    steps
        By how many of its own sizes buyers keep the product above their natural size; the bodies
        that its labels suit are that much smaller.
    """
    taken = steps * (high - low)
    return low - taken, high - taken


def joined(first: pd.Series, *others: pd.Series | str) -> pd.Series:
    """Texts with a bar between them; None where one is missing.

    Columns of texts and columns of nothing but None have dtypes that do not add.
    """
    columns = [
        [other] * len(first) if isinstance(other, str) else other.astype(object)
        for other in (first, *others)
    ]
    keys = [
        "|".join(parts) if all(isinstance(part, str) for part in parts) else None
        for parts in zip(*columns, strict=True)
    ]
    return pd.Series(keys, index=first.index, dtype=object)


def _middle(sizes: pd.DataFrame, dimension: str) -> pd.Series:
    return sizes[[f"{dimension}_min", f"{dimension}_max"]].astype("float64").mean(axis=1)


def _with_tables(products: pd.DataFrame, product_sizes: pd.DataFrame) -> pd.DataFrame:
    """Sizes with what the table of their system says: middle and half width by dimension (cm)."""
    known = products[["product_id", "audience", "size_system", "category", "brand"]]
    sizes = product_sizes.merge(known, on="product_id", how="left")
    sizes.index = product_sizes.index
    texts = ["size_label", "size_system", "audience", "category"]
    for name in (*texts, "brand"):
        sizes[name] = sizes[name].astype(object).where(sizes[name].notna(), None)
    kinds = sizes[texts].drop_duplicates()
    figures: dict[str, list[float]] = {}
    for dimension in CHART_DIMENSIONS:
        figures[f"{dimension}_table"], figures[f"{dimension}_half"] = [], []
    for label, system, audience, category in kinds.itertuples(index=False):
        size = table_size(label, system, audience, category)
        for dimension in CHART_DIMENSIONS:
            low, high = size.body.get(dimension, (np.nan, np.nan)) if size else (np.nan, np.nan)
            figures[f"{dimension}_table"].append((low + high) / 2)
            figures[f"{dimension}_half"].append((high - low) / 2)
    found = kinds.assign(**figures)
    keys = pd.MultiIndex.from_frame(sizes[texts])
    at = pd.MultiIndex.from_frame(kinds).get_indexer(keys)
    looked_up = found[list(figures)].to_numpy(dtype="float64")[at]
    return sizes.assign(**dict(zip(figures, looked_up.T, strict=True)))
