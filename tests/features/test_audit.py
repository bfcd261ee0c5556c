import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from features.audit import (
    LABEL_COLUMNS,
    AuditError,
    Outcome,
    Review,
    SqliteAudit,
    UnknownAuditError,
    expire_old,
    new_audit_id,
)
from features.state import SqliteState

NOW = 1_750_000_000.0
DAY = 86_400.0


def review(customer="c-1", **other):
    given = {
        "audit_id": new_audit_id(),
        "at": NOW,
        "customer_id": customer,
        "order_line_id": "l-1",
        "route": "inspect",
        "recommended": "refund",
    }
    return Review(**{**given, **other})


def outcome(of, **other):
    given = {"audit_id": of.audit_id, "at": NOW + 60, "decided_by": "ann", "decision": "refund"}
    return Outcome(**{**given, **other})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "audit.db"


@pytest.fixture
def audit(path):
    with SqliteAudit(path) as store:
        yield store


@pytest.fixture
def raw(audit, path):
    """Another program that opens the file."""
    db = sqlite3.connect(path, isolation_level=None)
    yield db
    db.close()


def unguarded(db):
    for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        db.execute(f"DROP TRIGGER {name}")


def everywhere(path):
    return b"".join(each.read_bytes() for each in path.parent.iterdir())


# What is kept


def test_a_review_comes_back_as_it_was_with_its_outcomes_in_order(audit, path):
    kept = review(
        return_id="r-1",
        requested_at=NOW - 5,
        inputs={"reason": "too_small", "evidence": {"weights": [1.5, None]}},
        models={"abuse": {"version": "3"}},
        rules={"withdrawal_days": "eu.withdrawal"},
        answer={"message": "Danke schön, 试穿"},
    )
    first = outcome(kept, label="abuse", kind="item_swap", note="other shoes")
    second = outcome(kept, at=NOW + 90, decided_by="bob", label="legitimate")
    audit.append_review(kept)
    audit.append_outcome(first)
    audit.append_outcome(second)
    assert audit.get(kept.audit_id) == (kept, (first, second))
    with SqliteAudit(path, readonly=True) as reader:
        assert reader.get(kept.audit_id) == (kept, (first, second))


def test_numbers_of_numpy_are_kept_as_numbers_and_what_is_not_finite_as_null(audit):
    kept = review(inputs={"score": np.float64(0.25), "gap": float("nan")})
    audit.append_review(kept)
    assert audit.get(kept.audit_id)[0].inputs == {"score": 0.25, "gap": None}


def test_reviews_of_one_request_are_kept_all_or_none(audit):
    one, two = review(), review()
    with pytest.raises(AuditError, match="there already"):
        audit.append_reviews([one, two, one])
    with pytest.raises(UnknownAuditError):
        audit.get(one.audit_id)
    audit.append_reviews([one, two])
    assert audit.get(two.audit_id) == (two, ())


def test_an_outcome_needs_its_review(audit):
    stranger = review()
    for ask in (lambda: audit.append_outcome(outcome(stranger)), lambda: audit.get("no")):
        with pytest.raises(UnknownAuditError, match="no review"):
            ask()
    assert audit.verify().rows == 0


def test_audit_ids_cannot_be_guessed():
    ids = {new_audit_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert {len(each) for each in ids} == {32}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"label": "guilty"}, "label is 'guilty'; it can be abuse, legitimate"),
        ({"label": "abuse", "kind": "theft"}, "kind is 'theft'; it can be wardrobing"),
        ({"label": "legitimate", "kind": "item_swap"}, "beside the label 'legitimate'"),
        ({"decided_by": " Model"}, "a model's own decision is no outcome"),
        ({"decided_by": ""}, "give the id of the person"),
        ({"decision": " "}, "decision is blank"),
        ({"at": float("nan")}, "at is nan"),
    ],
)
def test_an_outcome_that_cannot_be_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        outcome(review(), **wrong)


