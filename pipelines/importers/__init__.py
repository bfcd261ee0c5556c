"""Importers: public data sets by name, and anybody's tables through a mapping file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pipelines.importers import fashion_returns, rent_the_runway
from pipelines.importers.report import ImportReport

__all__ = ["IMPORTERS", "ImportReport"]

IMPORTERS: dict[str, Callable[[Path, Path], ImportReport]] = {
    "rent-the-runway": rent_the_runway.import_file,
    "fashion-returns": fashion_returns.import_file,
}
"""By command-line name: a function of (file, output folder)."""
