"""One real service with two workers, everything it can tell switched on, and its log."""

import gzip
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import orjson
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from features.access_store import KeyStore
from features.settings import Settings
from serving.run import free_port

ROOT = Path(__file__).parents[3]
SOON_S = 60.0


class Collector(ThreadingHTTPServer):
    """Takes traces as an OpenTelemetry collector does."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taking)
        self.bodies: list[bytes] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def spans(self) -> list:
        found = []
        for body in list(self.bodies):
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope in resource.scope_spans:
                    found += scope.spans
        return found


class _Taking(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.bodies.append(body)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@dataclass
class Watched:
    url: str
    log: Path
    collector: Collector
    key: str
    metrics_key: str
    process: subprocess.Popen
    clients: list[httpx.Client] = field(default_factory=list)

    def client(self, key: str | None = None) -> httpx.Client:
        headers = {"authorization": f"Bearer {key or self.key}"}
        client = httpx.Client(base_url=self.url, headers=headers, timeout=30)
        self.clients.append(client)
        return client

    def told(self) -> str:
        return self.log.read_text("utf-8", "replace")

    def lines(self) -> list[dict]:
        return [orjson.loads(line) for line in self.told().splitlines()]

    def scrape(self) -> str:
        with httpx.Client(base_url=self.url) as client:  # any of the workers
            answer = client.get("/metrics", headers={"authorization": f"Bearer {self.metrics_key}"})
        assert answer.status_code == 200, answer.text
        return answer.text


def until(done, what: str):
    deadline = time.monotonic() + SOON_S
    while not (found := done()):
        assert time.monotonic() < deadline, f"in time: {what}"
        time.sleep(0.1)
    return found


@pytest.fixture(scope="session")
def watched(tmp_path_factory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("watched")
    settings = Settings(
        tracking_uri=f"sqlite:///{folder}/mlflow.db",
        state_url=str(folder / "state.db"),
        champion_dir=folder / "champion",
        events_url=str(folder / "events.db"),
        audit_url=str(folder / "audit.db"),
        keys="on",
        keys_url=str(folder / "keys.db"),
        port=free_port(),
        workers=2,
        follow=True,
        access_log=True,
        log_format="json",
        traces="on",
    )
    with KeyStore(settings.keys_url) as store:
        _, key = store.add("all", ["storefront", "desk", "events"], now=time.time())
        _, metrics_key = store.add("scraper", ["metrics"], now=time.time())
    collector = Collector()
    log = folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "serving.run", "tests.serving.observe.watched_service:Watched"],
            env={
                **{name: value for name, value in os.environ.items() if name[:7] != "MUSLIN_"},
                **settings.environment(),
                "PYTHONPATH": str(ROOT),
                "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
                "OTEL_BSP_SCHEDULE_DELAY": "200",
            },
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    url = f"http://127.0.0.1:{settings.port}"
    service = Watched(url, log, collector, key, metrics_key, process)

    def ready() -> bool:
        assert process.poll() is None, service.told()
        try:
            return httpx.get(f"{url}/readyz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    try:
        until(ready, "the service is ready")
        yield service
    finally:
        for each in service.clients:
            each.close()
        process.terminate()
        try:
            process.wait(20)
        finally:
            process.kill()
            collector.shutdown()
            collector.server_close()