def test_the_last_outcome_makes_the_label(audit):
    swapped, cleared, open_, taken_back = (review(order_line_id=f"l-{i}") for i in range(4))
    audit.append_reviews([swapped, replace(cleared, return_id="r-2"), open_, taken_back])
    audit.append_outcome(outcome(swapped, label="legitimate"))
    audit.append_outcome(outcome(cleared, label="abuse"))
    audit.append_outcome(outcome(taken_back, label="abuse"))
    audit.append_outcome(outcome(open_))
    audit.append_outcome(outcome(cleared, at=NOW + 61.5, label="legitimate"))
    audit.append_outcome(outcome(swapped, label="abuse", kind="item_swap", decision="repair"))
    audit.append_outcome(outcome(taken_back))
    labels = audit.labels()
    assert tuple(labels.columns) == LABEL_COLUMNS
    assert labels["audit_id"].tolist() == [cleared.audit_id, swapped.audit_id]
    assert labels["label"].tolist() == ["legitimate", "abuse"]
    assert labels["kind"].fillna("-").tolist() == ["-", "item_swap"]
    assert labels["return_id"].fillna("-").tolist() == ["r-2", "-"]
    assert labels["decision"].tolist() == ["refund", "repair"]
    assert labels["decided_at"][0] == pd.Timestamp(NOW + 61.5, unit="s", tz="UTC")
    assert (labels["requested_at"] == pd.Timestamp(NOW, unit="s", tz="UTC")).all()


def test_labels_have_the_same_columns_and_types_when_there_are_none(audit):
    nothing = audit.labels()
    kept = review()
    audit.append_review(kept)
    audit.append_outcome(outcome(kept, label="abuse"))
    assert nothing.empty
    assert nothing.dtypes.astype(str).to_dict() == audit.labels().dtypes.astype(str).to_dict()


# Append-only


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET content = '{}'",
        "UPDATE OR REPLACE entries SET audit_id = 'x' WHERE seq = 1",
        "DELETE FROM entries",
        "DELETE FROM entries WHERE kind = 'outcome'",
        "INSERT OR REPLACE INTO entries VALUES (1, 'review', 'x', 'c', 1.0, '{}')",
        "INSERT OR REPLACE INTO entries SELECT 9, kind, audit_id, 'c', at, '{}' FROM entries"
        " WHERE seq = 1",
        "UPDATE chain SET hash = x'00'",
        "DELETE FROM chain",
        "INSERT OR REPLACE INTO chain VALUES (1, x'00', x'00')",
    ],
)
def test_no_row_can_be_changed_or_deleted(audit, raw, statement):
    kept = review()
    audit.append_review(kept)
    audit.append_outcome(outcome(kept))
    before = raw.execute("SELECT * FROM entries JOIN chain USING (seq)").fetchall()
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        raw.execute(statement)
    assert raw.execute("SELECT * FROM entries JOIN chain USING (seq)").fetchall() == before
    assert audit.verify().ok


def test_the_row_that_tells_of_removed_rows_cannot_be_removed(audit, raw):
    audit.append_review(review())
    audit.forget("c-1")
    raw.execute("INSERT INTO leaving SELECT seq FROM entries")
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        raw.execute("DELETE FROM entries")


# Tampering


@pytest.fixture
def four(audit):
    kept = [review(f"c-{i}") for i in range(4)]
    audit.append_reviews(kept)
    return kept


def test_an_untouched_record_verifies(audit, four):
    found = audit.verify()
    assert (found.ok, found.rows, found.removed) == (True, 4, 0)


@pytest.mark.parametrize(
    ("tampering", "fault"),
    [
        ("UPDATE entries SET content = replace(content, 'inspect', 'review') WHERE seq = 2",
         r"row 2 \(review\) is not as it was written"),
        ("UPDATE entries SET customer_id = 'other' WHERE seq = 3", "row 3 .*not as it was"),
        ("UPDATE entries SET at = at + 1 WHERE seq = 3", "row 3 .*not as it was"),
        ("DELETE FROM entries WHERE seq IN (2, 3)", "rows 2 to 3 are missing"),
        ("DELETE FROM chain WHERE seq = 2", "missing with their links|put in without a link"),
        ("UPDATE chain SET content_hash = x'00' WHERE seq = 2", "link of row 2"),
        ("INSERT INTO entries VALUES (9, 'outcome', 'a', 'c', 1.0, '{}')", "row 9 was put in"),
    ],
)  # fmt: skip
def test_tampering_is_found(audit, four, raw, tampering, fault):
    unguarded(raw)
    raw.execute(tampering)
    found = audit.verify()
    assert not found.ok
    assert any(pd.Series(found.faults).str.contains(fault)), found.faults


def test_a_cut_off_end_is_found_by_a_head_noted_before(audit, four, raw):
    head = audit.verify().head
    audit.append_review(review())
    assert audit.verify(head).ok
    unguarded(raw)
    for table in ("entries", "chain"):
        raw.execute(f"DELETE FROM {table} WHERE seq >= 4")
    assert audit.verify().ok
    assert "cut off" in audit.verify(head).faults[0]


