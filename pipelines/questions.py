"""What the demo asks, taken from the shop's own tables: four sizes, one basket, one claim."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from data_contracts.errors import BadInputError
from pipelines.outcomes import fit_outcomes

__all__ = ["DemoQuestion", "basket_question", "claim_question", "four_questions"]

_FIGURES = ("height_cm", "weight_kg", "chest_cm", "waist_cm", "hip_cm")
_MIN_SIZES = 4
_MIN_TOLD = 20
_OFTEN = 0.9
_SMALL = 0
_CLAIMED_AFTER_DAYS = 3


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


def basket_question(tables: Mapping[str, pd.DataFrame]) -> DemoQuestion:
    """Three lines of a customer with a history: two sizes of a product, and another product."""
    lines = tables["order_lines"]
    customer = _returning_customer(lines, tables.get("returns"))
    own = lines[lines["customer_id"] == customer].sort_values("ordered_at", kind="stable")
    sizes = tables["product_sizes"].sort_values(["product_id", "size_rank"], kind="stable")
    labels = sizes.groupby("product_id")["size_label"].agg(list)
    popular = lines["product_id"].value_counts()
    several = [p for p in popular.index if len(labels.get(p, [])) > 1] or [popular.index[0]]
    single = next((p for p in popular.index if p != several[0]), several[0])
    basket = [
        _asked_line(lines, several[0], label) for label in _neighbours(lines, labels, several[0])
    ]
    basket.append(_asked_line(lines, single))
    request: dict[str, Any] = {"customer_id": customer, "lines": basket}
    for name in ("market", "currency"):
        if pd.notna(value := own[name].iloc[-1]):
            request[name] = str(value)
    returned = 0
    if "returns" in tables:
        returned = int(own["order_line_id"].isin(tables["returns"]["order_line_id"]).sum())
    return DemoQuestion(
        f"customer {customer}, {len(own)} lines before, {returned} came back", request
    )


def claim_question(tables: Mapping[str, pd.DataFrame]) -> DemoQuestion:
    """The newest line that has arrived and did not come back is claimed three days later.

    Raises
    ------
    BadInputError
        There is no such line.
    """
    lines = tables["order_lines"]
    arrived = lines[lines["delivered_at"].notna() & lines["size_label"].notna()]
    if "returns" in tables:
        back = tables["returns"]["order_line_id"]
        arrived = arrived[~arrived["order_line_id"].isin(back)]
    if arrived.empty:
        raise BadInputError("no line with a size arrived and was kept, so none can be claimed")
    line = arrived.sort_values(["delivered_at", "order_line_id"], kind="stable").iloc[-1]
    asked = line["delivered_at"] + pd.Timedelta(days=_CLAIMED_AFTER_DAYS)
    return DemoQuestion(
        f"customer {line['customer_id']}, {_CLAIMED_AFTER_DAYS} days after delivery",
        {
            "order_line_id": str(line["order_line_id"]),
            "customer_id": str(line["customer_id"]),
            "reason": "too_small",
            "requested_at": asked.isoformat(),
        },
    )


def _returning_customer(lines: pd.DataFrame, returns: pd.DataFrame | None) -> str:
    """Among customers with many orders, one who returns as often as is usual."""
    back = lines["order_line_id"].isin(returns["order_line_id"] if returns is not None else [])
    theirs = back.groupby(lines["customer_id"]).agg(["mean", "size"])
    many = theirs[theirs["size"] >= theirs["size"].quantile(_OFTEN)]
    return str((many["mean"] - back.mean()).abs().idxmin())


def _neighbours(lines: pd.DataFrame, labels: pd.Series[Any], product: str) -> list[str | None]:
    """The size of the product that is bought most, and the one beside it."""
    ladder = labels.get(product, [])
    if not ladder:
        return [None]
    bought = lines.loc[lines["product_id"] == product, "size_label"].value_counts()
    at = next((ladder.index(label) for label in bought.index if label in ladder), 0)
    start = max(min(at, len(ladder) - 2), 0)
    return list(ladder[start : start + 2])


def _asked_line(lines: pd.DataFrame, product: str, label: str | None = None) -> dict[str, Any]:
    """A line of a basket, at the price and in the colour it was last bought."""
    bought = lines[lines["product_id"] == product].sort_values("ordered_at", kind="stable")
    last = bought.iloc[-1]
    size = label if label is not None else last["size_label"]
    told = {"size": size, "colour": last["colour"], "unit_price": last["unit_price"]}
    line: dict[str, Any] = {"product_id": product}
    for name, value in told.items():
        if pd.notna(value):
            line[name] = float(value) if name == "unit_price" else str(value)
    return line


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
