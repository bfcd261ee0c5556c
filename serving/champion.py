"""The champion's way from the model registry to the service: one local copy, checked, then loaded.

MLflow is asked by a process of its own, before the workers start and now and then while they serve:
that gives it a time limit that holds, and keeps MLflow, its database driver and its threads out of
the service. What it gives is copied to a folder beside the state; the workers watch the record
there. Where the registry is not there, the last copy serves. The copies of earlier champions stay
for a while, so that going back needs no registry.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from features.credentials import without_credentials
from features.settings import Settings
from serving.champions.copies import (
    CHALLENGER,
    CHAMPION,
    Champion,
    ChampionError,
    Role,
    adopt,
    adopt_locked,
    check,
    copies_of,
    drop_challenger,
    load,
    locked,
    read_record,
    write_note,
    write_record,
)
from serving.quiet import QUIET

__all__ = ["Champion", "ChampionError", "adopt", "fetch", "keep_asking", "load", "registry_stamps"]

logger = logging.getLogger("muslin.serving")

_ANSWER = b"champion: "  # begins each line of the child that is meant for us
_SQLITE = "sqlite:///"
_ASKED = "asked.json"
_NONE_OF = "has no champion of {}"


def fetch(settings: Settings, *names: str) -> None:
    """Bring the local copies up to date with the registry; keep the last copy where that fails.

    Parameters
    ----------
    settings
        Where the registry is, where copies go, and how long to wait, for all of them together.
    names
        Registered models.

    Notes
    -----
    It never raises: what went wrong is written beside the copy, for :func:`load` and ``/readyz``.
    A registry in a file that nobody has written since it was last asked is not asked again: that
    takes seconds.
    """
    stamps = registry_stamps(settings.tracking_uri)
    if stamps is not None and _is_known(settings, names, stamps):
        return
    try:
        found = _ask_registry(settings, names)
    except OSError as error:
        found = dict.fromkeys(names, f"the champion's copy cannot be written: {error}")
    for name, why in found.items():
        if why is not None:  # the registry's address may hold a password
            _keep_copy(settings, name, without_credentials(why))
    if stamps is not None and stamps == registry_stamps(settings.tracking_uri):
        _remember(settings, found, stamps)


def keep_asking(settings: Settings, names: Sequence[str], ended: threading.Event) -> None:
    """Ask the registry every so often until `ended` is set; for a thread of a main process.

    Parameters
    ----------
    settings
        ``champion_poll_s`` says how often; 0 never.
    names
        Registered models.
    ended
        Ends it.
    """
    while settings.champion_poll_s and not ended.wait(settings.champion_poll_s):
        try:
            fetch(settings, *names)
        except Exception:
            logger.exception("the model registry was not asked")


def registry_stamps(uri: str) -> list[list[int]] | None:
    """When the files of a registry were written, and their sizes; None where it is no file."""
    if not uri.startswith(_SQLITE):
        return None
    found = []
    for path in (uri.removeprefix(_SQLITE), uri.removeprefix(_SQLITE) + "-wal"):
        with contextlib.suppress(OSError):
            told = os.stat(path)
            found.append([told.st_mtime_ns, told.st_size])
    return found


def _is_known(settings: Settings, names: Sequence[str], stamps: list[list[int]]) -> bool:
    """Whether the registry said of all of them what is here, and has not been written since."""
    try:
        told = json.loads((settings.champion_dir / _ASKED).read_text("utf-8"))
        if (told["uri"], told["stamps"]) != (settings.tracking_uri, stamps):
            return False
        for name in names:
            if told["champion"][name] and load(settings, name)[1].source != "registry":
                return False
    except (OSError, ValueError, KeyError, TypeError, ChampionError):
        return False  # nothing was written, or a copy is gone or damaged: ask
    return True


def _remember(settings: Settings, found: Mapping[str, str | None], stamps: list[list[int]]) -> None:
    """Write down what the registry said of each, unless it could not be asked."""
    for name, why in found.items():
        if why is not None and not why.endswith(_NONE_OF.format(name)):
            return
    told = {
        "uri": settings.tracking_uri,
        "stamps": stamps,
        "champion": {name: why is None for name, why in found.items()},
    }
    path = settings.champion_dir / _ASKED
    fresh = path.with_suffix(f".{os.getpid()}")
    with contextlib.suppress(OSError):  # it is asked again then
        fresh.write_text(json.dumps(told), "utf-8")
        fresh.replace(path)


def _keep_copy(settings: Settings, name: str, why: str) -> None:
    logger.warning("%s: %s", name, why)
    with contextlib.suppress(OSError):
        write_note(settings, name, why)
    with contextlib.suppress(ChampionError, OSError), locked(settings, name):
        here = read_record(settings, name)
        if (here.source, here.reason) != ("copy", why):
            write_record(settings, replace(here, source="copy", reason=why))


def _ask_registry(settings: Settings, names: Sequence[str]) -> dict[str, str | None]:
    """Ask in a child process; say by name why there is no answer, None for a copy up to date."""
    uri = settings.tracking_uri
    # MLflow would make the missing file, with all its tables, only to find no model in it.
    if uri.startswith(_SQLITE) and not Path(uri.removeprefix(_SQLITE)).exists():
        return dict.fromkeys(names, f"there is no model registry at {uri}")
    environment = {
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
        **QUIET,
        **os.environ,
        **settings.environment(),
    }
    try:
        asked = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "serving.champion", *names],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=settings.registry_timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        limit = settings.registry_timeout_s
        told = late.stdout
        other = f"the model registry at {uri} did not answer within {limit:g} seconds"
    else:
        told = asked.stdout
        stderr = asked.stderr.decode("utf-8", "replace")
        last = (stderr.strip().splitlines() or ["no message"])[-1]
        other = f"the model registry at {uri} cannot be read: {last[:300]}"
    return {**dict.fromkeys(names, other), **_answers(told or b"")}


def _answers(told: bytes) -> dict[str, str | None]:
    """Read the child's lines; a library may have printed between them."""
    answers: dict[str, str | None] = {}
    for line in told.splitlines():
        if line.startswith(_ANSWER):
            with contextlib.suppress(ValueError):  # cut off by the time limit
                answers.update(json.loads(line.removeprefix(_ANSWER)))
    return answers


