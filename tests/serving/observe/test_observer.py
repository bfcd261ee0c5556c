"""What one application notes, in this process."""

import gc
import logging
import os
import sys
import tempfile
import weakref
from pathlib import Path
from types import SimpleNamespace

import orjson
import pytest
from asgi import ask
from fake_advisor import FakeAdvisor
from fake_risk_advisor import FakeRiskAdvisor
from prometheus_client.parser import text_string_to_metric_families

from features.settings import Settings
from features.state import SqliteState, StateError
from serving import champion
from serving.app import MuslinApp
from serving.degraded import watch_of
from serving.dependency import Dependency
from serving.endpoints import SizeAdviceEndpoint
from serving.observe.counts import BOUNDS_S, COUNTERS, Counts
from serving.observe.exposition import GAUGES, page
from serving.observe.request_id import request_id_of
from serving.observe.shadow import shadow_counts
from serving.observe.shared import FOLDER, Shared, shared_folder
from serving.parts import Readiness
from serving.startup import start

QUESTION = {"product_id": "dress", "measurements": {"height_cm": 171}}


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    monkeypatch.delenv(FOLDER, raising=False)
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)


def samples(text: bytes) -> dict[tuple, float]:
    return {
        (each.name, *(value for _, value in sorted(each.labels.items()))): each.value
        for family in text_string_to_metric_families(text.decode())
        for each in family.samples
    }


@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        (b"shop-4711:a.b_c", True),
        (b"0123456789abcdef", True),
        (b"3b241101-e2bb-4255-8caf-4136c566a962", True),
        (b"short", False),
        (b"x" * 65, False),
        (b"with space 1234", False),
        (b"new\nline-12345", False),
        (b'quote"-1234567', False),
        ("ümlaut-12345".encode("latin-1"), False),
        (b"-starts-badly", False),
        (b"", False),
    ],
)
def test_a_callers_request_id_is_taken_where_it_can_do_no_harm(sent, taken):
    made = request_id_of([(b"host", b"shop"), (b"x-request-id", sent)])
    if taken:
        assert made.encode() == sent
    else:
        assert len(made) == 16
        assert int(made, 16) >= 0


@pytest.mark.parametrize(
    ("path", "body", "method", "status"),
    [
        ("/v1/size-advice", QUESTION, "POST", 200),
        ("/v1/size-advice", b"{", "POST", 400),
        ("/v1/size-advice", {"product_id": []}, "POST", 422),
        ("/v1/size-advice", QUESTION, "PUT", 405),
        ("/nothing", None, "GET", 404),
        ("/livez", None, "GET", 200),
        ("/metrics", None, "GET", 200),
    ],
)
def test_every_answer_has_the_id_of_its_request(app, path, body, method, status):
    sent = {"x-request-id": "shop-4711-abc"}
    answer = ask(app, path, body, method=method, headers=sent)
    assert answer.status == status
    assert answer.headers["x-request-id"] == "shop-4711-abc"
    if status >= 400:
        assert answer.json["request_id"] == "shop-4711-abc"
    other = ask(app, path, body, method=method)
    assert len(other.headers["x-request-id"]) == 16


def test_requests_are_counted_by_pattern_never_by_what_was_sent(app):
    for path in ("/v1/return-review/a-1/outcome", "/v1/return-review/a-2/outcome", "/x/a-3"):
        ask(app, path, {"decision": "refund"})
    ask(app, "/v1/size-advice", messages=[{"type": "http.disconnect"}], chunks=[])
    text = ask(app, "/metrics", method="GET").body
    found = samples(text)
    outcome = "/v1/return-review/{audit_id}/outcome"
    told = sum(
        value for key, value in found.items() if key[:2] == ("muslin_requests_total", outcome)
    )
    assert told == 2
    assert found["muslin_requests_total", "other", "404"] == 1
    assert found["muslin_problems_total", "other", "unknown-path"] == 1
    assert found["muslin_request_seconds_count", outcome] == 2
    assert not [each for each in (b"a-1", b"a-2", b"a-3") if each in text]


def test_answers_are_counted_by_what_they_say(settings):
    app = MuslinApp(settings)
    endpoint = SizeAdviceEndpoint(
        FakeAdvisor(), app.languages, max_items=10, tally=app.counts.size_advice
    )
    app.use("/v1/size-advice", endpoint, Readiness(ready=True, model=FakeAdvisor().label()))
    ask(app, body=QUESTION)
    ask(app, body=[QUESTION, {"product_id": "nothing"}, {"product_id": "scarf"}])
    ask(app, body=[QUESTION, {"product_id": []}])  # refused as a whole
    found = samples(ask(app, "/metrics", method="GET").body)
    assert found["muslin_questions_total", "/v1/size-advice"] == 4
    told = {key[1]: value for key, value in found.items() if key[0] == "muslin_size_advice_total"}
    assert told == {"advised": 2, "unknown_product": 1, "not_sized": 1}
    assert found["muslin_model_info", "size_fit", "7"] == 1
    assert found["muslin_endpoint_ready", "/v1/size-advice"] == 1
    assert found["muslin_endpoint_ready", "/v1/return-risk"] == 0


