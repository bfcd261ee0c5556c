"""The counts of all workers in one place: a small file of each, written once a second.

The client library's own way over several processes is memory-mapped files. They cost 1 to 4
microseconds a number, BentoML keeps them in one folder that every start of any service of the user
empties, and a process that writes to one on a full disk is ended by the system. Here a file that
cannot be written costs the others the last second of this worker, and no request anything.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import orjson

from serving.observe.counts import Taken

__all__ = ["FOLDER", "Shared", "shared_folder"]

logger = logging.getLogger("muslin.serving")

FOLDER: Final = "MUSLIN_METRICS_DIR"
"""Environment variable with the folder in which the workers of one service meet."""
_BENTOML: Final = "PROMETHEUS_MULTIPROC_DIR"
_PREFIX: Final = "muslin-metrics-"
_EVERY_S: Final = 1.0


@contextlib.contextmanager
def shared_folder() -> Iterator[None]:
    """Have a folder for the workers that are started while the block runs.

    Folders of services that were killed are removed. Where none can be made, each worker tells of
    itself alone: that is no reason not to serve.
    """
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        process = left.name.removeprefix(_PREFIX).partition("-")[0]
        if process.isdigit() and not _runs(int(process)):
            shutil.rmtree(left, ignore_errors=True)
    try:
        folder = tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-")
    except OSError as error:
        logger.warning("metrics of several workers are not summed: no folder for them (%s)", error)
        yield
        return
    os.environ[FOLDER] = folder
    try:
        yield
    finally:
        os.environ.pop(FOLDER, None)
        shutil.rmtree(folder, ignore_errors=True)


class Shared:
    """The part of one worker, and a look at all of them.

    Parameters
    ----------
    take
        Gives the counts of this worker.

    Notes
    -----
    The file of a worker that has ended stays: what it counted is not uncounted. Its gauges are no
    longer told.
    """

    def __init__(self, take: Callable[[], Taken]) -> None:
        self._take = take
        self._path: Path | None = None
        self._writing = threading.Lock()
        self._said = False

    def begin(self) -> None:
        """Write once a second from now on, in a thread, and once more when the process ends."""
        folder = os.environ.get(FOLDER) or os.environ.get(_BENTOML)
        if folder is None or self._path is not None:
            return
        self._path = Path(folder) / f"muslin-{os.getpid()}-{time.time_ns()}.json"
        threading.Thread(target=self._keep, name="muslin-metrics", daemon=True).start()
        atexit.register(self._write)

    def _keep(self) -> None:
        while True:
            time.sleep(_EVERY_S)
            self._write()

    def _write(self) -> None:
        path = self._path
        if path is None:
            return
        try:
            written = orjson.dumps({"process": os.getpid(), **self._take()})
            with self._writing:
                fresh = path.with_suffix(".new")
                fresh.write_bytes(written)
                fresh.replace(path)
        except Exception as error:
            if not self._said:
                self._said = True
                logger.warning("metrics of this worker cannot be shared: %s", type(error).__name__)
        else:
            self._said = False

    def all(self) -> list[Taken]:
        """Give the counts of every worker; of this one as they are now.

        Returns
        -------
        list of dict
            As :meth:`serving.observe.counts.Counts.take` gives them, each with ``alive``: whether
            the worker still runs.
        """
        path = self._path
        own: dict[str, Any] = {**self._take(), "alive": True}
        if path is None:
            return [own]
        found = [own]
        for other in sorted(path.parent.glob("muslin-*.json")):
            if other == path:
                continue
            with contextlib.suppress(OSError, orjson.JSONDecodeError):
                told = orjson.loads(other.read_bytes())
                found.append({**told, "alive": _runs(told["process"])})
        return found


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
