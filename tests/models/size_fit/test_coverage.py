import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.size_fit.coverage import ConformalSets, size_set

ALL = np.zeros((400, 1), dtype=np.int64)


def threshold(sets, group=0):
    return sets.thresholds(np.array([[group]]))[0]


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
def test_thresholds_keep_at_least_the_stated_share_of_new_lines(coverage):
    """The mean over many draws of 400 lines is the coverage itself, give or take a hundredth."""
    random = np.random.default_rng(7)
    held = []
    for _ in range(300):
        sets = ConformalSets(coverage).fit(random.beta(5, 2, 400), ALL)
        held.append((random.beta(5, 2, 1000) >= threshold(sets)).mean())
    assert coverage - 0.003 < np.mean(held) < coverage + 0.01


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=200, max_size=300), st.floats(0.5, 0.99))
def test_the_lines_it_was_set_on_are_covered(scores, coverage):
    scores = np.array(scores)
    sets = ConformalSets(coverage).fit(scores, np.zeros((len(scores), 1), dtype=np.int64))
    assert (scores >= threshold(sets)).mean() >= coverage


def test_each_group_with_enough_lines_has_its_own_coverage():
    random = np.random.default_rng(1)
    group = np.repeat([0, 3], 3000)
    scores = np.where(group == 0, random.uniform(0.5, 1.0, 6000), random.uniform(0.0, 1.0, 6000))
    sets = ConformalSets(0.9).fit(scores, group[:, None])
    for each in (0, 3):
        assert 0.89 <= (scores[group == each] >= threshold(sets, each)).mean() < 0.91
    assert threshold(sets) > threshold(sets, 3)


def test_groups_that_cross_are_each_covered():
    random = np.random.default_rng(2)
    groups = random.integers(0, 3, (9000, 2))
    scores = np.clip(
        random.uniform(0.3, 1.0, 9000) - 0.1 * groups[:, 0] + 0.05 * groups[:, 1], 0, 1
    )
    sets = ConformalSets(0.9).fit(scores, groups)
    inside = scores >= sets.thresholds(groups)
    for factor in range(2):
        for code in range(3):
            assert 0.885 < inside[groups[:, factor] == code].mean() < 0.915


def test_the_level_is_that_of_lines_said_to_fit():
    random = np.random.default_rng(3)
    sure = random.random(4000) < 0.5
    scores = np.where(sure, random.uniform(0.4, 1.0, 4000), random.uniform(0.0, 1.0, 4000))
    groups = np.zeros((4000, 1), dtype=np.int64)
    sets = ConformalSets(0.9).fit(scores, groups, sure)
    assert 0.89 < (scores[sure] >= threshold(sets)).mean() < 0.92
    few = ConformalSets(0.9).fit(scores, groups, sure & (np.arange(4000) < 100))
    assert threshold(few) == threshold(ConformalSets(0.9).fit(scores, groups))


def test_a_small_group_is_read_by_all_lines():
    random = np.random.default_rng(1)
    group = np.r_[np.zeros(1000), np.ones(5)].astype(np.int64)
    sets = ConformalSets(0.9).fit(random.uniform(size=1005), group[:, None])
    assert abs(threshold(sets, 1) - threshold(sets, 0)) < 0.02
    assert threshold(sets, 99) == sets.overall_


def test_too_few_lines_put_every_size_into_the_set():
    sets = ConformalSets(0.9).fit(np.full(20, 0.9), ALL[:20])
    assert size_set(np.array([0.01, 0.5, 0.02]), threshold(sets)).all()


fits = st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=12).map(np.array)


@given(fits, st.floats(0, 1))
def test_a_size_set_is_without_gaps_and_holds_the_best_size(fit, threshold):
    inside = size_set(fit, threshold)
    assert inside[np.argmax(fit)]
    assert (np.diff(np.flatnonzero(inside)) == 1).all()
    assert inside[fit >= threshold * fit.max()].all()


@given(fits, st.floats(0, 1), st.floats(0, 1))
def test_a_higher_threshold_never_adds_a_size(fit, one, other):
    low, high = sorted((one, other))
    assert not (size_set(fit, high) & ~size_set(fit, low)).any()
