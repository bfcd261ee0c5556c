"""Four people who ask the demo for a size, taken from the shop's own tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from data_contracts.errors import BadInputError
from pipelines.outcomes import fit_outcomes

__all__ = ["DemoQuestion", "four_questions"]

_FIGURES = ("height_cm", "weight_kg", "chest_cm", "waist_cm", "hip_cm")
_MIN_SIZES = 4
_MIN_TOLD = 20
_OFTEN = 0.9
_SMALL = 0


@dataclass(frozen=True)
class DemoQuestion:
    """A question in words, and as the request that asks it."""

    who: str
    request: dict[str, Any]


def four_questions(tables: Mapping[str, pd.DataFrame]) -> list[DemoQuestion]:
    """Find a known customer, a product for new ones, and a product that runs small.

    Raises
    ------
    BadInputError
        No product has enough sizes and history to ask about.
    """
    lines = _lines(tables)
    usual = _usual_product(lines)
    customer, favourite = _known_customer(lines, tables)
    small, share, n = _runs_small(lines, usual)
    body = _typical_body(tables, lines, usual)
    told = ", ".join(f"{k.rpartition('_')[0]} {v:g}" for k, v in body.items())
    shop = {"market": market} if (market := _market(lines)) else {}
    bought = int((lines["customer_id"] == customer).sum())
    return [
        DemoQuestion(
            f"customer {customer}, {bought} orders before",
            {"product_id": favourite, "customer_id": customer, **shop},
        ),
        DemoQuestion(
            f"new customer; tells {told}",
            {"product_id": usual, "measurements": body, **shop},
        ),
        DemoQuestion("new customer; tells nothing", {"product_id": usual, **shop}),
        DemoQuestion(
            f"new customer, same figures; {share:.0%} of {n} buyers found this product small",
            {"product_id": small, "measurements": body, **shop},
        ),
    ]


def _lines(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Order lines of clothes with enough sizes, with what became of them."""
    outcomes = fit_outcomes(tables).reset_index()
    sizes = tables["product_sizes"]["product_id"].value_counts()
    shoes = tables["products"]["size_system"].str.startswith("SHOE").fillna(False)
    sizes = sizes.drop(tables["products"].loc[shoes, "product_id"], errors="ignore")
    lines = tables["order_lines"].merge(outcomes, on="order_line_id")
    lines = lines.merge(tables["products"][["product_id", "category", "audience"]], on="product_id")
    lines = lines[lines["product_id"].map(sizes).fillna(0) >= _MIN_SIZES]
    if lines.empty:
        raise BadInputError(f"no garment that was ordered has {_MIN_SIZES} sizes to choose from")
    return lines


def _usual_product(lines: pd.DataFrame) -> str:
    """A product many told of that runs neither small nor large; for women where there is any."""
    women = lines[lines["audience"] == "women"]
    told = (women if len(women) else lines).query("told")
    if told.empty:
        return str(lines["product_id"].value_counts().index[0])
    verdicts = (told["y"] - 1).groupby(told["product_id"]).agg(["mean", "size"])
    many = verdicts[verdicts["size"] >= verdicts["size"].quantile(_OFTEN)]
    return str(many["mean"].abs().idxmin())


def _known_customer(lines: pd.DataFrame, tables: Mapping[str, pd.DataFrame]) -> tuple[str, str]:
    """A customer with a history and measurements, and a product that is new to them."""
    mine = lines[lines["wearer"].fillna("self") == "self"]
    mine = mine if len(mine) else lines
    measured = tables.get("body_measurements")
    if measured is not None and mine["customer_id"].isin(measured["customer_id"]).any():
        mine = mine[mine["customer_id"].isin(measured["customer_id"])]
    fits = mine[mine["y"] == 1]
    kinds = (fits if len(fits) else mine).groupby(["customer_id", "category"]).size()
    customer, category = kinds.sort_values(kind="stable").index[-1]
    own = mine[mine["customer_id"] == customer]
    audience = own.loc[own["category"] == category, "audience"].iloc[0]
    kin = lines[lines["category"] == category]
    kin = kin[kin["audience"].eq(audience) | (kin["audience"].isna() & pd.isna(audience))]
    new = kin[~kin["product_id"].isin(own["product_id"])]
    return str(customer), str((new if len(new) else kin)["product_id"].value_counts().index[0])


def _runs_small(lines: pd.DataFrame, usual: str) -> tuple[str, float, int]:
    """The product of the usual one's kind that most of its buyers found small."""
    told = lines[lines["told"]]
    audience = lines.loc[lines["product_id"] == usual, "audience"].iloc[0]
    kin = told[told["audience"].eq(audience) | (told["audience"].isna() & pd.isna(audience))]
    verdicts = kin["y"].eq(_SMALL).groupby(kin["product_id"]).agg(["mean", "size"])
    many = verdicts[verdicts["size"] >= _MIN_TOLD]
    chosen = many if len(many) else verdicts
    if chosen.empty:
        return usual, 0.0, 0
    best = chosen.sort_values(["mean", "size"]).iloc[-1]
    return str(best.name), float(best["mean"]), int(best["size"])


def _typical_body(
    tables: Mapping[str, pd.DataFrame], lines: pd.DataFrame, product: str
) -> dict[str, float]:
    """Median figures of the measured people who bought the product."""
    people = tables.get("body_measurements")
    if people is None:
        return {"height_cm": 168.0, "weight_kg": 64.0}
    buyers = lines.loc[lines["product_id"] == product, ["customer_id", "wearer"]]
    buyers = buyers.assign(wearer=buyers["wearer"].fillna("self")).drop_duplicates()
    theirs = people.assign(wearer=people["wearer"].fillna("self")).merge(buyers)
    middle = (theirs if len(theirs) else people)[list(_FIGURES)].astype("float64").median()
    return {str(name): float(round(value)) for name, value in middle.dropna().items()}


def _market(lines: pd.DataFrame) -> str | None:
    markets = lines["market"].dropna().value_counts()
    return str(markets.index[0]) if len(markets) else None
