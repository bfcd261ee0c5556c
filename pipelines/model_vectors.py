"""What `muslin features build` writes of each model, and what it asks the model's space for it.

What no history tells of the lines of a chunk (sizes, bodies, charts) is most of the work. It is
looked up once (`ModelVectors.look`) and kept on disk for all stages (:class:`LookedUp`).
"""

from __future__ import annotations

import pickle  # of files of this process alone, in its own folder
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from features import abuse, return_risk, size_fit
from features.abuse_space import AbuseSpace
from features.choices import CARRIED
from features.return_risk_space import Moment, ReturnRiskData, ReturnRiskSpace
from features.size_fit_space import SizeFitData, SizeFitSpace
from features.window import Window
from models.size_fit.parts import CANDIDATES
from pipelines.shop_chunks import ShopChunks

__all__ = [
    "CANDIDATES",
    "CHOSEN",
    "DELIVERED",
    "LINES",
    "VECTORS",
    "WAITING",
    "Draw",
    "LookedUp",
    "Rows",
    "no_line",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Draw = Callable[[SizeFitData], Ints]
"""Gives the places of the lines whose sizes are all asked for."""
Tables = Mapping[str, pd.DataFrame]

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
    look
        What no history tells of a chunk's lines, by a space, and the tables that are still needed.
    ask
        Asks a space for the vectors of what was looked up through a window, by the folder each is
        written to. `Draw` is for `size_fit` alone.
    """

    names: Sequence[str]
    key: str
    space: Callable[[], Any]
    folders: tuple[str, ...]
    sets: int
    look: Callable[[Any, Tables], Any]
    ask: Callable[[Any, Any, Window, Draw], dict[str, Rows]]


class LookedUp:
    """What was looked up of every chunk, on disk.

    Parameters
    ----------
    vectors, space, chunks
        Whose, by what, of what.
    folder
        Of this process alone; made when missing.
    """

    def __init__(self, vectors: ModelVectors, space: Any, chunks: ShopChunks, folder: Path) -> None:
        self._vectors, self._space, self._chunks = vectors, space, chunks
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def __len__(self) -> int:
        return len(self._chunks)

    def ask(self, chunk: int, window: Window, draw: Draw) -> dict[str, Rows]:
        """Vectors of a chunk, by the folder they are written to."""
        path = self._folder / f"{chunk:06d}.pickle"
        if path.exists():
            with path.open("rb") as file:
                found = pickle.load(file)  # noqa: S301 # see the import
        else:
            found = self._vectors.look(self._space, self._chunks.tables(chunk))
            with path.open("wb") as file:
                pickle.dump(found, file, protocol=pickle.HIGHEST_PROTOCOL)
        return self._vectors.ask(self._space, found, window, draw)


def no_line(data: SizeFitData) -> Ints:
    """A `Draw` of nothing."""
    del data
    return np.zeros(0, dtype=np.int64)


def _those(tables: Tables, *names: str) -> Tables:
    return {name: tables[name] for name in names if name in tables}


def _look_up_sizes(space: SizeFitSpace, tables: Tables) -> Any:
    return space.plain(tables), _those(tables, "fit_feedback", "returns")


def _told_of_size(data: SizeFitData) -> Mapping[str, Any]:
    return {
        "y": data.y,
        "at": data.at,
        "order_line_id": data.ids,
        "told": np.asarray(data.told, dtype=bool),
        "sized": np.asarray(data.sized, dtype=bool),
        **{f"{CHOSEN}{name}": data.facts[name].to_numpy(dtype="float64") for name in CARRIED},
    }


def _ask_size(space: SizeFitSpace, looked_up: Any, window: Window, draw: Draw) -> dict[str, Rows]:
    plain, tables = looked_up
    data = space.data(tables, window=window, plain=plain)
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


def _look_up_risks(space: ReturnRiskSpace, tables: Tables) -> Any:
    return space.facts(tables), _those(tables, "returns")


def _ask_risk(
    space: ReturnRiskSpace, looked_up: Any, window: Window, draw: Draw
) -> dict[str, Rows]:
    del draw
    facts, tables = looked_up
    folders: dict[Moment, str] = {"checkout": LINES, "delivered": DELIVERED}
    found = space.moments(tables, tuple(folders), window=window, facts=facts)
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


def _look_up_claims(space: AbuseSpace, tables: Tables) -> Any:
    del space
    return tables


def _ask_abuse(space: AbuseSpace, tables: Tables, window: Window, draw: Draw) -> dict[str, Rows]:
    del draw
    data = space.data(tables, window=window)
    return {LINES: Rows(data.X, abuse.VECTOR, _told_of_abuse(data))}


VECTORS = {
    "size_fit": ModelVectors(
        size_fit.VECTOR, "order_line_id", SizeFitSpace,
        (CANDIDATES, WAITING), 2, _look_up_sizes, _ask_size,
    ),
    "return_risk": ModelVectors(
        return_risk.VECTOR, "order_line_id", ReturnRiskSpace,
        (DELIVERED,), 2, _look_up_risks, _ask_risk,
    ),
    "abuse": ModelVectors(
        abuse.VECTOR, "return_id", AbuseSpace, (), 1, _look_up_claims, _ask_abuse
    ),
}  # fmt: skip
