"""`muslin features build`: vectors of tables of any size, as partitioned Parquet."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

if TYPE_CHECKING:
    from pipelines.build_features import Built
    from pipelines.shop_chunks import ShopTables

__all__ = ["build_command"]

_ALL = "all"


def build_command(
    data: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            help="Tables: each a Parquet file, a folder of such files, or a CSV file.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder to write to, a folder for each model.")],
    model: Annotated[
        str, typer.Option(metavar="size-fit|return-risk|abuse|all", help="Whose vectors.")
    ] = _ALL,
    space: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Feature space to use, such as OUT/<model>/state of an earlier build; else the"
            " champion's, else one is fitted on a sample.",
        ),
    ] = None,
    sample: Annotated[
        int, typer.Option(min=1000, help="Order lines to fit a space on where there is none.")
    ] = 200_000,
    chunk: Annotated[
        int, typer.Option(min=1000, help="Order lines in memory at a time.")
    ] = 250_000,
    memory: Annotated[
        float, typer.Option(min=0.01, help="GB that sums of histories may take at a time.")
    ] = 2.0,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIMESTAMP",
            help="Add what happened since to what an earlier build left in OUT, which stands for"
            " this moment or an earlier one.",
        ),
    ] = None,
    scratch: Annotated[
        Path | None,
        typer.Option(help="Folder for what lies on disk meanwhile; beside --out if left out."),
    ] = None,
) -> None:
    """Build the vectors of every order line, or claim, from tables larger than memory.

    Vectors go to OUT/<model>/part-*.parquet, the sums that the histories end with to
    OUT/<model>/state; all sizes of the newest lines to OUT/size_fit/candidates, vectors as of the
    delivery to OUT/return_risk/delivered. The values are those that `muslin train` computes in
    memory. Histories are worked out by this command itself, whatever engine is set.
    """
    from pipelines.build_features import build, known_until
    from pipelines.jobs import MODELS
    from pipelines.progress import Steps
    from pipelines.shop_chunks import ShopTables, cut

    console = Console(highlight=False)
    names = _names(model, tuple(MODELS))
    if space is not None and since is not None:
        from data_contracts.errors import BadInputError

        raise BadInputError(
            "--since goes on with the space of the earlier build; leave out --space"
        )
    if space is not None and len(names) > 1:
        from data_contracts.errors import BadInputError

        raise BadInputError("--space is the space of one model; name it with --model")
    work = scratch or out
    work.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".chunks-", dir=work))
    try:
        with Steps(console, 1 + 2 * len(names)) as step:
            step(f"reading {data}" if since else f"cutting {data} into chunks of {chunk:,} lines")
            shop = ShopTables.open(data, folder / "spare")
            if since is not None:
                for name in names:
                    step(f"{name}: adding what happened since")
                    _extend(console, name, shop, out, folder / name, since, chunk, memory)
                return
            chunks = cut(shop, folder, per_chunk=chunk)
            for name in names:
                step(f"{name}: finding its feature space")
                chosen, whose = _space(name, shop, space, sample)
                step(f"{name}: building vectors of {len(chunks):,} chunks")
                built = build(
                    name,
                    chosen,
                    chunks,
                    out,
                    until=known_until(name, shop),
                    memory=int(memory * 1e9),
                    scratch=folder,
                )
                console.print(
                    f"{built.rows:,} vectors in {built.parts:,} parts in {out / name}, by {whose}",
                    markup=False,
                    soft_wrap=True,
                )
                _tell_beside(console, built)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    console.print(
        f"{chunks.lines:,} order lines are good, {chunks.set_aside:,} rows of all tables are not",
        markup=False,
    )


def _extend(
    console: Console,
    name: str,
    shop: ShopTables,
    out: Path,
    scratch: Path,
    since: str,
    chunk: int,
    memory: float,
) -> None:
    import pandas as pd

    from data_contracts.errors import BadInputError
    from pipelines.build_features import STATE
    from pipelines.extend_features import extend, stands_for
    from pipelines.jobs import job_of

    try:
        moment = pd.Timestamp(since)
    except ValueError:
        raise BadInputError(f"--since {since!r} is no time in ISO 8601") from None
    moment = moment.tz_localize("UTC") if moment.tzinfo is None else moment.tz_convert("UTC")
    until = pd.Timestamp(stands_for(out, name), unit="us", tz="UTC")
    if moment < until:
        raise BadInputError(
            f"the sums in {out / name} know of events up to {until.isoformat()}, which is after"
            f" {moment.isoformat()}; give that moment, or build without --since"
        )
    scratch.mkdir()
    space = job_of(name).load_space(out / name / STATE)
    built = extend(name, space, shop, out, scratch, per_chunk=chunk, memory=int(memory * 1e9))
    console.print(
        f"{built.rows:,} vectors in {built.parts:,} parts in {out / name}, of which those since"
        f" {until.isoformat()} are new",
        markup=False,
        soft_wrap=True,
    )
    _tell_beside(console, built)


def _tell_beside(console: Console, built: Built) -> None:
    from pipelines.model_vectors import CANDIDATES, DELIVERED, WAITING

    what = {
        CANDIDATES: "of all sizes of the newest settled lines, for size sets",
        WAITING: "of all sizes of lines that are not settled yet",
        DELIVERED: "as of the delivery",
    }
    for place, rows in built.beside.items():
        console.print(f"{rows:,} {what[place]}, in {place}", markup=False, soft_wrap=True)


def _names(model: str, known: tuple[str, ...]) -> tuple[str, ...]:
    from data_contracts.errors import BadInputError

    if model == _ALL:
        return known
    name = model.replace("-", "_")
    if name not in known:
        words = ", ".join((*(each.replace("_", "-") for each in known), _ALL))
        raise BadInputError(f"there is no model {model!r}; there is {words}")
    return (name,)


def _space(name: str, shop: ShopTables, folder: Path | None, lines: int) -> tuple[Any, str]:
    """A feature space, and whose it is in words."""
    from data_contracts.errors import BadInputError
    from features.settings import Settings
    from pipelines.build_features import fitted_space
    from pipelines.jobs import job_of
    from pipelines.tracking import Registry

    job = job_of(name)
    if folder is not None:
        if not (folder / "space.json").is_file():
            raise BadInputError(f"{folder} holds no space.json; give the folder of a saved space")
        return job.load_space(folder), f"the space in {folder}"
    registry = Registry(Settings.load())
    champion = registry.champion(name)
    if champion is None:
        fitted = fitted_space(name, shop, lines)
        return fitted, f"a space fitted on customers with about {lines:,} lines"
    with tempfile.TemporaryDirectory() as temporary:
        model = registry.download(name, champion.number, Path(temporary))
        return job.load_space(model), f"the space of version {champion.number}, the champion"
