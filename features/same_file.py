"""Whether a path still names the file that was opened: it may have been removed or replaced."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["file_at"]


def file_at(path: str | Path) -> tuple[int, int] | None:
    """What tells a file from another one that is put in its place; None where there is none.

    A process that has a file open goes on with it when its name is gone: what it writes then is
    lost when it ends.
    """
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
