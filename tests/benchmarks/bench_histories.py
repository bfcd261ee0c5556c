"""All histories of all three models over order lines, against the same sums written by hand.

    python -m tests.benchmarks.bench_histories [--lines N ...] [--rounds N] [--no-hand]

The events of a simulated shop lie in Parquet, the questions (every line) beside them. Each side
reads them, computes every sum of every history strictly before every line, and adds up what it
found, column by column: the two must agree. Each is a process of its own that is told nothing but
the folder; its peak memory is what the system counted. By hand means Polars as a good engineer
writes it: a history at a time, only the columns it needs, keys as categories, sorted once, running
sums over the key, and the keys in as many parts as memory asks for (some 14 GB each).
`--lines 100000000` wants some 60 GB of disk, and is best run with `--no-hand`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

from features import abuse, return_risk, size_fit
from features.histories import T0_US, decay
from features.out_of_core import Windows, edges_of, run_histories
from tests.benchmarks.histories_shop import MODELS, Shop

HISTORIES = {
    "size_fit": size_fit.HISTORIES,
    "return_risk": return_risk.HISTORIES,
    "abuse": abuse.HISTORIES,
}
SIDES = {"muslin": "muslin", "hand": "Polars by hand"}
LINES_BY_HAND = 4_000_000
MOST_RATIO, MOST_GROWTH, MOST_GB = 1.5, 12.0, 8.0


def ours(model, folder, memory, per_window):
    """Column sums of every history, by windows of time."""
    questions = pl.scan_parquet(folder / "queries" / "*.parquet")
    rows = questions.select(pl.len()).collect().item()
    every = max(rows // 1_000_000, 1)
    moments = questions.select(pl.col("at").gather_every(every)).collect()["at"].to_numpy()
    keys = sorted({part for history in HISTORIES[model] for part in history.key})
    found = {}

    def consume(history, window, answers):
        found[history.name] = found.get(history.name, 0.0) + answers.values.sum(axis=0)

    with tempfile.TemporaryDirectory(dir=folder) as spill:
        windows = Windows(Path(spill), edges_of(moments, per_window, rows), keys)
        for path in sorted((folder / "events").glob("*.parquet")):
            windows.add_events(pl.read_parquet(path))
        for path in sorted((folder / "queries").glob("*.parquet")):
            windows.add_queries(pl.read_parquet(path))
        run_histories(HISTORIES[model], windows, consume, memory=memory)
    return {name: sums.tolist() for name, sums in found.items()}


def by_hand(model, folder):
    """The same, as it is written without us."""
    found = {}
    rows = pl.scan_parquet(folder / "queries" / "*.parquet").select(pl.len()).collect().item()
    parts = -(-rows // LINES_BY_HAND)
    for history, part in itertools.product(HISTORIES[model], range(parts)):
        key = list(history.key)
        kinds = sorted({each.kind for each in history.sums})
        known = [pl.col(name).is_not_null() for name in key]
        if parts > 1:
            known.append(pl.struct(key).hash() % parts == part)
        columns = {}
        for each, name in zip(history.sums, history.columns, strict=True):
            amount = pl.lit(1.0) if each.amount is None else pl.col(each.amount).fill_null(0.0)
            if each.square:
                amount = amount**2
            counts = pl.col("kind") == each.kind
            if each.verdict is not None:
                counts &= pl.col("verdict") == each.verdict
            if each.half_life_days is not None:
                days = (pl.col("at") - T0_US) / 86_400_000_000
                amount = amount * (days * (np.log(2) / each.half_life_days)).exp()
            columns[name] = pl.when(counts).then(amount).otherwise(0.0)
        events = (
            pl.scan_parquet(folder / "events" / "*.parquet")
            .filter(pl.col("kind").is_in(kinds), *known)
            .select(
                *(pl.col(name).cast(pl.Categorical).to_physical() for name in key),
                "at",
                query=pl.lit(-1, pl.Int64),
                **columns,
            )
        )
        queries = (
            pl.scan_parquet(folder / "queries" / "*.parquet")
            .filter(*known)
            .select(
                *(pl.col(name).cast(pl.Categorical).to_physical() for name in key),
                "at",
                "query",
                **{name: pl.lit(0.0) for name in columns},
            )
        )
        stream = pl.concat([events, queries]).sort(*key, "at", pl.col("query") < 0).collect()
        running = stream.with_columns(pl.col(name).cum_sum().over(key) for name in columns)
        asked = running.filter(pl.col("query") >= 0)
        values = asked.select(history.columns).to_numpy()
        values = values * decay(history.half_lives, asked["at"].to_numpy()[:, None].astype(float))
        found[history.name] = found.get(history.name, 0.0) + values.sum(axis=0)
    return {name: sums.tolist() for name, sums in found.items()}


def child(side, model, folder, memory, per_window):
    began = time.perf_counter()
    sums = ours(model, folder, memory, per_window) if side == "muslin" else by_hand(model, folder)
    took = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    told = {
        "seconds": took,
        "cpu": used.ru_utime + used.ru_stime,
        "peak": used.ru_maxrss * 1024,
        "sums": sums,
    }
    sys.stdout.write(json.dumps(told) + "\n")


def measured(side, model, folder, options):
    """One run in a process of its own."""
    command = [
        sys.executable, "-m", "tests.benchmarks.bench_histories", "--child", side, "--model", model,
        "--dir", str(folder), "--memory", str(options.memory), "--window", str(options.window),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    if done.returncode:
        raise SystemExit(f"{SIDES[side]} did not finish {model}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def compare(lines, options, console):
    """Seconds, processor seconds and peak bytes by side, over all models; rounds take turns."""
    sides = [side for side in SIDES if side != "hand" or not options.no_hand]
    seconds = {side: defaultdict(list) for side in sides}
    cpu = {side: defaultdict(list) for side in sides}
    peak = dict.fromkeys(sides, 0)
    for model in options.models:
        folder = Path(tempfile.mkdtemp(prefix="muslin-histories-", dir=options.dir))
        try:
            events = Shop(lines).write(model, folder)
            told = []
            for _ in range(options.rounds):
                for side in sides:
                    run = measured(side, model, folder, options)
                    seconds[side][model].append(run["seconds"])
                    cpu[side][model].append(run["cpu"])
                    peak[side] = max(peak[side], run["peak"])
                    told.append(run["sums"])
        finally:
            shutil.rmtree(folder)
        for other in told[1:]:
            for name, sums in told[0].items():
                np.testing.assert_allclose(other[name], sums, rtol=1e-7, err_msg=f"{model} {name}")
        took = ", ".join(f"{SIDES[s]} {min(seconds[s][model]):.1f} s" for s in sides)
        console.print(f"{lines:,} lines, {model}, {events:,} events: {took}")
    best = [{s: sum(min(r) for r in of[s].values()) for s in sides} for of in (seconds, cpu)]
    return *best, peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--rounds", type=int, default=1, help="each side in turn; the best counts")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--no-hand", action="store_true", help="leave the comparison out")
    parser.add_argument("--memory", type=int, default=3 << 30, help="bytes the sums may take")
    parser.add_argument("--window", type=int, default=200_000, help="lines to a window")
    parser.add_argument("--dir", type=Path, help="where the shop is written")
    parser.add_argument("--child", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--model", choices=MODELS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child, options.model, options.dir, options.memory, options.window)
        return
    console = Console(width=120)
    sums = sum(len(h.sums) for histories in HISTORIES.values() for h in histories)
    count = sum(len(histories) for histories in HISTORIES.values())
    table = Table(
        "lines", "side", "seconds", "of by hand", "processor seconds", "peak GB", "growth",
        title=f"{count} histories, {sums} sums, before every line",
    )  # fmt: skip
    before = {}
    for lines in options.lines:
        seconds, cpu, peak = compare(lines, options, console)
        for side, took in seconds.items():
            ratio = f"{took / seconds['hand']:.2f}" if "hand" in seconds else ""
            growth = ""
            if side in before:
                size, earlier = before[side]
                growth = f"{took / earlier:.1f} for {lines / size:.0f} times the lines"
            table.add_row(
                f"{lines:,}",
                SIDES[side],
                f"{took:.1f}",
                ratio,
                f"{cpu[side]:.0f}",
                f"{peak[side] / 1e9:.2f}",
                growth,
            )
            before[side] = (lines, took)
    console.print(table)
    console.print(
        f"at most: {MOST_RATIO} of by hand, {MOST_GB:.0f} GB at 10 M lines, {MOST_GROWTH:.0f} times"
        " for ten times the lines; goals 1.0, 4 GB, 10 times, 100 M lines in 20 minutes"
    )


if __name__ == "__main__":
    main()
