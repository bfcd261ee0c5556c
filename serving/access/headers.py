"""Headers every answer carries: for the browser that shows it, and the pages that may read it.

All of them are made once; a request only chooses among tuples.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Final

from serving.problems import FieldError, Problem

__all__ = ["Field", "Fields", "Headers", "foreign_origin"]

Field = tuple[bytes, bytes]
Fields = tuple[Field, ...]
"""Headers as ASGI sends them."""

_EVERY: Final[Fields] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
_ANSWER: Final[Fields] = (*_EVERY, (b"cache-control", b"no-store"))  # it may tell of a person
_PAGE: Final[Fields] = (
    *_EVERY,
    (b"cache-control", b"no-cache"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-frame-options", b"DENY"),
)
_VARY: Final = (b"vary", b"origin")
_READABLE: Final = b"retry-after, x-request-id"
_SENDABLE: Final = b"authorization, content-type, x-api-key, x-request-id"
_REMEMBERED_S: Final = b"7200"  # Chromium remembers no longer


class Headers:
    """Chooses the headers of an answer.

    Parameters
    ----------
    origins
        Web origins whose pages may read answers, such as ``https://shop.example``.
    """

    def __init__(self, origins: Sequence[str]) -> None:
        self._origins = {origin.encode() for origin in origins}
        vary = (_VARY,) if origins else ()
        self._answer: Fields = (*_ANSWER, *vary)
        self._page: Fields = (*_PAGE, *vary)
        self._answers = {origin: (*self._answer, *_shared(origin)) for origin in self._origins}
        self._pages = {origin: (*self._page, *_shared(origin)) for origin in self._origins}

    def of_answer(self, headers: Iterable[tuple[bytes, bytes]]) -> Fields:
        """Give the headers of an endpoint's answer, or of a problem.

        Parameters
        ----------
        headers
            Of the request.
        """
        if not self._origins:
            return self._answer
        return self._answers.get(_origin(headers) or b"", self._answer)

    def of_page(self, headers: Iterable[tuple[bytes, bytes]]) -> Fields:
        """Give the headers of a page: what is fetched by its address alone."""
        if not self._origins:
            return self._page
        return self._pages.get(_origin(headers) or b"", self._page)

    def preflight(self, headers: Iterable[tuple[bytes, bytes]], allowed: str) -> Fields | None:
        """Answer a browser that asks before a page's request, as the Fetch standard has it.

        Parameters
        ----------
        headers
            Of an ``OPTIONS`` request.
        allowed
            Methods of the path.

        Returns
        -------
        tuple or None
            Headers of the answer; None where it is no such question.

        Raises
        ------
        Problem
            403 for an origin that is not allowed.
        """
        known = dict(headers)
        origin = known.get(b"origin")
        if not self._origins or origin is None or b"access-control-request-method" not in known:
            return None
        if origin not in self._origins:
            raise foreign_origin(origin)
        return (
            *self._answers[origin],
            (b"access-control-allow-methods", allowed.encode("ascii")),
            (b"access-control-allow-headers", _SENDABLE),
            (b"access-control-max-age", _REMEMBERED_S),
        )


def _shared(origin: bytes) -> Fields:
    return (
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", _READABLE),
    )


def _origin(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    for name, value in headers:
        if name == b"origin":
            return value
    return None


def foreign_origin(origin: bytes) -> Problem:
    """Make the problem of a page that asks from an origin that is not allowed."""
    shown = origin.decode("latin-1")[:200]
    return Problem(
        HTTPStatus.FORBIDDEN,
        "origin-not-allowed",
        "Pages of this origin may not ask",
        f"Pages of {shown} may not ask this service; its owner can add the origin to"
        " MUSLIN_CORS_ORIGINS.",
        errors=[FieldError("origin", "is not one of the origins that are allowed", shown)],
    )
