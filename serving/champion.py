"""The champion's way from the model registry to the service: one local copy, checked, then loaded.

MLflow is asked once, before the workers start, by a process of its own: that gives it a time limit
that holds, and keeps MLflow, its database driver and its threads out of the service. What it gives
is copied to a folder beside the state. Where the registry is not there, the last copy serves.

::

    <champion_dir>/size_fit/current.json        which copy serves, and the SHA-256 of its files
    <champion_dir>/size_fit/3-1f2e3d4c5b6a/...  the copy of version 3
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from features.settings import Settings
from serving.advisor import ModelLabel
from serving.quiet import QUIET

__all__ = ["ALIAS", "Champion", "ChampionError", "adopt", "fetch", "load"]

logger = logging.getLogger("muslin.serving")

ALIAS = "champion"
Source = Literal["registry", "copy"]
_RECORD = "current.json"
_NOTE = "registry.txt"  # what the registry said when it was last asked in vain
_ANSWER = b"champion: "  # begins each line of the child that is meant for us
_SQLITE = "sqlite:///"
_STAGING = ".staging-"


class ChampionError(RuntimeError):
    """There is no champion to serve.

    Parameters
    ----------
    reason
        What is missing or broken.
    action
        The command that helps.
    """

    def __init__(self, reason: str, action: str) -> None:
        super().__init__(f"{reason}; run: {action}")
        self.reason = reason
        self.action = action


@dataclass(frozen=True, slots=True)
class Champion:
    """A champion's local copy.

    Parameters
    ----------
    name, version
        As registered.
    folder
        Name of the copy's folder.
    files
        SHA-256 of each file, by its path in the folder.
    registered
        What tells it from another model of the same version, in a registry made anew.
    source
        ``registry`` when the registry confirmed it at the last start, else ``copy``.
    reason
        Why it is a copy.
    """

    name: str
    version: str
    folder: str
    files: dict[str, str]
    registered: str = ""
    source: Source = "registry"
    reason: str | None = None

    @property
    def label(self) -> ModelLabel:
        """Name and version."""
        return ModelLabel(self.name, self.version)


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
    """
    try:
        found = _ask_registry(settings, names)
    except OSError as error:
        found = dict.fromkeys(names, f"the champion's copy cannot be written: {error}")
    for name, why in found.items():
        if why is not None:
            _keep_copy(settings, name, why)


def _keep_copy(settings: Settings, name: str, why: str) -> None:
    logger.warning("%s: %s", name, why)
    with contextlib.suppress(OSError):
        home = _home(settings, name)
        home.mkdir(parents=True, exist_ok=True)
        (home / _NOTE).write_text(why, "utf-8")
    with contextlib.suppress(ChampionError, OSError):
        _write_record(settings, replace(_read_record(settings, name), source="copy", reason=why))


def load(settings: Settings, name: str) -> tuple[Path, Champion]:
    """Find the copy that serves and check every file of it.

    Parameters
    ----------
    settings
        Where copies are.
    name
        Registered model.

    Returns
    -------
    path, champion
        Folder of the model, and what is known of it.

    Raises
    ------
    ChampionError
        When there is no copy, or a file of it is missing, added or changed.
    """
    champion = _read_record(settings, name)
    folder = _home(settings, name) / champion.folder
    found = _digests(folder)
    if found != champion.files:
        wrong = sorted(
            path
            for path in found.keys() | champion.files.keys()
            if found.get(path) != champion.files.get(path)
        )
        raise ChampionError(
            f"the copy of {name} version {champion.version} in {folder} is damaged: "
            f"{', '.join(wrong[:3])}",
            f"rm -r {_home(settings, name)} && muslin serve",
        )
    return folder, champion


def adopt(
    settings: Settings, name: str, version: str, model: Path, *, registered: str = ""
) -> Champion:
    """Copy a model's folder to where the service looks, and make it the one that serves.

    The switch is one rename, so a service that starts meanwhile sees the old copy or the new one.

    Parameters
    ----------
    settings
        Where copies go.
    name, version, registered
        As registered.
    model
        Folder of the model.

    Returns
    -------
    Champion
        What now serves from the next start on.
    """
    home = _home(settings, name)
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=_STAGING, dir=home) as temporary:
        staging = Path(temporary) / "model"
        shutil.copytree(model, staging)
        files = _digests(staging)
        whole = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
        champion = Champion(name, version, f"{version}-{whole[:12]}", files, registered)
        target = home / champion.folder
        if target.exists() and _digests(target) != files:
            target.rename(Path(temporary) / "damaged")
        if not target.exists():
            staging.rename(target)
        _write_record(settings, champion)
    for left in home.iterdir():  # what served before
        if left.is_dir() and left.name != champion.folder and not left.name.startswith(_STAGING):
            shutil.rmtree(left, ignore_errors=True)
    return champion


def _home(settings: Settings, name: str) -> Path:
    return settings.champion_dir / name


def _train(name: str) -> str:
    command = name.replace("_", "-")
    return f"muslin train {command} --data DIR && muslin promote {command}"


def _read_record(settings: Settings, name: str) -> Champion:
    path = _home(settings, name) / _RECORD
    try:
        return Champion(**json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        try:
            why = path.with_name(_NOTE).read_text("utf-8")
        except OSError:
            why = f"the model registry at {settings.tracking_uri} was not asked"
        raise ChampionError(
            f"no champion of {name}: {why}, and there is no copy in {path.parent}", _train(name)
        ) from None
    except (ValueError, TypeError) as error:
        raise ChampionError(
            f"{path} cannot be read: {error}", f"rm -r {path.parent} && muslin serve"
        ) from error


def _write_record(settings: Settings, champion: Champion) -> None:
    path = _home(settings, champion.name) / _RECORD
    fresh = path.with_suffix(f".{os.getpid()}")
    fresh.write_text(json.dumps(asdict(champion), indent=1), "utf-8")
    fresh.replace(path)


def _digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


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
    from mlflow import MlflowClient, artifacts  # noqa: PLC0415
    from mlflow.exceptions import MlflowException  # noqa: PLC0415

    uri = settings.tracking_uri
    try:
        version = MlflowClient().get_model_version_by_alias(name, ALIAS)
        registered = f"{version.run_id} {version.creation_timestamp}"
        with contextlib.suppress(ChampionError):
            _, here = load(settings, name)
            if (here.version, here.registered) == (str(version.version), registered):
                _write_record(settings, replace(here, source="registry", reason=None))
                return None
        with tempfile.TemporaryDirectory() as folder:
            model = artifacts.download_artifacts(
                f"models:/{name}/{version.version}", dst_path=folder
            )
            adopt(settings, name, str(version.version), Path(model), registered=registered)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return f"the model registry at {uri} has no champion of {name}"
        return f"the model registry at {uri} cannot be read: {str(error)[:300]}"
    except OSError as error:
        return f"the champion of {name} cannot be copied: {error}"
    return None


if __name__ == "__main__":
    _download(Settings.load(), sys.argv[1:])
