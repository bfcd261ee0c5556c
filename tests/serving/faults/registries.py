"""Registries that are gone: one that takes connections and never answers, one that refuses them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from serving.run import free_port


@contextmanager
def hanging_registry() -> Iterator[str]:
    """The kernel accepts for it; nobody reads."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(128)
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def refusing_registry() -> str:
    return f"http://127.0.0.1:{free_port()}"
