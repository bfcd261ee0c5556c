"""What holds for the log of events in a SQLite file alone."""

import sqlite3
import subprocess
import sys

import pytest

from features.audit import SqliteAudit
from features.event_log import EventLogError, NewEvent, SqliteEventLog
from features.state import SqliteState


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "events.db"


def event(name, customer=None, at=0):
    return NewEvent(name, "ordered", at, b'{"id":"%s"}' % name.encode(), customer)


def everywhere(path):
    return b"".join(each.read_bytes() for each in path.parent.iterdir())


def test_every_commit_is_flushed_to_the_disk(path):
    full = 2
    with SqliteEventLog(path) as log:
        assert log._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert log._db.execute("PRAGMA synchronous").fetchone() == (full,)


def test_a_forgotten_customer_is_gone_from_the_bytes_while_another_reads(path):
    hers = [event(f"zoe-{i}", customer="c-Zoë") for i in range(300)]
    others = [event(f"o-{i}", customer=f"d-{i}") for i in range(3000)]
    with SqliteEventLog(path) as log, SqliteEventLog(path) as reader:
        log.append([*hers, *others])
        last = reader.last()
        assert "c-Zoë".encode() in everywhere(path)
        assert b"zoe-7" in everywhere(path)
        assert log.forget_customer("c-Zoë") == 300
        assert "c-Zoë".encode() not in everywhere(path)
        assert b"zoe-7" not in everywhere(path)
        assert reader.last() == last
        assert [each.event_id for each in reader.read(0, 9)] == [f"o-{i}" for i in range(9)]


def test_a_log_that_another_process_writes_is_told_of(path):
    with SqliteEventLog(path) as log:
        log.append([event("a")])
        log._db.execute("PRAGMA busy_timeout=10")
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(EventLogError, match=r"events\.db cannot be written .*locked"):
            log.append([event("b")])
        assert [each.event_id for each in log.read(0, 9)] == ["a"]
        other.close()
        assert log.append([event("b")]) == [2]


@pytest.mark.parametrize("other", [SqliteState, SqliteAudit])
def test_a_file_of_another_kind_is_left_alone(path, other):
    other(path).close()
    before = path.read_bytes()
    with pytest.raises(EventLogError, match=r"events\.db is another file .*MUSLIN_EVENTS_URL"):
        SqliteEventLog(path)
    assert path.read_bytes() == before


def test_what_is_no_database_is_told_of(path):
    path.parent.mkdir()
    path.write_bytes(b"this is no database" * 500)
    with pytest.raises(EventLogError, match=r"events\.db cannot be opened"):
        SqliteEventLog(path)


def test_a_folder_that_cannot_be_made_is_told_of(path):
    path.parent.write_text("a file")
    with pytest.raises(EventLogError, match=r"events\.db cannot be opened"):
        SqliteEventLog(path)


def test_processes_that_make_the_file_at_once_share_it(path):
    program = (
        "import sys; from features.event_log import NewEvent, SqliteEventLog; print(flush=True);"
        "sys.stdin.readline(); log = SqliteEventLog(sys.argv[1]);"
        "log.append([NewEvent(sys.argv[2], 'k', 0, b'{}')])"
    )
    pipe = subprocess.PIPE
    makers = [
        subprocess.Popen([sys.executable, "-c", program, path, str(i)], stdin=pipe, stdout=pipe)
        for i in range(6)
    ]
    for maker in makers:
        maker.stdout.readline()
    for maker in makers:
        maker.stdin.write(b"\n")
        maker.stdin.flush()
    for maker in makers:
        maker.communicate()
    assert [maker.returncode for maker in makers] == [0] * len(makers)
    with SqliteEventLog(path) as log:
        assert {each.event_id for each in log.read(0, 9)} == {"0", "1", "2", "3", "4", "5"}
