"""The whole way in one command: tables, models, registry, state, service, and questions to it."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from rich.console import Console

from data_contracts.errors import BadInputError
from features.settings import Settings
from pipelines.demo_answers import ask, show
from pipelines.progress import Steps

if TYPE_CHECKING:
    from pipelines.jobs.base import Job, Tables
    from pipelines.tracking import Registry

__all__ = ["recognise", "run"]

_SEED = 7
_FOLDS = 2
_MARK = "muslin.yaml"


def run(console: Console, *, data: str | None, lines: int, folder: Path) -> None:
    """Simulate or import, validate, train, promote, materialise, serve, ask, stop.

    A model that the tables cannot train, or that the gate refuses, is left out with the reason.

    Parameters
    ----------
    console
        Where progress and answers go.
    data
        A file of a public data set or a folder of contract tables; None simulates a shop.
    lines
        Order lines to simulate.
    folder
        Gets a folder a data set, made anew at each run.

    Raises
    ------
    BadInputError
        The data cannot be used, or no model came through the gate.
    """
    began = time.perf_counter()
    importer = recognise(data) if data is not None else None
    name = "simulated" if data is None else importer or Path(data).name or "tables"
    place = _emptied(folder / name)
    settings = _settings(place)
    with Steps(console, 4) as step:
        source = _tables(data, importer, lines, place / "data", step)
        step("loading the libraries")
        from pipelines.jobs import MODELS, job_of
        from pipelines.load import load_tables, shown_source
        from pipelines.online import materialize_champions
        from pipelines.serve import service
        from pipelines.tracking import Registry

        step("validating the tables")
        tables = load_tables(source)
        step("opening the registry")
        registry = Registry(settings)
    counts = ", ".join(f"{len(t):,} {n}" for n, t in tables.items())
    console.print(f"{counts}\n", markup=False)
    serving = [
        name
        for name in MODELS
        if _trained(console, job_of(name), tables, registry, shown_source(source))
    ]
    if not serving:
        raise BadInputError("no model came through the gate, so there is nobody to ask")
    with Steps(console, 3) as step:
        step("filling the online state")
        materialize_champions(tables, registry, settings)
        step("starting the service")
        with service(settings) as url:
            step("asking")
            answers = ask(url, tables, serving)
    show(console, answers)
    console.print(
        f"done in {time.perf_counter() - began:.0f} s; the service is stopped. To start it again:\n"
        f"  MUSLIN_CONFIG={place / _MARK} muslin serve",
        markup=False,
        soft_wrap=True,
    )


def _trained(console: Console, job: Job, tables: Tables, registry: Registry, source: str) -> bool:
    """Train a model and promote it; tell why where that cannot be."""
    from pipelines.load import check_needs
    from pipelines.promote import promote
    from pipelines.show import show_trained, show_verdict
    from pipelines.train import train_model

    console.print(job.command, style="bold")
    try:
        check_needs(tables, job.needs, where=source)
        with Steps(console, 4 + _FOLDS) as step:
            done = train_model(job, tables, registry, source=source, folds=_FOLDS, step=step)
    except BadInputError as error:
        console.print(f"{job.command} is left out: {error}\n", markup=False, soft_wrap=True)
        return False
    verdict = promote(registry, job, done.version)
    show_trained(console, job, done)
    show_verdict(console, verdict)
    console.print()
    return verdict.passed


def recognise(data: str) -> str | None:
    """Tell which importer reads a file, by its columns; None for tables that need no import.

    Raises
    ------
    BadInputError
        The file is missing or of none of the data sets.
    """
    from data_contracts.readers import is_sql_url

    path = Path(data)
    if is_sql_url(data) or path.is_dir():
        return None
    from data_contracts.readers import read_csv
    from pipelines.importers import fashion_returns, rent_the_runway

    if not path.is_file():
        raise BadInputError(f"{path} does not exist; give a file or a folder of tables")
    if path.suffix.lower() == ".csv":
        columns = set(read_csv(path).columns)
    else:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            columns = set(pq.read_schema(path).names)
        except (pa.ArrowException, OSError) as error:
            raise BadInputError(f"cannot read {path}: {error}") from None
    known = {
        "rent-the-runway": rent_the_runway.COLUMNS,
        "fashion-returns": fashion_returns.COLUMNS,
    }
    for name, wanted in known.items():
        if columns.issuperset(wanted):
            return name
    raise BadInputError(
        f"{path} is none of {', '.join(known)}: its columns are {', '.join(sorted(columns))}."
        " Import it with a mapping file and give the folder of tables"
    )


def _emptied(place: Path) -> Path:
    """Make the folder anew; one that no demo made is left alone."""
    if place.exists():
        if not (place / _MARK).is_file():
            raise BadInputError(f"{place} exists and is not the demo's; remove it or give --dir")
        shutil.rmtree(place)
    place.mkdir(parents=True)
    return place


def _settings(place: Path) -> Settings:
    from pipelines.serve import free_port

    here = place.resolve()
    chosen = {
        "tracking_uri": f"sqlite:///{here / 'mlflow.db'}",
        "state_url": str(here / "state.db"),
        "champion_dir": str(here / "champion"),
        "events_url": str(here / "events.db"),
        "audit_url": str(here / "audit.db"),
    }
    (place / _MARK).write_text(yaml.safe_dump(chosen), "utf-8")
    # On loopback, whatever the environment says: the demo asks without a key.
    return Settings.load(**chosen, host="127.0.0.1", keys="auto", port=free_port())


def _tables(data: str | None, importer: str | None, lines: int, out: Path, step: Steps) -> str:
    """Simulate or import the tables, if they are not tables already; give their source."""
    if data is None:
        step(f"simulating a shop of {lines:,} order lines")
        from pipelines.simulate import run as simulate

        simulate(lines, _SEED, out)
        return str(out)
    if importer is None:
        return data
    step(f"importing {data} ({importer})")
    from pipelines.importers import IMPORTERS

    IMPORTERS[importer](Path(data), out)
    return str(out)
