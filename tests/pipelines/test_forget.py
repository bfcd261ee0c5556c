import functools
import sqlite3
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from data_contracts.errors import BadInputError
from features.audit import AuditError, Outcome, Review, SqliteAudit, new_audit_id
from features.event_log import EventLogError, NewEvent
from features.places import places
from features.settings import Settings
from features.state import SqliteState, StateError, state_key
from features.stores import open_event_log, open_state
from pipelines.forget import NOT_TOUCHED, ForgetReport, forget
from pipelines.forget_cli import forget_command


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setenv("MUSLIN_STATE_URL", str(tmp_path / "state.db"))
    monkeypatch.setenv("MUSLIN_EVENTS_URL", str(tmp_path / "events.db"))
    monkeypatch.setenv("MUSLIN_AUDIT_URL", str(tmp_path / "audit.db"))
    return Settings.load()


def review(customer):
    return Review(
        audit_id=new_audit_id(),
        at=1.0,
        customer_id=customer,
        order_line_id="l-1",
        route="standard",
        recommended=None,
    )


@pytest.fixture
def kept(settings):
    with SqliteState(settings.state_url) as state:
        keys = {
            state_key("person", "c-1", "self", "women"): b"1",
            state_key("person_facts", "c-1", "self"): b"{}",
            state_key("order_line", "l-1"): b'{"customer_id":"c-1"}',
            state_key("product", "c-1"): b"a product of this id",
            state_key("person", "c-11", "self", "women"): b"1",
        }
        state.replace(keys.items(), {})
    with open_event_log(settings.events_url) as log:
        bodies = [
            b'{"customer_id":"c-1"}',
            b'{"customer_id":"c-1","line":2}',
            b'{"customer_id":"c-11"}',
        ]
        log.append([NewEvent(f"e-{i}", "ordered", i, body) for i, body in enumerate(bodies)])
    with SqliteAudit(settings.audit_url) as audit:
        hers = review("c-1")
        audit.append_reviews([hers, review("c-11")])
        audit.append_outcome(
            Outcome(audit_id=hers.audit_id, at=2.0, decided_by="ann", decision="refund")
        )
    return settings


@pytest.fixture
def muslin():
    """The command as a command line of its own; what is bad input is raised."""
    app = typer.Typer()
    app.command()(forget_command)
    return functools.partial(CliRunner().invoke, app)


def test_it_tells_what_was_removed_by_store_and_kind_and_what_was_not_touched(kept):
    report = forget("c-1", kept)
    assert report.found
    assert report.state == {"person": 1, "person_facts": 1, "order_line": 1}
    assert (report.audit.reviews, report.audit.outcomes) == (1, 1)
    told = "\n".join(report.lines())
    assert "3 keys removed (order_line 1, person 1, person_facts 1)" in told
    assert report.events == 2
    assert "2 events removed" in told
    assert "1 reviews and 1 outcomes removed" in told
    assert told.count("not touched: ") == len(NOT_TOUCHED) > 0
    for store in ("state.db", "events.db", "audit.db"):
        assert store in told
    assert not forget("c-1", kept).found
    assert forget("c-11", kept).state == {"person": 1}


def test_a_customer_nobody_knows_is_no_error(kept, muslin):
    done = muslin(["--customer", "c-2", "--yes"])
    assert done.exit_code == 0, done.output
    assert "nothing was kept of this customer" in done.output
    assert "0 keys removed" in done.output


def test_stores_that_do_not_exist_are_told_of_and_not_made(settings, tmp_path):
    report = forget("c-1", settings)
    assert (report.state, report.events, report.audit) == (None, None, None)
    assert not report.found
    told = "\n".join(report.lines())
    assert told.count("there is none at") == 3
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("blank", ["", "  "])
def test_a_blank_id_is_refused(kept, blank):
    with pytest.raises(BadInputError, match="id is blank"):
        forget(blank, kept)


def test_the_command_asks_first(kept, muslin):
    done = muslin(["--customer", "c-1"], input="n\n")
    assert done.exit_code == 1
    assert "cannot be undone" in done.output
    done = muslin(["--customer", "c-1"], input="y\n")
    assert done.exit_code == 0, done.output
    assert "3 keys removed" in done.output
    assert not forget("c-1", kept).found


