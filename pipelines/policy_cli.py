"""The commands `muslin policy check` and `muslin policy explain`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

__all__ = ["policy_app"]

BAD_INPUT = 2

policy_app = typer.Typer(
    help="Return policies: check your own files, see which rule decides.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _out() -> Console:
    """A terminal has its width; a file or another program gets rows that do not fold names."""
    console = Console(highlight=False)
    if console.is_terminal or "COLUMNS" in os.environ:
        return console
    return Console(highlight=False, width=200)


@contextmanager
def _explained() -> Iterator[Console]:
    """Turn bad input into sentences on standard error and exit code 2."""
    from data_contracts.errors import BadInputError
    from features.settings import SettingsError

    try:
        yield _out()
    except (BadInputError, SettingsError, OSError) as error:
        said = Console(stderr=True, highlight=False)
        for line in str(error).splitlines():
            said.print("error:", style="bold red", end=" ")
            said.print(line, markup=False, soft_wrap=True)
        raise typer.Exit(BAD_INPUT) from None


@policy_app.command()
def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Policy files, in order.")],
) -> None:
    """Check policy files and say what they change in the starting policies."""
    from pipelines.policy import check as run

    with _explained() as console:
        run(console, files)


@policy_app.command()
def explain(
    market: Annotated[str | None, typer.Option(help="ISO 3166 alpha-2 code, such as DE.")] = None,
    category: Annotated[str | None, typer.Option(help="Kind of goods, in your words.")] = None,
    currency: Annotated[
        str | None, typer.Option(help="ISO 4217 code; the market's own if left out.")
    ] = None,
    audience: Annotated[str | None, typer.Option(help="Such as baby.")] = None,
    reason: Annotated[str | None, typer.Option(help="Such as too_small.")] = None,
    condition: Annotated[str | None, typer.Option(help="As inspected, such as worn.")] = None,
    value: Annotated[float | None, typer.Option(min=0, help="Paid for the goods claimed.")] = None,
    days: Annotated[float, typer.Option(min=0, help="Days since delivery.")] = 0.0,
    abuse_band: Annotated[str | None, typer.Option(help="low, medium, high or severe.")] = None,
    hygiene_sealed: Annotated[bool, typer.Option("--hygiene-sealed", help="Sealed.")] = False,
    opened: Annotated[bool, typer.Option("--opened", help="The seal is broken.")] = False,
    custom_made: Annotated[bool, typer.Option("--custom-made", help="Made to order.")] = False,
    policy: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Read this too, after the folder MUSLIN_POLICY_DIR."),
    ] = None,
) -> None:
    """Show the terms of a situation, the rule that decides each, and why."""
    from data_contracts.policies import Situation
    from features.settings import Settings
    from pipelines.policy import explain as run
    from pipelines.policy import load_policies

    situation = Situation(
        market=market,
        category=category,
        currency=currency,
        audience=audience,
        reason=reason,
        condition=condition,
        value=value,
        days_since_delivery=days,
        abuse_band=abuse_band,
        hygiene_sealed=hygiene_sealed,
        opened=opened,
        custom_made=custom_made,
    )
    with _explained() as console:
        run(console, load_policies(Settings.load(), policy or ()), situation)
