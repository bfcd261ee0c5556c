"""The head of an answer and its body in one write: one packet for the client to wake up for."""

from __future__ import annotations

import asyncio
from typing import Final

__all__ = ["OneWrite"]

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
"""Is no head of an answer: the client waits for it before it sends the body."""
_LONG: Final = 65_536  # bytes; a longer body is not worth a copy


class OneWrite:
    """What uvicorn writes one answer to: the head waits for what comes next.

    Parameters
    ----------
    transport
        Of the connection.

    Notes
    -----
    Only for answers that have a body, if an empty one: uvicorn writes that, too.
    """

    __slots__ = ("_head", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head: bytes | None = None  # blank once it was sent

    def write(self, data: bytes) -> None:
        """Keep the first part, send it with the second, and all others as they come."""
        if self._head is None and data != _CONTINUE:
            self._head = data
        elif self._head and len(data) < _LONG:
            self._transport.write(self._head + data)
            self._head = b""
        else:
            self._send_head()
            self._transport.write(data)

    def close(self) -> None:
        """Close the connection, once what is written is sent; also where no body came."""
        self._send_head()
        self._transport.close()

    def is_closing(self) -> bool:
        """Whether it is closed or about to be."""
        return self._transport.is_closing()

    def _send_head(self) -> None:
        if self._head:
            self._transport.write(self._head)
            self._head = b""
