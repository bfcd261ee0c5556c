import gc
import weakref

import pytest

from features.settings import Settings
from features.state import StateError
from features.stores import open_state
from serving.champions.copies import CHALLENGER, adopt, locked, write_record
from serving.champions.golden import Exam, GoldenError
from serving.champions.keeper import Keeper, Kind


class Model:
    def __init__(self, folder, label, place):
        self.version, self.place = label.version, place

    def over(self, state, *_):
        moved = Model.__new__(Model)
        moved.version, moved.place = self.version, state.where
        return moved


class Sits(Exam):
    """Refuses the versions it is told to."""

    def __init__(self):
        super().__init__()
        self.refuses = set()

    def sit(self, folder, model):
        if model.version in self.refuses:
            raise GoldenError("golden request 0: p is 0.5, recorded 0.1")
        return 1


class Bench:
    """Two models kept by one keeper; what was published, and how often models were loaded."""

    def __init__(self, settings, tmp_path):
        self.settings, self.tmp = settings, tmp_path
        self.exam, self.loaded, self.published = Sits(), [], []
        kinds = {name: Kind(self._load, self.exam) for name in ("size_fit", "abuse")}
        self.keeper = Keeper(settings, kinds, lambda *told: self.published.append(told))

    def _load(self, folder, label, settings, sizes):
        self.loaded.append((label.name, label.version))
        with open_state(settings.state_url, readonly=True) as state:
            space = (folder / "space.json").read_text()
            if state.meta().get(f"told.{label.name}") != space:
                raise StateError("filled for another")
        return Model(folder, label, settings.state_url)

    def champion(self, name, version, space, role="champion"):
        folder = self.tmp / f"{name}-{version}"
        folder.mkdir(exist_ok=True)
        (folder / "space.json").write_text(space)
        (folder / "model.json").write_text(version)
        return adopt(self.settings, name, version, folder, role=role)

    def state(self, url, at, **copies):
        told = {"filled_at": at}
        for name, copy in copies.items():
            space = (self.settings.champion_dir / name / copy.folder / "space.json").read_text()
            told |= {f"space.{name}": copy.space, f"told.{name}": space}
        with open_state(url) as state:
            state.replace([("key", b"value")], told)

    def look(self):
        self.keeper.look()
        models, places = self.published[-1]
        return {
            name: (each.advisor and each.advisor.version, places.get(name))
            for name, each in models.items()
        }


@pytest.fixture
def bench(tmp_path):
    settings = Settings(state_url=str(tmp_path / "s.db"), champion_dir=tmp_path / "champion")
    return Bench(settings, tmp_path)


def test_the_old_one_answers_from_the_old_state_until_there_is_one_for_the_new(bench, tmp_path):
    first, second = str(tmp_path / "s.db"), str(tmp_path / "s.second.db")
    one, abuse = bench.champion("size_fit", "1", "a"), bench.champion("abuse", "7", "x")
    bench.state(first, "1", size_fit=one, abuse=abuse)
    assert bench.look() == {"size_fit": ("1", first), "abuse": ("7", first)}
    two = bench.champion("size_fit", "2", "b")
    assert bench.look() == {"size_fit": ("1", first), "abuse": ("7", first)}
    assert bench.keeper.told()["size_fit"]["waiting"]["version"] == "2"
    bench.state(second, "2", size_fit=two, abuse=abuse)
    assert bench.look() == {"size_fit": ("2", second), "abuse": ("7", second)}
    assert bench.keeper.told()["size_fit"]["waiting"] is None
    # Going back, the older state suits all models again.
    with locked(bench.settings, "size_fit"):
        write_record(bench.settings, one)
    assert bench.look() == {"size_fit": ("1", first), "abuse": ("7", first)}
    # The model of abuse was never read again from the disk.
    assert bench.loaded.count(("abuse", "7")) == 1


def test_what_is_refused_moves_nobody_and_is_not_tried_again_until_it_is_written_anew(
    bench, tmp_path
):
    first, second = str(tmp_path / "s.db"), str(tmp_path / "s.second.db")
    one, abuse = bench.champion("size_fit", "1", "a"), bench.champion("abuse", "7", "x")
    bench.state(first, "1", size_fit=one, abuse=abuse)
    bench.look()
    bench.exam.refuses = {"2"}
    two = bench.champion("size_fit", "2", "b")
    bench.state(second, "2", size_fit=two, abuse=abuse)
    for _ in range(3):
        assert bench.look() == {"size_fit": ("1", first), "abuse": ("7", first)}
    assert bench.loaded.count(("size_fit", "2")) == 1
    told = bench.keeper.told()["size_fit"]
    assert told["refused"]["version"] == "2"
    assert "recorded 0.1" in told["refused"]["reason"]
    bench.exam.refuses = set()
    bench.champion("size_fit", "2", "b")
    assert bench.look()["size_fit"] == ("2", second)


