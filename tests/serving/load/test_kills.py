"""No acknowledged event is lost and none counts twice, whatever is killed.

A hundred times, and on the whole service: `tests/benchmarks/bench_kills.py`.
"""

import pytest
from kills import ForkedService, kill_often
from live_shop import live_shop

from features.settings import Settings
from serving.run import free_port


@pytest.fixture
def shop(tmp_path):
    settings = Settings(
        state_url=str(tmp_path / "state.db"),
        events_url=str(tmp_path / "events.db"),
        champion_dir=tmp_path / "champion",
        tracking_uri=f"sqlite:///{tmp_path}/mlflow.db",
        audit_url=str(tmp_path / "audit.db"),
        keys_url=str(tmp_path / "keys.db"),
        follow=True,
        horizon_hours=24 * 365,
        port=free_port(),
    )
    shop = live_shop(settings, tmp_path)
    shop.fill()
    return shop


def test_kills_under_load_lose_nothing_and_count_nothing_twice(shop, child_path):
    outcome = kill_often(shop, ForkedService(shop.settings), 15)
    assert sum(outcome.kills.values()) == 15
    assert outcome.kills.keys() == {"follower", "worker", "all"}
    assert outcome.acknowledged == len(shop.events)
    assert outcome.repeated
    assert (outcome.lost, outcome.twice, outcome.never_sent) == ([], [], [])
    assert outcome.unfolded == 0  # the follower ended with the log folded
    assert outcome.differences == ()
