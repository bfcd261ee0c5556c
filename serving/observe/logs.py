"""The log of every process of the service: one form for our lines and those of the libraries.

At each level but ``DEBUG`` no line holds a value of a request: texts of exceptions are left out
(:mod:`serving.observe.failures`), and so are those of warnings, and what `asyncio` quotes of a
failed task.
"""

from __future__ import annotations

import datetime as dt
import logging
import sys
import threading
from types import TracebackType
from typing import Any, Final

import orjson

from features.settings import Settings
from serving.observe.failures import describe, in_words
from serving.observe.request_id import REQUEST_ID

__all__ = ["JsonLines", "TextLines", "configure"]

logger = logging.getLogger("muslin.serving")

_OURS: Final = "muslin"
_LIBRARIES: Final = {
    "bentoml": logging.INFO,
    "circus": logging.WARNING,
    "uvicorn": logging.WARNING,
    "uvicorn.error": logging.WARNING,
    "uvicorn.access": logging.WARNING,
}
_STANDARD: Final = frozenset(
    {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName", "color_message"}
)


class _Lines(logging.Formatter):
    """What both forms share.

    Parameters
    ----------
    process
        Which process of the service writes.
    texts
        Whether texts of exceptions may be quoted.
    """

    def __init__(self, process: str, *, texts: bool) -> None:
        super().__init__()
        self._process = process
        self._texts = texts

    def _message(self, record: logging.LogRecord) -> str:
        if self._texts:
            return record.getMessage()
        if record.name == "asyncio":
            # It goes on with the task or the call, and quotes results and arguments.
            first = record.getMessage().partition("\n")[0]
            return first.partition("(")[0].partition("<")[0].strip()
        if record.name == "py.warnings":  # file, line and kind; then comes the text
            return ":".join(record.getMessage().split(":", 3)[:3])
        return record.getMessage()

    def _raised(self, record: logging.LogRecord) -> list[dict[str, Any]] | None:
        if not isinstance(record.exc_info, tuple) or record.exc_info[1] is None:
            return None
        return describe(record.exc_info[1], texts=self._texts)


class JsonLines(_Lines):
    """One JSON object a line.

    Parameters
    ----------
    process, texts
        As for :class:`TextLines`.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Write a record."""
        line: dict[str, Any] = {
            "time": _moment(record),
            "level": record.levelname,
            "logger": record.name,
            "process": self._process,
            "message": self._message(record),
        }
        if (request_id := REQUEST_ID.get()) is not None:
            line["request_id"] = request_id
        line |= {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if (raised := self._raised(record)) is not None:
            line["exception"] = raised
        try:
            return orjson.dumps(line, default=str).decode()
        except orjson.JSONEncodeError:  # half a character, or a number beyond 64 bits
            return orjson.dumps({name: _plain(value) for name, value in line.items()}).decode()


class TextLines(_Lines):
    """Lines for a person at a terminal.

    Parameters
    ----------
    process
        Which process of the service writes.
    texts
        Whether texts of exceptions may be quoted.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Write a record."""
        extra = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if (request_id := REQUEST_ID.get()) is not None:
            extra.setdefault("request_id", request_id)
        parts = [
            f"{_moment(record)} [{record.levelname}] [{self._process}] {self._message(record)}",
            *(f"{name}={value}" for name, value in extra.items()),
        ]
        line = " ".join(parts)
        raised = self._raised(record)
        return line if raised is None else f"{line}\n{in_words(raised)}"


def configure(settings: Settings, process: str) -> None:
    """Let every logger of this process write to its standard output in one form.

    Parameters
    ----------
    settings
        Level and form.
    process
        ``main``, ``worker 1`` and so on, or ``follower``.
    """
    in_text = settings.log_format == "text" or (
        settings.log_format == "auto" and sys.stdout.isatty()
    )
    handler = logging.StreamHandler(sys.stdout)
    texts = settings.log_level == "DEBUG"
    handler.setFormatter((TextLines if in_text else JsonLines)(process, texts=texts))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    for name, level in _LIBRARIES.items():
        library = logging.getLogger(name)
        library.handlers = []
        library.propagate = True
        library.setLevel(level)
    logging.getLogger(_OURS).setLevel(settings.log_level)
    for each in list(root.manager.loggerDict.values()):
        if isinstance(each, logging.Logger):  # BentoML silences all that were there before its own
            each.disabled = False
    logging.captureWarnings(capture=False)  # else it is taken for done, whoever shows them by now
    logging.captureWarnings(capture=True)
    # What fails outside of a request would be printed with its text, and so would a record that
    # cannot be written, with all its values.
    sys.excepthook = _uncaught
    sys.unraisablehook = _unraisable
    threading.excepthook = _in_a_thread
    logging.raiseExceptions = texts


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not issubclass(kind, KeyboardInterrupt):
        logger.critical("this process failed", exc_info=(kind, error, trace))


def _unraisable(failed: sys.UnraisableHookArgs) -> None:
    if failed.exc_value is not None:
        logger.error(
            "something failed where nobody could be told",
            exc_info=(failed.exc_type, failed.exc_value, failed.exc_traceback),
        )


def _in_a_thread(failed: threading.ExceptHookArgs) -> None:
    if failed.exc_value is not None:
        name = failed.thread.name if failed.thread is not None else "?"
        raised = (failed.exc_type, failed.exc_value, failed.exc_traceback)
        logger.error("the thread %s failed", name, exc_info=raised)


def _moment(record: logging.LogRecord) -> str:
    moment = dt.datetime.fromtimestamp(record.created, dt.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(value: object) -> object:
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    return str(value).encode("utf-8", "replace").decode()
