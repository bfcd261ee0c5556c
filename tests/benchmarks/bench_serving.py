"""Muslin against its floor: the same model on bare uvicorn, without schema, look-up or message.

    python -m tests.benchmarks.bench_serving [--data DIR]

Without DIR a shop is simulated and the model trained on it first. With DIR, the folder of contract
tables the online state was filled from, champion and state are those of the settings. The
questions are asked by the shop's customers about its products. Floor and Muslin take turns
under the same load, so that what else the machine does hits both.
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
import numpy as np
import orjson
import pandas as pd
from rich.console import Console
from rich.progress import track
from rich.table import Table

from features.settings import Settings
from serving import champion
from serving.run import background, free_port
from serving.schemas import SizeAdviceRequest
from serving.size_advice import load_advisor

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


def make_shop(folder: Path, lines: int) -> Settings:
    """Simulate a shop, train on it, and put champion and state where the service looks."""
    from pipelines.fit_size import fit_size_fit
    from pipelines.materialize import materialize
    from pipelines.simulate import simulate

    tables = simulate(lines, seed=7).tables
    space, model, _ = fit_size_fit(tables)
    made = folder / "made"
    model.save(made)
    space.save(made)
    settings = Settings.load(
        tracking_uri=f"sqlite:///{folder / 'none.db'}",
        champion_dir=folder / "champion",
        state_url=str(folder / "state.db"),
    )
    champion.adopt(settings, "size_fit", "1", made)
    materialize(tables, {"size_fit": (space, "1")}, settings.state_url)
    tables["order_lines"].to_parquet(folder / "order_lines.parquet")
    return settings


def find_boosters(folder: Path) -> list[Path]:
    """Find the champion's LightGBM models, the members of its ensemble, among its files."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                if file.read(5) == b"tree\n":
                    found.append(path)
    if not found:
        raise SystemExit(f"there is no LightGBM model in {folder}: nothing to measure a floor with")
    return found


def typical_answer(url: str, questions: list[bytes]) -> bytes:
    """Take the answer of median length."""
    answers = []
    for question in questions[:100]:
        answer = httpx.post(url, content=question, headers=JSON)
        answer.raise_for_status()
        answers.append(answer.content)
    return sorted(answers, key=len)[len(answers) // 2]


def typical_vectors(model: Path, settings: Settings, questions: list[bytes]) -> np.ndarray:
    """Take what the booster is given for a question, of the median number of sizes."""
    advisor = load_advisor(model, champion.load(settings, "size_fit")[1].label, settings)
    boosters = advisor._model.boosters_
    given = []
    predict = boosters.predict
    boosters.predict = lambda X: given.append(X) or predict(X)
    for question in questions[:100]:
        request = SizeAdviceRequest.model_validate_json(question)
        advisor.advise(advisor.look_up([request.question(time.time())]))
    return sorted(given, key=len)[len(given) // 2]


@contextlib.contextmanager
def floor(boosters: list[Path], vectors: np.ndarray, answer: bytes, folder: Path) -> Iterator[str]:
    """Serve the floor while the block runs."""
    np.save(folder / "vectors.npy", vectors)
    (folder / "answer.json").write_bytes(answer)
    port = free_port()
    files = [str(folder / "vectors.npy"), str(folder / "answer.json")]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.floor", *files, str(port), *map(str, boosters)]
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
    parser.add_argument("--data", type=Path, help="folder of contract tables; else simulated")
    parser.add_argument("--lines", type=int, default=8_000, help="order lines to simulate")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=4.0)
    args = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        settings = Settings.load()
        if args.data is None:
            with Console().status(f"simulating {args.lines:,} order lines and training on them"):
                settings = make_shop(folder, args.lines)
        settings = settings.model_copy(update={"port": free_port(), "workers": 1})
        try:
            model, _ = champion.load(settings, "size_fit")
        except champion.ChampionError as error:
            raise SystemExit(str(error)) from None
        questions = sample_questions(args.data or folder)
        (folder / "questions.jsonl").write_bytes(b"\n".join(questions))
        base = stack.enter_context(background(settings))
        answer = typical_answer(base + PATH, questions)
        vectors = typical_vectors(model, settings, questions)
        floor_url = stack.enter_context(floor(find_boosters(model), vectors, answer, folder))
        targets = {"floor": floor_url + PATH, "Muslin": base + PATH}
        rounds = [
            {name: drive(url, folder / "questions.jsonl", args) for name, url in targets.items()}
            for _ in track(range(args.rounds), "measuring")
        ]
    median = report(rounds, args)
    sys.exit(0 if median >= BAR else 1)


if __name__ == "__main__":
    main()
