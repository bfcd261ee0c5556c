from itertools import pairwise

import numpy as np
import pytest

from data_contracts.errors import BadInputError
from data_contracts.tables import RETURN_REASON
from features.return_risk_space import ReturnRiskSpace
from pipelines.jobs.return_risk import JOB
from pipelines.outcomes import return_outcomes
from pipelines.simulate import simulate

QUICK = {"n_estimators": 10, "num_threads": 1}


@pytest.fixture(scope="module")
def tables():
    return simulate(3000, seed=5).tables


@pytest.fixture(scope="module")
def folds(tables):
    return JOB.folds(tables, 2)


def test_outcomes_are_those_the_feature_space_learns_from(tables):
    space = ReturnRiskSpace().fit(tables)
    data = space.data(tables)
    told = return_outcomes(tables, space.window_days_, space.slowest_days_)
    np.testing.assert_array_equal(told["y"].reindex(data.ids), data.y)
    np.testing.assert_array_equal(told["mature"].reindex(data.ids), data.mature)


def test_folds_follow_each_other_and_know_nothing_of_what_comes(folds):
    for before, after in pairwise(folds):
        assert before.end == after.start
        assert not before.outcomes.index.intersection(after.outcomes.index).size
    for fold in folds:
        for known, moment in ((fold.tables, fold.start), (fold.live, fold.end)):
            assert known["order_lines"]["ordered_at"].max() < moment
            assert known["order_lines"]["delivered_at"].max() < moment
            assert known["returns"]["requested_at"].max() < moment
        assert not fold.outcomes.index.isin(fold.tables["order_lines"]["order_line_id"]).any()


def test_a_fold_is_judged_on_known_lines_by_both_return_and_reason(folds):
    prepared = JOB.prepare(folds[-1])
    assert len(prepared.y) == len(folds[-1].outcomes)
    judged = JOB.judge_fold(prepared, QUICK)
    assert judged.probability.shape == (len(prepared.y), 1 + len(RETURN_REASON))
    assert {"auc", "log_loss", "gap_return", "reason_log_loss"} <= set(judged.metrics)
    curves = JOB.calibration(judged.y, judged.probability)
    assert curves["returned"][0].mean() == pytest.approx(judged.metrics["observed_return"])


def test_data_of_one_kind_is_refused_by_name(tables):
    none_back = {name: table for name, table in tables.items() if name != "returns"}
    with pytest.raises(BadInputError, match="none is known to have come back"):
        JOB.check(none_back)
    with pytest.raises(BadInputError, match="held out none is known to have come back"):
        JOB.check(tables, tables["order_lines"]["order_line_id"].tolist())
    JOB.check(tables)


def test_a_back_test_gives_reasons_that_sum_to_the_return_and_is_judged_in_money(tables):
    ids = tables["order_lines"]["order_line_id"].sample(300, random_state=3).tolist()
    predicted = JOB.backtest(tables, ids)
    assert predicted["order_line_id"].tolist() == ids
    reasons = predicted[[f"p_reason_{reason}" for reason in RETURN_REASON]].sum(axis=1)
    np.testing.assert_allclose(reasons, predicted["p_return"], atol=1e-9)
    figures = JOB.score(tables, predicted)["known outcomes"]
    assert {"auc", "gap_return", "saved_margin"} <= set(figures)
