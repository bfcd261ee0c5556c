"""Vectors that memory need not hold: a folder of Parquet parts.

Layout: ``<folder>/part-*.parquet``, read in the order of their names. A part has a float64 column
for each of the model's vector under its name, ``y`` (int64), ``at`` (int64, microseconds) and
``order_line_id`` (string); further columns are allowed, and models say which they need. The folder
is a path or a URL that Arrow can open (``s3://``, ``gs://``, ``abfs://``).

LightGBM reads such a folder as a `lightgbm.Sequence`: once for the sample its bins are made of,
once to bin every row. The sample and its order are those it would draw of a matrix, so the boosters
are the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from data_contracts.lazy import fs, pa, pd, pq
from models.vectors import View

__all__ = ["NoPartsError", "PartsError", "VectorParts", "opened", "write_part"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_PART = re.compile(r"part-.*\.parquet")
_BLOCK_BYTES = 1 << 22
_READ_BUFFER = 1 << 20
_ROW_GROUP = 1 << 16


class PartsError(ValueError):
    """The folder holds no vectors that the model could learn from."""


class NoPartsError(PartsError):
    """There is no part in the folder, or no folder."""


@dataclass(frozen=True)
class VectorParts:
    """Rows of a folder of parts; a :class:`models.vectors.Vectors`.

    Attributes
    ----------
    folder
        Path or URL.
    names
        The columns that make the vector, in order.
    files
        Each part's name and number of rows.
    chosen
        Which rows of the files count, shape (all rows,); all of them where None.
    """

    folder: str
    names: tuple[str, ...]
    files: tuple[tuple[str, int], ...]
    chosen: Bools | None = None

    @classmethod
    def open(
        cls, folder: str | Path, names: Sequence[str], also: Sequence[str] = ()
    ) -> VectorParts:
        """Look at a folder; nothing is read but the ends of its files.

        Parameters
        ----------
        folder
            Path or URL.
        names
            Columns of the vector.
        also
            Other columns that each part must have.

        Raises
        ------
        PartsError
            There is no part, no row, or a part lacks a column.
        """
        system, root = opened(str(folder))
        found = system.get_file_info(fs.FileSelector(root, allow_not_found=True))
        parts = sorted(info.base_name for info in found if _PART.fullmatch(info.base_name))
        if not parts:
            raise NoPartsError(f"{folder} holds no part-*.parquet; write the vectors there first")
        files = []
        for name in parts:
            with pq.ParquetFile(f"{root}/{name}", filesystem=system) as part:
                here = set(part.schema_arrow.names)
                rows = part.metadata.num_rows
            lacking = [column for column in (*names, *also) if column not in here]
            if lacking:
                more = "" if len(lacking) < 6 else f" and {len(lacking) - 5} more"
                raise PartsError(
                    f"{folder}/{name} lacks the columns {', '.join(lacking[:5])}{more};"
                    " build the vectors again with this version"
                )
            if rows:
                files.append((name, rows))
        if not files:
            raise PartsError(f"the {len(parts)} parts in {folder} hold no row")
        return cls(str(folder), tuple(names), tuple(files))

    def __len__(self) -> int:
        """Number of rows."""
        return self._all if self.chosen is None else int(self.chosen.sum())

    @property
    def width(self) -> int:
        """Number of columns."""
        return len(self.names)

    def of(self, columns: Sequence[int]) -> VectorParts:
        """These columns of all rows; no other is read."""
        return replace(self, names=tuple(self.names[i] for i in columns))

    def where(self, rows: Bools) -> VectorParts:
        """All columns of the rows that are marked."""
        if self.chosen is None:
            return replace(self, chosen=np.asarray(rows, dtype=bool).copy())
        chosen = self.chosen.copy()
        chosen[chosen] = rows
        return replace(self, chosen=chosen)

    def take(self, rows: Ints) -> Floats:
        """The rows at these places, in the order given; as many as memory holds."""
        wanted = np.zeros(len(self), dtype=bool)
        wanted[rows] = True
        places = np.cumsum(wanted) - 1
        taken: Floats = self.where(wanted).matrix()[places[rows]]
        return taken

    def matrix(self) -> Floats:
        """All of it, for a few columns or a few rows."""
        out = np.empty((len(self), self.width))
        first = 0
        for block in self.blocks():
            out[first : first + len(block)] = block
            first += len(block)
        return out

    def blocks(self) -> Iterator[Floats]:
        """All rows in order, four megabytes at a time."""
        rows = max(_BLOCK_BYTES // (8 * max(self.width, 1)), 256)
        for batch in self._batches(self.names, rows):
            block = np.empty((batch.num_rows, self.width))
            for i, column in enumerate(batch.columns):
                block[:, i] = _numbers(column)
            yield block

    def readable(self, view: View | None = None) -> lgb.Sequence:
        """What a `lightgbm.Dataset` can be made of."""
        return _Forward(self, view)

    def has(self, name: str) -> bool:
        """Whether the first part has such a column; the parts of a folder are alike."""
        system, root = opened(self.folder)
        with pq.ParquetFile(f"{root}/{self.files[0][0]}", filesystem=system) as part:
            return name in part.schema_arrow.names

    def column(self, name: str) -> npt.NDArray[Any]:
        """A column of numbers or truths that need not be of the vector, shape (n,)."""
        parts = [_values(batch.column(0)) for batch in self._batches([name], 1 << 18)]
        return np.concatenate(parts) if parts else np.zeros(0)

    def keys(self, name: str) -> npt.NDArray[np.uint64]:
        """A column of ids as hashes of eight bytes: equal where the ids are."""
        parts = [
            pd.util.hash_array(batch.column(0).cast(pa.string()).to_numpy(zero_copy_only=False))
            for batch in self._batches([name], 1 << 18)
        ]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.uint64)

    def texts(self, name: str) -> npt.NDArray[np.object_]:
        """A column of texts as they are; for a few rows."""
        parts = [
            batch.column(0).to_numpy(zero_copy_only=False) for batch in self._batches([name], 4096)
        ]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=object)

    def each(self) -> list[VectorParts]:
        """The parts one by one, those without a row that counts left out."""
        alone = []
        first = 0
        for name, rows in self.files:
            chosen = None if self.chosen is None else self.chosen[first : first + rows].copy()
            first += rows
            if chosen is None or chosen.any():
                alone.append(replace(self, files=((name, rows),), chosen=chosen))
        return alone

    @property
    def _all(self) -> int:
        return sum(rows for _, rows in self.files)

    def _batches(self, columns: Sequence[str], rows: int) -> Iterator[pa.RecordBatch]:
        """The rows that count, file by file; a file without any is not opened."""
        system, root = opened(self.folder)
        first = 0
        for name, count in self.files:
            chosen = None if self.chosen is None else self.chosen[first : first + count]
            first += count
            if chosen is not None and not chosen.any():
                continue
            with pq.ParquetFile(
                f"{root}/{name}", filesystem=system, buffer_size=_READ_BUFFER
            ) as part:
                at = 0
                for batch in part.iter_batches(batch_size=rows, columns=list(columns)):
                    given = batch.select(list(columns))
                    here = None if chosen is None else chosen[at : at + given.num_rows]
                    at += given.num_rows
                    if here is None or here.all():
                        yield given
                    elif here.any():
                        yield given.filter(pa.array(here))


class _Forward(lgb.Sequence):
    """Rows read from first to last, and again from the first: LightGBM asks in no other order."""

    def __init__(self, rows: VectorParts, view: View | None) -> None:
        self._rows, self._view, self._count = rows, view, len(rows)
        self.batch_size = max(_BLOCK_BYTES // (8 * max(rows.width, 1)), 256)
        self._blocks: Iterator[Floats] = iter(())
        self._block: Floats = np.empty((0, rows.width))
        self._first = self._count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int | slice | list[int]) -> npt.NDArray[Any]:
        if isinstance(index, slice):
            start, stop, _ = index.indices(self._count)
            pieces = []
            while start < stop:
                block = self._from(start)[: stop - start]
                pieces.append(block)
                start += len(block)
            return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
        if isinstance(index, list):
            return np.array([self[i] for i in index])
        # A copy: a row that is kept must not keep its block.
        row: Floats = self._from(int(index))[0].copy()
        return row

    def _from(self, row: int) -> Floats:
        """The rest of the block from this row on."""
        if row < self._first:
            self._blocks, self._first = self._rows.blocks(), 0
            self._block = self._block[:0]
        while row >= self._first + len(self._block):
            self._first += len(self._block)
            block = next(self._blocks)
            self._block = block if self._view is None else self._view(block, self._first)
        return self._block[row - self._first :]


def write_part(
    folder: str | Path,
    number: int,
    X: Floats,
    names: Sequence[str],
    columns: Mapping[str, npt.ArrayLike],
) -> Path:
    """Write one part: vectors, and what else is told of the rows.

    Parameters
    ----------
    folder
        Made where it is missing.
    number
        Place of the part among the others.
    X
        Rows by `names`.
    names
        Columns of the vector.
    columns
        ``y``, ``at``, ``order_line_id``, and what else the model needs; shape (n,) each.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    arrays = {name: pa.array(X[:, i], from_pandas=False) for i, name in enumerate(names)}
    arrays |= {name: pa.array(np.asarray(values)) for name, values in columns.items()}
    path = target / f"part-{number:05d}.parquet"
    pq.write_table(pa.table(arrays), path, compression="zstd", row_group_size=_ROW_GROUP)
    return path


def opened(folder: str) -> tuple[fs.FileSystem, str]:
    """The file system of a path or URL, and the folder's path in it."""
    if "://" in folder:
        system, root = fs.FileSystem.from_uri(folder)
        return system, str(root).rstrip("/")
    return fs.LocalFileSystem(), str(Path(folder).absolute())


def _numbers(column: pa.Array) -> Floats:
    """Float64, NaN where there is none."""
    numbers: Floats = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return numbers


def _values(column: pa.Array) -> npt.NDArray[Any]:
    if column.null_count:
        return _numbers(column)
    return np.array(column.to_numpy(zero_copy_only=False))
