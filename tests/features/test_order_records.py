import pandas as pd
import pytest

from features.order_records import order_items, read_orders
from features.state import SqliteState


@pytest.fixture(scope="module")
def state(tables, tmp_path_factory):
    store = SqliteState(tmp_path_factory.mktemp("orders") / "state.db")
    store.replace(order_items(tables), {})
    yield store
    store.close()


@pytest.fixture(scope="module")
def orders(state, tables):
    return read_orders(state, tables["order_lines"]["order_line_id"].tolist())


def seconds(moment):
    return None if pd.isna(moment) else pytest.approx(moment.timestamp(), abs=1e-6)


def test_every_line_is_told_as_the_tables_tell_it(orders, tables):
    lines = tables["order_lines"].merge(
        tables["products"][["product_id", "category", "hygiene_sealed", "launched_at"]]
    )
    assert len(orders) == len(lines) > 0
    for line in lines.iloc[::7].to_dict("records"):
        record = orders[line["order_line_id"]]
        for name in ("order_id", "customer_id", "product_id", "size_label", "colour", "quantity",
                     "unit_price", "currency", "market", "shipped_weight_g", "ship_address_hash",
                     "device_hash", "category", "hygiene_sealed"):  # fmt: skip
            expected = line[name]
            assert getattr(record, name) == (None if pd.isna(expected) else expected), name
        for name in ("ordered_at", "promised_at", "shipped_at", "delivered_at", "launched_at"):
            assert getattr(record, name) == seconds(line[name]), name


def test_a_line_tells_when_the_last_of_its_order_arrived(tables, tmp_path):
    lines = tables["order_lines"].copy()
    size = lines.groupby("order_id")["order_line_id"].transform("size")
    first, second, *_ = lines.index[lines["order_id"].eq(lines.loc[size.idxmax(), "order_id"])]
    lines.loc[second, "delivered_at"] = lines["delivered_at"].max() + pd.Timedelta(days=9)
    with SqliteState(tmp_path / "state.db") as store:
        store.replace(order_items({**tables, "order_lines": lines}), {})
        found = read_orders(store, lines["order_line_id"].tolist())
    last = lines.loc[second, "delivered_at"]
    assert found[lines.loc[first, "order_line_id"]].order_delivered_at == seconds(last)
    known = lines.groupby("order_id")["delivered_at"].max()
    for each in found.values():
        assert each.order_delivered_at == seconds(known[each.order_id])


def test_a_line_tells_the_claims_made_on_it(orders, tables):
    returns = tables["returns"]
    assert sum(len(each.claims) for each in orders.values()) == len(returns)
    for row in returns.iloc[::5].to_dict("records"):
        (claim,) = (
            each for each in orders[row["order_line_id"]].claims
            if each.return_id == row["return_id"]
        )  # fmt: skip
        assert (claim.reason, claim.quantity) == (row["reason"], row["quantity"])
        assert claim.requested_at == seconds(row["requested_at"])
        assert claim.received_at == seconds(row["received_at"])
        assert claim.condition == (None if pd.isna(row["condition"]) else row["condition"])


def test_pieces_claimed_earlier_leave_out_the_claim_itself_and_what_comes_later(orders, tables):
    row = tables["returns"].iloc[3]
    record = orders[row["order_line_id"]]
    at = row["requested_at"].timestamp()
    assert record.claimed_before(at) == 0
    assert record.claimed_before(at + 1) == row["quantity"]
    assert record.claimed_before(at + 1, row["return_id"]) == 0


def test_unknown_ids_are_left_out(state, tables):
    known = tables["order_lines"]["order_line_id"].iloc[0]
    assert list(read_orders(state, ["never", known, known])) == [known]
    assert read_orders(state, []) == {}


def test_a_shop_without_returns_has_lines_without_claims(tables):
    quiet = {k: v for k, v in tables.items() if k != "returns"}
    items = list(order_items(quiet))
    assert len(items) == len(tables["order_lines"])
    assert not any(b"claims" in value for _, value in items)
