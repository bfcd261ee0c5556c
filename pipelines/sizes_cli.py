"""`muslin sizes`: what a label means, what others call it, and which labels are not read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from features.size_systems import Reading

__all__ = ["sizes_app"]

BAD_INPUT = 2
UNREAD = 1
"""Exit code of `muslin sizes parse` for a label that is not read."""
_SHOWN = 8

sizes_app = typer.Typer(
    help="Size labels: what one means, what other systems call it, which are not read.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Audience = Annotated[str | None, typer.Option(help="women, men, unisex, girls, boys or baby.")]
Family = Annotated[
    str | None, typer.Option(help="top, bottom, dress, outerwear, underwear or shoes.")
]
Category = Annotated[str | None, typer.Option(help="Kind of goods, in your words.")]


@contextmanager
def _explained() -> Iterator[Console]:
    """Turn bad input into one sentence on standard error and exit code 2."""
    from data_contracts.errors import BadInputError

    console = Console(highlight=False)
    if not (console.is_terminal or "COLUMNS" in os.environ):
        console = Console(highlight=False, width=200)
    try:
        yield console
    except (BadInputError, OSError) as error:
        said = Console(stderr=True, highlight=False)
        said.print("error:", style="bold red", end=" ")
        said.print(str(error), markup=False, soft_wrap=True)
        raise typer.Exit(BAD_INPUT) from None


@sizes_app.command()
def parse(
    text: Annotated[str, typer.Argument(help="A label, as the shop writes it.")],
    audience: Audience = None,
    family: Family = None,
    category: Category = None,
    market: Annotated[str | None, typer.Option(help="ISO 3166 alpha-2 code, such as DE.")] = None,
    system: Annotated[str | None, typer.Option(help="The product's size system.")] = None,
    sibling: Annotated[
        list[str] | None, typer.Option(metavar="LABEL", help="Another label of the product.")
    ] = None,
) -> None:
    """Say what a size label may mean, and how likely each meaning is."""
    from features.size_systems import family_of, parse_size

    with _explained() as console:
        _check(audience=audience, family=family, system=system)
        kind = family or family_of(category, audience, system)
        reading = parse_size(text, audience, kind, market, system=system, siblings=sibling or ())
    if reading.best is None:
        console.print(f"{text!r} is not read", markup=False)
        raise typer.Exit(UNREAD)
    grid = Table("system", "label", "likelihood", "audience", "family", "more")
    for each in reading.readings[:_SHOWN]:
        told = f"{each.likelihood:.3f}"
        grid.add_row(
            each.system, each.label, told, each.audience or "", each.family or "", _more(each)
        )
    console.print(grid)
    if reading.also:
        named = ", ".join(f"{each.system} {each.label}" for each in reading.also)
        console.print(f"the label also says {named}", markup=False)
    if reading.ambiguous:
        console.print("ambiguous: tell the system, the market or the other labels", markup=False)


def _more(reading: Reading) -> str:
    told = {"inseam": reading.inseam, "length": reading.length}
    ends = f"{reading.low} to {reading.high}" if reading.low else ""
    parts = [ends, *(f"{name} {value}" for name, value in told.items() if value is not None)]
    if not reading.listed:
        parts.append("in no size table")
    return ", ".join(part for part in parts if part)


@sizes_app.command()
def convert(
    label: Annotated[str, typer.Argument(help="A label, as the shop writes it.")],
    to: Annotated[list[str], typer.Option(help="System wanted; may be given more than once.")],
    from_: Annotated[str | None, typer.Option("--from", help="The label's system.")] = None,
    audience: Audience = "women",
    family: Family = None,
    category: Category = None,
) -> None:
    """Say what other systems call a size, by the bodies it is cut for."""
    from data_contracts.errors import BadInputError
    from features.size_systems import convert as converted
    from features.size_systems import family_of, parse_size

    with _explained() as console:
        _check(audience=audience, family=family, system=from_)
        for system in to:
            _check(system=system)
        kind = family or family_of(category, audience, from_)
        best = parse_size(label, audience, kind, system=from_).best
        if best is None:
            raise BadInputError(f"{label!r} is not read; `muslin sizes parse` says what is")
        if from_ is not None and best.system != from_:
            raise BadInputError(f"{from_} has no size {label!r}; it reads as {best.system}")
        kind = kind or best.family
        grid = Table("system", "label", "share")
        for system in to:
            for match in converted(best.label, best.system, system, audience or "women", kind):
                grid.add_row(system, match.label, f"{match.share:.2f}")
        if not grid.row_count:
            raise BadInputError(
                f"{best.system} {best.label} for {audience} {kind or 'goods of one size'} has no"
                f" counterpart in {', '.join(to)}; try another --family"
            )
    console.print(f"{best.system} {best.label}, {audience}, {kind or 'one size'}", markup=False)
    console.print(grid)


@sizes_app.command()
def unread(
    source: Annotated[
        str, typer.Argument(metavar="DIR|URL", help="Folder of tables, or database.")
    ],
    market: Annotated[str | None, typer.Option(help="ISO 3166 alpha-2 code, such as DE.")] = None,
    shown: Annotated[int, typer.Option("--show", min=0, help="Labels to list.")] = 20,
) -> None:
    """List the size labels of a shop that are not read, with how many lines have them."""
    from data_contracts.readers import read_tables
    from pipelines.read_labels import read_labels, shares_of

    with _explained() as console:
        tables = read_tables(source, ("products", "product_sizes", "order_lines"))
        shares = shares_of(read_labels(tables, market))
    console.print(
        f"{shares.labels:,} labels on {shares.lines:,} lines: {shares.read:.2%} read,"
        f" {shares.listed:.2%} in a size table, {shares.sure:.2%} of one meaning",
        markup=False,
    )
    for title, counts in (("not read", shares.unread), ("in no size table", shares.own)):
        if counts:
            grid = Table(title, "lines")
            for spelt, lines in list(counts.items())[:shown]:
                grid.add_row(repr(spelt), f"{lines:,}")
            if counts.keys() - list(counts)[:shown]:
                grid.add_row(f"and {len(counts) - shown:,} more", "")
            console.print(grid)


def _check(**given: str | None) -> None:
    from data_contracts.errors import BadInputError
    from features.size_systems import AUDIENCES, FAMILIES, all_tables

    known = {
        "audience": AUDIENCES,
        "family": FAMILIES,
        "system": tuple(sorted({system for system, _, _ in all_tables()})),
    }
    for name, value in given.items():
        if value is not None and value not in known[name]:
            raise BadInputError(f"no {name} {value!r}; there is {', '.join(known[name])}")
