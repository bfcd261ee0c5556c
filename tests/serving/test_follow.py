import logging
import os
import shutil
import subprocess
import threading
import time
from dataclasses import replace

import pytest
from asgi import ask
from live_shop import content, live_shop, new_event, same

from features.lease import open_lease
from features.live.fold import Fold
from features.live.windows import position
from features.places import places
from features.settings import Settings
from features.state import SqliteState
from features.stores import open_event_log, open_state
from serving.app import MuslinApp
from serving.follow import Follower, Followers
from serving.live_state import LiveState


class Clock:
    def __init__(self, at):
        self.at = at

    def __call__(self):
        return self.at


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    shop = live_shop(
        Settings(champion_dir=folder / "champion"), folder, lines=150, only=("size_fit",)
    )
    shop.filled = folder / "filled.db"
    shop.fill(shop.filled)
    return shop


@pytest.fixture
def here(shop, settings):
    return settings.model_copy(update={"champion_dir": shop.settings.champion_dir})


@pytest.fixture
def clock(shop):
    return Clock(shop.until / 1e6)


@pytest.fixture
def follower(here, clock):
    follower = Follower(here, clock)
    yield follower
    follower.close()


@pytest.fixture
def said(caplog):
    caplog.set_level(logging.INFO, "muslin.serving")
    return lambda: [each.getMessage() for each in caplog.records]


def tell(here, events):
    with open_event_log(here.events_url) as log:
        log.append([new_event(each) for each in events])


def stands(here):
    with open_state(here.state_url, readonly=True) as state:
        return position(state.meta())


def test_it_waits_for_a_state_and_says_once_what_to_do(follower, here, said):
    for _ in range(3):
        assert follower.turn() > 0
    (told,) = said()
    assert "muslin materialize" in told
    assert not os.path.exists(here.state_url)  # it makes none


def test_a_state_of_before_live_events_is_left_alone(follower, here, shop, said):
    with SqliteState(here.state_url) as state:
        state.replace([], {"space.size_fit": shop.spaces["size_fit"][0].fingerprint})
    tell(here, shop.events)
    assert follower.turn() > 0
    assert "not filled to be kept up" in said()[-1]
    assert content(here.state_url) == {}


def test_a_state_of_another_model_is_left_alone_until_it_is_filled_anew(follower, here, shop, said):
    shutil.copy(shop.filled, here.state_url)
    before = content(here.state_url)
    with SqliteState(here.state_url) as state:
        state.put_many([], {"space.size_fit": "another", "version.size_fit": "9"})
    tell(here, shop.events)
    assert follower.turn() > 0
    assert "filled for version 9 of size_fit, and version 1 is the champion" in said()[-1]
    assert "muslin materialize" in said()[-1]
    assert content(here.state_url) == before
    shop.fill(here.state_url)
    follower.turn()
    assert stands(here).seq == len(shop.events)


def test_it_folds_in_turns_what_one_fold_would_and_names_nobody(follower, here, shop, said):
    shutil.copy(shop.filled, here.state_url)
    for start in range(0, len(shop.events), 20):
        tell(here, shop.events[start : start + 20])
        follower.turn()
    assert follower.turn() == pytest.approx(0.05)
    follower.close()
    assert f"live events: {len(shop.events)} folded, " in said()[-1]
    for event in shop.events:
        for name, value in event.row.items():
            if name in ("customer_id", "order_line_id"):
                assert value not in " ".join(said())
    alone = here.model_copy(update={"state_url": f"{here.state_url}.alone"})
    shutil.copy(shop.filled, alone.state_url)
    other = Follower(alone)
    other.turn()
    other.close()
    assert same(content(here.state_url), content(alone.state_url))


def test_of_two_one_follows_and_the_other_takes_over(follower, here, shop, said):
    shutil.copy(shop.filled, here.state_url)
    second = Follower(here)
    follower.turn()
    tell(here, shop.events[:5])
    assert second.turn() > 0
    assert "another process follows" in said()[-1]
    assert stands(here).seq == 0
    follower.close()
    second.turn()
    assert stands(here).seq == 5
    second.close()


