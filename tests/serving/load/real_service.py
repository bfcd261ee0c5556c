"""A real process of the service, and clients that are less polite than a library's."""

import os
import select
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import orjson
import psutil

from features.settings import Settings
from serving.run import free_port

HERE = Path(__file__).parent
SIZE = "/v1/size-advice"
KNOWN = {"product_id": "dress", "measurements": {"height_cm": 171}}


def head(path=SIZE, length=None, method="POST", **fields):
    """The head of a request; `length` is that of its body."""
    if length is not None:
        fields |= {"content-type": "application/json", "content-length": length}
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return "\r\n".join([f"{method} {path} HTTP/1.1", "host: here", *lines, "", ""]).encode()


def request(body=KNOWN, path=SIZE):
    """A whole request."""
    content = orjson.dumps(body)
    return head(path, len(content)) + content


def read_answer(connection):
    """Status, fields and body; None where the connection ends before the first byte of them.

    Raises
    ------
    AssertionError
        The answer was begun and is not complete.
    """
    data = b""
    try:
        while b"\r\n\r\n" not in data:
            if not (part := connection.recv(65_536)):
                assert not data, data
                return None
            data += part
        top, _, body = data.partition(b"\r\n\r\n")
        first, *lines = top.decode().split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in lines)
        while len(body) < int(fields["content-length"]):
            part = connection.recv(1_000_000)
            assert part, "the answer was cut off"
            body += part
    except ConnectionError:
        assert not data, data
        return None
    return int(first.split()[1]), fields, body


def is_ended(connection):
    """Whether the other side has ended the connection; reads nothing."""
    poll = select.poll()
    poll.register(connection, select.POLLIN | select.POLLRDHUP)
    ended = select.POLLRDHUP | select.POLLHUP | select.POLLERR
    return any(flags & ended for _, flags in poll.poll(0))


class RealService:
    """Runs ``muslin serve`` on a service module of the tests, on loopback."""

    def __init__(self, folder, service="load_service:Loaded", **settings):
        self.settings = Settings.load(
            **{
                "tracking_uri": f"sqlite:///{folder}/mlflow.db",
                "state_url": str(folder / "state.db"),
                "champion_dir": folder / "champion",
                "events_url": str(folder / "events.db"),
                "audit_url": str(folder / "audit.db"),
                "keys_url": str(folder / "keys.db"),
                "follow": False,
                "port": free_port(),
                **settings,
            }
        )
        path = os.pathsep.join([str(HERE.parents[2]), str(HERE.parent), str(HERE)])
        self.process = subprocess.Popen(
            [sys.executable, "-m", "serving.run", service],
            env={**os.environ, **self.settings.environment(), "PYTHONPATH": path},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.url = f"http://127.0.0.1:{self.settings.port}"
        self.client = httpx.Client(base_url=self.url, timeout=30)
        try:
            wait_for(self.is_ready, 120)
        except BaseException:
            self.kill()
            raise

    def is_ready(self):
        try:
            return self.client.get("/readyz").status_code == 200
        except httpx.TransportError:
            assert self.process.poll() is None, "the service ended"
            return False

    def worker(self):
        """The process that answers."""
        return next(
            each
            for each in psutil.Process(self.process.pid).children(recursive=True)
            if "_bentoml_impl.worker.service" in each.cmdline()
        )

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.settings.port), 30)
        connection.settimeout(30)
        return connection

    def kill(self):
        """End all that is left of it."""
        self.client.close()
        try:
            main = psutil.Process(self.process.pid)
            for each in (main, *main.children(recursive=True)):
                each.kill()
        except psutil.NoSuchProcess:
            pass
        self.process.wait()


def wait_for(done, seconds=30):
    """Wait until `done` gives something true."""
    deadline = time.monotonic() + seconds
    while not (found := done()):
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)
    return found