def test_nothing_is_loaded_again_and_again_only_to_hear_that_there_is_no_state(bench, tmp_path):
    one = bench.champion("size_fit", "1", "a")
    for _ in range(3):
        assert bench.look()["size_fit"] == (None, None)
    assert bench.loaded == [("size_fit", "1")]
    (models, _) = bench.published[-1]
    assert models["size_fit"].readiness.action.startswith("muslin materialize")
    first = str(tmp_path / "s.db")
    bench.state(first, "1", size_fit=one)
    assert bench.look()["size_fit"] == ("1", first)


def test_at_a_start_the_one_before_answers_for_a_champion_that_is_refused(bench, tmp_path):
    first = str(tmp_path / "s.db")
    one = bench.champion("size_fit", "1", "a")
    bench.champion("size_fit", "2", "a")
    bench.exam.refuses = {"2"}
    bench.state(first, "1", size_fit=one)
    assert bench.look()["size_fit"] == ("1", first)
    models, _ = bench.published[-1]
    assert "version 2 is refused" in models["size_fit"].readiness.reason


def test_a_challenger_is_told_and_takes_no_traffic(bench, tmp_path):
    one = bench.champion("size_fit", "1", "a")
    bench.state(str(tmp_path / "s.db"), "1", size_fit=one)
    bench.look()
    bench.champion("size_fit", "2", "a", role=CHALLENGER)
    assert bench.look()["size_fit"][0] == "1"
    assert bench.keeper.told()["size_fit"]["shadow"] == "2"


@pytest.fixture
def place_that_cannot_be_read(tmp_path):
    def spoil(name):
        (tmp_path / name).write_bytes(b"no database" * 1000)

    return spoil


def test_a_second_place_that_cannot_be_read_stops_no_promotion_and_is_told_once(
    bench, tmp_path, place_that_cannot_be_read, caplog
):
    first = str(tmp_path / "s.db")
    bench.state(first, "1", size_fit=bench.champion("size_fit", "1", "a"))
    place_that_cannot_be_read("s.second.db")
    assert bench.look()["size_fit"] == ("1", first)
    bench.champion("size_fit", "2", "a")
    assert bench.look()["size_fit"] == ("2", first)
    bench.look()
    said = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
    assert len([each for each in said if "s.second.db cannot be read" in each]) == 1


def test_nobody_goes_to_an_older_state_only_because_the_newer_cannot_be_read_now(
    bench, tmp_path, place_that_cannot_be_read
):
    first, second = str(tmp_path / "s.db"), str(tmp_path / "s.second.db")
    one = bench.champion("size_fit", "1", "a")
    bench.state(first, "1", size_fit=one)
    bench.state(second, "2", size_fit=one)
    assert bench.look()["size_fit"] == ("1", second)
    place_that_cannot_be_read("s.second.db")
    assert bench.look()["size_fit"] == ("1", second)
    bench.state(first, "3", size_fit=one)
    assert bench.look()["size_fit"] == ("1", first)


def test_what_could_not_be_published_is_published_again(bench, tmp_path, monkeypatch):
    monkeypatch.setattr("serving.champions.keeper._RETRY_S", 0.0)
    given, fails = [], [StateError("busy"), None]

    def publish(models, places):
        error = fails.pop(0)
        if error is not None:
            raise error
        given.append(models["size_fit"].advisor.version)

    one = bench.champion("size_fit", "1", "a")
    bench.state(str(tmp_path / "s.db"), "1", size_fit=one)
    keeper = Keeper(bench.settings, {"size_fit": Kind(bench._load, bench.exam)}, publish)
    keeper.look()
    assert given == []
    keeper.look()
    keeper.look()  # and only until it was
    assert (given, fails) == (["1"], [])


def test_the_trouble_of_the_champion_is_told_and_not_that_of_one_long_gone(bench):
    bench.exam.refuses = {"1", "2", "3", "4", "5"}
    for version in "12345":
        bench.champion("size_fit", version, "a")
        if version in "15":
            bench.keeper._kinds["size_fit"] = Kind(_fails_as(version), bench.exam)
            bench.look()
    models, _ = bench.published[-1]
    assert models["size_fit"].readiness.reason.endswith("version 5 is no model")


def _fails_as(version):
    def load(folder, label, *_):
        raise ValueError(f"version {version} is no model")

    return load


def test_a_model_that_went_is_given_back_though_what_stays_is_frozen(bench, tmp_path):
    first = str(tmp_path / "s.db")
    bench.state(first, "1", size_fit=bench.champion("size_fit", "1", "a"))
    bench.look()
    model = bench.published[-1][0]["size_fit"].advisor
    model.itself = model  # as libraries do
    gone = weakref.ref(model)
    del model
    bench.published.clear()
    bench.champion("size_fit", "2", "a")
    gc.disable()
    try:
        assert bench.look()["size_fit"] == ("2", first)
        assert gc.get_freeze_count() > 0
        assert gone() is None
    finally:
        gc.enable()
        gc.unfreeze()
