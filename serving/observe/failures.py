"""An exception as the log tells it: what it is and where it happened, not what it says.

The text of an exception often quotes the value it is about: pydantic its input, ``int()`` the text
it was given, a database the row. So types and places go into the log, and texts only at ``DEBUG``.
"""

from __future__ import annotations

import traceback
from types import TracebackType
from typing import Any, Final

__all__ = ["Raised", "describe", "in_words"]

Raised = tuple[type[BaseException], BaseException, TracebackType | None]
"""As ``sys.exc_info()`` gives it."""

_MOST_CAUSES: Final = 5
_MOST_FRAMES: Final = 40


def describe(error: BaseException, *, texts: bool) -> list[dict[str, Any]]:
    """Tell of an exception and of what it came from, the last first.

    Parameters
    ----------
    error
        With its traceback.
    texts
        Whether to quote what the exceptions say.

    Returns
    -------
    list of dict
        ``type``; ``frames``, each as ``file:line function``, the innermost last; ``text`` where it
        is wanted.
    """
    told: list[dict[str, Any]] = []
    each: BaseException | None = error
    while each is not None and len(told) < _MOST_CAUSES:
        frames = traceback.extract_tb(each.__traceback__)[-_MOST_FRAMES:]
        one: dict[str, Any] = {
            "type": f"{type(each).__module__}.{type(each).__qualname__}".removeprefix("builtins."),
            "frames": [f"{_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames],
        }
        if texts:
            one["text"] = str(each)
        told.append(one)
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)
    return told


def in_words(described: list[dict[str, Any]]) -> str:
    """Write the same for a person to read, over several lines."""
    lines: list[str] = []
    for place, one in enumerate(described):
        text = f": {one['text']}" if "text" in one else ""
        lines.append(f"  {'caused by ' if place else ''}{one['type']}{text}")
        lines += [f"    at {frame}" for frame in reversed(one["frames"])]
    return "\n".join(lines)


def _short(filename: str) -> str:
    """Cut off where the packages are installed."""
    for mark in ("/site-packages/", "/serving/", "/features/", "/models/", "/data_contracts/"):
        _before, found, after = filename.rpartition(mark)
        if found:
            return after if mark == "/site-packages/" else f"{mark[1:]}{after}"
    return filename
