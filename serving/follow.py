"""Keep the online state up with the log of events: a process of its own beside the service.

It folds what the log holds, waits for more, and lets time pass where nothing happens. Whatever ends
it, every event counts once: the position in the log is written with the sums. What it cannot do now
(no state yet, a state of another model, a server that is away) it says once, and tries again.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from features.clock import elapsed
from features.event_log import EventLog, EventLogError
from features.lease import open_lease
from features.live.fold import Applied, Fold, ModelState
from features.places import metas, places
from features.settings import Settings, SettingsError
from features.state import StateConflictError, StateError, StateStore
from features.stores import open_event_log, open_state
from serving.champion import fetch, keep_asking
from serving.model_states import FollowError, ModelStates
from serving.observe.logs import configure

__all__ = ["Follower", "Followers", "followed_places", "main"]

logger = logging.getLogger("muslin.serving")

_HOUR_US: Final = 3_600_000_000
_POLL_S: Final = 0.05
_WAIT_S: Final = 1.0
_LONGEST_WAIT_S: Final = 30.0
_LONGEST_REST_S: Final = 2.0
_SPARE_S: Final = 2.0
_IDLE_S: Final = 60.0
_TELL_S: Final = 30.0
_DRAIN_S: Final = 5.0
_AHEAD_S: Final = 300.0
"""How far the wall clock may be moved forwards while we run, for the state to go with it."""


@dataclass
class _Counts:
    """What was done since it was last told."""

    events: int = 0
    again: int = 0
    late: int = 0
    unknown: int = 0

    def add(self, applied: Applied) -> None:
        self.events += applied.events
        self.again += applied.again
        self.late += applied.late
        self.unknown += len(applied.unknown)


class Followers:
    """Keeps every place of the state up, the one that serves and the one that may serve next.

    A champion that comes, or comes back, finds a state that knows what happened meanwhile.

    Parameters
    ----------
    settings
        Where the state, the log and the champions are.

    Attributes
    ----------
    followers
        One a place.
    """

    def __init__(self, settings: Settings) -> None:
        first, *others = followed_places(settings)
        self.followers = [Follower(settings.model_copy(update={"state_url": first}))] + [
            Follower(settings.model_copy(update={"state_url": url}), spare=True) for url in others
        ]
        self._due = [0.0] * len(self.followers)

    def run(self, stop: threading.Event) -> None:
        """Follow until `stop` is set; what is in the log by then is folded before it ends."""
        try:
            while not stop.is_set():
                stop.wait(self.turn())
            for each in self.followers:
                each.drain()
        finally:
            for each in self.followers:
                each.close()

    def turn(self) -> float:
        """Let each whose time has come do what there is to do; the seconds until the next."""
        for i, each in enumerate(self.followers):
            if self._due[i] <= time.monotonic():
                self._due[i] = time.monotonic() + each.turn()
        return max(0.0, min(self._due) - time.monotonic())


def followed_places(settings: Settings) -> tuple[str, ...]:
    """Where a state may be that is kept up."""
    url = settings.challenger_state_url
    return (*places(settings.state_url), *(() if url is None else (url,)))


class Follower:
    """Keeps the state of some settings up with their log.

    Parameters
    ----------
    settings
        Where the state, the log and the champions are.
    now
        Seconds since the epoch. They may jump: a state that was taken a day ahead would find all
        that follows late, so without events it goes no further than time has passed.
    passed
        Seconds that only grow; those of `now` where that is given.
    spare
        Whether it is a place that need not hold a state; then it says nothing where it holds none.
    """

    def __init__(
        self,
        settings: Settings,
        now: Callable[[], float] | None = None,
        passed: Callable[[], float] | None = None,
        *,
        spare: bool = False,
    ) -> None:
        self._settings = settings
        self._spare = spare
        self._now = now or time.time
        self._passed = passed or now or elapsed
        self._first = self._now() - self._passed()
        self._lease = open_lease(settings.state_url)
        self._models = ModelStates(settings)
        self._state: StateStore | None = None
        self._log: EventLog | None = None
        self._fold: Fold | None = None
        self._counts = _Counts()
        self._told = ""
        self._told_at = self._caught_up = self._moved = self._passed()
        self._failures = 0
        self._took = 0

    def run(self, stop: threading.Event) -> None:
        """Follow until `stop` is set; what is in the log by then is folded before it ends."""
        try:
            while not stop.is_set():
                stop.wait(self.turn())
            self.drain()
        finally:
            self.close()

    def drain(self) -> None:
        """Fold what is in the log by now."""
        until = self._passed() + _DRAIN_S
        while self._passed() < until:
            self.turn()
            if not self._took:
                break

    def turn(self) -> float:
        """Do what there is to do now, and give the seconds until it is worth looking again."""
        self._took = 0
        try:
            if self._spare and self._state is None and not metas([self._settings.state_url]):
                return _SPARE_S
            if not self._lease.take():
                self._say("another process follows this state; this one waits for its turn")
                return _WAIT_S
            wait = self._step(self._ready())
        except FollowError as error:
            self._fold = None
            if not self._spare:
                self._say(str(error))
            return _WAIT_S
        except StateConflictError:  # it was filled anew meanwhile
            self._fold = None
            return self._later()
        except (StateError, EventLogError) as error:
            self._say(f"live events cannot be followed: {error}")
            self._let_go()
            return self._later()
        except Exception:
            if not self._failures:
                logger.exception("live events cannot be followed")
            self._let_go()
            return self._later()
        self._failures = 0
        return wait

    def close(self) -> None:
        """Tell what was done, and give the state to others."""
        self._tell()
        self._let_go()
        self._lease.release()

    def _ready(self) -> Fold:
        """The fold of the state as it is filled now."""
        if any(each is not None and each.moved() for each in (self._state, self._log)):
            self._let_go()  # a file without a name: what is written there is lost
        if self._state is None:
            # A writer makes the file that is missing: look first whether there is one.
            open_state(self._settings.state_url, readonly=True).close()
            self._state = open_state(self._settings.state_url)
        if self._log is None:
            self._log = open_event_log(self._settings.events_url)
        if self._fold is None or self._state.changed():
            self._fold = None
            self._state.changed()
            models = self._models.of(self._state.meta(), self._state.where)
            self._fold = self._made(self._state, self._log, models)
        return self._fold

    def _made(self, state: StateStore, log: EventLog, models: dict[str, ModelState]) -> Fold:
        horizon = int(self._settings.horizon_hours * _HOUR_US)
        self._say(f"following live events for {', '.join(models)}")
        return Fold(state, log, list(models.values()), horizon_us=horizon)

    def _step(self, fold: Fold) -> float:
        begun = self._passed()
        applied = fold.step()
        now = self._passed()
        self._took = applied.events
        self._counts.add(applied)
        if applied.events:
            self._moved = now
        else:
            self._caught_up = now
            if now - self._moved >= _IDLE_S:
                moment = min(self._now(), self._first + now + _AHEAD_S)
                fold.advance(int(moment * 1e6))
                self._moved = now
        if now - self._told_at >= _TELL_S:
            self._tell()
        # A step costs about the same for one event as for hundreds. Resting as long as it took
        # leaves half a core to the answers, and lets more events share the next step.
        return min(_LONGEST_REST_S, now - begun) if applied.events else _POLL_S

    def _later(self) -> float:
        self._failures += 1
        return min(_LONGEST_WAIT_S, _POLL_S * 2.0**self._failures)

    def _let_go(self) -> None:
        for store in (self._state, self._log):
            if store is not None:
                with contextlib.suppress(StateError, EventLogError):
                    store.close()
        self._state = self._log = self._fold = None

    def _say(self, what: str) -> None:
        """Log a sentence when it is news."""
        if what != self._told:
            self._told = what
            logger.info(what)

    def _tell(self) -> None:
        counts, now = self._counts, self._passed()
        if counts.events:
            logger.info(
                "live events: %s folded, %s again, %s late, %s unknown; %.0f seconds behind",
                f"{counts.events:,}",
                f"{counts.again:,}",
                f"{counts.late:,}",
                f"{counts.unknown:,}",
                now - self._caught_up,
            )
        self._counts, self._told_at = _Counts(), now


def main() -> None:
    """Follow until SIGTERM or SIGINT, or the end of the parent."""
    parser = argparse.ArgumentParser(prog="serving.follow", description=__doc__)
    parser.add_argument("--with-parent", action="store_true", help="End when stdin is closed.")
    parser.add_argument("--fetch", action="store_true", help="Ask the registry for champions.")
    given = parser.parse_args()
    try:
        settings = Settings.load()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    configure(settings, "follower")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if given.with_parent:
        threading.Thread(target=_wait_for_parent, args=(stop,), daemon=True).start()
    os.nice(5)  # those who wait for an answer go first
    if given.fetch:
        fetch(settings, *ModelStates.names)
        asking = (settings, ModelStates.names, stop)
        threading.Thread(target=keep_asking, args=asking, daemon=True).start()
    Followers(settings).run(stop)


def _wait_for_parent(stop: threading.Event) -> None:
    """The parent holds the other end of stdin; it is closed however the parent ends."""
    while os.read(0, 1024):
        pass
    stop.set()


if __name__ == "__main__":
    main()
