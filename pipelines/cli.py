"""The command line, `muslin`. Commands import what they need when they run, so that help is quick.

Exit codes: 0 done; 1 an error of ours; 2 bad input; 3 promotion refused, the state differs from the
tables, or a limit of the monitor is crossed; 4 a record that was tampered with.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from pipelines.audit_cli import expire_command, verify_command
from pipelines.champions_cli import promote_command, report_command, rollback_command
from pipelines.features_cli import build_command
from pipelines.forget_cli import forget_command
from pipelines.jobs import MODELS, job_of
from pipelines.keys_cli import add_command, list_command, revoke_command, rotate_command
from pipelines.monitor_cli import monitor_command
from pipelines.policy_cli import policy_app
from pipelines.sizes_cli import sizes_app
from pipelines.state_cli import check_command

if TYPE_CHECKING:
    from features.settings import Settings
    from pipelines.jobs.base import Job, Tables
    from pipelines.tracking import Registry

__all__ = ["app"]

BAD_INPUT = 2

app = typer.Typer(
    help="Size advice, return risk and fair return review for shops that sell clothes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


class MomentName(StrEnum):
    """Moment a line is predicted at."""

    checkout = "checkout"
    delivered = "delivered"


Data = Annotated[str, typer.Option(metavar="DIR|URL", help="Folder of tables, or database URL.")]
Out = Annotated[Path, typer.Option(help="Folder to write to.")]
_ALL = "all"
_COMMANDS = tuple(name.replace("_", "-") for name in MODELS)
Model = Annotated[str, typer.Argument(metavar="|".join(_COMMANDS), help="The model.")]
Models = Annotated[
    str,
    typer.Argument(
        metavar="|".join((*_COMMANDS, _ALL)), help="The model; all: each the tables can train."
    ),
]


def _out() -> Console:
    return Console(highlight=False)


def _explained(command: Callable[..., None]) -> Callable[..., None]:
    """Turn bad input into one sentence on standard error and exit code 2."""

    @functools.wraps(command)
    def run(*args: Any, **options: Any) -> None:
        try:
            command(*args, **options)
        except Exception as error:
            from data_contracts.errors import BadInputError
            from features.settings import SettingsError
            from features.state import StateError

            if not isinstance(error, (BadInputError, SettingsError, StateError, OSError)):
                raise
            said = Console(stderr=True, highlight=False)
            said.print("error:", style="bold red", end=" ")
            said.print(_sentence(error), markup=False, soft_wrap=True)
            for note in getattr(error, "__notes__", []):
                said.print(f"also: {note}", markup=False, soft_wrap=True)
            raise typer.Exit(BAD_INPUT) from None

    return run


def _sentence(error: Exception) -> str:
    if not isinstance(error, OSError) or error.filename is None:
        return str(error)
    if isinstance(error, (FileExistsError, NotADirectoryError)):
        return f"{error.filename} is a file where a folder is needed; choose another path"
    return f"cannot open {error.filename}: {error.strerror}"


def _settings(**overrides: object) -> Settings:
    from features.settings import Settings

    return Settings.load(**{k: v for k, v in overrides.items() if v is not None})


def _registry() -> Registry:
    from pipelines.tracking import Registry

    return Registry(_settings())


def _job(name: str, *, others: tuple[str, ...] = ()) -> Job:
    from data_contracts.errors import BadInputError

    if name.replace("-", "_") not in MODELS:
        known = ", ".join((*_COMMANDS, *others))
        raise BadInputError(f"there is no model {name!r}; there is {known}")
    return job_of(name.replace("-", "_"))


@app.command()
@_explained
def demo(
    data: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|DIR",
            help="rent_the_runway.parquet, fashion_returns.parquet, or a folder of tables;"
            " else a shop is simulated.",
        ),
    ] = None,
    lines: Annotated[int, typer.Option(min=1000, help="Order lines to simulate.")] = 20_000,
    folder: Annotated[Path, typer.Option("--dir", help="Where everything goes.")] = Path(
        "var/demo"
    ),
) -> None:
    """Go the whole way, then ask the service about sizes, a basket and a claim."""
    from pipelines.demo import run

    run(_out(), data=data, lines=lines, folder=folder)


@app.command()
@_explained
def simulate(
    out: Out,
    lines: Annotated[int, typer.Option(min=1, help="Order lines.")] = 100_000,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same shop.")] = 7,
) -> None:
    """Simulate a shop with known truth."""
    from pipelines.progress import Steps
    from pipelines.simulate import run

    console = _out()
    with Steps(console, 1) as step:
        step(f"simulating {lines:,} order lines")
        run(lines, seed, out)
    console.print(f"tables in {out}, the truth behind them in {out / 'truth'}", markup=False)


@app.command("import")
@_explained
def import_(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="rent-the-runway|fashion-returns|MAPPING.yaml",
            help="A public data set, or a mapping file for your own tables.",
        ),
    ],
    out: Out,
    file: Annotated[
        str | None,
        typer.Argument(
            metavar="FILE", help="The data. A mapping may name its own files or database instead."
        ),
    ] = None,
) -> None:
    """Turn other tables into contract tables."""
    from data_contracts.errors import BadInputError
    from pipelines.importers import IMPORTERS
    from pipelines.importers.mapped import import_mapped
    from pipelines.load import shown_source
    from pipelines.progress import Steps

    console = _out()
    with Steps(console, 1) as step:
        step(f"importing {shown_source(file or kind)}")
        if kind in IMPORTERS:
            if file is None:
                raise BadInputError(f"give the file: muslin import {kind} FILE --out {out}")
            report = IMPORTERS[kind](Path(file), out)
        elif Path(kind).suffix.lower() in (".yaml", ".yml"):
            report = import_mapped(Path(kind), out, file)
        else:
            known = ", ".join(IMPORTERS)
            raise BadInputError(f"cannot import {kind!r}; there is {known}, or a mapping.yaml")
    console.print(str(report), markup=False)


@app.command()
@_explained
def validate(
    source: Annotated[str, typer.Argument(metavar="DIR|URL", help="Tables to validate.")],
    out: Annotated[
        Path | None, typer.Option(help="Write the good rows here; rows put aside beside them.")
    ] = None,
) -> None:
    """Judge tables by their contracts; bad rows are put aside, by rule."""
    from pipelines import validate as job
    from pipelines.load import shown_source
    from pipelines.progress import Steps

    console = _out()
    with Steps(console, 1) as step:
        step(f"validating {shown_source(source)}")
        report = job.run(source, out, raise_on_break=False)
    job.print_report(report, console)
    if not report.ok:
        raise typer.Exit(BAD_INPUT)


@app.command()
@_explained
def train(
    model: Models,
    data: Annotated[
        str | None, typer.Option(metavar="DIR|URL", help="Folder of tables, or database URL.")
    ] = None,
    tune: Annotated[
        int, typer.Option(min=0, metavar="TRIALS", help="Settings to try before; 0 for none.")
    ] = 0,
    folds: Annotated[int, typer.Option(min=1, max=8, help="Rolling time folds.")] = 3,
    vectors: Annotated[
        str | None,
        typer.Option(
            metavar="DIR|URL", help="Folder of vectors instead of tables: what no memory holds."
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option(min=0, help="Worker processes to train from vectors with.")
    ] = 0,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Of a Dask cluster to train from vectors with."),
    ] = None,
) -> None:
    """Train a model, judge it on rolling time folds, log and register it in MLflow.

    With `all`, a model that the tables cannot train is left out with the reason.
    """
    if vectors is not None or data is None:
        _train_from_vectors(model, data, vectors, workers, scheduler, tune)
        return
    jobs = [job_of(name) for name in MODELS] if model == _ALL else [_job(model, others=(_ALL,))]
    from data_contracts.errors import BadInputError
    from pipelines.load import load_tables, shown_source
    from pipelines.progress import Steps

    console = _out()
    with Steps(console, 2) as step:
        step(f"reading and validating {shown_source(data)}")
        tables = load_tables(data, needs=jobs[0].needs if len(jobs) == 1 else ())
        step("opening the registry")
        registry = _registry()
    trained = []
    refused: list[str] = []
    for job in jobs:
        try:
            known = _enriched(console, job, tables)
            _train(console, job, known, registry, shown_source(data), tune, folds)
        except BadInputError as error:
            if len(jobs) == 1:
                raise
            refused.append(f"{job.command}: {error}")
            console.print(f"{job.command} is left out: {error}", markup=False, soft_wrap=True)
        else:
            trained.append(job.command)
    if not trained:
        raise BadInputError("no model can be trained; " + "; ".join(refused))
    console.print(
        "next: " + " && ".join(f"muslin promote {name}" for name in trained), markup=False
    )


def _train_from_vectors(
    model: str,
    data: str | None,
    vectors: str | None,
    workers: int,
    scheduler: str | None,
    trials: int,
) -> None:
    from data_contracts.errors import BadInputError
    from pipelines.progress import Steps
    from pipelines.show import show_trained
    from pipelines.train_from_vectors import train_from_vectors, trainer

    if vectors is None:
        raise BadInputError(f"give the tables to learn from: muslin train {model} --data DIR")
    if data is not None:
        raise BadInputError("give --data or --vectors, not both: vectors are made of the tables")
    if trials:
        raise BadInputError("--tune needs --data: tune on tables of fewer lines, then train on all")
    job = _job(model)
    console = _out()
    with Steps(console, 5) as step:
        step("opening the registry")
        registry = _registry()
        with trainer(workers, scheduler) as train:
            done = train_from_vectors(job.name, vectors, registry, train=train, step=step)
    show_trained(console, job, done)
    console.print(
        f"{job.name} version {done.version} is registered at {registry.uri}", markup=False
    )
    console.print(f"next: muslin promote {job.command}", markup=False)


def _enriched(console: Console, job: Job, tables: Tables) -> Tables:
    """Add what the service itself has recorded, and say so."""
    tables, note = job.enrich(tables, _settings())
    if note:
        console.print(note, markup=False, soft_wrap=True)
    return tables


def _train(
    console: Console,
    job: Job,
    tables: Tables,
    registry: Registry,
    source: str,
    trials: int,
    folds: int,
) -> None:
    from pipelines.load import check_needs
    from pipelines.progress import Steps
    from pipelines.show import show_trained
    from pipelines.train import train_model

    check_needs(tables, job.needs, where=source)
    console.print(job.command, style="bold")
    with Steps(console, 4 + folds + trials) as step:
        done = train_model(
            job, tables, registry, source=source, trials=trials, folds=folds, step=step
        )
    show_trained(console, job, done)
    console.print(
        f"{job.name} version {done.version} is registered at {registry.uri}", markup=False
    )


@app.command()
@_explained
def backtest(
    model: Model,
    data: Data,
    holdout: Annotated[Path, typer.Option(help="CSV file with a column order_line_id.")],
    out: Annotated[Path, typer.Option(help="Parquet file for the predictions.")],
    moment: Annotated[
        MomentName, typer.Option(help="Predict as of the order or of the delivery.")
    ] = MomentName.checkout,
    claims: Annotated[
        Path | None,
        typer.Option(help="Claims on held-out lines, as in returns; each is judged when made."),
    ] = None,
) -> None:
    """Train without the outcomes of the held-out lines, then predict each of them."""
    job = _job(model)
    from data_contracts.errors import BadInputError
    from data_contracts.readers import write_parquet
    from pipelines.load import load_tables, read_claims, read_hold_out, shown_source
    from pipelines.progress import Steps
    from pipelines.show import show_scores

    # Told before the data is read and the model trained, which takes minutes.
    if not holdout.is_file():
        raise BadInputError(f"{holdout} does not exist; give a CSV file with order_line_id")
    if claims is not None and not claims.exists():
        raise BadInputError(f"{claims} does not exist; give a file with rows of returns")
    if out.is_dir():
        raise BadInputError(f"{out} is a folder; give --out a file, such as {out / 'p.parquet'}")
    console = _out()
    with Steps(console, 3) as step:
        step(f"reading and validating {shown_source(data)}")
        tables = load_tables(data, needs=job.needs)
        hold_out = read_hold_out(holdout, tables["order_lines"]["order_line_id"])
        claimed = read_claims(claims, hold_out) if claims is not None else None
        step(f"training without the outcomes of {len(hold_out):,} lines, and predicting them")
        predicted = job.backtest(tables, hold_out, moment.value, claimed)
        step(f"writing {out}")
        write_parquet(predicted, out)
    show_scores(console, job, predicted, job.score(tables, predicted))


app.command("promote")(_explained(promote_command))
app.command("rollback")(_explained(rollback_command))
_shadow = typer.Typer(
    help="A challenger beside the champion: do they agree?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_shadow.command("report")(_explained(report_command))
app.add_typer(_shadow, name="shadow")


@app.command()
@_explained
def materialize(
    data: Data,
    challenger: Annotated[
        bool,
        typer.Option("--challenger", help="Fill the state of the challengers instead."),
    ] = False,
) -> None:
    """Fill the online state for the champions of all models.

    Beside a running service it is filled in a second place where the champions need another, and
    the service goes over to it by itself.
    """
    from features.stores import shown
    from pipelines.load import load_tables, shown_source
    from pipelines.online import materialize_challengers, materialize_champions
    from pipelines.progress import Steps

    console = _out()
    settings = _settings()
    with Steps(console, 3) as step:
        step(f"reading and validating {shown_source(data)}")
        tables = load_tables(data)
        step("opening the registry")
        registry = _registry()
        step("filling the online state")
        fill = materialize_challengers if challenger else materialize_champions
        filled = fill(tables, registry, settings)
    served = ", ".join(f"{name} version {number}" for name, number in filled.versions.items())
    console.print(f"{filled.keys:,} keys in {shown(filled.place)} for {served}", markup=False)
    for name in filled.without:
        lacks = "challenger" if challenger else "champion"
        console.print(f"{name} has no {lacks} and is left out", markup=False)


@app.command()
@_explained
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65_535, help="Port.")] = None,
) -> None:
    """Serve the champions until stopped."""
    from pipelines.serve import become_service

    become_service(_settings(host=host, port=port))


@app.command()
@_explained
def follow() -> None:
    """Keep the online state up with live events, until stopped; muslin serve does it by itself.

    For several replicas: run it once beside them, with MUSLIN_FOLLOW=false for each service.
    """
    from pipelines.serve import become_follower

    become_follower(_settings())


_features = typer.Typer(
    help="Vectors of tables of any size.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_features.command("build")(_explained(build_command))
app.add_typer(_features, name="features")
app.command("forget")(_explained(forget_command))
app.command("monitor")(_explained(monitor_command))
app.add_typer(policy_app, name="policy")
app.add_typer(sizes_app, name="sizes")
_state = typer.Typer(
    help="The online state: is it what the tables say?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_state.command("check")(_explained(check_command))
app.add_typer(_state, name="state")
_audit = typer.Typer(
    help="The record of return reviews: verify it, expire old reviews.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_audit.command("verify")(_explained(verify_command))
_audit.command("expire")(_explained(expire_command))
app.add_typer(_audit, name="audit")
_keys = typer.Typer(
    help="API keys: who may ask the service.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_keys.command("add")(_explained(add_command))
_keys.command("list")(_explained(list_command))
_keys.command("revoke")(_explained(revoke_command))
_keys.command("rotate")(_explained(rotate_command))
app.add_typer(_keys, name="keys")
