"""The name of a request: in its answer's header, in the answer, in the log, and in a trace."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Final

from serving.http import new_request_id

__all__ = ["HEADER", "REQUEST_ID", "request_id_of"]

HEADER: Final = b"x-request-id"
"""The caller may send it, and gets it back."""

REQUEST_ID: Final[ContextVar[str | None]] = ContextVar("muslin_request_id", default=None)
"""Of the request that is being answered: a line of the log names it without being told."""

_TAKEN = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:-]{7,63}")


def request_id_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Take the caller's name for a request, or make one.

    Parameters
    ----------
    headers
        Of the request.

    Returns
    -------
    str
        What was sent as ``X-Request-Id`` where it is 8 to 64 letters, digits and ``._:-`` and
        begins with a letter or digit: such a text can do no harm in a log, and is long enough to
        be one's own. Anything else is passed over, and 16 hexadecimal digits are made.
    """
    for name, value in headers:
        if name == HEADER:
            if _TAKEN.fullmatch(value):
                return value.decode("ascii")
            break
    return new_request_id()
