import sys
import time
from types import SimpleNamespace

import pytest
from asgi import ask
from fake_advisor import FakeAdvisor
from fake_risk_advisor import FakeRiskAdvisor
from return_review.desk import Abuse

from features.audit import Review, SqliteAudit, UnknownAuditError, new_audit_id
from features.state import SqliteState, StateError
from serving import champion
from serving.app import MuslinApp
from serving.events.examples import EXAMPLES
from serving.startup import start


@pytest.fixture
def with_champion(settings, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "size_fit.json").write_text("{}")
    champion.adopt(settings, "size_fit", "7", folder)
    return settings


def started(settings, monkeypatch, load_advisor):
    monkeypatch.setitem(
        sys.modules, "serving.size_advice", SimpleNamespace(load_advisor=load_advisor)
    )
    app = MuslinApp(settings)
    start(app)
    answer = ask(app, "/readyz", method="GET")
    return answer, answer.json["endpoints"]["/v1/size-advice"]


def test_a_champion_and_its_state_make_it_ready(with_champion, monkeypatch):
    asked = []

    def load_advisor(folder, label, settings):
        asked.append((folder / "size_fit.json", label.version))
        return FakeAdvisor()

    answer, told = started(with_champion, monkeypatch, load_advisor)
    assert answer.status == 200
    assert told["model"] == {"name": "size_fit", "version": "7"}
    ((file, version),) = asked
    assert file.read_text() == "{}"
    assert version == "7"


def test_a_state_that_is_not_filled_is_told_with_the_command(with_champion, monkeypatch):
    def load_advisor(folder, label, settings):
        raise StateError(f"no online state at {settings.state_url}")

    answer, told = started(with_champion, monkeypatch, load_advisor)
    assert answer.status == 503
    assert "no online state at" in told["reason"]
    assert told["action"].startswith("muslin materialize")


def test_a_model_that_cannot_be_read_is_told_and_logged(with_champion, monkeypatch, caplog):
    def load_advisor(folder, label, settings):
        raise ValueError("format 9 is newer than this program")

    answer, told = started(with_champion, monkeypatch, load_advisor)
    assert answer.status == 503
    assert "format 9 is newer" in told["reason"]
    assert "Traceback" in caplog.text


def test_a_damaged_champion_is_not_loaded(with_champion, monkeypatch):
    folder, _ = champion.load(with_champion, "size_fit")
    (folder / "size_fit.json").write_text('{"changed": 1}')

    def load_advisor(folder, label, settings):
        raise AssertionError("loaded")

    answer, told = started(with_champion, monkeypatch, load_advisor)
    assert answer.status == 503
    assert "is damaged: size_fit.json" in told["reason"]


def modules(monkeypatch, **loaders):
    """Let each module's loader be this function."""
    names = {
        "size_fit": ("serving.size_advice", "load_advisor"),
        "return_risk": ("serving.return_risk", "load_risk_advisor"),
        "abuse": ("serving.abuse_score", "load_abuse_scorer"),
    }
    for model, loader in loaders.items():
        module, name = names[model]
        monkeypatch.setitem(sys.modules, module, SimpleNamespace(**{name: loader}))


def promote(settings, tmp_path, *names):
    for name in names:
        folder = tmp_path / name
        folder.mkdir()
        (folder / f"{name}.json").write_text("{}")
        champion.adopt(settings, name, "7", folder)


def endpoints_of(app):
    return ask(app, "/readyz", method="GET").json["endpoints"]


def test_every_model_is_loaded_for_its_own_endpoint(settings, tmp_path, monkeypatch):
    promote(settings, tmp_path, "size_fit", "return_risk", "abuse")
    SqliteState(settings.state_url).close()
    sizes, given = FakeAdvisor(), []

    def load_risks(folder, label, settings, sizes):
        given.append(sizes)
        return FakeRiskAdvisor()

    modules(
        monkeypatch,
        size_fit=lambda *_: sizes,
        return_risk=load_risks,
        abuse=lambda *_: Abuse(),
    )
    app = MuslinApp(settings)
    start(app)
    told = endpoints_of(app)
    assert all(each["ready"] for each in told.values())
    assert told["/v1/return-risk"]["model"]["name"] == "return_risk"
    assert told["/v1/return-review"]["model"] == {"name": "abuse", "version": "7"}
    assert given == [sizes]
    assert ask(app, "/v1/return-risk", body={"lines": [{"product_id": "dress"}]}).status == 200


def answering(told):
    """Paths that answer; events are taken in whatever there is to answer with."""
    assert told["/v1/events"]["ready"]
    return {path for path, each in told.items() if each["ready"]} - {"/v1/events"}


