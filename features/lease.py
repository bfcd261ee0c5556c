"""Only one follows: the right to keep an online state up, which one process has at a time."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from features.state import StateError

if TYPE_CHECKING:
    from redis.lock import Lock

__all__ = ["FileLease", "Lease", "RedisLease", "open_lease"]

_EXPIRES_S: Final = 15.0
_RENEW_S: Final = 3.0


class Lease(Protocol):
    """The right to write a state. It ends with the process that has it, however that ends."""

    def take(self) -> bool:
        """Take the right or keep it; whether we have it now. Cheap enough for every turn."""
        ...

    def taken(self) -> bool:
        """Whether anybody has the right."""
        ...

    def release(self) -> None:
        """Give the right back."""
        ...


class FileLease:
    """The right to write a SQLite state: a lock on a file beside it.

    Parameters
    ----------
    path
        Path of the state.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(f"{path}.follow")
        self._file: int | None = None

    def take(self) -> bool:
        """Take the right or keep it; whether we have it now."""
        if self._file is None:
            self._file = self._locked()
        return self._file is not None

    def taken(self) -> bool:
        """Whether anybody has the right."""
        if self._file is not None:
            return True
        if not self.path.exists():
            return False
        file = self._locked()
        if file is not None:
            os.close(file)
        return file is None

    def release(self) -> None:
        """Give the right back."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _locked(self) -> int | None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StateError(f"{self.path} cannot be made ({error})") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return None
        return file


class RedisLease:
    """The right to write a state in Redis: a key that expires unless it is renewed.

    Parameters
    ----------
    url, quick
        As for :class:`features.state_redis.RedisState`.
    """

    def __init__(self, url: str, *, quick: bool = False) -> None:
        from features.state_redis import connected  # noqa: PLC0415 - an extra

        self._client, prefix = connected(url, quick=quick)
        self._key = f"{prefix}:follow"
        self._lock: Lock = self._client.lock(self._key, timeout=_EXPIRES_S, blocking=False)
        self._renewed = 0.0

    def take(self) -> bool:
        """Take the right or keep it; whether we have it now."""
        from redis import RedisError  # noqa: PLC0415 - an extra
        from redis.exceptions import LockError  # noqa: PLC0415 - an extra

        now = time.monotonic()
        if now - self._renewed < _RENEW_S:
            return True
        try:
            if self._renewed:
                try:
                    self._lock.reacquire()
                except LockError:  # it expired: a step took long, or the server was away
                    self._renewed = 0.0
            if not self._renewed and not self._lock.acquire():
                return False
        except RedisError as error:
            self._renewed = 0.0
            raise StateError(f"the server of the online state does not answer ({error})") from error
        self._renewed = now
        return True

    def taken(self) -> bool:
        """Whether anybody has the right."""
        from redis import RedisError  # noqa: PLC0415 - an extra

        try:
            return bool(self._client.exists(self._key))
        except RedisError as error:
            raise StateError(f"the server of the online state does not answer ({error})") from error

    def release(self) -> None:
        """Give the right back."""
        from redis import RedisError  # noqa: PLC0415 - an extra

        if self._renewed:
            self._renewed = 0.0
            with suppress(RedisError):
                self._lock.release()
        self._client.close()


def open_lease(url: str | Path, *, quick: bool = False) -> Lease:
    """The right to write the state of a setting.

    Parameters
    ----------
    url, quick
        As :func:`features.stores.open_state` takes it.
    """
    if str(url).startswith(("redis://", "rediss://")):
        return RedisLease(str(url), quick=quick)
    return FileLease(url)
