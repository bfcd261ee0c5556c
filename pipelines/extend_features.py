"""`muslin features build --since`: yesterday's sums and what happened since, instead of all again.

Vectors of earlier lines stay: they tell what was known then. What is new is the lines since, lines
as of the delivery that arrived since, the labels of earlier lines that were not settled, which of
them size sets are set on, and the sums. Only orders that anything happened to since are read into
chunks. What the tables tell later of a moment before is not taken in; a build
of everything does that.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from data_contracts.errors import BadInputError
from features.choices import CARRIED
from features.chunks import NoHistories, through
from features.state import KEY_SEPARATOR
from features.window import Window
from pipelines.build_features import MOMENT, STATE, Built, Written, finish, known_until, stages_of
from pipelines.model_vectors import (
    CHOSEN,
    DELIVERED,
    LINES,
    VECTORS,
    LookedUp,
    Rows,
    no_line,
)
from pipelines.shop_chunks import ShopTables, cut
from pipelines.size_candidates import draw_of_new, keep_newest

__all__ = ["extend", "stands_for"]

_LABELS = ("y", "told", "mature")
_LABELLED = (LINES, DELIVERED)
_NEWS = {
    "returns": ("order_line_id", ("requested_at", "received_at")),
    "fit_feedback": ("order_line_id", ("given_at",)),
}


def stands_for(out: Path, name: str) -> int:
    """The moment that the stored sums of a model stand for, microseconds.

    Raises
    ------
    BadInputError
        Nothing was built there.
    """
    path = out / name / STATE / MOMENT
    if not path.is_file():
        raise BadInputError(
            f"{path} does not exist, so there are no sums to begin from;"
            " build without --since first"
        )
    return int(json.loads(path.read_text(encoding="utf-8"))["until"])


def extend(
    name: str,
    space: Any,
    shop: ShopTables,
    out: Path,
    scratch: Path,
    *,
    per_chunk: int,
    memory: int = 2 << 30,
    threads: int = 2,
    tell: Callable[[str], None] = lambda _: None,
) -> Built:
    """Add what happened since to the vectors and sums of an earlier build.

    Parameters
    ----------
    name, space, out, memory, threads, tell
        See :func:`pipelines.build_features.build`; `space` is the one of the earlier build.
    shop
        All tables as they are now.
    scratch
        An empty folder for what lies on disk meanwhile.
    per_chunk
        Lines to a chunk.

    Returns
    -------
    Built
        Of all vectors, the earlier ones among them.

    Raises
    ------
    BadInputError
        There is no earlier build, it is of another space, or it lacks something that builds have.
    """
    since, until = stands_for(out, name), known_until(name, shop)
    target = out / name
    known = json.loads((target / STATE / MOMENT).read_text(encoding="utf-8"))
    if known["space"] != space.fingerprint:
        raise BadInputError(f"{target} was built by another feature space; build without --since")
    vectors, old = VECTORS[name], pl.scan_parquet(target / "part-*.parquet")
    lacking = [place for place in vectors.folders if not (target / place).is_dir()]
    if lacking:
        raise BadInputError(
            f"{target} has no {lacking[0]}, which an earlier version did not write;"
            " build without --since once"
        )
    _touched(name, shop, old, since).sink_parquet(scratch / "touched.parquet", mkdir=True)
    lines = pl.scan_parquet(scratch / "touched.parquet")
    if not lines.select(pl.len()).collect().item():
        return _built(target, vectors.folders, since)
    now = ShopTables(shop.files | {"order_lines": [scratch / "touched.parquet"]})
    chunks = cut(now, scratch / "chunks", per_chunk=per_chunk)
    chosen = _Chosen.of(old, lines) if name == "size_fit" else _Chosen({})
    parts = {place: sorted((target / place).glob("part-*.parquet")) for place in _LABELLED}
    with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=out) as temporary:
        new = Path(temporary) / "new"
        for place in (STATE, *vectors.folders):
            (new / place).mkdir(parents=True)
        stages = stages_of(
            name,
            scratch / "stages",
            chunks,
            new / STATE,
            memory=memory,
            threads=threads,
            earlier=target / STATE,
        )
        looked_up = LookedUp(vectors, space, chunks, scratch / "looked-up")
        told = pl.concat(
            _told(vectors.key, looked_up, chunk, until) for chunk in range(len(chunks))
        )
        draw = draw_of_new(old, told, since) if name == "size_fit" else no_line
        written = Written(new, {place: len(paths) for place, paths in parts.items()})
        sizes = Written(scratch / "sizes")
        through_all = False
        again: set[str] = set()
        while not through_all:
            for chunk in range(len(chunks)):
                tell(f"{name}: stage {stages.answered + 1}, chunk {chunk + 1} of {len(chunks)}")

                def ask(window: Window, chunk: int = chunk) -> dict[str, Rows]:
                    return looked_up.ask(chunk, window, draw)

                found = through(
                    stages, chunk, until, ask, since=since, state=chosen, sets=vectors.sets
                )
                if found is None:
                    continue
                through_all = True
                for place, rows in found.items():
                    if place not in _LABELLED:
                        sizes.add(place, rows)  # of new lines alone
                        continue
                    fresh = rows.where(np.asarray(rows.columns["at"]) > since)
                    written.add(place, fresh)
                    if place == DELIVERED:
                        again.update(fresh.columns[vectors.key])
            if not through_all:
                stages.answer()
        settled = told.select(vectors.key, *(each for each in _LABELS if each in told.columns))
        for place, paths in parts.items():
            for path in paths:
                gone = again if place == DELIVERED else ()
                _with_labels(path, new / place / path.name, vectors.key, settled, gone)
        if name == "size_fit":
            pool = [each / place for each in (target, sizes.folder) for place in vectors.folders]
            keep_newest(pool, new)
        finish(new, target, space, until)
    return _built(target, vectors.folders, until)


def _built(target: Path, folders: Sequence[str], until: int) -> Built:
    beside = {place: _rows(target / place) for place in folders}
    return Built(_rows(target), len([*target.glob("part-*.parquet")]), until, beside)


def _rows(folder: Path) -> int:
    return sum(pq.read_metadata(path).num_rows for path in folder.glob("part-*.parquet"))


@dataclass(frozen=True)
class _Chosen:
    """What was found when earlier lines were ordered, as a state store would tell it."""

    lines: dict[str, bytes]

    @classmethod
    def of(cls, parts: pl.LazyFrame, lines: pl.LazyFrame) -> _Chosen:
        wanted = lines.select(pl.col("order_line_id").cast(pl.String))
        columns = [f"{CHOSEN}{name}" for name in CARRIED]
        rows = parts.select("order_line_id", *columns)
        found = rows.join(wanted, on="order_line_id", how="semi").collect()
        sums = found.select(columns).to_numpy(order="c").astype("<f8")
        ids = found["order_line_id"].to_list()
        return cls({line: row.tobytes() for line, row in zip(ids, sums, strict=True)})

    def get_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        """The values of those keys that are there."""
        lines = {key: key.rsplit(KEY_SEPARATOR, 1)[-1] for key in keys}
        return {key: self.lines[line] for key, line in lines.items() if line in self.lines}


def _touched(name: str, shop: ShopTables, old: pl.LazyFrame, since: int) -> pl.LazyFrame:
    """Lines of orders that anything happened to since, or whose labels were not settled."""
    lines = shop.scan("order_lines")
    here = lines.collect_schema().names()
    own = [_after(c, since) for c in ("ordered_at", "delivered_at") if c in here]
    ids = [lines.filter(pl.any_horizontal(own)).select("order_line_id")]
    for table, (key, moments) in _NEWS.items():
        if table in shop.files:
            rows = shop.scan(table)
            there = rows.collect_schema().names()
            news = [_after(c, since) for c in moments if c in there]
            ids.append(rows.filter(pl.any_horizontal(news)).select(key))
    if name == "abuse":
        if "abuse_labels" in shop.files and "returns" in shop.files:
            decided = shop.scan("abuse_labels").filter(_after("decided_at", since))
            claims = shop.scan("returns").join(decided, on="return_id", how="semi")
            ids.append(claims.select("order_line_id"))
    else:
        open_ = pl.col("y") < 0
        if "mature" in old.collect_schema().names():
            open_ |= ~pl.col("mature")
        ids.append(old.filter(open_).select("order_line_id"))
    touched = pl.concat([each.cast(pl.String) for each in ids]).unique()
    texts = lines.with_columns(pl.col("order_line_id").cast(pl.String))
    orders = texts.join(touched, on="order_line_id", how="semi").select("order_id").unique()
    return lines.join(orders, on="order_id", how="semi")


def _after(column: str, since: int) -> pl.Expr:
    return pl.col(column).dt.epoch("us") > since


def _told(key: str, looked_up: LookedUp, chunk: int, until: int) -> pl.DataFrame:
    """What became of the lines of a chunk, which events before the window tell of too."""
    columns = looked_up.ask(chunk, NoHistories(until=until), no_line)[LINES].columns
    wanted = [each for each in ("at", "sized", *_LABELS) if each in columns]
    said = {each: pl.Series(np.asarray(columns[each])) for each in wanted}
    return pl.DataFrame({key: pl.Series(list(columns[key]), dtype=pl.String), **said})


def _with_labels(
    path: Path, to: Path, key: str, settled: pl.DataFrame, gone: Collection[str]
) -> None:
    """The part with the labels known by now, without what is gone; itself where nothing changed."""
    part = pl.read_parquet(path)
    told = [c for c in settled.columns if c != key]
    left = part.filter(~pl.col(key).is_in(pl.Series([*gone], dtype=pl.String).implode()))
    both = left.join(settled, on=key, how="left", suffix="_now", maintain_order="left")
    now = both.with_columns(pl.coalesce(f"{c}_now", c).alias(c) for c in told)
    now = now.select(part.columns)
    if len(now) == len(part) and now.select(told).equals(part.select(told)):
        os.link(path, to)
    else:
        now.write_parquet(to, compression="zstd")
