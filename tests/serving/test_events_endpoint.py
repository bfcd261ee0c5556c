import asyncio
import threading

import pytest
from answering import use_events
from asgi import ask

from features.event_log import EventConflictError, EventLogError, NewEvent
from features.stores import open_event_log
from serving.app import MuslinApp
from serving.events.examples import EXAMPLES
from serving.events.writer import EventWriter, TooBusyError

PATH = "/v1/events"
DELIVERY, ORDER = EXAMPLES["delivery"], EXAMPLES["order_line"]


def changed(event, **data):
    return {**event, "data": {**event["data"], **data}}


def numbered(count):
    return [{**DELIVERY, "event_id": f"e{place}"} for place in range(count)]


def ids(settings):
    with open_event_log(settings.events_url) as log:
        return [each.event_id for each in log.read(0, 10_000)]


def test_an_event_is_in_the_log_before_it_is_answered(app, settings):
    answer = ask(app, PATH, body=DELIVERY)
    assert answer.status == 202
    assert answer.json == {
        "request_id": answer.json["request_id"],
        "accepted": 1,
        "duplicates": 0,
        "events": [{"event_id": "delivery-l1", "status": "accepted"}],
    }
    assert ids(settings) == ["delivery-l1"]


def test_sending_again_changes_nothing(app, settings):
    assert ask(app, PATH, body=[DELIVERY, ORDER]).json["accepted"] == 2
    again = ask(app, PATH, body=[ORDER, {**DELIVERY, "event_id": "new"}, DELIVERY, DELIVERY])
    assert again.status == 202
    assert (again.json["accepted"], again.json["duplicates"]) == (1, 3)
    statuses = [each["status"] for each in again.json["events"]]
    assert statuses == ["duplicate", "accepted", "duplicate", "duplicate"]
    assert ids(settings) == ["delivery-l1", "order-o9-l1", "new"]


@pytest.mark.parametrize(
    "other", [changed(DELIVERY, delivered_at="2025-05-06"), {**ORDER, "event_id": "delivery-l1"}]
)
def test_an_id_with_another_content_is_refused_and_nothing_kept(app, settings, other):
    ask(app, PATH, body=DELIVERY)
    answer = ask(app, PATH, body=[{**ORDER, "event_id": "before"}, other])
    assert answer.status == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["type"] == "urn:muslin:problem:event-conflict"
    assert answer.json["errors"][0]["value"] == "delivery-l1"
    assert ids(settings) == ["delivery-l1"]
    both = [{**DELIVERY, "event_id": "twice"}, {**ORDER, "event_id": "twice"}]
    assert ask(app, PATH, body=both).status == 409
    assert ids(settings) == ["delivery-l1"]


def test_of_a_list_with_a_bad_event_nothing_is_kept_and_every_fault_is_named(app, settings):
    bad = changed(DELIVERY, delivered_at="then")
    answer = ask(app, PATH, body=[ORDER, bad, changed(ORDER, promised_at="1999-01-01")])
    assert answer.status == 422
    fields = [each["field"] for each in answer.json["errors"]]
    assert fields == ["[1].data.delivered_at", "[2].data.promised_at"]
    assert ids(settings) == []


def test_the_shape_of_a_body_is_told(app, settings):
    def first(body):
        answer = ask(app, PATH, body=body)
        assert answer.status == 422
        error = answer.json["errors"][0]
        return error["field"], error["reason"]

    assert first([]) == ("", "must have at least 1 item")
    assert first(7)[1] == "must be an object"
    assert first([DELIVERY, 7]) == ("[1]", "must be an object")
    assert first({"event_id": "1"}) == ("kind", "is required")
    field, reason = first([DELIVERY, {**DELIVERY, "kind": "delivered"}])
    assert field == "[1].kind"
    assert "'delivery'" in reason
    assert first({**DELIVERY, "data": []}) == ("data", "must be an object")
    most = settings.max_items
    assert first(numbered(most + 1)) == ("", f"must have at most {most} items")
    assert ask(app, PATH, body=numbered(most)).json["accepted"] == most
    assert ask(app, PATH, body=b"[{").status == 400


