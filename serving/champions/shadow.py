"""Hand some requests, with their answers, to the process in which a challenger answers them too.

The caller has its answer by then, and nothing here ever waits: a request goes into a socket that is
never blocked on, and is dropped and counted where there is no room.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import socket
import struct
from collections.abc import Mapping
from typing import Final, NamedTuple

import orjson

from serving.parts import Endpoint

__all__ = ["MODEL_OF", "SOCKET", "Sample", "Sender", "packed", "unpacked"]

logger = logging.getLogger("muslin.serving")

SOCKET: Final = "MUSLIN_SHADOW_SOCKET"
"""Environment variable with the path of the socket; set by the main process for its workers."""
# The main process asks for it as well, and does without the schemas.
MODEL_OF: Final = {"/v1/size-advice": "size_fit", "/v1/return-risk": "return_risk"}
"""The model whose challenger answers the requests of a path."""
_HEAD: Final = struct.Struct("!II")


class Sample(NamedTuple):
    """A request that was answered.

    Attributes
    ----------
    path, request_id
        Of the request.
    dropped
        Requests that were dropped since the sample before.
    body, answer
        JSON.
    """

    path: str
    request_id: str
    dropped: int
    body: bytes
    answer: bytes


def packed(sample: Sample) -> bytes:
    """One datagram."""
    told = orjson.dumps([sample.path, sample.request_id, sample.dropped])
    return _HEAD.pack(len(told), len(sample.body)) + told + sample.body + sample.answer


def unpacked(datagram: bytes) -> Sample:
    """The sample of a datagram.

    Raises
    ------
    ValueError
        It is none.
    """
    if len(datagram) < _HEAD.size:
        raise ValueError(f"{len(datagram)} bytes are no sample")
    told, body = _HEAD.unpack_from(datagram)
    start = _HEAD.size
    path, request_id, dropped = orjson.loads(datagram[start : start + told])
    middle = start + told + body
    return Sample(path, request_id, dropped, datagram[start + told : middle], datagram[middle:])


class Sender:
    """Samples the requests of the models that have a challenger.

    Parameters
    ----------
    address
        Path of the socket.
    rate
        Share of the requests.

    Attributes
    ----------
    sent, dropped
        Requests handed over, and those there was no room for.
    """

    def __init__(self, address: str, rate: float) -> None:
        self._address = address
        self._rate = rate
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._challengers: Mapping[str, str] = {}
        self._untold = 0
        self.sent = self.dropped = 0

    @classmethod
    def of_environment(cls, rate: float) -> Sender | None:
        """The sender of a worker; None where no process listens."""
        address = os.environ.get(SOCKET)
        return cls(address, rate) if address and rate > 0 else None

    def follow(self, challengers: Mapping[str, str]) -> None:
        """Sample for these challengers (version by model) from the next :meth:`wrap` on."""
        self._challengers = challengers

    def wrap(self, path: str, endpoint: Endpoint) -> Endpoint:
        """The same endpoint where there is no challenger, else one that hands over samples."""
        if MODEL_OF.get(path) not in self._challengers:
            return endpoint

        async def sampled(body: bytes, request_id: str, *values: str) -> bytes:
            answer = await endpoint(body, request_id, *values)
            if random.random() < self._rate:
                # When the answer has been written.
                loop = asyncio.get_running_loop()
                loop.call_soon(self._send, path, request_id, body, answer)
            return answer

        return sampled

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()

    def _send(self, path: str, request_id: str, body: bytes, answer: bytes) -> None:
        try:
            sample = Sample(path, request_id, self._untold, body, answer)
            self._socket.sendto(packed(sample), self._address)
        except OSError:  # no room, too large, or nobody listens now
            self.dropped += 1
            self._untold += 1
        else:
            self.sent += 1
            self._untold = 0
