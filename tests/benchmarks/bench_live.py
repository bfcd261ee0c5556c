"""Live events: events folded a second, keys that differ afterwards, and the cost of look-ups.

    python -m tests.benchmarks.bench_live [--lines N] [--step N] [--late-hours H]

A simulated shop is told of as events, from nothing, in the order of their moments but for a delay
of up to H hours each. They are logged durably (SQLite, one writer) and folded into the state of all
three models, durably too; then every key of the state is compared with a filling from the tables of
the same events. `folded again` counts events that had to be folded anew because an earlier one came
in. Look-ups are of ten keys of one customer and product, as one question about a size needs, in
the same state; those of Redis on a server of this machine's, where one is installed.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import orjson
from rich.console import Console

from features.abuse_space import AbuseSpace
from features.event_log import NewEvent, SqliteEventLog
from features.live.filling import filled_items, model_states, same_value
from features.live.fold import Fold
from features.live.tables import to_events
from features.live.windows import UNDO, first_meta
from features.return_risk_space import ReturnRiskSpace
from features.size_fit_space import SizeFitSpace
from features.state import KEY_SEPARATOR, SqliteState, StateStore, state_key
from features.stores import open_state
from pipelines.simulate import simulate
from tests.servers import redis_server

_HOUR_US = 3_600_000_000
_OUT = Console(highlight=False, soft_wrap=True)
_SPACE_LINES = 20_000


def follow(folder: Path, lines: int, step: int, late_hours: float) -> None:
    """Fold a shop's events and print how fast, and what differs."""
    tables = simulate(lines, seed=7).tables
    known = tables if lines <= _SPACE_LINES else simulate(_SPACE_LINES, seed=7).tables
    models = model_states(
        {
            "size_fit": SizeFitSpace(engine="polars").fit(known),
            "return_risk": ReturnRiskSpace(engine="polars").fit(known),
            "abuse": AbuseSpace(engine="polars").fit(known),
        }
    )
    events = list(to_events(tables))
    at = np.array([event.at for event in events])
    delays = np.random.default_rng(0).uniform(0, late_hours * _HOUR_US * 0.99, len(events))
    arrived = np.argsort(at + delays, kind="stable")
    rows = [
        NewEvent(events[i].event_id, events[i].kind, events[i].at, orjson.dumps(events[i].row))
        for i in arrived
    ]
    _OUT.print(f"{len(rows):,} events of {lines:,} order lines, {step:,} a step")
    with (
        SqliteEventLog(folder / "events.db") as log,
        SqliteState(folder / "state.db", durable=True) as state,
    ):
        begin = time.perf_counter()
        for start in range(0, len(rows), 1_000):
            log.append(rows[start : start + 1_000])
        _OUT.print(f"logged, durable: {len(rows) / (time.perf_counter() - begin):,.0f} a second")
        state.replace([], first_meta(int(at.min()) - 1))
        horizon = max(int(late_hours * _HOUR_US), 1)
        fold = Fold(state, log, models, horizon_us=horizon)
        done, again, late, begin = 0, 0, 0, time.perf_counter()
        while (applied := fold.step(step)).events:
            done, again, late = done + applied.events, again + applied.again, late + applied.late
        seconds = time.perf_counter() - begin
        _OUT.print(
            f"folded, durable: {done / seconds:,.0f} a second ({done:,} in {seconds:,.1f} s,"
            f" {again:,} folded again, {late:,} too late)"
        )
        expected = dict(filled_items(models, tables, int(at.max())))
        keys = list(expected)
        differ = 0
        for start in range(0, len(keys), 10_000):
            page = keys[start : start + 10_000]
            found = state.get_many(page)
            differ += sum(
                each not in found or not same_value(found[each], expected[each]) for each in page
            )
        own = sum(tuple(key.split(KEY_SEPARATOR)[:2]) != UNDO for key in state.all_keys())
        _OUT.print(f"keys compared {len(keys):,}, differ {differ:,}; the state holds {own:,}")
        look_ups("SQLite", state, keys)
        with_redis(expected)


def look_ups(name: str, state: StateStore, keys: Sequence[str]) -> None:
    """Print the median time of looking up ten keys, as a question about a size does."""
    kinds = ("product", "product_size", "brand", "category", "person", "person_scale")
    of_kind = {kind: [k for k in keys if k.startswith(state_key(kind, ""))] for kind in kinds}
    rng = np.random.default_rng(1)
    spent = []
    for _ in range(3_000):
        asked = [str(rng.choice(of_kind[kind])) for kind in kinds for _ in range(2)][:10]
        begin = time.perf_counter()
        state.get_many(asked)
        spent.append(time.perf_counter() - begin)
    _OUT.print(f"{name}, ten keys: {1e3 * statistics.median(spent):.3f} ms median")


def with_redis(items: dict[str, bytes]) -> None:
    """The same look-ups from a Redis server of our own."""
    if shutil.which("redis-server") is None:
        _OUT.print("Redis, ten keys: redis-server is not installed (apt-get install redis-server)")
        return
    with redis_server() as url, open_state(url) as state:
        state.replace(items.items(), {})
        look_ups("Redis", state, list(items))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--step", type=int, default=50_000)
    parser.add_argument("--late-hours", type=float, default=6.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        follow(Path(folder), given.lines, given.step, given.late_hours)


if __name__ == "__main__":
    main()
