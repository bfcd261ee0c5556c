"""Muslin against its floor: the same model on bare uvicorn, without schema, look-up or message.

    python -m tests.benchmarks.bench_serving --data DIR

DIR holds the contract tables the online state was filled from; the questions are asked by its
customers about its products. Champion and state are those of the settings (``MUSLIN_*``). Floor and
Muslin take turns under the same load, so that what else the machine does hits both.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

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
from serving.run import SERVICE, background, free_port

PATH = "/v1/size-advice"
JSON = {"content-type": "application/json"}
QUESTIONS = 500
BAR, GOAL = 0.40, 0.80


def sample_questions(data: Path, seed: int = 7) -> list[bytes]:
    """Take questions from the shop's own orders; every second shopper sends measurements."""
    lines = pd.read_parquet(data / "order_lines.parquet")
    lines = lines.sample(min(QUESTIONS, len(lines)), random_state=seed)
    rng = np.random.default_rng(seed)
    questions = []
    for place, line in enumerate(lines.itertuples()):
        question = {"product_id": line.product_id, "customer_id": line.customer_id}
        if isinstance(line.market, str):
            question["market"] = line.market
        if place % 2:
            height = round(float(rng.normal(168, 8)), 1)
            question["measurements"] = {"height_cm": height, "weight_kg": height - 105}
        questions.append(orjson.dumps(question))
    return questions


def find_booster(folder: Path) -> Path:
    """Find the champion's LightGBM model among its files."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                if file.read(5) == b"tree\n":
                    return path
    raise SystemExit(f"there is no LightGBM model in {folder}: nothing to measure a floor with")


def typical_answer(url: str, questions: list[bytes]) -> tuple[bytes, int]:
    """Take the answer of median length, and the median number of sizes predicted."""
    answers = []
    for question in questions[:100]:
        answer = httpx.post(url, content=question, headers=JSON)
        answer.raise_for_status()
        answers.append(answer.content)
    sizes = [len(orjson.loads(answer)["sizes"]) for answer in answers]
    answers.sort(key=len)
    return answers[len(answers) // 2], max(1, round(statistics.median(sizes)))


@contextlib.contextmanager
def floor(booster: Path, rows: int, answer: bytes, folder: Path) -> Iterator[str]:
    """Serve the floor while the block runs."""
    features = lgb.Booster(model_file=booster).num_feature()
    np.save(folder / "vectors.npy", np.random.default_rng(7).normal(size=(rows, features)))
    (folder / "answer.json").write_bytes(answer)
    port = free_port()
    files = [str(booster), str(folder / "vectors.npy"), str(folder / "answer.json")]
    process = subprocess.Popen([sys.executable, "-m", "tests.benchmarks.floor", *files, str(port)])
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


def report(rounds: list[dict[str, dict]], args: argparse.Namespace) -> float:
    """Print the rounds; return the median ratio of Muslin to the floor."""
    table = Table(title=f"{args.clients} clients, {args.seconds:g} s a turn, one worker each")
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
    console.print(f"median ratio {median:.2f} (bar {BAR:.2f}, goal {GOAL:.2f})")
    return median


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of contract tables")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--service", default=SERVICE, help="BentoML service as module:name")
    args = parser.parse_args()
    settings = Settings.load(port=free_port(), workers=1)
    try:
        model, _ = champion.load(settings, "size_fit")
    except champion.ChampionError as error:
        raise SystemExit(str(error)) from None
    questions = sample_questions(args.data)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "questions.jsonl").write_bytes(b"\n".join(questions))
        base = stack.enter_context(background(settings, args.service))
        answer, rows = typical_answer(base + PATH, questions)
        floor_url = stack.enter_context(floor(find_booster(model), rows, answer, folder))
        targets = {"floor": floor_url + PATH, "Muslin": base + PATH}
        rounds = [
            {name: drive(url, folder / "questions.jsonl", args) for name, url in targets.items()}
            for _ in track(range(args.rounds), "measuring")
        ]
    median = report(rounds, args)
    sys.exit(0 if median >= BAR else 1)


if __name__ == "__main__":
    main()
