import functools
import sqlite3
import time

import pytest
import typer
from typer.testing import CliRunner

from data_contracts.errors import BadInputError
from features.audit import Review, SqliteAudit, new_audit_id
from pipelines.audit_cli import FAULTS, expire_command, verify_command

NOW = time.time()
DAY = 86_400.0


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setenv("MUSLIN_AUDIT_URL", str(tmp_path / "audit.db"))
    monkeypatch.setenv("MUSLIN_AUDIT_RETENTION_DAYS", "30")
    return tmp_path / "audit.db"


@pytest.fixture
def three(path):
    ages = (0, 20, 40)
    with SqliteAudit(path) as audit:
        audit.append_reviews(
            [
                Review(
                    audit_id=new_audit_id(),
                    at=NOW - days * DAY,
                    customer_id="c",
                    order_line_id="l",
                    route="standard",
                    recommended=None,
                )
                for days in ages
            ]
        )
    return path


@pytest.fixture
def muslin():
    app = typer.Typer()
    app.command("verify")(verify_command)
    app.command("expire")(expire_command)
    return functools.partial(CliRunner().invoke, app)


def test_an_untouched_record_gives_a_head_that_holds_later(three, muslin):
    done = muslin(["verify"])
    assert done.exit_code == 0, done.output
    assert "3 rows, 0 forgotten or expired, 0 faults" in done.output
    head = done.output.split("head ")[1].split(":")[0]
    muslin(["expire"])
    assert muslin(["verify", "--head", head]).exit_code == 0
    assert muslin(["verify", "--head", "0" * 64]).exit_code == FAULTS


def test_a_changed_row_is_named(three, muslin):
    db = sqlite3.connect(three, isolation_level=None)
    db.execute("DROP TRIGGER entries_update")
    db.execute("UPDATE entries SET at = 0 WHERE seq = 2")
    db.close()
    done = muslin(["verify"])
    assert done.exit_code == FAULTS
    assert "fault: row 2 (review) is not as it was written" in done.output
    assert "1 faults" in done.output


def test_reviews_older_than_the_retention_go(three, muslin):
    assert "1 reviews and 0 outcomes older than 30 days removed" in muslin(["expire"]).output
    assert "1 reviews and 0 outcomes older than 10 days" in muslin(["expire", "--days=10"]).output
    assert "0 reviews" in muslin(["expire"]).output
    assert "2 rows" not in muslin(["verify"]).output
    assert "3 rows, 2 forgotten or expired, 0 faults" in muslin(["verify"]).output


@pytest.mark.parametrize("command", ["verify", "expire"])
def test_a_missing_record_is_bad_input_and_is_not_made(path, muslin, command):
    done = muslin([command])
    assert isinstance(done.exception, BadInputError)
    assert "no record of reviews" in str(done.exception)
    assert not path.exists()
