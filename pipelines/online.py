"""Fill the online state for the models that serve."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from features.settings import Settings
from pipelines.jobs import MODELS, job_of
from pipelines.jobs.base import Space, Tables
from pipelines.materialize import materialize
from pipelines.tracking import Registry, RegistryError

__all__ = ["Filled", "materialize_champions"]


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
    keys = materialize(tables, spaces, settings.state_url)
    versions = {name: version for name, (_, version) in spaces.items()}
    return Filled(keys, versions, tuple(name for name in MODELS if name not in spaces))
