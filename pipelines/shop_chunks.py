"""A shop's tables cut into chunks of whole orders, each with all that its lines need.

A chunk is a folder of ordinary contract tables: the lines of a span of time, whole orders together,
with their products, sizes, customers, measurements, returns, feedback and labels. Each is validated
like any folder of tables; rows that break a rule are left out and counted.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import polars as pl
import pyarrow.parquet as pq

from data_contracts.dtypes import QUARANTINE_LIMIT, empty_frame
from data_contracts.errors import BadInputError
from data_contracts.readers import read_tables, write_tables
from data_contracts.tables import TABLES
from data_contracts.validation import validate
from features.out_of_core import edges_of
from pipelines.load import NEEDED

__all__ = ["ShopChunks", "ShopTables", "cut", "sampled"]

logger = logging.getLogger("muslin.pipelines")

Ints = npt.NDArray[np.int64]

_BATCH = 500_000
_SAMPLE = 2_000_000
# What belongs to a chunk: a table's column, and the table and column that must hold it.
_BELONGS = {
    "products": ("product_id", "order_lines"),
    "product_sizes": ("product_id", "order_lines"),
    "customers": ("customer_id", "order_lines"),
    "body_measurements": ("customer_id", "order_lines"),
    "returns": ("order_line_id", "order_lines"),
    "fit_feedback": ("order_line_id", "order_lines"),
    "abuse_labels": ("return_id", "returns"),
}


@dataclass(frozen=True)
class ShopTables:
    """Tables of a folder, read lazily.

    Attributes
    ----------
    files
        Parquet files by table, in order of their names.
    """

    files: dict[str, list[Path]]

    @classmethod
    def open(cls, folder: Path, spare: Path) -> ShopTables:
        """Look for ``<table>.parquet``, ``<table>/**/*.parquet``, or ``<table>.csv``.

        Parameters
        ----------
        folder
            The tables. Folders such as ``month=2024-01`` below a table are gone through; their
            names tell nothing that the rows do not.
        spare
            Where CSV files are turned into Parquet; these must fit in memory.

        Raises
        ------
        BadInputError
            A table that is needed is missing, or stands there twice.
        """
        if not folder.is_dir():
            raise BadInputError(f"{folder} is not a folder; give a folder of tables")
        files: dict[str, list[Path]] = {}
        for name in TABLES:
            single, parts, text = (folder / f"{name}{end}" for end in (".parquet", "", ".csv"))
            held = [each for each in (single, parts, text) if each.exists()]
            if len(held) > 1:
                both = " and ".join(each.name for each in held)
                raise BadInputError(f"{folder} holds both {both}; keep one")
            if text in held:
                write_tables(read_tables(folder, [name]), spare)
                files[name] = [spare / f"{name}.parquet"]
            elif held:
                files[name] = sorted(held[0].rglob("*.parquet")) if held[0].is_dir() else held
        missing = [name for name in NEEDED if not files.get(name)]
        if missing:
            raise BadInputError(
                f"{folder} lacks {', '.join(missing)}; expected {missing[0]}.parquet or"
                f" {missing[0]}/*.parquet"
            )
        return cls({name: paths for name, paths in files.items() if paths})

    def scan(self, table: str) -> pl.LazyFrame:
        """The rows of a table; columns that the contract does not know are left out."""
        frame = pl.scan_parquet(
            self.files[table], hive_partitioning=False, missing_columns="insert"
        )
        known = [c for c in frame.collect_schema().names() if c in TABLES[table].names]
        return frame.select(known)

    def rows(self, table: str) -> int:
        """How many rows a table has."""
        return sum(pq.ParquetFile(path).metadata.num_rows for path in self.files[table])


@dataclass
class ShopChunks:
    """Chunks on disk.

    Attributes
    ----------
    folders
        Of each chunk, in order of time.
    edges
        Moments at which spans of time begin, but the first; see
        :func:`features.out_of_core.edges_of`.
    lines, set_aside
        Order lines that are good, and rows of all tables that break a rule.
    """

    folders: list[Path]
    edges: Ints
    lines: int = 0
    set_aside: int = 0

    def __len__(self) -> int:
        return len(self.folders)

    def tables(self, chunk: int) -> dict[str, pd.DataFrame]:
        """Contract tables of a chunk."""
        return read_tables(self.folders[chunk])


def cut(
    shop: ShopTables,
    folder: Path,
    *,
    per_chunk: int,
    tell: Callable[[int, int], None] | None = None,
) -> ShopChunks:
    """Cut a shop into chunks of about so many lines.

    Parameters
    ----------
    shop
        The tables.
    folder
        Where the chunks are written; made when missing.
    per_chunk
        Lines wanted to a chunk.
    tell
        Is told how many of how many chunks are written.

    Raises
    ------
    BadInputError
        No order line is good, or times are not stored as times.
    """
    lines = shop.scan("order_lines")
    if not isinstance(lines.collect_schema()["ordered_at"], pl.Datetime):
        raise BadInputError(
            "order_lines.ordered_at is not stored as a time; `muslin validate DIR --out OTHER`"
            " writes tables whose times are"
        )
    total = shop.rows("order_lines")
    every = max(total // _SAMPLE, 1)
    moments = lines.select(_moment()).filter(pl.col("at").is_not_null()).gather_every(every)
    edges = edges_of(moments.collect()["at"].to_numpy(), per_chunk, total)
    spans = _spread(shop, folder / "spans", edges)
    chunks = ShopChunks([], edges)
    counts: dict[str, tuple[int, int]] = {}
    for done, span in enumerate(spans):
        frames = _belonging(shop, pl.read_parquet(span / "*.parquet"))
        good = _good(frames, counts)
        if len(good["order_lines"]):
            write_tables(good, folder / f"{len(chunks):06d}")
            chunks.folders.append(folder / f"{len(chunks):06d}")
            chunks.lines += len(good["order_lines"])
        if tell is not None:
            tell(done + 1, len(spans))
    if not chunks.folders:
        raise BadInputError("no order line keeps the rules; `muslin validate` lists which breaks")
    _judge(counts)
    chunks.set_aside = sum(bad for _, bad in counts.values())
    if chunks.set_aside:
        logger.warning(
            "%s rows break a rule and are left out; `muslin validate` lists them",
            f"{chunks.set_aside:,}",
        )
    return chunks


def _moment() -> pl.Expr:
    return pl.col("ordered_at").dt.epoch("us").alias("at")


def _spread(shop: ShopTables, folder: Path, edges: Ints) -> list[Path]:
    """Order lines by span of time; an order lies where its first line does."""
    span = pl.lit(pl.Series(edges, dtype=pl.Int64)).search_sorted(_moment(), side="right")
    divided = (
        shop.scan("order_lines")
        .select("order_id", span.alias("_span"))
        .group_by("order_id")
        .agg(pl.col("_span").min(), last=pl.col("_span").max())
        .filter(pl.col("_span") < pl.col("last"))
        .select("order_id", first="_span")
        .collect(engine="streaming")
    )
    part = 0
    for path in shop.files["order_lines"]:
        for batch in pq.ParquetFile(path).iter_batches(_BATCH):
            lines = pl.from_arrow(batch)
            assert isinstance(lines, pl.DataFrame)
            known = [c for c in lines.columns if c in TABLES["order_lines"].names]
            places = np.searchsorted(
                edges, lines.select(_moment().fill_null(0))["at"].to_numpy(), side="right"
            )
            placed = lines.select(known).with_columns(pl.Series("_span", places))
            placed = placed.join(divided, on="order_id", how="left").with_columns(
                pl.coalesce(pl.col("first").cast(pl.Int64), "_span").alias("_span")
            )
            pieces = placed.drop("first").partition_by("_span", as_dict=True, include_key=False)
            for (place,), piece in pieces.items():
                own = folder / f"{place:06d}"
                own.mkdir(parents=True, exist_ok=True)
                piece.write_parquet(own / f"{part:06d}.parquet", compression="lz4")
            part += 1
    return sorted(folder.iterdir())


def _belonging(shop: ShopTables, lines: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """All tables, with the rows that these lines need."""
    frames = {"order_lines": lines}
    for name, (key, holder) in _BELONGS.items():
        if name in shop.files and holder in frames:
            held = frames[holder].lazy().select(key).unique()
            frames[name] = shop.scan(name).join(held, on=key, how="semi").collect()
    return {name: frames[name] for name in TABLES if name in frames}


def sampled(shop: ShopTables, lines: int, seed: int = 7) -> dict[str, pd.DataFrame]:
    """Contract tables of customers drawn by lot, whole, with about so many lines.

    Parameters
    ----------
    shop
        The tables.
    lines
        Lines wanted; all tables where there are no more.
    seed
        Of the lot.
    """
    share = lines / max(shop.rows("order_lines"), 1)
    drawn = shop.scan("order_lines")
    if share < 1:
        lot = pl.col("customer_id").cast(pl.String).hash(seed) < int(share * 2**64)
        drawn = drawn.filter(lot)
    frames = _belonging(shop, drawn.collect())
    counts: dict[str, tuple[int, int]] = {}
    good = _good(frames, counts)
    _judge(counts)
    return good


def _good(
    frames: dict[str, pl.DataFrame], counts: dict[str, tuple[int, int]]
) -> dict[str, pd.DataFrame]:
    """The rows that keep their contracts; `counts` of each table goes on with all and bad ones."""
    # A table that says nothing of these lines is no fault of the shop's.
    told = {name: frame.to_pandas() for name, frame in frames.items() if len(frame)}
    report = validate(told, raise_on_break=False)
    for fault in report.breaks:
        if fault.table not in report.good:
            raise fault
    for name, each in report.tables.items():
        rows, bad = counts.get(name, (0, 0))
        counts[name] = (rows + each.rows_in, bad + each.quarantined)
    good = {name: report.good[name] for name in told}
    return {name: empty_frame(name) for name in NEEDED} | good


def _judge(counts: dict[str, tuple[int, int]]) -> None:
    for name, (rows, bad) in counts.items():
        if bad > QUARANTINE_LIMIT * rows:
            raise BadInputError(
                f"{name}: {bad:,} of {rows:,} rows break a rule, more than"
                f" {QUARANTINE_LIMIT:.0%}; `muslin validate` lists the rules"
            )
