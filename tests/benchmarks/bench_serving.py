"""Muslin against its floor, `mlflow models serve` and BentoML's own endpoint.

    python -m tests.benchmarks.bench_serving [--only size|risk] [--rounds N] [--data DIR]

Size advice is asked one question at a time, return risk one basket of five lines. Without DIR a
shop is simulated and the models trained on it first. With DIR, the folder of contract tables the
online state was filled from, champions and state are those of the settings. The questions are asked
by the shop's customers about its products. What they make the models do is recorded, and the three
others do just that: without schema, look-up or message. All run as one worker on the same cores and
are asked in turn, so that what else the machine does hits all of them: closed loop with 1, 8 and 32
clients, then open loop at half of each one's own peak.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import orjson
import pandas as pd
from rich.console import Console
from rich.progress import track
from rich.table import Table

from features.settings import Settings
from serving import champion
from serving.run import free_port
from tests.benchmarks.serving import targets
from tests.benchmarks.serving.load import percentiles
from tests.benchmarks.serving.record import RECORDED, record
from tests.benchmarks.serving.shop import make_shop, sample_baskets, sample_questions
from tests.benchmarks.serving.targets import Target

MUSLIN, FLOOR = "Muslin", "floor"
CLIENTS = (1, 8, 32)
WARM_S = 5.0
OPEN = 0
"""Stands for the open loop among the numbers of clients."""


@dataclass(frozen=True)
class Part:
    """One endpoint: what is asked, by which models it is answered, and what is wanted."""

    path: str
    champions: tuple[str, ...]
    goal: float


PARTS = {
    "size": Part("/v1/size-advice", ("size_fit",), goal=0.80),
    "risk": Part("/v1/return-risk", ("size_fit", "return_risk"), goal=0.70),
}
SAMPLES = {"size": sample_questions, "risk": sample_baskets}


@dataclass
class Rounds:
    """What one server did under one load."""

    rps: list[float] = field(default_factory=list)
    seconds: list[np.ndarray] = field(default_factory=list)

    def percentiles(self) -> dict[str, float]:
        """Milliseconds over the answers of all rounds."""
        return percentiles(np.concatenate(self.seconds))


def drive(target: Target, folder: Path, seconds: float, **load: float) -> tuple[float, np.ndarray]:
    """Put load on one server from a process of its own."""
    latencies = folder / "latencies.npy"
    command = [sys.executable, "-m", "tests.benchmarks.serving.load"]
    command += [target.url, str(target.bodies), "--latencies", str(latencies)]
    command += ["--seconds", str(seconds)]
    for name, value in load.items():
        command += [f"--{name}", str(value)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=seconds + 60)
    figures = orjson.loads(done.stdout)
    if set(figures["statuses"]) != {"200"}:
        raise SystemExit(f"{target.url} did not answer every request: {figures['statuses']}")
    return figures["rps"], np.load(latencies)


def turns(
    asked: Mapping[str, Target], folder: Path, args: argparse.Namespace
) -> dict[int, dict[str, Rounds]]:
    """Ask the servers in turn; what each did, by the number of clients."""
    found: dict[int, dict[str, Rounds]] = defaultdict(lambda: defaultdict(Rounds))
    for target in asked.values():  # every question was asked before: products are remembered
        drive(target, folder, WARM_S, clients=8)
    for clients in (*args.clients, OPEN):
        for _ in track(range(args.rounds), f"{clients or 'open loop'}".rjust(10)):
            for name, target in asked.items():
                if clients == OPEN:
                    peak = max(statistics.median(found[c][name].rps) for c in args.clients)
                    rps, seconds = drive(target, folder, args.seconds, rate=peak / 2)
                else:
                    rps, seconds = drive(target, folder, args.seconds, clients=clients)
                found[clients][name].rps.append(rps)
                found[clients][name].seconds.append(seconds)
    return found


def report(part: Part, found: dict[int, dict[str, Rounds]], args: argparse.Namespace) -> None:
    """Print the table, and the ratios to the others round by round."""
    console = Console(width=120)
    table = Table(
        "load", "server", "requests/s", "from - to", "p50 ms", "p95 ms", "p99 ms", "p99.9 ms",
        "of the floor",
        title=f"{part.path}: one worker each, {args.rounds} rounds of {args.seconds:g} s",
    )  # fmt: skip
    for clients, servers in found.items():
        load = f"{clients} clients" if clients else "open, half its peak"
        for name, rounds in servers.items():
            at = rounds.percentiles()
            table.add_row(
                load,
                name,
                f"{statistics.median(rounds.rps):,.0f}",
                f"{min(rounds.rps):,.0f} - {max(rounds.rps):,.0f}",
                *(f"{at[share]:.2f}" for share in ("p50", "p95", "p99", "p999")),
                f"{_ratio(rounds, servers[FLOOR])[0]:.2f}" if clients else "",
            )
        table.add_section()
    console.print(table)
    for clients in args.clients:
        servers = found[clients]
        told = [
            f"{_ratio(servers[MUSLIN], servers[other])[0]:.2f} of {other}'s"
            f" ({_ratio(servers[MUSLIN], servers[other])[1]})"
            for other in servers
            if other != MUSLIN
        ]
        late = servers[MUSLIN].percentiles()["p99"] / servers[FLOOR].percentiles()["p99"]
        console.print(
            f"{part.path}, {clients} clients: Muslin's requests a second are {', '.join(told)};"
            f" its p99 is {late:.2f} of the floor's"
        )
    console.print(f"goal: {part.goal:.2f} of the floor's requests a second, 1.5 of its p99,"
                  " 4 of mlflow's requests a second")  # fmt: skip


def _ratio(ours: Rounds, theirs: Rounds) -> tuple[float, str]:
    ratios = [a / b for a, b in zip(ours.rps, theirs.rps, strict=True)]
    return statistics.median(ratios), f"{min(ratios):.2f} to {max(ratios):.2f}"


def measure(name: str, settings: Settings, lines: pd.DataFrame, args: argparse.Namespace) -> None:
    """Measure one endpoint."""
    part = PARTS[name]
    questions = SAMPLES[name](lines)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        bodies = folder / "questions.jsonl"
        bodies.write_bytes(b"\n".join(questions))
        record(settings, part.path, questions, folder)
        asked = {
            FLOOR: targets.floor(folder, bodies, part.path),
            "mlflow": targets.mlflow(folder),
            "BentoML": targets.bento(folder, questions[:RECORDED]),
            MUSLIN: targets.muslin(settings, bodies, part.path),
        }
        chosen = {n: stack.enter_context(each) for n, each in asked.items() if n in args.servers}
        found = turns(chosen, folder, args)
    report(part, found, args)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=tuple(PARTS), help="both unless given")
    parser.add_argument("--data", type=Path, help="folder of contract tables; else simulated")
    parser.add_argument("--lines", type=int, default=20_000, help="order lines to simulate")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clients", type=int, nargs="+", default=list(CLIENTS))
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--servers", nargs="+", default=[FLOOR, "mlflow", "BentoML", MUSLIN])
    args = parser.parse_args()
    args.servers = {*args.servers, FLOOR, MUSLIN}
    asked = [args.only] if args.only else list(PARTS)
    names = [each for each in ("size_fit", "return_risk")
             if any(each in PARTS[part].champions for part in asked)]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        if args.data is None:
            with Console().status(f"simulating {args.lines:,} order lines and training on them"):
                settings, lines = make_shop(Path(folder), args.lines, names)
        else:
            settings, lines = Settings.load(), pd.read_parquet(args.data / "order_lines.parquet")
        settings = settings.model_copy(update={"port": free_port(), "workers": 1, "follow": False})
        try:
            for each in names:
                champion.load(settings, each)
        except champion.ChampionError as error:
            raise SystemExit(str(error)) from None
        for part in asked:
            measure(part, settings, lines, args)


if __name__ == "__main__":
    main()
