"""What `muslin features build` writes of each model, and what it asks the model's space for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from features import abuse, return_risk, size_fit
from features.abuse_space import AbuseSpace
from features.choices import CARRIED
from features.return_risk_space import Moment, ReturnRiskData, ReturnRiskSpace
from features.size_fit_space import SizeFitData, SizeFitSpace
from features.window import Window
from models.size_fit.parts import CANDIDATES

__all__ = ["CANDIDATES", "CHOSEN", "DELIVERED", "LINES", "VECTORS", "WAITING", "Draw", "Rows"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Draw = Callable[[SizeFitData], Ints]
"""Gives the places of the lines whose sizes are all asked for."""

LINES = "."
"""Folder of the vectors of order lines, or claims, in that of the model."""
DELIVERED = "delivered"
"""Folder of the vectors as of the delivery."""
WAITING = f"{CANDIDATES}/waiting"
"""Folder of all sizes of lines that are not settled: candidates of a later day."""
CHOSEN = "chosen."
"""Columns of what was found when a line was ordered, which its later events carry."""


@dataclass(frozen=True)
class Rows:
    """Vectors by the names of their columns, and what else is told of each."""

    X: Floats
    names: Sequence[str]
    columns: Mapping[str, Any]

    def where(self, rows: Bools) -> Rows:
        """The rows that are marked."""
        columns = {name: np.asarray(values)[rows] for name, values in self.columns.items()}
        return Rows(self.X[rows], self.names, columns)


@dataclass(frozen=True)
class ModelVectors:
    """Vectors of a model.

    Attributes
    ----------
    names
        Columns of the vector of a line, or claim.
    key
        Column that tells the lines, or claims, apart.
    space
        Makes an empty feature space.
    folders
        What is written beside the lines.
    sets
        How many sets of questions the last stage is asked; see :mod:`features.chunks`.
    told
        What else is told of a line, or claim, by column.
    ask
        Asks a space for the vectors of a chunk's tables through a window, by the folder each is
        written to. The last is asked for `Draw` by `size_fit` alone.
    """

    names: Sequence[str]
    key: str
    space: Callable[[], Any]
    folders: tuple[str, ...]
    sets: int
    told: Callable[[Any], Mapping[str, Any]]
    ask: Callable[[Any, Mapping[str, Any], Window, Draw], dict[str, Rows]]


def _told_of_size(data: SizeFitData) -> Mapping[str, Any]:
    return {
        "y": data.y,
        "at": data.at,
        "order_line_id": data.ids,
        "told": np.asarray(data.told, dtype=bool),
        "sized": np.asarray(data.sized, dtype=bool),
        **{f"{CHOSEN}{name}": data.facts[name].to_numpy(dtype="float64") for name in CARRIED},
    }


def _ask_size(
    space: SizeFitSpace, tables: Mapping[str, Any], window: Window, draw: Draw
) -> dict[str, Rows]:
    data = space.data(tables, window=window)
    found = {LINES: Rows(data.X, size_fit.VECTOR, _told_of_size(data))}
    drawn = draw(data)
    if len(drawn):
        sizes = data.candidates(drawn, window)
        told = {
            "order_line_id": data.ids[sizes.line],
            "label": sizes.label.astype(str).astype(object),
            "chosen": sizes.chosen,
        }
        rows, settled = Rows(sizes.X, size_fit.VECTOR, told), data.y[sizes.line] >= 0
        found |= {CANDIDATES: rows.where(settled), WAITING: rows.where(~settled)}
    return found


def _told_of_risk(data: ReturnRiskData) -> Mapping[str, Any]:
    keys = ("order_id", "product_id", "customer_id")
    return {
        "y": data.y,
        "at": data.at,
        "order_line_id": data.ids,
        "mature": np.asarray(data.mature, dtype=bool),
        **{key: data.facts[key].to_numpy(dtype=object) for key in keys},
    }


def _ask_risk(
    space: ReturnRiskSpace, tables: Mapping[str, Any], window: Window, draw: Draw
) -> dict[str, Rows]:
    del draw
    folders: dict[Moment, str] = {"checkout": LINES, "delivered": DELIVERED}
    found = space.moments(tables, tuple(folders), window=window)
    return {
        folders[moment]: Rows(data.X, return_risk.VECTORS[moment], _told_of_risk(data))
        for moment, data in found.items()
    }


def _told_of_abuse(data: Any) -> Mapping[str, Any]:
    return {
        "y": data.y,
        "at": data.at,
        "return_id": data.ids,
        "order_line_id": data.order_line_id,
        "group": data.groups,
    }


def _ask_abuse(
    space: AbuseSpace, tables: Mapping[str, Any], window: Window, draw: Draw
) -> dict[str, Rows]:
    del draw
    data = space.data(tables, window=window)
    return {LINES: Rows(data.X, abuse.VECTOR, _told_of_abuse(data))}


VECTORS = {
    "size_fit": ModelVectors(
        size_fit.VECTOR, "order_line_id", SizeFitSpace,
        (CANDIDATES, WAITING), 2, _told_of_size, _ask_size,
    ),
    "return_risk": ModelVectors(
        return_risk.VECTOR, "order_line_id", ReturnRiskSpace,
        (DELIVERED,), 2, _told_of_risk, _ask_risk,
    ),
    "abuse": ModelVectors(
        abuse.VECTOR, "return_id", AbuseSpace, (), 1, _told_of_abuse, _ask_abuse
    ),
}  # fmt: skip
