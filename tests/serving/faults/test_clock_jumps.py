"""The clock of the machine is set an hour forwards or back under a real server and a follower."""

import os
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from live_shop import as_request, content, same

from features.live.fold import Fold
from features.live.windows import position
from features.stores import open_event_log, open_state
from serving.follow import Follower
from serving.run import free_port

HOUR = 3_600


@pytest.fixture
def here(small_shop, tmp_path):
    shutil.copy(small_shop.filled, tmp_path / "state.db")
    return small_shop.settings.model_copy(
        update={
            "state_url": str(tmp_path / "state.db"),
            "events_url": str(tmp_path / "events.db"),
            "port": free_port(),
        }
    )


class Shifted:
    """The endpoint of events in a process, and a follower here, with a clock that can be set."""

    def __init__(self, settings, folder):
        tests = Path(__file__).parent
        self.clock, self.shift = folder / "clock", 0
        self.settings = settings
        environment = {
            **os.environ,
            **settings.environment(),
            "PYTHONPATH": f"{tests}:{tests.parent}:{tests.parents[2]}",
            "MUSLIN_TEST_CLOCK": str(self.clock),
        }
        self.log = folder / "log"
        with self.log.open("wb") as out:
            self.server = subprocess.Popen(
                [sys.executable, "-m", "events_server"],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=out,
                text=True,
            )
        self.follower = Follower(settings, lambda: time.time() + self.shift, time.monotonic)
        assert self.server.stdout.readline() == "ready\n"
        self.server.stdin.write("\n")
        self.server.stdin.flush()
        self.pid = int(self.server.stdout.readline())
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{settings.port}", timeout=30)
        self.wait_for(self.listens)

    def listens(self):
        try:
            return self.client.get("/livez").status_code == 200
        except httpx.TransportError:
            return False

    def wait_for(self, done):
        deadline = time.monotonic() + 60
        while not done():
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    def set(self, seconds):
        self.shift = seconds
        fresh = self.clock.with_suffix(".new")
        fresh.write_text(str(seconds))
        fresh.replace(self.clock)

    def folded(self):
        self.follower.turn()
        with open_event_log(self.settings.events_url) as log:
            last = log.last()
        with open_state(self.settings.state_url, readonly=True) as state:
            return position(state.meta()).seq == last

    def end(self):
        self.client.close()
        os.kill(self.pid, 15)
        self.server.communicate(timeout=20)
        self.follower.close()


@pytest.fixture
def shifted(here, tmp_path):
    shifted = Shifted(here, tmp_path)
    yield shifted
    shifted.end()


def registered(name, at):
    return {
        "event_id": name,
        "kind": "customer",
        "at": at.isoformat(),
        "data": {"customer_id": name},
    }


def test_events_are_taken_and_folded_wherever_the_clock_is_set_to(
    shifted, here, small_shop, tmp_path
):
    shop = small_shop
    requests = [as_request(each) for each in shop.events]
    third = len(requests) // 3
    for part, shift in enumerate((0, HOUR, -HOUR, -5, 0)):
        shifted.set(shift)
        sent = requests[part * third : (part + 1) * third] if part < 3 else requests[3 * third :]
        # What happens at this moment is no event of the future.
        sent = [*sent, registered(f"now-{part}", datetime.now(UTC) + timedelta(seconds=20))]
        answer = shifted.client.post("/v1/events", json=sent)
        assert answer.status_code == 202, answer.text
        shifted.wait_for(shifted.folded)
    with open_event_log(here.events_url) as log:
        logged = [each.event_id for each in log.read(0, 100_000)]
    assert len(logged) == len(set(logged))
    assert {each.event_id for each in shop.events} <= set(logged)
    alone = here.model_copy(update={"state_url": str(tmp_path / "alone.db")})
    shutil.copy(shop.filled, alone.state_url)
    follower = Follower(alone)
    while follower.turn() != pytest.approx(0.05):
        pass
    follower.close()
    assert same(content(here.state_url), content(alone.state_url))
    with open_state(here.state_url, readonly=True) as state:
        assert position(state.meta()).late == 0


class Clocks:
    def __init__(self, at):
        self.wall, self.run = at, 1_000.0


@pytest.mark.parametrize("jump", [-HOUR, HOUR, 365 * 24 * HOUR])
def test_without_events_the_state_goes_no_further_than_time_has_passed(
    here, small_shop, monkeypatch, jump
):
    moments = []
    monkeypatch.setattr(Fold, "advance", lambda self, until: moments.append(until / 1e6))
    clocks = Clocks(small_shop.until / 1e6)
    follower = Follower(here, lambda: clocks.wall, lambda: clocks.run)
    begun = clocks.wall
    follower.turn()
    clocks.wall += jump
    for minute in range(1, 4):
        clocks.wall += 61
        clocks.run += 61
        assert follower.turn() > 0
        assert len(moments) == minute  # time goes on for it, whatever the clock says
        assert moments[-1] <= begun + 61 * minute + 300
    follower.close()
