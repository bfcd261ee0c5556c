from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from data_contracts.errors import BadInputError
from pipelines.jobs.size_fit import JOB
from pipelines.outcomes import check_outcomes, fit_outcomes
from pipelines.simulate import simulate

WINDOW = pd.Timedelta(days=30)


@pytest.fixture(scope="module")
def tables():
    return simulate(4000, seed=5).tables


@pytest.fixture(scope="module")
def folds(tables):
    return JOB.folds(tables, 3)


def test_folds_follow_each_other_and_share_no_line(tables, folds):
    for before, after in pairwise(folds):
        assert before.end == after.start
    ids = [line for fold in folds for line in fold.outcomes.index]
    assert len(ids) == len(set(ids))
    sizes = [len(fold.outcomes) for fold in folds]
    # Folds are cut between orders, never within one.
    assert max(sizes) - min(sizes) <= tables["order_lines"]["order_id"].value_counts().max()


def test_nothing_told_in_a_fold_or_later_is_in_its_tables(folds):
    for fold in folds:
        assert fold.tables["order_lines"]["ordered_at"].max() < fold.start
        assert fold.tables["fit_feedback"]["given_at"].max() < fold.start
        assert fold.tables["returns"]["requested_at"].max() < fold.start
        assert (fold.tables["order_lines"]["delivered_at"].dropna() + WINDOW < fold.start).all()
        assert not fold.outcomes.index.isin(fold.tables["order_lines"]["order_line_id"]).any()
        assert fold.live["order_lines"]["ordered_at"].max() < fold.end
        assert fold.live["returns"]["requested_at"].max() < fold.end


def test_what_is_learned_is_what_is_true_in_the_end(folds, tables):
    """A line whose return was yet to come must not have been taken for kept."""
    truth = fit_outcomes(tables)
    for fold in folds:
        learnt = fit_outcomes(fold.tables)
        learnt = learnt[learnt["y"] >= 0]
        assert len(learnt) > 500
        differ = (learnt["y"] != truth["y"].reindex(learnt.index)).mean()
        assert differ < 0.005  # feedback that comes after the window may correct a kept line


def test_a_changed_future_changes_no_fold(folds, tables):
    start = folds[0].start
    changed = dict(tables)
    feedback = tables["fit_feedback"].copy()
    later = feedback["given_at"] >= start
    assert later.any()
    feedback.loc[later, "fit"] = "large"
    changed["fit_feedback"] = feedback
    again = JOB.folds(changed, 3)[0]
    for name, frame in folds[0].tables.items():
        pd.testing.assert_frame_equal(frame, again.tables[name])


def test_the_outcome_of_a_judged_line_is_in_no_vector_of_its_own(folds, tables):
    """Changing what became of the last judged line changes nothing it is judged by."""
    fold = folds[-1]
    moments = tables["order_lines"].set_index("order_line_id")["ordered_at"]
    told = fold.outcomes[fold.outcomes["told"]].index.intersection(
        fold.live["fit_feedback"]["order_line_id"]
    )
    last = moments.loc[told].idxmax()
    feedback = fold.live["fit_feedback"]
    assert (feedback["order_line_id"] == last).any()
    changed = feedback.assign(fit=feedback["fit"].mask(feedback["order_line_id"] == last, "large"))
    again = replace(fold, live={**fold.live, "fit_feedback": changed})
    earlier = (moments.loc[fold.outcomes.index] <= moments[last]).to_numpy()
    assert earlier.sum() > 10
    before, after = JOB.prepare(fold), JOB.prepare(again)
    np.testing.assert_array_equal(before.y_judged, after.y_judged)
    np.testing.assert_array_equal(before.X, after.X)
    np.testing.assert_array_equal(before.X_judged[: earlier.sum()], after.X_judged[: earlier.sum()])


def test_too_few_outcomes_say_how_many_there_must_be(tables):
    few = {**tables, "order_lines": tables["order_lines"].head(100)}
    few["fit_feedback"] = few["fit_feedback"][
        few["fit_feedback"]["order_line_id"].isin(few["order_lines"]["order_line_id"])
    ]
    with pytest.raises(BadInputError, match="too few for 3 rolling folds of 10%; there must be at"):
        JOB.folds(few, 3)


def test_orders_of_one_moment_cannot_be_cut(tables):
    lines = tables["order_lines"]
    at_once = {**tables, "order_lines": lines.assign(ordered_at=lines["ordered_at"].min())}
    with pytest.raises(BadInputError, match="too few different moments"):
        JOB.folds(at_once, 3)


def test_data_without_one_kind_of_outcome_is_refused_by_name(tables):
    feedback, returns = tables["fit_feedback"], tables["returns"]
    none_small = {
        **tables,
        "fit_feedback": feedback[feedback["fit"] != "small"],
        "returns": returns[returns["reason"] != "too_small"],
    }
    with pytest.raises(BadInputError, match="none is known to have been small"):
        check_outcomes(none_small)
    check_outcomes(tables)
    with pytest.raises(BadInputError, match="held out none is known to have been small or fit or"):
        check_outcomes(tables, tables["order_lines"]["order_line_id"].tolist())
