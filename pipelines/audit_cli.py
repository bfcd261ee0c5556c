"""`muslin audit`: look after the record of return reviews."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console

__all__ = ["FAULTS", "audit_told", "expire_command", "verify_command"]

FAULTS = 4
"""Exit code of a verification that found a row which is not as it was written."""
_SHOWN = 20


def verify_command(
    head: Annotated[
        str | None,
        typer.Option(metavar="HASH", help="The head of an earlier verification, kept elsewhere."),
    ] = None,
) -> None:
    """Look for reviews that were changed or removed behind our back; exit code 4 if there are."""
    from features.audit import SqliteAudit
    from features.settings import Settings

    console = Console(highlight=False)
    path = Settings.load().audit_url
    with audit_told(), SqliteAudit(path, readonly=True) as audit:
        found = audit.verify(head)
    for fault in found.faults[:_SHOWN]:
        console.print(f"fault: {fault}", markup=False, soft_wrap=True)
    if found.faults[_SHOWN:]:
        console.print(f"and {len(found.faults) - _SHOWN:,} more")
    console.print(
        f"{path}: {found.rows:,} rows, {found.removed:,} forgotten or expired,"
        f" {len(found.faults):,} faults",
        markup=False,
        soft_wrap=True,
    )
    if not found.ok:
        raise typer.Exit(FAULTS)
    if found.head:
        console.print(
            f"head {found.head}: keep it elsewhere and give it as --head next time, so that a"
            " record cut off or written anew is found too",
            soft_wrap=True,
        )


def expire_command(
    days: Annotated[
        int | None,
        typer.Option(min=1, help="Days a review is kept; MUSLIN_AUDIT_RETENTION_DAYS if left out."),
    ] = None,
) -> None:
    """Remove reviews older than the retention, with outcomes; the service does when it starts."""
    from features.audit import SqliteAudit, expire_old
    from features.settings import Settings

    settings = Settings.load()
    kept = settings.audit_retention_days if days is None else days
    with audit_told():
        SqliteAudit(settings.audit_url, readonly=True).close()  # one that is missing is not made
        with SqliteAudit(settings.audit_url) as audit:
            removed = expire_old(audit, kept, time.time())
    Console(highlight=False).print(
        f"{settings.audit_url}: {removed.reviews:,} reviews and {removed.outcomes:,} outcomes"
        f" older than {kept:,} days removed",
        markup=False,
        soft_wrap=True,
    )


@contextmanager
def audit_told() -> Iterator[None]:
    """Let the command line tell an error of record or log as it tells bad input."""
    from data_contracts.errors import BadInputError
    from features.audit import AuditError
    from features.event_log import EventLogError

    try:
        yield
    except (AuditError, EventLogError) as error:
        told = BadInputError(str(error))
        for note in getattr(error, "__notes__", ()):
            told.add_note(note)
        raise told from error
