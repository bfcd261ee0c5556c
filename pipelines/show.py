"""Figures as tables in the terminal."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from rich.console import Console
from rich.table import Table as Grid

from pipelines.jobs.base import Job, Scores
from pipelines.promote import Verdict
from pipelines.train import Trained

__all__ = ["show_scores", "show_trained", "show_verdict"]


def show_trained(console: Console, job: Job, trained: Trained) -> None:
    """Print the metrics of each rolling fold and of all, and what was learned of the shop."""
    if trained.unjudged is not None:
        console.print(f"it is not judged: {trained.unjudged}", markup=False, soft_wrap=True)
    else:
        folds = {f"fold {i}": fold for i, fold in enumerate(trained.folds, start=1)}
        _print(console, job.labels, folds | {"all": trained.metrics})
    for note in trained.notes:
        console.print(note, markup=False, soft_wrap=True)


def show_scores(console: Console, job: Job, predicted: pd.DataFrame, scores: Scores) -> None:
    """Print what a back-test predicted, and how good it was where that is known."""
    console.print(job.told(predicted), markup=False)
    if scores:
        _print(console, job.labels, scores)
    else:
        console.print("no outcome of these lines is known: nothing to judge", markup=False)


def show_verdict(console: Console, verdict: Verdict) -> None:
    """Print everything the gate compared, and what follows."""
    if not verdict.gates:
        console.print("there was nothing to judge it by: it is let through unjudged", markup=False)
    grid = Grid("gate", "challenger", "limit", "")
    for each in verdict.gates:
        mark = "[green]passed[/green]" if each.passed else "[red]refused[/red]"
        grid.add_row(each.what, f"{each.challenger:.4f}", f"{each.limit:.4f}", mark)
    if verdict.gates:
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


def _print(
    console: Console, labels: Mapping[str, str], columns: Mapping[str, Mapping[str, float]]
) -> None:
    grid = Grid("", *columns)
    for column in grid.columns[1:]:
        column.justify = "right"
    for key, label in labels.items():
        if any(key in figures for figures in columns.values()):
            grid.add_row(label, *(_number(figures.get(key), key) for figures in columns.values()))
    console.print(grid)


def _number(value: float | None, key: str) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if key in ("lines", "claims") else f"{value:.4f}"
