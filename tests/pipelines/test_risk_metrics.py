import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from data_contracts.tables import RETURN_REASON
from pipelines.metrics import mean_of
from pipelines.risk_metrics import MONEY_RULES, money_metrics, risk_metrics

CLASSES = 1 + len(RETURN_REASON)


@pytest.fixture
def judged():
    rng = np.random.default_rng(5)
    p = rng.dirichlet([8.0, *[1.0] * len(RETURN_REASON)], size=500)
    return np.array([rng.choice(CLASSES, p=row) for row in p]), p


def test_metrics_are_scikit_learn_s(judged):
    y, p = judged
    figures = risk_metrics(y, p)
    back, risk = y > 0, 1 - p[:, 0]
    assert figures["auc"] == pytest.approx(roc_auc_score(back, risk))
    assert figures["log_loss"] == pytest.approx(log_loss(back, risk))
    assert figures["brier"] == pytest.approx(brier_score_loss(back, risk))
    assert figures["gap_return"] == pytest.approx(abs(risk.mean() - back.mean()))
    reasons = p[back, 1:] / p[back, 1:].sum(axis=1, keepdims=True)
    expected = log_loss(y[back] - 1, reasons, labels=np.arange(len(RETURN_REASON)))
    assert figures["reason_log_loss"] == pytest.approx(expected)


def test_whose_reason_is_right_is_not_seen_in_the_risk_but_in_its_own_figure(judged):
    y, p = judged
    swapped = p.copy()
    swapped[:, 1:] = p[:, :0:-1]
    ours, theirs = risk_metrics(y, p), risk_metrics(y, swapped)
    for name in ("auc", "log_loss", "brier", "gap_return"):
        assert theirs[name] == pytest.approx(ours[name])
    assert theirs["reason_log_loss"] > ours["reason_log_loss"]


def test_what_cannot_be_told_is_left_out_not_nan(judged):
    _, p = judged
    figures = risk_metrics(np.zeros(len(p), dtype=np.int64), p)
    assert not {"auc", "reason_log_loss"} & set(figures)
    assert all(np.isfinite(value) for value in figures.values())
    assert risk_metrics(np.zeros(0, dtype=np.int64), p[:0]) == {"lines": 0.0}


def test_gaps_of_returns_cancel_over_folds(judged):
    y, p = judged
    low, high = risk_metrics(y[:250], p[:250]), risk_metrics(y[250:], p[250:])
    whole = risk_metrics(y, p)
    assert mean_of([low, high])["gap_return"] == pytest.approx(whole["gap_return"])


def test_an_oracle_saves_all_there_is_and_no_warning_saves_nothing():
    rng = np.random.default_rng(8)
    y = rng.integers(0, 3, 200)
    lines = pd.DataFrame({"unit_price": rng.uniform(5, 90, 200), "quantity": 1, "currency": "EUR"})
    oracle = money_metrics(y, (y > 0).astype(float), lines)
    assert oracle == pytest.approx(dict.fromkeys(MONEY_RULES, 1.0))
    assert set(money_metrics(y, np.zeros(200), lines).values()) == {0.0}


def test_money_is_counted_in_euros_only_and_a_dear_lost_sale_saves_less():
    rng = np.random.default_rng(9)
    p = rng.uniform(0.1, 0.9, 4000)
    y = (rng.random(4000) < p).astype(np.int64)
    euros = pd.DataFrame({"unit_price": rng.uniform(5, 90, 4000), "quantity": 2, "currency": "EUR"})
    told = money_metrics(y, p, euros)
    assert told["saved_value"] < told["saved_margin"] < told["saved_free"] == pytest.approx(1.0)
    assert told["saved_margin"] > 0
    others = euros.assign(currency=pd.Series(["JPY", None] * 2000, dtype="str"))
    both = pd.concat([euros, others], ignore_index=True)
    assert money_metrics(np.tile(y, 2), np.tile(p, 2), both) == pytest.approx(told)
    assert money_metrics(y, p, others) == {}
    unpriced = euros.assign(unit_price=np.nan)
    assert money_metrics(y, p, unpriced) == {}
