import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.monitor.honesty import GRID, flagged_at, honest_heavy, shares_above


def test_who_was_found_abusing_is_not_honest_and_who_returns_little_is_not_heavy():
    account = np.array(["liar"] * 9 + ["heavy"] * 6 + ["once", "twice", "twice"], dtype=object)
    y = np.full(len(account), -1)
    y[3], y[10] = 1, 0
    found = honest_heavy(account, y)
    assert set(account[found.heavy]) == {"heavy"}
    assert set(account[found.cleared]) == {"heavy"}
    assert found.decided == 2


def test_accounts_nobody_looked_at_count_as_honest_and_not_as_cleared():
    account = np.array(["a"] * 5 + ["b"] * 5 + ["c"], dtype=object)
    y = np.full(11, -1)
    y[0] = 0
    found = honest_heavy(account, y)
    assert found.heavy.sum() == 10
    assert found.cleared.sum() == 5


def test_no_claim_no_heavy_returner():
    found = honest_heavy(np.array([], dtype=object), np.array([], dtype=int))
    assert not len(found.heavy)
    assert found.decided == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50))
def test_the_kept_shares_tell_what_a_band_would_flag(scores):
    score = np.array(scores)
    above = shares_above(score)
    assert above[0] == 1.0
    assert (np.diff(above) <= 0).all()
    for threshold in (GRID[30], GRID[60]):
        assert flagged_at(above, threshold) == pytest.approx((score >= threshold).mean(), abs=1e-5)
