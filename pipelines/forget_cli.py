"""`muslin forget`: remove what is kept of a customer, and say what that was."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from pipelines.audit_cli import audit_told

__all__ = ["forget_command"]


def forget_command(
    customer: Annotated[
        str, typer.Option(metavar="ID", help="The customer's id, as the shop's tables have it.")
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,
) -> None:
    """Remove a customer from online state, log of events and record of reviews; say what went."""
    from features.settings import Settings
    from features.stores import shown
    from pipelines.forget import forget
    from pipelines.progress import Steps

    console = Console(highlight=False)
    settings = Settings.load()
    if not yes:
        typer.confirm(
            f"Remove customer {customer!r} from {shown(settings.state_url)},"
            f" {shown(settings.events_url)} and {settings.audit_url}? This cannot be undone.",
            abort=True,
        )
    with Steps(console, 1) as step, audit_told():
        step("forgetting the customer")
        report = forget(customer, settings)
    for line in report.lines():
        console.print(line, markup=False, soft_wrap=True)
