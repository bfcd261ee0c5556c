"""The two places of an online state: one serves while the other is filled for a new feature space.

A state belongs to one feature space, and a new champion often brings another. Where a service is
running, its state is left alone and the other place is filled; the service goes over when it is
whole. A service marks the places it reads, so that none is filled anew under its hands.
"""

from __future__ import annotations

import fcntl
import os
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from features.state import NoStateError, StateError
from features.stores import open_state, shown

if TYPE_CHECKING:
    from features.settings import Settings

__all__ = [
    "FILLED_AT",
    "Mark",
    "filling",
    "is_used",
    "look_at",
    "metas",
    "open_mark",
    "place_of",
    "place_to_fill",
    "places",
    "space_name",
]

FILLED_AT: Final = "filled_at"
"""Name in the meta of a state."""
_SECOND: Final = "second"
_PREFIX: Final = "muslin"
_EXPIRES_S: Final = 20.0
_RENEW_S: Final = 4.0
_LONGEST_FILL_S: Final = 3600


def space_name(model: str) -> str:
    """Name in the meta of a state of the feature space it was filled for."""
    return f"space.{model}"


def places(url: str | Path) -> tuple[str, str]:
    """Both places of a state.

    Parameters
    ----------
    url
        The setting, as :func:`features.stores.open_state` takes it: the first place.

    Examples
    --------
    >>> places("var/state.db")
    ('var/state.db', 'var/state.second.db')
    >>> places("redis://server/0?prefix=shop")[1]
    'redis://server/0?prefix=shop.second'
    """
    if not _is_redis(url):
        path = Path(url)
        return str(url), str(path.with_name(f"{path.stem}.{_SECOND}{path.suffix}"))
    parts = urlsplit(str(url))
    options = dict(parse_qsl(parts.query))
    options["prefix"] = f"{options.get('prefix', _PREFIX)}.{_SECOND}"
    return str(url), urlunsplit(parts._replace(query=urlencode(options)))


def metas(urls: Sequence[str], *, quick: bool = False) -> dict[str, dict[str, str]]:
    """What is said of the states at these places, where there is one.

    Parameters
    ----------
    urls
        The places.
    quick
        As :func:`features.stores.open_state` takes it.

    Raises
    ------
    StateError
        A place cannot be read.
    """
    found, lost = look_at(urls, quick=quick)
    for error in lost.values():
        raise error
    return found


def look_at(
    urls: Sequence[str], *, quick: bool = False
) -> tuple[dict[str, dict[str, str]], dict[str, StateError]]:
    """What is said of the state at each place, for who goes on without the places that fail.

    Parameters
    ----------
    urls, quick
        As for :func:`metas`.

    Returns
    -------
    found, lost
        By place, what is said there, and why it cannot be read; a place without a state is in
        neither.
    """
    found: dict[str, dict[str, str]] = {}
    lost: dict[str, StateError] = {}
    for url in urls:
        try:
            with open_state(url, readonly=True, quick=quick) as state:
                found[url] = state.meta()
        except NoStateError:
            continue
        except StateError as error:
            lost[url] = error
    return found, lost


class Mark(Protocol):
    """Says that a place is read. It ends with the process that made it, however that ends."""

    def keep(self) -> bool:
        """Make the mark or keep it; False while the place is being filled for other models."""
        ...

    def release(self) -> None:
        """Take the mark away."""
        ...


