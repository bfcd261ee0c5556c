"""Products online: what the state keeps of a product and its sizes, for size advice."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from data_contracts.lazy import pd
from features.charts import CHART_DIMENSIONS, move_by_buyers
from features.positions import CHILDREN, PLACES, SizeScales, chart_group
from features.size_systems import family_of
from features.state import state_key

__all__ = ["OnlineProduct", "moved_by_buyers", "product_items", "product_key", "read_product"]

Floats = npt.NDArray[np.float64]

_ENDS = tuple(f"{dimension}_{end}" for dimension in CHART_DIMENSIONS for end in ("min", "max"))
_HEIGHT, _STEP = PLACES.index("height_mid"), PLACES.index("step")
_OF_SIZES = ("size_label", "scale", "chart")
_TEXTS = ("category", "brand", "audience", "size_system", "material")


@dataclass(frozen=True, slots=True)
class OnlineProduct:
    """A product as the state knows it; its sizes smallest first.

    Attributes
    ----------
    family
        Kind of garment; see :func:`features.size_systems.family_of`.
    bodies
        Per size, dimension to the interval of bodies (cm) it is cut for.
    chart
        ``published`` or ``estimated``; None where the bodies are not known.
    """

    product_id: str
    labels: tuple[str, ...]
    scales: tuple[str | None, ...]
    size_system: str | None
    category: str | None
    audience: str
    brand: str | None
    facts: Floats
    family: str | None = None
    bodies: tuple[Mapping[str, tuple[float, float]], ...] = ()
    chart: str | None = None
    material: str | None = None

    @property
    def sized(self) -> bool:
        """Whether there is a size to choose."""
        return any(scale is not None for scale in self.scales)

    @property
    def heights(self) -> tuple[float, float]:
        """Lowest and highest (cm) a child's product is made for, NaN where not told."""
        if self.audience not in CHILDREN:
            return math.nan, math.nan
        told = self.facts[:, _HEIGHT]
        told = told[np.isfinite(told)]
        if not len(told):
            return math.nan, math.nan
        return float(told.min()), float(told.max())


def moved_by_buyers(product: OnlineProduct, shift: float) -> OnlineProduct:
    """The product with its estimated chart moved by what its own buyers kept.

    Parameters
    ----------
    product
        A published chart stays as it is.
    shift
        Steps of the scale; see :func:`features.size_fit.kept_shift`.
    """
    if product.chart != "estimated" or not shift:
        return product
    steps = shift / product.facts[:, _STEP]
    bodies = tuple(
        {name: move_by_buyers(low, high, step) for name, (low, high) in body.items()}
        for body, step in zip(product.bodies, steps.tolist(), strict=True)
    )
    return replace(product, bodies=bodies)


def product_key(product_id: str) -> str:
    """Key of a product in the state."""
    return state_key("product_facts", product_id)


def product_items(
    scales: SizeScales,
    tables: Mapping[str, pd.DataFrame],
    placed: pd.DataFrame,
) -> Iterator[tuple[str, bytes]]:
    """Every product as key and value of the state store.

    Parameters
    ----------
    scales
        Fitted axes of sizes.
    tables
        Contract tables.
    placed
        Every size of every product; see :meth:`features.positions.SizeScales.place`.
    """
    products = tables["products"]
    known = products.set_index("product_id")[list(_TEXTS)]
    ordered = placed.assign(**_bodies(scales, tables, placed))
    ordered = ordered.sort_values(["product_id", "size_rank"], kind="stable")
    matrix = ordered[list(PLACES)].to_numpy(dtype="<f8")
    bodies = ordered[list(_ENDS)].to_numpy(dtype="float64").round(1)
    columns = {name: ordered[name].to_numpy(dtype=object) for name in _OF_SIZES}
    ids = ordered["product_id"].to_numpy(dtype=object)
    starts = np.flatnonzero(np.r_[np.ones(min(len(ids), 1), bool), ids[1:] != ids[:-1]])
    ends = np.append(starts[1:], len(ids))[: len(starts)]
    of_product = {ids[s]: slice(s, e) for s, e in zip(starts, ends, strict=True)}
    nothing = slice(0, 0)
    for product_id, row in zip(known.index, known.to_dict("records"), strict=True):
        rows = of_product.get(product_id, nothing)
        texts = {name: _text(value) for name, value in row.items()}
        charts = set(columns["chart"][rows].tolist())
        head = {
            "labels": columns["size_label"][rows].tolist(),
            "scales": [_text(scale) for scale in columns["scale"][rows]],
            "family": family_of(texts["category"], texts["audience"], texts["size_system"]),
            "chart": next((each for each in ("estimated", "published") if each in charts), None),
            "bodies": [_intervals(ends) for ends in bodies[rows]],
            **texts,
        }
        yield product_key(product_id), orjson.dumps(head) + b"\0" + matrix[rows].tobytes()


def _bodies(
    scales: SizeScales,
    tables: Mapping[str, pd.DataFrame],
    placed: pd.DataFrame,
) -> dict[str, Floats]:
    """Ends of the intervals each size is cut for, estimated ones moved as their group is."""
    filled = scales.charts_.fill(tables["products"], tables["product_sizes"])
    moved = pd.Series(0.0, index=placed.index)
    sizes = placed.merge(
        tables["products"][["product_id", "size_system", "brand"]], on="product_id", how="left"
    )
    for group in (chart_group(sizes), chart_group(sizes, brand=True)):
        moved = moved + group.map(scales.moves_).astype("float64").fillna(0.0).to_numpy()
    steps = (moved / placed["step"]).where(placed["chart"].eq("estimated").to_numpy(), 0.0)
    columns: dict[str, Floats] = {}
    for dimension in CHART_DIMENSIONS:
        low, high = (
            filled[f"{dimension}_{end}"].to_numpy(dtype="float64") for end in ("min", "max")
        )
        body = move_by_buyers(low, high, steps.to_numpy(dtype="float64"))
        columns[f"{dimension}_min"], columns[f"{dimension}_max"] = body
    return columns


def _intervals(ends: Floats) -> dict[str, tuple[float, float]]:
    pairs = zip(CHART_DIMENSIONS, ends[::2].tolist(), ends[1::2].tolist(), strict=True)
    return {name: (low, high) for name, low, high in pairs if math.isfinite(low + high)}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def read_product(product_id: str, stored: bytes) -> OnlineProduct:
    """The product of a value in the store."""
    head, _, matrix = stored.partition(b"\0")
    told = orjson.loads(head)
    return OnlineProduct(
        product_id=product_id,
        labels=tuple(told["labels"]),
        scales=tuple(told["scales"]),
        size_system=told["size_system"],
        category=told["category"],
        audience=told["audience"] or "any",
        brand=told["brand"],
        facts=np.frombuffer(matrix, "<f8").reshape(-1, len(PLACES)),
        family=told["family"],
        bodies=tuple(told["bodies"]),
        chart=told["chart"],
        material=told["material"],
    )
