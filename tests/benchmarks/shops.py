"""Simulated shops to judge advice on: the usual one, and others that stand for shops not yet seen.

A case is a shop with its newest tenth held out. Variants of its tables ask harder questions of the
same orders: nobody names the wearer, a child is known by its birth date alone, and so on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from pipelines.jobs.size_fit import JOB
from pipelines.simulate import ShopAssumptions, simulate
from pipelines.simulate.categories import CATEGORIES
from pipelines.simulate.ladders import DIMENSIONS
from pipelines.simulate.markets import MARKETS

Frames = dict[str, pd.DataFrame]

#: Sets of assumptions: the shop as it is tuned on, three that lack what it leans on, and strangers.
VARIANTS: Mapping[str, ShopAssumptions] = {
    "usual": ShopAssumptions(),
    "chartless": ShopAssumptions(chart_none_share=1.0, chart_partial_share=0.0),
    "letters": ShopAssumptions(size_systems=("ALPHA",)),
    "silent": ShopAssumptions(measured_share=0.0, wearer_named_share=0.0),
    "strange-strict": ShopAssumptions(
        tolerance=0.8,
        residual_noise=0.55,
        chart_none_share=0.4,
        chart_partial_share=0.2,
        measured_share=0.5,
        wearer_named_share=0.15,
    ),
    "strange-lax": ShopAssumptions(
        tolerance=1.3,
        residual_noise=0.30,
        brand_offset_sd=0.55,
        product_offset_sd=0.15,
        chart_none_share=0.5,
        chart_partial_share=0.3,
        measured_share=1.4,
        wearer_named_share=0.7,
        stretch=2.0,
        chart_shift_sd=0.4,
        label_noise_share=0.15,
    ),
    "strange-fleeting": ShopAssumptions(
        lines_per_customer=4.0,
        lines_per_product=25.0,
        choice_noise=1.6,
        chart_reader_share=0.25,
        measured_share=0.7,
        feedback_share=0.5,
        far_off_share=0.15,
    ),
    "strange-abroad": ShopAssumptions(
        size_systems=(
            "CN", "JP", "KR", "AU", "US", "IT", "BABY_MONTHS", "SHOE_US", "SHOE_CN", "SHOE_JP",
        ),
        brand_offset_sd=0.25,
        product_offset_sd=0.40,
        kink_share=0.15,
        wearer_named_share=0.05,
        system_untold_share=0.3,
        chart_shift_sd=0.3,
        label_noise_share=0.4,
        relative_share=0.25,
    ),
}  # fmt: skip

_READ_AT_HOME = {m.code: frozenset(m.systems) for m in MARKETS}
_GARMENT = {c.name: c.garment for c in CATEGORIES}
_WEARER = ["customer_id", "wearer"]


@dataclass(frozen=True)
class Case:
    """A simulated shop, the ids of the lines to predict, and the variant, lines and seed of it."""

    tables: Frames
    truth: Frames
    held: list[str]
    made: tuple[str, int, int]

    @cached_property
    def lines(self) -> pd.DataFrame:
        """Held-out lines with what is true of them and of their products."""
        lines = self.tables["order_lines"].rename(columns={"wearer": "named"})
        lines = lines.merge(self.truth["lines_truth"], on="order_line_id")
        goods = self.tables["products"][["product_id", "category", "audience"]]
        system = self.truth["products_truth"][["product_id", "true_system"]]
        lines = lines.merge(goods, on="product_id").merge(system, on="product_id")
        lines = lines.rename(columns={"true_system": "size_system"})
        lines["garment"] = lines["category"].map(_GARMENT)
        home = [_READ_AT_HOME[market] for market in lines["market"]]
        lines["abroad"] = [s not in h for s, h in zip(lines["size_system"], home, strict=True)]
        lines["worn_before"], lines["system_before"] = _before(lines)
        people = lines.groupby("customer_id")["wearer"]
        lines["persons"] = people.transform("nunique")
        grown = lines["wearer"].where(~lines["wearer"].str.startswith("child"))
        lines["grown"] = grown.groupby(lines["customer_id"]).transform("nunique")
        lines["measured"] = _measured(lines, self.tables["body_measurements"])
        return lines.set_index("order_line_id").loc[self.held]


def newest(lines: pd.DataFrame, share: float = 0.1) -> list[str]:
    """Ids of the newest lines, the given share of them."""
    at = lines["ordered_at"]
    return lines.loc[at >= at.quantile(1.0 - share), "order_line_id"].tolist()


def case(variant: str, lines: int, seed: int) -> Case:
    """The shop of a variant."""
    shop = simulate(lines, seed, VARIANTS[variant])
    return Case(shop.tables, shop.truth, newest(shop.tables["order_lines"]), (variant, lines, seed))


def _before(lines: pd.DataFrame) -> tuple[list[bool], list[bool]]:
    """Whether the account bought for the audience and kind before, and whether in this system."""
    place = lines["ordered_at"].argsort(kind="stable")
    seen: dict[tuple[str, str, str], dict[str, pd.Timestamp]] = {}
    any_before, this_before = np.zeros(len(lines), bool), np.zeros(len(lines), bool)
    keys = lines[["customer_id", "audience", "garment", "size_system", "ordered_at"]]
    rows = list(keys.itertuples(index=False))
    for i in place:
        customer, audience, garment, system, at = rows[i]
        systems = seen.setdefault((customer, audience, garment), {})
        any_before[i] = any(first < at for first in systems.values())
        this_before[i] = system in systems and systems[system] < at
        systems.setdefault(system, at)
    return any_before.tolist(), this_before.tolist()


def _measured(lines: pd.DataFrame, told: pd.DataFrame) -> np.ndarray:
    """Whether the wearer the line names, or the account's holder, had told a measurement."""
    told = told[told[list(DIMENSIONS)].notna().any(axis=1)]
    first = told.groupby(_WEARER)["measured_at"].min().rename("first").reset_index()
    who = lines[["customer_id", "ordered_at"]].assign(wearer=lines["named"].fillna("self"))
    first_told = who.merge(first, on=_WEARER, how="left")["first"]
    return (first_told < who["ordered_at"].reset_index(drop=True)).to_numpy()


