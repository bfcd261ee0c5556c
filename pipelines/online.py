"""Fill the online state for the models that serve."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from data_contracts.errors import BadInputError
from features.event_log import EventLog
from features.places import filling, place_to_fill, places
from features.settings import Settings
from features.stores import event_log_exists, open_event_log
from pipelines.jobs import MODELS, job_of
from pipelines.jobs.base import Space, Tables
from pipelines.materialize import materialize
from pipelines.tracking import Registry, RegistryError, Version

__all__ = [
    "Filled",
    "challenger_spaces",
    "champion_spaces",
    "fingerprints",
    "materialize_challengers",
    "materialize_champions",
    "recorded",
]

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
    place
        Which place of the state it is; see :mod:`features.places`.
    """

    keys: int
    versions: dict[str, str]
    without: tuple[str, ...]
    place: str = field(default="", compare=False)


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
    spaces = _spaces(registry, registry.champion)
    if not spaces:
        commands = "; ".join(
            f"muslin train {c} --data DIR && muslin promote {c}"
            for c in (job_of(name).command for name in MODELS)
        )
        raise RegistryError(f"no model has a champion at {registry.uri}; run: {commands}")
    return spaces


def challenger_spaces(registry: Registry) -> dict[str, tuple[Space, str]]:
    """Feature space and version of every model that has a challenger, by name.

    Raises
    ------
    RegistryError
        There is no challenger of any model.
    """
    spaces = _spaces(registry, registry.challenger)
    if not spaces:
        commands = "; ".join(f"muslin promote {job_of(name).command} --shadow" for name in MODELS)
        raise RegistryError(f"no model has a challenger at {registry.uri}; run: {commands}")
    return spaces


def _spaces(
    registry: Registry, chosen: Callable[[str], Version | None]
) -> dict[str, tuple[Space, str]]:
    spaces: dict[str, tuple[Space, str]] = {}
    for name in MODELS:
        version = chosen(name)
        if version is None:
            continue
        with tempfile.TemporaryDirectory() as temporary:
            folder = registry.download(name, version.number, Path(temporary))
            spaces[name] = (job_of(name).load_space(folder), str(version.number))
    return spaces


def materialize_challengers(tables: Tables, registry: Registry, settings: Settings) -> Filled:
    """Put what the challengers need to know of every key into a state of their own.

    Parameters
    ----------
    tables
        Validated contract tables.
    registry
        Where the challengers are.
    settings
        ``challenger_state_url`` is where their state is.

    Raises
    ------
    BadInputError
        The setting is missing.
    RegistryError
        There is no challenger of any model.
    """
    place = settings.challenger_state_url
    if place is None:
        raise BadInputError(
            "a challenger with a feature space of its own needs a state of its own; set"
            " MUSLIN_CHALLENGER_STATE_URL for this command and for the service"
        )
    return _fill(tables, challenger_spaces(registry), settings, place)


def materialize_champions(tables: Tables, registry: Registry, settings: Settings) -> Filled:
    """Put what the champions need to know of every key into the state.

    Where a service reads the state that is there, and it is for others, it goes to the second
    place, and the service follows; see :mod:`features.places`.

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
    StateError
        Services read both places for other models.
    """
    spaces = champion_spaces(registry)
    return _fill(tables, spaces, settings, place_to_fill(settings, fingerprints(spaces)))


def fingerprints(spaces: Mapping[str, tuple[Space, str]]) -> dict[str, str]:
    """Of each feature space, by model."""
    return {name: space.fingerprint for name, (space, _) in spaces.items()}


def _fill(
    tables: Tables, spaces: Mapping[str, tuple[Space, str]], settings: Settings, place: str
) -> Filled:
    horizon_us = int(settings.horizon_hours * _HOUR_US)
    alone = filling(place, fingerprints(spaces)) if place in places(settings.state_url) else None
    with recorded(settings) as log, alone or nullcontext():
        keys = materialize(tables, spaces, place, log, horizon_us)
    versions = {name: version for name, (_, version) in spaces.items()}
    return Filled(keys, versions, tuple(name for name in MODELS if name not in spaces), place)
