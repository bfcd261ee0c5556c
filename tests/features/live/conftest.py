"""A small shop, the spaces fitted on it, and a state that can be filled or followed."""

from dataclasses import dataclass
from typing import Any

import orjson
import pytest

from features.abuse_space import AbuseSpace
from features.event_log import NewEvent, SqliteEventLog
from features.live.filling import filled_items, model_states, same_value
from features.live.fold import Fold
from features.live.tables import to_events
from features.live.windows import UNDO, first_meta
from features.return_risk_space import ReturnRiskSpace
from features.size_fit_space import SizeFitSpace
from features.state import KEY_SEPARATOR, SqliteState
from pipelines.simulate import simulate

HOUR_US = 3_600_000_000


@dataclass
class LiveShop:
    """Spaces of a shop, and what a state of some tables must hold."""

    tables: dict[str, Any]
    spaces: dict[str, Any]

    @property
    def models(self):
        return model_states(self.spaces)

    def filled(self, tables, until):
        return dict(filled_items(self.models, tables, until))

    def orders(self, ids):
        """The tables with these orders alone, and the people and goods of them."""
        lines = self.tables["order_lines"]
        lines = lines[lines["order_id"].isin(ids)]
        returns = self.tables["returns"]
        returns = returns[returns["order_line_id"].isin(lines["order_line_id"])]
        of = {
            "order_lines": ("order_line_id", lines["order_line_id"]),
            "returns": ("return_id", returns["return_id"]),
            "fit_feedback": ("order_line_id", lines["order_line_id"]),
            "abuse_labels": ("return_id", returns["return_id"]),
            "customers": ("customer_id", lines["customer_id"]),
            "body_measurements": ("customer_id", lines["customer_id"]),
            "products": ("product_id", lines["product_id"]),
            "product_sizes": ("product_id", lines["product_id"]),
        }
        return {
            name: self.tables[name][self.tables[name][column].isin(known)].reset_index(drop=True)
            for name, (column, known) in of.items()
        }


@pytest.fixture(scope="session")
def live_shop():
    tables = simulate(1_200, seed=7).tables
    spaces = {
        "size_fit": SizeFitSpace().fit(tables),
        "return_risk": ReturnRiskSpace().fit(tables),
        "abuse": AbuseSpace().fit(tables),
    }
    return LiveShop(tables, spaces)


class Followed:
    """A state that follows a log from nothing."""

    def __init__(self, folder, models, begin, horizon_us):
        self.state = SqliteState(folder / "state.db")
        self.log = SqliteEventLog(folder / "events.db")
        self.state.replace([], first_meta(begin))
        self.fold = Fold(self.state, self.log, models, horizon_us=horizon_us)

    def tell(self, events):
        self.log.append([NewEvent(e.event_id, e.kind, e.at, orjson.dumps(e.row)) for e in events])

    def step(self):
        done = []
        while (applied := self.fold.step()).events:
            done.append(applied)
        return done

    def items(self):
        found = self.state.get_many(list(self.state.all_keys()))
        return {k: v for k, v in found.items() if tuple(k.split(KEY_SEPARATOR)[:2]) != UNDO}

    def close(self):
        self.state.close()
        self.log.close()


@pytest.fixture
def follow(live_shop, tmp_path_factory):
    opened = []

    def begin(events, horizon_us, models=None):
        first = min(event.at for event in events)
        folder = tmp_path_factory.mktemp("followed")
        models = live_shop.models if models is None else models
        opened.append(Followed(folder, models, first - 1, horizon_us))
        return opened[-1]

    yield begin
    for each in opened:
        each.close()


def unlike(live, expected):
    """Keys that differ; claims older than half a year are removed by the next filling only."""
    keys = {key for key in live.keys() | expected.keys() if not key.startswith("abuse\x1fclaim")}
    return sorted(
        key
        for key in keys
        if key not in live or key not in expected or not same_value(live[key], expected[key])
    )


def all_events(tables):
    return list(to_events(tables))
