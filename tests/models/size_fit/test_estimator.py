import numpy as np
import pandas as pd
import pytest
from contract import Case, EstimatorContract

from features.size_fit import CODED, VECTOR
from features.size_fit_space import Candidates
from models.size_fit import SizeFit
from pipelines.fit_size import backtest_size_fit, fit_size_fit

PARAMS = {"n_estimators": 12, "members": 1, "min_child_samples": 20, "num_threads": 1}
STATUS = {"advised", "between_sizes", "no_good_size", "not_enough_information"}


@pytest.fixture(scope="module")
def candidates(trained):
    """All sizes of two hundred lines."""
    _, _, data = trained
    return data.candidates(np.flatnonzero(data.sized)[::12])


@pytest.fixture(scope="module")
def starts(candidates):
    return np.flatnonzero(np.r_[True, np.diff(candidates.line) != 0])


def steps(curve, starts):
    """Differences between neighbouring sizes of one question."""
    inside = np.ones(len(curve), dtype=bool)
    inside[starts] = False
    return np.diff(curve, prepend=curve[:1])[inside]


@pytest.fixture(scope="module")
def case(trained):
    _, _, data = trained
    known = np.flatnonzero((data.y >= 0) & data.sized)[:900]
    newest = known[-250:]
    found = data.candidates(newest)
    rows = np.searchsorted(known, found.line)
    return Case(
        estimator=SizeFit(**PARAMS),
        X=pd.DataFrame(data.X[known], columns=list(VECTOR)),
        y=data.y[known],
        options={
            "told": data.told[known],
            "at": data.at[known],
            "candidates": Candidates(found.X, rows, found.label, found.chosen),
        },
        coded=CODED,
    )


@pytest.fixture(scope="module")
def fitted(case):
    return SizeFit(**PARAMS).fit(case.X, case.y, **case.options)


@pytest.fixture(scope="module")
def future(tables, trained):
    space, _, data = trained
    lines, feedback = tables["order_lines"], tables["fit_feedback"].copy()
    moment = lines["ordered_at"].sort_values().iloc[1500]
    later = feedback["given_at"] >= moment
    feedback.loc[later, "fit"] = "small"
    returns = tables["returns"]
    mutated = {
        **tables,
        "fit_feedback": feedback,
        "returns": returns[returns["requested_at"] < moment],
    }
    rows = (lines["ordered_at"] <= moment).to_numpy() & data.sized
    return data.X[rows], space.data(mutated).X[rows]


class TestContract(EstimatorContract):
    pass


def test_the_curve_of_every_question_is_monotone(trained, candidates, starts):
    fit = trained[1].curves(candidates.X, starts).fit
    known = np.isfinite(fit).all(axis=1)
    assert known.mean() > 0.5
    assert (np.isfinite(fit).any(axis=1) == known).all()
    question = np.searchsorted(starts, np.flatnonzero(known), side="right")
    starts, fit = np.flatnonzero(np.r_[True, np.diff(question) != 0]), fit[known]
    assert (steps(fit[:, 0], starts) <= 1e-12).all()
    assert (steps(fit[:, 2], starts) >= -1e-12).all()
    assert ((fit >= 0) & (fit <= 1)).all()
    np.testing.assert_allclose(fit.sum(axis=1), 1.0)


def test_a_tenfold_size_makes_too_small_fall_monotonically(trained, candidates, starts):
    """One product in a hundred and one sizes, ten steps down to ten steps up."""
    _, model, _ = trained
    position = VECTOR.index("position")
    gaps = [i for i, name in enumerate(VECTOR) if name in (
        "gap", "gap_from_shift", "from_usual", "from_usual_shifted", "from_orders", "from_basket",
        "from_small", "from_fit", "from_large")]  # fmt: skip
    tried = 0
    for start in starts[::10]:
        row = candidates.X[start]
        if not np.isfinite(row[VECTOR.index("natural")]):
            continue
        places = row[position] + np.linspace(-10.0, 10.0, 101)
        sizes = np.tile(row, (101, 1))
        sizes[:, position] = places
        sizes[:, gaps] += (places - row[position])[:, None]
        fit = model.curves(sizes, np.array([0])).fit
        assert (np.diff(fit[:, 0]) <= 1e-12).all()
        assert (np.diff(fit[:, 2]) >= -1e-12).all()
        assert fit[0, 0] - fit[-1, 0] > 0.5
        tried += 1
    assert tried > 10


