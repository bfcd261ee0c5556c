"""What holds for the log of events in PostgreSQL alone: the server, the network, the URL."""

import os
import signal
import socket
import threading

import psycopg
import pytest

from features.event_log import EventLogError, NewEvent
from features.event_log_postgres import PostgresEventLog
from tests.servers import ENCODED, PASSWORD, postgres_cluster, wanted


def event(name, customer=None):
    return NewEvent(name, "ordered", 0, b'{"id":"%s"}' % name.encode(), customer)


def ids(log):
    return [each.event_id for each in log.read(0, 100)]


def test_a_writer_waits_until_the_one_before_has_committed(postgres_log_url):
    """Who could number its events before, could show 7 while 6 is not committed."""
    done = threading.Event()
    with PostgresEventLog(postgres_log_url) as log, psycopg.connect(postgres_log_url) as other:
        log.append([event("a")])
        (seq,) = other.execute("SELECT seq FROM muslin_events_last FOR UPDATE").fetchone()
        other.execute(
            "INSERT INTO muslin_events VALUES (%s, 'slow', 'ordered', 0, NULL, '')", (seq + 1,)
        )
        other.execute("UPDATE muslin_events_last SET seq = seq + 1")
        numbers = []

        def write():
            with PostgresEventLog(postgres_log_url) as quick:
                numbers.extend(quick.append([event("quick"), event("a")]))
            done.set()

        thread = threading.Thread(target=write)
        thread.start()
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        with psycopg.connect(postgres_log_url, autocommit=True) as watcher:
            while watcher.execute(waiting).fetchone() == (0,) and not done.is_set():
                pass
        assert not done.is_set()
        assert (ids(log), log.last()) == (["a"], seq)
        other.commit()
        thread.join()
        assert ids(log) == ["a", "slow", "quick"]
        assert numbers == [seq + 2, None]


def test_logs_of_two_schemas_do_not_meet(postgres_log_url, postgres_url):
    with psycopg.connect(postgres_url) as db:
        db.execute("CREATE SCHEMA another_shop")
    url = f"{postgres_url}?options=-csearch_path%3Danother_shop"
    with PostgresEventLog(postgres_log_url) as mine, PostgresEventLog(url) as other:
        mine.append([event("a"), event("b")])
        assert other.append([event("a")]) == [1]
        assert (mine.last(), other.last()) == (2, 1)


def test_a_commit_is_flushed_although_the_server_would_not(postgres_log_url):
    with psycopg.connect(postgres_log_url, autocommit=True) as db:
        db.execute("CREATE ROLE hasty LOGIN SUPERUSER PASSWORD 'hasty'")
        db.execute("ALTER ROLE hasty SET synchronous_commit = off")
    url = postgres_log_url.replace(f"muslin:{ENCODED}", "hasty:hasty")
    with PostgresEventLog(url) as log:
        log.append([event("a")])
        assert log._db.execute("SHOW synchronous_commit").fetchone() == ("on",)


def test_a_connection_that_was_lost_is_opened_anew(postgres_log_url):
    with PostgresEventLog(postgres_log_url) as log:
        log.append([event("a")])
        with psycopg.connect(postgres_log_url, autocommit=True) as db:
            db.execute("SELECT pg_terminate_backend(%s)", (log._db.info.backend_pid,))
        log.append([event("b")])
        assert ids(log) == ["a", "b"]


def test_a_wrong_password_is_told_of_with_the_address_and_without_the_password(postgres_url):
    with pytest.raises(
        EventLogError, match=r"127\.0\.0\.1:\d+/postgres cannot be opened"
    ) as caught:
        PostgresEventLog(postgres_url.replace(ENCODED, "wr0ng"))
    assert "password authentication failed" in str(caught.value)
    assert "wr0ng" not in str(caught.value)
    with PostgresEventLog(postgres_url) as log:
        assert PASSWORD not in log.where


def test_a_server_that_is_not_there_is_named():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(
        EventLogError, match=rf"127\.0\.0\.1:{port}/shop cannot be opened .*refused"
    ):
        PostgresEventLog(f"postgresql://u:secret@127.0.0.1:{port}/shop")


@pytest.mark.parametrize(
    "url", ["postgresql://u:secret@[::1/shop", "postgresql://u:secret@h/shop?no_option=1"]
)
def test_a_url_that_cannot_be_used_is_not_quoted(url):
    with pytest.raises(EventLogError, match="should be like postgresql://user:pass") as caught:
        PostgresEventLog(url)
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_an_error_of_the_server_does_not_quote_rows(postgres_log_url):
    with PostgresEventLog(postgres_log_url) as log:
        log._db.execute("ALTER TABLE muslin_events ADD CHECK (event_id <> 'anna')")
        with pytest.raises(EventLogError, match="violates check constraint") as caught:
            log.append([event("b"), event("anna")])
        assert "anna" not in str(caught.value)
        assert ids(log) == []
        assert log.append([event("b")]) == [1]


def test_a_user_who_may_not_make_tables_uses_those_that_are_there(postgres_log_url):
    PostgresEventLog(postgres_log_url).close()
    schema = postgres_log_url.rpartition("%3D")[2]
    with psycopg.connect(postgres_log_url) as db:
        db.execute("CREATE ROLE clerk LOGIN PASSWORD 'clerk'")
        db.execute(f"GRANT USAGE ON SCHEMA {schema} TO clerk")
        db.execute(f"GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA {schema} TO clerk")
    with PostgresEventLog(postgres_log_url.replace(f"muslin:{ENCODED}", "clerk:clerk")) as log:
        assert log.append([event("a")]) == [1]
        with pytest.raises(EventLogError, match="permission denied"):
            log.prune(1)


def go_on_writing(log):
    while True:
        log.append([event("more")])


def test_what_was_acknowledged_survives_a_crash_of_the_server_that_has_fsync_on():
    with wanted(postgres_cluster()) as run:
        with run() as (url, process), PostgresEventLog(url) as log:
            for i in range(50):
                log.append([event(f"e{i}")])
            os.kill(process, signal.SIGQUIT)  # stops at once: nothing more is written
            with pytest.raises(EventLogError, match=r"127\.0\.0\.1:\d+/postgres cannot be written"):
                go_on_writing(log)
        with run(fsync="off") as (url, _), pytest.raises(EventLogError, match="with fsync=off"):
            PostgresEventLog(url)
        with run() as (url, _), PostgresEventLog(url) as log:
            assert ids(log)[:50] == [f"e{i}" for i in range(50)]
            assert log.append([event("e0"), event("new")]) == [None, log.last()]
