"""Who may ask: the key of a request, its scope, and its rate."""

from __future__ import annotations

import ipaddress
import logging
import math
import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from hmac import compare_digest
from http import HTTPStatus
from typing import Any, Final

from features.access_keys import digest_of, read_key_text
from features.settings import Settings
from serving.access.headers import foreign_origin
from serving.access.known_keys import Caller, KnownKeys
from serving.problems import FieldError, Problem

__all__ = ["Gate", "announce", "asks_for_keys"]

logger = logging.getLogger("muslin.serving")

_BEARER: Final = b"bearer "
_CHALLENGE: Final = {"www-authenticate": 'Bearer realm="muslin"'}
_FORWARDED: Final = frozenset((b"x-forwarded-for", b"forwarded", b"x-real-ip"))
_NOBODY: Final = digest_of(b"")  # an unknown id costs the same comparison


def asks_for_keys(settings: Settings) -> bool:
    """Whether requests need a key by the settings."""
    return settings.keys == "on" or not _is_loopback(settings.host)


def announce(settings: Settings) -> None:
    """Say in the log what holds; once a start."""
    if not asks_for_keys(settings):
        logger.warning(
            "API keys are not asked for, as the service listens on %s alone; with a reverse proxy"
            " before it set MUSLIN_KEYS=on",
            settings.host,
        )
        return
    known = KnownKeys(settings)
    known.find(b"")
    if not len(known):
        logger.warning(
            "API keys are asked for and there is none in %s: every question is answered 401; make"
            " one: muslin keys add NAME --scope storefront",
            settings.keys_url,
        )


