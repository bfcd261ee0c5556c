"""Which champion answers from which state, while both may change under a running service.

A worker looks at the records of the copies and at the meta of the states once a second, in a thread
of its own. A new champion is loaded there, opened upon a state that was filled for it, and asked
its golden requests; then it takes the place of the old one, which finishes what it has begun.
Until all of that is done the old champion answers from the old state, however long it takes.
"""

from __future__ import annotations

import datetime as dt
import gc
import logging
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from features.credentials import without_credentials
from features.places import FILLED_AT, Mark, metas, open_mark, places, space_name
from features.settings import Settings
from features.state import StateError
from serving.advisor import ModelLabel
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
from serving.degraded import open_steady
from serving.parts import Loaded, Readiness

__all__ = ["MATERIALIZE", "Keeper", "Kind", "Loader"]

logger = logging.getLogger("muslin.serving")

MATERIALIZE: Final = "muslin materialize --data DIR"
_LOOK_S: Final = 1.0
_RETRY_S: Final = 5.0
_LEAVE_S: Final = 15.0
"""How long a state stays marked that is left: requests that were begun may still read it."""

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


@dataclass(frozen=True, slots=True)
class _Serving:
    champion: Champion
    place: str
    advisor: Any
    sizes: Any
    since: str


@dataclass(frozen=True, slots=True)
class _Trouble:
    """Why a copy is not taken, as long as `key` stays what it is."""

    version: str
    folder: str
    key: tuple[object, ...]
    reason: str
    action: str | None
    at: str
    refused: bool
    again: float

    def told(self) -> dict[str, object]:
        # `/readyz` is open to all.
        reason = without_credentials(self.reason)
        return {"version": self.version, "reason": reason, "at": self.at}


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
        self._serving: dict[str, _Serving] = {}
        self._trouble: dict[str, dict[str, _Trouble]] = {name: {} for name in kinds}
        self._last_refused: dict[str, _Trouble] = {}
        self._waiting: dict[str, Champion | None] = dict.fromkeys(kinds)
        self._missing: dict[str, ChampionError] = {}
        self._marks: dict[str, Mark] = {}
        self._left: dict[str, float] = {}
        self._looking = threading.Lock()
        self._ended = threading.Event()
        self._copies: dict[str, Sequence[Champion]] = {}
        self._published: _Published | None = None

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
            found = self._states()
            # A copy that is refused may let the others stay, or go, elsewhere.
            for _ in range(len(self._kinds) + 1):
                if not self._turn(self._copies, found):
                    break
            self._tell()
            self._release()

    def told(self) -> dict[str, dict[str, object]]:
        """What `/readyz` says of each model."""
        return {name: self._told(name) for name in self._kinds}

    # What there is

    def _read(self, name: str) -> Sequence[Champion]:
        role = self._role(name)
        try:
            first = read_record(self._settings, name, role)
        except ChampionError as error:
            self._missing[name] = error
            return ()
        if role != CHAMPION:
            return (first,)
        return copies_of(self._settings, name) or (first,)

    def _states(self) -> dict[str, dict[str, str]] | None:
        """What is said of the state at each place; None while that cannot be told."""
        try:
            return metas(self._searched, quick=True)
        except StateError as error:
            logger.debug("the places of the online state cannot be read: %s", error)
            return None

    # What to take

    def _turn(
        self, copies: Mapping[str, Sequence[Champion]], found: dict[str, dict[str, str]] | None
    ) -> bool:
        """Take what there is to take; True when it must be asked again what that is."""
        wanted = {name: self._candidates(name, copies[name]) for name in self._kinds}
        ranked = self._ranked(wanted, found or {})
        for name, candidates in wanted.items():
            self._waiting[name] = None
            chosen = self._choose(name, candidates, ranked, found)
            if chosen is None:
                continue
            champion, place = chosen
            if copies[name] and champion.folder != copies[name][0].folder:
                first = copies[name][0]
                if not self._refused(name, first):
                    self._waiting[name] = first
            if not self._take(name, champion, place, found):
                return True
        return False

    def _candidates(self, name: str, copies: Sequence[Champion]) -> list[Champion]:
        """The copies that may answer, the wanted first."""
        served = self._serving.get(name)
        rest = list(copies[1:]) if served is None else [served.champion]
        offered = {each.folder: each for each in (*copies[:1], *rest)}
        kept = [each for each in offered.values() if not self._refused(name, each)]
        if served is not None and served.champion.folder not in {each.folder for each in kept}:
            kept.append(served.champion)  # in memory it is as good as ever
        return kept

    def _ranked(
        self, wanted: Mapping[str, Sequence[Champion]], found: Mapping[str, Mapping[str, str]]
    ) -> list[str]:
        """The places, first the one that suits most models, of these the one filled last."""

        def suits(url: str) -> tuple[int, str]:
            firsts = [each[0] for each in wanted.values() if each]
            return sum(_fits(each, found[url]) for each in firsts), found[url].get(FILLED_AT, "")

        return sorted(found, key=suits, reverse=True)

    def _choose(
        self,
        name: str,
        candidates: Sequence[Champion],
        ranked: Sequence[str],
        found: Mapping[str, Mapping[str, str]] | None,
    ) -> tuple[Champion, str] | None:
        served = self._serving.get(name)
        for each in candidates:
            is_served = served is not None and each.folder == served.champion.folder
            if found is None and served is not None:
                if is_served:
                    return each, served.place
                continue
            for url in ranked:
                if found is not None and _fits(each, found[url]):
                    return each, url
            if served is not None and is_served:
                return each, served.place
        if candidates and served is None:
            # Nothing suits: opening the usual place says what is missing.
            return candidates[0], self._searched[0]
        return None

    # Taking it

    def _take(
        self,
        name: str,
        champion: Champion,
        place: str,
        found: Mapping[str, Mapping[str, str]] | None,
    ) -> bool:
        """Let this copy answer from this place; False where it is refused, or cannot be now."""
        kind, served = self._kinds[name], self._serving.get(name)
        sizes = self._advisor("size_fit") if kind.needs_sizes else None
        if (
            served is not None
            and (served.champion.folder, served.place) == (champion.folder, place)
            and served.sizes is sizes
        ):
            if served.champion != champion:  # the registry was asked again
                self._serving[name] = replace(served, champion=champion)
            return True
        key = self._key(name, champion, place, found)
        trouble = self._trouble[name].get(champion.folder)
        if trouble is not None and trouble.key == key and time.monotonic() < trouble.again:
            return True
        mark = self._marks.get(place)
        if mark is None:
            mark = self._marks[place] = open_mark(place)
        try:
            if not self._marked(mark, served):
                return True  # it is being filled for others
            advisor = self._made(name, champion, place, served, sizes)
        except (ChampionError, GoldenError) as error:
            self._refuse(name, champion, key, error)
            return False
        except StateError as error:
            meta = None if found is None else found.get(place)
            hopeless = found is not None and (meta is None or not _fits(champion, meta))
            self._note(
                name, champion, key, str(error), MATERIALIZE, again=None if hopeless else _RETRY_S
            )
            return True
        except Exception as error:
            logger.exception("%s: the champion cannot be used", name)
            self._refuse(name, champion, key, error)
            return False
        same = served is not None and served.champion.folder == champion.folder
        since = served.since if served is not None and same else _now()
        self._serving[name] = _Serving(champion, place, advisor, sizes, since)
        self._trouble[name].pop(champion.folder, None)
        if not same:
            before = f" after version {served.champion.version}" if served is not None else ""
            logger.info(
                "%s version %s answers%s (%s)", name, champion.version, before, champion.source
            )
        return True

    def _made(
        self, name: str, champion: Champion, place: str, served: _Serving | None, sizes: Any
    ) -> Any:
        """The model upon the state of a place: the loaded one where it is the same."""
        kind = self._kinds[name]
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
        logger.info(
            "%s version %s is loaded; golden requests: %s", name, champion.version, asked or "none"
        )
        return advisor

    def _marked(self, mark: Mark, served: _Serving | None) -> bool:
        try:
            return mark.keep() or served is None
        except StateError:
            return True  # the mark is for who fills; without it answers are as good

    # What went wrong

    def _key(
        self,
        name: str,
        champion: Champion,
        place: str,
        found: Mapping[str, Mapping[str, str]] | None,
    ) -> tuple[object, ...]:
        """What must change before it is worth another try: the copy, or the state."""
        filled = (found or {}).get(place, {}).get(FILLED_AT)
        return (champion.files, self._stamp(name), place, filled)

    def _stamp(self, name: str) -> int:
        """When the record was written: copies that were damaged are mended then."""
        home = self._settings.champion_dir / name
        stamps = [0]
        for record in ("current.json", "challenger.json"):
            try:
                stamps.append((home / record).stat().st_mtime_ns)
            except OSError:
                continue
        return max(stamps)

    def _refused(self, name: str, champion: Champion) -> bool:
        trouble = self._trouble[name].get(champion.folder)
        if trouble is None or not trouble.refused:
            return False
        return trouble.key[:2] == (champion.files, self._stamp(name))

    def _refuse(
        self, name: str, champion: Champion, key: tuple[object, ...], error: Exception
    ) -> None:
        if isinstance(error, ChampionError):
            reason, action = error.reason, error.action
        elif isinstance(error, GoldenError):
            reason = f"the champion of {name} is refused: {error}"
            action = _train(name)
        else:
            reason = f"the champion of {name} cannot be used: {error}"
            action = _train(name)
        self._note(name, champion, key, reason, action, refused=True)

    def _note(
        self,
        name: str,
        champion: Champion,
        key: tuple[object, ...],
        reason: str,
        action: str | None,
        *,
        refused: bool = False,
        again: float | None = None,
    ) -> None:
        """Keep why a copy is not taken; it is tried again when something changes, or after a time.

        Loading a model only to hear the same is worth nobody's second.
        """
        noted = _Trouble(
            champion.version,
            champion.folder,
            key,
            reason,
            action,
            _now(),
            refused,
            float("inf") if again is None else time.monotonic() + again,
        )
        before = self._trouble[name].get(champion.folder)
        self._trouble[name][champion.folder] = noted
        if refused:
            self._last_refused[name] = noted
        if before is None or before.reason != reason:
            logger.warning(
                "%s version %s is not taken: %s; run: %s", name, champion.version, reason, action
            )

    # What is told

    def _tell(self) -> None:
        """Publish what answers, where that is another than before."""
        loaded = {name: self._loaded(name) for name in self._kinds}
        at = {name: each.place for name, each in self._serving.items()}
        self._challengers = {
            name: each.version
            for name in self._kinds
            for each in copies_of(self._settings, name, CHALLENGER)
        }
        models = {name: (each.advisor, each.readiness) for name, each in loaded.items()}
        now = (models, at, self._challengers)
        if now == self._published:
            return
        before, self._published = self._published, now
        self._beside(self._challengers)
        self._publish(loaded, at)
        for name, each in loaded.items():
            told = each.readiness
            if not told.ready and (before is None or before[0][name][1] != told):
                logger.warning("%s is not ready: %s; run: %s", name, told.reason, told.action)
        if before is not None:
            gc.freeze()  # as at the start: what a model is made of stays for long

    def _loaded(self, name: str) -> Loaded[Any]:
        served = self._serving.get(name)
        if served is None:
            return Loaded(None, self._not_ready(name))
        champion = served.champion
        reasons = [champion.reason, self._behind(name)]
        told = Readiness(
            ready=True,
            model=champion.label,
            source=champion.source,
            reason="; ".join(each for each in reasons if each) or None,
            action=MATERIALIZE if self._waiting[name] is not None else None,
        )
        return Loaded(served.advisor, told)

    def _not_ready(self, name: str) -> Readiness:
        missing = self._missing.get(name)
        if missing is not None:
            return Readiness(ready=False, reason=missing.reason, action=missing.action)
        troubles = list(self._trouble[name].values())
        if not troubles:
            return Readiness(ready=False, reason=f"{name} is not loaded yet")
        first = troubles[0]
        source = next(
            (each.source for each in self._copies[name] if each.folder == first.folder), None
        )
        return Readiness(ready=False, source=source, reason=first.reason, action=first.action)

    def _behind(self, name: str) -> str | None:
        """Why another version answers than the one that should."""
        waiting = self._waiting[name]
        if waiting is not None:
            return (
                f"version {waiting.version} is the champion, and the online state is not filled"
                " for it"
            )
        served = self._serving[name].champion
        refused = self._last_refused.get(name)
        if refused is not None and refused.folder != served.folder:
            current = self._copies.get(name)
            if current and current[0].folder == refused.folder:
                return f"version {refused.version} is refused: {refused.reason}"
        return None

    def _told(self, name: str) -> dict[str, object]:
        served = self._serving.get(name)
        waiting, refused = self._waiting[name], self._last_refused.get(name)
        return {
            "version": None if served is None else served.champion.version,
            "since": None if served is None else served.since,
            "waiting": None
            if waiting is None
            else {"version": waiting.version, "reason": self._behind(name), "action": MATERIALIZE},
            "refused": None if refused is None else refused.told(),
            "shadow": self._challengers.get(name),
        }

    def _advisor(self, name: str) -> Any:
        served = self._serving.get(name)
        return None if served is None else served.advisor

    def _release(self) -> None:
        """Keep the marks of the states that are read, and take away those that were left."""
        now = time.monotonic()
        used = {each.place for each in self._serving.values()}
        for place, mark in list(self._marks.items()):
            if place in used:
                self._left.pop(place, None)
                self._marked(mark, None)
            elif now - self._left.setdefault(place, now) > _LEAVE_S:
                mark.release()
                del self._marks[place], self._left[place]


def _fits(champion: Champion, meta: Mapping[str, str]) -> bool:
    """Whether a state was filled for the feature space of a copy."""
    return champion.space is None or meta.get(space_name(champion.name)) == champion.space


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")


def _train(name: str) -> str:
    command = name.replace("_", "-")
    return f"muslin train {command} --data DIR && muslin promote {command}"
