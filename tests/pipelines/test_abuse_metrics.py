import numpy as np
import pytest
from sklearn.metrics import average_precision_score, log_loss

from pipelines.abuse_metrics import abuse_metrics, pooled


@pytest.fixture
def judged():
    rng = np.random.default_rng(6)
    score = rng.uniform(0.01, 0.9, 300)
    return (rng.random(300) < score).astype(np.int64), score


def test_metrics_are_scikit_learn_s(judged):
    y, score = judged
    figures = abuse_metrics(y, score)
    assert figures["average_precision"] == pytest.approx(average_precision_score(y, score))
    assert figures["log_loss"] == pytest.approx(log_loss(y, score))
    assert "predicted_all" not in figures


def test_one_kind_of_decision_leaves_the_ranking_out_not_nan(judged):
    _, score = judged
    figures = abuse_metrics(np.zeros(300, dtype=np.int64), score)
    assert "average_precision" not in figures
    assert all(np.isfinite(value) for value in figures.values())
    assert abuse_metrics(np.zeros(0, dtype=np.int64), score[:0]) == {"lines": 0.0}


def test_between_what_was_found_and_what_was_judged_nothing_is_held_against_a_score():
    """20 of 100 claims are judged, half of them abuse: the truth lies between 10 % and 50 %."""
    y = np.repeat([0, 1], 10)

    def gaps(share):
        all_claims = np.full(100, share)
        return pooled([abuse_metrics(y, all_claims[:20], all_claims)])

    inside = gaps(0.3)
    assert (inside["overstated"], inside["understated"]) == (0.0, 0.0)
    assert gaps(0.6)["overstated"] == pytest.approx(0.1)
    assert gaps(0.6)["understated"] == 0.0
    assert gaps(0.04)["understated"] == pytest.approx(0.06)
    assert gaps(0.04)["overstated"] == 0.0


def test_a_fold_too_high_and_a_fold_too_low_are_no_miscalibration():
    y = np.repeat([0, 1], 10)
    low, high = np.full(20, 0.3), np.full(20, 0.7)
    both = pooled([abuse_metrics(y, low, low), abuse_metrics(y, high, high)])
    assert both["overstated"] == pytest.approx(0.0)
    assert both["understated"] == pytest.approx(0.0)
    assert both["claims"] == 40.0
