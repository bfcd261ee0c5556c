"""A small shop whose past is in the online state and whose last days are still to be told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import orjson

from data_contracts.tables import TABLES
from features.abuse_space import AbuseSpace
from features.event_log import NewEvent
from features.live.records import LiveEvent
from features.live.rows import TABLE_OF
from features.live.tables import last_moment, tables_of, to_events
from features.return_risk_space import ReturnRiskSpace
from features.settings import Settings
from features.size_fit_space import SizeFitSpace
from features.stores import open_state
from pipelines.materialize import materialize
from pipelines.simulate import simulate
from serving import champion

DAY_US = 86_400_000_000


@dataclass
class LiveShop:
    settings: Settings
    before: dict
    spaces: dict
    events: list[LiveEvent]
    until: int

    def fill(self, state_url=None):
        materialize(self.before, self.spaces, str(state_url or self.settings.state_url))


def new_event(event: LiveEvent) -> NewEvent:
    return NewEvent(event.event_id, event.kind, event.at, orjson.dumps(event.row))


def live_shop(settings: Settings, folder, lines: int = 400, only=None) -> LiveShop:
    """Champions with their feature spaces, and the events of the last days."""
    tables = simulate(lines, 7).tables
    until = last_moment(tables)
    told = list(to_events(tables))
    past = [each for each in told if each.at <= until - 120 * DAY_US]
    before = tables_of(past)
    spaces = {}
    for name, space in (
        ("size_fit", SizeFitSpace()),
        ("return_risk", ReturnRiskSpace()),
        ("abuse", AbuseSpace()),
    ):
        if only is not None and name not in only:
            continue
        fitted = space.fit(tables)
        (folder / name).mkdir()
        fitted.save(folder / name)
        champion.adopt(settings, name, "1", folder / name)
        spaces[name] = (fitted, "1")
    past_ids = {each.event_id for each in past}
    events = sorted(
        (each for each in told if each.event_id not in past_ids),
        key=lambda each: (each.at, each.event_id),
    )
    return LiveShop(settings, before, spaces, events, until)


def content(state_url) -> dict[str, bytes]:
    """All that is in a state but what takes windows back."""
    with open_state(state_url) as state:
        rows = state.get_many(list(state.all_keys()))
    return {key: value for key, value in rows.items() if not key.startswith("live\x1fundo")}


def as_request(event: LiveEvent) -> dict:
    """The event as a shop would send it."""
    contract = TABLES[TABLE_OF[event.kind]]
    times = {column.name for column in contract.columns if column.kind == "time"}
    data = {name: _iso(value) if name in times else value for name, value in event.row.items()}
    if event.kind == "product":
        data["sizes"] = [
            {name: value for name, value in size.items() if name != "product_id"}
            for size in data["sizes"]
        ]
    if data.get("birth_date") is not None:
        data["birth_date"] = data["birth_date"][:10]
    sent = {"event_id": event.event_id, "kind": event.kind, "data": data}
    return sent | ({"at": _iso(event.at)} if event.kind in ("product", "customer") else {})


def _iso(micros: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)).isoformat()


def same(state: dict[str, bytes], other: dict[str, bytes]) -> bool:
    """Whether two states hold the same, sums up to the order of their addition."""
    return state.keys() == other.keys() and all(_equal(state[key], other[key]) for key in state)


def _equal(value: bytes, other: bytes) -> bool:
    if value == other:
        return True
    if len(value) != len(other) or len(value) % 8:
        return False
    a, b = np.frombuffer(value, "<f8"), np.frombuffer(other, "<f8")
    return np.allclose(a, b, rtol=1e-9, atol=1e-9, equal_nan=True)
