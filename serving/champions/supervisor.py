"""What the main process does for champions while its workers serve.

It asks the registry now and then, so that no worker need, and runs the process in which challengers
answer, while there is one.
"""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from features.settings import Settings
from serving.champion import keep_asking
from serving.champions.copies import CHALLENGER, copies_of
from serving.champions.shadow import MODEL_OF, SOCKET

__all__ = ["MODELS", "supervised"]

logger = logging.getLogger("muslin.serving")

MODELS: Final = ("size_fit", "return_risk", "abuse")
_LOOK_S: Final = 1.0
_STOP_S: Final = 5.0
_RESTART_S: Final = 10.0


@contextlib.contextmanager
def supervised(settings: Settings) -> Iterator[dict[str, str]]:
    """Look after champions while the block runs.

    Yields
    ------
    dict
        Environment variables the workers need.
    """
    ended = threading.Event()
    with tempfile.TemporaryDirectory(prefix="muslin-") as folder:
        address = str(Path(folder) / "shadow")
        threads = [
            threading.Thread(
                target=keep_asking, args=(settings, MODELS, ended), name="muslin-registry"
            ),
            threading.Thread(target=_shadow, args=(settings, ended, address), name="muslin-shadow"),
        ]
        for each in threads:
            each.daemon = True
            each.start()
        try:
            yield {SOCKET: address}
        finally:
            ended.set()
            threads[1].join(_STOP_S + 1.0)


def _shadow(settings: Settings, ended: threading.Event, address: str) -> None:
    """Run the process of the challengers while there are any."""
    process: subprocess.Popen[bytes] | None = None
    wait = _LOOK_S
    while not ended.wait(wait):
        wait = _LOOK_S
        try:
            wanted = settings.shadow_rate > 0 and any(
                copies_of(settings, name, CHALLENGER) for name in MODEL_OF.values()
            )
            if process is not None and process.poll() is not None:
                logger.warning("the shadow ended with code %s", process.returncode)
                process, wait = None, _RESTART_S
            elif wanted and process is None:
                process = _started(settings, address)
            elif not wanted and process is not None:
                _stop(process)
                process = None
        except OSError as error:  # no memory, no handles, a disk that is away: not for ever
            logger.warning("challengers are not looked after now: %s", error)
            wait = _RESTART_S
    if process is not None:
        _stop(process)


def _started(settings: Settings, address: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "serving.champions.beside"],
        env={
            "POLARS_MAX_THREADS": "1",
            "OMP_NUM_THREADS": "1",
            **os.environ,
            **settings.environment(),
            SOCKET: address,
        },
        stdin=subprocess.PIPE,  # it ends when this closes, however this process ends
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