class _FileMark:
    """A shared lock on a file beside the state; who fills it has the lock alone."""

    def __init__(self, url: str) -> None:
        self.path = Path(f"{url}.use")
        self._file: int | None = None

    def keep(self, how: int = fcntl.LOCK_SH) -> bool:
        if self._file is not None:
            return True
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StateError(f"{self.path} cannot be made ({error})") from error
        try:
            fcntl.flock(file, how | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return False
        self._file = file
        return True

    def used(self) -> bool:
        """Whether anybody has the lock."""
        if not self.path.exists():
            return False
        alone = _FileMark(str(self.path).removesuffix(".use"))
        try:
            return not alone.keep(fcntl.LOCK_EX)
        finally:
            alone.release()

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Keep readers out; gives False where there is one."""
        mine = self.keep(fcntl.LOCK_EX)
        try:
            yield mine
        finally:
            self.release()

    def release(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


class _RedisMark:
    """A member of a sorted set, whose score is the time at which it expires."""

    def __init__(self, url: str) -> None:
        from features.state_redis import connected  # noqa: PLC0415 - an extra

        client, prefix = connected(url, quick=True)
        self._client: Any = client
        self._use, self._filling = f"{prefix}:use", f"{prefix}:filled-now"
        self._name = uuid.uuid4().hex
        self._renewed = 0.0

    def keep(self) -> bool:
        now = time.monotonic()
        if self._renewed and now - self._renewed < _RENEW_S:
            return True
        with _told():
            if not self._renewed and self._client.exists(self._filling):
                return False
            self._client.zadd(self._use, {self._name: time.time() + _EXPIRES_S})
        self._renewed = now
        return True

    def used(self) -> bool:
        """Whether a mark of anybody has not expired."""
        with _told():
            self._client.zremrangebyscore(self._use, "-inf", time.time())
            return bool(self._client.zcard(self._use))

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Keep new readers out; gives False where there is one."""
        with _told():
            self._client.set(self._filling, "1", ex=_LONGEST_FILL_S)
        try:
            yield not self.used()
        finally:
            with _told():
                self._client.delete(self._filling)

    def release(self) -> None:
        if self._renewed:
            self._renewed = 0.0
            with suppress(StateError), _told():
                self._client.zrem(self._use, self._name)
        self._client.close()


def open_mark(url: str) -> Mark:
    """The mark of a place."""
    return _mark(url)


def is_used(url: str) -> bool:
    """Whether a service reads a place."""
    mark = _mark(url)
    try:
        return mark.used()
    finally:
        mark.release()


@contextmanager
def filling(url: str, spaces: Mapping[str, str]) -> Iterator[None]:
    """While the block runs, keep services from going over to a place that is filled for others.

    Parameters
    ----------
    url
        The place; readers may stay where it was filled for these feature spaces before.
    spaces
        Fingerprint of the feature space, by model.

    Raises
    ------
    StateError
        A service reads it.
    """
    if any(_is_for(meta, spaces) for meta in metas([url]).values()):
        yield
        return
    with _mark(url).alone() as mine:
        if not mine:
            raise StateError(
                f"the online state at {shown(url)} is being read by a service; try again"
            )
        yield


def place_to_fill(settings: Settings, spaces: Mapping[str, str]) -> str:
    """Where a state for these feature spaces goes, so that no running service loses its own.

    Parameters
    ----------
    settings
        Where the state is.
    spaces
        Fingerprint of the feature space, by model.

    Returns
    -------
    str
        The place that was filled for just these spaces before; else the first that no service
        reads, of two the one that was filled longer ago.

    Raises
    ------
    StateError
        Services read both, each for other models than these.
    """
    both = places(settings.state_url)
    there = metas(both)
    for url in sorted(there, key=lambda url: there[url].get(FILLED_AT, ""), reverse=True):
        if _is_for(there[url], spaces):
            return url
    free = [url for url in both if not is_used(url)]
    if not free:
        raise StateError(
            f"both places of the online state ({shown(both[0])} and {shown(both[1])}) serve models"
            " that differ from the champions; see at /readyz which version is refused, then"
            " promote another or run: muslin rollback MODEL"
        )
    if len(free) == 2 and len(there) == 2:
        return min(free, key=lambda url: there[url].get(FILLED_AT, ""))
    return free[0]


def place_of(settings: Settings, spaces: Mapping[str, str]) -> str | None:
    """The place that was filled last of those filled for all of these spaces, if there is one.

    Parameters
    ----------
    settings
        Where the state is.
    spaces
        Fingerprint of the feature space, by model; the state may be for others, too.
    """
    fit = {
        url: meta.get(FILLED_AT, "")
        for url, meta in metas(places(settings.state_url)).items()
        if all(meta.get(space_name(model)) == of for model, of in spaces.items())
    }
    return max(fit, key=lambda url: fit[url], default=None)


def _is_for(meta: Mapping[str, str], spaces: Mapping[str, str]) -> bool:
    """Whether a state was filled for these feature spaces and no others."""
    wanted = {space_name(model): of for model, of in spaces.items()}
    return {name: of for name, of in meta.items() if name.startswith("space.")} == wanted


def _mark(url: str) -> _FileMark | _RedisMark:
    return _RedisMark(url) if _is_redis(url) else _FileMark(url)


def _is_redis(url: str | Path) -> bool:
    return str(url).startswith(("redis://", "rediss://"))


@contextmanager
def _told() -> Iterator[None]:
    from redis import RedisError  # noqa: PLC0415 - an extra

    try:
        yield
    except RedisError as error:
        raise StateError(f"the server of the online state does not answer ({error})") from error