def test_a_record_that_cannot_be_written_is_told_with_what_was_done(kept, muslin, monkeypatch):
    def full(*_):
        raise AuditError("the disk is full")

    monkeypatch.setattr(SqliteAudit, "forget", full)
    with pytest.raises(AuditError, match="disk is full") as caught:
        forget("c-1", kept)
    assert caught.value.__notes__ == [
        f"2 events were removed from the log of events {kept.events_url}",
        f"3 keys were removed from the online state {kept.state_url}",
    ]
    done = muslin(["--customer", "c-1", "--yes"])
    assert isinstance(done.exception, BadInputError)
    assert "0 keys were removed" in done.exception.__notes__[1]


@pytest.mark.parametrize("broken", ["state", "events", "audit"])
def test_nothing_is_removed_where_one_of_the_three_cannot_be_opened(kept, broken):
    places = {name: getattr(kept, f"{name}_url") for name in ("state", "events", "audit")}
    with open(places[broken], "r+b") as file:
        whole = file.read()
        file.seek(0)
        file.write(b"no database any more")
    with pytest.raises((AuditError, EventLogError, StateError)):
        forget("c-1", kept)
    with open(places[broken], "wb") as file:
        file.write(whole)
    report = forget("c-1", kept)
    assert (sum(report.state.values()), report.events, report.audit.reviews) == (3, 2, 1)


def test_servers_are_told_to_write_their_files_anew():
    def told(state, events):
        return " ".join(ForgetReport({}, 0, None, state, events, Path("audit.db")).lines())

    assert "VACUUM" not in told("state.db", "events.db")
    assert "BGREWRITEAOF" not in told("state.db", "events.db")
    there = told("redis://host:6379/0", "postgresql://host/shop")
    assert "VACUUM FULL muslin_events" in there
    assert "BGREWRITEAOF" in there


def test_a_state_that_is_something_else_stops_before_the_record(kept):
    with open(kept.state_url, "wb") as file:
        file.write(b"no database" * 1000)
    with pytest.raises(StateError, match="not a readable state store"):
        forget("c-1", kept)
    rows = sqlite3.connect(kept.audit_url)
    assert rows.execute("SELECT count(*) FROM entries").fetchone() == (3,)
    rows.close()


def test_a_log_that_is_something_else_stops_before_all_others(kept, muslin):
    with open(kept.events_url, "r+b") as file:
        file.write(b"no database any more")
    with pytest.raises(EventLogError, match=r"events\.db cannot be opened"):
        forget("c-1", kept)
    done = muslin(["--customer", "c-1", "--yes"])
    assert isinstance(done.exception, BadInputError)
    with SqliteState(kept.state_url, readonly=True) as state:
        assert state.get_many([state_key("order_line", "l-1")])


def test_a_state_in_redis_is_reached_and_its_password_is_not_told(
    kept, redis_state_url, monkeypatch, muslin
):
    monkeypatch.setenv("MUSLIN_STATE_URL", redis_state_url)
    assert forget("c-2", Settings.load()).state is None
    with open_state(redis_state_url) as state:
        state.replace([(state_key("order_line", "l-1"), b'{"customer_id":"c-1"}')], {})
    done = muslin(["--customer", "c-1"], input="y\n")
    assert done.exit_code == 0, done.output
    assert "1 keys removed (order_line 1)" in done.output
    assert "redis://127.0.0.1" in done.output
    assert redis_state_url.partition("@")[0] not in done.output
    with open_state(redis_state_url) as state:
        assert not state.get_many([state_key("order_line", "l-1")])


def test_the_second_place_of_the_state_and_a_challenger_s_are_searched_too(kept, tmp_path):
    settings = kept.model_copy(update={"challenger_state_url": str(tmp_path / "beside.db")})
    second = places(settings.state_url)[1]
    for url in (second, settings.challenger_state_url):
        with SqliteState(url) as state:
            state.replace([(state_key("person", "c-1", "self", "women"), b"1")], {})
    report = forget("c-1", settings)
    assert report.state["person"] == 3
    assert second in report.state_at
    for url in (settings.state_url, second, settings.challenger_state_url):
        with open_state(url, readonly=True) as state:
            assert not any(
                "c-1" in key.split("\x1f")[:2]
                for key in state.all_keys()
                if not key.startswith("product")
            )
