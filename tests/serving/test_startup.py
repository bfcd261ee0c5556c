import sys
from types import SimpleNamespace

import pytest
from asgi import ask
from fake_advisor import FakeAdvisor

from features.state import StateError
from serving import champion
from serving.app import MuslinApp
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
