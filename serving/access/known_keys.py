"""The keys as a worker knows them: in memory, looked up anew when their file changes."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from features.access_keys import Key
from features.access_store import KeyStore, KeyStoreError
from features.settings import Settings
from serving.access.bucket import TokenBucket

__all__ = ["Caller", "KnownKeys"]

logger = logging.getLogger("muslin.serving")

_LOOK_EVERY_S: Final = 0.5
_SAY_EVERY_S: Final = 60.0


@dataclass(slots=True)
class Caller:
    """A key, and what is left of its rate in this worker.

    Parameters
    ----------
    key
        As it is kept.
    bucket
        None for a key without a limit.
    """

    key: Key
    bucket: TokenBucket | None


class KnownKeys:
    """Finds keys by id without touching a file, but for a look at it twice a second.

    Parameters
    ----------
    settings
        Where the keys are, the limits of keys that have none, and how many workers share them.
    clock
        Seconds of a clock that never jumps.

    Notes
    -----
    Without a file there is no key. While a file that is there cannot be read, the keys known last
    stay as they are, and the log says so: a disk that fails does not lock a shop out, and nobody
    could write a revocation to it either. The same holds while somebody has locked it: a look is
    made on the event loop and waits for nobody.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = Path(settings.keys_url)
        self._rate, self._burst = settings.key_rate, settings.key_burst
        self._workers = settings.workers
        self._clock = clock
        self._look_at = self._say_at = float("-inf")
        self._store: KeyStore | None = None
        self._file: tuple[int, int] | None = None
        self._callers: dict[bytes, Caller] = {}

    def find(self, key_id: bytes) -> Caller | None:
        """Find a key, also one that has ended."""
        now = self._clock()
        if now >= self._look_at:
            self._look_at = now + _LOOK_EVERY_S
            self._look(now)
        return self._callers.get(key_id)

    def __len__(self) -> int:
        return len(self._callers)

    def _look(self, now: float) -> None:
        try:
            file = _identity(self._path)
            if file != self._file or (file is not None and self._store is None):
                self._close()
                if file is not None:
                    # The event loop looks here: a file somebody holds is read at a later look.
                    self._store = KeyStore(self._path, readonly=True, wait_s=0.0)
            if self._store is None:
                self._callers = {}
            elif self._store.changed():
                self._take(self._store.all())
            self._file = file
        except (KeyStoreError, OSError) as error:
            self._close()  # opened and read anew at the next look
            if now >= self._say_at:
                self._say_at = now + _SAY_EVERY_S
                logger.warning("keys stay as they were known last: %s", error)  # names no key

    def _take(self, keys: list[Key]) -> None:
        before = self._callers
        self._callers = {}
        for key in keys:
            key_id = key.id.encode()
            known = before.get(key_id)
            if known is not None and (known.key.rate, known.key.burst) == (key.rate, key.burst):
                self._callers[key_id] = Caller(key, known.bucket)
            else:
                self._callers[key_id] = Caller(key, self._bucket(key))

    def _bucket(self, key: Key) -> TokenBucket | None:
        """Give this worker its share of the key's rate: workers do not tell each other."""
        rate = key.rate or self._rate
        if rate is None:
            return None
        burst = key.burst or (self._burst if key.rate is None else None) or rate
        return TokenBucket(rate / self._workers, burst / self._workers, self._clock)

    def _close(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None


def _identity(path: Path) -> tuple[int, int] | None:
    """Tell one file from another that was put in its place; None where there is none."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
