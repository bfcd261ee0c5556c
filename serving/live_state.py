"""How far the online state is behind the live events, as `/readyz` tells it."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
import time
from contextlib import suppress
from typing import Any, Final

from features.lease import open_lease
from features.live.windows import position
from features.settings import Settings
from features.state import StateError
from features.stores import event_log_exists, open_event_log, open_state

__all__ = ["LiveState"]

_FRESH_S: Final = 1.0
_LONGEST_S: Final = 2.0
_NOTHING: Final[dict[str, Any]] = {
    "followed": False,
    "events_waiting": None,
    "seconds_behind": None,
    "until": None,
    "late": None,
    "reason": None,
}


class LiveState:
    """Looks at the state and the log, at most once a second and never in the event loop.

    Parameters
    ----------
    settings
        Where they are.

    Attributes
    ----------
    place
        Of the state that is looked at; see :func:`features.places.places`.
    told : dict or None
        ``followed``: whether a process keeps the state up; ``events_waiting``: events of the log
        that are not in the state yet; ``seconds_behind``: for how long the first of them has been
        so, by the moment it tells of; ``until``: the moment the state stands for; ``late``: events
        that count, or count in full, from the next filling on; ``reason``: what is missing.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.place = settings.state_url
        self._looked = 0.0
        self._looking: asyncio.Future[dict[str, Any]] | None = None
        self.told: dict[str, Any] | None = None

    async def look(self) -> None:
        """Bring `told` up to date; a store that hangs is not waited for longer than two seconds."""
        if self.told is not None and time.monotonic() - self._looked < _FRESH_S:
            return
        if self._looking is None:
            self._looking = self._begun()
        looking = self._looking
        await asyncio.wait({looking}, timeout=_LONGEST_S)
        if looking.done():
            self.told, self._looking = looking.result(), None
        else:
            reason = "the online state or the log of events does not answer"
            self.told = {**(self.told or _NOTHING), "reason": reason}
        self._looked = time.monotonic()

    def _begun(self) -> asyncio.Future[dict[str, Any]]:
        """Look from a thread of our own: those of the pool are waited for when the process ends."""
        loop = asyncio.get_running_loop()
        told: asyncio.Future[dict[str, Any]] = loop.create_future()

        def look() -> None:
            found = self._look()
            with suppress(RuntimeError):  # the loop was closed: nobody waits any more
                loop.call_soon_threadsafe(told.set_result, found)

        threading.Thread(target=look, name="muslin-live", daemon=True).start()
        return told

    def _look(self) -> dict[str, Any]:
        told = dict(_NOTHING)
        try:
            # Connections of its own: the writer's is held while the disk is busy.
            lease = open_lease(self.place, quick=True)
            told["followed"] = lease.taken()
            with suppress(StateError):
                lease.release()
            with open_state(self.place, readonly=True, quick=True) as state:
                stands = position(state.meta())
            if stands is None:
                told["reason"] = (
                    "the online state was not filled to be kept up with live events; run: muslin"
                    " materialize --data DIR"
                )
                return told
            told["late"] = stands.late
            told["until"] = _written(stands.until)
            if not event_log_exists(self._settings.events_url):
                return told | {"events_waiting": 0, "seconds_behind": 0.0}
            with open_event_log(self._settings.events_url) as log:
                waiting = log.read(stands.seq, 1)
                told["events_waiting"] = max(0, log.last() - stands.seq) if waiting else 0
            behind = time.time() - waiting[0].at / 1e6 if waiting else 0.0
            told["seconds_behind"] = round(max(0.0, behind), 1)
        except Exception as error:  # whoever asks is to be told, whatever it is
            told["reason"] = str(error)
        return told


def _written(micros: int) -> str:
    moment = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=micros)
    return moment.isoformat(timespec="seconds")
