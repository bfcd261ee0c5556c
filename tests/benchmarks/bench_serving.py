"""Muslin against its floor: the same models on bare uvicorn, without schema, look-up or message.

    python -m tests.benchmarks.bench_serving [--only size|risk] [--data DIR]

Size advice is asked one question at a time, return risk one basket of five lines. Without DIR a
shop is simulated and the models trained on it first. With DIR, the folder of contract tables the
online state was filled from, champions and state are those of the settings. The questions are asked
by the shop's customers about its products. What they make the models do is recorded, and the floor
does just that. Floor and Muslin take turns under the same load, so that what else the machine does
hits both.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import httpx
import lightgbm as lgb
import numpy as np
import orjson
import pandas as pd
from rich.console import Console
from rich.progress import track
from rich.table import Table

from features.settings import Settings
from serving import champion
from serving.app import MuslinApp
from serving.http import new_request_id
from serving.run import background, free_port
from serving.startup import start
from tests.benchmarks.floor import Work, save_work

QUESTIONS = 500
RECORDED = 100
BASKET_LINES = 5


@dataclass(frozen=True)
class Part:
    """One endpoint: what is asked, by which models it is answered, and what is wanted."""

    path: str
    champions: tuple[str, ...]
    bar: float
    goal: float


PARTS = {
    "size": Part("/v1/size-advice", ("size_fit",), bar=0.40, goal=0.80),
    "risk": Part("/v1/return-risk", ("size_fit", "return_risk"), bar=0.30, goal=0.70),
}


def sample_questions(lines: pd.DataFrame, seed: int = 7) -> list[bytes]:
    """Take questions from the shop's own orders; every second shopper sends measurements."""
    lines = lines.sample(min(QUESTIONS, len(lines)), random_state=seed)
    rng = np.random.default_rng(seed)
    questions = []
    for place, line in enumerate(lines.itertuples()):
        question = {"product_id": line.product_id, **_asker(line)}
        if place % 2:
            question["measurements"] = _body(rng)
        questions.append(orjson.dumps(question))
    return questions


def sample_baskets(lines: pd.DataFrame, seed: int = 7) -> list[bytes]:
    """Take lines that were ordered one after the other; every second shopper sends measurements.

    Orders are cut and put together where they have not just as many lines, so there are baskets
    with one product in two sizes as often as the shop has them.
    """
    rng = np.random.default_rng(seed)
    lines = lines.sort_values(["ordered_at", "order_id", "order_line_id"], kind="stable")
    starts = rng.integers(0, len(lines) - BASKET_LINES + 1, QUESTIONS)
    baskets = []
    for place, begin in enumerate(starts.tolist()):
        taken = list(lines.iloc[begin : begin + BASKET_LINES].itertuples())
        basket = {**_asker(taken[0]), "lines": [_basket_line(line) for line in taken]}
        if isinstance(taken[0].currency, str):
            basket["currency"] = taken[0].currency
        if place % 2:
            basket["measurements"] = _body(rng)
        baskets.append(orjson.dumps(basket))
    return baskets


def _asker(line) -> dict:
    told = {"customer_id": line.customer_id, "market": line.market}
    return {name: value for name, value in told.items() if isinstance(value, str)}


def _body(rng: np.random.Generator) -> dict:
    height = round(float(rng.normal(168, 8)), 1)
    return {"height_cm": height, "weight_kg": height - 105}


def _basket_line(line) -> dict:
    told = {"product_id": line.product_id, "quantity": int(line.quantity)}
    for name, value in (("size", line.size_label), ("colour", line.colour)):
        if isinstance(value, str):
            told[name] = value
    if np.isfinite(line.unit_price):
        told["unit_price"] = float(line.unit_price)
    return told


SAMPLES = {"size": sample_questions, "risk": sample_baskets}


def make_shop(folder: Path, lines: int, names: Sequence[str]) -> tuple[Settings, pd.DataFrame]:
    """Simulate a shop, train on it, and put champions and state where the service looks."""
    from pipelines.fit_return_risk import fit_return_risk
    from pipelines.fit_size import fit_size_fit
    from pipelines.materialize import materialize
    from pipelines.simulate import simulate

    tables = simulate(lines, seed=7).tables
    settings = Settings.load(
        tracking_uri=f"sqlite:///{folder / 'none.db'}",
        champion_dir=folder / "champion",
        state_url=str(folder / "state.db"),
        audit_url=str(folder / "audit.db"),
    )
    spaces = {}
    for name in names:
        made = folder / f"made-{name}"
        made.mkdir()
        if name == "size_fit":
            space, model, _ = fit_size_fit(tables)
            model.save(made)
            space.save(made)
        else:
            fitted = fit_return_risk(tables)
            fitted.save(made)
            space = fitted.space
        champion.adopt(settings, name, "1", made)
        spaces[name] = (space, "1")
    materialize(tables, spaces, settings.state_url)
    return settings, tables["order_lines"]


