"""A small shop whose past is in the online state and whose last days are still to be told."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from features.abuse_space import AbuseSpace
from features.event_log import NewEvent
from features.live.records import LiveEvent
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


def live_shop(settings: Settings, folder, lines: int = 400, days: float = 60.0) -> LiveShop:
    """Champions with their feature spaces, and the events of the last days."""
    tables = simulate(lines, 7).tables
    until = last_moment(tables)
    told = list(to_events(tables))
    past = [each for each in told if each.at <= until - days * DAY_US]
    before = tables_of(past)
    spaces = {}
    for name, space in (
        ("size_fit", SizeFitSpace()),
        ("return_risk", ReturnRiskSpace()),
        ("abuse", AbuseSpace()),
    ):
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


def content(state_url, names=("size_fit", "return_risk", "abuse", "live", "")):
    """All that is in a state but what takes windows back."""
    with open_state(state_url) as state:
        rows = state._db.execute("SELECT key, value FROM state").fetchall()
    return {key: value for key, value in rows if not key.startswith("live\x1fundo")}
