"""Which champion answers from which state, while both may change under a running service.

A worker looks at the records of the copies and at the meta of the states once a second, in a thread
of its own. A new champion is loaded there, opened upon a state that was filled for it, and asked
its golden requests; then it takes the place of the old one, which finishes what it has begun.
Until all of that is done the old champion answers from the old state, however long it takes.
"""

from __future__ import annotations

import gc
import logging
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from features.places import look_at, places
from features.settings import Settings
from features.state import StateError
from features.stores import shown
from serving.advisor import ModelLabel
from serving.champions.choice import Serving, States, candidates, choose, ranked
from serving.champions.copies import (
    CHALLENGER,
    CHAMPION,
    Champion,
    ChampionError,
    Role,
    check,
    copies_of,
    read_record,
)
from serving.champions.golden import Exam, GoldenError
from serving.champions.marks import Marks
from serving.champions.told import MATERIALIZE, behind, loaded, not_ready, told
from serving.champions.troubles import Troubles, written_now
from serving.degraded import open_steady
from serving.parts import Loaded, Readiness

__all__ = ["Keeper", "Kind", "Loader"]

logger = logging.getLogger("muslin.serving")

_LOOK_S: Final = 1.0
_RETRY_S: Final = 5.0

Loader = Callable[[Path, ModelLabel, Settings, Any], Any]
"""Folder, label, settings with the state to open, and the model of sizes, if there is one."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A model the service knows.

    Parameters
    ----------
    load
        Loads it and opens its state.
    exam
        Its golden requests.
    needs_sizes
        Whether it asks the model of sizes.
    """

    load: Loader
    exam: Exam
    needs_sizes: bool = False


_Published = tuple[dict[str, tuple[Any, Readiness]], dict[str, str], dict[str, str]]


