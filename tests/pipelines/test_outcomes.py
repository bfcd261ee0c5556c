import pandas as pd
import pytest

from data_contracts.tables import RETURN_REASON
from pipelines.outcomes import fit_outcomes, return_outcomes
from pipelines.simulate import simulate


def moments(*days):
    return pd.to_datetime(["2024-01-01"] * len(days), utc=True) + pd.to_timedelta(days, unit="D")


@pytest.fixture
def tables():
    ids = ["kept", "back", "twice", "open", "lost", "newest"]
    lines = pd.DataFrame(
        {
            "order_line_id": ids,
            "ordered_at": moments(0, 0, 0, 0, 0, 50),
            "delivered_at": [*moments(3, 3, 3, 40), pd.NaT, pd.NaT],
        }
    )
    returns = pd.DataFrame(
        {
            "return_id": ["r1", "r3", "r2"],
            "order_line_id": ["back", "twice", "twice"],
            "requested_at": moments(5, 9, 8),
            "reason": ["changed_mind", "other", "too_small"],
        }
    )
    return {"order_lines": lines, "returns": returns}


def test_a_line_is_kept_when_the_window_has_passed_and_returned_for_its_first_reason(tables):
    y = return_outcomes(tables)["y"]
    code = {reason: 1 + place for place, reason in enumerate(RETURN_REASON)}
    expected = [0, code["changed_mind"], code["too_small"], -1, -1, -1]
    assert y.tolist() == expected
    assert y.index.tolist() == tables["order_lines"]["order_line_id"].tolist()
    assert return_outcomes(tables, window_days=9.0)["y"]["open"] == 0


def test_without_returns_nothing_came_back(tables):
    y = return_outcomes({"order_lines": tables["order_lines"]})["y"]
    assert set(y) == {0, -1}


def test_a_return_tells_nothing_while_the_window_is_open(tables):
    """Else the lines known among the newest are all complaints."""
    young = (
        tables["returns"]
        .iloc[[0]]
        .assign(order_line_id="open", return_id="r4", requested_at=moments(42))
    )
    more = {**tables, "returns": pd.concat([tables["returns"], young], ignore_index=True)}
    assert return_outcomes(more)["y"]["open"] == -1
    assert return_outcomes(more, window_days=9.0)["y"]["open"] > 0


def test_what_never_arrived_is_kept_once_it_would_have_come_back_long_ago(tables):
    soon = return_outcomes(tables, window_days=30.0, slowest_days=21.0)
    assert (soon["y"]["lost"], soon["mature"]["lost"]) == (-1, False)
    later = return_outcomes(tables, window_days=30.0, slowest_days=10.0)
    assert (later["y"]["lost"], later["mature"]["lost"]) == (0, True)
    assert later["y"]["open"] == -1
    assert not later["mature"]["newest"]


def test_what_comes_back_for_its_size_did_not_fit():
    tables = simulate(1500, seed=4).tables
    back, fit = return_outcomes(tables)["y"], fit_outcomes(tables)
    small = 1 + RETURN_REASON.index("too_small")
    # A review before the return may have said otherwise; it is the first word that counts.
    assert (fit["y"][back == small] == 0).mean() > 0.9
    assert (fit["y"][(back == 0)] >= 0).all()
