"""Champions that come and go while a real service answers: no request fails, whatever comes.

One worker: each goes over by itself, and what they do at different moments is tested apart. The
commands ask the registry here and not in a process of their own, of which each costs seconds.
"""

import io
import itertools
import json
import os
import subprocess
import threading
import time
from collections import Counter
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace

import httpx
import pytest
from typer.testing import CliRunner

from features.places import is_used, metas, places
from features.settings import Settings
from pipelines import champions_cli
from pipelines.cli import app as cli
from serving import champion
from serving.champions.copies import (
    CHAMPION,
    adopt,
    check,
    home_of,
    locked,
    read_record,
    write_record,
)
from serving.run import background, free_port
from tests.serving.champions.small_shop import register, small_shop, spoilt

LONGEST_S = 90.0


class Hammer:
    """Asks from two connections; keeps every status and every version in turn."""

    def __init__(self, url, products):
        self._url = url
        self._products = itertools.cycle(products)
        self._stop = threading.Event()
        self.seen = []
        self.failed = []
        self._threads = [threading.Thread(target=self._ask) for _ in range(2)]

    def _ask(self):
        with httpx.Client(base_url=self._url, timeout=30) as client:
            while not self._stop.is_set():
                body = {"product_id": next(self._products), "measurements": {"height_cm": 170}}
                answer = client.post("/v1/size-advice", json=body)
                if answer.status_code == 200:
                    self.seen.append(answer.json()["model"]["version"])
                else:
                    self.failed.append((answer.status_code, answer.text))
                time.sleep(0.03)

    def __enter__(self):
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for each in self._threads:
            each.join()

    def until_only(self, version):
        """Wait until this version answers, and no other."""
        end = time.monotonic() + LONGEST_S
        while time.monotonic() < end:
            start = len(self.seen)
            time.sleep(0.4)
            fresh = Counter(self.seen[start:])
            if fresh.total() >= 10 and set(fresh) == {version}:
                return
            assert not self.failed, self.failed[:3]
        raise AssertionError(f"not {version} after {LONGEST_S} s: {Counter(self.seen[-50:])}")


@pytest.fixture(scope="module")
def shop(tmp_path_factory, registry_in):
    folder = tmp_path_factory.mktemp("shop")
    settings = Settings.load(
        tracking_uri=registry_in(folder),
        state_url=str(folder / "state.db"),
        champion_dir=folder / "champion",
        events_url=str(folder / "events.db"),
        audit_url=str(folder / "audit.db"),
        keys_url=str(folder / "keys.db"),
        shadow_log=folder / "shadow.jsonl",
        shadow_rate=1.0,
        follow=False,
        workers=1,
        champion_poll_s=0,
        port=free_port(),
    )
    shop = small_shop(folder, settings)
    register(shop)
    return shop


@pytest.fixture(scope="module")
def muslin(shop):
    def asked(command, **_):
        told = io.TextIOWrapper(io.BytesIO())
        with redirect_stdout(told):
            champion._download(Settings.load(), command[3:])
        return subprocess.CompletedProcess(command, 0, told.buffer.getvalue(), b"")

    def run(*words):
        with _environment(shop.settings), pytest.MonkeyPatch.context() as patch:
            patch.setattr(champions_cli.subprocess, "run", asked)
            result = CliRunner().invoke(cli, [str(word) for word in words])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        return " ".join(result.output.split())

    return run


@contextmanager
def _environment(settings):
    before = dict(os.environ)
    os.environ.update(settings.environment())
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(scope="module")
def url(shop, muslin, tmp_path_factory):
    muslin("promote", "size-fit", "--version", 1)
    assert shop.fill().place == shop.settings.state_url
    adopt(shop.settings, "size_fit", "1", shop.folders[1])
    # The service need not ask the registry: the commands bring what it says.
    nowhere = f"sqlite:///{tmp_path_factory.mktemp('nowhere') / 'mlflow.db'}"
    served = shop.settings.model_copy(update={"tracking_uri": nowhere})
    with background(served, timeout_s=150) as url:
        yield url


def told(url):
    return httpx.get(f"{url}/readyz", timeout=30).json()["champions"]["size_fit"]


def eventually(url, true):
    """What `/readyz` says of the model, once this is true of it."""
    end = time.monotonic() + LONGEST_S
    while time.monotonic() < end:
        said = told(url)
        if true(said):
            return said
        time.sleep(0.2)
    raise AssertionError(said)


