"""The local copies of champions: which serves, which served before, whether their files are whole.

::

    <champion_dir>/size_fit/current.json        which copy serves, and the SHA-256 of its files;
                                                the same of the copies before it that are kept
    <champion_dir>/size_fit/challenger.json     the copy that answers beside it, if there is one
    <champion_dir>/size_fit/3-1f2e3d4c5b6a/...  the copy of version 3

A record is written by one rename, so who looks meanwhile sees the old one or the new.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from features.settings import Settings
from features.stores import shown
from serving.advisor import ModelLabel

__all__ = [
    "CHALLENGER",
    "CHAMPION",
    "Champion",
    "ChampionError",
    "Role",
    "adopt",
    "adopt_locked",
    "check",
    "copies_of",
    "drop_challenger",
    "home_of",
    "load",
    "locked",
    "read_record",
    "stamp_of",
    "train_command",
    "write_note",
    "write_record",
]

Role = Literal["champion", "challenger"]
CHAMPION: Final[Role] = "champion"
CHALLENGER: Final[Role] = "challenger"
Source = Literal["registry", "copy"]
_RECORDS: Final[dict[Role, str]] = {CHAMPION: "current.json", CHALLENGER: "challenger.json"}
_EARLIER: Final = "earlier"
_KEPT: Final = 3
"""Copies of champions that are kept, the one that serves among them."""
_LOCK: Final = ".lock"
_NOTE: Final = "registry.txt"
_STAGING: Final = ".staging-"


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

    @property
    def space(self) -> str | None:
        """Fingerprint of its feature space; None for a folder that is no model of ours.

        A space is told by the SHA-256 of what it saves.
        """
        return self.files.get("space.json")


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
    champion = read_record(settings, name)
    return check(settings, champion), champion


def check(settings: Settings, champion: Champion) -> Path:
    """Check every file of a copy and give its folder.

    Raises
    ------
    ChampionError
        When a file is missing, added or changed.
    """
    home = home_of(settings, champion.name)
    folder = home / champion.folder
    found = _digests(folder)
    if found != champion.files:
        wrong = sorted(
            path
            for path in found.keys() | champion.files.keys()
            if found.get(path) != champion.files.get(path)
        )
        raise ChampionError(
            f"the copy of {champion.name} version {champion.version} in {folder} is damaged: "
            f"{', '.join(wrong[:3])}",
            f"rm -r {home} && muslin serve",
        )
    return folder


def adopt(
    settings: Settings,
    name: str,
    version: str,
    model: Path,
    *,
    registered: str = "",
    role: Role = CHAMPION,
) -> Champion:
    """Copy a model's folder to where the service looks, and make it the one that serves.

    The switch is one rename, so who looks meanwhile sees the old copy or the new one.

    Parameters
    ----------
    settings
        Where copies go.
    name, version, registered
        As registered.
    model
        Folder of the model.
    role
        ``challenger`` for one that answers beside the champion.

    Returns
    -------
    Champion
        What now serves.
    """
    with locked(settings, name):
        return adopt_locked(settings, name, version, model, registered, role)


def adopt_locked(
    settings: Settings, name: str, version: str, model: Path, registered: str, role: Role
) -> Champion:
    """Do as :func:`adopt` in a block of :func:`locked`."""
    home = home_of(settings, name)
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
        write_record(settings, champion, role)
    _prune(settings, name)
    return champion


def _prune(settings: Settings, name: str) -> None:
    """Remove the folders that no record names; none while the champion's cannot be read."""
    champions = copies_of(settings, name)
    if not champions:
        return
    named = {each.folder for each in (*champions, *copies_of(settings, name, CHALLENGER))}
    for left in home_of(settings, name).iterdir():
        if left.is_dir() and left.name not in named and not left.name.startswith(_STAGING):
            shutil.rmtree(left, ignore_errors=True)


@contextlib.contextmanager
def locked(settings: Settings, name: str) -> Iterator[None]:
    """Let one process at a time ask the registry and change the copies.

    Else who asked before a promotion could put the old champion in the place of the new.
    """
    home = home_of(settings, name)
    home.mkdir(parents=True, exist_ok=True)
    with (home / _LOCK).open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def home_of(settings: Settings, name: str) -> Path:
    """Folder of the copies of a model."""
    return settings.champion_dir / name


def train_command(name: str) -> str:
    """The command that makes a champion of this model."""
    command = name.replace("_", "-")
    return f"muslin train {command} --data DIR && muslin promote {command}"


def read_record(settings: Settings, name: str, role: Role = CHAMPION) -> Champion:
    """What is known of the copy that serves, or of the challenger; its files are not looked at.

    Raises
    ------
    ChampionError
        When there is none.
    """
    return _read(settings, name, role)[0]


def _read(settings: Settings, name: str, role: Role) -> list[Champion]:
    path = home_of(settings, name) / _RECORDS[role]
    try:
        record: dict[str, Any] = json.loads(path.read_text("utf-8"))
        earlier = record.pop(_EARLIER, [])
        return [Champion(**record), *(Champion(**each) for each in earlier)]
    except FileNotFoundError:
        try:
            why = path.with_name(_NOTE).read_text("utf-8")
        except OSError:
            why = f"the model registry at {shown(settings.tracking_uri)} was not asked"
        raise ChampionError(
            f"no {role} of {name}: {why}, and there is no copy in {path.parent}",
            train_command(name),
        ) from None
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise ChampionError(
            f"{path} cannot be read: {error}", f"rm -r {path.parent} && muslin serve"
        ) from error


def copies_of(settings: Settings, name: str, role: Role = CHAMPION) -> list[Champion]:
    """The copies of champions, the one that serves first and then those before it; or the one copy
    of the challenger. Empty where there is none.
    """
    try:
        return _read(settings, name, role)
    except ChampionError:
        return []


def stamp_of(settings: Settings, name: str) -> int:
    """When a record was last written: copies that were damaged are mended then."""
    stamps = [0]
    for record in _RECORDS.values():
        try:
            stamps.append((home_of(settings, name) / record).stat().st_mtime_ns)
        except OSError:
            continue
    return max(stamps)


def drop_challenger(settings: Settings, name: str) -> None:
    """Let no challenger answer beside the champion; in a block of :func:`locked`."""
    (home_of(settings, name) / _RECORDS[CHALLENGER]).unlink(missing_ok=True)
    _prune(settings, name)


def write_note(settings: Settings, name: str, why: str) -> None:
    """Keep what the registry said when it was asked in vain."""
    home = home_of(settings, name)
    home.mkdir(parents=True, exist_ok=True)
    (home / _NOTE).write_text(why, "utf-8")


def write_record(settings: Settings, champion: Champion, role: Role = CHAMPION) -> None:
    """Let this copy serve; in a block of :func:`locked`."""
    path = home_of(settings, champion.name) / _RECORDS[role]
    record = asdict(champion)
    if role == CHAMPION:
        before = copies_of(settings, champion.name, role)
        earlier = [each for each in before if each.folder != champion.folder]
        record[_EARLIER] = [asdict(each) for each in earlier[: _KEPT - 1]]
    fresh = path.with_suffix(f".{os.getpid()}")
    fresh.write_text(json.dumps(record, indent=1), "utf-8")
    fresh.replace(path)


def _digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
