"""Files that are removed or replaced while they are open: nothing is acknowledged into the void."""

import shutil

import pytest
from asgi import ask
from live_shop import content, new_event, same

from features.audit import Review, SqliteAudit, UnknownAuditError, new_audit_id
from features.audit_records import AuditError, Outcome
from features.event_log import EventLogError, NewEvent
from features.stores import open_event_log
from serving.app import MuslinApp
from serving.events.examples import EXAMPLES
from serving.follow import Follower
from serving.return_review.record import SteadyRecord
from serving.startup import start

EVENTS = "/v1/events"


def review(name="c-1"):
    return Review(
        audit_id=new_audit_id(),
        at=1_700_000_000.0,
        customer_id=name,
        order_line_id="l-1",
        route="standard",
        recommended="refund",
    )


def test_an_event_is_not_logged_in_a_file_that_was_removed(settings, tmp_path):
    event = NewEvent("e-1", "delivery", 5, b"{}")
    with open_event_log(settings.events_url) as log:
        (tmp_path / "events.db").unlink()
        with pytest.raises(EventLogError, match="was removed"):
            log.append([event])


def test_events_go_to_the_file_that_is_there_now(settings, tmp_path):
    app = MuslinApp(settings)
    start(app)
    first, second, third = ({**EXAMPLES["delivery"], "event_id": f"e-{i}"} for i in range(3))
    assert ask(app, EVENTS, body=first).status == 202
    for each in tmp_path.glob("events.db*"):
        each.unlink()
    refused = ask(app, EVENTS, body=second)
    assert refused.status == 503
    assert "was removed" in refused.json["detail"]
    (lost,) = ask(app, "/readyz", method="GET").json["degraded"]
    assert lost["part"] == "events"
    assert ask(app, EVENTS, body=[second, third]).status == 202
    assert ask(app, "/readyz", method="GET").json["degraded"] == []
    with open_event_log(settings.events_url) as log:
        assert [each.event_id for each in log.read(0, 10)] == ["e-1", "e-2"]


def test_reviews_go_to_the_file_that_is_there_now(tmp_path):
    path = tmp_path / "audit.db"
    record = SteadyRecord(str(path))
    first, second = review(), review()
    record.append_reviews([first])
    for each in tmp_path.glob("audit.db*"):
        each.unlink()
    record.append_reviews([second])
    record.close()
    with SqliteAudit(path, readonly=True) as audit:
        assert audit.get(second.audit_id)[0] == second
        with pytest.raises(UnknownAuditError):
            audit.get(first.audit_id)


def test_a_record_that_could_not_be_opened_is_opened_with_the_next_review(tmp_path):
    folder = tmp_path / "folder"
    folder.write_text("a file where the folder should be")
    opened = []
    record = SteadyRecord(str(folder / "audit.db"), opened.append)
    with pytest.raises(AuditError):
        record.open()
    with pytest.raises(AuditError):
        record.append_reviews([review()])
    folder.unlink()
    kept = review()
    record.append_reviews([kept])
    assert len(opened) == 1
    with pytest.raises(UnknownAuditError):
        record.append_outcome(
            Outcome(audit_id="never given", at=1.0, decided_by="d", decision="refund")
        )
    record.append_outcome(
        Outcome(audit_id=kept.audit_id, at=1.0, decided_by="d", decision="refund")
    )
    assert len(opened) == 1  # an unknown review is no fault of the record
    record.close()


def test_what_is_done_at_the_opening_is_done_until_it_was_done_once(tmp_path):
    done = []

    def opened(audit):
        done.append(len(done))
        if len(done) < 3:
            raise AuditError("the reviews that have expired cannot be removed")

    record = SteadyRecord(str(tmp_path / "audit.db"), opened)
    with pytest.raises(AuditError, match="have expired"):
        record.open()
    with pytest.raises(AuditError, match="have expired"):
        record.append_reviews([review()])
    record.append_reviews([review()])
    record.append_reviews([review()])
    assert done == [0, 1, 2]
    record.close()


def test_the_follower_goes_over_to_the_files_that_are_there_now(small_shop, settings, tmp_path):
    shop = small_shop
    here = settings.model_copy(
        update={"champion_dir": shop.settings.champion_dir, "horizon_hours": 24 * 365}
    )
    shutil.copy(shop.filled, here.state_url)
    events = [new_event(each) for each in shop.events]
    with open_event_log(here.events_url) as log:
        log.append(events)
    follower = Follower(here)
    try:
        follower.turn()
        for each in tmp_path.glob("state.db*"):
            each.unlink()
        follower.turn()
        follower.turn()
        assert not (tmp_path / "state.db").exists()  # it makes none
        shutil.copy(shop.filled, here.state_url)
        while follower.turn() != pytest.approx(0.05):
            pass
        found = content(here.state_url)
    finally:
        follower.close()
    whole = here.model_copy(update={"state_url": str(tmp_path / "whole.db")})
    shutil.copy(shop.filled, whole.state_url)
    alone = Follower(whole)
    while alone.turn() != pytest.approx(0.05):
        pass
    alone.close()
    assert same(found, content(whole.state_url))
