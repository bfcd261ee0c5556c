"""The report as a short table in the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from pipelines.monitor.page import shown
from pipelines.monitor.report import Figure, ModelReport, Report

__all__ = ["show"]

_MOST = 10
_STYLE = {"fine": "green", "crossed": "bold red", "not_judged": "dim"}


def show(console: Console, report: Report) -> None:
    """Print a row a model, what to know of each, and the limits that were crossed."""
    heads = ("model", "asked", "matured", "gap", "AUC", "advised", "moved", "")
    grid = Grid(*heads, box=None, padding=(0, 1, 0, 0))
    for column in grid.columns[1:7]:
        column.justify = "right"
    for column in grid.columns:
        column.no_wrap = True
    for model in report.models:
        whole = [each for each in model.figures if each.where.dimension == "all"]
        advised = next((e for e in model.advice if e.where.dimension == "all"), None)
        beyond = sum(each.verdict == "crossed" for each in model.features)
        grid.add_row(
            f"{model.name} {model.version}",
            f"{model.asked:,}",
            f"{model.matured:,}",
            _lines(whole, "gap"),
            _lines(whole, "auc"),
            "-" if advised is None else f"{advised.advised.value:.1%}",
            f"{beyond}/{len(model.features)}" if model.features else "-",
            Text(model.verdict.replace("_", " "), style=_STYLE[model.verdict]),
        )
    console.print(grid)
    for name in report.without_champion:
        console.print(f"{name} has no champion and is left out", markup=False)
    for model in report.models:
        _tell(console, model)


def _tell(console: Console, model: ModelReport) -> None:
    for note in model.notes:
        console.print(f"{model.name}: {note}", markup=False, soft_wrap=True)
    over = [each for each in model.checks if each.verdict == "crossed"]
    for each in over[:_MOST]:
        place = "" if each.where is None else f", {shown(each.where)}"
        target = f", {each.target}" if each.target else ""
        why = f" ({each.why})" if each.why else ""
        console.print(
            f"{model.name}: {each.limit_name}{place}{target}: {each.what}{why}",
            style="red",
            markup=False,
            soft_wrap=True,
        )
    if over[_MOST:]:
        console.print(f"{model.name}: and {len(over) - _MOST} more limits", style="red")


def _lines(figures: list[Figure], name: str) -> str:
    told = []
    for each in figures:
        if name == "auc":
            told.append("-" if each.auc is None else f"{each.auc.value:.3f}")
        else:
            target = f"{each.target} " if len(figures) > 1 else ""
            told.append(f"{target}{each.gap.value:+.3f}")
    return "\n".join(told) or "-"
