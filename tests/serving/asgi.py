"""Ask an ASGI app in this process, without a server."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import orjson


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        return orjson.loads(self.body)


def ask(
    app,
    path="/v1/size-advice",
    body=None,
    *,
    method="POST",
    headers=None,
    chunks=None,
    messages=None,
    server=None,
):
    """Send one request; `body` is bytes, or made JSON; `chunks` streams it without a length.

    `messages` are what the server receives instead; None is returned when it sends nothing.
    `server` is the address it was sent to.
    """
    if body is not None and not isinstance(body, bytes):
        body = orjson.dumps(body)
    body = body or b""
    fields = {"content-type": "application/json", **(headers or {})}
    if chunks is None and "content-length" not in fields:
        fields["content-length"] = str(len(body))
    queue = [body] if chunks is None else list(chunks)
    arriving = (
        messages
        if messages is not None
        else [
            {"type": "http.request", "body": chunk, "more_body": place < len(queue) - 1}
            for place, chunk in enumerate(queue)
        ]
    )
    sent = []

    async def receive():
        return arriving.pop(0) if arriving else {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": [(k.encode(), v.encode()) for k, v in fields.items() if v is not None],
    }
    if server is not None:
        scope["server"] = server
    asyncio.run(app(scope, receive, send))
    if not sent:
        return None
    start, content = sent
    return Answer(
        start["status"],
        {k.decode(): v.decode() for k, v in start["headers"]},
        content["body"],
    )
