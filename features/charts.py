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

from data_contracts.lazy import pd
from features.size_systems import Size, family_of, is_unsized, size_table
from features.size_systems.parsing import parse_size

__all__ = ["CHART_DIMENSIONS", "EstimatedCharts", "joined", "move_by_buyers", "table_size"]

Floats = npt.NDArray[np.float64]
Number = TypeVar("Number", float, Floats)

CHART_DIMENSIONS = ("chest_cm", "waist_cm", "hip_cm", "height_cm", "foot_length_cm")
_GIRTHS = ("chest_cm", "waist_cm", "hip_cm")
_GIRTH = [CHART_DIMENSIONS.index(each) for each in _GIRTHS]
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
        middles = pd.DataFrame(_middles(sizes), sizes.index, list(CHART_DIMENSIONS))
        for dimension in CHART_DIMENSIONS:
            off = (middles[dimension] - sizes[f"{dimension}_table"]).dropna()
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
        # Sizes by dimensions, all at once: live events bring a few products at a time.
        middle = _middles(sizes)
        table = sizes[[f"{d}_table" for d in CHART_DIMENSIONS]].to_numpy("float64")
        half = sizes[[f"{d}_half" for d in CHART_DIMENSIONS]].to_numpy("float64")
        product = pd.factorize(sizes["product_id"])[0]
        told: npt.NDArray[np.bool_] = np.isfinite(middle)
        rows = _product_sums(told, product)
        any_told = rows > 0
        children = sizes["audience"].isin(_CHILDREN).to_numpy()
        others = any_told.copy()
        others[:, _GIRTH] = any_told[:, _GIRTH].any(axis=1, keepdims=True)
        wanted = ~told & np.isfinite(table) & (any_told | ~others)
        wanted[:, _GIRTH] &= ~children[:, None] | any_told[:, _GIRTH]
        prior, usual = self._usual(sizes)
        total = _product_sums(np.where(told, middle - table, 0.0), product)
        centre = table + (total + _ROW_PRIOR * prior) / (rows + _ROW_PRIOR)
        spread = np.where(np.isnan(usual), 2 * half * _USUAL_SPREAD, usual)
        out = product_sizes.copy()
        for i, dimension in enumerate(CHART_DIMENSIONS):
            if (new := wanted[:, i]).any():
                out.loc[new, f"{dimension}_min"] = (centre - half)[new, i]
                out.loc[new, f"{dimension}_max"] = (centre + half)[new, i]
        # The first dimension that was estimated whole says how far the chart may be off.
        error = np.where(wanted & ~any_told, spread, np.nan)
        error = pd.DataFrame(error).bfill(axis=1)[0].to_numpy()
        known = (told | wanted).any(axis=1)
        # A chart with holes is the product's own, and its own rows fill them.
        cut_by = np.array([d != "height_cm" for d in CHART_DIMENSIONS]) | children[:, None]
        own = _product_sums(told & cut_by, product).any(axis=1)
        chart = pd.Series(np.where(own, "published", "estimated"), out.index, dtype=object)
        may_be_off = np.where(own | np.isnan(error), 0.0, error)
        return out.assign(
            chart=chart.where(known, None), chart_sd=np.where(known, may_be_off, np.nan)
        )

    def _usual(self, sizes: pd.DataFrame) -> tuple[Floats, Floats]:
        """By size and dimension: how far the shop's cut is off the table, and its spread (cm)."""
        kinds = sizes[["size_system", "audience", "brand"]].astype(object)
        kinds = kinds.where(kinds.notna(), None)
        code, each = pd.factorize(pd.MultiIndex.from_frame(kinds))
        shifts = np.zeros((len(each), len(CHART_DIMENSIONS)))
        spreads = np.full(shifts.shape, np.nan)
        for row, names in enumerate(each):
            system, audience, brand = (n if isinstance(n, str) else None for n in names)
            if audience is None:
                continue
            for i, dimension in enumerate(CHART_DIMENSIONS):
                spreads[row, i] = self.spread_.get(f"{audience}|{dimension}", np.nan)
                if system is not None:
                    found = self.shifts_.get(f"{system}|{audience}|{dimension}", (0.0, 0.0))
                    if brand is not None:
                        found = self.shifts_.get(f"{system}|{audience}|{dimension}|{brand}", found)
                    shifts[row, i] = found[0]
        return shifts[code], spreads[code]

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


def _middles(sizes: pd.DataFrame) -> Floats:
    """Middles of the published intervals, sizes by dimensions; one end stands for both."""
    low, high = (
        sizes[[f"{d}_{end}" for d in CHART_DIMENSIONS]].to_numpy("float64")
        for end in ("min", "max")
    )
    return (np.where(np.isnan(low), high, low) + np.where(np.isnan(high), low, high)) / 2


def _product_sums(values: npt.NDArray[Any], product: npt.NDArray[np.int64]) -> Floats:
    """Sums over the sizes of a product, at each of its sizes."""
    sums: Floats = (
        pd.DataFrame(values.astype("float64")).groupby(product).transform("sum").to_numpy()
    )
    return sums


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
