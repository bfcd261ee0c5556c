"""Compare the live state with a filling from the tables, key by key."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from features.event_log import EventLog
from features.live.filling import filled_items, same_value
from features.live.tables import tables_of
from features.live.windows import UNDO, position
from features.state import KEY_SEPARATOR, StateError, StateStore
from pipelines.jobs import job_of
from pipelines.jobs.base import Space, Tables
from pipelines.materialize import logged

__all__ = ["Checked", "Difference", "check_state"]

_PAGE = 1_000
_EXPIRE = ("abuse", "claim")  # kept for half a year, and removed by the next filling


@dataclass(frozen=True, slots=True)
class Difference:
    """A key whose value in the live state is not what the tables say."""

    key: tuple[str, ...]
    what: Literal["missing", "differs", "unexpected"]


@dataclass(frozen=True)
class Checked:
    """What was compared.

    Attributes
    ----------
    keys
        Keys a filling from the tables has.
    compared
        Of them, those that were compared.
    differences
        Every key that differs, in order.
    late
        Events that came from before the horizon: they are in the tables and not in the state.
    """

    keys: int
    compared: int
    differences: tuple[Difference, ...]
    late: int


def check_state(
    state: StateStore,
    tables: Tables,
    spaces: Mapping[str, tuple[Space, str]],
    log: EventLog | None = None,
    *,
    sample: int | None = None,
    seed: int = 0,
) -> Checked:
    """Compare the state with what the tables and the events folded so far say.

    Parameters
    ----------
    state
        The live state.
    tables
        Contract tables it was filled from.
    spaces
        Feature space and version of the models it was filled for.
    log
        Live events, where there are some.
    sample
        How many keys to compare, drawn by `seed`; all if None.
    seed
        Of the draw.

    Raises
    ------
    StateError
        The state was never filled, or for other models.
    """
    meta = state.meta()
    stands = position(meta)
    if stands is None:
        raise StateError(f"{state.where} was filled by an older release; run muslin materialize")
    for name, (space, version) in spaces.items():
        if meta.get(f"space.{name}") != space.fingerprint:
            raise StateError(
                f"{state.where} was filled for {name} version {meta.get(f'version.{name}')} and"
                f" the champion is version {version}; run muslin materialize"
            )
    if log is not None:
        folded = (event for _, event in logged(log, stands.seq) if event.at <= stands.until)
        tables = tables_of(folded, tables)
    models = [job_of(name).kept(space) for name, (space, _) in spaces.items()]
    expected = dict(filled_items(models, tables, stands.until))
    drawn = sorted(expected)
    if sample is not None and sample < len(drawn):
        drawn = sorted(random.Random(seed).sample(drawn, sample))
    found = list(_differences(state, expected, drawn))
    for key in state.all_keys():
        parts = tuple(key.split(KEY_SEPARATOR))
        if key not in expected and parts[:2] not in (UNDO, _EXPIRE):
            found.append(Difference(parts, "unexpected"))
    found.sort(key=lambda each: each.key)
    return Checked(len(expected), len(drawn), tuple(found), stands.late)


def _differences(
    state: StateStore, expected: Mapping[str, bytes], keys: list[str]
) -> Iterable[Difference]:
    for start in range(0, len(keys), _PAGE):
        page = keys[start : start + _PAGE]
        live = state.get_many(page)
        for key in page:
            parts = tuple(key.split(KEY_SEPARATOR))
            if key not in live:
                yield Difference(parts, "missing")
            elif not same_value(live[key], expected[key]):
                yield Difference(parts, "differs")
