"""How many size labels are read: the two public data sets, and a simulated shop.

    python -m tests.benchmarks.bench_labels [--lines N]

Shares are of order lines. ``listed``: the label is a size of a table. ``sure``: with the labels of
the same product, its category, audience, system and market, one meaning has 0.9 or more. The
rentals have the shop's own standardised numbers, 0 to 58: they are read as numbers, no more. Where
``listed``, a product's few numbers all happen to be sizes of one table; a product without a size
system should be taken at its labels' order only.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from data_contracts.readers import read_tables
from pipelines.importers import IMPORTERS
from pipelines.read_labels import read_labels, shares_of
from pipelines.simulate import simulate

DATA = Path(__file__).parents[3] / "shared" / "data"
PUBLIC = {
    "fashion-returns": "fashion_returns.parquet",
    "rent-the-runway": "rent_the_runway.parquet",
}
NEEDED = ("products", "product_sizes", "order_lines")
GOAL = {"fashion-returns": "0.9990", "rent-the-runway": "1.0000", "simulated": "1.0000"}


def shops(lines: int, seed: int) -> Iterator[tuple[str, Mapping[str, pd.DataFrame]]]:
    """The shops there are, by name."""
    for name, file in PUBLIC.items():
        if not (DATA / file).exists():
            continue
        with tempfile.TemporaryDirectory() as folder:
            IMPORTERS[name](DATA / file, Path(folder))
            yield name, read_tables(folder, NEEDED)
    yield "simulated", simulate(lines, seed).tables


def main() -> None:
    """Print the table, and every label that is not read."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=100_000, help="of the simulated shop")
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    console = Console(width=110)
    grid = Table("shop", "lines", "labels", "read", "goal", "listed", "sure", "s")
    left = {}
    for name, tables in shops(given.lines, given.seed):
        began = time.perf_counter()
        read = read_labels(tables)
        took = time.perf_counter() - began
        shares = shares_of(read)
        figures = [f"{share:.4f}" for share in (shares.read, shares.listed, shares.sure)]
        grid.add_row(
            name, f"{shares.lines:,}", f"{shares.labels:,}", figures[0], GOAL[name], *figures[1:],
            f"{took:.1f}",
        )  # fmt: skip
        left[name] = shares
    console.print(grid)
    for name, shares in left.items():
        console.print(f"{name}, not read: {dict(shares.unread) or 'none'}", markup=False)
        console.print(f"{name}, in no table: {dict(shares.own) or 'none'}", markup=False)


if __name__ == "__main__":
    main()