def test_a_size_advice_without_history_is_counted_as_degraded():
    counts = Counts()
    counts.size_advice([{"status": "advised", "degraded": True}] * 2)
    counts.return_risk([{"action": "none", "degraded": True}])
    counts.return_review([{"route": "manual_review", "degraded": False}])
    found = samples(page([{**counts.take(), "alive": True}], []))
    assert found["muslin_degraded_answers_total", "/v1/size-advice"] == 2
    assert found["muslin_degraded_answers_total", "/v1/return-risk"] == 1
    assert ("muslin_degraded_answers_total", "/v1/return-review") not in found


def test_refusals_by_overload_are_counted_apart(app):
    app.counts.problem("/v1/size-advice", "overloaded")
    app.counts.problem("/v1/return-risk", "overloaded")
    app.counts.problem("/v1/return-risk", "rate-limited")
    found = samples(ask(app, "/metrics", method="GET").body)
    assert found["muslin_overload_refused_total",] == 2


def test_a_time_falls_into_the_class_that_ends_at_it():
    counts = Counts()
    for seconds in (0.0001, BOUNDS_S[0], BOUNDS_S[-1], 99.0):
        counts.done("/x", 200, seconds)
    found = samples(page([{**counts.take(), "alive": True}], []))
    first, last = str(BOUNDS_S[0]), str(BOUNDS_S[-1])
    assert found["muslin_request_seconds_bucket", "/x", first] == 2
    assert found["muslin_request_seconds_bucket", "/x", last] == 3
    assert found["muslin_request_seconds_bucket", "/x", "+Inf"] == 4
    assert found["muslin_request_seconds_sum", "/x"] == pytest.approx(101.0003)


def test_what_is_lost_is_told_while_it_is_lost(settings):
    app = MuslinApp(settings)
    part = Dependency("what this test loses")
    app.depend_on(part)

    def lost():
        found = samples(ask(app, "/metrics", method="GET").body)
        name = "muslin_dependency_"
        return found[name + "lost", part.name], found[name + "outages_total", part.name]

    assert lost() == (0, 0)
    part.failed("the disk is full")
    assert lost() == (1, 1)
    part.works()
    assert lost() == (0, 1)


def test_what_was_lost_is_counted_for_good_also_when_nobody_reads_it_any_more(settings):
    app = MuslinApp(settings)

    def outages():
        found = samples(ask(app, "/metrics", method="GET").body)
        return found.get(("muslin_dependency_outages_total", "state"), 0)

    before = outages()
    watch = watch_of("redis://of-this-test/0")
    watch.failed("it is away")
    watch.works()
    watch.failed("it is away again")
    assert outages() == before + 2
    gone = weakref.ref(watch)
    del watch
    gc.collect()
    assert gone() is None
    assert outages() == before + 2


def test_every_name_is_there_from_the_start(app):
    text = ask(app, "/metrics", method="GET").body.decode()
    for name in COUNTERS:
        assert f"# TYPE {name}_total counter" in text
    for name in GAUGES:
        assert f"# TYPE {name} gauge" in text


def test_metrics_need_a_key_where_keys_are_asked_for(settings):
    app = MuslinApp(settings.model_copy(update={"keys": "on"}))
    assert ask(app, "/metrics", method="GET").status == 401
    assert ask(app, "/metrics", {}).status == 405


def test_workers_are_summed_also_those_that_have_ended(monkeypatch):
    with shared_folder():
        one, other = Counts(), Counts()
        for counts in (one, other):
            counts.done("/x", 200, 0.001)
        shared = Shared(one.take)
        shared.begin()
        folder = Path(os.environ[FOLDER])
        ended = {"process": 2**22 + 1, **other.take()}  # beyond the largest id of a process
        (folder / "muslin-1-1.json").write_bytes(orjson.dumps(ended))
        (folder / "muslin-2-2.json").write_bytes(b'{"process": 1, "coun')  # torn
        found = samples(page(shared.all(), []))
        assert found["muslin_requests_total", "/x", "200"] == 2
        assert found["muslin_workers",] == 1
    assert not folder.exists()


def test_a_folder_a_killed_service_left_is_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left = tmp_path / f"muslin-metrics-{2**22 + 1}-abc"  # beyond the largest id of a process
    running = tmp_path / f"muslin-metrics-{os.getpid()}-abc"
    left.mkdir()
    running.mkdir()
    with shared_folder():
        assert not left.exists()
        assert running.exists()
        assert Path(os.environ[FOLDER]).parent == tmp_path
    assert FOLDER not in os.environ


