"""Kill the service again and again while clients send events, and see what is left in the end.

The clients send each event until it is acknowledged. Killed with SIGKILL are, by a seed, the
follower alone, a worker alone, the main process alone (its children must end by themselves), or all
processes at once; what does not come back by itself is started again, as a supervisor would.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import ClassVar

import httpx
import psutil

from features.live.windows import position
from features.settings import Settings
from features.stores import open_event_log, open_state
from pipelines.check_state import check_state
from tests.serving.live_shop import LiveShop, as_request

EVENTS = "/v1/events"
_SENDERS = 3
_BACK_S = 120.0


@dataclass
class Outcome:
    """What was done, and what was found in the end."""

    kills: Counter = field(default_factory=Counter)
    acknowledged: int = 0
    repeated: int = 0
    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    never_sent: list[str] = field(default_factory=list)
    differences: tuple = ()
    unfolded: int = 0
    exit_code: int | None = None
    seconds: float = 0.0
    cut_short: bool = False


class Senders:
    """Threads that send events, in small requests, as far as they are let."""

    def __init__(self, url: str, requests: list[dict], seed: int) -> None:
        self._url = url
        self._rng = random.Random(seed)
        self._left = deque(requests)
        self._lock = threading.Lock()
        self._allowed = 0
        self._taken = 0
        self.acknowledged: list[str] = []
        self.repeated = 0
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(_SENDERS)]

    def __enter__(self) -> Senders:
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        for each in self._threads:
            each.join()

    def allow(self, count: int) -> None:
        """Let `count` further events be sent."""
        self._allowed += count

    def _next(self) -> list[dict]:
        with self._lock:
            count = min(self._rng.randint(1, 5), self._allowed - self._taken, len(self._left))
            self._taken += max(0, count)
            return [self._left.popleft() for _ in range(count)]

    def _run(self) -> None:
        with httpx.Client(base_url=self._url, timeout=5) as client:
            while not self._ended.is_set():
                if events := self._next():
                    self._send(client, events)
                else:
                    time.sleep(0.005)

    def _send(self, client: httpx.Client, events: list[dict]) -> None:
        while not self._ended.is_set():
            with contextlib.suppress(httpx.TransportError):
                answer = client.post(EVENTS, json=events)
                if answer.status_code == 202:
                    self.acknowledged += [each["event_id"] for each in events]
                    return
                assert answer.status_code in (429, 503), answer.text
            self.repeated += 1
            time.sleep(0.02)


class WholeService:
    """``muslin serve``: main process, worker and follower. The first restarts the others."""

    targets: ClassVar = {"follower": 4, "worker": 4, "main": 1, "all": 1}

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "serving.run"],
            env={**os.environ, **self._settings.environment()},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def keep_up(self) -> None:
        """Start it again where the main process is gone."""
        if self.process is None or self.process.poll() is not None:
            self.start()

    def others(self, mark: str = "") -> list[psutil.Process]:
        found = []
        with contextlib.suppress(psutil.NoSuchProcess):
            for each in psutil.Process(self.process.pid).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    if any(mark in part for part in each.cmdline()):
                        found.append(each)
        return found

    def kill(self, target: str) -> bool:
        """Kill; False where there is nothing of the kind just now."""
        marks = {"follower": "serving.follow", "worker": "_bentoml_impl.worker"}
        if target in marks:
            victims = self.others(marks[target])
        else:
            victims = [psutil.Process(self.process.pid)]
            if target == "all":
                victims += self.others()
        for each in victims:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        return bool(victims)

    def can_follow(self) -> bool:
        if self.others("serving.follow"):
            with contextlib.suppress(httpx.TransportError):
                url = f"http://127.0.0.1:{self._settings.port}/readyz"
                told = httpx.get(url).json()["live"]
                return bool(told and told["followed"])
        return False

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def destroy(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill("all")
            self.process.wait()


class ForkedService:
    """Worker and follower, forked from a process that has loaded what they need.

    They start in milliseconds, so that kills hit them at work and not as they load.
    """

    targets: ClassVar = {"follower": 4, "worker": 4, "all": 2}

    def __init__(self, settings: Settings) -> None:
        self._forking = subprocess.Popen(
            [sys.executable, "-m", "tests.serving.load.kill_servers"],
            env={**os.environ, **settings.environment()},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._running: dict[str, int] = {}

    def start(self) -> None:
        assert self._forking.stdout.readline() == "ready\n"
        self.keep_up()

    def keep_up(self) -> None:
        """Start again what is gone."""
        for role in ("worker", "follower"):
            if not _runs(self._running.get(role)):
                self._forking.stdin.write(f"{role}\n")
                self._forking.stdin.flush()
                self._running[role] = int(self._forking.stdout.readline())

    def kill(self, target: str) -> bool:
        """Kill; False where there is nothing of the kind just now."""
        victims = [*self._running] if target == "all" else [target]
        alive = [self._running[role] for role in victims if _runs(self._running.get(role))]
        for each in alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        while any(map(_runs, alive)):
            time.sleep(0.001)
        return bool(alive)

    def can_follow(self) -> bool:
        return _runs(self._running.get("follower"))

    def end(self) -> int:
        for role in ("worker", "follower"):
            os.kill(self._running[role], signal.SIGTERM)
            deadline = time.monotonic() + 60
            while _runs(self._running[role]):
                assert time.monotonic() < deadline, f"the {role} did not end"
                time.sleep(0.01)
        return 0

    def destroy(self) -> None:
        self.kill("all")
        self._forking.communicate(timeout=10)


def _runs(process: int | None) -> bool:
    if process is None:
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def kill_often(
    shop: LiveShop,
    service: WholeService | ForkedService,
    kills: int,
    *,
    seed: int = 7,
    minutes: float = 30,
) -> Outcome:
    """Kill `kills` times under load, send what is left, end it, and look.

    Parameters
    ----------
    shop
        Its events are sent; its settings are those of the service.
    service
        Is started, killed and ended.
    kills, seed
        How often, and what is drawn.
    minutes
        Longest that is killed; what is not done by then is left, and said.
    """
    rng = random.Random(seed)
    requests = [as_request(each) for each in shop.events]
    share = len(requests) // (kills + 1)
    outcome = Outcome()
    settings = shop.settings
    targets = service.targets
    begun = time.monotonic()
    service.start()
    try:
        with Senders(f"http://127.0.0.1:{settings.port}", requests, seed) as senders:
            sent = 0
            for _ in range(kills):
                if time.monotonic() - begun > 60 * minutes:
                    outcome.cut_short = True
                    break
                target = rng.choices([*targets], [*targets.values()])[0]
                moment = sent + rng.randrange(share)
                sent += share
                senders.allow(share)
                _until(senders, service, moment)
                time.sleep(rng.uniform(0, 0.05))
                if target == "follower" and not service.kill(target):
                    target = "worker"  # the follower is on its way back
                if target != "follower":
                    while not service.kill(target):
                        service.keep_up()
                        time.sleep(0.02)
                outcome.kills[target] += 1
                _until(senders, service, sent)
            senders.allow(len(requests))
            _until(senders, service, len(requests))
            outcome.acknowledged = len(senders.acknowledged)
            outcome.repeated = senders.repeated
        _wait(service.can_follow, service)
        outcome.exit_code = service.end()
    finally:
        service.destroy()
    outcome.seconds = time.monotonic() - begun
    _look(outcome, shop, settings, senders.acknowledged)
    return outcome


def _until(senders: Senders, service: WholeService | ForkedService, count: int) -> None:
    _wait(lambda: len(senders.acknowledged) >= count, service)


def _wait(done, service: WholeService | ForkedService) -> None:
    deadline = time.monotonic() + _BACK_S
    while not done():
        service.keep_up()
        assert time.monotonic() < deadline, "the service did not come back"
        time.sleep(0.01)


def _look(outcome: Outcome, shop: LiveShop, settings: Settings, acknowledged: list[str]) -> None:
    with open_event_log(settings.events_url) as log, open_state(settings.state_url) as state:
        found = Counter(each.event_id for each in log.read(0, 1_000_000))
        outcome.lost = [each for each in acknowledged if each not in found]
        outcome.twice = [each for each, times in found.items() if times > 1]
        known = {each.event_id for each in shop.events}
        outcome.never_sent = [each for each in found if each not in known]
        checked = check_state(state, shop.before, shop.spaces, log)
        outcome.differences = checked.differences
        outcome.unfolded = log.last() - position(state.meta()).seq
