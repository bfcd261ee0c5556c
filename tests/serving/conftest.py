import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from answering import use_events, use_review, use_risks, use_sizes
from fake_advisor import FakeAdvisor
from fake_risk_advisor import FakeRiskAdvisor

from features.audit import SqliteAudit
from features.settings import Settings
from features.stores import open_event_log
from serving.app import MuslinApp

ROOT = Path(__file__).parents[2]


@pytest.fixture
def settings(tmp_path, monkeypatch) -> Settings:
    for name in Settings().environment():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("MUSLIN_CONFIG", raising=False)
    return Settings.load(
        tracking_uri=f"sqlite:///{tmp_path}/mlflow.db",
        state_url=str(tmp_path / "state.db"),
        champion_dir=tmp_path / "champion",
        events_url=str(tmp_path / "events.db"),
        audit_url=str(tmp_path / "audit.db"),
        follow=False,
    )


@pytest.fixture
def app(settings) -> Iterator[MuslinApp]:
    app = MuslinApp(settings)
    use_sizes(app, FakeAdvisor(), source="registry")
    use_risks(app, FakeRiskAdvisor(), source="registry")
    with SqliteAudit(settings.audit_url) as audit:
        use_review(app, audit)
        writer = use_events(app, lambda: open_event_log(settings.events_url))
        yield app
        writer.close()


@pytest.fixture
def child_path(monkeypatch) -> None:
    """A child process finds the package and the modules beside the tests."""
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{Path(__file__).parent}")


@pytest.fixture
def python() -> str:
    return sys.executable


@pytest.fixture(scope="module")
def fuzzed_app() -> MuslinApp:
    """One app for all examples of a property; it keeps nothing between requests."""
    app = MuslinApp(Settings())
    use_sizes(app, FakeAdvisor())
    use_risks(app, FakeRiskAdvisor())
    return app
