"""What an application notes of its requests, and what it tells of them at ``/metrics``."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from features.settings import Settings
from serving.access.known_keys import Caller
from serving.degraded import watches
from serving.dependency import Dependency, outages
from serving.live_state import LiveState
from serving.observe.counts import Counts, Taken
from serving.observe.exposition import Gauge, page
from serving.observe.shadow import shadow_counts
from serving.observe.shared import Shared
from serving.parts import Readiness

__all__ = ["GONE", "OTHER", "Observer"]

logger = logging.getLogger("muslin.access")

OTHER: Final = "other"
"""The endpoint of what is sent to a path where there is nothing."""
GONE: Final = 499
"""Status of a request whose client went away before its answer."""
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE"})


class Observer:
    """Counts, and the line a request has in the log where that is wanted.

    Parameters
    ----------
    settings
        Whether each request is logged.
    dependencies
        What may be lost beside the online state; looked through whenever counts are taken.

    Attributes
    ----------
    counts
        For the endpoints.
    """

    def __init__(self, settings: Settings, dependencies: Iterable[Dependency] = ()) -> None:
        self.counts = Counts()
        self._settings = settings
        self._dependencies = dependencies
        self._shared = Shared(self._take)
        self._logs = settings.access_log
        self._clock: Callable[[], float] = time.perf_counter

    def begin(self) -> None:
        """Share the counts with the other workers from now on."""
        self._shared.begin()

    def done(
        self,
        endpoint: str,
        method: str,
        status: int,
        begun: float,
        request_id: str,
        *,
        kind: str | None,
        caller: Caller | None,
    ) -> None:
        """Note a request that is over.

        Parameters
        ----------
        endpoint
            Path pattern.
        method, status
            Of request and answer.
        begun
            By ``time.perf_counter``.
        request_id
            Its name.
        kind
            Of the problem it was answered with.
        caller
            Whose key it was.
        """
        seconds = self._clock() - begun
        self.counts.done(endpoint, status, seconds)
        if kind is not None:
            self.counts.problem(endpoint, kind)
        if self._logs:
            logger.info(
                "request",
                extra={
                    "method": method if method in _METHODS else OTHER,
                    "path": endpoint,
                    "status": int(status),
                    "ms": round(1000 * seconds, 3),
                    "request_id": request_id,
                    "key": None if caller is None else caller.key.id,
                    "problem": kind,
                },
            )

    async def page(self, readiness: Mapping[str, Readiness], live: LiveState | None) -> bytes:
        """Write the metrics of all workers, off the event loop."""
        if live is not None:
            await live.look()
        told = None if live is None else live.told
        gauges = [*_of_endpoints(readiness), *_of_state(told or {})]
        return await asyncio.to_thread(self._page, gauges)

    def _page(self, gauges: list[Gauge]) -> bytes:
        return page([*self._shared.all(), shadow_counts(self._settings)], gauges)

    def _take(self) -> Taken:
        lost: dict[str, bool] = {}
        for each in (*watches(), *self._dependencies):
            lost[each.name] = lost.get(each.name, False) or each.reason is not None
        taken = self.counts.take()
        taken["counters"]["muslin_dependency_outages"] = [
            [[part], count] for part, count in (dict.fromkeys(lost, 0) | outages()).items()
        ]
        return {**taken, "lost": lost}


def _of_endpoints(readiness: Mapping[str, Readiness]) -> Iterator[Gauge]:
    models = set()
    for endpoint, each in list(readiness.items()):
        yield "muslin_endpoint_ready", (endpoint,), each.ready
        if each.model is not None:
            models.add((each.model.name, each.model.version))
    for model in sorted(models):
        yield "muslin_model_info", model, 1


def _of_state(told: Mapping[str, Any]) -> Iterator[Gauge]:
    yield "muslin_state_followed", (), bool(told.get("followed"))
    until = told.get("until")
    age = None
    if until is not None:  # never below nought, wherever the clock is set to
        age = max(0.0, time.time() - dt.datetime.fromisoformat(until).timestamp())
    for name, value in (
        ("muslin_state_age_seconds", age),
        ("muslin_state_behind_seconds", told.get("seconds_behind")),
        ("muslin_events_waiting", told.get("events_waiting")),
        ("muslin_events_late", told.get("late")),
    ):
        if value is not None:  # what is not known has no sample
            yield name, (), float(value)
