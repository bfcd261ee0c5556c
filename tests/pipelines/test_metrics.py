import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from pipelines.metrics import FIT_METRICS, advice_metrics, fit_metrics, mean_of


@pytest.fixture
def judged():
    rng = np.random.default_rng(3)
    p = rng.dirichlet((2.0, 5.0, 2.0), size=400)
    y = np.array([rng.choice(3, p=row) for row in p])
    return y, p


def test_metrics_are_scikit_learn_s(judged):
    y, p = judged
    figures = fit_metrics(y, p)
    aucs = [roc_auc_score(y == code, p[:, code]) for code in range(3)]
    assert figures["mean_auc"] == pytest.approx(np.mean(aucs))
    assert figures["log_loss"] == pytest.approx(log_loss(y, p))
    assert figures["gap_large"] == pytest.approx(abs(p[:, 2].mean() - (y == 2).mean()))
    assert set(FIT_METRICS) <= set(figures)


def test_an_absent_class_leaves_its_auc_out_not_nan(judged):
    y, p = judged
    figures = fit_metrics(np.where(y == 0, 1, y), p)
    assert "auc_small" not in figures
    assert "mean_auc" not in figures
    assert all(np.isfinite(value) for value in figures.values())
    assert fit_metrics(y[:0], p[:0]) == {"lines": 0.0}


def test_gaps_of_opposite_sign_cancel_over_folds():
    low = {"lines": 10.0, "observed_fit": 0.6, "predicted_fit": 0.5, "gap_fit": 0.1}
    high = {"lines": 10.0, "observed_fit": 0.6, "predicted_fit": 0.7, "gap_fit": 0.1}
    assert mean_of([low, high])["gap_fit"] == pytest.approx(0.0)
    weighted = mean_of([low, {**low, "lines": 30.0, "predicted_fit": 0.9}])
    assert weighted["lines"] == 40.0
    assert weighted["predicted_fit"] == pytest.approx(0.8)


def test_advice_is_judged_by_what_became_of_the_ordered_size():
    advice = pd.DataFrame(
        {
            "status": ["advised", "advised", "advised", "not_enough_information"],
            "recommended": ["M", "M", "L", None],
            "size_set": [["M"], ["M", "L"], ["L"], ["S", "M", "L"]],
        }
    )
    ordered = pd.Series(["M", "M", "M", "S"])
    figures = advice_metrics(advice, ordered, np.array([1, 0, 1, 1]))
    assert figures["advised"] == 0.75
    assert figures["fit_when_followed"] == 0.5
    assert figures["fit_when_not"] == 1.0
    assert figures["covered"] == pytest.approx(2 / 3)
    unknown = advice_metrics(advice, ordered, np.full(4, -1))
    assert set(unknown) == {"advised"}