def test_without_a_folder_the_service_starts_all_the_same(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with shared_folder():
        assert FOLDER not in os.environ
        shared = Shared(Counts().take)
        shared.begin()
        assert len(shared.all()) == 1
    assert "not summed" in caplog.text


def test_a_folder_that_is_gone_costs_one_word_in_the_log(caplog, tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER, str(tmp_path / "gone"))
    shared = Shared(Counts().take)
    shared.begin()
    with caplog.at_level(logging.WARNING, "muslin.serving"):
        shared._write()
        shared._write()
    assert len(caplog.records) == 1
    assert len(shared.all()) == 1


def test_the_counts_of_a_challenger_are_told(tmp_path):
    folder = tmp_path / "size_fit"
    folder.mkdir()
    told = {"champion": "3", "challenger": "4", "same": 90, "differ": 7, "failed": 1}
    folder.joinpath("shadow.json").write_bytes(orjson.dumps({**told, "unready": 0, "dropped": 2}))
    found = samples(page([shadow_counts(Settings(champion_dir=tmp_path))], []))
    name = "muslin_shadow_answers_total"  # labels in the order of their names
    assert found[name, "4", "3", "size_fit", "same"] == 90
    assert found[name, "4", "3", "size_fit", "dropped"] == 2


def test_a_request_has_a_line_where_that_is_asked_for(settings, caplog):
    app = MuslinApp(settings.model_copy(update={"access_log": True}))
    with caplog.at_level(logging.INFO, "muslin.access"):
        ask(app, "/v1/return-review/secret-id/outcome", {}, headers={"x-request-id": "mine-12345"})
        ask(app, "/readyz", method="BREW-secret-id")
    line, other = caplog.records
    assert (line.path, line.status) == ("/v1/return-review/{audit_id}/outcome", 503)
    assert (line.request_id, line.problem, line.key) == ("mine-12345", "not-ready", None)
    assert other.method == "other"
    assert "secret-id" not in str([vars(each) for each in caplog.records])


def test_requests_have_no_line_by_default(app, caplog):
    with caplog.at_level(logging.DEBUG):
        ask(app, body=QUESTION)
    # The thread that shares the metrics of a process, if another test began it, has a say any time.
    told = [each for each in caplog.records if each.threadName != "muslin-metrics"]
    assert not [each for each in told if each.name.startswith("muslin")]


def test_a_failure_is_logged_by_pattern_and_counted(app, caplog):
    async def broken(body, request_id, audit_id):
        raise RuntimeError(f"no {audit_id}")

    async def stateless(body, request_id):
        raise StateError("it was filled for another")

    app.use("/v1/return-review/{audit_id}/outcome", broken, Readiness(ready=True))
    app.use("/v1/size-advice", stateless, Readiness(ready=True))
    assert ask(app, "/v1/return-review/secret-id/outcome", {}).status == 500
    assert ask(app, body=QUESTION).status == 503
    (record,) = [each for each in caplog.records if each.name == "muslin.serving"]
    assert "secret-id" not in record.getMessage()
    found = samples(ask(app, "/metrics", method="GET").body)
    kinds = {key[2] for key in found if key[0] == "muslin_problems_total"}
    assert kinds == {"internal-error", "state-unusable"}


def test_the_endpoints_of_a_service_that_was_started_count(settings, tmp_path, monkeypatch):
    for name, module, loader, fake in (
        ("size_fit", "serving.size_advice", "load_advisor", FakeAdvisor()),
        ("return_risk", "serving.return_risk", "load_risk_advisor", FakeRiskAdvisor()),
    ):
        folder = tmp_path / name
        folder.mkdir()
        (folder / f"{name}.json").write_text("{}")
        champion.adopt(settings, name, "7", folder)
        loaders = SimpleNamespace(**{loader: lambda *_, fake=fake: fake})
        monkeypatch.setitem(sys.modules, module, loaders)
    with SqliteState(settings.state_url) as state:
        state.replace([], {"version.size_fit": "7"})
    app = MuslinApp(settings)
    start(app)
    event = {"event_id": "e1", "kind": "customer", "at": "2025-05-02T08:01:00Z"}
    asked = {
        "/v1/size-advice": [QUESTION, QUESTION],
        "/v1/return-risk": {"lines": [{"product_id": "dress", "size": "M"}], "currency": "EUR"},
        "/v1/return-review": {"order_line_id": "l1", "customer_id": "c7", "reason": "too_small"},
        "/v1/events": {**event, "data": {"customer_id": "c7", "market": "DE"}},
    }
    for path, body in asked.items():
        assert ask(app, path, body).status in (200, 202), path
    found = samples(ask(app, "/metrics", method="GET").body)
    questions = {path: found["muslin_questions_total", path] for path in asked}
    assert questions == {path: 2 if path == "/v1/size-advice" else 1 for path in asked}
