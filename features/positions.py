"""Where each size of a product stands on an axis that products share.

A shopper's history with one product says something of another only if their sizes stand on one
axis, a *scale*. Where the shop publishes the bodies its sizes are cut for, or the size system tells
them (:mod:`features.charts`), the scale is the body: foot length for shoes, height for clothes sold
by height, the girths for the rest, per audience. Elsewhere it is the label itself, per audience and
kind of label. Positions count in the scale's
usual size steps, so that one step means one size up whatever the system.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from data_contracts.lazy import pd
from features.charts import EstimatedCharts, joined
from features.sizes import parse_label, rank_labels

__all__ = [
    "AGED",
    "CHILDREN",
    "GIRTHS",
    "MIDDLES",
    "PLACED",
    "PLACES",
    "SizeScales",
    "is_child_scale",
]

GIRTHS = ("chest_cm", "waist_cm", "hip_cm")
MIDDLES = ("chest_mid", "waist_mid", "hip_mid", "height_mid", "foot_mid")
PLACES = ("position", "step", "chart_sd", "size_rank", "sizes", *MIDDLES)
"""The figures of a place."""
PLACED = ["product_id", "size_label", "scale", "chart", *PLACES]
CHILDREN = ("girls", "boys", "baby")
_SYSTEM_LINES, _BRAND_LINES = 20.0, 20.0  # lines that the assumption of no move weighs as much as
_ROUNDS = 5
AGED = "@age"
"""Ends the name of a scale whose positions count from the age's own size."""


def is_child_scale(scale: object) -> float:
    """1.0 for the scales of those who still grow, 0.0 for others."""
    return float(isinstance(scale, str) and scale.startswith("children|"))