def test_the_place_that_does_not_serve_is_kept_up_too_once_there_is_one(here, shop, said):
    first, second = places(here.state_url)
    shutil.copy(shop.filled, first)
    both = Followers(here)
    try:
        tell(here, shop.events[:5])
        both.turn()
        assert stands(here).seq == 5
        assert not os.path.exists(second)
        shutil.copy(shop.filled, second)
        other = here.model_copy(update={"state_url": second})
        until = time.monotonic() + 30
        while stands(other).seq < 5 and time.monotonic() < until:
            time.sleep(both.turn())
        assert stands(other).seq == 5
        tell(here, shop.events[5:8])
        for each in both.followers:
            each.drain()
        assert stands(here).seq == stands(other).seq == 8
    finally:
        for each in both.followers:
            each.close()
    assert not any("no online state" in each for each in said())


def test_a_state_in_redis_is_followed_as_a_file_is_and_by_one_alone(
    here, shop, clock, redis_state_url, said
):
    there = here.model_copy(update={"state_url": redis_state_url})
    shutil.copy(shop.filled, here.state_url)
    shop.fill(redis_state_url)
    tell(here, shop.events)
    alone, first, second = Follower(here, clock), Follower(there, clock), Follower(there, clock)
    try:
        alone.turn()
        first.turn()
        assert second.turn() > 0
        assert "another process follows" in said()[-1]
        assert LiveState(there)._look()["followed"]
        assert stands(there).seq == len(shop.events)
        assert same(content(there.state_url), content(here.state_url))
        first.close()
        tell(here, [replace(shop.events[-1], event_id="more")])
        second.turn()
        assert stands(there).seq == len(shop.events) + 1
    finally:
        for each in (alone, first, second):
            each.close()
    assert not LiveState(there)._look()["followed"]


def test_the_command_follows_files_until_it_is_told_to_end(here, shop, child_path, python):
    """`muslin follow` as an operator runs it; what is in the log when it is ended is folded."""
    shutil.copy(shop.filled, here.state_url)
    tell(here, shop.events[:30])
    process = subprocess.Popen(
        [python, "-c", "from pipelines.cli import app; app()", "follow"],
        env={**os.environ, **here.environment()},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        until = time.monotonic() + 120
        while stands(here).seq < 30:
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.05)
        assert open_lease(here.state_url).taken()
        tell(here, shop.events[30:])
        process.terminate()
        told, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert "following live events for size_fit" in told
    assert "Traceback" not in told
    assert not open_lease(here.state_url).taken()
    alone = here.model_copy(update={"state_url": f"{here.state_url}.alone"})
    shutil.copy(shop.filled, alone.state_url)
    other = Follower(alone)
    other.turn()
    other.close()
    assert stands(here).seq == len(shop.events)
    assert same(content(here.state_url), content(alone.state_url))


def test_time_passes_where_nothing_happens(follower, here, shop, clock, monkeypatch):
    shutil.copy(shop.filled, here.state_url)
    moments = []
    monkeypatch.setattr(Fold, "advance", lambda self, until: moments.append(until))
    follower.turn()
    clock.at += 59
    follower.turn()
    assert moments == []
    clock.at += 1
    follower.turn()
    follower.turn()
    assert moments == [int(clock.at * 1e6)]


def test_what_is_in_the_log_is_folded_before_it_ends(here, shop):
    shutil.copy(shop.filled, here.state_url)
    tell(here, shop.events[:5])
    stop = threading.Event()
    stop.set()
    Follower(here).run(stop)
    assert stands(here).seq == 5


def test_readyz_tells_how_far_the_state_is_behind(here, shop, follower):
    app = MuslinApp(here)

    def live():
        app.use_live(LiveState(here))
        return ask(app, "/readyz", method="GET").json["live"]

    assert "no online state" in live()["reason"]
    shutil.copy(shop.filled, here.state_url)
    assert live() | {"until": ""} == {
        "followed": False,
        "events_waiting": 0,
        "seconds_behind": 0,
        "until": "",
        "late": 0,
        "reason": None,
    }
    tell(here, shop.events[:3])
    told = live()
    assert told["events_waiting"] == 3
    assert told["seconds_behind"] > 0
    follower.turn()
    told = live()
    assert (told["followed"], told["events_waiting"], told["seconds_behind"]) == (True, 0, 0)