class FullDisk:
    """A log that cannot be written until there is space; opened by whoever needs it."""

    def __init__(self, url):
        self.url, self.full, self.log = url, True, None

    def __call__(self):
        self.log = open_event_log(self.url)
        return self

    def append(self, events):
        if self.full:
            raise EventLogError("the log of events at events.db cannot be written (disk is full)")
        return self.log.append(events)

    def close(self):
        self.log.close()


def test_a_full_disk_is_told_and_the_events_can_be_sent_again(settings, caplog):
    app = MuslinApp(settings)
    disk = FullDisk(settings.events_url)
    writer = use_events(app, disk)
    answer = ask(app, PATH, body=ORDER)
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json["type"] == "urn:muslin:problem:event-log-unusable"
    assert "disk is full" in answer.json["detail"]
    for personal in (ORDER["data"]["customer_id"], ORDER["event_id"], "59.9"):
        assert personal not in caplog.text
    disk.full = False
    assert ask(app, PATH, body=ORDER).json["accepted"] == 1
    writer.close()


class Slow:
    """A log whose commits wait until they are let go; tells how many events each had."""

    def __init__(self, log):
        self.log, self.go, self.commits = log, threading.Event(), []

    def append(self, events):
        self.go.wait(30)
        self.commits.append(len(events))
        return self.log.append(events)

    def close(self):
        self.log.close()


def new(event_id, body=b"{}"):
    return NewEvent(event_id, "delivery", 1, body)


def appended(slow, requests, most=None):
    """Let all requests wait for one commit; give what each is told."""

    async def together():
        tasks = [asyncio.ensure_future(writer.append(each)) for each in requests]
        await asyncio.sleep(0.05)
        slow.go.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    writer = EventWriter(lambda: slow)
    try:
        return asyncio.run(together())
    finally:
        writer.close()


@pytest.fixture
def slow(settings):
    return Slow(open_event_log(settings.events_url))


def test_requests_that_wait_together_share_a_commit(slow):
    told = appended(slow, [[new(f"{place}")] for place in range(50)])
    assert [len(each) for each in told] == [1] * 50
    assert sorted(number for (number,) in told) == list(range(1, 51))
    assert len(slow.commits) <= 2  # the first may go alone, the others wait for it
    assert sum(slow.commits) == 50


def test_a_mistaken_request_takes_no_other_with_it(slow, settings):
    requests = [[new("a")], [new("b"), new("c")], [new("c", b"[]"), new("d")], [new("c"), new("e")]]
    told = appended(slow, [[new("first")], *requests])
    assert isinstance(told[3], EventConflictError)
    assert told[3].event_id == "c"
    assert told[4][0] is None
    assert ids(settings) == ["first", "a", "b", "c", "e"]


def test_more_than_memory_should_hold_is_refused(slow, monkeypatch):
    monkeypatch.setattr("serving.events.writer._MOST_WAITING", 3)
    told = appended(slow, [[new("a"), new("b")], [new("c"), new("d")], [new("e")]])
    assert isinstance(told[1], TooBusyError)
    assert [len(told[0]), len(told[2])] == [2, 1]


def test_a_client_that_goes_away_leaves_the_writer_at_work(slow, settings):
    async def gone():
        task = asyncio.ensure_future(writer.append([new("a")]))
        await asyncio.sleep(0.05)
        task.cancel()
        slow.go.set()
        return await writer.append([new("b")])

    writer = EventWriter(lambda: slow)
    assert asyncio.run(gone()) == [2]
    writer.close()
    assert ids(settings) == ["a", "b"]


def test_what_is_logged_of_a_customer_is_found_for_forgetting(app, settings):
    """Also what names no customer: deliveries, claims, what came of them, words on the fit."""
    ask(app, PATH, body=list(EXAMPLES.values()))
    with open_event_log(settings.events_url) as log:
        assert log.forget_customer("c7") == len(EXAMPLES) - 1
        assert [each.kind for each in log.read(0, 100)] == ["product"]
