"""Load from a process of its own, on raw sockets, so that the generator is not what is measured.

    python -m tests.benchmarks.serving.load URL bodies.jsonl [--clients N | --rate R]

Closed loop: each client sends its next request when its last one is answered. Open loop: requests
fall due at random moments, `rate` a second, whether or not earlier ones are answered; one that
finds no free connection waits, and its wait counts.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import orjson
import uvloop

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_OPEN_CONNECTIONS = 128
_SHARES = {"p50": 50, "p95": 95, "p99": 99, "p999": 99.9}


class Closed:
    """Gives each client the next request as soon as it is free."""

    def __init__(self, requests: Iterator[bytes]) -> None:
        self._requests = requests
        self.latencies: list[float] = []
        self.statuses: Counter[bytes] = Counter()
        self.counting = False
        self.stopped = False

    def free(self, client: Client) -> None:
        client.send(next(self._requests), time.perf_counter())

    def answered(self, due: float, status: bytes) -> None:
        if self.counting:
            self.latencies.append(time.perf_counter() - due)
            self.statuses[status] += 1

    async def run(self) -> None:
        """Nothing: the answers keep it going."""


class Open(Closed):
    """Lets requests fall due by a clock (exponential gaps, told to a millisecond)."""

    def __init__(self, requests: Iterator[bytes], rate: float) -> None:
        super().__init__(requests)
        self._rate = rate
        self._idle: deque[Client] = deque()
        self._due: deque[float] = deque()

    def free(self, client: Client) -> None:
        if self._due:
            client.send(next(self._requests), self._due.popleft())
        else:
            self._idle.append(client)

    async def run(self) -> None:
        rng = np.random.default_rng(7)
        due = time.perf_counter()
        while not self.stopped:
            now = time.perf_counter()
            while due <= now:
                # The clock ticks in milliseconds: what is due since the last tick is sent now.
                if self._idle:
                    self._idle.popleft().send(next(self._requests), now)
                else:
                    self._due.append(now)
                due += rng.exponential(1.0 / self._rate)
            await asyncio.sleep(0.001)
        for client in self._idle:
            client.close()


class Client(asyncio.Protocol):
    """One keep-alive connection."""

    def __init__(self, feed: Closed, closed: asyncio.Future) -> None:
        self._feed = feed
        self._closed = closed
        self._buffer = b""
        self._end = 0  # length of the response that is arriving, once its head is there

    def connection_made(self, transport) -> None:
        self._transport = transport
        self._feed.free(self)

    def send(self, request: bytes, due: float) -> None:
        self._asked = due
        self._transport.write(request)

    def close(self) -> None:
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._end:
            head_end = self._buffer.find(b"\r\n\r\n")
            if head_end < 0:
                return
            head = self._buffer[:head_end].lower()
            start = head.index(b"content-length:") + 15
            stop = head.find(b"\r\n", start)
            length = int(head[start:] if stop < 0 else head[start:stop])
            self._end = head_end + 4 + length
        if len(self._buffer) < self._end:
            return
        self._feed.answered(self._asked, self._buffer[9:12])
        self._buffer, self._end = b"", 0
        if self._feed.stopped:
            self._transport.close()
        else:
            self._feed.free(self)

    def connection_lost(self, error) -> None:
        if not self._closed.done():
            if self._feed.stopped:
                self._closed.set_result(None)
            else:
                self._closed.set_exception(error or ConnectionError("the server hung up"))


async def drive(url: str, bodies: list[bytes], args: argparse.Namespace) -> tuple[dict, np.ndarray]:
    """Send `bodies` in turn; return the figures, and the seconds of each answer."""
    parts = urlsplit(url)
    if parts.hostname not in _LOOPBACK:
        raise SystemExit(f"{url} is not this machine: the load is for loopback only")
    head = (
        f"POST {parts.path} HTTP/1.1\r\nhost: {parts.netloc}\r\n"
        "content-type: application/json\r\ncontent-length: "
    ).encode()
    requests = cycle([head + b"%d\r\n\r\n" % len(body) + body for body in bodies])
    loop = asyncio.get_running_loop()
    feed = Open(requests, args.rate) if args.rate else Closed(requests)
    closed = [loop.create_future() for _ in range(_OPEN_CONNECTIONS if args.rate else args.clients)]
    for future in closed:
        await loop.create_connection(
            lambda future=future: Client(feed, future), parts.hostname, parts.port
        )
    running = asyncio.create_task(feed.run())
    await asyncio.sleep(args.warmup)
    feed.counting = True
    start = time.perf_counter()
    cpu = time.process_time()
    await asyncio.sleep(args.seconds)
    feed.counting = False
    elapsed = time.perf_counter() - start
    cpu = time.process_time() - cpu
    feed.stopped = True
    await asyncio.wait_for(asyncio.gather(*closed, running), 30)
    seconds = np.array(feed.latencies)
    figures = {
        "rps": seconds.size / elapsed,
        "generator_cpu": cpu / elapsed,
        "statuses": {code.decode(): n for code, n in feed.statuses.items()},
    }
    return figures, seconds


def percentiles(seconds: np.ndarray) -> dict[str, float]:
    """Milliseconds by name of the share that is answered within."""
    found = np.percentile(seconds, list(_SHARES.values())) * 1000
    return dict(zip(_SHARES, found.tolist(), strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("bodies", type=Path, help="one JSON body a line")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--rate", type=float, help="requests a second, open loop")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--warmup", type=float, default=1.0)
    parser.add_argument("--latencies", type=Path, help="where the seconds of each answer go (.npy)")
    args = parser.parse_args()
    if args.seconds > 60 or args.clients > 64 or (args.rate or 0) > 20_000:
        raise SystemExit("at most 60 seconds, 64 clients and 20,000 requests a second")
    bodies = args.bodies.read_bytes().splitlines()
    figures, seconds = uvloop.run(drive(args.url, bodies, args))
    if args.latencies:
        np.save(args.latencies, seconds)
    sys.stdout.buffer.write(orjson.dumps(figures | percentiles(seconds)))


if __name__ == "__main__":
    main()
