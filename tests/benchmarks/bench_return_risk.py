"""How well return risk is predicted on the public returns, and what warnings by it would save.

    python -m tests.benchmarks.bench_return_risk [--seeds N] [--moment checkout|delivered]

Outcomes of the held-out lines are in no label and no history, and each line is predicted from what
was known strictly before it was ordered (or delivered). Besides the model stands a plain one: the
usual LightGBM on seven smoothed strictly earlier rates, price and basket size.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import lightgbm as lgb
import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.metrics import roc_auc_score

from data_contracts.readers import read_tables
from features.return_risk import VECTORS
from features.return_risk_space import ReturnRiskSpace
from pipelines.fit_return_risk import learn
from pipelines.importers import IMPORTERS
from pipelines.risk_metrics import MONEY_RULES, money_metrics

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "fashion_returns.parquet"
_KEYS = ("customer", "product", "brand", "size", "colour", "product_size", "product_colour")
_BESIDE = ("price", "basket_lines", "basket_value", "same_product", "price_rank", "tenure_days")
_DELIVERY = ("arrived", "delivery_days")


def splits(lines, seeds):
    """Ids to hold out, by name: the newest tenth of time, and random tenths of the baskets."""
    newest = lines["ordered_at"].sort_values().iloc[int(len(lines) * 0.9)]
    yield "newest tenth", lines["order_line_id"][lines["ordered_at"] >= newest].tolist()
    baskets = lines["order_id"].unique()
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        drawn = set(rng.choice(baskets, len(baskets) // 10, replace=False))
        yield f"random tenth {seed}", lines["order_line_id"][lines["order_id"].isin(drawn)].tolist()


def plain(data, held, moment):
    """Chances by the plain model."""
    names = [f"{key}.{what}" for key in _KEYS for what in ("rate", "log_settled")]
    names += [*_BESIDE, *(_DELIVERY if moment == "delivered" else ())]
    columns = [VECTORS[moment].index(name) for name in names]
    known = data.y >= 0
    train = lgb.Dataset(data.X[known][:, columns], (data.y[known] > 0).astype(float))
    booster = lgb.train({"objective": "binary", "verbosity": -1, "seed": 7}, train, 150)
    return booster.predict(data.X[held][:, columns])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=2, help="random splits")
    parser.add_argument("--moment", choices=("checkout", "delivered"), help="both unless given")
    options = parser.parse_args()
    console = Console(width=140)
    with tempfile.TemporaryDirectory() as folder:
        IMPORTERS["fashion-returns"](DATA, Path(folder))
        tables = read_tables(folder)
    lines = tables["order_lines"]
    back = lines["order_line_id"].isin(tables["returns"]["order_line_id"]).to_numpy()
    table = Table(title=f"fashion returns, {len(lines):,} lines")
    heads = ("held out", "moment", "AUC", "plain", "predicted - observed", *MONEY_RULES, "seconds")
    for head in heads:
        table.add_column(head, justify="left" if head in heads[:2] else "right")
    for name, hold_out in splits(lines, options.seeds):
        held = lines["order_line_id"].isin(set(hold_out)).to_numpy()
        for moment in [options.moment] if options.moment else ("checkout", "delivered"):
            began = time.perf_counter()
            space = ReturnRiskSpace().fit(tables, hold_out)
            data = space.data(tables, hold_out, moment)
            chance = learn(data, moment=moment).chance(data.X[held])
            took = time.perf_counter() - began
            money = money_metrics(back[held].astype(np.int64), chance, lines[held])
            table.add_row(
                name,
                moment,
                f"{roc_auc_score(back[held], chance):.4f}",
                f"{roc_auc_score(back[held], plain(data, held, moment)):.4f}",
                f"{chance.mean() - back[held].mean():+.4f}",
                *(f"{money[rule]:.3f}" for rule in MONEY_RULES),
                f"{took:.0f}",
            )
    console.print(table)
    for figure, rule in MONEY_RULES.items():
        console.print(f"{figure}: share of what an oracle saves, where {rule}")


if __name__ == "__main__":
    main()
