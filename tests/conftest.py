"""What holds for all tests: a worker a core (see pyproject.toml), so one thread a worker.

LightGBM is told to be deterministic, so that no result depends on the number of threads. Child
processes take it over.
"""

import os

from hypothesis import settings

settings.register_profile("no deadline", deadline=None)  # workers share the cores
settings.load_profile("no deadline")
os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_collection_modifyitems(items):
    """The longest test begins first, so that no worker waits for it in the end."""
    items.sort(key=lambda item: item.name != "test_the_commands_run")
