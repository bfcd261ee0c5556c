import pytest

from features import stores
from features.event_log import EventLogError, SqliteEventLog
from features.state import SqliteState, StateError
from features.stores import event_log_exists, open_event_log, open_state, shown


def test_a_path_is_a_file_and_a_url_a_server(tmp_path, redis_state_url, postgres_log_url):
    from features.event_log_postgres import PostgresEventLog
    from features.state_redis import RedisState

    with open_state(tmp_path / "state.db") as state, open_event_log(tmp_path / "e.db") as log:
        assert isinstance(state, SqliteState)
        assert isinstance(log, SqliteEventLog)
    with open_state(redis_state_url) as state, open_event_log(postgres_log_url) as log:
        assert isinstance(state, RedisState)
        assert isinstance(log, PostgresEventLog)


def test_an_unknown_kind_of_store_is_named_and_its_password_is_not_told():
    with pytest.raises(StateError, match=r"kind 'mysql'.*redis://host") as told_of_state:
        open_state("mysql://u:secret@h/db")
    with pytest.raises(EventLogError, match=r"kind 'redis'.*postgresql://host") as told_of_log:
        open_event_log("redis://:secret@h/0")
    assert "secret" not in f"{told_of_state.value}{told_of_log.value}"


def test_a_client_that_is_not_installed_is_asked_for(monkeypatch):
    monkeypatch.setattr(stores, "find_spec", lambda name: None)
    with pytest.raises(StateError, match=r"pip install 'muslin\[redis\]'"):
        open_state("rediss://h/0")
    with pytest.raises(EventLogError, match=r"pip install 'muslin\[postgres\]'"):
        open_event_log("postgres://h/db")


def test_a_log_is_looked_for_without_being_made(tmp_path):
    path = tmp_path / "events.db"
    assert not event_log_exists(path)
    assert not path.exists()
    open_event_log(path).close()
    assert event_log_exists(str(path))


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("var/state.db", "var/state.db"),
        (r"C:\shop\state.db", r"C:\shop\state.db"),
        ("redis://u:p%40w@h:1/2?prefix=x&password=p", "redis://h:1/2"),
        ("postgresql://u:p@w@h/db?password=p", "postgresql://h/db"),
        ("postgresql:///db", "postgresql:///db"),
    ],
)
def test_a_url_is_shown_without_its_password(url, said):
    assert shown(url) == said
