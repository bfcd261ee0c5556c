"""Fill the online state for the models that serve."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from features.event_log import EventLog
from features.settings import Settings
from features.stores import event_log_exists, open_event_log
from pipelines.jobs import MODELS, job_of
from pipelines.jobs.base import Space, Tables
from pipelines.materialize import materialize
from pipelines.tracking import Registry, RegistryError

__all__ = ["Filled", "champion_spaces", "materialize_champions", "recorded"]

_HOUR_US = 3_600_000_000


@dataclass(frozen=True)
class Filled:
    """What the state was filled with.

    Parameters
    ----------
    keys
        Keys in the state.
    versions
        Version of the champion, by model.
    without
        Models that have no champion: the state holds nothing for them.
    """

    keys: int
    versions: dict[str, str]
    without: tuple[str, ...]


@contextmanager
def recorded(settings: Settings) -> Iterator[EventLog | None]:
    """The log of live events; None where none was ever begun."""
    if not event_log_exists(settings.events_url):
        yield None
        return
    log = open_event_log(settings.events_url)
    try:
        yield log
    finally:
        log.close()


def champion_spaces(registry: Registry) -> dict[str, tuple[Space, str]]:
    """Feature space and version of every model that has a champion, by name.

    Raises
    ------
    RegistryError
        There is no champion of any model.
    """
    spaces: dict[str, tuple[Space, str]] = {}
    for name in MODELS:
        champion = registry.champion(name)
        if champion is None:
            continue
        with tempfile.TemporaryDirectory() as temporary:
            folder = registry.download(name, champion.number, Path(temporary))
            spaces[name] = (job_of(name).load_space(folder), str(champion.number))
    if not spaces:
        commands = "; ".join(
            f"muslin train {c} --data DIR && muslin promote {c}"
            for c in (job_of(name).command for name in MODELS)
        )
        raise RegistryError(f"no model has a champion at {registry.uri}; run: {commands}")
    return spaces


def materialize_champions(tables: Tables, registry: Registry, settings: Settings) -> Filled:
    """Put what the champions need to know of every key into the state.

    Parameters
    ----------
    tables
        Validated contract tables.
    registry
        Where the champions are.
    settings
        Where the state is.

    Raises
    ------
    RegistryError
        There is no champion of any model.
    """
    spaces = champion_spaces(registry)
    with recorded(settings) as log:
        horizon_us = int(settings.horizon_hours * _HOUR_US)
        keys = materialize(tables, spaces, settings.state_url, log, horizon_us)
    versions = {name: version for name, (_, version) in spaces.items()}
    return Filled(keys, versions, tuple(name for name in MODELS if name not in spaces))
