import pytest

from features.places import (
    filling,
    is_used,
    metas,
    open_mark,
    place_of,
    place_to_fill,
    places,
)
from features.settings import Settings
from features.state import StateError
from features.stores import open_state


@pytest.fixture(params=["sqlite", "redis"])
def settings(request, tmp_path):
    if request.param == "sqlite":
        return Settings(state_url=str(tmp_path / "state.db"))
    return Settings(state_url=request.getfixturevalue("redis_state_url"))


def fill(url, at, **spaces):
    told = {f"space.{name}": of for name, of in spaces.items()}
    with open_state(url) as state:
        state.replace([("key", b"value")], {"filled_at": at, **told})


def test_the_second_place_is_another_of_the_same_kind():
    assert places("var/state.db") == ("var/state.db", "var/state.second.db")
    first, second = places("redis://me:pw%40@server:7/1?prefix={shop}&socket_timeout=2")
    assert second.startswith("redis://me:pw%40@server:7/1?")
    assert places(first)[0] == first
    assert "shop%7D.second" in second
    assert "socket_timeout=2" in second


def test_without_a_service_the_state_is_filled_where_it_is(settings):
    first, _ = places(settings.state_url)
    assert place_to_fill(settings, {"size_fit": "a"}) == first
    fill(first, "1", size_fit="a")
    assert place_to_fill(settings, {"size_fit": "b"}) == first


def test_what_a_service_reads_is_left_alone_by_a_state_for_others(settings):
    first, second = places(settings.state_url)
    fill(first, "1", size_fit="a", abuse="x")
    mark = open_mark(first)
    assert mark.keep()
    try:
        assert is_used(first)
        assert not is_used(second)
        assert place_to_fill(settings, {"size_fit": "a", "abuse": "x"}) == first
        assert place_to_fill(settings, {"size_fit": "b", "abuse": "x"}) == second
        assert place_to_fill(settings, {"size_fit": "a"}) == second
        with pytest.raises(StateError, match="being read"), filling(first, {"size_fit": "b"}):
            pass
        with filling(first, {"size_fit": "a", "abuse": "x"}):
            assert mark.keep()
    finally:
        mark.release()
    assert not is_used(first)


def test_of_two_free_places_the_older_is_filled_and_of_two_read_none(settings):
    first, second = places(settings.state_url)
    fill(first, "2", size_fit="b")
    fill(second, "1", size_fit="a")
    assert place_to_fill(settings, {"size_fit": "c"}) == second
    marks = [open_mark(url) for url in (first, second)]
    for each in marks:
        assert each.keep()
    with pytest.raises(StateError, match="rollback"):
        place_to_fill(settings, {"size_fit": "c"})
    for each in marks:
        each.release()


def test_nobody_goes_over_to_a_place_that_is_filled_for_others(settings):
    first, _ = places(settings.state_url)
    fill(first, "1", size_fit="a")
    mark = open_mark(first)
    with filling(first, {"size_fit": "b"}):
        assert not mark.keep()
    assert mark.keep()
    mark.release()


def test_the_place_of_some_spaces_is_the_one_filled_last_for_all_of_them(settings):
    first, second = places(settings.state_url)
    assert metas((first, second)) == {}
    fill(first, "1", size_fit="a", abuse="x")
    fill(second, "2", size_fit="b", abuse="x")
    assert place_of(settings, {"size_fit": "a"}) == first
    assert place_of(settings, {"abuse": "x"}) == second
    assert place_of(settings, {"size_fit": "a", "abuse": "y"}) is None
