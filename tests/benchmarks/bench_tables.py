"""How long tables take: 100,000 simulated lines, and a million validated.

python -m tests.benchmarks.bench_tables [--lines N]
"""

from __future__ import annotations

import argparse
import time

from rich.console import Console
from rich.table import Table

from data_contracts.validation import validate
from pipelines.simulate import simulate

SIMULATED = 100_000


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=1_000_000, help="order lines to validate")
    given = parser.parse_args()
    table = Table("what", "seconds", "at most")
    began = time.perf_counter()
    simulate(SIMULATED)
    table.add_row(f"simulate {SIMULATED:,} lines", f"{time.perf_counter() - began:.1f}", "15")
    shop = simulate(given.lines).tables
    began = time.perf_counter()
    report = validate(shop)
    took = time.perf_counter() - began
    rows = sum(each.rows_in for each in report.tables.values())
    table.add_row(
        f"validate {given.lines:,} lines ({rows:,} rows in all)", f"{took:.1f}", "20 for 1 M lines"
    )
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
