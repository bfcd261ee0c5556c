import json
import subprocess

import pytest
from answering import use_sizes
from asgi import ask
from fake_advisor import FakeAdvisor
from fake_risk_advisor import BY_SIZE, FakeRiskAdvisor

from features.state import StateError
from serving.app import MuslinApp
from serving.parts import Readiness

KNOWN = {"product_id": "dress", "measurements": {"height_cm": 171}}


def test_an_answer_names_request_and_model(app):
    first, second = ask(app, body=KNOWN).json, ask(app, body=KNOWN).json
    assert first["model"] == {"name": "size_fit", "version": "7"}
    assert first["request_id"] != second["request_id"]
    assert first["recommended"] == "L"


def test_shares_of_a_size_make_one(app):
    for size in ask(app, body=KNOWN).json["sizes"]:
        assert sum(size["fit"].values()) == pytest.approx(1, abs=1e-12)


def test_candidates_are_the_sizes_answered(app):
    answer = ask(app, body={**KNOWN, "candidate_sizes": ["M", "S"]}).json
    assert {size["label"] for size in answer["sizes"]} == {"M", "S"}


def test_the_chance_of_a_return_is_told_where_it_is_asked_for(app):
    asked = {**KNOWN, "with_return_risk": True}
    assert {size["return_risk"] for size in ask(app, body=asked).json["sizes"]} == {None}
    use_sizes(app, FakeAdvisor(), FakeRiskAdvisor())
    told = ask(app, body=asked).json["sizes"]
    assert {size["label"]: size["return_risk"] for size in told} == BY_SIZE
    plain, again = ask(app, body=[KNOWN, asked]).json
    assert {size["return_risk"] for size in plain["sizes"]} == {None}
    assert again["sizes"] == told


def test_advice_stands_when_the_return_risk_s_state_does_not_fit(app):
    class Stale(FakeRiskAdvisor):
        def assess(self, questions):
            raise StateError("filled for another model")

    use_sizes(app, FakeAdvisor(), Stale())
    answer = ask(app, body={**KNOWN, "with_return_risk": True})
    assert answer.status == 200
    assert {size["return_risk"] for size in answer.json["sizes"]} == {None}


def readyz(app, path="/v1/size-advice"):
    answer = ask(app, "/readyz", method="GET")
    return answer, answer.json["endpoints"][path]


def test_without_a_model_it_lives_and_is_not_ready(settings):
    app = MuslinApp(settings)
    app.not_ready("/v1/size-advice", "no champion of size_fit", "muslin train size-fit")
    assert ask(app, "/livez", method="GET").status == 200
    ready, told = readyz(app)
    assert ready.status == 503
    assert ready.json["ready"] is False
    assert told["ready"] is False
    assert told["model"] is None
    assert told["reason"] == "no champion of size_fit"
    assert told["action"] == "muslin train size-fit"
    answer = ask(app, body=KNOWN)
    assert answer.status == 503
    assert answer.json["type"] == "urn:muslin:problem:not-ready"
    assert answer.json["detail"] == "no champion of size_fit; run: muslin train size-fit"
    use_sizes(app, FakeAdvisor(), source="copy", reason="no registry")
    ready, told = readyz(app)
    assert ready.status == 200
    assert told["model"] == {"name": "size_fit", "version": "7"}
    assert (told["source"], told["reason"]) == ("copy", "no registry")
    assert ask(app, body=KNOWN).status == 200


def test_one_endpoint_that_answers_makes_it_ready(settings):
    app = MuslinApp(settings)
    app.not_ready("/v1/one", "it lacks a model", "muslin train one")
    assert readyz(app)[0].status == 503

    async def two(body, request_id):
        return body

    app.use("/v1/two", two, Readiness(ready=True))
    ready, one = readyz(app, "/v1/one")
    assert (ready.status, ready.json["ready"], one["ready"]) == (200, True, False)
    assert ask(app, "/v1/one", body={}).status == 503
    assert ask(app, "/v1/two", body={"a": 1}).json == {"a": 1}


def test_a_path_can_hold_one_parameter(settings):
    app = MuslinApp(settings)

    async def echo(body, request_id, audit_id):
        return b'"' + audit_id.encode() + b'"'

    pattern = "/v1/things/{thing_id}/outcome"
    app.not_ready(pattern, "not yet", None)
    assert ask(app, "/v1/things/a-17/outcome", body={}).json["detail"] == "not yet"
    app.use(pattern, echo, Readiness(ready=True))
    assert ask(app, "/v1/things/a-17/outcome", body={}).json == "a-17"
    assert ask(app, "/v1/things/a-17/outcome", method="GET").status == 405
    assert ask(app, pattern, body={}).json == "{thing_id}"
    for path in ("/v1/things//outcome", "/v1/things/a/b/outcome", "/v1/things/outcome"):
        assert ask(app, path, body={}).status == 404
    assert ask(app, f"/v1/things/{'x' * 201}/outcome", body={}).status == 404


def test_requests_import_no_training_code(python, child_path):
    code = (
        "import json, sys; import serving.app, serving.size_advice; "
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    imported = set(json.loads(done.stdout))
    assert "pydantic" in imported
    assert imported.isdisjoint({"pipelines", "mlflow", "great_expectations", "bentoml", "optuna"})


def test_libraries_are_told_not_to_call_home(python, child_path, monkeypatch):
    for name in ("BENTOML_DO_NOT_TRACK", "MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OTEL_SDK_DISABLED", "false")
    code = (
        "import serving.service, os; from bentoml._internal.utils.analytics import usage_stats; "
        "print(usage_stats.do_not_track(), os.environ['OTEL_SDK_DISABLED'], "
        "os.environ['MLFLOW_DISABLE_TELEMETRY'])"
    )
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "false", "true"]