# Forgetting and retention


def test_forgetting_removes_a_person_and_nobody_else(audit):
    hers, also_hers, other = review("c-1"), review("c-1"), review("c-11")
    audit.append_reviews([hers, other, also_hers])
    audit.append_outcome(outcome(hers, label="abuse"))
    audit.append_outcome(outcome(other, label="legitimate"))
    removed = audit.forget("c-1")
    assert (removed.reviews, removed.outcomes, removed.named_elsewhere) == (2, 1, 0)
    for gone in (hers, also_hers):
        with pytest.raises(UnknownAuditError, match="expired or was forgotten"):
            audit.get(gone.audit_id)
    with pytest.raises(UnknownAuditError):
        audit.append_outcome(outcome(hers))
    assert audit.labels()["audit_id"].tolist() == [other.audit_id]
    assert audit.forget("c-1").reviews == 0


def test_forgetting_leaves_a_row_that_tells_of_it_and_the_chain_holds(audit, raw, four):
    head = audit.verify().head
    audit.forget("c-2")
    ((content, at),) = raw.execute("SELECT content, at FROM entries WHERE kind = 'removal'")
    assert "c-2" not in content
    assert '"reviews":1,"outcomes":0' in content
    assert abs(at - time.time()) < 600
    found = audit.verify(head)
    assert (found.ok, found.rows, found.removed) == (True, 4, 1)
    audit.append_review(review("c-2"))
    assert audit.verify(head).ok


def test_a_forgotten_person_is_gone_from_the_bytes_while_another_has_the_file_open(path):
    name = "customer-zoë-\u8bd5"
    with SqliteAudit(path) as audit, SqliteAudit(path) as service:
        hers = [review(name, inputs={"who": name, "pad": "x" * 3000}) for _ in range(40)]
        others = [review(f"c{i}", inputs={"pad": "y" * (i * 7 % 900)}) for i in range(300)]
        for each in zip(others, hers * 8, strict=False):
            service.append_review(each[0])
        service.append_reviews(hers)
        service.append_outcome(outcome(hers[0], note=f"spoke to {name}"))
        assert name.encode() in everywhere(path)
        removed = audit.forget(name)
        assert (removed.reviews, removed.outcomes, removed.erased) == (40, 1, True)
        assert name.encode() not in everywhere(path)
        assert service.get(others[7].audit_id) == (others[7], ())
        assert service.verify().ok


def test_forgetting_tells_of_reviews_of_others_that_name_the_person(audit):
    audit.append_reviews(
        [
            review("c-1"),
            review("c-2", inputs={"linked": ["c-1"]}),
            review("c-3", inputs={"linked": ["c-11"], "note": 'the "c-1" of old'}),
        ]
    )
    assert audit.forget("c-1").named_elsewhere == 1


def test_a_reader_that_keeps_the_log_is_told_of(audit, raw, four):
    audit._db.execute("PRAGMA busy_timeout=10")
    raw.execute("BEGIN")
    raw.execute("SELECT count(*) FROM entries").fetchone()
    assert not audit.forget("c-1").erased
    raw.execute("COMMIT")
    assert audit.forget("c-1").erased


def test_what_is_older_than_the_retention_expires_with_its_outcomes(audit, raw):
    old, edge, new = review(at=NOW - 10.5 * DAY), review(at=NOW - 10 * DAY), review()
    audit.append_reviews([old, edge, new])
    audit.append_outcome(outcome(old, at=NOW, label="abuse"))
    removed = expire_old(audit, 10, NOW)
    assert (removed.reviews, removed.outcomes) == (1, 1)
    assert audit.get(edge.audit_id) == (edge, ())
    assert audit.labels().empty
    assert audit.verify().ok
    assert expire_old(audit, 10, NOW) == type(removed)()
    ((why,),) = raw.execute(
        "SELECT json_extract(content, '$.why') FROM entries WHERE kind = 'removal'"
    )
    assert why == "expired"


# Several writers, and a power cut

WRITER = """
import sys
from features.audit import Outcome, Review, SqliteAudit, new_audit_id
path, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
audit = SqliteAudit(path)
for i in range(count):
    one = Review(audit_id=new_audit_id(), at=1.0 + i, customer_id=name, order_line_id=str(i),
                 route="review", recommended=None, inputs={"pad": "x" * 500})
    audit.append_review(one)
    print(one.audit_id, flush=True)
    if i % 3 == 0:
        audit.append_outcome(Outcome(audit_id=one.audit_id, at=2.0, decided_by="ann",
                                     decision="refund"))
"""


