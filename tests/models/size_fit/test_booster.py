import lightgbm as lgb
import numpy as np
import pytest

from models.size_fit.booster import BoosterEnsemble
from models.vectors import HeldVectors

NAMES = ["gap", "brand.small", "market"]
PARAMS = {"num_threads": 1, "min_child_samples": 5, "bagging_fraction": 0.5, "bagging_freq": 1}


@pytest.fixture(scope="module")
def lines():
    random = np.random.default_rng(0)
    X = np.column_stack([random.normal(size=700), random.random(700), random.integers(0, 4, 700)])
    y = np.digitize(X[:, 0] + random.normal(0, 0.5, 700), [-1, 1])
    return X, y


def fitted(lines, members=2, seed=0):
    return BoosterEnsemble.fit(
        HeldVectors(lines[0]),
        lines[1],
        names=NAMES,
        coded=[2],
        params=PARAMS,
        rounds=10,
        members=members,
        seed=seed,
    )


@pytest.fixture(scope="module")
def ensemble(lines):
    return fitted(lines)


def test_probabilities_sum_to_one_and_follow_the_outcome(ensemble, lines):
    chances = ensemble.predict(lines[0])
    np.testing.assert_allclose(chances.sum(axis=1), 1.0)
    assert chances[lines[1] == 0, 0].mean() > chances[lines[1] == 2, 0].mean() + 0.2


def test_it_is_the_mean_of_its_members(ensemble, lines):
    alone = [BoosterEnsemble([booster]).predict(lines[0]) for booster in ensemble.boosters]
    assert not np.array_equal(*alone)
    np.testing.assert_allclose(ensemble.predict(lines[0]), np.mean(alone, axis=0))


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others(ensemble, lines):
    np.testing.assert_array_equal(fitted(lines).predict(lines[0]), ensemble.predict(lines[0]))
    assert not np.array_equal(fitted(lines, seed=9).predict(lines[0]), ensemble.predict(lines[0]))


def test_a_large_batch_equals_its_small_parts(ensemble, lines):
    whole = ensemble.predict(lines[0])
    parts = np.vstack([ensemble.predict(lines[0][i : i + 100]) for i in range(0, 700, 100)])
    np.testing.assert_allclose(whole, parts, rtol=1e-12)


def test_saved_and_loaded_it_predicts_the_same(ensemble, lines, tmp_path):
    ensemble.save(tmp_path)
    back = BoosterEnsemble.load(tmp_path, members=2)
    np.testing.assert_array_equal(back.predict(lines[0]), ensemble.predict(lines[0]))


def test_a_missing_member_is_an_error(ensemble, tmp_path):
    ensemble.save(tmp_path)
    with pytest.raises(lgb.basic.LightGBMError, match="booster_2"):
        BoosterEnsemble.load(tmp_path, members=3)


def test_unknown_values_and_codes_are_allowed(ensemble):
    odd = np.array([[np.nan, np.nan, np.nan], [0.0, 0.5, 99.0]])
    np.testing.assert_allclose(ensemble.predict(odd).sum(axis=1), 1.0)
