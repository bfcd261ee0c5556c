"""One real service process that asks for keys, and keys that come and go while it runs."""

import os
import signal
import subprocess
import time
from contextlib import contextmanager, suppress

import httpx
import pytest
from typer.testing import CliRunner

from pipelines.cli import app as command_line
from serving.run import free_port

KNOWN = {"product_id": "dress", "measurements": {"height_cm": 171}}
LET_IN = 503  # there is no champion, which only those are told who may ask
SOON_S = 90.0  # what takes seconds on a quiet machine


@pytest.fixture
def settings(settings, tmp_path):
    changed = {"keys": "on", "keys_url": str(tmp_path / "keys.db"), "port": free_port()}
    return settings.model_copy(update=changed)


@pytest.fixture
def muslin(settings, monkeypatch):
    def run(*words):
        monkeypatch.setenv("MUSLIN_KEYS_URL", settings.keys_url)
        done = CliRunner().invoke(command_line, ["keys", *map(str, words)])
        assert done.exit_code == 0, done.output
        return done.stdout.strip()

    return run


def becomes(told, wanted):
    until = time.monotonic() + SOON_S
    while (got := told()) != wanted and time.monotonic() < until:
        time.sleep(0.05)
    return got == wanted


@contextmanager
def serving(settings, python, log):
    """The service as a process of its own, its log in a file."""
    environment = {**os.environ, **settings.environment()}
    url = f"http://{settings.host}:{settings.port}"
    with (
        log.open("wb") as out,
        subprocess.Popen(
            [python, "-m", "serving.run"],
            env=environment,
            stdout=out,
            stderr=out,
            start_new_session=True,
        ) as process,
        httpx.Client(base_url=url) as client,
    ):

        def lives():
            with suppress(httpx.TransportError):
                return client.get("/livez").status_code
            return process.poll()

        try:
            assert becomes(lives, 200), log.read_text()
            yield client
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def test_keys_come_and_go_while_the_service_runs(settings, python, child_path, muslin, tmp_path):
    log = tmp_path / "log"
    with serving(settings, python, log) as client:

        def status(text, path="/v1/size-advice"):
            headers = {"authorization": f"Bearer {text}"} if text else {}
            return client.post(path, json=KNOWN, headers=headers).status_code

        assert status(None) == 401
        text = muslin("add", "webshop", "--scope", "storefront")
        assert becomes(lambda: status(text), LET_IN)
        asked = client.post("/v1/size-advice", json=KNOWN, headers={"x-api-key": text})
        assert asked.status_code == LET_IN
        assert status(text, "/v1/events") == 403
        assert status(f"{text[:-1]}_") == 401

        assert client.get("/metrics").status_code == 401
        assert client.get("/livez").status_code == 200
        assert client.get("/docs.json").status_code == 200

        key_id = text.split("_")[1]
        newer = muslin("rotate", key_id, "--grace-hours", 1)
        assert becomes(lambda: status(newer), LET_IN)
        assert status(text) == LET_IN  # during the grace time
        muslin("revoke", key_id)
        assert becomes(lambda: status(text), 401)
        assert status(newer) == LET_IN
        assert text not in muslin("list")
    told = log.read_text()
    assert told.count("every question is answered 401; make one: muslin keys add") == 1
    assert text.split("_", 2)[2] not in told
