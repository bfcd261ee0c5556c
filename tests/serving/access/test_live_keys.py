"""One real service process that asks for keys, and keys that come and go while it runs."""

import os
import time

import httpx
import pytest
from typer.testing import CliRunner

from pipelines.cli import app as command_line
from serving.run import background, free_port

KNOWN = {"product_id": "dress", "measurements": {"height_cm": 171}}
SOON_S = 20.0  # what takes a second on a quiet machine


@pytest.fixture
def muslin(settings, monkeypatch):
    def run(*words):
        monkeypatch.setenv("MUSLIN_KEYS_URL", settings.keys_url)
        done = CliRunner().invoke(command_line, ["keys", *map(str, words)])
        assert done.exit_code == 0, done.output
        return done.stdout.strip()

    return run


@pytest.fixture
def settings(settings, tmp_path):
    changed = {"keys": "on", "keys_url": str(tmp_path / "keys.db"), "port": free_port()}
    return settings.model_copy(update=changed)


def test_keys_come_and_go_while_the_service_runs(settings, child_path, muslin):
    with background(settings, "fake_service:Fake") as url, httpx.Client(base_url=url) as client:

        def status(text, path="/v1/size-advice", **options):
            headers = {"authorization": f"Bearer {text}"} if text else {}
            return client.post(path, json=KNOWN, headers=headers, **options).status_code

        def becomes(wanted, text):
            until = time.monotonic() + SOON_S
            while (got := status(text)) != wanted and time.monotonic() < until:
                time.sleep(0.05)
            return got == wanted

        assert status(None) == 401
        text = muslin("add", "webshop", "--scope", "storefront")
        assert becomes(200, text)
        assert client.post("/v1/size-advice", json=KNOWN, headers={"x-api-key": text}).is_success
        assert status(text, "/v1/events") == 403
        assert status(text[:-1] + "_") == 401

        assert client.get("/metrics").status_code == 401
        assert client.get("/livez").status_code == 200
        assert client.get("/readyz").status_code == 200

        key_id = text.split("_")[1]
        newer = muslin("rotate", key_id, "--grace-hours", 1)
        assert becomes(200, newer)
        assert status(text) == 200  # during the grace time
        muslin("revoke", key_id)
        assert becomes(401, text)
        assert status(newer) == 200
        assert text not in muslin("list")
    assert os.path.exists(settings.keys_url)
