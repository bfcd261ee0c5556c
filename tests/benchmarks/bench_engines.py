"""All histories of all three models on every engine: seconds, and that the sums agree.

    python -m tests.benchmarks.bench_engines [--lines N] [--engines NAME ...] [--histories NAME ...]

Each engine is a process of its own. It is handed the same events and questions (every line), and
reads out the values strictly before every line and the final state of each history; the clock runs
from the hand-over on, and Spark's session is started before. `--histories product cluster` takes
only these, for DuckDB and Spark need minutes where Polars needs seconds.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from features import abuse, return_risk, size_fit
from features.engines import ENGINES, collected, native, reused
from features.histories import T0_US, decay, final_state, values_before
from tests.benchmarks.histories_shop import Shop

HISTORIES = {
    "size_fit": size_fit.HISTORIES,
    "return_risk": return_risk.HISTORIES,
    "abuse": abuse.HISTORIES,
}
_AT = T0_US + 1200 * 86_400_000_000


def measured(engine, lines, wanted):
    """Seconds by model, and column sums of all values and of the state read at one moment."""
    texts = {"kind", "verdict"} | {
        part for histories in HISTORIES.values() for each in histories for part in each.key
    }
    shop = Shop(lines)
    native(pd.DataFrame({"at": [0]}), (), engine)
    seconds, sums = {}, {}
    for model, histories in HISTORIES.items():
        chosen = [each for each in histories if not wanted or each.name in wanted]
        if not chosen:
            continue
        with tempfile.TemporaryDirectory() as folder:
            shop.write(model, Path(folder))
            happened, asked = (pd.read_parquet(Path(folder) / k) for k in ("events", "queries"))
        start = time.perf_counter()
        events = reused(native(happened, texts, engine))
        questions = reused(native(asked, texts, engine))
        for history in chosen:
            values = collected(values_before(history, events, questions))
            state = collected(final_state(history, events))
            before = values.select(*history.columns).to_numpy().sum(axis=0)
            last = state.select(*history.columns).to_numpy().sum(axis=0)
            last = last * decay(history.half_lives, _AT)
            sums[f"{model}.{history.name}"] = [*before.tolist(), *last.tolist()]
        seconds[model] = time.perf_counter() - start
    return {"seconds": seconds, "sums": sums}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--histories", nargs="*", default=[])
    parser.add_argument("--one", choices=ENGINES, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measured(given.one, given.lines, given.histories)))  # noqa: T201
        return
    console, found = Console(), {}
    for engine in given.engines:
        command = [sys.executable, "-m", "tests.benchmarks.bench_engines", "--one", engine]
        command += ["--lines", str(given.lines), "--histories", *given.histories]
        told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        found[engine] = json.loads(told.splitlines()[-1])
        console.print(engine, {k: round(v, 1) for k, v in found[engine]["seconds"].items()})
    first = found[given.engines[0]]
    table = Table("engine", "seconds", f"times {given.engines[0]}", "largest relative difference")
    for engine, each in found.items():
        took = sum(each["seconds"].values())
        apart = max(
            float(np.max(np.abs(np.subtract(own, first["sums"][name])) / (1 + np.abs(own))))
            for name, own in each["sums"].items()
        )
        times = took / sum(first["seconds"].values())
        table.add_row(engine, f"{took:.1f}", f"{times:.1f}", f"{apart:.1e}")
    console.print(f"{len(first['sums'])} histories, {given.lines:,} lines")
    console.print(table)


if __name__ == "__main__":
    main()
