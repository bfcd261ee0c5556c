"""What holds for the online state in a SQLite file alone, and which keys name a customer."""

import sqlite3

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


def test_a_state_is_flushed_at_every_commit_when_it_is_to_be_durable(path):
    full = 2
    for durable in (True, False):
        with SqliteState(path, durable=durable) as state:
            (synchronous,) = state._db.execute("PRAGMA synchronous").fetchone()
            assert (synchronous == full) is durable


def test_a_file_that_another_writes_is_told_of(path):
    with SqliteState(path) as state:
        state.replace(ITEMS.items(), META)
        state._db.execute("PRAGMA busy_timeout=10")
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StateError, match=r"state\.db cannot be written \(database is locked"):
            state.put_many([("new", b"n")], {})
        other.close()
        assert state.get_many([*ITEMS, "new"]) == ITEMS


def everywhere(path):
    return b"".join(each.read_bytes() for each in path.parent.iterdir())


CUSTOMER = "cust-1"


@pytest.fixture
def peopled(path):
    hers = {
        state_key("person", CUSTOMER, "self", "women"): b"v",
        state_key("person_facts", CUSTOMER, "ann"): b"v",
        state_key("order_line", "1"): b'{"customer_id":"cust-1","quantity":1}',
    }
    others = {state_key("product", f"p{i}"): bytes(100) for i in range(500)}
    with SqliteState(path) as state:
        state.replace({**hers, **others}.items(), META)
    return path


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
        assert sum(state.forget_customer(CUSTOMER, names_customer).values()) == 3


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
                    "order_line", "own"}  # fmt: skip
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
