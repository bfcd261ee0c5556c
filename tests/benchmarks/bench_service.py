"""What the service costs beside its answers: its start, its memory, a second worker, a long list.

    python -m tests.benchmarks.bench_service [--customers N] [--products N] [--rounds N]

A shop is simulated, size advice and return risk are trained on it, and the online state is filled;
then its records are written again under the ids of a million further customers and of further
products. Measured are: from the start of the process to the first 200 at `/readyz`, with champions
as local copies; resident memory of each process after requests of many customers (proportional set
size where the system tells it: shared pages count once); requests a second of two workers against
one; and a thousand lines of return risk in one call against the boosters alone.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import orjson
import pandas as pd
from rich.console import Console
from rich.table import Table

from features.settings import Settings
from features.state import KEY_SEPARATOR
from features.stores import open_state
from serving.run import background, free_port
from tests.benchmarks.bench_serving import drive
from tests.benchmarks.serving.floor import load_work
from tests.benchmarks.serving.record import record
from tests.benchmarks.serving.shop import make_shop, sample_baskets, sample_questions
from tests.benchmarks.serving.targets import Target

ADVICE, RISK = "/v1/size-advice", "/v1/return-risk"
GOALS = {"start": 3.0, "memory": 350.0, "workers": 1.7, "list": 3.0}
A_BATCH = 50_000


def renamed(key: str, names: dict[str, str]) -> str | None:
    """The key of the same record for the copy of its customer or product, None for other keys."""
    parts = key.split(KEY_SEPARATOR)
    if not any(part in names for part in parts):
        return None
    return KEY_SEPARATOR.join(names.get(part, part) for part in parts)


def copies(
    records: list[tuple[str, bytes]], ids: list[str], count: int
) -> Iterator[tuple[str, bytes]]:
    """The records of so many further customers or products, copied from those there are."""
    by_id: dict[str, list[tuple[str, bytes]]] = {each: [] for each in ids}
    for key, value in records:
        for part in key.split(KEY_SEPARATOR):
            if part in by_id:
                by_id[part].append((key, value))
    for copy in range(count):
        of = ids[copy % len(ids)]
        names = {of: f"{of}-{copy // len(ids)}"}
        for key, value in by_id[of]:
            if (new := renamed(key, names)) is not None:
                yield new, value


def grow(settings: Settings, lines: pd.DataFrame, customers: int, products: int) -> int:
    """Write the state of a large shop; how many keys it has."""
    with open_state(settings.state_url) as state:
        keys = list(state.all_keys())
        records = list(state.get_many(keys).items())
        count = len(keys)
        for column, wanted in (("customer_id", customers), ("product_id", products)):
            ids = sorted(lines[column].dropna().unique())
            more = copies(records, ids, max(wanted - len(ids), 0))
            while batch := dict(itertools.islice(more, A_BATCH)):
                state.put_many(batch.items(), {})
                count += len(batch)
    return count


def cold_start(settings: Settings) -> float:
    """Seconds from the start of the process to ready."""
    began = time.perf_counter()
    with background(settings) as base:
        took = time.perf_counter() - began
        httpx.get(f"{base}/readyz").raise_for_status()
    return took


def memory_of(process: int) -> float:
    """MB of a process: proportional set size, or resident where that is not told."""
    for name, field in (("smaps_rollup", "Pss:"), ("status", "VmRSS:")):
        path = Path(f"/proc/{process}/{name}")
        if path.exists():
            for line in path.read_text().splitlines():
                if line.startswith(field):
                    return int(line.split()[1]) / 1000
    raise SystemExit("this system tells no memory of a process")


def family_of(process: int) -> dict[int, str]:
    """The processes below one, and what they run."""
    told = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True
    ).stdout
    rows = [line.split(None, 2) for line in told.splitlines()]
    found: dict[int, str] = {}
    parents = {process}
    while parents:
        below = {int(pid): args for pid, parent, args in rows if int(parent) in parents}
        found |= below
        parents = set(below)
    return found


def memory(settings: Settings, questions: Target, folder: Path) -> list[tuple[str, float]]:
    """MB of each process of the service after some seconds of questions."""
    with background(settings) as base:
        drive(Target(base + ADVICE, questions.bodies), folder, 8.0, clients=8)
        mine = family_of(os.getpid())
        kinds = {"serving.follow": "follower", "worker": "worker", "serving.run": "main process"}
        return [
            (kind, memory_of(pid))
            for pid, args in mine.items()
            for kind in [next((kinds[part] for part in kinds if part in args), "")]
            if kind
        ]


def scaling(settings: Settings, bodies: Path, folder: Path, rounds: int) -> list[float]:
    """Requests a second of two workers, by those of one, round by round."""
    found = []
    for _ in range(rounds):
        rps = []
        for workers in (1, 2):
            with background(settings.model_copy(update={"workers": workers})) as base:
                time.sleep(2)  # the second worker starts later than the service is ready
                rps.append(drive(Target(base + ADVICE, bodies), folder, 4.0, clients=32)[0])
        found.append(rps[1] / rps[0])
    return found


def long_list(settings: Settings, basket: bytes, folder: Path, rounds: int) -> tuple[float, float]:
    """Milliseconds of one call with many lines, and of the boosters alone with the same rows."""
    record(settings, RISK, [basket], folder)
    boosters, raw, (work,) = load_work(folder)
    ours, alone = [], []
    with background(settings) as base, httpx.Client(timeout=60) as client:
        for _ in range(rounds + 1):
            began = time.perf_counter()
            answer = client.post(
                base + RISK, content=basket, headers={"content-type": "application/json"}
            )
            ours.append(time.perf_counter() - began)
            answer.raise_for_status()
            began = time.perf_counter()
            for booster, X in work.vectors.items():
                boosters[booster].predict(X, raw_score=raw[booster], num_threads=1)
            alone.append(time.perf_counter() - began)
    return statistics.median(ours[1:]) * 1000, statistics.median(alone[1:]) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=20_000, help="order lines to simulate")
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--products", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    console = Console(width=110)
    table = Table("what", "measured", "goal", title="the service")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        settings, lines = make_shop(folder, args.lines, ("size_fit", "return_risk"))
        settings = settings.model_copy(update={"port": free_port()})
        plain = settings.model_copy(update={"follow": False})
        bodies = folder / "questions.jsonl"
        bodies.write_bytes(b"\n".join(sample_questions(lines)))
        starts = [cold_start(settings) for _ in range(args.rounds)]
        table.add_row(
            "start to ready",
            f"{statistics.median(starts):.1f} s ({min(starts):.1f} to {max(starts):.1f})",
            f"{GOALS['start']:g} s",
        )
        ratios = scaling(plain, bodies, folder, args.rounds)
        table.add_row(
            "two workers by one",
            f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
            f"{GOALS['workers']:g}",
        )
        baskets = [orjson.Fragment(each) for each in sample_baskets(lines)[:200]]
        ours, alone = long_list(plain, orjson.dumps(baskets), folder, args.rounds * 2)
        table.add_row(
            "1,000 lines in one call, by the boosters alone",
            f"{ours / alone:.2f} ({ours:.0f} ms, {alone:.0f} ms)",
            f"{GOALS['list']:g}",
        )
        keys = grow(settings, lines, args.customers, args.products)
        console.print(f"the state of the large shop has {keys:,} keys")
        for kind, size in memory(settings, Target("", bodies), folder):
            goal = f"{GOALS['memory']:g} MB" if kind == "worker" else ""
            table.add_row(f"memory of the {kind}", f"{size:.0f} MB", goal)
    console.print(table)


if __name__ == "__main__":
    main()
