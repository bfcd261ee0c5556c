import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.wearers import split


def moments(taken):
    """Sums of one person's deviations, as histories hold them."""
    taken = np.asarray(taken, dtype="float64")
    return [np.array([value]) for value in (len(taken), *(np.sum(taken**k) for k in (1, 2, 3)))]


def of(taken):
    return [float(value[0]) for value in split(*moments(taken))]


def test_sizes_that_scatter_as_one_persons_do_are_one_persons():
    random = np.random.default_rng(0)
    alone = np.array([of(random.normal(1.0, 0.6, 12))[0] for _ in range(500)])
    assert (alone == 0).mean() > 0.9
    assert alone.mean() < 0.03


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
def test_two_people_three_sizes_apart_are_told_apart(share):
    random = np.random.default_rng(1)
    found = []
    for _ in range(300):
        larger = random.random(12) < share
        found.append(of(random.normal(0, 0.5, 12) + np.where(larger, 1.5, -1.5)))
    two, low, high, part = np.array(found).T
    assert (two > 0.9).mean() > 0.9
    sure = two > 0.9
    assert np.median(low[sure]) == pytest.approx(-1.5, abs=0.3)
    assert np.median(high[sure]) == pytest.approx(1.5, abs=0.3)
    assert np.mean(part[sure]) == pytest.approx(share, abs=0.06)


@given(st.lists(st.floats(-6, 6), max_size=30))
def test_the_two_lie_around_the_mean_and_the_mean_is_kept(taken):
    two, low, high, share = of(taken)
    mean = np.mean(taken) if taken else 0.0
    assert 0 <= two <= 1
    assert 0 < share < 1
    assert low <= mean + 1e-6
    assert high >= mean - 1e-6
    assert (1 - share) * low + share * high == pytest.approx(mean, abs=1e-6)


@pytest.mark.parametrize("taken", [[], [4.0], [-4.0, 4.0]])
def test_two_orders_are_too_few_to_tell(taken):
    assert of(taken)[0] == 0.0


@given(st.lists(st.lists(st.floats(-6, 6), max_size=12), min_size=1, max_size=5))
def test_batch_equals_single_to_the_last_bit(people):
    """Among accounts of two as among none but accounts of one."""
    alone = np.array([of(taken) for taken in people])
    together = np.transpose(split(*np.concatenate([moments(each) for each in people], axis=1)))
    np.testing.assert_array_equal(together, alone)
