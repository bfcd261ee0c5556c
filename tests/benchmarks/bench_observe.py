"""What counting costs a request, beside the client library's own counters over several processes.

Run: python -m tests.benchmarks.bench_observe
"""

from __future__ import annotations

import io
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout

import orjson

ROUNDS, CALLS = 9, 20_000
PATH = "/v1/size-advice"


def cost(call: Callable[[], object]) -> float:
    """Processor time of one call, microseconds: the least of some rounds."""
    times = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        for _ in range(CALLS):
            call()
        times.append((time.process_time() - begun) / CALLS)
    return min(times) * 1e6


def main() -> None:
    """Print a line for each way to count."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder  # before the library is imported
        from prometheus_client import CollectorRegistry, Counter, Histogram

        from features.settings import Settings
        from serving.observe.counts import BOUNDS_S, Counts
        from serving.observe.logs import configure
        from serving.observe.observer import Observer
        from serving.observe.request_id import request_id_of

        registry = CollectorRegistry()
        counter = Counter("requests", "-", ["endpoint", "status"], registry=registry)
        times = Histogram("seconds", "-", ["endpoint"], buckets=BOUNDS_S, registry=registry)
        one, timed = counter.labels(PATH, "200"), times.labels(PATH)
        counts, observer = Counts(), Observer(Settings())
        answers = [{"status": "advised", "degraded": False}]
        headers = [(b"host", b"shop"), (b"accept", b"*/*"), (b"x-request-id", b"shop-4711-abc")]

        def request(observed: Observer) -> None:
            observed.done(PATH, "POST", 200, 0.0, "shop-4711-abc", kind=None, caller=None)

        told = {
            "ours: a request with its status and time": lambda: request(observer),
            "ours: what an answer says": lambda: counts.size_advice(answers),
            "ours: the caller's request id": lambda: request_id_of(headers),
            "ours: a second's counts, written once a second": lambda: orjson.dumps(counts.take()),
            "prometheus_client: counter, bound": one.inc,
            "prometheus_client: counter, by labels": lambda: counter.labels(PATH, "200").inc(),
            "prometheus_client: histogram, bound": lambda: timed.observe(0.0004),
            "prometheus_client: histogram, by labels": lambda: times.labels(PATH).observe(0.0004),
        }
        figures = {name: cost(call) for name, call in told.items()}
        logging_one = Observer(Settings(access_log=True))
        with redirect_stdout(io.StringIO()):
            configure(Settings(log_format="json"), "worker 1")
        figures["a line in the log, without the disk"] = cost(lambda: request(logging_one))
    for name, figure in figures.items():
        sys.stdout.write(f"{figure:7.2f} us  {name}\n")
    logging.shutdown()


if __name__ == "__main__":
    main()
