"""A real process on stand-in models, asked some hundred requests that schemathesis makes up."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from features.settings import Settings
from serving.run import background, free_port
from tests.fuzz.api import ask

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(
    find_spec("schemathesis") is None, reason="schemathesis is not installed"
)


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    folder = tmp_path_factory.mktemp("asked")
    settings = Settings.load(
        tracking_uri=f"sqlite:///{folder}/mlflow.db",
        state_url=str(folder / "state.db"),
        champion_dir=folder / "champion",
        events_url=str(folder / "events.db"),
        audit_url=str(folder / "audit.db"),
        keys_url=str(folder / "keys.db"),
        follow=False,
        port=free_port(),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", f"{ROOT}:{ROOT / 'tests/serving'}")
        with background(settings, "tests.serving.observe.watched_service:Watched") as url:
            yield url


def test_no_request_made_of_the_document_breaks_it(url):
    asked = ask(url, examples=20, seed=6, phases=("examples", "fuzzing"))
    assert asked.failures == []
    assert asked.cases >= 100