def record(settings: Settings, path: str, questions: Sequence[bytes], folder: Path) -> None:
    """Write what the models are asked, and what the service answers, for the first questions.

    However many calls Muslin makes, the floor asks each booster once a question.
    """
    app = MuslinApp(settings)
    start(app)
    endpoint = app._endpoints[path]
    if endpoint is None:
        raise SystemExit(f"{path} does not answer: {app._readiness[path].reason}")
    boosters: list[lgb.Booster] = []
    raw: list[bool] = []
    asked: list[list[np.ndarray]] = []
    predict = lgb.Booster.predict

    def recording(booster, data, *args, raw_score=False, **kwargs):
        place = next((i for i, each in enumerate(boosters) if each is booster), len(boosters))
        if place == len(boosters):
            boosters.append(booster)
            raw.append(raw_score)
            asked.append([])
        asked[place].append(np.array(data))
        return predict(booster, data, *args, raw_score=raw_score, **kwargs)

    works = []
    with mock.patch.object(lgb.Booster, "predict", recording):
        for question in questions[:RECORDED]:
            answer = asyncio.run(endpoint(question, new_request_id()))
            vectors = {i: np.concatenate(rows) for i, rows in enumerate(asked) if rows}
            works.append(Work(vectors, answer))
            for rows in asked:
                rows.clear()
    if not boosters:
        raise SystemExit(f"{path} asks no LightGBM model: nothing to measure a floor with")
    save_work(folder, boosters, raw, works)
    rows = [sum(len(X) for X in work.vectors.values()) for work in works]
    Console().print(
        f"{path}: {len(boosters)} boosters, {statistics.mean(rows):.0f} rows in all and"
        f" {statistics.mean(len(work.answer) for work in works):,.0f} bytes a request"
    )


@contextlib.contextmanager
def floor(folder: Path) -> Iterator[str]:
    """Serve the floor while the block runs."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.floor", str(folder), str(port)]
    )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                httpx.post(url, content=b"{}").raise_for_status()
                break
            except httpx.TransportError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit("the floor did not start") from None
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(10)


def drive(url: str, questions: Path, args: argparse.Namespace) -> dict:
    """Put load on one server from a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.load", url, str(questions)]
    options = ["--clients", str(args.clients), "--seconds", str(args.seconds)]
    done = subprocess.run(
        [*command, *options], stdout=subprocess.PIPE, check=True, timeout=args.seconds + 60
    )
    figures = orjson.loads(done.stdout)
    if set(figures["statuses"]) != {"200"}:
        raise SystemExit(f"{url} did not answer every request: {figures['statuses']}")
    return figures


def report(part: Part, rounds: list[dict[str, dict]], args: argparse.Namespace) -> float:
    """Print the rounds; return the median ratio of Muslin to the floor."""
    table = Table(
        title=f"{part.path}: {args.clients} clients, {args.seconds:g} s a turn, one worker each"
    )
    for column in ("round", "server", "requests/s", "p50 ms", "p99 ms", "of the floor"):
        table.add_column(column, justify="left" if column == "server" else "right")
    ratios = []
    for number, turn in enumerate(rounds, 1):
        ratios.append(turn["Muslin"]["rps"] / turn["floor"]["rps"])
        for name, figures in turn.items():
            table.add_row(
                str(number),
                name,
                f"{figures['rps']:,.0f}",
                f"{figures['p50_ms']:.2f}",
                f"{figures['p99_ms']:.2f}",
                f"{ratios[-1]:.2f}" if name == "Muslin" else "",
            )
    median = statistics.median(ratios)
    console = Console()
    console.print(table)
    console.print(
        f"{part.path}: median ratio {median:.2f}, from {min(ratios):.2f} to {max(ratios):.2f}"
        f" (bar {part.bar:.2f}, goal {part.goal:.2f})"
    )
    return median


def measure(name: str, settings: Settings, lines: pd.DataFrame, args: argparse.Namespace) -> bool:
    """Measure one endpoint; tell whether it is above its bar."""
    part = PARTS[name]
    questions = SAMPLES[name](lines)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        bodies = folder / "questions.jsonl"
        bodies.write_bytes(b"\n".join(questions))
        record(settings, part.path, questions, folder)
        base = stack.enter_context(background(settings))
        targets = {
            "floor": stack.enter_context(floor(folder)) + part.path,
            "Muslin": base + part.path,
        }
        rounds = [
            {name: drive(url, bodies, args) for name, url in targets.items()}
            for _ in track(range(args.rounds), "measuring")
        ]
    return report(part, rounds, args) >= part.bar


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=tuple(PARTS), help="both unless given")
    parser.add_argument("--data", type=Path, help="folder of contract tables; else simulated")
    parser.add_argument("--lines", type=int, default=20_000, help="order lines to simulate")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=4.0)
    args = parser.parse_args()
    asked = [args.only] if args.only else list(PARTS)
    names = [each for each in ("size_fit", "return_risk")
             if any(each in PARTS[part].champions for part in asked)]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        if args.data is None:
            with Console().status(f"simulating {args.lines:,} order lines and training on them"):
                settings, lines = make_shop(Path(folder), args.lines, names)
        else:
            settings, lines = Settings.load(), pd.read_parquet(args.data / "order_lines.parquet")
        settings = settings.model_copy(update={"port": free_port(), "workers": 1})
        try:
            for each in names:
                champion.load(settings, each)
        except champion.ChampionError as error:
            raise SystemExit(str(error)) from None
        good = [measure(part, settings, lines, args) for part in asked]
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
