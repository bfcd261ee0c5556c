import sqlite3
import threading

import pytest

from features.state import KEY_SEPARATOR, SqliteState, StateError, state_key

ITEMS = {"a": b"1", "b": b"", "c": bytes(range(256))}
META = {"version": "3", "model": "size_fit"}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "state.db"


@pytest.fixture
def filled(path):
    with SqliteState(path) as state:
        state.replace(ITEMS.items(), META)
    return path


def contents(path):
    with SqliteState(path, readonly=True) as state:
        return state.get_many([*ITEMS, "new"]), state.meta()


def test_what_was_put_is_found_by_another_reader(filled):
    assert contents(filled) == (ITEMS, META)


def test_replace_counts_its_keys(path):
    with SqliteState(path) as state:
        assert state.replace(ITEMS.items(), META) == len(ITEMS)
        assert state.replace([], {}) == 0


def test_keys_that_are_not_there_are_missing_from_the_answer(filled):
    with SqliteState(filled, readonly=True) as state:
        assert state.get_many(["a", "nobody", "a"]) == {"a": b"1"}
        assert state.get_many([]) == {}


def test_a_key_is_looked_up_as_it_is_written(path):
    odd = {state_key("person", "O'Hara; DROP TABLE state", "\u5b57"): b"x", "%": b"y"}
    with SqliteState(path) as state:
        state.replace(odd.items(), {})
        assert state.get_many([*odd]) == odd


def test_replace_leaves_nothing_of_the_old_content(filled):
    with SqliteState(filled) as state:
        state.replace([("new", b"n")], {"version": "4"})
    assert contents(filled) == ({"new": b"n"}, {"version": "4"})


def test_readers_see_the_old_content_until_a_replace_commits(filled):
    reader = SqliteState(filled, readonly=True)
    seen = []

    def items():
        yield "new", b"n"
        seen.append((reader.get_many([*ITEMS, "new"]), reader.meta()))

    with SqliteState(filled) as writer:
        writer.replace(items(), {"version": "4"})
    assert seen == [(ITEMS, META)]
    assert reader.get_many([*ITEMS, "new"]) == {"new": b"n"}
    reader.close()


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_replace_that_breaks_midway_changes_nothing(filled, error):
    def items():
        yield "new", b"n"
        raise error("the tables broke off")

    with SqliteState(filled) as writer:
        with pytest.raises(error, match="broke off"):
            writer.replace(items(), {"version": "4"})
        assert writer.get_many([*ITEMS, "new"]) == ITEMS
        assert writer.replace(ITEMS.items(), META) == len(ITEMS)
    assert contents(filled) == (ITEMS, META)


def test_a_key_given_twice_changes_nothing(filled):
    with SqliteState(filled) as writer, pytest.raises(sqlite3.IntegrityError):
        writer.replace([("new", b"1"), ("new", b"2")], {})
    assert contents(filled) == (ITEMS, META)


def test_a_missing_file_says_how_to_fill_it_and_is_not_made(path):
    with pytest.raises(StateError, match=r"state\.db.*muslin materialize"):
        SqliteState(path, readonly=True)
    assert not path.exists()


@pytest.mark.parametrize("readonly", [True, False])
def test_a_corrupt_file_says_what_to_do(path, readonly):
    path.parent.mkdir()
    path.write_bytes(b"this is no database" * 500)
    with pytest.raises(StateError, match=r"state\.db.*remove it.*muslin materialize"):
        SqliteState(path, readonly=readonly)


def test_another_database_is_no_state_store(path):
    path.parent.mkdir()
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE orders (id TEXT)")
    other.close()
    with pytest.raises(StateError, match="not a readable state store"):
        SqliteState(path, readonly=True)


def test_a_reader_cannot_write(filled):
    with SqliteState(filled, readonly=True) as reader, pytest.raises(sqlite3.OperationalError):
        reader.replace([], {})
    assert contents(filled) == (ITEMS, META)


def test_a_reader_may_be_used_from_another_thread(filled):
    found = []
    with SqliteState(filled, readonly=True) as reader:
        thread = threading.Thread(target=lambda: found.append(reader.get_many(["a"])))
        thread.start()
        thread.join()
    assert found == [{"a": b"1"}]


def test_keys_of_different_parts_do_not_meet():
    assert state_key("person", "ab", "c") != state_key("person", "a", "bc")
    assert state_key("x", "y").split(KEY_SEPARATOR) == ["x", "y"]
