"""Fill the online state for the model that serves."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from features.settings import Settings
from features.size_fit_space import SizeFitSpace
from pipelines.materialize import materialize
from pipelines.tracking import Registry, RegistryError
from pipelines.train import SIZE_FIT

__all__ = ["materialize_champion"]


def materialize_champion(
    tables: Mapping[str, pd.DataFrame], registry: Registry, settings: Settings
) -> int:
    """Put what the champion needs to know of every key into the state; give the number of keys.

    Parameters
    ----------
    tables
        Validated contract tables.
    registry
        Where the champion is.
    settings
        Where the state is.

    Raises
    ------
    RegistryError
        There is no champion.
    """
    champion = registry.champion(SIZE_FIT)
    if champion is None:
        raise RegistryError(
            f"{SIZE_FIT} has no champion at {registry.uri};"
            " run: muslin train size-fit --data DIR && muslin promote size-fit"
        )
    with tempfile.TemporaryDirectory() as temporary:
        folder = registry.download(SIZE_FIT, champion.number, Path(temporary))
        space = SizeFitSpace.load(folder)
    return materialize(tables, space, settings.state_url, str(champion.number))
