"""The folder `size_fit` learns from where memory holds no matrix.

``<folder>/part-*.parquet`` holds lines by :data:`features.size_fit.VECTOR` as
:mod:`models.vectors_on_disk` says, and ``told`` (bool: somebody said how it fitted). Lines whose
``y`` is negative or whose ``sized`` (bool, if there is such a column) is false are left out.
``<folder>/candidates/part-*.parquet`` holds all sizes of some of the newest lines, on which the
size sets are set: the vector of each, ``order_line_id``, ``label`` (string) and ``chosen`` (bool:
the size that was ordered), the sizes of a line together, smallest first.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from data_contracts.lazy import pd
from features.size_fit import VECTOR
from models.size_fit.rows import SizeRows
from models.vectors_on_disk import NoPartsError, PartsError, VectorParts

__all__ = ["CANDIDATES", "SizeParts", "open_parts"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CANDIDATES = "candidates"
"""Folder of the candidate sizes, in that of the lines."""


@dataclass(frozen=True)
class StoredSizes:
    """Candidate sizes that were read back; a :class:`models.size_fit.rows.SizeRows`."""

    X: Floats
    line: Ints
    label: npt.NDArray[np.object_]
    chosen: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class SizeParts:
    """Lines to learn from.

    Attributes
    ----------
    rows
        Vectors, not read yet.
    y, told, at
        Outcome, whether somebody said so, and when it was ordered, of each.
    candidates
        All sizes of the newest lines; None where the folder has none.
    """

    rows: VectorParts
    y: Ints
    told: npt.NDArray[np.bool_]
    at: Ints
    candidates: SizeRows | None


def open_parts(folder: str | Path, before: int | None = None) -> SizeParts:
    """Read what is not a vector, and the candidates.

    Parameters
    ----------
    folder
        Path or URL.
    before
        Only lines before this moment, and no candidates.

    Raises
    ------
    PartsError
        A column is missing, or candidates are of lines that are not in the folder.
    """
    rows = VectorParts.open(folder, VECTOR, ("y", "told", "at", "order_line_id"))
    usable = rows.column("y") >= 0
    if rows.has("sized"):
        usable &= rows.column("sized").astype(bool)
    if before is not None:
        usable &= rows.column("at") < before
    if not usable.all():
        rows = rows.where(usable)
    return SizeParts(
        rows=rows,
        y=rows.column("y").astype(np.int64),
        told=rows.column("told").astype(bool),
        at=rows.column("at").astype(np.int64),
        candidates=None if before is not None else _candidates(f"{folder}/{CANDIDATES}", rows),
    )


def _candidates(folder: str, lines: VectorParts) -> StoredSizes | None:
    try:
        sizes = VectorParts.open(folder, VECTOR, ("order_line_id", "label", "chosen"))
    except NoPartsError:
        return None
    place = pd.Series(np.arange(len(lines)), index=lines.keys("order_line_id"))
    line = place.reindex(sizes.keys("order_line_id"))
    if line.isna().any():
        strange = sizes.texts("order_line_id")[line.isna().to_numpy()]
        raise PartsError(
            f"{folder} has sizes of {len(set(strange))} lines that are not among the lines to"
            f" learn from, such as {strange[0]}; build lines and candidates together"
        )
    return StoredSizes(
        X=sizes.matrix(),
        line=line.to_numpy(dtype=np.int64),
        label=sizes.texts("label"),
        chosen=sizes.column("chosen").astype(bool),
    )
