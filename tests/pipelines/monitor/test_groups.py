import numpy as np
import pandas as pd
import pytest

from pipelines.monitor.groups import ALL, groups_of


@pytest.fixture
def tables():
    at = pd.to_datetime(["2026-01-01", "2026-01-01", "2026-02-01", "2026-03-01"], utc=True)
    return {
        "order_lines": pd.DataFrame(
            {
                "order_line_id": ["a", "b", "c", "d"],
                "customer_id": ["x", "x", "x", "y"],
                "product_id": ["p", "q", "p", "gone"],
                "market": ["DE", "DE", "US", None],
                "ordered_at": at,
            }
        ),
        "products": pd.DataFrame(
            {"product_id": ["p", "q"], "category": ["dress", "coat"], "audience": ["women"] * 2}
        ),
    }


def members(groups):
    return {key: np.flatnonzero(rows).tolist() for key, rows in groups.each()}


def test_a_basket_of_a_first_order_is_of_a_new_customer(tables):
    found = members(groups_of(tables, ["a", "b", "c", "d"]))
    assert found["customer", "new"] == [0, 1, 3]
    assert found["customer", "known"] == [2]


def test_what_is_not_told_is_in_no_group_but_in_all(tables):
    found = members(groups_of(tables, ["d", "c", "c"]))
    assert found[ALL] == [0, 1, 2]
    groups = groups_of(tables, ["a", "c", "d"])
    assert members(groups)["market", "DE"] == [0]
    assert members(groups)["market", "US"] == [1]
    assert not any(2 in rows for key, rows in members(groups).items() if key[0] == "market")


def test_a_dimension_with_one_value_says_nothing_new(tables):
    assert not any(key[0] == "audience" for key in members(groups_of(tables, ["a", "b", "c"])))


def test_lines_of_one_customer_share_a_code(tables):
    groups = groups_of(tables, ["d", "a", "c"])
    assert groups.customer[1] == groups.customer[2] != groups.customer[0]
    assert groups.take(np.array([2, 0])).customer.tolist() == groups.customer[[2, 0]].tolist()


def test_many_groups_are_put_together(tables):
    lines = pd.concat([tables["order_lines"].iloc[[0]]] * 60, ignore_index=True)
    lines = lines.assign(
        order_line_id=[f"L{i}" for i in range(60)], market=[f"{i:02d}" for i in range(60)]
    )
    found = members(groups_of({**tables, "order_lines": lines}, lines["order_line_id"].tolist()))
    markets = {key[1]: rows for key, rows in found.items() if key[0] == "market"}
    assert len(markets) == 41
    assert len(markets["others"]) == 20
