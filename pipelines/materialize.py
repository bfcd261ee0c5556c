"""Fill the online state from contract tables and live events, for every model that serves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from features.event_log import EventLog
from features.live.filling import filled_items
from features.live.records import LiveEvent
from features.live.tables import last_moment, tables_of
from features.live.windows import first_meta
from features.places import FILLED_AT
from features.stores import open_state
from pipelines.jobs import job_of
from pipelines.jobs.base import Space, Tables

__all__ = ["Source", "logged", "materialize", "source_of"]

_PAGE = 10_000


@dataclass(frozen=True)
class Source:
    """What a state is filled from.

    Attributes
    ----------
    tables
        Contract tables, with the live events up to `until`.
    until
        The last moment of them, microseconds.
    seq
        The fold goes on after this event of the log.
    filled
        The last event of the log that was looked at.
    """

    tables: Tables
    until: int
    seq: int = 0
    filled: int = 0


def source_of(tables: Tables, log: EventLog | None = None, horizon_us: int = 0) -> Source:
    """Put live events to the tables, as far as they cannot come out of order any more.

    Parameters
    ----------
    tables
        Contract tables.
    log
        Live events, where there are some. What the tables tell as well is told once.
    horizon_us
        How far back events may arrive out of order: those since are left to the fold, which can
        put a late one in its place.

    Notes
    -----
    What the tables tell of the future has not happened: it counts when the state is filled then.
    """
    now = int(datetime.now(UTC).timestamp() * 1e6)
    until = min(last_moment(tables), now) if len(tables["order_lines"]) else 0
    events = list(logged(log)) if log is not None else []
    if not events:
        return Source(tables, until)
    newest = max(event.at for _, event in events)
    until = max(until, min(newest, now) - horizon_us)
    open_ = [seq for seq, event in events if event.at > until]
    last = events[-1][0]
    closed = (event for _, event in events if event.at <= until)
    return Source(tables_of(closed, tables), until, min(open_, default=last + 1) - 1, last)


def logged(log: EventLog, up_to: int | None = None) -> Iterator[tuple[int, LiveEvent]]:
    """The events of a log with their numbers, up to one of them or all."""
    after = 0
    while page := log.read(after, _PAGE):
        for each in page:
            if up_to is not None and each.seq > up_to:
                return
            yield each.seq, LiveEvent(each.event_id, each.kind, each.at, orjson.loads(each.body))
        after = page[-1].seq


def materialize(
    tables: Tables,
    spaces: Mapping[str, tuple[Space, str]],
    state_url: str,
    log: EventLog | None = None,
    horizon_us: int = 0,
) -> int:
    """Put what models need to know of every key into the state; give the number of keys.

    The whole content is replaced in one step: a service that reads meanwhile sees the old
    content or the new. The order lines themselves are always there, for the returns desk.

    Parameters
    ----------
    tables
        Contract tables.
    spaces
        Feature space and version of the model, by its registered name. The service compares the
        fingerprint of the space with its model's; the version is for people to read.
    state_url
        The online state, as :func:`features.stores.open_state` takes it.
    log, horizon_us
        As :func:`source_of` takes them.
    """
    source = source_of(tables, log, horizon_us)
    meta = {FILLED_AT: datetime.now(UTC).isoformat(timespec="microseconds")}
    for name, (space, version) in spaces.items():
        meta |= {f"space.{name}": space.fingerprint, f"version.{name}": version}
    meta |= first_meta(source.until, seq=source.seq, filled=source.filled)
    models = [job_of(name).kept(space) for name, (space, _) in spaces.items()]
    with open_state(state_url) as state:
        return state.replace(filled_items(models, source.tables, source.until), meta)
