"""Which lines' sizes are all built, for the size sets of `size_fit` to be set on.

The newest settled lines with a size, as many as in memory: :mod:`pipelines.fit_size` takes the same
share, and no more than the same number by lot. Lines as new that are not settled wait beside them:
their vectors tell of the moment they were ordered, which a later day cannot go back to. The lot of
a line is the hash of its id, the same every day.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import polars as pl

from features.chunks import NoHistories
from features.size_fit_space import SizeFitData
from pipelines.fit_size import CALIBRATION_LINES, CALIBRATION_SHARE
from pipelines.model_vectors import CANDIDATES, LINES, WAITING, Draw, LookedUp, no_line

__all__ = ["draw_of_new", "drawn", "keep_newest", "lot"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def lot(ids: npt.NDArray[np.object_]) -> Floats:
    """A number from 0 to 1 for each id, the same whenever it is asked for."""
    return pd.util.hash_array(np.asarray(ids, dtype=object), categorize=False) / 2.0**64


def drawn(chunks: LookedUp, until: int, scratch: Path) -> list[Ints]:
    """Lines of every chunk whose sizes are all built.

    Parameters
    ----------
    chunks
        The shop, of `size_fit`.
    until
        Last moment that it tells of, microseconds.
    scratch
        An empty folder, for four numbers a line.

    Returns
    -------
    list of ndarray
        Places of the lines in the tables of each chunk.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    for chunk in range(len(chunks)):
        told = chunks.ask(chunk, NoHistories(until=until), no_line)[LINES].columns
        rows = np.flatnonzero(told["sized"])
        numbers = {
            "row": rows,
            "chunk": np.full(len(rows), chunk),
            "at": told["at"][rows],
            "known": told["y"][rows] >= 0,
            "lot": lot(told["order_line_id"][rows]),
        }
        pl.DataFrame(numbers).write_parquet(scratch / f"{chunk:06d}.parquet", compression="lz4")
    lines = pl.scan_parquet(scratch / "*.parquet")
    picked = _newest(lines, lines)
    return [
        np.sort(picked.filter(pl.col("chunk") == chunk)["row"].to_numpy())
        for chunk in range(len(chunks))
    ]


def draw_of_new(earlier: pl.LazyFrame, now: pl.DataFrame, since: int) -> Draw:
    """Draws of new lines those that :func:`drawn` draws of them when it is asked of all lines.

    Parameters
    ----------
    earlier
        Vectors of the lines of an earlier build, with the labels that were known then.
    now
        ``order_line_id``, ``at``, ``y`` and ``sized`` of new lines, with the labels known by now,
        and of earlier lines whose labels may have changed.
    since
        Lines ordered after it are new, microseconds.

    Returns
    -------
    Draw
        Of at most twice as many lines as in memory: settled ones and ones to wait.
    """
    labels = now.lazy().select("order_line_id", y_now="y")
    before = earlier.filter("sized").join(labels, on="order_line_id", how="left")
    before = before.select("at", known=pl.coalesce("y_now", "y") >= 0)
    lots = pl.Series("lot", lot(now["order_line_id"].to_numpy()))
    new = now.with_columns(lots, known=pl.col("y") >= 0).lazy()
    new = new.filter(pl.col("sized") & (pl.col("at") > since))
    picked = _newest(pl.concat([before, new.select("at", "known")]), new)
    ids = pd.Index(picked["order_line_id"].to_numpy())

    def draw(data: SizeFitData) -> Ints:
        rows: Ints = np.flatnonzero(pd.Index(data.ids).isin(ids))
        return rows

    return draw


def keep_newest(pool: list[Path], folder: Path) -> None:
    """Write those of a pool of candidates that are of the newest lines.

    Parameters
    ----------
    pool
        Folders of parts with all sizes of some lines.
    folder
        Vectors of all lines; ``candidates`` and ``candidates/waiting`` are written to it.
    """
    files = [path for each in pool for path in sorted(each.glob("part-*.parquet"))]
    for place in (CANDIDATES, WAITING):
        (folder / place).mkdir(parents=True, exist_ok=True)
    if not files:
        return
    sizes = pl.scan_parquet(files)
    ids = sizes.select("order_line_id").unique().collect()["order_line_id"]
    lines = pl.scan_parquet(folder / "part-*.parquet").filter("sized")
    lots = pl.DataFrame({"order_line_id": ids, "lot": lot(ids.to_numpy())})
    lines = lines.select("order_line_id", "at", known=pl.col("y") >= 0)
    picked = _newest(lines, lines.join(lots.lazy(), on="order_line_id"))
    for place, known in ((CANDIDATES, True), (WAITING, False)):
        theirs = picked.filter(pl.col("known") == known)["order_line_id"]
        kept = sizes.filter(pl.col("order_line_id").is_in(theirs.implode())).collect()
        if len(kept):
            kept.write_parquet(folder / place / "part-00000.parquet", compression="zstd")


def _newest(lines: pl.LazyFrame, pool: pl.LazyFrame) -> pl.DataFrame:
    """Lines of a pool that are among the newest of all, settled and waiting, with the lowest lots.

    Orders are not divided: all lines of the oldest moment are in.
    """
    moments = lines.filter("known").select("at").collect()["at"].to_numpy().copy()
    if len(moments):
        place = len(moments) - max(int(len(moments) * CALIBRATION_SHARE), 1)
        moments.partition(place)
        pool = pool.filter(pl.col("at") >= int(moments[place]))
    chosen = [
        pool.filter(pl.col("known") == known).bottom_k(CALIBRATION_LINES, by="lot")
        for known in (True, False)
    ]
    return pl.concat(chosen).collect()