class Gate:
    """Admits requests.

    Parameters
    ----------
    settings
        Whether keys are asked for, and where they are.
    clock
        Seconds since the epoch: keys expire by it.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self._asks = asks_for_keys(settings)
        self._keys = KnownKeys(settings)
        self._origins = {origin.encode() for origin in settings.cors_origins}
        self._clock = clock

    def admit(self, scope: Any, needed: str) -> Caller | None:
        """Let a request in, or say why not; it takes one token of the key's rate.

        Parameters
        ----------
        scope
            ASGI scope.
        needed
            Scope the path needs, of :data:`features.access_keys.SCOPES`.

        Returns
        -------
        Caller or None
            Whose key it is; None where keys are not asked for.

        Raises
        ------
        Problem
            401 without a key that is known and has not ended, 403 for a key without the scope, 429
            for one that asks too often. Where keys are not asked for: 403 for a page of another
            origin, 401 for what a proxy passes on.
        """
        proxy = None
        if not self._asks:
            # The process may have been told to listen elsewhere than the settings say.
            server = scope.get("server")
            if server is None or server[1] is None or _is_loopback(server[0]):
                proxy = self._forwarded(scope["headers"])
                if proxy is None:
                    return None
        header, text = _credentials(scope["headers"])
        if text is None:
            raise _missing(proxy)
        read = read_key_text(text)
        if read is None:
            raise _unknown(header, "does not look like a key: msl_, its id, _ and its secret")
        key_id, secret = read
        caller = self._keys.find(key_id)
        same = compare_digest(_NOBODY if caller is None else caller.key.digest, digest_of(secret))
        if caller is None or not same:
            raise _unknown(header, "is no key of this service")
        key = caller.key
        if key.revoked is not None or key.expires is not None:
            state = key.state(self._clock())
            if state in ("revoked", "expired"):
                raise _unknown(header, f"is key {key.id}, which is {state}; ask for a new one")
        if needed not in key.scopes:
            raise _wrong_scope(header, caller, needed)
        if caller.bucket is not None and (wait := caller.bucket.take(1)):
            used_up = FieldError(header, "the key has used up what it may ask for now")
            raise _too_often(used_up, caller, wait)
        return caller

    def _forwarded(self, headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
        """Give the header by which a proxy passes a request on; None where it is this machine's.

        Raises
        ------
        Problem
            403 for a page from elsewhere: a browser on this machine sends what any page tells it
            to, as long as it is simple enough to need no preflight.
        """
        origin = host = forwarded = None
        for name, value in headers:
            if name == b"origin":
                origin = value
            elif name == b"host":
                host = value
            elif name in _FORWARDED:
                forwarded = name
        if origin is not None and origin not in self._origins and not _is_own(origin, host):
            raise foreign_origin(origin)
        return forwarded

    @staticmethod
    def charge(caller: Caller, cost: int) -> None:
        """Take the rest of what a request costs.

        Parameters
        ----------
        caller
            Was admitted, at the cost of one token.
        cost
            In all.

        Raises
        ------
        Problem
            429 when the key has not that much left.
        """
        if cost > 1 and caller.bucket is not None and (wait := caller.bucket.take(cost, held=1)):
            asks = f"asks {cost} questions, more than the key has left for now"
            raise _too_often(FieldError("", asks), caller, wait)

    @staticmethod
    def give_back(caller: Caller, cost: int, problem: Problem) -> None:
        """Give back what a request cost that is not answered for want of the service's.

        Parameters
        ----------
        caller
            Was admitted.
        cost
            What was taken.
        problem
            What it is answered instead.
        """
        ours = problem.status == HTTPStatus.SERVICE_UNAVAILABLE or problem.kind == "overloaded"
        if ours and caller.bucket is not None:
            caller.bucket.give(cost)


def _credentials(headers: Iterable[tuple[bytes, bytes]]) -> tuple[str, bytes | None]:
    """Find the key: in X-API-Key, else in Authorization where that is of the Bearer scheme."""
    bearer = None
    for name, value in headers:
        if name == b"x-api-key":
            return "x-api-key", value.strip()
        if name == b"authorization" and value[:7].lower() == _BEARER:
            bearer = value[7:].strip()
    return "authorization", bearer


def _is_own(origin: bytes, host: bytes | None) -> bool:
    """Whether a page is one of the service itself, reached by a loopback address.

    By its name alone it may be anybody's: a name can be made to lead to this machine later.
    """
    if host is None or origin.partition(b"://")[2] != host.lower():
        return False
    name = origin.decode("latin-1").partition("://")[2]
    name = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
    return _is_loopback(name)


@lru_cache(maxsize=64)
def _is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:  # a name: where it leads is not ours to guess
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def _missing(proxy: bytes | None) -> Problem:
    why = "" if proxy is None else f" Its {proxy.decode()} says that a proxy passed the request on."
    how = "is required: send Authorization: Bearer KEY, or X-API-Key: KEY"
    return Problem(
        HTTPStatus.UNAUTHORIZED,
        "key-missing",
        "A key is needed",
        "This path asks for an API key; send it as Authorization: Bearer KEY, or X-API-Key: KEY."
        + why,
        errors=[FieldError("authorization", how)],
        headers=_CHALLENGE,
    )


def _unknown(header: str, reason: str) -> Problem:
    return Problem(
        HTTPStatus.UNAUTHORIZED,
        "key-not-accepted",
        "The key is not accepted",
        f"What was sent as {header} {reason}.",
        errors=[FieldError(header, reason)],
        headers=_CHALLENGE,
    )


def _wrong_scope(header: str, caller: Caller, needed: str) -> Problem:
    key = caller.key
    reason = f"the key has the scope {', '.join(key.scopes)}; this path needs {needed}"
    return Problem(
        HTTPStatus.FORBIDDEN,
        "wrong-scope",
        "The key may not ask this",
        f"Key {key.id} has the scope {', '.join(key.scopes)}, and this path needs {needed}; use a"
        " key that has it.",
        errors=[FieldError(header, reason)],
    )


def _too_often(error: FieldError, caller: Caller, wait_s: float) -> Problem:
    seconds = max(1, math.ceil(wait_s))
    return Problem(
        HTTPStatus.TOO_MANY_REQUESTS,
        "rate-limited",
        "The key asks too often",
        f"Key {caller.key.id} has used up what it may ask; ask again in {seconds} s. A list counts"
        " as many times as it has items, a basket as it has lines.",
        errors=[error],
        headers={"retry-after": str(seconds)},
    )
