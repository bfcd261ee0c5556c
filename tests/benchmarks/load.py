"""Closed-loop load: each client sends its next request when its last one is answered.

A process of its own, on raw sockets, so that the generator is not what is measured::

    python -m tests.benchmarks.load http://127.0.0.1:3000/v1/size-advice bodies.jsonl
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import orjson
import uvloop

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass
class Tally:
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[bytes] = field(default_factory=Counter)
    counting: bool = False
    stopped: bool = False


class Client(asyncio.Protocol):
    """One keep-alive connection."""

    def __init__(self, requests, tally: Tally, closed: asyncio.Future) -> None:
        self._requests = requests
        self._tally = tally
        self._closed = closed
        self._buffer = b""
        self._end = 0  # length of the response that is arriving, once its head is there

    def connection_made(self, transport) -> None:
        self._transport = transport
        self._send()

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(next(self._requests))

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
        tally = self._tally
        if tally.counting:
            tally.latencies.append(time.perf_counter() - self._sent)
            tally.statuses[self._buffer[9:12]] += 1
        self._buffer, self._end = b"", 0
        if tally.stopped:
            self._transport.close()
        else:
            self._send()

    def connection_lost(self, error) -> None:
        if not self._closed.done():
            if self._tally.stopped:
                self._closed.set_result(None)
            else:
                self._closed.set_exception(error or ConnectionError("the server hung up"))


async def drive(url: str, bodies: list[bytes], *, clients: int, seconds: float, warmup: float):
    """Send `bodies` in turn from `clients` connections; return the figures."""
    parts = urlsplit(url)
    if parts.hostname not in _LOOPBACK:
        raise SystemExit(f"{url} is not this machine: the load is for loopback only")
    head = (
        f"POST {parts.path} HTTP/1.1\r\nhost: {parts.netloc}\r\n"
        "content-type: application/json\r\ncontent-length: "
    ).encode()
    requests = cycle([head + b"%d\r\n\r\n" % len(body) + body for body in bodies])
    loop = asyncio.get_running_loop()
    tally = Tally()
    closed = [loop.create_future() for _ in range(clients)]
    for future in closed:
        await loop.create_connection(
            lambda future=future: Client(requests, tally, future), parts.hostname, parts.port
        )
    await asyncio.sleep(warmup)
    tally.counting = True
    start = time.perf_counter()
    cpu = time.process_time()
    await asyncio.sleep(seconds)
    tally.counting = False
    elapsed = time.perf_counter() - start
    cpu = time.process_time() - cpu
    tally.stopped = True
    await asyncio.wait_for(asyncio.gather(*closed), 30)
    p50, p99 = np.percentile(tally.latencies, [50, 99]) * 1000
    return {
        "rps": len(tally.latencies) / elapsed,
        "p50_ms": float(p50),
        "p99_ms": float(p99),
        "requests": len(tally.latencies),
        "generator_cpu": cpu / elapsed,
        "statuses": {code.decode(): n for code, n in tally.statuses.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("bodies", type=Path, help="one JSON body a line")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--warmup", type=float, default=1.0)
    args = parser.parse_args()
    if args.seconds > 60 or args.clients > 64:
        raise SystemExit("at most 60 seconds and 64 clients")
    bodies = args.bodies.read_bytes().splitlines()
    figures = uvloop.run(
        drive(args.url, bodies, clients=args.clients, seconds=args.seconds, warmup=args.warmup)
    )
    sys.stdout.buffer.write(orjson.dumps(figures))


if __name__ == "__main__":
    main()
