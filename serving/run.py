"""Start the service: in this process, or in the background until a ``with`` block ends."""

from __future__ import annotations

import contextlib
import gc
import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from typing import IO, Any

from features.settings import Settings, SettingsError
from serving.champions.supervisor import supervised
from serving.companion import following
from serving.observe.logs import configure
from serving.observe.shared import shared_folder
from serving.parent import SERVED_BY

__all__ = ["SERVICE", "ServeError", "background", "free_port", "run"]

SERVICE = "serving.service:Muslin"
_STOP_S = 15.0
_POLL_S = 0.02
_LONGEST_START_S = 15.0


class ServeError(RuntimeError):
    """The service did not start; the message has the reason."""


def run(settings: Settings, service: str = SERVICE) -> None:
    """Serve until SIGTERM or SIGINT.

    Parameters
    ----------
    settings
        Where to listen, and where the champion and the state are. The workers get the same.
    service
        BentoML service as ``module:name``.

    Raises
    ------
    ServeError
        When the address is taken or not ours.
    """
    _check_free(settings.host, settings.port)
    # The workers are processes of their own.
    os.environ.update(settings.environment() | {SERVED_BY: str(os.getpid())})
    bento = _imported(service)
    configure(settings, "main")
    answers = partial(_until_it_answers, settings)
    with shared_folder(), following(settings, answers), supervised(settings) as told:
        os.environ.update(told)
        bento.serve_http(host=settings.host, port=settings.port)


@contextlib.contextmanager
def background(
    settings: Settings, service: str = SERVICE, *, timeout_s: float = 60.0, ready: bool = True
) -> Iterator[str]:
    """Serve from a child process while the block runs.

    Parameters
    ----------
    settings
        As for :func:`run`.
    service
        BentoML service as ``module:name``.
    timeout_s
        Seconds to wait for the start.
    ready
        Wait until an endpoint can answer; False waits only until the process listens.

    Yields
    ------
    str
        Base URL, such as ``http://127.0.0.1:3000``.

    Raises
    ------
    ServeError
        When it does not start in time, with the last lines of its log.
    """
    _check_free(settings.host, settings.port)
    url = f"http://{settings.host}:{settings.port}"
    environment = {**os.environ, **settings.environment()}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "serving.run", service],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a Ctrl+C at the terminal is ours to pass on
        )
        try:
            why = _wait(process, f"{url}{'/readyz' if ready else '/livez'}", timeout_s)
            if why is not None:
                raise ServeError(f"the service did not start: {why}\n{_tail(log)}")
            yield url
        finally:
            _stop(process)


def free_port(host: str = "127.0.0.1") -> int:
    """Find a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def _until_it_answers(settings: Settings, ended: threading.Event) -> None:
    """Return once a worker answers, at the latest after a while.

    The follower takes two seconds of a core to start: where there are few, workers go first.
    """
    deadline = time.monotonic() + _LONGEST_START_S
    while not ended.wait(_POLL_S * 5) and time.monotonic() < deadline:
        connection = http.client.HTTPConnection(settings.host, settings.port, timeout=1.0)
        try:
            connection.request("GET", "/livez")
            connection.getresponse()
        except (OSError, http.client.HTTPException):
            continue
        finally:
            connection.close()
        return


def _imported(service: str) -> Any:
    module, _, name = service.partition(":")
    gc.disable()  # what is imported stays: to look through it for garbage is a tenth of the time
    try:
        return getattr(import_module(module), name)
    finally:
        gc.enable()


def _check_free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        raise ServeError(
            f"cannot listen on {host}:{port}: {error.strerror or error}; choose another address "
            "with MUSLIN_HOST and MUSLIN_PORT (or --port)"
        ) from error


def _wait(process: subprocess.Popen[bytes], url: str, timeout_s: float) -> str | None:
    deadline = time.monotonic() + timeout_s
    why = "it did not listen"
    while time.monotonic() < deadline:
        if process.poll() is not None:
            return f"it ended with code {process.returncode}"
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own http URL
                answer.read()
                return None
        except urllib.error.HTTPError as error:
            with error:
                why = f"{url} answered {error.code}: {error.read(500).decode('utf-8', 'replace')}"
        except OSError:
            pass
        time.sleep(_POLL_S)
    return f"after {timeout_s:g} seconds {why}"


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its own session: the process and its workers
        process.wait()


def _tail(log: IO[bytes], size: int = 3000) -> str:
    end = log.seek(0, os.SEEK_END)
    log.seek(max(0, end - size))
    return log.read().decode("utf-8", "replace")


if __name__ == "__main__":
    try:
        run(Settings.load(), *sys.argv[1:2])
    except (ServeError, SettingsError) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