@pytest.mark.parametrize("there", ["size_fit", "return_risk"])
def test_one_model_alone_answers_its_own_endpoint(settings, tmp_path, monkeypatch, there):
    promote(settings, tmp_path, there)
    modules(
        monkeypatch,
        size_fit=lambda *_: FakeAdvisor(),
        return_risk=lambda folder, label, settings, sizes: FakeRiskAdvisor(),
    )
    app = MuslinApp(settings)
    start(app)
    told = endpoints_of(app)
    paths = {"size_fit": "/v1/size-advice", "return_risk": "/v1/return-risk"}
    assert answering(told) == {paths[there]}
    for model, path in paths.items():
        if model != there:
            assert f"no champion of {model}" in told[path]["reason"]
            assert told[path]["action"].startswith(f"muslin train {model.replace('_', '-')}")
    assert "no online state" in told["/v1/return-review"]["reason"]


def test_a_review_is_answered_without_any_model(settings):
    SqliteState(settings.state_url).close()
    app = MuslinApp(settings)
    start(app)
    told = endpoints_of(app)["/v1/return-review"]
    assert told["ready"] is True
    assert told["model"] is None
    for model in ("abuse", "size_fit", "return_risk"):
        assert f"no champion of {model}" in told["reason"]
    claim = {"order_line_id": "1", "customer_id": "c", "reason": "too_small"}
    answer = ask(app, "/v1/return-review", body=claim)
    assert answer.status == 200, answer.body
    assert (answer.json["abuse"] or {}).get("score") is None
    assert answer.json["route"] == "review"
    outcome = {"decision": "refund", "decided_by": "investigator"}
    path = f"/v1/return-review/{answer.json['audit_id']}/outcome"
    assert ask(app, path, body=outcome).status == 200, ask(app, path, body=outcome).body


def test_policies_that_cannot_be_used_leave_size_advice(settings, tmp_path, monkeypatch):
    promote(settings, tmp_path, "size_fit", "return_risk")
    modules(
        monkeypatch,
        size_fit=lambda *_: FakeAdvisor(),
        return_risk=lambda folder, label, settings, sizes: FakeRiskAdvisor(),
    )
    shop = tmp_path / "policies"
    shop.mkdir()
    (shop / "shop.yaml").write_text("layer: shop\nrulez: []\n")
    app = MuslinApp(settings.model_copy(update={"policy_dir": shop}))
    start(app)
    told = endpoints_of(app)
    assert answering(told) == {"/v1/size-advice"}
    assert "rulez" in told["/v1/return-risk"]["reason"]
    assert told["/v1/return-review"]["action"] == "muslin policy check FILE"


def test_a_record_that_cannot_be_written_leaves_the_others(settings, tmp_path, monkeypatch):
    promote(settings, tmp_path, "size_fit")
    modules(monkeypatch, size_fit=lambda *_: FakeAdvisor())
    SqliteState(settings.state_url).close()
    (tmp_path / "taken").write_text("a file")
    app = MuslinApp(settings.model_copy(update={"audit_url": str(tmp_path / "taken" / "a.db")}))
    start(app)
    told = endpoints_of(app)
    assert answering(told) == {"/v1/size-advice"}
    assert "MUSLIN_AUDIT_URL" in told["/v1/return-review"]["reason"]


def test_reviews_older_than_the_retention_are_removed_at_start(settings):
    with SqliteState(settings.state_url) as state:
        state.replace([], {})
    now = time.time()
    days = settings.audit_retention_days
    old, young = new_audit_id(), new_audit_id()
    with SqliteAudit(settings.audit_url) as audit:
        for audit_id, age in ((old, days + 1), (young, days - 1)):
            audit.append_review(
                Review(
                    audit_id=audit_id,
                    at=now - age * 86_400,
                    customer_id="c-1",
                    order_line_id="l-1",
                    route="standard",
                    recommended="refund",
                )
            )
    start(MuslinApp(settings))
    with SqliteAudit(settings.audit_url, readonly=True) as audit:
        assert audit.get(young)[0].audit_id == young
        with pytest.raises(UnknownAuditError):
            audit.get(old)


def test_a_log_that_cannot_be_opened_is_told_and_tried_again(settings, tmp_path):
    taken = tmp_path / "taken"
    taken.write_text("a file")
    app = MuslinApp(settings.model_copy(update={"events_url": str(taken / "events.db")}))
    start(app)
    told = endpoints_of(app)["/v1/events"]
    assert told["ready"] is False
    assert str(taken) in told["reason"]
    assert ask(app, "/v1/events", body=EXAMPLES["delivery"]).status == 503
    taken.unlink()
    assert ask(app, "/v1/events", body=EXAMPLES["delivery"]).status == 202
    assert endpoints_of(app)["/v1/events"]["ready"] is True


def test_taking_events_does_not_make_the_service_ready(settings):
    app = MuslinApp(settings)
    start(app)
    answer = ask(app, "/readyz", method="GET")
    assert answer.status == 503
    assert answer.json["endpoints"]["/v1/events"]["ready"] is True
