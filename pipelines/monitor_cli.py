"""The command `muslin monitor`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from pipelines.jobs import MODELS

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CROSSED", "monitor_command"]

CROSSED = 3
"""Exit code when a limit is crossed."""
_COMMANDS = tuple(name.replace("_", "-") for name in MODELS)


def monitor_command(
    data: Annotated[
        str, typer.Option(metavar="DIR|URL", help="Folder of tables, or database URL, up to now.")
    ],
    out: Annotated[
        Path,
        typer.Option(
            metavar="DIR|FILE", help="Folder for monitor.html and monitor.json, or a file."
        ),
    ] = Path("var/monitor"),
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"],
            help="First day to look at (UTC); the end of each model's training if left out.",
        ),
    ] = None,
    limits: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Limits (YAML); see docs/monitoring.md.")
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="|".join(_COMMANDS), help="Watch this model; again for another."),
    ] = None,
) -> None:
    """Watch the champions: drift, calibration, advice; exit code 3 if a limit is crossed."""
    from data_contracts.errors import BadInputError
    from features.settings import Settings
    from pipelines.load import load_tables, shown_source
    from pipelines.monitor.limits import read_limits
    from pipelines.monitor.run import monitor
    from pipelines.monitor.show import show
    from pipelines.monitor.write import places, write
    from pipelines.progress import Steps
    from pipelines.tracking import Registry

    for each in model or ():
        if each.replace("-", "_") not in MODELS:
            raise BadInputError(f"there is no model {each!r}; there is {', '.join(_COMMANDS)}")
    names = [each.replace("-", "_") for each in model or _COMMANDS]
    # Told before the data is read, which takes minutes.
    chosen, targets = read_limits(limits), places(out)
    console = Console(highlight=False)
    settings = Settings.load()
    with Steps(console, 3 + len(names)) as step:
        step(f"reading and validating {shown_source(data)}")
        tables = load_tables(data)
        step("opening the registry")
        registry = Registry(settings)
        report = monitor(
            tables,
            registry,
            settings,
            source=shown_source(data),
            names=[name for name in MODELS if name in names],
            since=None if since is None else _utc(since),
            limits=chosen,
            step=step,
        )
        step("writing the page")
        write(report, targets)
    show(console, report)
    console.print(f"{targets.page} and {targets.data}", markup=False, soft_wrap=True)
    if report.crossed:
        raise typer.Exit(CROSSED)


def _utc(moment: datetime) -> pd.Timestamp:
    import pandas as pd

    return pd.Timestamp(moment, tz="UTC")
