import time

from features.lease import open_lease


def test_a_lease_on_a_file_is_had_by_one(tmp_path):
    first, second = open_lease(tmp_path / "state.db"), open_lease(tmp_path / "state.db")
    assert not first.taken()
    assert first.take()
    assert first.take()
    assert not second.take()
    assert second.taken()
    first.release()
    assert not second.taken()
    assert second.take()
    second.release()


def test_a_lease_in_redis_is_had_by_one_and_ends_unless_renewed(redis_state_url, monkeypatch):
    monkeypatch.setattr("features.lease._EXPIRES_S", 0.3)
    first, second = open_lease(redis_state_url), open_lease(redis_state_url)
    assert first.take()
    assert first.take()
    assert not second.take()
    assert second.taken()
    time.sleep(0.5)
    assert second.take()
    monkeypatch.setattr("features.lease._RENEW_S", 0.0)
    assert not first.take()  # it was late, and another has it now
    second.release()
    assert first.take()
    first.release()
