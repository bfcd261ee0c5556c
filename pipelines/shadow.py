"""Read what the service counted of challengers, and print it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table as Grid

from data_contracts.errors import BadInputError
from features.settings import Settings

__all__ = ["reports", "show_report"]

_COUNTS: Final = "shadow.json"


def reports(settings: Settings, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The counts by model, of those that have any.

    Raises
    ------
    BadInputError
        There are none of any model.
    """
    found = {}
    for name in names:
        path = Path(settings.champion_dir) / name / _COUNTS
        try:
            found[name] = json.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            continue
        except ValueError as error:
            raise BadInputError(f"{path} cannot be read: {error}") from None
    if not found:
        raise BadInputError(
            f"no challenger has been compared in {settings.champion_dir}; run: muslin promote"
            " size-fit --shadow, and let the service answer some requests"
        )
    return found


def show_report(console: Console, found: Mapping[str, Mapping[str, Any]]) -> None:
    """Print how far champions and challengers agree."""
    for name, told in found.items():
        compared = told["same"] + told["differ"]
        console.print(
            f"{name}: champion version {told['champion']}, challenger version"
            f" {told['challenger']}, since {told['since']}",
            markup=False,
        )
        agreed = f"{told['same'] / compared:.1%}" if compared else "none compared"
        console.print(
            f"  {compared:,} questions compared, alike {agreed}; {told['failed']:,} failed,"
            f" {told['unready']:,} before the challenger was ready, {told['dropped']:,} dropped",
            markup=False,
        )
        if told["refused"]:
            refused = told["refused"]
            console.print(
                f"  version {refused['version']} is refused: {refused['reason']}", markup=False
            )
        if compared:
            grid = Grid("largest difference of a probability", "questions", "share")
            ends = [*(f"below {end:g}" for end in told["dp_below"]), "more"]
            for end, count in zip(ends, told["dp"], strict=True):
                grid.add_row(end, f"{count:,}", f"{count / compared:.1%}")
            console.print(grid)