def test_a_champion_of_another_space_is_taken_over_and_rolled_back_without_a_failed_request(
    shop, url, muslin
):
    first, second = places(shop.settings.state_url)
    assert is_used(first)
    with Hammer(url, shop.products) as hammer:
        hammer.until_only("1")
        said = muslin("promote", "size-fit", "--version", 2)
        assert "not up to date" not in said
        assert "until then version 1 goes on answering" in said
        waits = eventually(url, lambda each: each["waiting"] is not None)
        assert (waits["version"], waits["waiting"]["version"]) == ("1", "2")
        assert waits["waiting"]["action"].startswith("muslin materialize")
        assert shop.fill().place == second
        hammer.until_only("2")
        assert eventually(url, lambda each: each["waiting"] is None)["version"] == "2"

        said = muslin("rollback", "size-fit")
        assert "size_fit version 1 is the champion again, after version 2" in said
        assert "the online state is filled for it" in said
        hammer.until_only("1")
    assert hammer.failed == []
    turns = [version for version, _ in itertools.groupby(hammer.seen)]
    assert (turns[0], turns[-1]) == ("1", "1")
    assert set(turns) == {"1", "2"}
    assert set(metas((first, second))) == {first, second}


def test_a_copy_with_a_flipped_byte_is_refused_and_taken_once_it_is_mended(shop, url):
    whole = adopt(shop.settings, "size_fit", "3", shop.folders[3], role="challenger")
    home = home_of(shop.settings, "size_fit")
    (home / "challenger.json").unlink()
    damaged = home / whole.folder / "booster_0.txt"
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    before = read_record(shop.settings, "size_fit")
    with Hammer(url, shop.products) as hammer:
        with locked(shop.settings, "size_fit"):
            write_record(shop.settings, whole, CHAMPION)
        said = eventually(url, lambda each: each["refused"] is not None)
        assert said["version"] == before.version == "1"
        assert said["refused"]["version"] == "3"
        assert "is damaged: booster_0.txt" in said["refused"]["reason"]
        hammer.until_only("1")
        adopt(shop.settings, "size_fit", "3", shop.folders[3])
        hammer.until_only("3")
        with locked(shop.settings, "size_fit"):
            write_record(shop.settings, before)
        hammer.until_only("1")
    assert hammer.failed == []
    check(shop.settings, whole)


def test_a_model_that_answers_otherwise_than_recorded_is_refused_with_the_figure(
    shop, url, tmp_path
):
    before = read_record(shop.settings, "size_fit")
    with Hammer(url, shop.products) as hammer:
        adopt(shop.settings, "size_fit", "9", spoilt(shop.folders[3], tmp_path / "spoilt"))
        said = eventually(url, lambda each: (each["refused"] or {}).get("version") == "9")
        assert said["version"] == "1"
        assert "golden request 0" in said["refused"]["reason"]
        assert "recorded" in said["refused"]["reason"]
        reason = httpx.get(f"{url}/readyz").json()["endpoints"]["/v1/size-advice"]["reason"]
        assert "version 9 is refused" in reason
        hammer.until_only("1")
        with locked(shop.settings, "size_fit"):
            write_record(shop.settings, replace(before))
        eventually(url, lambda each: each["version"] == "1")
    assert hammer.failed == []
    assert set(hammer.seen) == {"1"}


def test_a_challenger_answers_beside_the_champion_and_differences_are_counted(shop, url, muslin):
    said = muslin("promote", "size-fit", "--shadow", "--version", 3)
    assert "size_fit version 3 is the challenger" in said
    assert "materialize" not in said  # it is of the champion's space
    eventually(url, lambda each: each["shadow"] == "3")
    counts = shop.settings.champion_dir / "size_fit" / "shadow.json"
    with Hammer(url, shop.products) as hammer:
        end = time.monotonic() + LONGEST_S
        while time.monotonic() < end:
            if counts.exists() and sum(json.loads(counts.read_text())["dp"]) > 20:
                break
            time.sleep(0.2)
    assert hammer.failed == []
    assert set(hammer.seen) == {"1"}
    told = json.loads(counts.read_text())
    assert (told["champion"], told["challenger"]) == ("1", "3")
    assert told["failed"] == 0
    assert sum(told["dp"]) == told["same"] + told["differ"] > 0
    for line in map(json.loads, shop.settings.shadow_log.read_text().splitlines()):
        assert line["challenger"] == "3"
        assert not {"customer_id", "measurements", "message"} & set(line)
    report = muslin("shadow", "report")
    assert "size_fit: champion version 1, challenger version 3" in report
    muslin("promote", "size-fit", "--shadow", "--off")
    eventually(url, lambda each: each["shadow"] is None)
