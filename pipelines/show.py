"""Figures as tables in the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from rich.console import Console
from rich.table import Table as Grid

from data_contracts.tables import FIT
from pipelines.promote import Verdict

__all__ = ["show_folds", "show_scores", "show_verdict"]

_LABELS = {
    "lines": "lines",
    "mean_auc": "mean AUC",
    **{f"auc_{c}": f"AUC {c}" for c in FIT},
    "log_loss": "log loss",
    **{f"gap_{c}": f"|predicted - observed| {c}" for c in FIT},
    "advised": "lines with a recommendation",
    "fit_when_followed": "fitted, recommended size ordered",
    "fit_when_not": "fitted, another size ordered",
    "covered": "size set holds the size that fitted",
}


def show_folds(
    console: Console, folds: Sequence[Mapping[str, float]], mean: Mapping[str, float]
) -> None:
    """Print the metrics of each rolling fold and of all."""
    columns = {f"fold {i}": fold for i, fold in enumerate(folds, start=1)} | {"all": mean}
    _print(console, columns)


def show_scores(
    console: Console, predicted: pd.DataFrame, scores: Mapping[str, Mapping[str, float]]
) -> None:
    """Print what a back-test predicted, and how good it was where that is known."""
    counts = predicted["status"].value_counts()
    told = ", ".join(f"{status} {count:,}" for status, count in counts.items())
    console.print(f"{len(predicted):,} lines predicted: {told}", markup=False)
    if scores:
        names = {"known": "all known outcomes", "told": "told outcomes"}
        _print(console, {names[name]: figures for name, figures in scores.items()})
    else:
        console.print("no outcome of these lines is known: nothing to judge", markup=False)


def show_verdict(console: Console, verdict: Verdict) -> None:
    """Print everything the gate compared, and what follows."""
    grid = Grid("gate", "challenger", "limit", "")
    for each in verdict.gates:
        mark = "[green]passed[/green]" if each.passed else "[red]refused[/red]"
        grid.add_row(each.what, f"{each.challenger:.4f}", f"{each.limit:.4f}", mark)
    console.print(grid)
    name, number = verdict.challenger.name, verdict.challenger.number
    if verdict.passed:
        console.print(f"{name} version {number} is the champion", markup=False)
    else:
        stays = (
            f"version {verdict.champion.number} stays the champion"
            if verdict.champion
            else "there is still no champion"
        )
        console.print(f"{name} version {number} is refused; {stays}", markup=False)


def _print(console: Console, columns: Mapping[str, Mapping[str, float]]) -> None:
    grid = Grid("", *columns)
    for column in grid.columns[1:]:
        column.justify = "right"
    for key, label in _LABELS.items():
        if any(key in figures for figures in columns.values()):
            grid.add_row(label, *(_number(figures.get(key), key) for figures in columns.values()))
    console.print(grid)


def _number(value: float | None, key: str) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if key == "lines" else f"{value:.4f}"
