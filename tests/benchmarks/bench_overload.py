"""What becomes of accepted requests when twice as many come as can be answered.

    python -m tests.benchmarks.bench_overload [--rounds 3] [--seconds 4]

The service on a small simulated shop; its peak by a closed loop of 32 clients; then an open loop at
twice that over 800 connections, with several bounds (`max_waiting`) and as good as without one.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from itertools import cycle
from pathlib import Path

import numpy as np
import uvloop

from serving.run import background, free_port
from tests.benchmarks.serving.load import Client, Closed, Open
from tests.benchmarks.serving.shop import make_shop, sample_questions

_BOUNDS = (25, 50, 100, 200, 100_000)
_CONNECTIONS = 800
_PATH = "/v1/size-advice"


class Noting(Open):
    """Keeps the seconds of accepted and of refused requests apart."""

    def __init__(self, requests, rate) -> None:
        super().__init__(requests, rate)
        self.seconds: dict[bytes, list[float]] = {}

    def answered(self, due: float, status: bytes) -> None:
        super().answered(due, status)
        if self.counting:
            self.seconds.setdefault(status, []).append(time.perf_counter() - due)


async def drive(port: int, bodies: list[bytes], seconds: float, rate: float | None):
    """Give requests a second by status, and the seconds of each."""
    head = f"POST {_PATH} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
    start = head.encode() + b"content-length: "
    requests = cycle([start + b"%d\r\n\r\n" % len(body) + body for body in bodies])
    loop = asyncio.get_running_loop()
    feed = Closed(requests) if rate is None else Noting(requests, rate)
    closed = [loop.create_future() for _ in range(32 if rate is None else _CONNECTIONS)]
    for each in closed:
        await loop.create_connection(lambda each=each: Client(feed, each), "127.0.0.1", port)
    running = asyncio.create_task(feed.run())
    await asyncio.sleep(1)
    feed.counting = True
    await asyncio.sleep(seconds)
    feed.counting, feed.stopped = False, True
    await asyncio.wait_for(asyncio.gather(*closed, running, return_exceptions=True), 60)
    return feed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0)
    given = parser.parse_args()
    if given.rounds > 20 or given.seconds > 30:
        raise SystemExit("at most 20 rounds of 30 seconds")
    found: dict[int, list[tuple[float, float, float, float]]] = {each: [] for each in _BOUNDS}
    with tempfile.TemporaryDirectory(prefix="muslin-overload-") as name:
        settings, lines = make_shop(Path(name), 5_000, ["size_fit"])
        bodies = sample_questions(lines)
        for _ in range(given.rounds):
            for bound in _BOUNDS:
                own = settings.model_copy(
                    update={"port": free_port(), "max_waiting": bound, "follow": False}
                )
                with background(own):
                    peak = uvloop.run(drive(own.port, bodies, given.seconds, None))
                    rate = 2 * peak.statuses[b"200"] / given.seconds
                    feed = uvloop.run(drive(own.port, bodies, given.seconds, rate))
                good = np.array(feed.seconds.get(b"200", [np.nan])) * 1000
                refused = len(feed.seconds.get(b"429", [])) / given.seconds
                p50, p99 = np.percentile(good, [50, 99])
                found[bound].append((rate / 2, good.size / given.seconds, refused, p50, p99))
    sys.stdout.write("max_waiting   peak/s  accepted/s  refused/s  p50 ms  p99 ms (medians)\n")
    for bound, rounds in found.items():
        peak, good, refused, p50, p99 = np.median(np.array(rounds), axis=0)
        sys.stdout.write(
            f"{bound:>11} {peak:>8.0f} {good:>11.0f} {refused:>10.0f} {p50:>7.1f} {p99:>7.1f}\n"
        )


if __name__ == "__main__":
    main()
