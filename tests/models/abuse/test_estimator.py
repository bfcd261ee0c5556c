import numpy as np
import pandas as pd
import pytest
from contract import Case, EstimatorContract

from features.abuse import SURPRISES, VECTOR
from models.abuse import AbuseModel
from pipelines.fit_abuse import fit_abuse
from pipelines.simulate import simulate

PARAMS = {"n_estimators": 25, "num_threads": 1}
_V = {name: i for i, name in enumerate(VECTOR)}


@pytest.fixture(scope="module")
def shop():
    return simulate(5000, seed=41)


@pytest.fixture(scope="module")
def learned(shop):
    """Space, model and data."""
    return fit_abuse(shop.tables, params=PARAMS)


@pytest.fixture(scope="module")
def truth(shop, learned):
    of_line = shop.truth["lines_truth"].set_index("order_line_id")["is_abuse"]
    return of_line.reindex(learned[2].order_line_id).to_numpy(dtype=bool)


@pytest.fixture(scope="module")
def case(learned):
    data = learned[2]
    return Case(
        estimator=AbuseModel(**PARAMS),
        X=pd.DataFrame(data.X, columns=list(VECTOR)),
        y=data.y,
        options={"groups": data.groups},
        coded=(),
    )


@pytest.fixture(scope="module")
def fitted(case):
    return AbuseModel(**PARAMS).fit(case.X, case.y, **case.options)


@pytest.fixture(scope="module")
def future(shop, learned):
    space, _, data = learned
    moment = pd.Timestamp(int(np.median(data.at)), unit="us", tz="UTC")
    returns, labels = shop.tables["returns"], shop.tables["abuse_labels"]
    mutated = {
        **shop.tables,
        "returns": returns.assign(
            reason=returns["reason"].mask(returns["requested_at"] > moment, "not_received"),
            condition=returns["condition"].mask(returns["received_at"] > moment, "empty"),
        ),
        "abuse_labels": labels[labels["decided_at"] <= moment],
    }
    past = data.at <= moment.value // 1000
    return data.X[past], space.data(mutated).X[past]


class TestContract(EstimatorContract):
    pass


@pytest.fixture(scope="module")
def blind(case):
    """Trained on the same claims where nobody ever decided anything."""
    return AbuseModel(**PARAMS).fit(case.X, np.full(len(case.y), -1))


def share_found(score, truth, budget=0.05):
    top = np.argsort(-score, kind="stable")[: int(len(score) * budget)]
    return truth[top].mean() / truth.mean()


def test_without_a_decision_it_is_the_anomaly_alone_and_expects_the_given_share(blind, case):
    assert blind.boosters_ == []
    assert blind.trust_ == 0
    assert blind.predict_proba(case.X)[:, 1].mean() == pytest.approx(blind.prevalence, rel=1e-6)
    more = AbuseModel(**PARAMS, prevalence=0.1).fit(case.X, np.full(len(case.y), -1))
    assert more.predict_proba(case.X)[:, 1].mean() == pytest.approx(0.1, rel=1e-6)


def test_abuse_stands_at_the_top_with_decisions_and_without(fitted, blind, case, truth):
    assert share_found(blind.predict_proba(case.X)[:, 1], truth) > 5
    assert share_found(fitted.predict_proba(case.X)[:, 1], truth) > 8


def test_fewer_than_five_found_are_too_few_to_learn_from(case):
    y = np.full(len(case.y), -1)
    y[:4], y[4:40] = 1, 0
    assert AbuseModel(**PARAMS).fit(case.X, y).boosters_ == []


def test_the_more_was_found_the_more_decisions_count(case, fitted):
    found = np.flatnonzero(case.y == 1)
    fewer = case.y.copy()
    fewer[found[::2]] = -1
    half = AbuseModel(**PARAMS).fit(case.X, fewer, groups=case.options["groups"])
    assert 0 < half.trust_ < fitted.trust_ < 1


@pytest.mark.parametrize("which", ["fitted", "blind"])
def test_more_of_any_signal_never_lowers_the_score(request, which, case):
    model = request.getfixturevalue(which)
    rows = case.X.to_numpy(dtype="float64")[::40]
    before = model.predict_proba(rows)[:, 1]
    for name in SURPRISES:
        after = rows.copy()
        after[:, _V[name]] += 2.0
        assert (model.predict_proba(after)[:, 1] >= before - 1e-12).all(), name


def test_all_signals_together_raise_an_ordinary_claim_to_the_top(fitted, case):
    scores = fitted.predict_proba(case.X)[:, 1]
    usual = case.X.to_numpy(dtype="float64")[[np.argsort(scores)[len(scores) // 2]]]
    usual[:, [_V[name] for name in SURPRISES]] = 5.0
    assert fitted.predict_proba(usual)[0, 1] > np.quantile(scores, 0.99)


def test_the_same_returns_are_not_counted_three_times(blind, case):
    row = np.zeros((3, len(VECTOR)))
    once = ["returns_above_peers", "recent_returns", "value_above_peers"]
    row[1, _V["returns_above_peers.surprise"]] = 3.0
    row[2, [_V[f"{code}.surprise"] for code in once]] = 3.0
    none, one, three = blind.predict_proba(row)[:, 1]
    assert none < one == three


def test_it_expects_more_than_was_found_and_less_than_of_judged_claims(fitted, case):
    """Most abuse is never judged, and what is judged looks worse than the rest."""
    found, judged = (case.y == 1).mean(), (case.y[case.y >= 0] == 1).mean()
    expected = fitted.predict_proba(case.X)[:, 1].mean()
    assert found < expected < judged


def test_labels_of_other_codes_and_empty_shops_are_refused(case):
    with pytest.raises(ValueError, match=r"0 \(legitimate\), 1 \(abuse\) and -1"):
        AbuseModel().fit(case.X, np.full(len(case.y), 2))
    with pytest.raises(ValueError, match="no claim"):
        AbuseModel().fit(case.X.iloc[:0], [])
