"""What the service costs beside its answers: its start, its memory, a second worker, a long list.

    python -m tests.benchmarks.bench_service [--customers N] [--products N] [--rounds N]

A shop is simulated, size advice and return risk are trained on it, and the online state is filled;
then its records are written again under the ids of a million further customers and of further
products. Measured are: from `muslin serve` to the first 200 at `/readyz`, asked every 10 ms, with
champions as local copies, and the processor time that took; memory of each process after requests
of many customers (proportional set size, where shared pages count once, and resident); requests a
second of two workers against one, and how much of the second core the load itself took; and a
thousand lines of return risk in one call against the boosters alone.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import orjson
import pandas as pd
import psutil
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
_LONGEST_START_S = 90.0


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


@dataclass
class Start:
    """Seconds from `muslin serve` to ready, and processor time of all processes by then."""

    wall: float
    processor: float


def cold_start(settings: Settings) -> Start:
    """Start the service as a person does, and end it when it is ready."""
    command = [str(Path(sys.executable).with_name("muslin")), "serve"]
    with tempfile.TemporaryFile() as log:
        began = time.perf_counter()
        process = subprocess.Popen(
            command,
            env={**os.environ, **settings.environment()},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            while not _is_ready(settings.port):
                if process.poll() is not None or time.perf_counter() - began > _LONGEST_START_S:
                    log.seek(0)
                    raise SystemExit(log.read().decode("utf-8", "replace")[-3000:])
                time.sleep(0.01)
            wall = time.perf_counter() - began
            main = psutil.Process(process.pid)
            times = [each.cpu_times() for each in (main, *main.children(recursive=True))]
            return Start(wall, sum(each.user + each.system for each in times))
        finally:
            process.terminate()
            process.wait(30)


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def memory_of(process: int) -> tuple[float, float]:
    """MB of a process: proportional set size (NaN where the system tells none), and resident."""
    told = psutil.Process(process).memory_full_info()
    return getattr(told, "pss", math.nan) / 1e6, told.rss / 1e6


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


def memory(
    settings: Settings, questions: Target, folder: Path
) -> list[tuple[str, tuple[float, float]]]:
    """Proportional and resident MB of each process of the service after seconds of questions."""
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


@dataclass
class Scaling:
    """Two workers against one.

    Attributes
    ----------
    ratio
        Of their requests a second.
    dearer
        Processor time of a request with two workers by that with one: 1 where they share nothing.
    load
        Share of one core that the load took while there were two.
    """

    ratio: float
    dearer: float
    load: float


def scaling(settings: Settings, bodies: Path, rounds: int) -> list[Scaling]:
    """What a second worker brings, round by round.

    On two cores the load takes its time from the second worker: with a load of `g` and a request of
    `w` seconds of processor time, two workers that share nothing are `2 w / (w + g)` times as fast.
    """
    found = []
    for _ in range(rounds):
        rps, cost, load = [], [], 0.0
        for workers in (1, 2):
            with background(settings.model_copy(update={"workers": workers})) as base:
                pids = [pid for pid, args in _until(workers).items() if "worker" in args]
                before = _processor(pids)
                told = _drive(base + ADVICE, bodies)
                rps.append(told["rps"])
                cost.append((_processor(pids) - before) / told["rps"])
                load = told["generator_cpu"]
        found.append(Scaling(rps[1] / rps[0], cost[1] / cost[0], load))
    return found


def _drive(url: str, bodies: Path) -> dict[str, float]:
    """Put load on a server from a process of its own; as that process tells."""
    command = [sys.executable, "-m", "tests.benchmarks.serving.load", url, str(bodies)]
    command += ["--seconds", "4", "--clients", "32"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=90)
    told = orjson.loads(done.stdout)
    if set(told["statuses"]) != {"200"}:
        raise SystemExit(f"{url} did not answer every request: {told['statuses']}")
    return told


def _until(workers: int) -> dict[int, str]:
    """The processes of the service once that many workers have been up for a moment."""
    for _ in range(300):
        found = family_of(os.getpid())
        if sum("worker" in args for args in found.values()) >= workers:
            time.sleep(4)  # the second one starts later than the service is ready
            return found
        time.sleep(0.1)
    raise SystemExit(f"there are not {workers} workers")


def _processor(pids: list[int]) -> float:
    times = [psutil.Process(pid).cpu_times() for pid in pids]
    return sum(each.user + each.system for each in times)


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
            _spread([each.wall for each in starts], " s"),
            f"{GOALS['start']:g} s",
        )
        table.add_row("processor time by then", _spread([e.processor for e in starts], " s"), "")
        ratios = scaling(plain, bodies, args.rounds)
        table.add_row(
            "two workers by one",
            _spread([each.ratio for each in ratios]),
            f"{GOALS['workers']:g}",
        )
        table.add_row("  a request's processor time", _spread([e.dearer for e in ratios]), "1")
        table.add_row("  the load, of one core", _spread([e.load for e in ratios]), "")
        baskets = [orjson.Fragment(each) for each in sample_baskets(lines)[:200]]
        ours, alone = long_list(plain, orjson.dumps(baskets), folder, args.rounds * 2)
        table.add_row(
            "1,000 lines in one call, by the boosters alone",
            f"{ours / alone:.2f} ({ours:.0f} ms, {alone:.0f} ms)",
            f"{GOALS['list']:g}",
        )
        keys = grow(settings, lines, args.customers, args.products)
        console.print(f"the state of the large shop has {keys:,} keys")
        for kind, (shared, resident) in memory(settings, Target("", bodies), folder):
            goal = f"{GOALS['memory']:g} MB" if kind == "worker" else ""
            told = f"{shared:.0f} MB, {resident:.0f} MB resident"
            table.add_row(f"memory of the {kind}", told, goal)
    console.print(table)


def _spread(figures: list[float], unit: str = "") -> str:
    middle = statistics.median(figures)
    return f"{middle:.2f}{unit} ({min(figures):.2f} to {max(figures):.2f})"


if __name__ == "__main__":
    main()
