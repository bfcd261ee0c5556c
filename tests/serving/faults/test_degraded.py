"""What stands between the endpoints and a store that may be away."""

import gc
import os
import threading
import time

import pytest

from features.goods_online import goods_key
from features.products_online import product_key
from features.state import NoStateError, SqliteState, StateAwayError, StateError, state_key
from serving.advisor import ModelLabel
from serving.degraded import LOOKUPS, StateWatch, SteadyState, open_steady, watch_of
from serving.product_memory import ProductMemory
from serving.state_guard import StateGuard

META = {"space.size_fit": "mine", "version.size_fit": "4"}
DRESS, SHOE = product_key("dress"), product_key("shoe")
HISTORY = state_key("product", "dress")
ITEMS = [(DRESS, b"a dress"), (SHOE, b"a shoe"), (HISTORY, b"sums")]


@pytest.fixture
def place(tmp_path):
    path = tmp_path / "state.db"
    with SqliteState(path) as state:
        state.replace(ITEMS, META)
    return path


def wait_for(done):
    deadline = time.monotonic() + 30
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Store:
    """A store that fails when it is told to, and counts what it is asked."""

    where = "a store"

    def __init__(self):
        self.asked, self.fails, self.content = 0, None, dict(ITEMS)
        self.said = dict(META)

    def get_many(self, keys):
        self.asked += 1
        if self.fails is not None:
            raise self.fails
        return {key: self.content[key] for key in keys if key in self.content}

    def changed(self):
        self.asked += 1
        if self.fails is not None:
            raise self.fails
        return True

    def meta(self):
        return dict(self.said)

    def forget_version(self):
        pass

    def moved(self):
        return False

    def close(self):
        pass


@pytest.fixture
def store(monkeypatch):
    store = Store()

    def open_state(url, **_):
        if store.fails is not None:
            raise store.fails
        return store

    monkeypatch.setattr("serving.degraded.open_state", open_state)
    return store


def test_of_a_lost_store_products_are_remembered_and_histories_are_not(store):
    state = open_steady("redis://fake/1")
    assert state.get_many([DRESS, HISTORY]) == {DRESS: b"a dress", HISTORY: b"sums"}
    missed = LOOKUPS.missed
    store.fails = StateAwayError("it is away")
    assert state.get_many([DRESS, SHOE, HISTORY]) == {DRESS: b"a dress"}
    assert LOOKUPS.missed == missed + 1


def test_once_lost_a_store_is_not_asked_again_by_those_who_look_up(store):
    state, other = open_steady("redis://fake/2"), open_steady("redis://fake/2")
    watch = watch_of("redis://fake/2")
    watch.look = lambda: None  # nothing else asks it, either
    store.fails = StateAwayError("it is away")
    before = store.asked
    for _ in range(50):
        state.get_many([DRESS])
        other.get_many([DRESS])
        assert not state.changed()
    assert store.asked == before + 1
    assert watch.outages == 1
    assert watch.told()["reason"] == "it is away"


def test_it_is_read_again_when_it_is_back_and_everybody_checks_it_anew(store):
    state = open_steady("redis://fake/3")
    assert state.changed()
    store.fails = StateAwayError("it is away")
    state.get_many([DRESS])
    store.fails = None
    wait_for(lambda: watch_of("redis://fake/3").reason is None)
    assert state.changed()
    assert state.get_many([HISTORY]) == {HISTORY: b"sums"}
    assert watch_of("redis://fake/3").told() is None


def test_a_reader_that_comes_while_it_is_away_reads_when_it_is_back(store):
    first = open_steady("redis://fake/4")
    store.fails = StateAwayError("it is away")
    first.get_many([DRESS])
    late = open_steady("redis://fake/4")
    guard = StateGuard(late, ModelLabel("size_fit", "4"), "mine")
    guard.check()
    assert late.get_many([HISTORY]) == {}
    store.fails = None
    wait_for(lambda: late.get_many([HISTORY]))
    guard.check()


def test_a_reader_that_comes_as_it_comes_back_reads_at_once(store):
    first = open_steady("redis://fake/7")
    watch = watch_of("redis://fake/7")
    watch.look = lambda: None
    store.fails = StateAwayError("it is away")
    first.get_many([DRESS])

    class Meanwhile:
        """The thread was quicker to this lock than who waits for it."""

        lock = watch._changing

        def __enter__(self):
            store.fails = None
            watch.works()
            return self.lock.__enter__()

        def __exit__(self, *error):
            return self.lock.__exit__(*error)

    watch._changing = Meanwhile()
    late = open_steady("redis://fake/7")
    assert late.get_many([HISTORY]) == {HISTORY: b"sums"}


def test_the_thread_may_look_after_a_reader_before_its_maker_has_it(place, monkeypatch):
    monkeypatch.setattr(StateWatch, "_look_out", lambda self: self.look())
    state = open_steady(str(place))
    assert state.get_many([HISTORY]) == {HISTORY: b"sums"}
    state.close()


def test_a_reader_that_was_closed_meanwhile_is_given_no_connection(place, monkeypatch):
    monkeypatch.setattr(StateWatch, "_look_out", lambda self: None)
    state, other = open_steady(str(place)), open_steady(str(place))
    watch = watch_of(str(place))
    before = state._store
    state.close()
    watch._open_anew([state, other])
    assert state._store is before
    assert other.get_many([HISTORY]) == {HISTORY: b"sums"}
    assert len(watch._retired) == 2
    watch.look()
    other.close()


