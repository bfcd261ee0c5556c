"""`muslin features build`: vectors of a shop of any size, as partitioned Parquet.

The shop is cut into chunks of whole orders, and each model's own space builds the vectors of every
chunk; sums of histories are worked out over all chunks, on disk (:mod:`features.chunks`). Memory is
one chunk and the sums of keys, whatever the number of lines. What is written of each model, beside
the lines, :mod:`pipelines.model_vectors` tells.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from data_contracts.errors import BadInputError
from features.abuse_events import LINKS
from features.chunks import Stages, through
from features.histories import History
from features.window import Window
from models.vectors_on_disk import write_part
from pipelines.model_vectors import LINES, VECTORS, LookedUp, Rows
from pipelines.shop_chunks import ShopChunks, ShopTables, sampled
from pipelines.size_candidates import drawn

__all__ = [
    "MOMENT",
    "SAMPLE_LINES",
    "STATE",
    "Built",
    "Written",
    "build",
    "finish",
    "fitted_space",
    "known_until",
    "stages_of",
]

SAMPLE_LINES = 200_000
"""Lines of the customers that a space is fitted on where there is no champion."""
STATE = "state"
"""Folder of the stored sums, in the folder of the model."""
MOMENT = "moment.json"
"""What the stored sums stand for: the last moment told of, and the space."""


@dataclass(frozen=True)
class Built:
    """What was built of a model.

    Attributes
    ----------
    rows
        Vectors.
    parts
        Files they are in.
    until
        Last moment that the shop tells of, microseconds; the stored sums stand for it.
    beside
        Vectors of something else than lines or claims, by folder.
    """

    rows: int
    parts: int
    until: int
    beside: Mapping[str, int] = field(default_factory=dict)


class Written:
    """Parts of vectors in the folder of a model.

    Parameters
    ----------
    folder
        The folder.
    parts
        How many parts there are to begin with, by folder.
    """

    def __init__(self, folder: Path, parts: Mapping[str, int] | None = None) -> None:
        self.folder = folder
        self.parts: Counter[str] = Counter(parts or {})
        self.rows: Counter[str] = Counter()

    def add(self, place: str, rows: Rows) -> None:
        """Write a part, unless there is nothing to write."""
        if len(rows.X):
            write_part(self.folder / place, self.parts[place], rows.X, rows.names, rows.columns)
            self.parts[place] += 1
            self.rows[place] += len(rows.X)


def build(
    name: str,
    space: Any,
    chunks: ShopChunks,
    out: Path,
    *,
    until: int,
    memory: int = 2 << 30,
    threads: int = 2,
    scratch: Path | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Built:
    """Build the vectors of a model, with the sums that its histories end with.

    Parameters
    ----------
    name
        ``size_fit``, ``return_risk`` or ``abuse``.
    space
        Fitted feature space of the model.
    chunks
        The shop.
    out
        ``<out>/<name>/part-*.parquet`` and ``<out>/<name>/state/<history>.parquet`` are written,
        of `size_fit` also ``candidates``, of `return_risk` ``delivered``; what was there of the
        model is replaced once all is done.
    until
        See :func:`known_until`.
    memory
        Bytes that sums of histories may take at a time.
    threads
        Histories at work at a time.
    scratch
        Folder for what lies on disk meanwhile; `out` where None.
    tell
        Is told what is being done.

    Raises
    ------
    BadInputError
        `out` holds something else under this name.
    """
    target = out / name
    vectors = VECTORS[name]
    _check_target(target, vectors.folders)
    out.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix=f".{name}-", dir=out) as beside,
        tempfile.TemporaryDirectory(prefix=f".{name}-", dir=scratch or out) as meanwhile,
    ):
        new, work = Path(beside) / "new", Path(meanwhile)
        for place in (STATE, *vectors.folders):
            (new / place).mkdir(parents=True)
        looked_up = LookedUp(vectors, space, chunks, work / "looked-up")
        lines = [np.zeros(0, dtype=np.int64)] * len(chunks)
        if name == "size_fit":
            tell(f"{name}: finding the newest settled lines")
            lines = drawn(looked_up, until, work / "lines")
        stages = stages_of(
            name, work / "stages", chunks, new / STATE, memory=memory, threads=threads
        )
        written, through_all = Written(new), False
        while not through_all:
            for chunk, theirs in enumerate(lines):
                tell(f"{name}: stage {stages.answered + 1}, chunk {chunk + 1} of {len(chunks)}")

                def ask(
                    window: Window, chunk: int = chunk, theirs: Any = theirs
                ) -> dict[str, Rows]:
                    return looked_up.ask(chunk, window, lambda _: theirs)

                sets = 1 if name == "size_fit" and not len(theirs) else vectors.sets
                found = through(stages, chunk, until, ask, sets=sets)
                if found is not None:
                    through_all = True
                    for place, rows in found.items():
                        written.add(place, rows)
            if not through_all:
                tell(f"{name}: sums of {len(stages.histories)} histories")
                stages.answer()
        finish(new, target, space, until)
    more = {place: written.rows[place] for place in vectors.folders}
    return Built(written.rows[LINES], written.parts[LINES], until, more)


def stages_of(
    name: str,
    folder: Path,
    chunks: ShopChunks,
    state: Path,
    *,
    memory: int,
    threads: int,
    earlier: Path | None = None,
) -> Stages:
    """Stages of a model that write their sums to the folder `state`, and begin from `earlier`."""
    shares: dict[str, int] = {}

    def keep(history: History, sums: pl.DataFrame) -> None:
        path = state / f"{history.name}.parquet"
        if shares.get(history.name) == stages.answered:  # another share of the same keys
            sums = pl.concat([pl.read_parquet(path), sums])
        shares[history.name] = stages.answered
        sums.write_parquet(path)

    stages = Stages(
        folder,
        chunks.edges,
        firsts=_FIRSTS.get(name),
        memory=memory,
        threads=threads,
        keep=keep,
        prior=lambda history: _stored(earlier, history.name),
        seen=lambda kind: _stored(earlier, kind),
        keep_firsts=lambda kind, keys: keys.write_parquet(state / f"{kind}.parquet"),
    )
    return stages


def _stored(folder: Path | None, name: str) -> pl.DataFrame | None:
    return None if folder is None else pl.read_parquet(folder / f"{name}.parquet")


def finish(new: Path, target: Path, space: Any, until: int) -> None:
    """Say what the stored sums stand for, and put what is new in its place."""
    moment = {"until": until, "space": space.fingerprint}
    (new / STATE / MOMENT).write_text(json.dumps(moment), encoding="utf-8")
    space.save(new / STATE)
    if target.exists():
        shutil.rmtree(target)
    new.rename(target)


def known_until(name: str, shop: ShopTables) -> int:
    """The last moment that a shop's tables tell a model of, microseconds."""
    last = [_latest(shop.scan("order_lines"), "ordered_at")]
    returns = shop.scan("returns") if "returns" in shop.files else None
    if returns is not None and name != "abuse":
        last.append(_latest(returns, "requested_at"))
    if name == "size_fit" and "fit_feedback" in shop.files:
        last.append(_latest(shop.scan("fit_feedback"), "given_at"))
    if name == "abuse":
        last.append(_latest(shop.scan("order_lines"), "delivered_at"))
        if returns is not None:
            ours = shop.scan("order_lines").select("order_line_id")
            claims = returns.join(ours, on="order_line_id", how="semi")
            last.append(_latest(claims, "requested_at"))
            if "abuse_labels" in shop.files:
                decided = shop.scan("abuse_labels").filter(pl.col("decided_by") != "model")
                ids = claims.select("return_id")
                last.append(_latest(decided.join(ids, on="return_id", how="semi"), "decided_at"))
    return max(moment for moment in last if moment is not None)


def _latest(rows: pl.LazyFrame, column: str) -> int | None:
    if column not in rows.collect_schema().names():
        return None
    found: int | None = rows.select(pl.col(column).dt.epoch("us").max()).collect().item()
    return found


def fitted_space(name: str, shop: ShopTables, lines: int = SAMPLE_LINES) -> Any:
    """A space fitted on customers drawn by lot, whole, with about so many lines."""
    return VECTORS[name].space().fit(sampled(shop, lines))


def _check_target(target: Path, folders: tuple[str, ...]) -> None:
    if not target.exists():
        return
    strangers = [
        each.name
        for each in (target.iterdir() if target.is_dir() else [target])
        if each.name not in (STATE, *folders) and not each.match("part-*.parquet")
    ]
    if strangers:
        raise BadInputError(
            f"{target} holds {', '.join(sorted(strangers)[:3])}, which this command did not"
            " write and would remove; choose another --out"
        )


_FIRSTS = {"abuse": {f"joined_{link}": ("customer_id", link) for link in LINKS}}
