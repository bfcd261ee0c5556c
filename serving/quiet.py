"""Switches the usage tracking of the libraries off, before any of them is imported.

A shop's server calls nobody its owner did not name. Whoever wants the tracking sets the variable
before the start: what is set already is left alone. The service's own traces have a setting,
``MUSLIN_TRACES``; those of the libraries stay off then, too.
"""

from __future__ import annotations

import os

__all__ = ["QUIET", "hush"]

QUIET = {
    "BENTOML_DO_NOT_TRACK": "True",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "OTEL_SDK_DISABLED": "true",
}
"""Environment variables and the value that keeps each library silent."""


def hush() -> None:
    """Set every variable of :data:`QUIET` that is not set yet. Call before the imports."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