def predicted(of: Case, held: list[str] | None = None) -> pd.DataFrame:
    """The held-out lines of a case with the advice beside the truth; unsized goods left out.

    Returns
    -------
    DataFrame
        `Case.lines` with ``advised``; ``advice_hit`` (NaN where silent), ``own_hit``,
        ``followed_hit`` (the advice, else the own choice) and, where the back-test tells the
        likeliest size of every line, ``likeliest_hit``; ``best_in_set``, ``ordered_in_set``;
        ``advice_fit``, the true chance of fitting of the advice, else of the own choice.
    """
    back = JOB.backtest(of.tables, held or of.held).set_index("order_line_id")
    back = back[back["status"] != "not_sized"]
    out = of.lines.loc[back.index].copy()
    said = back["recommended"]
    out["advised"] = said.notna()
    out["own_hit"] = out["size_label"] == out["best_size"]
    out["advice_hit"] = (said == out["best_size"]).astype(float).where(out["advised"])
    out["followed_hit"] = np.where(out["advised"], said == out["best_size"], out["own_hit"])
    if "likeliest" in back:
        out["likeliest_hit"] = back["likeliest"] == out["best_size"]
    sets = back["size_set"]
    out["best_in_set"] = [b in s for b, s in zip(out["best_size"], sets, strict=True)]
    out["ordered_in_set"] = [b in s for b, s in zip(out["size_label"], sets, strict=True)]
    out["set_size"] = sets.map(len)
    fits = of.truth["fit_truth"].set_index(["order_line_id", "size_label"])["p_fit"]
    advice = fits.reindex(pd.MultiIndex.from_arrays([out.index, said])).to_numpy()
    out["advice_fit"] = np.where(out["advised"], advice, out["p_fit"])
    return out


def unnamed(of: Case) -> Case:
    """The same orders, no wearer named on any of them."""
    lines = of.tables["order_lines"].copy()
    lines["wearer"] = pd.Series(None, index=lines.index, dtype=lines["wearer"].dtype)
    return replace(of, tables={**of.tables, "order_lines": lines})


def one_account_each(of: Case) -> Case:
    """The same orders, every wearer with an account of their own: what a perfect split knows."""
    lines, told = (of.tables[name].copy() for name in ("order_lines", "body_measurements"))
    customers = of.tables["customers"]
    wearer = of.truth["lines_truth"].set_index("order_line_id")["wearer"]
    lines["customer_id"] += "-" + wearer.loc[lines["order_line_id"]].to_numpy()
    lines["wearer"] = pd.Series(None, index=lines.index, dtype=lines["wearer"].dtype)
    told["customer_id"] += "-" + told["wearer"]
    told["wearer"] = "self"
    known = pd.concat([lines["customer_id"], told["customer_id"]]).drop_duplicates()
    accounts = pd.DataFrame({"person": known, "customer_id": known.str.split("-").str[0]})
    customers = accounts.merge(customers, on="customer_id")
    child = ~customers["person"].str.endswith("-self")
    customers["birth_year"] = customers["birth_year"].mask(child)
    customers = customers.drop(columns="customer_id").rename(columns={"person": "customer_id"})
    tables = {"order_lines": lines, "body_measurements": told, "customers": customers}
    return replace(of, tables={**of.tables, **tables})
