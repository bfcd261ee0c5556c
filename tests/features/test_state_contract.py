"""What holds for every store of the online state; each test runs on SQLite and on Redis."""

import threading

import orjson
import pytest

from features.personal_keys import names_customer
from features.state import (
    KEY_SEPARATOR,
    NoStateError,
    StateConflictError,
    StateError,
    state_key,
)
from features.stores import open_state

ITEMS = {"a": b"1", "b": b"", "c": bytes(range(256))}
META = {"version": "3", "model": "size_fit"}
EVERY = [*ITEMS, "new", "newer"]


@pytest.fixture(params=["sqlite", "redis"])
def place(request, tmp_path):
    if request.param == "sqlite":
        return str(tmp_path / "deep" / "state.db")
    return request.getfixturevalue("redis_state_url")


@pytest.fixture
def filled(place):
    with open_state(place) as state:
        state.replace(ITEMS.items(), META)
    return place


def contents(place):
    with open_state(place, readonly=True) as state:
        return state.get_many(EVERY), state.meta()


class TestStateStore:
    def test_what_was_put_is_found_by_another_reader(self, filled):
        assert contents(filled) == (ITEMS, META)

    def test_replace_counts_its_keys(self, place):
        with open_state(place) as state:
            assert state.replace(ITEMS.items(), META) == len(ITEMS)
            assert state.replace([], {}) == 0
        assert contents(place) == ({}, {})

    def test_keys_that_are_not_there_are_missing_from_the_answer(self, filled):
        with open_state(filled, readonly=True) as state:
            assert state.get_many(["a", "nobody", "a"]) == {"a": b"1"}
            assert state.get_many([]) == {}

    def test_a_key_is_looked_up_as_it_is_written(self, place):
        odd = {state_key("person", "O'Hara; DROP TABLE state", "字"): b"x", "%": b"y", "*": b"z"}
        with open_state(place) as state:
            state.replace(odd.items(), {"名": "字"})
            assert state.get_many([*odd]) == odd
            assert state.meta() == {"名": "字"}

    def test_many_keys_are_found_as_few_are(self, place):
        many = {state_key("person", f'"{i}\\ü', "self"): b"%d" % i for i in range(40_000)}
        with open_state(place) as state:
            assert state.replace(many.items(), {}) == len(many)
            assert state.get_many([*many, "nobody"]) == many
            state.put_many(many.items(), {}, delete=many)
            assert state.get_many([*many][:1000]) == dict([*many.items()][:1000])
            state.put_many([], {}, delete=many)
            assert state.get_many([*many]) == {}

    def test_replace_leaves_nothing_of_the_old_content(self, filled):
        with open_state(filled) as state:
            state.replace([("new", b"n")], {"version": "4"})
        assert contents(filled) == ({"new": b"n"}, {"version": "4"})

    def test_readers_see_the_old_content_until_a_replace_is_done(self, filled):
        seen = []
        with open_state(filled, readonly=True) as reader, open_state(filled) as writer:

            def items():
                for i in range(3000):
                    yield f"key {i}", b"n"
                seen.append((reader.get_many([*EVERY, "key 1"]), reader.meta()))
                yield "new", b"n"

            assert writer.replace(items(), {"version": "4"}) == 3001
            assert seen == [(ITEMS, META)]
            assert reader.get_many(EVERY) == {"new": b"n"}

    @pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
    @pytest.mark.parametrize("verb", ["replace", "put_many"])
    def test_a_write_that_breaks_midway_changes_nothing(self, filled, error, verb):
        def items():
            for i in range(3000):
                yield f"key {i}", b"n"
            raise error("the tables broke off")

        with open_state(filled) as writer:
            with pytest.raises(error, match="broke off"):
                getattr(writer, verb)(items(), {"version": "4"})
            assert writer.get_many([*EVERY, "key 1"]) == ITEMS
            assert writer.replace(ITEMS.items(), META) == len(ITEMS)
        assert contents(filled) == (ITEMS, META)

    def test_of_a_key_given_twice_the_last_counts(self, filled):
        twice = [("new", b"1"), ("a", b"0"), ("new", b"2")]
        with open_state(filled) as writer:
            writer.put_many(twice, {})
            assert contents(filled) == ({**ITEMS, "new": b"2", "a": b"0"}, META)
            assert writer.replace(twice, META) == 2
        assert contents(filled) == ({"new": b"2", "a": b"0"}, META)

    def test_put_many_leaves_the_others_and_merges_what_is_said(self, filled):
        with open_state(filled) as writer:
            writer.put_many([("new", b"n"), ("a", b"2")], {"version": "4", "seq": "9"})
        assert contents(filled) == (
            {**ITEMS, "new": b"n", "a": b"2"},
            {**META, "version": "4", "seq": "9"},
        )

    def test_put_many_fills_a_store_that_was_empty(self, place):
        with open_state(place) as writer:
            writer.put_many([("new", b"n")], {"seq": "1"})
        assert contents(place) == ({"new": b"n"}, {"seq": "1"})

    def test_put_many_takes_keys_out_and_puts_what_is_in_both(self, filled):
        with open_state(filled) as writer:
            writer.put_many([("b", b"put")], {}, delete=["a", "b", "nobody"])
        assert contents(filled) == ({"b": b"put", "c": ITEMS["c"]}, META)

    def test_put_many_is_one_step_with_what_is_said_of_it(self, filled):
        """A reader that asks again and again finds all of a write or nothing of it."""
        keys = [f"key {i}" for i in range(300)]
        rounds = 60
        torn, done = [], threading.Event()

        def read():
            with open_state(filled, readonly=True) as reader:
                while not done.is_set():
                    found = reader.get_many(keys)
                    if len(set(found.values())) > 1 or len(found) not in (0, len(keys)):
                        torn.append(found)

        thread = threading.Thread(target=read)
        thread.start()
        with open_state(filled) as writer:
            for i in range(rounds):
                value = str(i)
                writer.put_many([(key, value.encode()) for key in keys], {"seq": value})
        done.set()
        thread.join()
        assert not torn
        with open_state(filled) as state:
            assert state.meta()["seq"] == str(rounds - 1)
            assert set(state.get_many(keys).values()) == {str(rounds - 1).encode()}

    def test_of_two_writers_that_built_upon_the_same_the_second_is_refused(self, filled):
        with open_state(filled) as first, open_state(filled) as second:
            first.put_many([("a", b"first")], {"seq": "5"}, expect={"seq": None, "version": "3"})
            with pytest.raises(StateConflictError, match="has seq '5' where None was expected"):
                second.put_many([("a", b"second")], {"seq": "6"}, expect={"seq": None})
            second.put_many([("b", b"second")], {"seq": "6"}, expect={"seq": "5"})
        assert contents(filled) == (
            {**ITEMS, "a": b"first", "b": b"second"},
            {**META, "seq": "6"},
        )

    def test_writers_that_race_apply_each_step_once(self, filled):
        """A counter raised by several writers is raised by each as often as it says."""
        applied = []

        def count():
            with open_state(filled) as writer:
                for _ in range(15):
                    while True:
                        before = int(writer.meta().get("seq", "0"))
                        step = str(before + 1)
                        expect = {"seq": str(before) if before else None}
                        try:
                            writer.put_many([("a", step.encode())], {"seq": step}, expect=expect)
                        except StateConflictError:
                            continue
                        applied.append(before + 1)
                        break

        threads = [threading.Thread(target=count) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(applied) == list(range(1, 46))
        assert contents(filled) == ({**ITEMS, "a": b"45"}, {**META, "seq": "45"})

    def test_a_write_of_another_is_noticed_once(self, filled):
        with open_state(filled, readonly=True) as reader, open_state(filled) as writer:
            assert [reader.changed(), reader.changed()] == [True, False]
            writer.put_many([("new", b"n")], {})
            assert [reader.changed(), reader.changed()] == [True, False]
            writer.replace([], {})
            assert [reader.changed(), reader.changed()] == [True, False]
            reader.forget_version()
            assert [reader.changed(), reader.changed()] == [True, False]

    def test_a_write_of_its_own_is_no_change(self, filled):
        with open_state(filled) as mine, open_state(filled) as other:
            assert mine.changed()
            mine.put_many([("new", b"n")], {"seq": "1"})
            mine.replace([], {})
            assert not mine.changed()
            mine.put_many([], {"seq": "1"})
            other.put_many([], {"seq": "2"})
            mine.put_many([], {"seq": "3"})
            assert mine.changed()

    def test_where_nothing_was_put_there_is_nothing_to_read(self, place):
        with pytest.raises(NoStateError, match=r"no online state at .*muslin materialize"):
            open_state(place, readonly=True)

    def test_a_reader_cannot_write(self, filled):
        with open_state(filled, readonly=True) as reader:
            for write in (
                lambda: reader.replace([], {}),
                lambda: reader.put_many([("a", b"2")], {}),
                lambda: reader.forget_customer("a", names_customer),
            ):
                with pytest.raises(StateError):
                    write()
        assert contents(filled) == (ITEMS, META)

    def test_a_reader_may_be_used_from_another_thread(self, filled):
        found = []
        with open_state(filled, readonly=True) as reader:
            thread = threading.Thread(target=lambda: found.append(reader.get_many(["a"])))
            thread.start()
            thread.join()
        assert found == [{"a": b"1"}]


CUSTOMER = "cust-1"
HERS = (
    state_key("person", CUSTOMER, "self", "women"),
    state_key("person", CUSTOMER, "ann", "girls"),
    state_key("account_scale", CUSTOMER, "EU"),
    state_key("person_facts", CUSTOMER, "ann"),
    state_key("child_facts", CUSTOMER),
)
OTHERS = (
    state_key("person", "cust-11", "self", "women"),
    state_key("person", "cust-2", CUSTOMER, "women"),  # a wearer of this name
    state_key("account_scale", "xcust-1", "EU"),
    state_key("product", "p"),
    state_key("product", CUSTOMER),  # a product of this id
)
LINES = {
    state_key("order_line", "1"): b'{"customer_id":"cust-1","quantity":1}',
    state_key("order_line", "2"): b'{"customer_id":"cust-11","quantity":1}',
    state_key("order_line", "3"): b'{"customer_id":"cust-2","size_label":"cust-1"}',
    state_key("order_line", "4"): b'["customer_id","cust-1"]',
    state_key("order_line", "5"): b'{"customer_id":"cust-1"',
}


class TestForgetting:
    @pytest.fixture
    def peopled(self, place):
        many = {state_key("product", f"p{i}"): bytes(100) for i in range(3000)}
        with open_state(place) as state:
            state.replace({**dict.fromkeys((*HERS, *OTHERS), b"v"), **LINES, **many}.items(), META)
        return place

    def test_a_forgotten_customer_leaves_no_key_and_others_stay(self, peopled):
        with open_state(peopled) as state, open_state(peopled, readonly=True) as reader:
            assert reader.changed()
            assert state.forget_customer(CUSTOMER, names_customer) == {
                "person": 2,
                "account_scale": 1,
                "person_facts": 1,
                "child_facts": 1,
                "order_line": 1,
            }
            assert reader.changed()
            assert state.forget_customer(CUSTOMER, names_customer) == {}
            left = reader.get_many([*HERS, *OTHERS, *LINES])
            assert set(left) == {*OTHERS, *list(LINES)[1:]}
            assert reader.meta() == META
            assert (
                len(reader.get_many([state_key("product", f"p{i}") for i in range(3000)])) == 3000
            )

    def test_an_id_beyond_ascii_is_found_in_keys_and_values(self, place):
        items = {
            state_key("person", "Zoë-77", "self"): b"v",
            state_key("order_line", "1"): orjson.dumps({"customer_id": "Zoë-77"}),
            state_key("order_line", "2"): b'{"customer_id": "Zo\\u00eb"}',
            state_key("person", "Zo", "self"): b"v",
        }
        with open_state(place) as state:
            state.replace(items.items(), {})
            assert state.forget_customer("Zoë-77", names_customer) == {"person": 1, "order_line": 1}
            assert set(state.get_many([*items])) == set(list(items)[2:])


def test_keys_of_different_parts_do_not_meet():
    assert state_key("person", "ab", "c") != state_key("person", "a", "bc")
    assert state_key("x", "y").split(KEY_SEPARATOR) == ["x", "y"]
