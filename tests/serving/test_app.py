import json
import subprocess

import pytest
from asgi import ask
from fake_advisor import FakeAdvisor

from serving.app import MuslinApp, Readiness

KNOWN = {"product_id": "dress", "measurements": {"height_cm": 171}}


def test_an_answer_names_request_and_model(app):
    first, second = ask(app, body=KNOWN).json, ask(app, body=KNOWN).json
    assert first["model"] == {"name": "size_fit", "version": "7"}
    assert first["request_id"] != second["request_id"]
    assert first["recommended"] == "L"


def test_shares_of_a_size_make_one(app):
    for size in ask(app, body=KNOWN).json["sizes"]:
        assert sum(size["fit"].values()) == pytest.approx(1, abs=1e-12)


def test_labels_are_shown_in_own_and_asked_systems(app):
    answer = ask(app, body={**KNOWN, "show_in": ["US", "ALPHA"]}).json
    assert answer["sizes"][0]["labels"] == {"US": None, "ALPHA": "S"}
    assert [notice["code"] for notice in answer["notices"]] == ["size_system_not_available"]
    answer = ask(app, body=KNOWN).json
    assert answer["sizes"][0]["labels"] == {"ALPHA": "S"}
    assert answer["notices"] == []


def test_candidates_are_the_sizes_answered(app):
    answer = ask(app, body={**KNOWN, "candidate_sizes": ["M", "S"]}).json
    assert {size["label"] for size in answer["sizes"]} == {"M", "S"}


def test_without_a_model_it_lives_and_is_not_ready(settings):
    app = MuslinApp(settings)
    app.not_ready("no champion of size_fit", "muslin train size-fit")
    assert ask(app, "/livez", method="GET").status == 200
    ready = ask(app, "/readyz", method="GET")
    assert ready.status == 503
    assert ready.json["ready"] is False
    assert ready.json["reason"] == "no champion of size_fit"
    assert ready.json["action"] == "muslin train size-fit"
    answer = ask(app, body=KNOWN)
    assert answer.status == 503
    assert answer.json["detail"] == "no champion of size_fit; run: muslin train size-fit"
    app.use(FakeAdvisor(), Readiness(ready=True, source="copy", reason="no registry"))
    ready = ask(app, "/readyz", method="GET")
    assert ready.status == 200
    assert (ready.json["source"], ready.json["reason"]) == ("copy", "no registry")
    assert ask(app, body=KNOWN).status == 200


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
