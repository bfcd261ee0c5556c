"""`muslin promote`, `rollback` and `shadow`: which version answers, and what follows from it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console

if TYPE_CHECKING:
    from features.settings import Settings
    from pipelines.jobs.base import Job
    from pipelines.tracking import Registry

__all__ = ["promote_command", "refresh_copy", "report_command", "rollback_command"]

REFUSED = 3
"""Exit code of a promotion that the gate refused."""
_MODELS: Final = "size-fit|return-risk|abuse"
Model = Annotated[str, typer.Argument(metavar=_MODELS, help="The model.")]
_ANSWER: Final = b"champion: "
_PATIENCE_S: Final = 120.0
"""No request waits for this one, and nobody tries again soon."""
_SHADOWED: Final = ("size_fit", "return_risk")


def _console() -> Console:
    return Console(highlight=False)


def _job(model: str) -> Job:
    from data_contracts.errors import BadInputError
    from pipelines.jobs import MODELS, job_of

    name = model.replace("-", "_")
    if name not in MODELS:
        known = ", ".join(each.replace("_", "-") for each in MODELS)
        raise BadInputError(f"there is no model {model!r}; there is {known}")
    return job_of(name)


def promote_command(
    model: Model,
    version: Annotated[
        int | None, typer.Option(min=1, help="Version to promote; the newest if left out.")
    ] = None,
    shadow: Annotated[
        bool,
        typer.Option(
            "--shadow", help="Let it answer beside the champion, unseen; see muslin shadow report."
        ),
    ] = False,
    off: Annotated[bool, typer.Option("--off", help="With --shadow: end that.")] = False,
) -> None:
    """Make a version the champion, if it passes the gate; exit code 3 if it does not.

    A running service takes it over by itself, once the online state is filled for it.
    """
    job = _job(model)
    from data_contracts.errors import BadInputError

    if off and not shadow:
        raise BadInputError("--off goes with --shadow; to go back run: muslin rollback MODEL")
    from features.settings import Settings
    from pipelines import promote as gated
    from pipelines.show import show_verdict
    from pipelines.tracking import Registry

    console, settings = _console(), Settings.load()
    registry = Registry(settings)
    if shadow:
        _shadow(console, registry, job, settings, version, off=off)
        return
    verdict = gated.promote(registry, job, version)
    show_verdict(console, verdict)
    if not verdict.passed:
        raise typer.Exit(REFUSED)
    before = verdict.champion.number if verdict.champion is not None else None
    _told_service(console, registry, job, settings, verdict.challenger.number, before)


def rollback_command(model: Model) -> None:
    """Make the champion before this one the champion again; a running service goes back to it."""
    job = _job(model)
    from features.settings import Settings
    from pipelines.tracking import Registry

    console, settings = _console(), Settings.load()
    registry = Registry(settings)
    before, now = registry.roll_back(job.name)
    console.print(
        f"{job.name} version {now.number} is the champion again, after version {before.number}",
        markup=False,
    )
    _told_service(console, registry, job, settings, now.number, before.number)


def report_command() -> None:
    """Print how far challengers and champions agree on the same questions."""
    from features.settings import Settings
    from pipelines.shadow import reports, show_report

    show_report(_console(), reports(Settings.load(), _SHADOWED))


def _shadow(
    console: Console,
    registry: Registry,
    job: Job,
    settings: Settings,
    version: int | None,
    *,
    off: bool,
) -> None:
    from data_contracts.errors import BadInputError
    from pipelines.promote import challenge

    if job.name not in _SHADOWED:
        raise BadInputError(
            f"{job.command} has no shadow: its answers go into the record of reviews; of"
            f" {', '.join(each.replace('_', '-') for each in _SHADOWED)} there is one"
        )
    if off:
        registry.challenge(job.name, None)
        console.print(f"{job.name} has no challenger any more", markup=False)
        _refreshed(console, settings, job.name)
        return
    number = challenge(registry, job, version).number
    console.print(
        f"{job.name} version {number} is the challenger: of {settings.shadow_rate:.0%} of the"
        " requests the service asks it, too, after it has answered; see: muslin shadow report",
        markup=False,
        soft_wrap=True,
    )
    _refreshed(console, settings, job.name)
    places = (settings.challenger_state_url,) if settings.challenger_state_url else ()
    if not _is_filled(registry, job, settings, number, places):
        console.print(
            "its feature space is not the champion's, so it needs a state of its own: set"
            " MUSLIN_CHALLENGER_STATE_URL, for the service too, and run: muslin materialize"
            " --challenger --data DIR",
            markup=False,
            soft_wrap=True,
        )


def _told_service(
    console: Console,
    registry: Registry,
    job: Job,
    settings: Settings,
    number: int,
    before: int | None,
) -> None:
    """Bring the copy of a service on this machine up to date, and say what it does next."""
    _refreshed(console, settings, job.name)
    if _is_filled(registry, job, settings, number):
        text = "the online state is filled for it: a running service takes it over by itself"
    else:
        stays = f"; until then version {before} goes on answering" if before is not None else ""
        text = f"next: muslin materialize --data DIR{stays}"
    console.print(text, markup=False, soft_wrap=True)


def _is_filled(
    registry: Registry, job: Job, settings: Settings, number: int, also: tuple[str, ...] = ()
) -> bool:
    from features.places import metas, place_of, space_name
    from features.state import StateError

    with tempfile.TemporaryDirectory() as temporary:
        folder = registry.download(job.name, number, Path(temporary))
        space = job.load_space(folder).fingerprint
    try:
        if place_of(settings, {job.name: space}) is not None:
            return True
        return any(meta.get(space_name(job.name)) == space for meta in metas(also).values())
    except StateError:
        return False


def _refreshed(console: Console, settings: Settings, name: str) -> None:
    why = refresh_copy(settings, name)
    if why is not None:
        console.print(
            f"the copy in {settings.champion_dir} is not up to date: {why}; the service asks the"
            " registry itself now and then (MUSLIN_CHAMPION_POLL_S) and when it starts",
            markup=False,
            soft_wrap=True,
        )


def refresh_copy(settings: Settings, name: str) -> str | None:
    """Bring the local copy of a model up to date where a service keeps one on this machine.

    Parameters
    ----------
    settings
        Where copies and the registry are.
    name
        Registered model.

    Returns
    -------
    str or None
        Why it could not be; None where it was, or where there is none to bring up to date.

    Notes
    -----
    The program that keeps the copies is the service's own, run as a process: pipelines and service
    share no module.
    """
    if not (settings.champion_dir / name).is_dir():
        return None
    environment = {**os.environ, **settings.environment()}
    limit = max(settings.registry_timeout_s, _PATIENCE_S)
    try:
        done = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "serving.champion", name],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=limit,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"the model registry did not answer within {limit:g} seconds"
    for line in done.stdout.splitlines():
        if line.startswith(_ANSWER):
            answer: str | None = json.loads(line.removeprefix(_ANSWER))[name]
            return answer
    said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no message"]
    return said[-1][:300]
