"""The simulated shop: tables that obey the contracts, and the truth beside them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from data_contracts.readers import write_parquet, write_tables
from pipelines.simulate.assumptions import ShopAssumptions
from pipelines.simulate.tables import public_tables
from pipelines.simulate.truth import truth_tables
from pipelines.simulate.world import draw_world


@dataclass(frozen=True)
class SimulatedShop:
    """A shop and what is true about it.

    Attributes
    ----------
    tables : dict of str to DataFrame
        The eight contract tables.
    truth : dict of str to DataFrame
        ``fit_truth``, ``lines_truth``, ``products_truth``, ``customers_truth``,
        ``wearers_truth``: for judging only, never for training.
    """

    tables: dict[str, pd.DataFrame]
    truth: dict[str, pd.DataFrame]


def simulate(
    lines: int = 100_000, seed: int = 7, assumptions: ShopAssumptions | None = None
) -> SimulatedShop:
    """Simulate a shop with known truth.

    Parameters
    ----------
    lines : int
        Number of order lines, exactly; at least 1.
    seed : int
        Same seed and assumptions, same shop.
    assumptions : ShopAssumptions, optional

    Returns
    -------
    SimulatedShop

    Raises
    ------
    ValueError
        When `lines` is below 1, `seed` is negative or the assumptions leave nothing to sell.
    """
    if lines < 1:
        raise ValueError(f"lines must be at least 1, not {lines}")
    if seed < 0:
        raise ValueError(f"seed must not be negative, but is {seed}")
    world = draw_world(lines, seed, assumptions or ShopAssumptions())
    return SimulatedShop(public_tables(world), truth_tables(world))


def run(lines: int, seed: int, out: Path, assumptions: ShopAssumptions | None = None) -> None:
    """Simulate a shop and write it: contract tables to `out`, the truth to ``out/truth``.

    A table without rows is left out, as the contracts ask; one of an earlier run is removed.

    Parameters
    ----------
    lines, seed : int
    out : Path
        Made if missing; files of the same name are replaced.
    assumptions : ShopAssumptions, optional

    Raises
    ------
    ValueError
        As `simulate`.
    """
    shop = simulate(lines, seed, assumptions)
    write_tables({k: v for k, v in shop.tables.items() if len(v)}, out)
    for name, table in shop.tables.items():
        if not len(table):
            (out / f"{name}.parquet").unlink(missing_ok=True)
    for name, table in shop.truth.items():
        write_parquet(table, out / "truth" / f"{name}.parquet")
