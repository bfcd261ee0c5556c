"""Fill the online state from contract tables, for every model that serves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from features.order_records import order_items
from features.stores import open_state
from pipelines.jobs import job_of
from pipelines.jobs.base import Space, Tables

__all__ = ["materialize"]


def materialize(
    tables: Tables, spaces: Mapping[str, tuple[Space, str]], state_url: str | Path
) -> int:
    """Put what models need to know of every key into the state; give the number of keys.

    The whole content is replaced in one step: a service that reads meanwhile sees the old
    content or the new. The order lines themselves are always there, for the returns desk.

    Parameters
    ----------
    tables
        Contract tables.
    spaces
        Feature space and version of the model, by its registered name. The service compares the
        fingerprint of the space with its model's; the version is for people to read.
    state_url
        The online state, as :func:`features.stores.open_state` takes it.
    """
    meta = {"filled_at": datetime.now(UTC).isoformat(timespec="seconds")}
    for name, (space, version) in spaces.items():
        meta |= {f"space.{name}": space.fingerprint, f"version.{name}": version}
    with open_state(state_url) as state:
        return state.replace(_items(tables, spaces), meta)


def _items(tables: Tables, spaces: Mapping[str, tuple[Space, str]]) -> Iterator[tuple[str, bytes]]:
    for name, (space, _) in spaces.items():
        yield from job_of(name).state_items(space, tables)
    yield from order_items(tables)