@dataclass
class SizeScales:
    """The axes of sizes, learned from a catalogue and then kept, so that they never drift.

    Attributes
    ----------
    girths_
        Mean and standard deviation (cm) of the published girths, by audience and dimension.
    steps_
        The usual distance between neighbouring sizes, by scale, in the axis' own unit.
    charts_
        What is put in place of charts that the shop does not publish.
    moves_
        By scale and group of products (see :func:`chart_group`): steps that shoppers keep them
        above the size their estimated chart says; see :meth:`learn_moves`.
    """

    girths_: dict[str, tuple[float, float]] = field(default_factory=dict)
    steps_: dict[str, float] = field(default_factory=dict)
    charts_: EstimatedCharts = field(default_factory=EstimatedCharts)
    moves_: dict[str, float] = field(default_factory=dict)

    def fit(self, products: pd.DataFrame, product_sizes: pd.DataFrame) -> SizeScales:
        """Learn the axes from the contract tables of a catalogue."""
        self.charts_ = EstimatedCharts().fit(products, product_sizes)
        self.moves_ = {}
        sizes = _joined(products, self.charts_.fill(products, product_sizes))
        self.girths_ = {}
        for dimension in GIRTHS:
            middle = sizes[_middle(dimension)]
            for audience, values in middle.groupby(sizes["audience"]):
                if values.notna().sum() > 1 and values.std() > 0:
                    self.girths_[f"{audience}|{dimension}"] = (values.mean(), values.std())
        placed = self._axes(sizes)
        self.steps_ = _usual_steps(placed)
        return self

    def place(self, products: pd.DataFrame, product_sizes: pd.DataFrame) -> pd.DataFrame:
        """Place every size of every product.

        Parameters
        ----------
        products, product_sizes
            Contract tables; see :mod:`data_contracts.tables`.

        Returns
        -------
        DataFrame
            One row per product and size: ``product_id``, ``size_label``, ``size_rank`` (0 for the
            smallest), ``scale`` (None for goods of one size), ``position`` (in steps of the
            scale), ``step`` (the product's own distance between neighbouring sizes, in steps of the
            scale: letters are wider apart than numbers), ``sizes`` (how many the product has),
            ``chest_mid`` ... ``foot_mid`` (cm, the body the size is cut for), ``chart``
            (``published``, ``estimated``, None), ``chart_sd`` (how far the estimate may be off, in
            steps of the scale).
        """
        sizes = self._axes(_joined(products, self.charts_.fill(products, product_sizes)))
        sizes["position"] /= sizes["scale"].map(self.steps_).astype("float64").fillna(1.0)
        for group in (chart_group(sizes), chart_group(sizes, brand=True)):
            sizes["position"] -= group.map(self.moves_).astype("float64").fillna(0.0)
        sizes["step"] = _own_steps(sizes)
        sizes["chart_sd"] = self._chart_sd(sizes)
        on_body = sizes["scale"].astype(object).map(_is_body_scale).astype(bool)
        sizes["chart"] = sizes["chart"].astype(object).where(on_body, None)
        sizes["sizes"] = sizes.groupby("product_id")["size_label"].transform("size")
        return sizes[PLACED]

    def _axes(self, sizes: pd.DataFrame) -> pd.DataFrame:
        audience = sizes["audience"]
        adult = audience.where(~audience.isin(CHILDREN), "children")
        girth = self._girth(sizes)
        height_sold = audience.isin(CHILDREN) & sizes["height_mid"].notna()
        scale, place = _by_label(sizes, adult)
        # The later rule wins: a foot length is the shoe, a child's height is the garment.
        for known, name, axis in (
            (girth.notna(), adult + "|girth", girth),
            (height_sold, "children|height", sizes["height_mid"]),
            (sizes["foot_mid"].notna(), adult + "|foot", sizes["foot_mid"]),
        ):
            usable = _rises_with_rank(sizes, axis, known)
            scale = scale.where(~usable, name)
            place = place.where(~usable, axis)
        single = sizes["size_label"].map(
            {label: _is_single(label) for label in sizes["size_label"].unique()}
        )
        scale = scale.astype(object).where(~single.astype(bool), None)
        return sizes.assign(scale=scale, position=place)

    def learn_moves(self, facts: pd.DataFrame, residual: pd.Series) -> None:
        """Learn from the sizes that shoppers keep how estimated charts of a group are off.

        Parameters
        ----------
        facts
            Lines with ``scale``, ``chart``, ``size_system``, ``brand`` and ``person``.
        residual
            Position of the size less the one the body points to (steps), by line; NaN where the
            line was not kept, or must not be looked at.

        Notes
        -----
        A shopper who knows the own size takes it by another label in each system. The residual is
        split into the person's own and the group's share by backfitting (Breiman and Friedman
        1985), both shrunk; products with a published chart stay where they are and hold the rest.
        """
        known = residual.notna()
        rest, person = residual[known], facts.loc[known, "person"]
        moves: dict[str, float] = {}
        for brand, prior in ((False, _SYSTEM_LINES), (True, _BRAND_LINES)):
            group = chart_group(facts[known], brand=brand)
            if group.isna().all():  # no estimated chart, or no brand on record
                continue
            effect = pd.Series(0.0, index=rest.index)
            for _ in range(_ROUNDS):
                open_ = (rest - effect).groupby(person)
                own = open_.transform("sum") / (open_.transform("count") + 1.0)
                sums = (rest - own).groupby(group).agg(["sum", "count"])
                found = sums["sum"] / (sums["count"] + prior)
                effect = group.map(found).astype("float64").fillna(0.0)
            moves.update({str(name): float(value) for name, value in found.items()})
            rest = rest - effect
        self.moves_ = moves

    def _chart_sd(self, sizes: pd.DataFrame) -> pd.Series:
        """Error of estimated charts, in steps of the scale."""
        error = sizes["chart_sd"].astype("float64").fillna(0.0)
        unit = sizes["scale"].map(self.steps_).astype("float64").fillna(1.0)
        girth = sizes["scale"].astype(object).map(lambda s: isinstance(s, str) and "girth" in s)
        spread = [
            sizes["audience"].map(
                {a: v[1] for k, v in self.girths_.items() for a, d in [k.split("|")] if d == name}
            )
            for name in GIRTHS
        ]
        wide = pd.concat(spread, axis=1).astype("float64").mean(axis=1)
        on_body = sizes["scale"].astype(object).map(_is_body_scale).astype(bool)
        return (error / unit / wide.where(girth.astype(bool), 1.0).fillna(1.0)).where(on_body, 0.0)

    def _girth(self, sizes: pd.DataFrame) -> pd.Series:
        """Mean standardised girth of the body a size is cut for, over the girths published."""
        scores = []
        for dimension in GIRTHS:
            key = sizes["audience"] + "|" + dimension
            mean = key.map({k: v[0] for k, v in self.girths_.items()}).astype("float64")
            spread = key.map({k: v[1] for k, v in self.girths_.items()}).astype("float64")
            scores.append((sizes[_middle(dimension)] - mean) / spread)
        return pd.concat(scores, axis=1).mean(axis=1)

    def to_json(self) -> dict[str, Any]:
        """The learned axes as plain values."""
        return {
            "girths": {k: list(v) for k, v in self.girths_.items()},
            "steps": self.steps_,
            "charts": self.charts_.to_json(),
            "moves": self.moves_,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> SizeScales:
        """The inverse of :meth:`to_json`."""
        return cls(
            {k: (v[0], v[1]) for k, v in stored["girths"].items()},
            dict(stored["steps"]),
            EstimatedCharts.from_json(stored["charts"]),
            dict(stored["moves"]),
        )


def chart_group(sizes: pd.DataFrame, *, brand: bool = False) -> pd.Series:
    """The group whose estimated charts are off alike: system, or system and brand, on a scale.

    None for products with a published chart, or without one.
    """
    scale = (
        sizes["scale"]
        .astype(object)
        .map(lambda name: name.removesuffix(AGED) if isinstance(name, str) else None)
    )
    name = joined(scale, sizes["size_system"])
    if brand:
        name = joined(name, sizes["brand"])
    return name.where(sizes["chart"].eq("estimated"), None)


def _joined(products: pd.DataFrame, product_sizes: pd.DataFrame) -> pd.DataFrame:
    sizes = product_sizes.merge(
        products[["product_id", "audience", "size_system", "brand"]], on="product_id", how="left"
    )
    sizes["audience"] = sizes["audience"].astype(object).fillna("any").astype(str)
    sizes["size_rank"] = _ranks(sizes)
    for dimension in ("chest_cm", "waist_cm", "hip_cm", "height_cm", "foot_length_cm"):
        middle = sizes[[f"{dimension}_min", f"{dimension}_max"]].astype("float64").mean(axis=1)
        sizes[_middle(dimension)] = middle
    return sizes


def _middle(dimension: str) -> str:
    return "foot_mid" if dimension == "foot_length_cm" else dimension.replace("_cm", "_mid")


def _ranks(sizes: pd.DataFrame) -> pd.Series:
    """The shop's own rank where it gives one for every size of the product, else natural order."""
    told = sizes["size_rank"].astype("float64")
    natural = pd.Series(np.nan, index=sizes.index)
    complete = told.notna().groupby(sizes["product_id"]).transform("all")
    for _, labels in sizes.loc[~complete, "size_label"].groupby(sizes["product_id"]):
        natural.loc[labels.index] = np.array(rank_labels(labels.tolist()))
    ranks = told.where(complete, natural)
    return ranks.groupby(sizes["product_id"]).rank(method="dense") - 1


def _is_single(label: str) -> bool:
    """Whether a label says that there is one size only."""
    read = parse_label(label)
    return read is not None and read.kind == "one"


def _by_label(sizes: pd.DataFrame, adult: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Scale and place from the label alone; what no rule reads stands at its rank."""
    parsed = {label: parse_label(label) for label in sizes["size_label"].unique()}
    kinds = {label: read.kind if read else "rank" for label, read in parsed.items()}
    places = {label: read.place if read else np.nan for label, read in parsed.items()}
    kind = sizes["size_label"].map(kinds)
    place = sizes["size_label"].map(places).astype("float64").fillna(sizes["size_rank"])
    system = sizes["size_system"].astype(object).where(sizes["size_system"].notna(), "any")
    scale = (adult + "|" + system.astype(str) + ":" + kind).astype(object)
    return scale, place


def _rises_with_rank(sizes: pd.DataFrame, axis: pd.Series, known: pd.Series) -> pd.Series:
    """Which rows may use an axis: known for the whole product and growing with the size."""
    frame = pd.DataFrame(
        {"p": sizes["product_id"], "rank": sizes["size_rank"], "x": axis, "known": known}
    ).sort_values(["p", "rank"], kind="stable")
    step = frame.groupby("p")["x"].diff()
    grew = frame.groupby("p")["rank"].diff().gt(0)
    frame["fine"] = frame["known"] & ~(grew & ~step.gt(0))
    return frame["fine"].groupby(frame["p"]).transform("all").reindex(sizes.index)


def _is_body_scale(scale: object) -> bool:
    """Whether a scale counts in centimetres of the body, not in labels."""
    return isinstance(scale, str) and scale.endswith(("|girth", "|height", "|foot"))


def _own_steps(sizes: pd.DataFrame) -> pd.Series:
    """Median distance between neighbouring sizes of the product; 1 where there is none."""
    ordered = sizes.sort_values(["product_id", "position"], kind="stable")
    gap = ordered.groupby("product_id")["position"].diff()
    own = gap.where(gap.gt(0)).groupby(ordered["product_id"]).median()
    return sizes["product_id"].map(own).astype("float64").fillna(1.0)


def _usual_steps(sizes: pd.DataFrame) -> dict[str, float]:
    """Median distance between neighbouring sizes of a product, per scale."""
    ordered = sizes.sort_values(["product_id", "position"], kind="stable")
    step = ordered.groupby("product_id")["position"].diff()
    usual = step.where(step.gt(0)).groupby(ordered["scale"].dropna()).median().dropna()
    return {str(scale): float(value) for scale, value in usual.items()}
