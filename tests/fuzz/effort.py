"""How many examples a property is tried on: few in the suite, more where somebody asks for it."""

import os

from hypothesis import HealthCheck, settings

TIMES = int(os.environ.get("FUZZ_TIMES", "1"))
"""``FUZZ_TIMES=50 python -m pytest tests/fuzz`` looks fifty times as long."""


def lean(examples: int) -> settings:
    """Settings of a property that is tried on so many examples, or a multiple of them."""
    return settings(
        max_examples=examples * TIMES,
        deadline=None,  # workers share the cores
        suppress_health_check=list(HealthCheck),
    )
