import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.size_fit.curve import _falling, _question, _uneven, join_curves, likely_choices
from models.size_fit.ordinal import ChoiceOutlook

SIZES = (4, 1, 7)
STARTS = np.array([0, 4, 5])
shares = st.floats(0.0, 1.0)


def triples(ends):
    """(small, fit, large) from any two numbers in [0, 1]."""
    small, large = ends[:, 0], ends[:, 1] * (1 - ends[:, 0])
    return np.column_stack([small, 1 - small - large, large])


chances = arrays(np.float64, (12, 2), elements=shares).map(triples)
tastes = arrays(np.float64, 12, elements=st.floats(-300, 0))


@settings(max_examples=150, deadline=None)
@given(chances, chances, tastes, chances, st.tuples(st.floats(-1, 1), st.floats(-1, 1)))
def test_whatever_the_models_say_every_curve_is_monotone_and_sums_to_one(
    would, chosen, taste, boosted, lean
):
    outlook = ChoiceOutlook(would=would, chosen=chosen, taste=taste)
    likely = likely_choices(outlook, STARTS)
    curves = join_curves(outlook, likely, boosted, STARTS, np.array(lean))
    np.testing.assert_allclose(curves.fit.sum(axis=1), 1.0)
    assert ((curves.fit >= 0) & (curves.fit <= 1)).all()
    assert (curves.fit[:, 1] > 0).all()
    assert ((curves.own_fit >= 0) & (curves.own_fit <= 1)).all()
    for start, count in zip(STARTS, SIZES, strict=True):
        here = curves.fit[start : start + count]
        assert (np.diff(here[:, 0]) <= 1e-12).all()
        assert (np.diff(here[:, 2]) >= -1e-12).all()


@given(tastes)
def test_chances_of_choosing_sum_to_one_over_each_question(taste):
    anything = np.full((12, 3), 1 / 3)
    likely = likely_choices(ChoiceOutlook(anything, anything, taste), STARTS)
    np.testing.assert_allclose(np.add.reduceat(likely, STARTS), 1.0)
    assert (likely >= 0).all()


@pytest.fixture
def outlook():
    """One question of five sizes; the middle one fits best and is taken most."""
    small = np.array([0.8, 0.5, 0.2, 0.1, 0.05])
    would = np.column_stack([small, 1 - small - small[::-1], small[::-1]])
    would[:, 1] = np.maximum(would[:, 1], 0.05)
    would /= would.sum(axis=1, keepdims=True)
    chosen = np.tile([0.15, 0.7, 0.15], (5, 1))
    return ChoiceOutlook(would, chosen, np.array([-4.0, -1.0, 0.0, -1.0, -4.0]))


def joined(outlook, boosted, lean=(0.0, 0.0)):
    start = np.array([0])
    return join_curves(outlook, likely_choices(outlook, start), boosted, start, np.array(lean))


def test_where_the_models_agree_the_curve_is_the_ordinal_models(outlook):
    curves = joined(outlook, outlook.chosen)
    np.testing.assert_allclose(curves.fit, outlook.would, atol=1e-6)
    assert curves.own_fit[0] == pytest.approx(0.7)


def test_where_the_booster_sees_more_too_small_every_size_is_smaller(outlook):
    plain = joined(outlook, outlook.chosen)
    worse = joined(outlook, np.tile([0.4, 0.45, 0.15], (5, 1)))
    assert (worse.fit[:, 0] > plain.fit[:, 0]).all()
    assert worse.own_fit[0] < plain.own_fit[0]


def test_a_mean_difference_of_the_two_models_is_no_news(outlook):
    boosted = np.tile([0.3, 0.55, 0.15], (5, 1))
    plain = joined(outlook, boosted)
    used_to = joined(outlook, boosted, lean=(0.5, 0.0))
    assert (used_to.fit[:, 0] < plain.fit[:, 0]).all()


def test_sizes_nobody_would_choose_are_not_asked_of_the_booster(outlook):
    far = ChoiceOutlook(outlook.would, outlook.chosen, np.array([-99.0, -1.0, 0.0, -1.0, -99.0]))
    odd = outlook.chosen.copy()
    odd[[0, 4]] = [0.98, 0.01, 0.01]
    np.testing.assert_array_equal(joined(far, odd).fit, joined(far, outlook.chosen).fit)


def test_batch_equals_single(outlook):
    boosted = np.random.default_rng(0).dirichlet([2, 6, 2], 5)
    twice = ChoiceOutlook(*(np.concatenate([part, part]) for part in
                            (outlook.would, outlook.chosen, outlook.taste)))  # fmt: skip
    starts = np.array([0, 5])
    batch = join_curves(
        twice, likely_choices(twice, starts), np.tile(boosted, (2, 1)), starts, np.zeros(2)
    )
    alone = joined(outlook, boosted)
    np.testing.assert_allclose(batch.fit, np.tile(alone.fit, (2, 1)), rtol=1e-12)


@given(arrays(np.float64, (12, 2), elements=st.sampled_from([0.0, 0.2, 0.5, 0.9, np.nan])))
def test_only_curves_that_the_nearest_falling_ones_differ_from_are_replaced(ends):
    uneven = [(rows.start, rows.stop) for rows in _uneven(ends, STARTS, _question(STARTS, 12))]
    for start, count in zip(STARTS.tolist(), SIZES, strict=True):
        small, large = ends[start : start + count].T
        same = [
            np.array_equal(found, here, equal_nan=True)
            for found, here in ((_falling(small), small), (_falling(large[::-1])[::-1], large))
        ]
        assert all(same) or (start, start + count) in uneven
        if np.isfinite(small + large).all():
            assert all(same) == ((start, start + count) not in uneven)
