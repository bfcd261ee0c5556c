"""The head of an answer leaves with its body; over the service's protocol, without a socket."""

import asyncio
from collections.abc import Callable

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from serving.connections import HttpProtocol

GET = b"GET / HTTP/1.1\r\nhost: here\r\n\r\n"
HEAD = b"HEAD / HTTP/1.1\r\nhost: here\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nhost: here\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n"


class Wire(asyncio.Transport):
    def __init__(self):
        super().__init__()
        self.sent = []
        self.closed = False

    def write(self, data):
        assert not self.closed
        self.sent.append(bytes(data))

    def close(self):
        self.closed = True

    def abort(self):
        self.closed = True

    def is_closing(self):
        return self.closed

    def get_extra_info(self, name, default=None):
        return default


def app_of(status: int, *parts: bytes, sized: bool = True) -> Callable:
    async def app(scope, receive, send):
        await receive()
        fields = [(b"content-length", b"%d" % sum(map(len, parts)))] if sized else []
        await send({"type": "http.response.start", "status": status, "headers": fields})
        for i, part in enumerate(parts):
            more = i < len(parts) - 1
            await send({"type": "http.response.body", "body": part, "more_body": more})

    return app


def exchange(app, *requests: bytes) -> Wire:
    async def run():
        config = Config(app, log_config=None, lifespan="off")
        config.load()
        protocol, wire = HttpProtocol(config, ServerState(), {}), Wire()
        protocol.connection_made(wire)
        for request in requests:
            protocol.data_received(request)
            for _ in range(5):
                await asyncio.sleep(0)
        protocol.connection_lost(None)
        return wire

    return asyncio.run(run())


@pytest.mark.parametrize(("status", "body"), [(200, b"answer"), (204, b""), (404, b"")])
def test_head_and_body_are_one_write(status, body):
    wire = exchange(app_of(status, body), GET, GET)
    assert len(wire.sent) == 2
    for each in wire.sent:
        head, _, told = each.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 %d" % status)
        assert told == body


def test_later_parts_are_sent_as_they_come():
    wire = exchange(app_of(200, b"one", b"two", b"three", sized=False), GET)
    assert wire.sent[0].endswith(b"\r\n\r\n3\r\none\r\n")
    assert wire.sent[1:] == [b"3\r\ntwo\r\n", b"5\r\nthree\r\n0\r\n\r\n"]


def test_a_long_body_is_not_copied():
    long = b"x" * 1_000_000
    head, body = exchange(app_of(200, long), GET).sent
    assert head.endswith(b"\r\n\r\n")
    assert body == long


def test_a_head_alone_is_sent_at_once():
    (told,) = exchange(app_of(200, b"answer"), HEAD).sent
    assert told.endswith(b"content-length: 6\r\n\r\n")


def test_a_client_that_waits_to_be_told_to_go_on_is_told():
    wire = exchange(app_of(200, b"answer"), POST, b"{}")
    assert wire.sent[0] == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert wire.sent[1].endswith(b"\r\n\r\nanswer")


def test_an_answer_that_breaks_off_after_its_head_still_sends_it():
    async def breaks_off(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})

    wire = exchange(breaks_off, GET)
    assert len(wire.sent) == 1
    assert wire.sent[0].startswith(b"HTTP/1.1 200")
    assert wire.closed
