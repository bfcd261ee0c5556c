"""Progress of a job in the terminal: which step it is at, how many there are, how long it took."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.progress import TimeElapsedColumn as Elapsed

__all__ = ["Steps"]


class Steps:
    """A progress bar over named steps. Call it with the name of each step as it begins.

    Parameters
    ----------
    console
        Where to draw; a console that is no terminal gets one line for each finished step.
    total
        Number of steps.
    """

    def __init__(self, console: Console, total: int) -> None:
        self._console = console
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            Elapsed(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("", total=total)
        self._step: tuple[str, float] | None = None

    def __call__(self, step: str) -> None:
        """Finish the step before and begin this one."""
        self._finish()
        self._step = (step, time.perf_counter())
        self._progress.update(self._task, description=step)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self._finish()
        self._progress.stop()

    def _finish(self) -> None:
        if self._step is None:
            return
        step, began = self._step
        self._console.print(
            f"  {step} [dim]{time.perf_counter() - began:.1f} s[/dim]", highlight=False
        )
        self._progress.advance(self._task)
        self._step = None
