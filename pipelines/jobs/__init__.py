"""The models the command line knows, each a job of its own behind one interface.

A job is imported when it is asked for, so that knowing the names costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipelines.jobs.base import Job

__all__ = ["MODELS", "job_of"]

MODELS = ("size_fit", "return_risk", "abuse")
"""Names as registered; each is trained, promoted and filled in this order."""


def job_of(name: str) -> Job:
    """Give the job of a model.

    Raises
    ------
    KeyError
        There is no model of this name.
    """
    if name not in MODELS:
        raise KeyError(name)
    found: Job = import_module(f"pipelines.jobs.{name}").JOB
    return found
