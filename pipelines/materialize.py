"""Fill the online state from contract tables."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from features.size_fit_online import state_items
from features.size_fit_space import SizeFitSpace
from features.state import SqliteState

__all__ = ["materialize"]


def materialize(
    tables: Mapping[str, pd.DataFrame],
    space: SizeFitSpace,
    state_path: str | Path,
    model_version: str,
) -> int:
    """Put what the model needs to know of every key into the state; give the number of keys.

    The whole content is replaced in one transaction: a service that reads meanwhile sees the old
    content or the new.

    Parameters
    ----------
    tables
        Contract tables.
    space
        Feature space of the champion.
    state_path
        The SQLite file.
    model_version
        Version the content is made for, for people to read; the service compares the fingerprint
        of the feature space with its model's.
    """
    meta = {
        "model": "size_fit",
        "version": model_version,
        "space": space.fingerprint,
        "filled_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    with SqliteState(state_path) as state:
        return state.replace(state_items(space, tables), meta)
