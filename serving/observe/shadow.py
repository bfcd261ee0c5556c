"""The counts of challengers that answer beside the champions, as their process writes them down."""

from __future__ import annotations

import contextlib
from typing import Final

import orjson

from features.settings import Settings
from serving.observe.counts import Taken

__all__ = ["shadow_counts"]

_FILE: Final = "shadow.json"
_RESULTS: Final = ("same", "differ", "failed", "unready", "dropped")


def shadow_counts(settings: Settings) -> Taken:
    """Read what the shadow has counted of each model; nothing where there is none.

    Parameters
    ----------
    settings
        Where the copies of the models are.
    """
    counted = []
    for path in sorted(settings.champion_dir.glob(f"*/{_FILE}")):
        with contextlib.suppress(OSError, orjson.JSONDecodeError, KeyError):
            told = orjson.loads(path.read_bytes())
            versions = [path.parent.name, str(told["champion"]), str(told["challenger"])]
            counted += [[[*versions, result], told[result]] for result in _RESULTS]
    return {"counters": {"muslin_shadow_answers": counted}, "timed": {}, "alive": False}
