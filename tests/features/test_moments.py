import numpy as np
import pytest

from features.moments import FEWEST, blended_moments, definite, pair_moments

MEAN = np.array([1.0, -2.0, 5.0])
COVARIANCE = np.array([[4.0, 1.2, 1.0], [1.2, 1.0, 0.3], [1.0, 0.3, 2.0]])


def rows(count, seed=0, shift=0.0):
    return np.random.default_rng(seed).multivariate_normal(MEAN + shift, COVARIANCE, count)


def test_without_rows_the_prior_is_returned():
    mean, covariance = blended_moments(np.empty((0, 3)), (MEAN, COVARIANCE), 40.0)
    np.testing.assert_allclose(mean, MEAN)
    np.testing.assert_allclose(covariance, COVARIANCE, atol=1e-9)


def test_many_rows_leave_nothing_of_the_prior():
    joint = rows(20_000, shift=3.0)
    blended = blended_moments(joint, (MEAN, 5 * COVARIANCE), 40.0)
    for found, own in zip(blended, pair_moments(joint), strict=True):
        np.testing.assert_allclose(found, own, atol=0.1)


def test_as_many_rows_as_the_prior_counts_meet_it_half_way():
    joint = rows(40, shift=4.0)
    mean, _ = blended_moments(joint, (MEAN, COVARIANCE), 40.0)
    np.testing.assert_allclose(mean, (MEAN + joint.mean(axis=0)) / 2)


def test_a_column_nobody_tells_follows_the_others_as_expected():
    joint = rows(5000)
    joint[:, 0] += 6.0
    joint[:, 1] = np.nan
    mean, covariance = blended_moments(joint, (MEAN, COVARIANCE), 40.0)
    slope = np.linalg.solve(COVARIANCE[np.ix_([0, 2], [0, 2])], COVARIANCE[[0, 2], 1])
    assert mean[1] == pytest.approx(MEAN[1] + slope[0] * 6.0, abs=0.2)
    assert covariance[0, 1] == pytest.approx(COVARIANCE[0, 1], rel=0.15)


def test_holes_leave_a_covariance_that_can_be_one():
    joint = np.where(np.random.default_rng(1).random((300, 3)) < 0.6, np.nan, rows(300))
    for covariance in (
        pair_moments(joint)[1],
        blended_moments(joint, (MEAN, COVARIANCE), 40.0)[1],
    ):
        assert np.linalg.eigvalsh(covariance).min() > 0


def test_pairs_seen_seldom_count_as_uncorrelated_without_a_prior():
    joint = rows(FEWEST - 1)
    covariance = pair_moments(np.vstack([joint, np.full((100, 3), np.nan)]))[1]
    np.testing.assert_array_equal(covariance, 0.0)


def test_pairs_that_contradict_each_other_leave_an_untold_column_a_spread():
    """No row tells all three: a goes with b and b with c, but a against c."""
    random = np.random.default_rng(4)
    joint = np.full((900, 4), np.nan)
    for part, (one, other, sign) in enumerate([(0, 1, 1.0), (1, 2, 1.0), (0, 2, -1.0)]):
        here = slice(300 * part, 300 * part + 300)
        joint[here, one] = 10 * random.standard_normal(300)
        joint[here, other] = sign * joint[here, one]
    prior = np.diag([1.0, 1.0, 1.0, 1.0])
    prior[3, :3] = prior[:3, 3] = 0.5, -0.5, 0.5
    assert np.linalg.eigvalsh(prior).min() > 0
    _, covariance = blended_moments(joint, (np.zeros(4), prior), 40.0)
    assert np.linalg.eigvalsh(covariance).min() > 0


def test_what_is_a_covariance_stays_as_it_is():
    np.testing.assert_allclose(definite(COVARIANCE), COVARIANCE)
