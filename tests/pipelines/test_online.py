import dataclasses
from collections import Counter

import pytest
from fake_job import Share, ShareJob

from features.settings import Settings
from features.state import KEY_SEPARATOR, SqliteState, state_key
from features.stores import open_state
from pipelines import materialize, online
from pipelines.simulate import simulate
from pipelines.tracking import RegistryError, Version


class Versions:
    """A registry with these champions; the space of a version holds its number."""

    uri = "here"

    def __init__(self, **numbers):
        self.numbers = numbers

    def champion(self, name):
        number = self.numbers.get(name)
        return None if number is None else Version(name, number, {}, {}, {})

    def download(self, name, number, folder):
        (folder / "share.json").write_text(str(number / 10))
        return folder


@pytest.fixture(scope="module")
def tables():
    return simulate(200, seed=2).tables


@pytest.fixture
def settings(tmp_path, monkeypatch):
    jobs = {name: ShareJob(name) for name in ("first", "second", "third")}
    monkeypatch.setattr(online, "MODELS", tuple(jobs))
    monkeypatch.setattr(online, "job_of", jobs.__getitem__)
    monkeypatch.setattr(materialize, "job_of", jobs.__getitem__)
    return Settings.load(state_url=str(tmp_path / "state.db"))


def test_the_state_holds_every_champion_and_tells_whose_it_is(settings, tables):
    filled = online.materialize_champions(tables, Versions(first=4, third=7), settings)
    assert filled.versions == {"first": "4", "third": "7"}
    assert filled.without == ("second",)
    with SqliteState(settings.state_url, readonly=True) as state:
        meta = state.meta()
        assert meta["space.first"] == Share(0.4).fingerprint
        assert meta["version.third"] == "7"
        assert "filled_at" in meta
        assert not any("second" in name for name in meta)
        keys = [state_key(name, "mean") for name in ("first", "second", "third")]
        assert set(state.get_many(keys)) == {keys[0], keys[2]}
        orders = [state_key("order_line", id_) for id_ in tables["order_lines"]["order_line_id"]]
        assert len(state.get_many(orders)) == len(orders)
        kinds = Counter(key.split(KEY_SEPARATOR)[0] for key in state.all_keys())
    assert kinds["first"] == kinds["third"] == 1
    assert kinds["order_line"] == len(orders)
    assert filled.keys == kinds.total()


def test_the_state_in_redis_is_the_state_in_the_file(settings, tables, redis_state_url):
    versions = Versions(first=4, third=7)
    in_redis = settings.model_copy(update={"state_url": redis_state_url})
    filled = online.materialize_champions(tables, versions, settings)
    assert online.materialize_champions(tables, versions, in_redis) == filled
    keys = [state_key("order_line", id_) for id_ in tables["order_lines"]["order_line_id"]]
    keys += [state_key("first", "mean"), state_key("third", "mean")]
    with (
        open_state(settings.state_url, readonly=True) as file,
        open_state(redis_state_url, readonly=True) as server,
    ):
        assert server.get_many(keys) == file.get_many(keys)
        assert set(server.all_keys()) == set(file.all_keys())
        assert len(set(server.all_keys())) == filled.keys
        assert server.meta().keys() == file.meta().keys()


def test_a_model_that_lost_its_champion_leaves_nothing_behind(settings, tables):
    online.materialize_champions(tables, Versions(first=1, second=2), settings)
    online.materialize_champions(tables, Versions(second=3), settings)
    with SqliteState(settings.state_url, readonly=True) as state:
        assert state.get_many([state_key("first", "mean")]) == {}
        assert {"space.first", "version.first"}.isdisjoint(state.meta())
        assert state.meta()["version.second"] == "3"


def test_without_any_champion_the_state_stays_and_the_commands_are_told(settings, tables):
    online.materialize_champions(tables, Versions(first=1), settings)
    with pytest.raises(RegistryError, match=r"muslin train first .* muslin promote third"):
        online.materialize_champions(tables, Versions(), settings)
    with SqliteState(settings.state_url, readonly=True) as state:
        assert state.meta()["version.first"] == "1"


def test_a_model_that_fails_to_fill_leaves_the_state_as_it_was(settings, tables, monkeypatch):
    online.materialize_champions(tables, Versions(first=1), settings)

    def broken(self, space, tables, window):
        yield "first\x1fhalf", b"0"
        raise dataclasses.FrozenInstanceError("no")

    monkeypatch.setattr(ShareJob, "items", broken)
    with pytest.raises(dataclasses.FrozenInstanceError):
        online.materialize_champions(tables, Versions(first=2), settings)
    with SqliteState(settings.state_url, readonly=True) as state:
        assert state.meta()["version.first"] == "1"
        assert set(state.get_many(["first\x1fmean", "first\x1fhalf"])) == {"first\x1fmean"}
