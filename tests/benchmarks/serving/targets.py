"""The servers that take turns: the floor, MLflow's, BentoML's own, and Muslin."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import orjson

from features.settings import Settings
from serving.quiet import QUIET
from serving.run import background, free_port
from tests.benchmarks.serving import mlflow_model
from tests.benchmarks.serving.floor import load_work

_BIN = Path(sys.executable).parent
_START_S = 90.0


@dataclass(frozen=True)
class Target:
    """Where a server listens, and the bodies it is sent."""

    url: str
    bodies: Path


@contextlib.contextmanager
def _process(command: Sequence[str], url: str, body: bytes, **environment: str) -> Iterator[None]:
    """Run a server until the block ends; the block begins when `body` is answered."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command,
            env={**os.environ, **QUIET, **environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            deadline = time.monotonic() + _START_S
            while True:
                with contextlib.suppress(httpx.TransportError):
                    answer = httpx.post(
                        url, content=body, headers={"content-type": "application/json"}
                    )
                    if answer.status_code == 200:
                        break
                    raise SystemExit(f"{url} answers {answer.status_code}: {answer.text[:500]}")
                if process.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    raise SystemExit(f"{command} did not start:\n{log.read()[-2000:].decode()}")
                time.sleep(0.1)
            yield
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@contextlib.contextmanager
def floor(folder: Path, bodies: Path, path: str) -> Iterator[Target]:
    """Bare uvicorn with uvloop: the same boosters, vectors ready made, the same bytes back."""
    port = free_port()
    url = f"http://127.0.0.1:{port}{path}"
    command = [sys.executable, "-m", "tests.benchmarks.serving.floor", str(folder), str(port)]
    with _process(command, url, b"{}"):
        yield Target(url, bodies)


@contextlib.contextmanager
def mlflow(folder: Path) -> Iterator[Target]:
    """`mlflow models serve` with one worker: the same boosters, vectors as JSON."""
    model, bodies = folder / "mlflow", folder / "mlflow.jsonl"
    mlflow_model.save(model, folder)
    _, _, works = load_work(folder)
    questions = [mlflow_model.question(work) for work in works]
    bodies.write_bytes(b"\n".join(questions))
    port = free_port()
    url = f"http://127.0.0.1:{port}/invocations"
    serve = ["models", "serve", "--model-uri", str(model), "--env-manager", "local"]
    command = [str(_BIN / "mlflow"), *serve, "--port", str(port), "--workers", "1"]
    path = f"{_BIN}{os.pathsep}{os.environ['PATH']}"
    with _process(command, url, questions[0], PATH=path):
        yield Target(url, bodies)


@contextlib.contextmanager
def bento(folder: Path, questions: Sequence[bytes]) -> Iterator[Target]:
    """BentoML's native endpoint with one worker: the same boosters, vectors ready made."""
    bodies = folder / "bento.jsonl"
    wrapped = [orjson.dumps({"question": orjson.Fragment(each)}) for each in questions]
    bodies.write_bytes(b"\n".join(wrapped))
    port = free_port()
    url = f"http://127.0.0.1:{port}/advise"
    service = "tests.benchmarks.serving.bento_native:Native"
    command = [str(_BIN / "bentoml"), "serve", service, "--host", "127.0.0.1", "--port", str(port)]
    with _process(command, url, wrapped[0], MUSLIN_BENCH_WORK=str(folder)):
        yield Target(url, bodies)


@contextlib.contextmanager
def muslin(settings: Settings, bodies: Path, path: str) -> Iterator[Target]:
    """Muslin as it is served, with its look-ups."""
    with background(settings) as base:
        yield Target(base + path, bodies)
