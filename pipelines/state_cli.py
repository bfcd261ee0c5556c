"""`muslin state`: does the service know what the tables say?"""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from pipelines.audit_cli import audit_told

__all__ = ["DIFFERS", "check_command"]

DIFFERS = 3
"""Exit code of `muslin state check` when a key differs."""


def check_command(
    data: Annotated[
        str, typer.Option(metavar="DIR|URL", help="Folder of tables, or database URL.")
    ],
    sample: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Keys to compare; all if left out.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the draw.")] = 0,
) -> None:
    """Compare the live state with a rebuild from the tables; exit code 3 if a key differs."""
    from features.places import place_of
    from features.settings import Settings
    from features.stores import open_state, shown
    from pipelines.check_state import check_state
    from pipelines.load import load_tables, shown_source
    from pipelines.online import champion_spaces, fingerprints, recorded
    from pipelines.progress import Steps
    from pipelines.tracking import Registry

    console = Console(highlight=False)
    settings = Settings.load()
    with Steps(console, 3) as step, audit_told():
        step(f"reading and validating {shown_source(data)}")
        tables = load_tables(data)
        step("opening the registry")
        spaces = champion_spaces(Registry(settings))
        step("comparing the online state")
        place = place_of(settings, fingerprints(spaces)) or settings.state_url
        with recorded(settings) as log, open_state(place, readonly=True) as state:
            checked = check_state(state, tables, spaces, log, sample=sample, seed=seed)
    for each in checked.differences:
        console.print(f"{each.what}: {' | '.join(each.key)}", markup=False, soft_wrap=True)
    console.print(
        f"{checked.compared:,} of {checked.keys:,} keys compared with"
        f" {shown(place)}: {len(checked.differences):,} differ",
        markup=False,
        soft_wrap=True,
    )
    if checked.late:
        console.print(
            f"{checked.late:,} events came from before the horizon: the tables have them, and"
            " muslin materialize puts them into the state",
            markup=False,
            soft_wrap=True,
        )
    if checked.differences:
        raise typer.Exit(DIFFERS)
