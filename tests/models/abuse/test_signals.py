import numpy as np
import pytest

from features.abuse import COUNTED, SIGNALS, VECTOR
from models.abuse.signals import TOLD_FROM, evidence_of, signals_of

_V = {name: i for i, name in enumerate(VECTOR)}


def vector(**surprises):
    x = np.zeros(len(VECTOR))
    x[_V["account.delivered"]], x[_V["account.claimed"]] = 20, 12
    for code in COUNTED:
        x[_V[f"{code}.observed"]], x[_V[f"{code}.expected"]] = 7.0, 1.256
    for code, value in surprises.items():
        x[_V[f"{code}.surprise"]] = value
    return x


@pytest.mark.parametrize("code", SIGNALS)
def test_every_signal_is_told_with_figures_once_it_stands_out(code):
    (signal,) = signals_of(vector(**{code: TOLD_FROM + 1}))
    assert signal.code == code
    assert signal.weight == TOLD_FROM + 1
    assert len(signal.figures) >= 2
    if code in COUNTED:
        assert signal.figures["observed"] == 7
        assert signal.figures["expected"] == 1.26
    assert signals_of(vector(**{code: TOLD_FROM - 0.01})) == ()


def test_the_strongest_comes_first_and_unknown_is_left_out():
    x = vector(fast_start=2.0, not_received=5.0, window_edge=3.0)
    x[_V["claim.age"]] = np.nan
    told = signals_of(x)
    assert [signal.code for signal in told] == ["not_received", "window_edge", "fast_start"]
    assert "account_days" not in told[-1].figures
    assert signals_of(np.full(len(VECTOR), np.nan)) == ()


def test_evidence_counts_in_whole_numbers():
    assert evidence_of(vector(), order_known=True) == {
        "order_known": 1, "deliveries": 20, "claims": 12, "claims_expected": 1.26,
        "linked_accounts": 0}  # fmt: skip