@pytest.mark.parametrize("seen", ["by a reader", "by the thread"])
def test_products_of_another_feature_space_are_not_remembered(store, seen):
    state = open_steady(f"redis://fake/8/{seen}")
    watch = watch_of(f"redis://fake/8/{seen}")
    assert state.changed()
    state.get_many([DRESS])
    store.said = {**META, "live.until": "later"}
    assert state.changed()  # as after each event that is followed
    assert watch.products.find([DRESS]) == {DRESS: b"a dress"}
    store.said = {"space.size_fit": "another", "version.size_fit": "5"}
    if seen == "by a reader":
        assert state.changed()
    else:
        watch._open_anew([state])
    store.fails = StateAwayError("it is away")
    assert state.get_many([DRESS]) == {}
    store.fails = None
    wait_for(lambda: watch.reason is None)


def test_a_library_that_fails_otherwise_does_not_keep_it_lost(store, monkeypatch, caplog):
    monkeypatch.setattr("serving.degraded._LONGEST_PAUSE_S", 0.05)
    state = open_steady("redis://fake/6")
    store.fails = StateAwayError("it is away")
    state.get_many([DRESS])
    store.fails = ValueError("what nobody thought of")
    wait_for(lambda: "what nobody thought of" in caplog.text)
    store.fails = None
    wait_for(lambda: state.get_many([HISTORY]))


def test_what_does_not_mend_by_itself_is_an_error_at_the_start(store, tmp_path):
    for error in (NoStateError("there is none"), StateError("no such option")):
        store.fails = error
        with pytest.raises(StateError, match=str(error)):
            open_steady("redis://fake/5")


def test_a_state_for_another_model_is_no_lost_one(place):
    state = open_steady(str(place))
    guard = StateGuard(state, ModelLabel("size_fit", "4"), "mine")
    with SqliteState(place) as writer:
        writer.replace(ITEMS, {"space.size_fit": "other", "version.size_fit": "5"})
    with pytest.raises(StateError, match="filled for version 5"):
        guard.check()
    assert watch_of(str(place)).told() is None
    state.close()


def test_a_file_that_is_removed_is_done_without_and_a_new_one_is_read(place):
    state = open_steady(str(place))
    guard = StateGuard(state, ModelLabel("size_fit", "4"), "mine")
    assert state.get_many([DRESS, HISTORY]) == {DRESS: b"a dress", HISTORY: b"sums"}
    for each in place.parent.glob("state.db*"):
        each.unlink()
    wait_for(lambda: watch_of(str(place)).reason)
    guard.check()
    assert state.get_many([DRESS, HISTORY]) == {DRESS: b"a dress"}
    with SqliteState(place) as writer:  # made, and filled only later
        time.sleep(0.2)
        assert watch_of(str(place)).reason
        writer.replace([*ITEMS[:2], (HISTORY, b"new sums")], META)
    wait_for(lambda: watch_of(str(place)).reason is None)
    guard.check()
    assert state.get_many([HISTORY]) == {HISTORY: b"new sums"}
    state.close()


def test_a_file_put_in_the_place_of_another_is_read_without_a_gap(place, tmp_path):
    state = open_steady(str(place))
    state.changed()
    with SqliteState(tmp_path / "new.db") as writer:
        writer.replace([(HISTORY, b"new sums")], META)
    missed = LOOKUPS.missed
    os.replace(tmp_path / "new.db", place)
    wait_for(lambda: state.get_many([HISTORY]) == {HISTORY: b"new sums"})
    assert LOOKUPS.missed == missed
    state.close()


def test_a_damaged_file_is_done_without(place):
    with SqliteState(place) as writer:
        writer.replace([(state_key("product", str(i)), bytes(900)) for i in range(400)], META)
    content = place.read_bytes()
    state = open_steady(str(place))
    keys = [state_key("product", str(i)) for i in range(400)]
    assert len(state.get_many(keys)) == 400
    with place.open("r+b") as file:  # in place: it stays the same file
        file.seek(8192)
        file.write(b"\xff" * (len(content) - 8192))
    watch = watch_of(str(place))
    assert state.get_many(keys) == {}
    assert "cannot be read" in watch.reason
    place.write_bytes(content)
    wait_for(lambda: watch.reason is None)
    wait_for(lambda: len(state.get_many(keys)) == 400)
    state.close()


def test_the_products_asked_about_last_are_kept():
    memory = ProductMemory(10_000)
    for number in range(100):
        memory.remember({product_key(str(number)): bytes(200), HISTORY: bytes(5_000)})
        memory.find([product_key("0")])
        memory.remember({product_key("0"): bytes(200)})
    assert memory.size <= 10_000
    kept = memory.find([HISTORY, *(product_key(str(number)) for number in range(100))])
    assert set(kept) == {product_key(str(n)) for n in (0, *range(101 - len(kept), 100))}
    assert len(kept) == len(memory) > 20
    memory.remember({product_key("0"): bytes(300), goods_key("0"): b"goods"})
    assert memory.find([product_key("0"), goods_key("0")]) == {
        product_key("0"): bytes(300),
        goods_key("0"): b"goods",
    }
    assert memory.size <= 10_000


def test_a_state_that_nobody_reads_any_more_leaves_no_thread(place):
    threads = set(threading.enumerate())
    state = SteadyState(watch_of(str(place)))
    (thread,) = set(threading.enumerate()) - threads
    state.close()
    del state
    gc.collect()
    thread.join(10)
    assert not thread.is_alive()
