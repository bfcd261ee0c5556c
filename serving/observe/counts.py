"""What a worker counts: plain numbers in memory, as a request has no time for more.

A question of 0.4 ms cannot pay for labels, locks and memory-mapped files at each step. The numbers
leave the process once a second (:mod:`serving.observe.shared`).
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

__all__ = ["BOUNDS_S", "COUNTERS", "Counts", "Taken", "Tally", "no_tally"]

BOUNDS_S: Final = (
    0.0002, 0.0003, 0.0004, 0.0005, 0.0007, 0.001, 0.0015, 0.002, 0.003, 0.005,
    0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0,
)  # fmt: skip
"""Upper bounds of the classes of a request's time, seconds."""

COUNTERS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "muslin_requests": ("Requests that were answered.", ("endpoint", "status")),
    "muslin_problems": ("Requests that were refused or failed, by problem.", ("endpoint", "kind")),
    "muslin_overload_refused": ("Requests refused because too many were in flight.", ()),
    "muslin_questions": ("Questions, baskets, claims and events in requests.", ("endpoint",)),
    "muslin_degraded_answers": ("Answers that had to do without history.", ("endpoint",)),
    "muslin_size_advice": ("Answers to size questions, by status.", ("status",)),
    "muslin_return_risk_actions": ("Judged baskets, by what to do about them.", ("action",)),
    "muslin_return_review_routes": ("Reviewed claims, by the way they go.", ("route",)),
    "muslin_events": ("Events that were taken, new or known already.", ("status",)),
    "muslin_dependency_outages": ("How often something outside was lost, by worker.", ("part",)),
    "muslin_shadow_answers": (
        "Answers of challengers beside the champions.",
        ("model", "champion", "challenger", "result"),
    ),
}
"""Counters by name, without ``_total``: what they count, and their labels."""

Tally = Callable[[Sequence[Mapping[str, Any]]], None]
"""Is given the answers of a request, before they are written as JSON."""

Labels = tuple[str, ...]
Taken = dict[str, Any]
"""The counts of a process at one moment, as JSON can hold them."""

OVERLOADED: Final = "overloaded"


def no_tally(_: Sequence[Mapping[str, Any]]) -> None:
    """Count nothing."""


class _Timed:
    """How long the requests of an endpoint took."""

    __slots__ = ("classes", "total")

    def __init__(self) -> None:
        self.classes = [0] * (len(BOUNDS_S) + 1)
        self.total = 0.0


class Counts:
    """The counts of one worker. Everything happens on its event loop but :meth:`take`.

    Attributes
    ----------
    more
        Counters beside those of requests, by name and label values; each name is in
        :data:`COUNTERS`.
    """

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, int]] = Counter()
        self._problems: Counter[tuple[str, str]] = Counter()
        self._timed: dict[str, _Timed] = {}
        self._asked: Counter[str] = Counter()
        self._degraded: Counter[str] = Counter()
        self._advice: Counter[str] = Counter()
        self._actions: Counter[str] = Counter()
        self._routes: Counter[str] = Counter()
        self._events: Counter[str] = Counter()
        self.more: dict[str, Counter[Labels]] = {}

    def done(self, endpoint: str, status: int, seconds: float) -> None:
        """Count a request.

        Parameters
        ----------
        endpoint
            Path pattern: one of few, whatever is sent.
        status
            Of the answer.
        seconds
            From its head to its answer.
        """
        self._requests[endpoint, status] += 1
        timed = self._timed.get(endpoint)
        if timed is None:
            timed = self._timed[endpoint] = _Timed()
        timed.classes[bisect_left(BOUNDS_S, seconds)] += 1
        timed.total += seconds

    def problem(self, endpoint: str, kind: str) -> None:
        """Count a request that was refused, beside :meth:`done`."""
        self._problems[endpoint, kind] += 1

    def size_advice(self, answers: Sequence[Mapping[str, Any]]) -> None:
        """Count answers to size questions."""
        self._told("/v1/size-advice", answers, self._advice, "status")

    def return_risk(self, answers: Sequence[Mapping[str, Any]]) -> None:
        """Count judged baskets."""
        self._told("/v1/return-risk", answers, self._actions, "action")

    def return_review(self, answers: Sequence[Mapping[str, Any]]) -> None:
        """Count reviewed claims."""
        self._told("/v1/return-review", answers, self._routes, "route")

    def events(self, statuses: Sequence[Mapping[str, Any]]) -> None:
        """Count events that were taken."""
        self._asked["/v1/events"] += len(statuses)
        told = self._events
        for each in statuses:
            told[each["status"]] += 1

    def _told(
        self, endpoint: str, answers: Sequence[Mapping[str, Any]], told: Counter[str], by: str
    ) -> None:
        self._asked[endpoint] += len(answers)
        for each in answers:
            told[each[by]] += 1
            if each["degraded"]:
                self._degraded[endpoint] += 1

    def take(self) -> Taken:
        """Give all counts so far; safe to call from another thread, as the numbers only grow."""
        return {
            "counters": {
                "muslin_requests": [
                    [[endpoint, str(status)], count]
                    for (endpoint, status), count in list(self._requests.items())
                ],
                "muslin_problems": [
                    [[*labels], count] for labels, count in list(self._problems.items())
                ],
                "muslin_overload_refused": [
                    [
                        [],
                        sum(
                            count
                            for (_, kind), count in list(self._problems.items())
                            if kind == OVERLOADED
                        ),
                    ]
                ],
                "muslin_questions": _single(self._asked),
                "muslin_degraded_answers": _single(self._degraded),
                "muslin_size_advice": _single(self._advice),
                "muslin_return_risk_actions": _single(self._actions),
                "muslin_return_review_routes": _single(self._routes),
                "muslin_events": _single(self._events),
                **{
                    name: [[[*labels], count] for labels, count in list(counted.items())]
                    for name, counted in list(self.more.items())
                },
            },
            "timed": {
                endpoint: [list(timed.classes), timed.total]
                for endpoint, timed in list(self._timed.items())
            },
        }


def _single(counted: Counter[str]) -> list[list[Any]]:
    return [[[label], count] for label, count in list(counted.items())]
