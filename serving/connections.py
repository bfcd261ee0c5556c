"""What a client may take of a worker: a connection, time to send, time to read.

By itself uvicorn waits for ever: for the first byte, for the end of a head, for a body that nobody
reads, and for an answer to be taken. Nor does it bound the requests it has read, or the length of a
head. This protocol does, with a look at all connections once a second and no timer of a request's
own.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import uvicorn.config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from features.settings import Settings
from serving.one_write import OneWrite
from serving.queue import OVERLOADED, QUEUE

if TYPE_CHECKING:
    from uvicorn.server import ServerState

__all__ = ["CONNECTIONS", "Connections", "HttpProtocol", "use_limits"]

logger = logging.getLogger("muslin.serving")

_LOOK_S: Final = 1.0
_OTHER_FILES: Final = 200  # the process has open: libraries, state, log, the event loop's own
_FEWEST: Final = 16
_GRACE_S: Final = 1.0  # the endpoint answers 408 to a slow body itself, where it is reading it
_LONGEST_HEAD: Final = 65_536  # bytes; the parser copies a line anew for each part that comes
_LINGER_S: Final = 1.0  # a connection closed with bytes unread is reset, and its last answer lost
_BODY: Final = (
    b'{"type":"urn:muslin:problem:too-many-connections","title":"There are too many connections",'
    b'"status":503}'
)
_FULL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\n"
    b"retry-after: 1\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%b" % (len(_BODY), _BODY)
)
_TOO_LONG_BODY: Final = (
    b'{"type":"urn:muslin:problem:head-too-large","title":"The head of the request is too long",'
    b'"status":431,"detail":"The address and the headers of a request may have %d bytes together; '
    b'send what is longer in the body."}' % _LONGEST_HEAD
)
_TOO_LONG: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/problem+json\r\n"
    b"connection: close\r\ncontent-length: %d\r\n\r\n%b" % (len(_TOO_LONG_BODY), _TOO_LONG_BODY)
)


@dataclass
class Connections:
    """The connections of this worker.

    Attributes
    ----------
    most : int
        That may be open.
    patience_s : float
        Seconds a client may take for sending a request, and for taking an answer.
    ended : int
        Connections ended since the start because a client was too slow, or idle when there was no
        room for another.
    """

    most: int = 1_000
    patience_s: float = 20.0
    ended: int = 0
    _state: ServerState | None = None

    def made(self, connection: HttpProtocol) -> None:
        """Make room for a new connection, and look after it from now on."""
        if self._state is not connection.server_state:
            self._state = connection.server_state
            connection.loop.call_later(_LOOK_S, self._look, connection.loop)
        if len(connection.connections) > self.most:
            self._make_room(connection)

    def all(self) -> list[HttpProtocol]:
        """Give those that are open now."""
        state = self._state
        return [] if state is None else cast("list[HttpProtocol]", list(state.connections))

    def _make_room(self, new: HttpProtocol) -> None:
        """End the connection that has been waiting for its client longest; else the new one."""
        idle = [each for each in self.all() if each is not new and not each.is_busy()]
        if idle:
            self.ended += 1
            min(idle, key=lambda each: each.since).transport.abort()
        else:
            new.transport.write(_FULL)
            new.transport.close()

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = time.monotonic()
        slow = 0
        for each in self.all():
            if each.is_overdue(now, self.patience_s):
                each.transport.abort()
                slow += 1
        if slow:
            self.ended += slow
            logger.info("%s connections ended: their clients were too slow", slow)
        loop.call_later(_LOOK_S, self._look, loop)


class HttpProtocol(HttpToolsProtocol):
    """One connection.

    Attributes
    ----------
    since : float
        When the client was last waited for anew: at its connection, after an answer, at the first
        byte of a request. In monotonic seconds: the clock of the event loop stands still in a turn.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # A connection that became a WebSocket would be beyond these limits; there is none here.
        self.ws_protocol_class = None
        self.since = time.monotonic()
        self._unread_since: float | None = None
        self._closing_since: float | None = None
        self._aside = False
        self._in_head = True
        self._unfinished = 0  # bytes that came since the last head or part of a body was complete
        self._moved = False
        self._refused = False

    def is_busy(self) -> bool:
        """Whether the next step is ours: a request is there whole and not yet answered."""
        cycle = self.cycle
        if self.pipeline:
            return True
        return cycle is not None and not cycle.response_complete and not cycle.more_body

    def is_overdue(self, now: float, patience_s: float) -> bool:
        """Whether the client has let us wait too long."""
        if self.transport.is_closing():
            # What was written is still to be taken; a client that does not keeps it for ever.
            if self._closing_since is None:
                self._closing_since = now
            return now - self._closing_since > patience_s
        if self._unread_since is not None and now - self._unread_since > patience_s:
            return True
        return not self.is_busy() and now - self.since > patience_s + _GRACE_S

    # Called by the server

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin."""
        super().connection_made(transport)
        CONNECTIONS.made(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        super().connection_lost(exc)
        if self._aside:
            self._aside = False
            QUEUE.aside -= 1

    def data_received(self, data: bytes) -> None:
        """Take what came, unless a head, or what follows a body, has become too long."""
        if self._refused:
            return
        room = _LONGEST_HEAD - self._unfinished
        if self._in_head and len(data) > room:  # a body may follow in the same bytes
            self._feed(data[:room])
            if self._refused or self.transport.is_closing():
                return
            data = data[room:]
        self._feed(data)

    def _feed(self, data: bytes) -> None:
        self._moved = False
        super().data_received(data)
        self._unfinished = 0 if self._moved else self._unfinished + len(data)
        if self._unfinished >= _LONGEST_HEAD and not self.transport.is_closing():
            self._refuse_head()

    def _refuse_head(self) -> None:
        self._refused = True
        if self.cycle is not None and not self.cycle.response_complete:
            self.transport.abort()  # an answer would be taken for that of the request before
            return
        self.transport.write(_TOO_LONG)
        self.loop.call_later(_LINGER_S, self.transport.close)

    def pause_writing(self) -> None:
        """The client does not take its answer as fast as it is written."""
        super().pause_writing()
        self._unread_since = time.monotonic()
        self._tell_aside()

    def resume_writing(self) -> None:
        """It took enough of it."""
        super().resume_writing()
        self._unread_since = None
        self._tell_aside()

    # Called by the parser

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self.since = time.monotonic()

    def on_headers_complete(self) -> None:
        """The head is there; uvicorn begins with the request before its body is."""
        super().on_headers_complete()
        if self.scope["method"] != "HEAD":  # an answer to it ends with its head
            self.cycle.transport = cast("asyncio.Transport", OneWrite(self.transport))
        self._moved, self._in_head = True, False
        if QUEUE.draining:
            self.cycle.keep_alive = False
        if QUEUE.is_full(len(self.tasks)):
            self._refuse()
        self._tell_aside()

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        super().on_body(body)
        self._moved = True

    def on_message_complete(self) -> None:
        """The body is there."""
        super().on_message_complete()
        self._moved = self._in_head = True
        if self._aside:
            self._tell_aside()
            if QUEUE.is_full(len(self.tasks)):
                self._refuse()

    def on_response_complete(self) -> None:
        """An answer was written."""
        super().on_response_complete()
        self.since = time.monotonic()
        if self._aside or self.cycle.more_body:
            self._tell_aside()

    def _refuse(self) -> None:
        cast("dict[str, Any]", self.scope)[OVERLOADED] = True

    def _tell_aside(self) -> None:
        """Count this connection among those whose request waits for the client, or no longer."""
        cycle = self.cycle
        aside = (
            cycle is not None
            and not self.pipeline
            and not cycle.response_complete
            and (cycle.more_body or self.flow.write_paused)
        )
        if aside is not self._aside:
            self._aside = aside
            QUEUE.aside += 1 if aside else -1

    def _should_upgrade_to_ws(self) -> bool:
        return False

    def _unsupported_upgrade_warning(self) -> None:
        """A request that asks for more than HTTP/1.1 is answered by HTTP/1.1; no need to say so."""


CONNECTIONS: Final = Connections()
"""Those of this process."""


def use_limits(settings: Settings) -> None:
    """Let the server of this process keep the limits of `settings`; before it begins.

    BentoML's worker takes no protocol from us: it is put where uvicorn looks for its own.
    """
    QUEUE.most = settings.max_waiting
    CONNECTIONS.patience_s = settings.client_timeout_s
    CONNECTIONS.most = _connections(settings.max_connections)
    uvicorn.config.HTTP_PROTOCOLS["auto"] = "serving.connections:HttpProtocol"


def _connections(wanted: int) -> int:
    """How many connections there may be by the files the process may have open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + _OTHER_FILES
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return wanted
    allowed = needed if hard == resource.RLIM_INFINITY else min(hard, needed)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        soft = allowed
    most = max(_FEWEST, soft - _OTHER_FILES)
    if most < wanted:
        logger.warning(
            "a worker takes %s connections, not MUSLIN_MAX_CONNECTIONS=%s: it may have %s files"
            " open (ulimit -n)",
            most,
            wanted,
            soft,
        )
    return min(most, wanted)
