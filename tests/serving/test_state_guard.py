import pytest

from features.state import StateError
from features.stores import open_state
from serving.advisor import ModelLabel
from serving.state_guard import StateGuard

LABEL = ModelLabel("return_risk", "4")
MINE = {"space.return_risk": "mine", "version.return_risk": "4"}
OTHER = {"space.return_risk": "other", "version.return_risk": "3", "space.abuse": "mine"}


@pytest.fixture(params=["sqlite", "redis"])
def place(request, tmp_path):
    if request.param == "sqlite":
        return str(tmp_path / "state.db")
    return request.getfixturevalue("redis_state_url")


@pytest.fixture
def writer(place):
    with open_state(place) as state:
        yield state


@pytest.fixture
def reader(writer, place):
    writer.replace([], {})
    with open_state(place, readonly=True) as state:
        yield state


def test_a_state_filled_for_this_model_passes(writer, reader):
    writer.replace([], MINE)
    guard = StateGuard(reader, LABEL, "mine")
    guard.check()
    writer.replace([], {**MINE, "space.abuse": "new"})  # another model's share was filled anew
    guard.check()


def test_a_state_filled_for_another_version_is_refused_by_name(writer, reader):
    writer.replace([], OTHER)
    with pytest.raises(StateError, match=r"filled for version 3 of return_risk, and version 4 of"):
        StateGuard(reader, LABEL, "mine")


def test_a_state_filled_without_this_model_is_refused(writer, reader):
    writer.replace([], {"space.size_fit": "mine", "version.size_fit": "1"})
    with pytest.raises(StateError, match=r"filled without return_risk, and version 4 of"):
        StateGuard(reader, LABEL, "mine")


def test_a_change_is_seen_and_mended_without_a_restart(writer, reader):
    writer.replace([], MINE)
    guard = StateGuard(reader, LABEL, "mine")
    writer.replace([], OTHER)
    for _ in range(2):  # it is refused as long as it does not fit
        with pytest.raises(StateError, match="version 3"):
            guard.check()
    writer.replace([], MINE)
    guard.check()
