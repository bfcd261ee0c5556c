import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.metrics import roc_auc_score

from pipelines.monitor.figures import Figures, figures, share_of


def world(n=4000, seed=0, customers=None):
    rng = np.random.default_rng(seed)
    chance = rng.beta(2, 5, n)
    hit = rng.random(n) < chance
    return hit, chance, rng.integers(0, customers or n, n)


def test_a_calibrated_model_has_slope_one_and_no_gap():
    found = figures(*world(20_000))
    assert abs(found.gap.value) < 3 * found.gap.se
    assert abs(found.slope.value - 1) < 3 * found.slope.se
    assert found.ece.value == pytest.approx(found.ece_expected, abs=3 * found.ece.se)


def test_the_auc_is_that_of_everybody_else():
    hit, chance, customer = world(500)
    chance = chance.round(1)  # ties
    assert figures(hit, chance, customer).auc.value == pytest.approx(roc_auc_score(hit, chance))


def test_intervals_hold_the_truth_as_often_as_they_say():
    found = [figures(*world(600, seed)) for seed in range(100)]
    truth = figures(*world(200_000, seed=999)).auc.value
    inside = {
        "gap": np.mean([low <= 0 <= high for low, high in (f.gap.interval() for f in found)]),
        "slope": np.mean([low <= 1 <= high for low, high in (f.slope.interval() for f in found)]),
        "auc": np.mean([low <= truth <= high for low, high in (f.auc.interval() for f in found)]),
    }
    assert all(0.89 <= share <= 0.99 for share in inside.values()), inside


@pytest.mark.parametrize("figure", ["gap", "slope", "auc"])
def test_telling_a_line_thrice_does_not_make_it_surer(figure):
    hit, chance, customer = world(900)
    once = figures(hit, chance, customer)
    thrice = figures(np.tile(hit, 3), np.tile(chance, 3), np.tile(customer, 3))
    assert getattr(thrice, figure).se == pytest.approx(getattr(once, figure).se, rel=0.02)


def test_planted_faults_are_measured():
    hit, chance, customer = world(20_000)
    extreme = figures(hit, expit(2 * logit(chance)), customer)
    assert extreme.slope.value == pytest.approx(0.5, abs=0.03)
    raised = figures(hit, np.clip(chance + 0.1, 0, 1), customer)
    assert raised.gap.value == pytest.approx(0.1, abs=0.015)
    assert raised.ece.value > raised.ece_expected + 0.05


def test_what_few_events_cannot_tell_is_left_out():
    found = figures(np.array([True, False] * 3), np.linspace(0.1, 0.9, 6), np.arange(6))
    assert found.auc is None
    assert found.slope is None
    assert found.observed == 0.5
    constant = figures(np.arange(40) % 2 == 0, np.full(40, 0.5), np.arange(40))
    assert constant.slope is None
    assert constant.auc.value == 0.5


def test_figures_survive_being_written():
    found = figures(*world(300, customers=80))
    assert Figures.from_json(found.to_json()) == found


def test_a_share_of_none_is_not_certain():
    none = share_of(np.zeros(50, bool), np.arange(50))
    assert none.value == 0.0
    assert 0.005 < none.se < 0.05
    some = share_of(np.arange(1000) % 4 == 0, np.arange(1000))
    assert some.value == 0.25
    assert some.se == pytest.approx(np.sqrt(0.25 * 0.75 / 1000), rel=0.01)
