import numpy as np
import pandas as pd
import pytest
from contract import Case, EstimatorContract
from sklearn.base import clone

from features.return_risk import CLOCKS, CODED, VECTORS
from features.return_risk_space import OUTCOMES, ReturnRiskSpace
from models.return_risk import ReturnRisk

PARAMS = {"n_estimators": 25, "members": 2, "min_child_samples": 20, "num_threads": 1}


@pytest.fixture(scope="module")
def space(tables):
    return ReturnRiskSpace().fit(tables)


@pytest.fixture(scope="module")
def data(space, tables):
    return space.data(tables)


@pytest.fixture(scope="module")
def case(data):
    known = data.y >= 0
    facts = data.facts[known]
    return Case(
        estimator=ReturnRisk(**PARAMS),
        X=pd.DataFrame(data.X[known], columns=list(VECTORS["checkout"])),
        y=data.y[known],
        options={
            "groups": facts["order_id"].to_numpy(dtype=object),
            "mature": data.mature[known],
            "product": facts["product_id"].to_numpy(dtype=object),
            "customer": facts["customer_id"].to_numpy(dtype=object),
        },
        coded=CODED,
    )


@pytest.fixture(scope="module")
def fitted(case):
    return clone(case.estimator).fit(case.X, case.y, **case.options)


@pytest.fixture(scope="module")
def future(space, tables, data):
    lines, returns = tables["order_lines"], tables["returns"]
    moment = lines["ordered_at"].quantile(0.6)
    mutated = {
        **tables,
        "returns": returns[returns["requested_at"] <= moment].assign(refund_amount=1.0),
        "order_lines": lines.assign(
            unit_price=lines["unit_price"].mask(lines["ordered_at"] > moment, 999.0),
            delivered_at=lines["delivered_at"].mask(lines["delivered_at"] > moment),
        ),
    }
    past = (lines["ordered_at"] <= moment).to_numpy()
    # A sum may end in another last bit, which a tree that splits at 0 would tell from 0.
    return np.round(data.X[past], 9), np.round(space.data(mutated).X[past], 9)


class TestContract(EstimatorContract):
    pass


def test_reasons_sum_to_the_chance_of_a_return(case, fitted):
    chances = fitted.predict_proba(case.X)
    np.testing.assert_allclose(chances[:, 1:].sum(axis=1), fitted.chance(case.X), rtol=1e-9)


def test_the_mean_chance_is_the_share_that_came_back(case, fitted):
    assert abs(fitted.chance(case.X).mean() - (case.y > 0).mean()) < 0.02


def test_it_tells_what_comes_back_from_what_stays(case, fitted):
    chance, back = fitted.chance(case.X), case.y > 0
    assert chance[back].mean() > chance[~back].mean() + 0.05


def test_the_interval_holds_the_chance_and_narrows_with_the_record(case, fitted):
    row = case.X.iloc[[0, 0]].copy()
    row[["product.log_settled", "customer.log_settled"]] = [[0.0, 0.0], np.log1p([400.0, 60.0])]
    chance = fitted.chance(row)
    low, high = fitted.interval(row, chance)
    assert (low < chance).all()
    assert (chance < high).all()
    width = np.log(high / (1 - high)) - np.log(low / (1 - low))
    assert width[1] <= width[0]


def test_the_boosters_read_no_column_that_only_tells_the_day(case, fitted):
    names = [VECTORS["checkout"][i] for i in fitted.columns_]
    assert not CLOCKS & set(names)


def test_where_all_goods_are_of_one_category_its_rate_is_not_read(case):
    one = case.X.assign(category=0.0)
    fitted = clone(case.estimator).fit(one, case.y, **case.options)
    names = [VECTORS["checkout"][i] for i in fitted.columns_]
    assert not [n for n in names if n.startswith(("category.", "category_market."))]
    assert "market.rate" in names


def test_a_drift_is_followed_after_the_time_learned_from():
    rng = np.random.default_rng(3)
    rows = 6000
    X = pd.DataFrame(0.0, index=range(rows), columns=list(VECTORS["checkout"]))
    X["years"] = np.sort(rng.uniform(0.0, 1.0, rows))
    X["price"] = rng.normal(50, 10, rows)
    y = (rng.random(rows) < np.where(X["years"] > 0.75, 0.45, 0.30)).astype(int)
    model = ReturnRisk(**PARAMS).fit(X, y)
    past, later = X.iloc[-500:], X.iloc[-500:].assign(years=1.2)
    assert model.chance(later).mean() > model.chance(past).mean() + 0.02


def test_only_one_outcome_cannot_be_learned_from(case):
    with pytest.raises(ValueError, match="kept"):
        clone(case.estimator).fit(case.X, np.zeros(len(case.X), dtype=int))


def test_one_member_cannot_be_calibrated(case):
    with pytest.raises(ValueError, match="members = 1"):
        ReturnRisk(**{**PARAMS, "members": 1}).fit(case.X, case.y)


def test_an_unknown_moment_is_named(case):
    with pytest.raises(ValueError, match="'payment'"):
        ReturnRisk(**{**PARAMS, "moment": "payment"}).fit(case.X, case.y)


def test_a_shop_that_tells_no_reasons_gets_the_one_it_told(case, fitted):
    other = OUTCOMES.index("other")
    model = clone(case.estimator).fit(case.X, np.where(case.y > 0, other, 0), **case.options)
    chances = model.predict_proba(case.X)
    assert chances[:, other].min() > 0
    assert chances[:, [i for i in range(1, len(OUTCOMES)) if i != other]].max() == 0
