"""Start the service as a process of its own: it shares no module with the pipelines."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import IO, NoReturn

from data_contracts.errors import BadInputError
from features.settings import Settings

__all__ = ["ServiceError", "become_follower", "become_service", "free_port", "service"]

_COMMAND = (sys.executable, "-m", "serving.run")
_FOLLOW = (sys.executable, "-m", "serving.follow", "--fetch")
_STOP_S = 15.0
_POLL_S = 0.2


class ServiceError(BadInputError):
    """The service cannot start; the message has the reason."""


def become_service(settings: Settings) -> NoReturn:
    """Turn this process into the service, so that signals reach it and its exit code is ours.

    Raises
    ------
    ServiceError
        The address is taken or not ours.
    """
    _check_address(settings)
    os.execve(sys.executable, [*_COMMAND], {**os.environ, **settings.environment()})  # noqa: S606


def become_follower(settings: Settings) -> NoReturn:
    """Turn this process into the one that keeps the online state up with live events."""
    os.execve(sys.executable, [*_FOLLOW], {**os.environ, **settings.environment()})  # noqa: S606


@contextlib.contextmanager
def service(settings: Settings, *, timeout_s: float = 90.0) -> Iterator[str]:
    """Serve while the block runs; give the base URL once the service is ready.

    Raises
    ------
    ServiceError
        It is not ready in time, with the last lines of its log.
    """
    _check_address(settings)
    url = f"http://{settings.host}:{settings.port}"
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(  # noqa: S603 - our own command
            _COMMAND,
            env={**os.environ, **settings.environment()},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl+C reaches us, and we stop it
        )
        try:
            _wait(process, f"{url}/readyz", timeout_s, log)
            yield url
        finally:
            _stop(process)


def free_port(host: str = "127.0.0.1") -> int:
    """Find a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def _check_address(settings: Settings) -> None:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((settings.host, settings.port))
    except OSError as error:
        raise ServiceError(
            f"cannot listen on {settings.host}:{settings.port}: {error.strerror or error};"
            " choose another address with --host and --port"
        ) from None


def _wait(process: subprocess.Popen[bytes], url: str, timeout_s: float, log: IO[bytes]) -> None:
    deadline = time.monotonic() + timeout_s
    why = "it did not listen"
    while time.monotonic() < deadline:
        if process.poll() is not None:
            why = f"it ended with code {process.returncode}"
            break
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own http URL
                return
        except urllib.error.HTTPError as error:
            with error:
                why = error.read(500).decode("utf-8", "replace")
        except OSError:
            pass
        time.sleep(_POLL_S)
    raise ServiceError(f"the service is not ready: {why}\n{_tail(log)}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its own session: the process and its workers
        process.wait()


def _tail(log: IO[bytes], size: int = 2000) -> str:
    log.seek(max(0, log.seek(0, os.SEEK_END) - size))
    return log.read().decode("utf-8", "replace")
