"""What was acknowledged is there, whatever happens to the processes."""

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import httpx
import psutil
import pytest
from asgi import ask
from live_shop import as_request, content, live_shop, new_event, same

from features.lease import open_lease
from features.settings import Settings
from features.stores import open_event_log
from serving.events.examples import EXAMPLES
from serving.follow import Follower
from serving.run import free_port

PATH = "/v1/events"


def logged(settings):
    with open_event_log(settings.events_url) as log:
        return [each.event_id for each in log.read(0, 100_000)]


class Sender(threading.Thread):
    """Sends requests until it is told to stop; keeps what was acknowledged."""

    def __init__(self, url, name, requests=None):
        super().__init__()
        self.url, self.sender, self.requests = url, name, requests
        self.acknowledged, self.ended = [], threading.Event()

    def run(self):
        with httpx.Client(base_url=self.url, timeout=10) as client:
            number = 0
            while not self.ended.is_set():
                ids = [f"{self.sender}-{number}-{place}" for place in range(number % 7 + 1)]
                body = [{**EXAMPLES["delivery"], "event_id": each} for each in ids]
                try:
                    if client.post(PATH, json=body).status_code == 202:
                        self.acknowledged.append(ids)
                        number += 1
                except httpx.TransportError:
                    time.sleep(0.01)


def test_what_was_acknowledged_survives_kill_9(settings, child_path, python):
    settings = settings.model_copy(update={"port": free_port()})
    url = f"http://127.0.0.1:{settings.port}"
    servers = subprocess.Popen(
        [python, "-m", "events_server"],
        env={**os.environ, **settings.environment()},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    pauses = random.Random(7)
    senders = [Sender(url, f"s{place}") for place in range(3)]
    try:
        assert servers.stdout.readline() == "ready\n"
        for each in senders:
            each.start()
        before = 0
        for _ in range(10):
            servers.stdin.write("\n")
            servers.stdin.flush()
            pid = int(servers.stdout.readline())
            deadline = time.monotonic() + 30
            while sum(len(each.acknowledged) for each in senders) < before + 5:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            time.sleep(pauses.uniform(0, 0.1))
            os.kill(pid, signal.SIGKILL)
            before = sum(len(each.acknowledged) for each in senders)
    finally:
        for each in senders:
            each.ended.set()
        servers.communicate(timeout=10)
        for each in senders:
            each.join()
    found = logged(settings)
    assert len(found) == len(set(found))
    acknowledged = [ids for each in senders for ids in each.acknowledged]
    assert len(acknowledged) >= 50
    for ids in acknowledged:
        assert set(ids) <= set(found)
    # A request is whole: of those that were not acknowledged either all events are there or none.
    requests = {}
    for event_id in found:
        requests.setdefault(event_id.rpartition("-")[0], []).append(event_id)
    for name, ids in requests.items():
        assert len(ids) == int(name.rpartition("-")[2]) % 7 + 1


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    settings = Settings(
        state_url=str(folder / "state.db"),
        events_url=str(folder / "events.db"),
        champion_dir=folder / "champion",
        tracking_uri=f"sqlite:///{folder}/mlflow.db",
        audit_url=str(folder / "audit.db"),
        follow=True,
        horizon_hours=24 * 365,
    )
    shop = live_shop(settings, folder)
    shop.fill(folder / "filled.db")
    return shop


@pytest.fixture
def here(shop, settings, tmp_path):
    """The settings of a test of its own, on the filled state."""
    shutil.copy(shop.settings.champion_dir.parent / "filled.db", settings.state_url)
    return settings.model_copy(
        update={
            "champion_dir": shop.settings.champion_dir,
            "horizon_hours": shop.settings.horizon_hours,
            "port": free_port(),
            "follow": True,
        }
    )


def one_fold(shop, here, tmp_path):
    """What the state is when the whole log is folded at once."""
    alone = here.model_copy(update={"state_url": str(tmp_path / "alone.db")})
    shutil.copy(shop.settings.champion_dir.parent / "filled.db", alone.state_url)
    follower = Follower(alone)
    follower.turn()
    assert follower.turn() == pytest.approx(0.05)  # there is no more
    follower.close()
    return content(alone.state_url)


class Service:
    """The whole service with its follower, in a session of its own."""

    def __init__(self, here, *service):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "serving.run", *service],
            env={**os.environ, **here.environment()},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{here.port}", timeout=30)
        self.wait_for(lambda: self.client.get("/livez").status_code == 200)

    def wait_for(self, done, seconds=60):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if done():
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise AssertionError("it did not come about in time")

    def live(self):
        return self.client.get("/readyz").json()["live"]

    def follower(self):
        children = psutil.Process(self.process.pid).children()
        found = []
        for each in children:
            with contextlib.suppress(psutil.NoSuchProcess):  # it may end meanwhile
                if "serving.follow" in each.cmdline():
                    found.append(each.pid)
        return found

    def kill(self):
        """Kill every process of it, without a word; workers have sessions of their own."""
        with contextlib.suppress(psutil.NoSuchProcess):
            main = psutil.Process(self.process.pid)
            for each in (main, *main.children(recursive=True)):
                each.kill()
        self.process.wait()
        self.client.close()


def test_the_state_is_that_of_the_log_whatever_was_killed(shop, here, child_path, tmp_path):
    requests = [as_request(each) for each in shop.events]
    half = len(requests) // 2
    service = Service(here)
    try:
        for start in range(0, half, 10):
            assert service.client.post(PATH, json=requests[start : start + 10]).status_code == 202
        service.wait_for(service.follower)
        service.kill()  # while it loads, folds or waits
        service = Service(here)
        answer = service.client.post(PATH, json=requests)
        assert answer.status_code == 202
        assert answer.json()["duplicates"] == len(range(0, half, 10)) * 10
        service.wait_for(service.follower)
        (first,) = service.follower()
        os.kill(first, signal.SIGKILL)
        service.wait_for(lambda: service.follower() not in ([], [first]))
        service.wait_for(lambda: service.live()["events_waiting"] == 0)
        told = service.live()
        assert told["followed"] is True
        assert (told["seconds_behind"], told["late"], told["reason"]) == (0, 0, None)
        (second,) = service.follower()
        service.process.terminate()
        assert service.process.wait(30) == 0
        assert not psutil.pid_exists(second)
    finally:
        service.kill()
    assert sorted(logged(here)) == sorted(each.event_id for each in shop.events)
    assert same(content(here.state_url), one_fold(shop, here, tmp_path))


def test_of_a_main_process_killed_alone_nothing_lives_on(here, child_path):
    """Neither the port nor the right to follow stays with an orphan."""
    lease = open_lease(here.state_url)
    service = Service(here, "fake_service:Fake")
    try:
        service.wait_for(lease.taken)
        others = psutil.Process(service.process.pid).children(recursive=True)
        assert any("_bentoml_impl.worker.service" in each.cmdline() for each in others)
        service.process.kill()
        service.process.wait()
        assert psutil.wait_procs(others, timeout=20)[1] == []
        assert not lease.taken()
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", here.port))
    finally:
        service.kill()


def test_a_shop_s_own_rows_are_accepted_and_logged_as_they_are(shop, app, settings):
    requests = [as_request(each) for each in shop.events]
    assert ask(app, PATH, body=requests).status == 202
    want = {each.event_id: new_event(each).at for each in shop.events}
    with open_event_log(settings.events_url) as log:
        found = {each.event_id: each.at for each in log.read(0, 10_000)}
    assert found == want
