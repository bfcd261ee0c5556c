"""The whole way in one command: tables, model, registry, state, service, and four questions."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table as Grid

from data_contracts.errors import BadInputError
from features.settings import Settings
from pipelines.progress import Steps
from pipelines.questions import DemoQuestion, four_questions
from pipelines.show import show_folds, show_verdict

__all__ = ["recognise", "run"]

_SEED = 7
_FOLDS = 2
_MARK = "muslin.yaml"


def run(console: Console, *, data: str | None, lines: int, folder: Path) -> None:
    """Simulate or import, validate, train, promote, materialise, serve, ask, stop.

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
        The data cannot be used, or the model was refused.
    """
    began = time.perf_counter()
    importer = recognise(data) if data is not None else None
    name = "simulated" if data is None else importer or Path(data).name or "tables"
    place = _emptied(folder / name)
    settings = _settings(place)
    with Steps(console, 11 + _FOLDS) as step:
        source = _tables(data, importer, lines, place / "data", step)
        step("loading the libraries")
        from pipelines.jobs import job_of
        from pipelines.load import load_tables, shown_source
        from pipelines.online import materialize_champions
        from pipelines.promote import promote
        from pipelines.serve import service
        from pipelines.tracking import Registry
        from pipelines.train import train_model

        step("validating the tables")
        tables = load_tables(source)
        questions = four_questions(tables)
        step("opening the registry")
        registry = Registry(settings)
        job = job_of("size_fit")
        trained = train_model(
            job, tables, registry, source=shown_source(source), folds=_FOLDS, step=step
        )
        step("promoting through the gate")
        verdict = promote(registry, job, trained.version)
        if verdict.passed:
            step("filling the online state")
            materialize_champions(tables, registry, settings)
            step("starting the service")
            with service(settings) as url:
                step("asking for size advice")
                answers = [_ask(url, question.request) for question in questions]
    counts = ", ".join(f"{len(t):,} {n}" for n, t in tables.items())
    console.print(f"\n{counts}\n", markup=False)
    show_folds(console, job, trained.folds, trained.metrics)
    show_verdict(console, verdict)
    if not verdict.passed:
        raise BadInputError("the model was refused by the gate, so there is nobody to ask")
    _show(console, questions, answers)
    console.print(
        f"done in {time.perf_counter() - began:.0f} s; the service is stopped. To start it again:\n"
        f"  MUSLIN_CONFIG={place / _MARK} muslin serve",
        markup=False,
        soft_wrap=True,
    )


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
    }
    (place / _MARK).write_text(yaml.safe_dump(chosen), "utf-8")
    return Settings.load(**chosen, port=free_port())


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


def _ask(url: str, request: Mapping[str, Any]) -> dict[str, Any]:
    import httpx

    answer = httpx.post(f"{url}/v1/size-advice", json=dict(request), timeout=30.0)
    answer.raise_for_status()
    given: dict[str, Any] = answer.json()
    return given


def _show(
    console: Console, questions: Sequence[DemoQuestion], answers: Sequence[Mapping[str, Any]]
) -> None:
    grid = Grid("who asks", "product", "advice", "P(fit)", "answer", show_lines=True, expand=True)
    for column, share in zip(grid.columns, (4, 2, 2, 2, 6), strict=True):
        column.ratio = share
    for question, answer in zip(questions, answers, strict=True):
        fits = [f"{size['label']} {size['fit']['fit']:.2f}" for size in _best(answer)]
        flag = answer["product_flag"]
        product = f"{answer['product_id']}" + (f"\n{flag.replace('_', ' ')}" if flag else "")
        advice = answer["recommended"] or answer["status"].replace("_", " ")
        advice += f"\n(of {', '.join(answer['size_set'])})" if answer["size_set"] else ""
        grid.add_row(
            question.who,
            product,
            advice,
            "\n".join(fits),
            answer["message"],
        )
    console.print(grid)


def _best(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The three sizes most likely to fit, in the order they are sold."""
    sizes = answer["sizes"]
    best = sorted(range(len(sizes)), key=lambda i: -sizes[i]["fit"]["fit"])[:3]
    return [sizes[i] for i in sorted(best)]