class Keeper:
    """Keeps the models of one process.

    Parameters
    ----------
    settings
        Where copies and states are.
    kinds
        The models by name, those that others need first.
    publish
        Called with all of them whenever one has changed, and with the place each is served from.
        Where it raises :class:`features.state.StateError` it is called again a little later.
    role
        By model, the record that is followed; the champion's unless said.
    searched
        Where states may be; both places of the setting unless said.
    beside
        Told the version of each model's challenger, by model, before each `publish`.
    """

    def __init__(
        self,
        settings: Settings,
        kinds: Mapping[str, Kind],
        publish: Callable[[Mapping[str, Loaded[Any]], Mapping[str, str]], None],
        role: Callable[[str], Role] = lambda _: CHAMPION,
        searched: Sequence[str] | None = None,
        beside: Callable[[Mapping[str, str]], None] = lambda _: None,
    ) -> None:
        self._settings = settings
        self._searched = tuple(searched or places(settings.state_url))
        self._beside = beside
        self._challengers: dict[str, str] = {}
        self._kinds = dict(kinds)
        self._publish = publish
        self._role = role
        self._serving: dict[str, Serving] = {}
        self._troubles = Troubles(settings, kinds)
        self._waiting: dict[str, Champion | None] = dict.fromkeys(kinds)
        self._missing: dict[str, ChampionError] = {}
        self._marks = Marks()
        self._looking = threading.Lock()
        self._ended = threading.Event()
        self._copies: dict[str, Sequence[Champion]] = {}
        self._states = States()
        self._tried: _Published | None = None
        self._published: _Published | None = None
        self._again = 0.0

    def watch(self) -> None:
        """Look once a second from now on, in a thread."""
        threading.Thread(target=self._keep, name="muslin-champions", daemon=True).start()

    def end(self) -> None:
        """Look no more."""
        self._ended.set()

    def _keep(self) -> None:
        # Workers that look at different moments load at different moments.
        wait = random.uniform(0.0, _LOOK_S)
        while not self._ended.wait(wait):
            wait = _LOOK_S
            try:
                self.look()
            except Exception:
                logger.exception("champions are not looked after now")
                wait = _RETRY_S

    def look(self) -> None:
        """Take over what has changed since; whatever fails, what answers goes on answering."""
        with self._looking:
            self._missing.clear()
            self._copies = {name: self._read(name) for name in self._kinds}
            self._states = self._seen()
            try:
                # A copy that is refused may let the others stay, or go, elsewhere.
                for _ in range(len(self._kinds) + 1):
                    if not self._turn():
                        break
                self._tell()
            finally:
                self._marks.keep({each.place for each in self._serving.values()})

    def told(self) -> dict[str, dict[str, object]]:
        """What `/readyz` says of each model."""
        return {
            name: told(
                self._serving.get(name),
                self._waiting[name],
                self._behind(name),
                self._troubles.last_refused(name),
                self._challengers.get(name),
            )
            for name in self._kinds
        }

    # What there is

    def _read(self, name: str) -> Sequence[Champion]:
        role = self._role(name)
        try:
            first = read_record(self._settings, name, role)
        except ChampionError as error:
            self._missing[name] = error
            return ()
        found = (first,) if role != CHAMPION else copies_of(self._settings, name) or (first,)
        served = self._serving.get(name)
        offered = {each.folder for each in found}
        self._troubles.keep(name, offered | ({served.champion.folder} if served else set()))
        return found

    def _seen(self) -> States:
        """What is said of the state at each place; one that cannot be read stops no other."""
        found, lost = look_at(self._searched, quick=True)
        before = self._states
        for place, error in lost.items():
            if place not in before.lost:
                logger.warning("the online state at %s cannot be read: %s", shown(place), error)
        for place in before.lost:
            if place not in lost:
                logger.info("the online state at %s can be read again", shown(place))
        known = {place: before.found[place] for place in lost if place in before.found}
        return States(known | found, frozenset(lost))

    # What to take

    def _turn(self) -> bool:
        """Take what there is to take; True when it must be asked again what that is."""
        wanted = {
            name: candidates(copies, self._serving.get(name), self._troubles.refused)
            for name, copies in self._copies.items()
        }
        order = ranked(wanted, self._states)
        for name, offered in wanted.items():
            self._waiting[name] = None
            served = self._serving.get(name)
            chosen = choose(offered, served, order, self._states, self._searched[0])
            if chosen is None:
                continue
            champion, place = chosen
            for first in self._copies[name][:1]:
                if champion.folder != first.folder and not self._troubles.refused(first):
                    self._waiting[name] = first
            if not self._take(name, champion, place):
                return True
        return False

    # Taking it

    def _take(self, name: str, champion: Champion, place: str) -> bool:
        """Let this copy answer from this place; False where it is refused, or cannot be now."""
        kind, served = self._kinds[name], self._serving.get(name)
        asked = self._serving.get("size_fit") if kind.needs_sizes else None
        sizes = None if asked is None else asked.advisor
        if (
            served is not None
            and (served.champion.folder, served.place) == (champion.folder, place)
            and served.sizes is sizes
        ):
            if served.champion != champion:  # the registry was asked again
                self._serving[name] = replace(served, champion=champion)
            return True
        key = self._troubles.key(champion, place, self._states)
        if self._troubles.waits(champion, key):
            return True
        try:
            if not self._marks.mark(place) and served is not None:
                return True  # it is being filled for others
            advisor = self._made(kind, champion, place, served, sizes)
        except (ChampionError, GoldenError) as error:
            self._troubles.refuse(champion, key, error)
            return False
        except StateError as error:
            states = self._states
            hopeless = place not in states.lost and not states.suit(champion, place)
            again = None if hopeless else _RETRY_S
            self._troubles.note(champion, key, str(error), MATERIALIZE, again)
            return True
        except Exception as error:
            logger.exception("%s: the champion cannot be used", name)
            self._troubles.refuse(champion, key, error)
            return False
        same = served is not None and served.champion.folder == champion.folder
        since = served.since if served is not None and same else written_now()
        self._serving[name] = Serving(champion, place, advisor, sizes, since)
        self._troubles.taken(champion)
        if not same:
            before = f" after version {served.champion.version}" if served is not None else ""
            logger.info(
                "%s version %s answers%s (%s)", name, champion.version, before, champion.source
            )
        return True

    def _made(
        self, kind: Kind, champion: Champion, place: str, served: Serving | None, sizes: Any
    ) -> Any:
        """The model upon the state of a place: the loaded one where it is the same."""
        settings = self._settings.model_copy(update={"state_url": place})
        if (
            served is not None
            and served.champion.folder == champion.folder
            and hasattr(served.advisor, "over")
        ):
            if kind.needs_sizes:
                return served.advisor.over(open_steady(place), sizes)
            return served.advisor.over(open_steady(place))
        folder = check(self._settings, champion)
        advisor = kind.load(folder, champion.label, settings, sizes)
        asked = kind.exam.sit(folder, advisor)
        text = "%s version %s is loaded; golden requests: %s"
        logger.info(text, champion.name, champion.version, asked or "none")
        return advisor

    # What is told

    def _tell(self) -> None:
        """Publish what answers, where that is another than before."""
        models = {name: self._loaded(name) for name in self._kinds}
        at = {name: each.place for name, each in self._serving.items()}
        self._challengers = {
            name: each.version
            for name in self._kinds
            for each in copies_of(self._settings, name, CHALLENGER)
        }
        now: _Published = (
            {name: (each.advisor, each.readiness) for name, each in models.items()},
            at,
            self._challengers,
        )
        if now == self._published or (now == self._tried and time.monotonic() < self._again):
            return
        tried, self._tried = self._tried, now
        for name, each in models.items():
            readiness = each.readiness
            if not readiness.ready and (tried is None or tried[0][name][1] != readiness):
                text = "%s is not ready: %s; run: %s"
                logger.warning(text, name, readiness.reason, readiness.action)
        self._beside(self._challengers)
        try:
            self._publish(models, at)
        except StateError as error:
            if now != tried:
                logger.warning("not everything can answer yet: %s", error)
            self._again = time.monotonic() + _RETRY_S
            return
        first, self._published = self._published is None, now
        if not first:
            # As at the start: what a model is made of stays for long. What goes is collected
            # before, else it would stay for good.
            del tried
            gc.collect()
            gc.freeze()

    def _loaded(self, name: str) -> Loaded[Any]:
        served = self._serving.get(name)
        if served is not None:
            return loaded(served, self._waiting[name], self._behind(name))
        copies = self._copies[name]
        trouble = self._troubles.first(name, copies)
        return not_ready(name, copies, self._missing.get(name), trouble)

    def _behind(self, name: str) -> str | None:
        """Why another version answers than the one that should."""
        return behind(
            self._serving.get(name),
            self._copies.get(name, ()),
            self._waiting[name],
            self._troubles.last_refused(name),
        )
