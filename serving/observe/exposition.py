"""The page a Prometheus server reads: counts of all workers, and how things stand now."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from serving.observe.counts import BOUNDS_S, COUNTERS, Taken

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

__all__ = ["CONTENT_TYPE", "GAUGES", "Gauge", "page"]

CONTENT_TYPE: Final = b"text/plain; version=0.0.4; charset=utf-8"

GAUGES: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "muslin_endpoint_ready": ("Whether an endpoint can answer.", ("endpoint",)),
    "muslin_model_info": ("The models that answer.", ("model", "version")),
    "muslin_dependency_lost": ("Workers that cannot use something outside now.", ("part",)),
    "muslin_state_followed": ("Whether a process keeps the online state up with events.", ()),
    "muslin_state_age_seconds": ("Since the moment the online state stands for.", ()),
    "muslin_state_behind_seconds": ("For how long the first event that waits has waited.", ()),
    "muslin_events_waiting": ("Events of the log that are not in the online state yet.", ()),
    "muslin_events_late": ("Events that count in full from the next filling on.", ()),
    "muslin_workers": ("Worker processes.", ()),
    "muslin_process_resident_bytes": ("Memory of each process.", ("process", "pid")),
}
"""Gauges by name: what they tell, and their labels."""
_ROLES: Final = (
    ("serving.follow", "follower"),
    ("_bentoml_impl.worker", "worker"),
    ("champions.beside", "shadow"),
)
_CPU: Final = "muslin_process_cpu_seconds"

Gauge = tuple[str, Sequence[str], float]
"""Name, label values, value."""


def page(taken: Sequence[Taken], gauges: Iterable[Gauge]) -> bytes:
    """Write the page.

    Parameters
    ----------
    taken
        The counts of each worker.
    gauges
        Beside memory and number of the processes.

    Returns
    -------
    bytes
        In Prometheus' text format; every name is there from the start, those without labels with
        a value.
    """
    from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415 - 0.1 s

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Page(list(_families(taken, gauges))))
    return generate_latest(registry)


class _Page:
    """What is told, as the library takes it."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _families(taken: Sequence[Taken], gauges: Iterable[Gauge]) -> Iterator[Metric]:
    from prometheus_client.core import (  # noqa: PLC0415
        CounterMetricFamily,
        GaugeMetricFamily,
        HistogramMetricFamily,
    )

    for name, (text, labels) in COUNTERS.items():
        counter = CounterMetricFamily(name, text, labels=labels)
        for values, count in sorted(_summed(taken, name).items()):
            counter.add_metric(values, count)
        yield counter

    histogram = HistogramMetricFamily(
        "muslin_request_seconds", "From the head of a request to its answer.", labels=["endpoint"]
    )
    for endpoint, (classes, total) in sorted(_timed(taken).items()):
        reached, buckets = 0, []
        for bound, count in zip((*map(str, BOUNDS_S), "+Inf"), classes, strict=True):
            reached += count
            buckets.append((bound, reached))
        histogram.add_metric([endpoint], buckets=buckets, sum_value=total)
    yield histogram

    processes = list(_processes())
    own: list[Gauge] = [
        ("muslin_workers", (), sum(each["alive"] for each in taken)),
        *(
            ("muslin_dependency_lost", (part,), count)
            for part, count in sorted(_lost(taken).items())
        ),
        *(
            ("muslin_process_resident_bytes", (role, str(pid)), memory)
            for role, pid, memory, _ in processes
        ),
    ]
    by_name: defaultdict[str, list[Gauge]] = defaultdict(list)
    for each in (*gauges, *own):
        by_name[each[0]].append(each)
    for name, (text, labels) in GAUGES.items():
        gauge = GaugeMetricFamily(name, text, labels=labels)
        for _, told, value in by_name[name]:
            gauge.add_metric(told, value)
        yield gauge

    spent = CounterMetricFamily(_CPU, "Processor time of each process.", labels=["process", "pid"])
    for role, pid, _, seconds in processes:
        spent.add_metric([role, str(pid)], seconds)
    yield spent


def _summed(taken: Sequence[Taken], name: str) -> dict[tuple[str, ...], float]:
    counts: defaultdict[tuple[str, ...], float] = defaultdict(float)
    if not COUNTERS[name][1]:
        counts[()] = 0.0
    for each in taken:
        for labels, count in each["counters"].get(name, ()):
            counts[tuple(labels)] += count
    return counts


def _timed(taken: Sequence[Taken]) -> dict[str, tuple[list[int], float]]:
    timed: dict[str, tuple[list[int], float]] = {}
    for each in taken:
        for endpoint, (classes, total) in each["timed"].items():
            before, sofar = timed.get(endpoint, ([0] * len(classes), 0.0))
            added = [a + b for a, b in zip(before, classes, strict=True)]
            timed[endpoint] = (added, sofar + total)
    return timed


def _lost(taken: Sequence[Taken]) -> Mapping[str, int]:
    """Workers without each part; a part nobody lost is told as zero."""
    lost: defaultdict[str, int] = defaultdict(int)
    for each in taken:
        for part, gone in each.get("lost", {}).items():
            lost[part] += bool(gone and each["alive"])
    return lost


def _processes() -> Iterator[tuple[str, int, int, float]]:
    """Role, id, bytes and processor seconds of the service's processes."""
    import psutil  # type: ignore[import-untyped] # noqa: PLC0415 - comes with BentoML

    for process, role in _family(psutil):
        try:
            with process.oneshot():
                spent = process.cpu_times()
                memory: int = process.memory_info().rss
        except psutil.Error:
            continue
        yield role, process.pid, memory, spent.user + spent.system


def _family(psutil: Any) -> list[tuple[Any, str]]:
    from serving.parent import SERVED_BY  # noqa: PLC0415

    me = psutil.Process()
    main = os.environ.get(SERVED_BY, "")
    if not main.isdigit() or int(main) != os.getppid():
        return [(me, "worker")]
    found = [(psutil.Process(int(main)), "main")]
    for child in found[0][0].children():
        try:
            command = " ".join(child.cmdline())
        except psutil.Error:
            continue
        found.append((child, next((role for mark, role in _ROLES if mark in command), "other")))
    return found
