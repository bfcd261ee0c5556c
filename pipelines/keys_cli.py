"""`muslin keys`: who may ask the service.

The text of a new key goes to standard output alone, so that ``KEY=$(muslin keys add shop --scope
storefront)`` holds it; what is said about it goes to standard error.
"""

from __future__ import annotations

import datetime as dt
import os
import time
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from features.access_keys import SCOPES

if TYPE_CHECKING:
    from features.access_keys import Key
    from features.access_store import KeyStore

__all__ = ["add_command", "list_command", "revoke_command", "rotate_command"]

_DAY_S = 86_400.0
_HOUR_S = 3_600.0
_LONGEST_YEARS = 100

KeyId = Annotated[str, typer.Argument(metavar="ID", help="Of the key, as muslin keys list has it.")]


def add_command(
    name: Annotated[str, typer.Argument(help="What the key is for, such as webshop.")],
    scope: Annotated[
        list[str],
        typer.Option(
            metavar="|".join(SCOPES), help="What it may ask; may be given more than once."
        ),
    ],
    expires_days: Annotated[
        int | None,
        typer.Option(min=1, max=365 * _LONGEST_YEARS, help="Days it is taken; for good if not."),
    ] = None,
    rate: Annotated[
        float | None, typer.Option(help="Most questions a second; MUSLIN_KEY_RATE if left out.")
    ] = None,
    burst: Annotated[
        float | None, typer.Option(help="Most questions at once; those of a second if left out.")
    ] = None,
) -> None:
    """Make a key and show it, once: what is kept cannot be turned back into it."""
    _check_limits(rate, burst)
    now = time.time()
    expires = None if expires_days is None else now + expires_days * _DAY_S
    with _store() as store:
        key, text = store.add(name, scope, now=now, expires=expires, rate=rate, burst=burst)
        _tell(f"key {key.id} for {_may(key)} is in {store.path}; its text is shown only now:")
    _out().print(text, markup=False, soft_wrap=True)


def list_command() -> None:
    """List the keys: what they may ask, until when, and whether they have ended."""
    now = time.time()
    with _store(readonly=True) as store:
        keys = store.all()
    # An id is typed in again: it is shown whole, however narrow the terminal.
    whole = Column("id", no_wrap=True, min_width=max((len(key.id) for key in keys), default=0))
    grid = Table(whole, "name", "scopes", "created", "expires", "a second", "at once", "state")
    for key in keys:
        grid.add_row(
            key.id,
            Text(key.name),  # as it is: brackets are not markup
            " ".join(key.scopes),
            _day(key.created),
            "" if key.expires is None else _day(key.expires),
            "" if key.rate is None else f"{key.rate:g}",
            "" if key.burst is None else f"{key.burst:g}",
            _state(key, now),
        )
    _out().print(grid)


def revoke_command(key_id: KeyId) -> None:
    """End a key; running services refuse it within a second."""
    with _store() as store:
        key = store.revoke(key_id, now=time.time())
    _out().print(f"key {key.id} ({key.name}) is revoked", markup=False, soft_wrap=True)


def rotate_command(
    key_id: KeyId,
    grace_hours: Annotated[
        float,
        typer.Option(min=0, max=24 * 365, help="Hours the old key is taken beside the new one."),
    ] = 24.0,
) -> None:
    """Make a key of the same rights and show it; the old one ends after a while."""
    with _store() as store:
        old, new, text = store.rotate(key_id, now=time.time(), grace_s=grace_hours * _HOUR_S)
    _tell(
        f"key {old.id} ends at {_day(old.expires)}; key {new.id} for {_may(new)} takes over, its"
        " text is shown only now:"
    )
    _out().print(text, markup=False, soft_wrap=True)


def _store(*, readonly: bool = False) -> KeyStore:
    from features.access_store import KeyStore
    from features.settings import Settings

    return KeyStore(Settings.load().keys_url, readonly=readonly)


def _check_limits(rate: float | None, burst: float | None) -> None:
    from data_contracts.errors import BadInputError

    if rate is not None and not 0 < rate <= 1e6:
        raise BadInputError(f"--rate {rate:g} is not a rate; give questions a second, such as 20")
    if burst is not None and rate is None:
        raise BadInputError("--burst needs --rate: how many questions a second come back")
    if burst is not None and not 1 <= burst <= 1e6:
        raise BadInputError(f"--burst {burst:g} cannot be; give at least 1 question")


def _may(key: Key) -> str:
    return " and ".join(SCOPES[scope] for scope in key.scopes)


def _state(key: Key, now: float) -> str:
    state = key.state(now)
    if state == "revoked" and key.revoked is not None:
        return f"revoked {_day(key.revoked)}"
    if key.replaced_by is not None:
        return f"{state} by {key.replaced_by}" if state == "replaced" else state
    return state


def _day(moment: float | None) -> str:
    if moment is None:
        return ""
    return f"{dt.datetime.fromtimestamp(moment, dt.UTC):%Y-%m-%d %H:%M}Z"


def _tell(text: str) -> None:
    Console(stderr=True, highlight=False).print(text, markup=False, soft_wrap=True)


def _out() -> Console:
    console = Console(highlight=False)
    if not (console.is_terminal or "COLUMNS" in os.environ):
        console = Console(highlight=False, width=200)
    return console
