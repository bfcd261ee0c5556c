import sqlite3
import threading

import orjson
import pytest

from features.order_records import order_items
from features.personal_keys import CUSTOMER_PART, names_customer
from features.return_risk_online import state_items as risk_items
from features.return_risk_space import ReturnRiskSpace
from features.size_fit_online import state_items
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


def test_of_a_key_given_twice_the_last_counts(filled):
    with SqliteState(filled) as writer:
        assert writer.replace([("new", b"1"), ("a", b"0"), ("new", b"2")], META) == 2
    assert contents(filled) == ({"new": b"2", "a": b"0"}, META)


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


def everywhere(path):
    return b"".join(each.read_bytes() for each in path.parent.iterdir())


def known(path, keys):
    with SqliteState(path, readonly=True) as state:
        return set(state.get_many(keys))


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
)


@pytest.fixture
def peopled(path):
    lines = {
        state_key("order_line", "1"): b'{"customer_id":"cust-1","quantity":1}',
        state_key("order_line", "2"): b'{"customer_id":"cust-11","quantity":1}',
        state_key("order_line", "3"): b'{"customer_id":"cust-2","size_label":"cust-1"}',
    }
    many = {state_key("product", f"p{i}"): bytes(100) for i in range(500)}
    with SqliteState(path) as state:
        state.replace({**dict.fromkeys((*HERS, *OTHERS), b"v"), **lines, **many}.items(), META)
    return path


def test_a_forgotten_customer_leaves_no_key_and_others_stay(peopled):
    with SqliteState(peopled) as state:
        assert state.forget_customer(CUSTOMER, names_customer) == {
            "person": 2,
            "account_scale": 1,
            "person_facts": 1,
            "child_facts": 1,
            "order_line": 1,
        }
        assert state.forget_customer(CUSTOMER, names_customer) == {}
    lines = [state_key("order_line", str(i)) for i in (1, 2, 3)]
    assert known(peopled, [*HERS, *OTHERS, *lines]) == {*OTHERS, *lines[1:]}
    assert contents(peopled)[1] == META


def test_a_forgotten_customer_is_gone_from_the_bytes_while_the_service_reads(path):
    hers = {state_key("person", "Zo\u00eb-77", str(i), "women"): b"v" for i in range(300)}
    line = {state_key("order_line", "1"): orjson.dumps({"customer_id": "Zo\u00eb-77"})}
    others = {state_key("person", f"c{i}", "self", "women"): bytes(60) for i in range(3000)}
    with SqliteState(path) as state, SqliteState(path, readonly=True) as reader:
        state.replace({**hers, **line, **others}.items(), META)
        assert reader.get_many([*hers]) == hers
        assert "Zo\u00eb-77".encode() in everywhere(path)
        assert state.forget_customer("Zo\u00eb-77") == {"person": 300, "order_line": 1}
        assert "Zo\u00eb-77".encode() not in everywhere(path)
        assert reader.changed()
        assert reader.get_many([*hers, *others]) == others


def test_forgetting_reaches_what_an_earlier_content_left_in_the_file(peopled):
    with SqliteState(peopled) as state:
        state._db.execute("PRAGMA secure_delete=OFF")  # some builds of SQLite have it on
        state.replace(ITEMS.items(), META)
    assert CUSTOMER.encode() in everywhere(peopled)
    with SqliteState(peopled) as state:
        assert state.forget_customer(CUSTOMER) == {}
    assert CUSTOMER.encode() not in everywhere(peopled)


def test_a_customer_cannot_be_forgotten_while_another_writes(peopled):
    other = sqlite3.connect(peopled, isolation_level=None)
    with SqliteState(peopled) as state:
        state._db.execute("PRAGMA busy_timeout=10")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StateError, match=r"state\.db: .*locked.*try again"):
            state.forget_customer(CUSTOMER)
        other.close()
        assert sum(state.forget_customer(CUSTOMER, names_customer).values()) == 6


def test_a_product_with_the_id_of_a_customer_is_kept(tables, space, path):
    """Whole state of a shop whose customers are numbered like its products."""
    names = {"customer_id": {}, "product_id": {}}
    renamed = {}
    for table, frame in tables.items():
        renamed[table] = frame.copy()
        for column, ids in names.items():
            if column in frame:
                for value in frame[column].unique():
                    ids.setdefault(value, str(len(ids)))
                renamed[table][column] = frame[column].map(ids).astype("str")
    items = {**dict(state_items(space, renamed)), **dict(order_items(renamed))}
    measured = renamed["body_measurements"]["customer_id"]
    customer = measured[measured.isin(renamed["products"]["product_id"])].iloc[0]
    with SqliteState(path) as state:
        state.replace(items.items(), META)
        removed = state.forget_customer(customer, names_customer)
        left = state.get_many(list(items))
    assert sum(removed.values()) == len(items) - len(left) > 0
    gone = {key.split(KEY_SEPARATOR)[0] for key in items.keys() - left.keys()}
    assert {"person_facts", "order_line"} <= gone
    assert gone <= {"person_facts", "child_facts", "person", "person_scale", "account_scale",
                    "order_line"}  # fmt: skip
    lines = renamed["order_lines"]
    assert removed["order_line"] == (lines["customer_id"] == customer).sum()


@pytest.mark.parametrize(
    ("key", "names"),
    [
        (state_key("person", "c-1", "self", "women"), True),
        (state_key("person", "c-2", "c-1", "women"), False),
        (state_key("abuse", "account", "c-1"), True),
        (state_key("abuse", "account_cluster", "c-1", "h"), True),
        (state_key("abuse", "account_cluster", "c-2", "c-1"), False),
        (state_key("abuse", "product", "c-1"), False),
        (state_key("abuse", "customer", "c-1"), True),
        (state_key("abuse", "claim", "c-1", "r-1"), True),
        (state_key("abuse", "claim", "c-2", "c-1"), False),
        (state_key("return_risk", "buyer", "c-1"), True),
        (state_key("return_risk", "customer_size", "c-1", "m"), True),
        (state_key("return_risk", "customer_size", "c-2", "c-1"), False),
        (state_key("return_risk", "goods", "c-1"), False),
        (state_key("order_line", "c-1"), False),
        (state_key("abuse", "not listed", "p", "c-1"), True),
        (state_key("not listed", "c-11"), False),
        (state_key("c-1", "x"), False),
    ],
)
def test_only_the_place_of_the_customer_in_a_key_counts(key, names):
    assert names_customer(key.split(KEY_SEPARATOR), "c-1") is names


def test_every_kind_of_key_says_where_the_customer_is(tables, space):
    risks = risk_items(ReturnRiskSpace().fit(tables), tables)
    keys = [key for key, _ in (*state_items(space, tables), *risks, *order_items(tables))]
    customers = set(tables["customers"]["customer_id"])
    for key in keys:
        parts = key.split(KEY_SEPARATOR)
        (kind,) = {tuple(parts[:1]), tuple(parts[:2])} & CUSTOMER_PART.keys()
        place = CUSTOMER_PART[kind]
        assert [i for i, part in enumerate(parts) if part in customers] == (
            [] if place is None else [place]
        )