def writer(path, name, count):
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, path, name, str(count)], stdout=subprocess.PIPE, text=True
    )


def test_four_processes_that_start_and_write_at_once_lose_nothing(path):
    processes = [writer(path, f"w{i}", 30) for i in range(4)]
    said = [process.communicate(timeout=120)[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0] * 4
    ids = [audit_id for each in said for audit_id in each]
    assert len(set(ids)) == 120
    with SqliteAudit(path, readonly=True) as audit:
        kept = [audit.get(audit_id) for audit_id in ids]
        found = audit.verify()
    assert sum(len(outcomes) for _, outcomes in kept) == 40
    assert (found.ok, found.rows) == (True, 160)


def test_a_killed_writer_loses_no_row_it_had_answered(path):
    process = writer(path, "w", 1_000_000)
    said = [process.stdout.readline() for _ in range(25)]
    os.kill(process.pid, signal.SIGKILL)
    said += process.stdout.readlines()
    process.wait()
    process.stdout.close()
    answered = [line.strip() for line in said if line.endswith("\n")]
    assert len(answered) >= 25
    with SqliteAudit(path) as audit:
        for audit_id in answered:
            assert audit.get(audit_id)[0].audit_id == audit_id
        assert audit.verify().ok
        audit.append_review(review())
        assert audit.verify().ok


def test_one_store_may_be_used_from_several_threads(audit):
    def work():
        for _ in range(20):
            audit.append_review(review())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (audit.verify().ok, audit.verify().rows) == (True, 80)


def test_every_commit_is_synchronised_with_the_disk(audit):
    assert audit._db.execute("PRAGMA synchronous").fetchone() == (2,)
    assert audit._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


# Files that cannot be used


def test_a_full_disk_is_told_and_nothing_is_kept(audit):
    audit.append_review(review())
    (pages,) = audit._db.execute("PRAGMA page_count").fetchone()
    audit._db.execute(f"PRAGMA max_page_count={pages}")
    big = review(inputs={"pad": "x" * 100_000})
    with pytest.raises(AuditError, match=r"audit\.db: .*nothing was kept.*full.*free space"):
        audit.append_review(big)
    with pytest.raises(UnknownAuditError):
        audit.get(big.audit_id)
    audit._db.execute("PRAGMA max_page_count=100000")
    audit.append_review(big)
    assert audit.verify().rows == 2


def test_a_busy_file_is_told(audit, raw):
    audit._db.execute("PRAGMA busy_timeout=10")
    raw.execute("BEGIN IMMEDIATE")
    with pytest.raises(AuditError, match=r"audit\.db: .*locked.*try again"):
        audit.append_review(review())
    raw.execute("ROLLBACK")
    audit.append_review(review())


def test_a_reader_cannot_write(audit, path):
    with (
        SqliteAudit(path, readonly=True) as reader,
        pytest.raises(AuditError, match=r"nothing was kept.*readonly.*let this user write"),
    ):
        reader.append_review(review())


def test_a_missing_record_is_told_and_not_made(path):
    with pytest.raises(AuditError, match=r"no record of reviews at .*MUSLIN_AUDIT_URL"):
        SqliteAudit(path, readonly=True)
    assert not path.exists()


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(AuditError, match=r"cannot be made .*MUSLIN_AUDIT_URL"):
        SqliteAudit(tmp_path / "file" / "audit.db")


def test_a_folder_in_the_place_of_the_file_is_told(tmp_path):
    with pytest.raises(AuditError, match=r"cannot be opened .*let this user write"):
        SqliteAudit(tmp_path)


@pytest.mark.parametrize("readonly", [True, False])
def test_what_is_no_database_is_told_and_left_alone(path, readonly):
    path.parent.mkdir()
    path.write_bytes(b"this is no database" * 500)
    with pytest.raises(AuditError, match=r"not a database.*MUSLIN_AUDIT_URL"):
        SqliteAudit(path, readonly=readonly)
    assert path.read_bytes() == b"this is no database" * 500


@pytest.mark.parametrize("readonly", [True, False])
def test_another_database_is_told_and_left_alone(path, readonly):
    with SqliteState(path) as state:
        state.replace([("a", b"1")], {})
    with pytest.raises(AuditError, match="another database, not a record of reviews"):
        SqliteAudit(path, readonly=readonly)
    with SqliteState(path) as state:
        assert state.get_many(["a"]) == {"a": b"1"}
