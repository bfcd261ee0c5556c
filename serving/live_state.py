"""How far the online state is behind the live events, as `/readyz` tells it."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from contextlib import suppress
from typing import Any, Final

from features.event_log import EventLogError
from features.lease import open_lease
from features.live.windows import position
from features.settings import Settings
from features.state import StateError
from features.stores import event_log_exists, open_event_log, open_state

__all__ = ["LiveState"]

_FRESH_S: Final = 1.0


class LiveState:
    """Looks at the state and the log, at most once a second and never in the event loop.

    Parameters
    ----------
    settings
        Where they are.

    Attributes
    ----------
    told : dict or None
        ``followed``: whether a process keeps the state up; ``events_waiting``: events of the log
        that are not in the state yet; ``seconds_behind``: for how long the first of them has been
        so, by the moment it tells of; ``until``: the moment the state stands for; ``late``: events
        that count, or count in full, from the next filling on; ``reason``: what is missing.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._looked = 0.0
        self._looking = asyncio.Lock()
        self.told: dict[str, Any] | None = None

    async def look(self) -> None:
        """Bring `told` up to date."""
        async with self._looking:
            if self.told is not None and time.monotonic() - self._looked < _FRESH_S:
                return
            # Connections of its own: the writer's is held while the disk is busy.
            self.told = await asyncio.to_thread(self._look)
            self._looked = time.monotonic()

    def _look(self) -> dict[str, Any]:
        told: dict[str, Any] = {
            "followed": False,
            "events_waiting": None,
            "seconds_behind": None,
            "until": None,
            "late": None,
            "reason": None,
        }
        try:
            lease = open_lease(self._settings.state_url)
            told["followed"] = lease.taken()
            with suppress(StateError):
                lease.release()
            with open_state(self._settings.state_url, readonly=True) as state:
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
        except (StateError, EventLogError) as error:
            told["reason"] = str(error)
        return told


def _written(micros: int) -> str:
    moment = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=micros)
    return moment.isoformat(timespec="seconds")
