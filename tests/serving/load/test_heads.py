"""How long the head of a request may be; over real connections, in this process."""

import asyncio
import re

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from serving.connections import HttpProtocol

LONGEST = 65_536
GET = b"GET /%b HTTP/1.1\r\nhost: here\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nhost: here\r\ntransfer-encoding: chunked\r\n\r\n"


async def length_of_body(scope, receive, send):
    length, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        length += len(message["body"])
        more = message["more_body"]
    body = b"%d" % length
    fields = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": body})


def answers(parts):
    """What the service sends back until it says no more; `parts` are sent one after another."""

    async def exchange():
        state = ServerState()
        config = Config(length_of_body, log_config=None, lifespan="off")
        config.load()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: HttpProtocol(config, state, {}), "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        try:
            for part in parts:
                writer.write(part)
                await writer.drain()
            told = b""
            while True:
                part = await asyncio.wait_for(reader.read(65_536), 0.5)
                if not part:
                    return told
                told += part
        except TimeoutError:
            return told
        except ConnectionError:
            return b"reset"
        finally:
            writer.transport.abort()
            server.close()

    return asyncio.run(exchange())


def statuses(told):
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3})", told)]


@pytest.mark.parametrize(
    "head",
    [
        GET % (b"x" * LONGEST),
        b"GET / HTTP/1.1\r\nhost: here\r\nlong: " + b"x" * LONGEST,
        b"GET / HTTP/1.1\r\nlo" + b"o" * LONGEST + b"ng: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * (LONGEST // 6 + 1),
    ],
    ids=["address", "header", "name", "many"],
)
@pytest.mark.parametrize("size", [1 << 20, 5_000])
def test_a_head_beyond_the_limit_is_answered_431(head, size):
    parts = [head[i : i + size] for i in range(0, len(head), size)]
    told = answers(parts)
    assert statuses(told) == [431]
    assert b"head-too-large" in told


def test_what_follows_a_refused_head_is_not_read(monkeypatch):
    fed = []
    feed = HttpProtocol._feed
    monkeypatch.setattr(
        HttpProtocol, "_feed", lambda self, data: (fed.append(len(data)), feed(self, data))
    )
    told = answers([b"GET / HTTP/1.1\r\nlong: ", *[b"x" * 50_000] * 100])
    assert statuses(told) == [431]
    assert sum(fed) == LONGEST


@pytest.mark.parametrize("size", [1 << 20, 3_000])
def test_a_long_body_behind_a_head_within_the_limit_is_read_whole(size):
    sent = b"POST / HTTP/1.1\r\nhost: here\r\nlong: " + b"x" * (LONGEST - 100)
    sent += b"\r\ncontent-length: 500000\r\n\r\n" + b"y" * 500_000
    told = answers([sent[i : i + size] for i in range(0, len(sent), size)])
    assert statuses(told) == [200]
    assert told.endswith(b"500000")


def test_each_request_of_a_connection_may_have_a_long_head():
    one = GET % (b"x" * 40_000)
    assert statuses(answers([one] * 6)) == [200] * 6
    assert statuses(answers([one * 6])) == [200] * 6


def test_a_body_in_many_small_parts_is_no_head():
    parts = [b"1\r\nx\r\n"] * 20_000
    told = answers([CHUNKED, b"".join(parts), b"0\r\n\r\n"])
    assert statuses(told) == [200]
    assert told.endswith(b"20000")


def test_lines_without_end_behind_a_body_end_the_connection():
    told = answers([CHUNKED, b"1\r\nx\r\n0\r\n", b"late: ", *[b"x" * 50_000] * 100])
    assert statuses(told) == []
