"""The few parts of HTTP the service needs, on bare ASGI: read a body, send a body.

The work behind a request takes a fraction of a millisecond, so the frame around it must take less:
no framework's request object, no middleware, no thread.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from http import HTTPStatus
from typing import Any

from serving.problems import Problem
from serving.queue import QUEUE

__all__ = [
    "ASGIApp",
    "Disconnected",
    "Message",
    "Receive",
    "Scope",
    "Send",
    "new_request_id",
    "read_json_body",
    "respond",
]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

_JSON = (b"content-type", b"application/json")


class Disconnected(Exception):  # noqa: N818 - no error of ours
    """The client went away before its request was complete."""


def new_request_id() -> str:
    """Make a name for one request: 16 hexadecimal digits."""
    return secrets.token_hex(8)


async def respond(
    send: Send,
    body: bytes,
    *,
    status: int = HTTPStatus.OK,
    content_type: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    fields: Sequence[tuple[bytes, bytes]] = (),
) -> None:
    """Send a complete response.

    Parameters
    ----------
    send
        ASGI send.
    body
        The whole body.
    status
        HTTP status.
    content_type
        ``application/json`` when None.
    headers
        Further headers.
    fields
        Further headers, made ready.
    """
    sent = [
        (b"content-type", content_type) if content_type else _JSON,
        (b"content-length", b"%d" % len(body)),
        *fields,
    ]
    if headers:
        sent += [
            (name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()
        ]
    await send({"type": "http.response.start", "status": int(status), "headers": sent})
    await send({"type": "http.response.body", "body": body})


async def read_json_body(
    scope: Scope, receive: Receive, limit: int, patience_s: float = 20.0
) -> bytes:
    """Read a JSON body of at most `limit` bytes.

    Parameters
    ----------
    scope, receive
        ASGI scope and receive.
    limit
        Bytes. A longer body is refused by its ``Content-Length`` before a byte is read, or, where
        it is streamed, as soon as it grows beyond.
    patience_s
        Seconds in which the rest of a body must follow its first part.

    Raises
    ------
    Problem
        413 too long, 415 not JSON by its content type, 408 too slow, 400 wrong length header, 429
        when it is complete and by then too much is under way, or too many large ones arrive.
    Disconnected
        When the client goes away.
    """
    _check_headers(scope["headers"], limit)
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        whole: bytes = message.get("body", b"")
        if len(whole) > limit:
            raise _too_long(limit)
        return whole
    try:
        async with asyncio.timeout(patience_s):
            body = await _read_rest(message, receive, limit)
    except TimeoutError:
        raise Problem(
            HTTPStatus.REQUEST_TIMEOUT,
            "body-too-slow",
            "The body did not arrive in time",
            f"The body was not complete after {patience_s:g} seconds.",
            headers={"connection": "close"},
        ) from None
    QUEUE.enter(scope)
    return body


async def _read_rest(message: MutableMapping[str, Any], receive: Receive, limit: int) -> bytes:
    chunks: list[bytes] = []
    with QUEUE.arriving() as arriving:
        while True:
            if message["type"] == "http.disconnect":
                raise Disconnected
            chunk: bytes = message.get("body", b"")
            arriving.add(len(chunk))
            if arriving.held > limit:
                raise _too_long(limit)
            chunks.append(chunk)
            if not message.get("more_body"):
                return b"".join(chunks)
            message = await receive()


def _check_headers(headers: Iterable[tuple[bytes, bytes]], limit: int) -> None:
    for name, value in headers:
        if name == b"content-type":
            if not value.startswith(b"application/json"):
                _check_media_type(value)
        elif name == b"content-length":
            if not value.isdigit():
                raise Problem(
                    HTTPStatus.BAD_REQUEST,
                    "bad-content-length",
                    "The Content-Length is not a number",
                    "Content-Length must be the number of bytes of the body.",
                )
            if int(value) > limit:
                raise _too_long(limit)
        elif name == b"content-encoding" and value.strip().lower() != b"identity":
            raise Problem(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                "unsupported-content-encoding",
                "The body is compressed",
                "Send the body uncompressed, without Content-Encoding.",
                headers={"accept-encoding": "identity"},
            )


def _check_media_type(value: bytes) -> None:
    media_type = value.split(b";", 1)[0].strip().lower()
    if media_type == b"application/json":
        return
    if media_type.startswith(b"application/") and media_type.endswith(b"+json"):
        return
    raise Problem(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "unsupported-media-type",
        "The body is not declared as JSON",
        f"Content-Type is {value.decode('latin-1')[:80]!r}; send application/json.",
        headers={"accept": "application/json"},
    )


def _too_long(limit: int) -> Problem:
    return Problem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "body-too-large",
        "The body is too large",
        f"The body is larger than {limit} bytes, the most this service reads; send fewer "
        "questions at a time.",
    )
