"""What the process of a worker has loaded, asked of the real process once it has answered."""

import sys

import pytest

from faults.real_shop import EVENTS, REVIEW, RISK, SIZE, Service
from serving.events.examples import EXAMPLES
from serving.run import free_port

OF_TRAINING = ("/pandas/", "/polars", "/pyarrow/", "/sklearn/", "/scipy/stats/", "/scipy/optimize/")
STRANGE = {
    "product_id": "none",
    "measurements": {"height": "9 ft 2 in", "weight": "1 lb", "waist": "30"},
}


@pytest.fixture
def service(shop, settings, tmp_path):
    settings = settings.model_copy(update={"port": free_port()})
    shop.adopt(settings)
    shop.fill(settings.state_url)
    service = Service(settings, tmp_path / "log")
    yield service
    service.end()


@pytest.mark.skipif(sys.platform != "linux", reason="tells by /proc what a process has loaded")
def test_a_worker_that_answers_has_loaded_no_library_of_tables_or_training(service, shop):
    told = service.wait_for(lambda: service.listens() and service.ready())
    assert all(told["endpoints"][path]["ready"] for path in (SIZE, RISK, REVIEW))
    for path, questions in shop.questions().items():
        for each in questions:
            assert service.ask(path, each).status_code == 200
    assert service.ask(SIZE, STRANGE).status_code == 422
    assert service.ask(EVENTS, list(EXAMPLES.values())).status_code == 202
    for path in ("/metrics", "/docs.json", "/healthz", "/schema.json"):
        assert service.client.get(path).status_code == 200

    (worker,) = service.with_word("_bentoml_impl.worker")
    loaded = {each.path for each in worker.memory_maps()}
    assert any("lib_lightgbm" in path for path in loaded)
    assert [path for path in sorted(loaded) if any(each in path for each in OF_TRAINING)] == []
