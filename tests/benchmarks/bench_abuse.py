"""How much abuse a review desk finds with `abuse`, on simulated shops with known truth.

    python -m tests.benchmarks.bench_abuse [--lines N] [--shops usual,label-0,...] [--splits live]

The shops are simulated: what is shown is how the score holds up against a truth made of known
assumptions, which are changed from shop to shop. No real claims with a known truth are public.

Splits, each over all claims with the truth, judged or not:

``live``    trained on what was known before the newest 30 % of claims; histories run on
``frozen``  the newest fifth of order lines held out, histories frozen at its start
``random``  a random fifth of order lines held out, with everything that followed from them

``count`` and ``rate`` are the best variants of the rules "return count" and "return rate" of the
account, chosen by the truth for each column; they may look at everything before each claim.
``times`` is P@2% against the better of the two; ``plain`` the same against the rules as shops know
them (all returns so far, and those per line that had arrived). ``honest`` columns are shares of
false positives at a budget of 5 %: of claims by all honest accounts, by honest accounts in the top
tenth of return counts (heavy), and by those of them that often order several sizes at once
(bracketing).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from features.abuse_space import AbuseSpace
from pipelines.abuse_budget import bracketers, budget_metrics, heavy_returners, rule_scores
from pipelines.fit_abuse import backtest_abuse, learn
from pipelines.folds import rolling_folds
from pipelines.simulate import ShopAssumptions, simulate

SPLITS = ("live", "frozen", "random")
PLAIN = ("return count, ever", "return rate, 1 arrived")
PARAMS = {"num_threads": 1}
SHOPS: dict[str, tuple[int, ShopAssumptions]] = {
    "usual": (101, ShopAssumptions()),
    "usual-2": (102, ShopAssumptions()),
    "usual-3": (103, ShopAssumptions()),
    "no labels": (104, ShopAssumptions(label_share=0.0)),
    "few labels": (105, ShopAssumptions(label_share=0.3)),
    "wrong labels": (106, ShopAssumptions(label_error=0.2)),
    "few abusers": (107, ShopAssumptions(abuser_share=0.004)),
    "many abusers": (108, ShopAssumptions(abuser_share=0.02)),
    "many returns": (109, ShopAssumptions(return_propensity=1.6, bracket_share=0.10)),
    "no device": (110, ShopAssumptions()),
    "no weights": (111, ShopAssumptions()),
    "no clusters": (112, ShopAssumptions()),
    "nothing linked": (113, ShopAssumptions()),
    "never inspected": (114, ShopAssumptions()),
}
BLANK: dict[str, tuple[tuple[str, str], ...]] = {
    "no device": (("order_lines", "device_hash"),),
    "no weights": (("order_lines", "shipped_weight_g"), ("returns", "returned_weight_g")),
    "no clusters": (("customers", "account_cluster"),),
    "nothing linked": (
        ("order_lines", "device_hash"),
        ("order_lines", "ship_address_hash"),
        ("customers", "account_cluster"),
    ),
    "never inspected": (("returns", "condition"), ("returns", "returned_weight_g")),
}


@dataclass(frozen=True)
class Scored:
    """Claims with the truth and the score."""

    ids: pd.Index
    abused: np.ndarray
    score: np.ndarray


def tables_of(name: str, lines: int) -> tuple[dict[str, pd.DataFrame], dict[str, pd.DataFrame]]:
    """The shop and its truth, columns blanked that it does not have."""
    seed, assumptions = SHOPS[name]
    shop = simulate(lines, seed, assumptions)
    tables = dict(shop.tables)
    for table, column in BLANK.get(name, ()):
        frame = tables[table]
        tables[table] = frame.assign(**{column: frame[column].mask(frame[column].notna())})
    return tables, shop.truth


def scored(split: str, tables: Mapping[str, pd.DataFrame], truth: pd.Series) -> Scored:
    """Train, and score the claims that were held out."""
    returns = tables["returns"]
    if split == "live":
        known = returns.set_index("return_id")
        (fold,) = rolling_folds(
            tables, known, known["requested_at"], folds=1, share=0.3, fewest=50, what="claims",
            window_days=None,
        )  # fmt: skip
        space = AbuseSpace().fit(fold.tables)
        model = learn(space.data(fold.tables), PARAMS)
        data = space.data(fold.live)
        now = data.at >= fold.start.value // 1000
        score = pd.Series(model.predict_proba(data.X[now])[:, 1], index=data.order_line_id[now])
        ids = pd.Index(data.ids[now], name="return_id")
    else:
        lines = tables["order_lines"]
        at = lines["ordered_at"]
        held = lines[at >= at.quantile(0.8)]
        if split == "random":
            held = lines.sample(frac=0.2, random_state=1)
        claims = returns[returns["order_line_id"].isin(held["order_line_id"])]
        out = backtest_abuse(tables, held["order_line_id"].tolist(), claims, PARAMS)
        score = out.set_index("order_line_id")["abuse_score"].reindex(claims["order_line_id"])
        ids = pd.Index(claims["return_id"], name="return_id")
    abused = truth.reindex(score.index).to_numpy(dtype=bool)
    return Scored(ids, abused, score.to_numpy(dtype=float))


def row(
    name: str, split: str, tables: Mapping[str, pd.DataFrame], truth: Mapping[str, pd.DataFrame]
) -> dict[str, float]:
    """All figures of one shop and split."""
    began = time.perf_counter()
    of_line = truth["lines_truth"].set_index("order_line_id")["is_abuse"]
    got = scored(split, tables, of_line)
    figures = budget_metrics(got.abused, got.score)
    rules = rule_scores(tables).reindex(got.ids)
    best = {rule: budget_metrics(got.abused, rules[rule].to_numpy()) for rule in rules}
    for kind in ("return count", "return rate"):
        mine = [each for rule, each in best.items() if rule.startswith(kind)]
        for budget in ("precision_at_2", "precision_at_5"):
            figures[f"{kind} {budget}"] = max(each[budget] for each in mine)
        figures[f"{kind} AP"] = max(each["average_precision"] for each in mine)
    returns = tables["returns"].set_index("return_id")["order_line_id"].reindex(got.ids)
    buyer = tables["order_lines"].set_index("order_line_id")["customer_id"]
    account = buyer.reindex(returns.to_numpy())
    kind = truth["customers_truth"].set_index("customer_id")["abuse_kind"]
    honest = kind.reindex(account.to_numpy()).isna().to_numpy()
    heavy = heavy_returners(tables, honest, got.ids)
    several = heavy & bracketers(tables, got.ids)
    edge = np.sort(got.score)[::-1][max(int(0.05 * len(got.score)), 1) - 1]
    flagged = got.score >= edge
    for label, which in (("honest", honest), ("heavy", heavy), ("bracketing", several)):
        figures[label] = float(flagged[which].mean()) if which.any() else float("nan")
    best_rule = max(figures["return count precision_at_2"], figures["return rate precision_at_2"])
    figures["times"] = figures["precision_at_2"] / max(best_rule, 1 / len(got.score))
    plain = [best[rule]["precision_at_2"] for rule in PLAIN]
    figures["plain"] = figures["precision_at_2"] / max(*plain, 1 / len(got.score))
    figures["claims"], figures["share"] = len(got.score), float(got.abused.mean())
    figures["mean"] = float(got.score.mean())
    figures["seconds"] = time.perf_counter() - began
    return figures


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=40_000)
    parser.add_argument("--shops", default=",".join(SHOPS))
    parser.add_argument("--splits", default=",".join(SPLITS))
    given = parser.parse_args()
    console = Console(width=185)
    console.print(f"Simulated shops of {given.lines:,} lines; the truth is known by construction.")
    for split in given.splits.split(","):
        table = Table(title=split)
        for column in ("shop", "claims", "abuse", "mean score", "AP", "P@2%", "R@2%", "P@5%",
                       "R@5%", "count P@2%", "rate P@2%", "count P@5%", "times", "plain", "honest",
                       "heavy", "bracketing", "s"):  # fmt: skip
            table.add_column(column, justify="left" if column == "shop" else "right")
        for name in given.shops.split(","):
            f = row(name, split, *tables_of(name, given.lines))
            shares = (f["share"], f["mean"], f["average_precision"], f["precision_at_2"],
                      f["recall_at_2"], f["precision_at_5"], f["recall_at_5"],
                      f["return count precision_at_2"], f["return rate precision_at_2"],
                      f["return count precision_at_5"])  # fmt: skip
            table.add_row(name, f"{f['claims']:,.0f}", *(f"{each:.3f}" for each in shares),
                          f"{f['times']:.1f}", f"{f['plain']:.1f}", f"{f['honest']:.3f}",
                          f"{f['heavy']:.3f}", f"{f['bracketing']:.3f}",
                          f"{f['seconds']:.0f}")  # fmt: skip
        console.print(table)


if __name__ == "__main__":
    main()
