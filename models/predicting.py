"""Models in a process that only predicts, such as a worker of the service."""

from __future__ import annotations

import sys
from importlib import import_module

__all__ = ["import_to_predict"]

_LEARNING = ("dask", "pandas", "sklearn")
"""Optional to LightGBM, which imports those that are installed, and to :mod:`models.base`."""


def import_to_predict() -> None:
    """Import what models predict with as if the libraries of training were not installed.

    LightGBM imports pandas and scikit-learn wherever it finds them, for interfaces that nobody uses
    to predict from arrays: two seconds and 130 MB of a worker. Both remain free to be imported
    later, but LightGBM will not know them in this process, and models here cannot be trained.

    Notes
    -----
    ``None`` in ``sys.modules`` is the import system's own word for a module that cannot be found.
    A library that is loaded already stays in sight.
    """
    hidden = [name for name in _LEARNING if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        import_module("lightgbm")
        import_module("models.base")
    finally:
        for name in hidden:
            del sys.modules[name]
