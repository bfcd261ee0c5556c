"""Why copies are not taken, for as long as it is so."""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from features.credentials import without_credentials
from features.settings import Settings
from serving.champions.choice import States
from serving.champions.copies import Champion, ChampionError, stamp_of, train_command
from serving.champions.golden import GoldenError

__all__ = ["Key", "Trouble", "Troubles", "written_now"]

logger = logging.getLogger("muslin.serving")

Key = tuple[object, ...]
"""What must change before a copy is worth another try."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a copy is not taken, as long as `key` stays what it is.

    Parameters
    ----------
    version, folder
        Of the copy.
    key
        As :meth:`Troubles.key`.
    reason, action
        What is wrong, and the command that helps.
    at
        When it was found.
    refused
        Whether the copy itself is to blame.
    again
        Moment of the monotonic clock from which on it is worth another try all the same.
    """

    version: str
    folder: str
    key: Key
    reason: str
    action: str | None
    at: str
    refused: bool
    again: float

    def told(self) -> dict[str, object]:
        """For `/readyz`, which is open to all."""
        reason = without_credentials(self.reason)
        return {"version": self.version, "reason": reason, "at": self.at}


class Troubles:
    """The troubles of the copies of each model.

    Parameters
    ----------
    settings
        Where copies are.
    names
        Of the models.
    """

    def __init__(self, settings: Settings, names: Iterable[str]) -> None:
        self._settings = settings
        self._of: dict[str, dict[str, Trouble]] = {name: {} for name in names}
        self._last_refused: dict[str, Trouble] = {}

    def key(self, champion: Champion, place: str, states: States) -> Key:
        """What must change before it is worth another try: the copy, its record or the state."""
        stamp = stamp_of(self._settings, champion.name)
        return (champion.files, stamp, place, states.filled_at(place))

    def waits(self, champion: Champion, key: Key) -> bool:
        """Whether it was tried, and nothing has changed since."""
        trouble = self._of[champion.name].get(champion.folder)
        return trouble is not None and trouble.key == key and time.monotonic() < trouble.again

    def refused(self, champion: Champion) -> bool:
        """Whether the copy was tested, failed, and has not been written anew."""
        trouble = self._of[champion.name].get(champion.folder)
        if trouble is None or not trouble.refused:
            return False
        return trouble.key[:2] == (champion.files, stamp_of(self._settings, champion.name))

    def last_refused(self, name: str) -> Trouble | None:
        """The copy of a model that was refused last, whatever became of it."""
        return self._last_refused.get(name)

    def first(self, name: str, copies: Sequence[Champion]) -> Trouble | None:
        """What to tell where nothing answers: the trouble of the champion before that of others."""
        found = self._of[name]
        for each in copies:
            if each.folder in found:
                return found[each.folder]
        return next(iter(found.values()), None)

    def refuse(self, champion: Champion, key: Key, error: Exception) -> None:
        """Take this copy no more, until it is written anew."""
        name = champion.name
        if isinstance(error, ChampionError):
            reason, action = error.reason, error.action
        elif isinstance(error, GoldenError):
            reason, action = f"the champion of {name} is refused: {error}", train_command(name)
        else:
            reason, action = f"the champion of {name} cannot be used: {error}", train_command(name)
        self._last_refused[name] = self._noted(champion, key, reason, action, True, None)

    def note(
        self, champion: Champion, key: Key, reason: str, action: str, again: float | None
    ) -> None:
        """Keep why a copy is not taken now.

        Loading a model only to hear the same is worth nobody's second: it is tried again when
        something changes, or after `again` seconds.
        """
        self._noted(champion, key, reason, action, False, again)

    def _noted(
        self,
        champion: Champion,
        key: Key,
        reason: str,
        action: str,
        refused: bool,
        again: float | None,
    ) -> Trouble:
        found = self._of[champion.name]
        until = float("inf") if again is None else time.monotonic() + again
        before = found.get(champion.folder)
        noted = found[champion.folder] = Trouble(
            champion.version, champion.folder, key, reason, action, written_now(), refused, until
        )
        if before is None or before.reason != reason:
            logger.warning(
                "%s version %s is not taken: %s; run: %s",
                champion.name,
                champion.version,
                reason,
                action,
            )
        return noted

    def taken(self, champion: Champion) -> None:
        """Forget what was wrong with a copy that answers now."""
        self._of[champion.name].pop(champion.folder, None)

    def keep(self, name: str, folders: Collection[str]) -> None:
        """Forget the troubles of copies that nobody offers any more."""
        found = self._of[name]
        self._of[name] = {folder: each for folder, each in found.items() if folder in folders}


def written_now() -> str:
    """The time, to the second."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
