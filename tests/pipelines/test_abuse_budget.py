import numpy as np
import pandas as pd
import pytest

from pipelines.abuse_budget import bracketers, budget_metrics, heavy_returners, rule_scores
from pipelines.simulate import simulate


@pytest.fixture(scope="module")
def tables():
    return simulate(2500, seed=61).tables


@pytest.fixture(scope="module")
def ids(tables):
    return pd.Index(tables["returns"]["return_id"])


def test_a_perfect_score_fills_the_budget_with_abuse():
    abused = np.zeros(1000, dtype=bool)
    abused[::25] = True
    best = budget_metrics(abused, abused.astype(float))
    assert best["precision_at_2"] == pytest.approx(1.0)
    assert best["recall_at_2"] == pytest.approx(0.5)
    assert best["precision_at_5"] == pytest.approx(0.8)
    assert best["recall_at_5"] == best["average_precision"] == pytest.approx(1.0)


def test_equal_scores_find_the_share_there_is():
    abused = np.arange(500) % 10 == 0
    nothing = budget_metrics(abused, np.zeros(500))
    assert nothing["precision_at_2"] == pytest.approx(0.1)
    assert nothing["recall_at_5"] == pytest.approx(0.05)
    mixed = budget_metrics(abused[::-1].copy(), np.zeros(500))
    assert mixed == pytest.approx(nothing)


def test_rules_count_what_came_strictly_before(tables, ids):
    rules = rule_scores(tables).reindex(ids)
    made = tables["returns"].merge(tables["order_lines"], on="order_line_id")
    for i in range(0, len(made), 25):
        row = made.iloc[i]
        mine = made[made["customer_id"] == row["customer_id"]]
        before = mine[mine["requested_at"] < row["requested_at"]]
        recent = before["requested_at"] >= row["requested_at"] - pd.Timedelta(days=180)
        told = rules.loc[row["return_id"]]
        assert told["return count, ever"] == len(before)
        assert told["return count, 180 days"] == recent.sum()
    assert (rules["return rate, 5 arrived"] <= rules["return rate, 1 arrived"]).all()


def test_heavy_returners_are_honest_and_return_more_than_others(tables, ids):
    honest = np.arange(len(ids)) % 7 > 0
    heavy = heavy_returners(tables, honest, ids)
    assert heavy.any()
    assert not (heavy & ~honest).any()
    buyer = tables["order_lines"].set_index("order_line_id")["customer_id"]
    account = buyer.reindex(tables["returns"]["order_line_id"]).to_numpy()
    counts = pd.Series(account[honest]).value_counts()
    chosen = counts[pd.unique(account[heavy])]
    assert chosen.min() > counts.median()


def test_bracketers_ordered_several_of_one_product_at_once_twice(tables, ids):
    lines = tables["order_lines"]
    several = lines.groupby(["customer_id", "order_id", "product_id"]).size().gt(1)
    often = several.groupby("customer_id").sum()
    line = tables["returns"].set_index("return_id")["order_line_id"].reindex(ids)
    buyer = lines.set_index("order_line_id")["customer_id"].reindex(line.to_numpy())
    expected = often.reindex(buyer.to_numpy()).ge(2).to_numpy()
    np.testing.assert_array_equal(bracketers(tables, ids), expected)
    assert expected.any()
