"""A worker ends with the process that started it, also where that was killed without a word.

BentoML's main process tells its workers to end when it ends itself. Killed outright it cannot: an
orphan would keep the port, so that the service could not be started again.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from typing import Final

__all__ = ["SERVED_BY", "end_with_parent"]

logger = logging.getLogger("muslin.serving")

SERVED_BY: Final = "MUSLIN_SERVED_BY"
"""Environment variable with the id of the main process: it may be gone before we first look."""
_LOOK_S: Final = 0.5
_GRACE_S: Final = 5.0


def end_with_parent() -> None:
    """From now on, end this process soon after its parent has ended.

    It ends as on SIGTERM; where that takes too long, outright. An orphan has another parent: asking
    for it works on every POSIX system, while Linux's own signal for this is of the thread that
    started the process, and may come too early.
    """
    parent = os.getppid()
    said = os.environ.get(SERVED_BY, "")
    gone = said.isdigit() and int(said) != parent and not _runs(int(said))
    threading.Thread(
        target=_watch, args=(None if gone else parent,), name="muslin-parent", daemon=True
    ).start()


def _watch(parent: int | None) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_S)
    logger.warning("the main process is gone; this worker ends")
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_S)
    os._exit(1)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
