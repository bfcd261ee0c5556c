"""Where a report goes: the page and the machine-readable file beside it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from data_contracts.errors import BadInputError
from pipelines.monitor.page import page
from pipelines.monitor.report import Report

__all__ = ["Places", "places", "write"]

_NAME = "monitor"


@dataclass(frozen=True)
class Places:
    """The two files."""

    page: Path
    data: Path


def places(out: Path) -> Places:
    """Give the two files of a folder, or of a file that ends in .html or .json.

    Raises
    ------
    BadInputError
        It is a file of another kind.
    """
    if out.suffix.lower() in (".html", ".json") and not out.is_dir():
        return Places(out.with_suffix(".html"), out.with_suffix(".json"))
    if out.is_file():
        raise BadInputError(f"{out} is a file; give --out a folder, or a name such as watch.html")
    return Places(out / f"{_NAME}.html", out / f"{_NAME}.json")


def write(report: Report, targets: Places) -> None:
    """Write both; who reads meanwhile finds the old one or the new one, whole."""
    targets.page.parent.mkdir(parents=True, exist_ok=True)
    _replace(targets.page, page(report))
    _replace(targets.data, report.model_dump_json(indent=1) + "\n")


def _replace(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)
