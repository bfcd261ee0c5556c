import numpy as np
import pandas as pd
import pytest

from data_contracts.errors import BadInputError
from pipelines.fit_abuse import backtest_abuse, fit_abuse
from pipelines.simulate import simulate

PARAMS = {"n_estimators": 25, "num_threads": 1}


@pytest.fixture(scope="module")
def shop():
    return simulate(3500, seed=51)


@pytest.fixture(scope="module")
def held(shop):
    lines = shop.tables["order_lines"]
    return lines["order_line_id"].sample(frac=0.25, random_state=4).tolist()


@pytest.fixture(scope="module")
def claims(shop, held):
    returns = shop.tables["returns"]
    return returns[returns["order_line_id"].isin(held)]


@pytest.fixture(scope="module")
def scored(shop, held, claims):
    return backtest_abuse(shop.tables, held, claims, PARAMS)


def test_every_held_out_line_has_a_score_in_the_order_asked(scored, held):
    assert scored["order_line_id"].tolist() == held
    assert list(scored) == ["order_line_id", "abuse_score"]
    assert scored["abuse_score"].between(0, 1).all()
    assert scored["abuse_score"].nunique() > 100


def test_outcomes_of_held_out_lines_change_no_score(shop, held, claims, scored):
    tables = shop.tables
    mine = tables["returns"]["order_line_id"].isin(held)
    gone = tables["abuse_labels"]["return_id"].isin(tables["returns"].loc[mine, "return_id"])
    told = tables["fit_feedback"]["order_line_id"].isin(held)
    blind = {
        **tables,
        "returns": tables["returns"][~mine],
        "abuse_labels": tables["abuse_labels"][~gone],
        "fit_feedback": tables["fit_feedback"][~told],
    }
    assert mine.any()
    assert gone.any()
    now = backtest_abuse(blind, held, claims, PARAMS)
    pd.testing.assert_frame_equal(now, scored, rtol=1e-6)


def test_a_claim_is_judged_as_of_its_request_and_not_by_what_came_of_it(shop, held, claims, scored):
    later = claims.assign(condition="empty", returned_weight_g=1.0, resolution="rejected")
    now = backtest_abuse(shop.tables, held, later, PARAMS)
    pd.testing.assert_frame_equal(now, scored, rtol=1e-6)


def test_lines_without_a_claim_are_scored_as_if_they_were_claimed(shop, held, claims, scored):
    without = backtest_abuse(shop.tables, held, None, PARAMS)
    claimed = without["order_line_id"].isin(claims["order_line_id"])
    pd.testing.assert_frame_equal(without[~claimed], scored[~claimed], rtol=1e-6)
    assert not np.allclose(
        without.loc[claimed, "abuse_score"], scored.loc[claimed, "abuse_score"], rtol=1e-3
    )


def test_abusive_claims_stand_at_the_top(shop, claims, scored):
    truth = shop.truth["lines_truth"].set_index("order_line_id")["is_abuse"]
    mine = scored[scored["order_line_id"].isin(claims["order_line_id"])]
    abused = truth.reindex(mine["order_line_id"]).to_numpy(dtype=bool)
    top = np.argsort(-mine["abuse_score"].to_numpy())[: max(len(mine) // 20, 5)]
    assert abused[top].mean() > 5 * abused.mean()


def test_held_out_lines_of_no_table_are_named(shop):
    with pytest.raises(ValueError, match=r"1 held-out lines are in no table.*nowhere"):
        backtest_abuse(shop.tables, ["nowhere"], None, PARAMS)


def test_a_shop_without_claims_is_told_what_is_missing(shop):
    quiet = {**shop.tables, "returns": shop.tables["returns"].iloc[:0]}
    with pytest.raises(BadInputError, match="the table returns has none"):
        fit_abuse(quiet, params=PARAMS)
    with pytest.raises(BadInputError, match="outside the hold-out"):
        fit_abuse(
            shop.tables, hold_out=shop.tables["returns"]["order_line_id"].tolist(), params=PARAMS
        )


def test_a_shop_without_decisions_or_accounts_can_have_it(shop):
    bare = {name: shop.tables[name] for name in ("products", "order_lines", "returns")}
    _, model, data = fit_abuse(bare, params=PARAMS)
    assert (data.y == -1).all()
    score = model.predict_proba(data.X)[:, 1]
    truth = shop.truth["lines_truth"].set_index("order_line_id")["is_abuse"]
    abused = truth.reindex(data.order_line_id).to_numpy(dtype=bool)
    assert score[abused].mean() > 3 * score[~abused].mean()
