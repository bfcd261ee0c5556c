import asyncio
import io
import json
import logging
import sys
import threading
import warnings
from contextlib import redirect_stdout

import pytest
from pydantic import BaseModel, ValidationError

from features.settings import Settings
from serving.observe.logs import JsonLines, TextLines, configure
from serving.observe.request_id import REQUEST_ID

SECRET = "KNOWS-4471"


class Body(BaseModel):
    height_cm: float


def failure() -> BaseException:
    """Raised from what pydantic raised; both quote the value."""
    try:
        try:
            Body(height_cm=SECRET)
        except ValidationError as error:
            raise KeyError(SECRET) from error
    except KeyError as error:
        return error
    raise AssertionError


def record(message="it failed", *args, name="muslin.serving", error=None, **extra):
    raised = None if error is None else (type(error), error, error.__traceback__)
    made = logging.LogRecord(name, logging.ERROR, "file.py", 3, message, args, raised)
    made.__dict__.update(extra)
    return made


@pytest.fixture
def out():
    """Stands for standard output; all that `configure` changes is put back afterwards."""
    root = logging.getLogger()
    kept = (root.handlers[:], root.level, logging.raiseExceptions)
    hooks = sys.excepthook, sys.unraisablehook
    yield io.StringIO()
    root.handlers, root.level, logging.raiseExceptions = kept
    sys.excepthook, sys.unraisablehook = hooks
    threading.excepthook = threading.__excepthook__
    logging.captureWarnings(False)
    logging.getLogger("muslin").setLevel(logging.NOTSET)


def set_up(out, process="main", **settings):
    with redirect_stdout(out):
        configure(Settings(**settings), process)


def test_a_line_is_one_json_object_with_extras():
    line = json.loads(JsonLines("worker 2", texts=False).format(record("%s of %s", 1, 2, ms=0.4)))
    assert line["message"] == "1 of 2"
    assert line["process"] == "worker 2"
    assert line["level"] == "ERROR"
    assert line["logger"] == "muslin.serving"
    assert line["ms"] == 0.4
    assert line["time"].endswith("Z")
    assert "request_id" not in line


def test_a_line_of_a_request_names_it():
    token = REQUEST_ID.set("0123456789abcdef")
    try:
        line = json.loads(JsonLines("main", texts=False).format(record()))
        text = TextLines("main", texts=False).format(record())
    finally:
        REQUEST_ID.reset(token)
    assert line["request_id"] == "0123456789abcdef"
    assert text.endswith("it failed request_id=0123456789abcdef")


@pytest.mark.parametrize("form", [JsonLines, TextLines])
def test_an_exception_is_told_by_kind_and_place_and_quoted_at_debug_alone(form):
    error = failure()
    assert SECRET in str(error)
    told = form("main", texts=False).format(record(error=error))
    assert SECRET not in told
    assert "ValidationError" in told
    assert "KeyError" in told
    assert "test_logs.py" in told
    assert SECRET in form("main", texts=True).format(record(error=error))


def test_a_line_that_json_cannot_hold_is_written_all_the_same():
    half, large = "\ud83d", 2**80
    told = JsonLines("main", texts=False).format(record(half, large=large, within={"a": [half]}))
    line = json.loads(told)
    assert line["message"] == "?"
    assert line["large"] == str(large)
    assert "\n" not in told


def test_what_asyncio_and_warnings_quote_is_cut_off(out):
    set_up(out, log_format="json")

    async def fail(loop):
        loop.call_soon(int, SECRET)
        task = loop.create_task(asyncio.sleep(0, SECRET))
        task.add_done_callback(lambda _: int(SECRET))
        await task
        await asyncio.sleep(0)

    async def main():
        await fail(asyncio.get_running_loop())

    asyncio.run(main())
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(f"a strange {SECRET}", UserWarning, stacklevel=1)
    lines = [json.loads(each) for each in out.getvalue().splitlines()]
    assert [line["logger"] for line in lines] == ["asyncio", "asyncio", "py.warnings"]
    assert SECRET not in out.getvalue()
    assert "test_logs.py" in lines[2]["message"]
    assert "UserWarning" in lines[2]["message"]


def test_a_record_that_cannot_be_written_is_not_printed_with_its_values(out, capfd):
    set_up(out, log_format="json")
    logging.getLogger("muslin.serving").warning("%d events", SECRET)
    sys.stderr.flush()
    assert SECRET not in out.getvalue() + "".join(capfd.readouterr())


def test_libraries_write_in_the_same_form_once(out):
    for name in ("bentoml", "uvicorn.error"):
        logging.getLogger(name).addHandler(logging.StreamHandler(out))
    logging.getLogger("asyncio").disabled = True  # as BentoML leaves it
    set_up(out, "worker 1", log_format="json", log_level="WARNING")
    logging.getLogger("bentoml.serve").info("started")
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
    logging.getLogger("asyncio").error("something")
    logging.getLogger("muslin.serving").info("not at this level")
    lines = [json.loads(each) for each in out.getvalue().splitlines()]
    assert [line["logger"] for line in lines] == ["bentoml.serve", "uvicorn.error", "asyncio"]


@pytest.mark.parametrize(
    ("form", "terminal", "is_json"),
    [
        ("auto", True, False),
        ("auto", False, True),
        ("json", True, True),
        ("text", False, False),
    ],
)
def test_a_terminal_gets_text_unless_json_is_asked_for(out, form, terminal, is_json):
    out.isatty = lambda: terminal
    set_up(out, log_format=form)
    logging.getLogger("muslin.serving").info("it answers")
    told = out.getvalue()
    assert told.startswith("{") is is_json
    assert "it answers" in told