def _download(settings: Settings, names: Sequence[str]) -> None:
    """Run in the child: fetch each champion from the registry, and print what came of it."""
    from mlflow import set_registry_uri, set_tracking_uri  # noqa: PLC0415

    set_tracking_uri(settings.tracking_uri)
    set_registry_uri(settings.tracking_uri)
    for name in names:
        answer = _ANSWER + json.dumps({name: _download_one(settings, name)}).encode()
        sys.stdout.buffer.write(answer + b"\n")
        sys.stdout.flush()


def _download_one(settings: Settings, name: str) -> str | None:
    from mlflow.exceptions import MlflowException  # noqa: PLC0415

    uri = settings.tracking_uri
    try:
        with locked(settings, name):
            _take(settings, name, CHALLENGER)
            if not _take(settings, name, CHAMPION):
                return f"the model registry at {uri} {_NONE_OF.format(name)}"
    except MlflowException as error:
        return f"the model registry at {uri} cannot be read: {str(error)[:300]}"
    except OSError as error:
        return f"the champion of {name} cannot be copied: {error}"
    return None


def _take(settings: Settings, name: str, role: Role) -> bool:
    """Bring one copy up to date; whether the registry names such a version."""
    from mlflow import MlflowClient, artifacts  # noqa: PLC0415
    from mlflow.exceptions import MlflowException  # noqa: PLC0415

    try:
        version = MlflowClient().get_model_version_by_alias(name, role)
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        if role == CHALLENGER:
            drop_challenger(settings, name)
        return False
    other = CHALLENGER if role == CHAMPION else CHAMPION
    registered = f"{version.run_id} {version.creation_timestamp}"
    for each in (*copies_of(settings, name, role), *copies_of(settings, name, other)):
        if (each.version, each.registered) == (str(version.version), registered):
            with contextlib.suppress(ChampionError):
                check(settings, each)
                here = replace(each, source="registry", reason=None)
                if here != next(iter(copies_of(settings, name, role)), None):
                    write_record(settings, here, role)
                return True
    with tempfile.TemporaryDirectory() as folder:
        model = artifacts.download_artifacts(f"models:/{name}/{version.version}", dst_path=folder)
        # Of artifacts that are gone MLflow gives an empty folder, and no error.
        if not any(each.is_file() for each in Path(model).rglob("*")):
            raise OSError(f"the registry has no files of version {version.version}")
        adopt_locked(settings, name, str(version.version), Path(model), registered, role)
    return True


if __name__ == "__main__":
    _download(Settings.load(), sys.argv[1:])