def test_advice_on_one_line_equals_that_in_the_batch(trained, candidates, starts):
    _, model, _ = trained
    batch = model.advise(candidates)
    assert [each.line for each in batch] == candidates.line[starts].tolist()
    for decision in batch[::20]:
        here = candidates.line == decision.line
        (alone,) = model.advise(Candidates(
            candidates.X[here], candidates.line[here], candidates.label[here],
            candidates.chosen[here]))  # fmt: skip
        np.testing.assert_allclose(alone.fit, decision.fit, rtol=1e-9)
        assert (alone.status, alone.recommended) == (decision.status, decision.recommended)
        assert alone.size_set == decision.size_set


def test_advice_names_sizes_of_the_product_and_the_set_holds_the_best(trained, candidates):
    decisions = trained[1].advise(candidates)
    assert {each.status for each in decisions} <= STATUS
    assert sum(each.recommended is not None for each in decisions) > 10
    for each in decisions:
        best = int(np.argmax(each.fit[:, 1]))
        assert each.inside[best]
        assert set(each.size_set) <= set(each.labels)
        inside = np.flatnonzero(each.inside)
        assert np.ptp(inside) + 1 == len(inside)
        assert each.recommended in (None, each.labels[best])


def test_nothing_is_advised_without_candidates(trained):
    nothing = Candidates(
        np.empty((0, len(VECTOR))), np.empty(0, int), np.empty(0, object), np.empty(0, bool)
    )
    assert trained[1].advise(nothing) == []


def test_a_person_and_product_of_which_nothing_is_known_get_no_size(trained):
    rows = np.full((3, len(VECTOR)), np.nan)
    unknown = Candidates(
        rows, np.zeros(3, int), np.array(["S", "M", "L"], object), np.zeros(3, bool)
    )
    (decision,) = trained[1].advise(unknown)
    assert decision.status == "not_enough_information"
    assert decision.recommended is None
    assert decision.size_set == ("S", "M", "L")


def test_saved_and_loaded_it_advises_the_same(trained, candidates, tmp_path):
    _, model, _ = trained
    model.save(tmp_path)
    back = SizeFit.load(tmp_path)
    for was, now in zip(model.advise(candidates), back.advise(candidates), strict=True):
        np.testing.assert_array_equal(was.fit, now.fit)
        assert (was.status, was.recommended, was.size_set) == (
            now.status, now.recommended, now.size_set)  # fmt: skip


def test_without_candidates_a_size_set_holds_every_size(trained, candidates):
    _, _, data = trained
    known = np.flatnonzero((data.y >= 0) & data.sized)[:900]
    model = SizeFit(**PARAMS).fit(data.X[known], data.y[known])
    assert all(each.inside.all() for each in model.advise(candidates))


@pytest.mark.parametrize("y", [[0, 1, 1, 0], [0, 1, 2, 3], [1, 1, 1, 1]])
def test_outcomes_must_be_small_fit_and_large(y):
    with pytest.raises(ValueError, match=r"must hold 0 \(small\), 1 \(fit\) and 2 \(large\)"):
        SizeFit(**PARAMS).fit(np.zeros((4, len(VECTOR))), y)


def test_outcomes_of_held_out_lines_change_no_number_of_the_back_test(tables):
    known = tables["fit_feedback"]["order_line_id"]
    held = known.sample(150, random_state=2).tolist()
    feedback = tables["fit_feedback"].copy()
    mine = feedback["order_line_id"].isin(held)
    feedback.loc[mine, "fit"] = feedback.loc[mine, "fit"].map(
        {"small": "large", "fit": "small", "large": "fit"}
    )
    returns = tables["returns"]
    blind = {
        **tables,
        "fit_feedback": feedback,
        "returns": returns[~returns["order_line_id"].isin(held)],
    }
    was = backtest_size_fit(tables, held, PARAMS)
    now = backtest_size_fit(blind, held, PARAMS)
    pd.testing.assert_frame_equal(was, now, rtol=1e-9)
    assert was["order_line_id"].tolist() == held


def test_a_shop_without_every_outcome_is_told_what_is_missing(tables):
    quiet = {name: frame for name, frame in tables.items() if name not in ("fit_feedback",)}
    quiet["returns"] = tables["returns"].iloc[:0]
    with pytest.raises(ValueError, match="too small"):
        fit_size_fit(quiet, params=PARAMS)
