"""Filling the state from whole tables: what a fold then goes on from, and is compared with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from features import abuse_online, return_risk_online, size_fit_online
from features.abuse_space import AbuseSpace
from features.live.catalogue import RememberedScales
from features.live.fold import ModelState
from features.live.records import record_items
from features.order_records import order_items
from features.return_risk_space import ReturnRiskSpace
from features.size_fit_space import RETURN_WINDOW_DAYS, SizeFitSpace
from features.window import Window

__all__ = ["filled_items", "model_states", "same_value", "windows_days"]

_TOLERANCE = 1e-9

Items = Callable[[Mapping[str, pd.DataFrame], Window], Iterator[tuple[str, bytes]]]


def model_states(spaces: Mapping[str, Any]) -> list[ModelState]:
    """What the models keep in the state.

    Parameters
    ----------
    spaces
        Feature space by name of the model: ``size_fit``, ``return_risk``, ``abuse``.
    """
    return [ModelState(*_OF_MODEL[name](space)) for name, space in spaces.items()]


def _size_fit(space: SizeFitSpace) -> tuple[Items, float | None]:
    remembers = replace(space, scales_=RememberedScales.of(space.scales_))
    return partial(size_fit_online.state_items, remembers), RETURN_WINDOW_DAYS


def _return_risk(space: ReturnRiskSpace) -> tuple[Items, float | None]:
    remembers = replace(space, scales_=RememberedScales.of(space.scales_))
    return partial(return_risk_online.state_items, remembers), space.window_days_


def _abuse(space: AbuseSpace) -> tuple[Items, float | None]:
    return partial(abuse_online.state_items, space), None


_OF_MODEL: Mapping[str, Callable[[Any], tuple[Items, float | None]]] = {
    "size_fit": _size_fit,
    "return_risk": _return_risk,
    "abuse": _abuse,
}


def windows_days(models: Sequence[ModelState]) -> list[float]:
    """After how many days from delivery something is known of a line without a return."""
    return sorted({each.window_days for each in models if each.window_days is not None})


def filled_items(
    models: Sequence[ModelState], tables: Mapping[str, pd.DataFrame], until: int
) -> Iterator[tuple[str, bytes]]:
    """Everything the state holds at a moment, as keys and values of the store.

    Parameters
    ----------
    models
        See :func:`model_states`.
    tables
        Contract tables.
    until
        The moment, microseconds: what happens later does not count yet.
    """
    window = Window(until=until)
    for model in models:
        yield from model.items(tables, window)
    yield from order_items(tables)
    yield from record_items(tables, windows_days(models), until)


def same_value(one: bytes, other: bytes) -> bool:
    """Whether two values of the store say the same.

    Sums of money may differ in the last places by the order in which they were added.
    """
    if one == other:
        return True
    if len(one) != len(other) or len(one) % 8:
        return False
    sums, others = (np.frombuffer(each, "<f8") for each in (one, other))
    return bool(np.allclose(sums, others, rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True))
