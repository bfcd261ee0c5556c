"""How good `size_fit` is: the public rentals on several splits, and a shop with known truth.

    python -m tests.benchmarks.bench_size_fit [--lines N] [--splits newest,basket-1,...]

Splits of the rentals (skipped where ``../shared/data`` is missing):

``newest``    the newest tenth held out, histories frozen at its start
``before``    the same within the first nine tenths
``basket-S``  a random tenth of (customer, day) held out with seed S, past events only

The simulated shop is split by time. ``share`` is the way from the shoppers' own choices (0) to the
truly best sizes (1) that is gained when the advice is followed where it is given. The shop is
simulated: what it shows is how the advice holds up against a truth made of known assumptions.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from data_contracts.readers import read_tables
from pipelines.importers import IMPORTERS
from pipelines.jobs.size_fit import JOB
from pipelines.metrics import fit_metrics
from pipelines.outcomes import fit_outcomes
from pipelines.simulate import simulate

RENTALS = Path(__file__).parents[3] / "shared" / "data" / "rent_the_runway.parquet"
SPLITS = ("newest", "before", "basket-1", "basket-2")


def hold_out(lines: pd.DataFrame, split: str) -> tuple[pd.DataFrame, list[str]]:
    """The lines a split may see, and the ids it holds out."""
    at = lines["ordered_at"]
    if split in ("newest", "before"):
        if split == "before":
            lines = lines[at < at.quantile(0.9)]
            at = lines["ordered_at"]
        return lines, lines.loc[at >= at.quantile(0.9), "order_line_id"].tolist()
    baskets = pd.factorize(lines["customer_id"] + at.dt.strftime("%F"))[0]
    seed = int(split.removeprefix("basket-"))
    drawn = np.random.default_rng(seed).random(baskets.max() + 1) < 0.1
    return lines, lines.loc[drawn[baskets], "order_line_id"].tolist()


def rentals(splits: list[str]) -> Table:
    """Mean of three one-vs-rest AUCs and calibration on the public rentals."""
    table = Table(
        "split", "lines", "mean AUC", "small", "fit", "large", "worst gap", "covered", "s"
    )
    with tempfile.TemporaryDirectory() as folder:
        IMPORTERS["rent-the-runway"](RENTALS, Path(folder))
        tables = read_tables(folder)
    for split in splits:
        lines, held = hold_out(tables["order_lines"], split)
        began = time.perf_counter()
        known = {**tables, "order_lines": lines.reset_index(drop=True)}
        predicted = JOB.backtest(known, held)
        took = time.perf_counter() - began
        y = fit_outcomes(tables)["y"].reindex(held).to_numpy()
        p = predicted[["p_small", "p_fit", "p_large"]].to_numpy()
        m = fit_metrics(y, p)
        gap = max(m[f"gap_{name}"] for name in ("small", "fit", "large"))
        ordered = lines.set_index("order_line_id")["size_label"].reindex(held)
        inside = [a in b for a, b in zip(ordered, predicted["size_set"], strict=True)]
        aucs = [f"{m[name]:.4f}" for name in ("mean_auc", "auc_small", "auc_fit", "auc_large")]
        covered = np.mean(np.array(inside)[y == 1])
        table.add_row(split, f"{len(held):,}", *aucs, f"{gap:.4f}", f"{covered:.3f}", f"{took:.0f}")
    return table


def simulated(lines: int, seed: int) -> dict[str, float]:
    """Advice against the truth of a simulated shop, its newest tenth held out."""
    shop = simulate(lines, seed)
    return judge_advice(shop.tables, shop.truth)


def judge_advice(
    tables: Mapping[str, pd.DataFrame], truth: Mapping[str, pd.DataFrame]
) -> dict[str, float]:
    """Back-test the newest tenth and compare own choice, advice and best size by their true fit."""
    _, held = hold_out(tables["order_lines"], "newest")
    predicted = JOB.backtest(tables, held).set_index("order_line_id")
    sized = predicted.index[predicted["status"] != "not_sized"]
    predicted = predicted.loc[sized]
    fits = truth["fit_truth"].set_index(["order_line_id", "size_label"])["p_fit"]
    lines = truth["lines_truth"].set_index("order_line_id").loc[sized]
    own, best = lines["p_fit"].to_numpy(), lines["p_fit_best"].to_numpy()
    key = pd.MultiIndex.from_arrays([sized, predicted["recommended"]])
    advised = predicted["recommended"].notna().to_numpy()
    advice = np.where(advised, fits.reindex(key).to_numpy(), own)
    inside = [a in b for a, b in zip(lines["best_size"], predicted["size_set"], strict=True)]
    return {
        "own": own.mean(),
        "best": best.mean(),
        "followed": advice.mean(),
        "advised": advised.mean(),
        "share": (advice - own).sum() / (best - own).sum(),
        "own where advised": own[advised].mean(),
        "advice where advised": advice[advised].mean(),
        "best size in set": float(np.mean(inside)),
    }


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--splits", default=",".join(SPLITS))
    parser.add_argument("--seeds", default="7,8")
    given = parser.parse_args()
    console = Console(width=110)
    if given.splits and RENTALS.exists():
        console.print("public rentals", rentals(given.splits.split(",")))
    else:
        console.print(f"no rentals at {RENTALS}: skipped")
    table = Table("figure")
    columns = {}
    for seed in given.seeds.split(","):
        table.add_column(f"seed {seed}")
        columns[seed] = simulated(given.lines, int(seed))
    for name in next(iter(columns.values())):
        table.add_row(name, *(f"{column[name]:.3f}" for column in columns.values()))
    console.print(f"simulated shop, {given.lines:,} lines: true chance of fitting", table)


if __name__ == "__main__":
    main()
