"""What holds for all tests: a worker a core (see pyproject.toml), so one thread a worker.

LightGBM is told to be deterministic, so that no result depends on the number of threads. Child
processes take it over.
"""

import fcntl
import gc
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.servers import postgres_server, redis_server, wanted

settings.register_profile("no deadline", deadline=None)  # workers share the cores
settings.load_profile("no deadline")
os.environ.setdefault("OMP_NUM_THREADS", "1")
# As the pipelines set it before they import MLflow, which some tests have done by then.
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection():
    """What is imported with the tests stays: garbage is not looked for in it, then or later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items):
    """The longest test begins first, so that no worker waits for it in the end."""
    items.sort(key=lambda item: item.name != "test_the_commands_run")


@pytest.fixture(scope="session")
def registry_in(tmp_path_factory) -> Callable[[Path], str]:
    """Puts a registry without models into a folder and gives its URL.

    MLflow takes seconds to make one: it is made once, whatever the number of workers.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent  # a worker's own folder lies in that of the run
    made = shared / "empty-registry" / "mlflow.db"
    with (shared / "empty-registry.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            from features.settings import Settings
            from pipelines.tracking import Registry

            making = made.with_name("making.db")
            Registry(Settings.load(tracking_uri=f"sqlite:///{making}"))
            making.rename(made)

    def put(folder: Path) -> str:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(made, folder / "mlflow.db")
        return f"sqlite:///{folder / 'mlflow.db'}"

    return put


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A Redis server; one for each worker that needs it."""
    with wanted(redis_server()) as url:
        yield url


@pytest.fixture
def redis_state_url(redis_url) -> str:
    """A place for an online state that no other test has seen."""
    return f"{redis_url}?prefix={uuid.uuid4().hex}"


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server; one for each worker that needs it."""
    with wanted(postgres_server()) as url:
        yield url


@pytest.fixture
def postgres_log_url(postgres_url) -> str:
    """A place for a log of events that no other test has seen."""
    import psycopg

    schema = f"t{uuid.uuid4().hex}"
    with psycopg.connect(postgres_url) as db:
        db.execute(f"CREATE SCHEMA {schema}")
    return f"{postgres_url}?options=-csearch_path%3D{schema}"
