"""Import of the RentTheRunway rentals with fit feedback.

R. Misra, M. Wan, J. McAuley, "Decomposing fit semantics for product size recommendation in metric
spaces", RecSys 2018. The rating is never imported: it was given after wearing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data_contracts.dtypes import normalise
from data_contracts.tables import FIT, SELF
from data_contracts.units import UNITS
from pipelines.importers.report import ImportReport, most_common, null_where, read_file
from pipelines.validate import write_good

__all__ = ["COLUMNS", "import_file"]

COLUMNS = (
    "row_id",
    "fit",
    "user_id",
    "item_id",
    "size",
    "weight_lbs",
    "height_in",
    "age",
    "bust_size_num",
    "bust_size_letter",
    "body_type",
    "rented_for",
    "category",
    "review_date",
)
CM_PER_INCH = UNITS["cm"]["in"]
KG_PER_POUND = UNITS["kg"]["lb"]
ADULT = {
    "height_cm": (120.0, 220.0),
    "weight_kg": (30.0, 250.0),
    "chest_cm": (55.0, 180.0),
    "age_years": (14.0, 99.0),
}
"""What a renter of adult clothes can measure; anything else was mistyped."""
_BODY = ("height_cm", "weight_kg", "chest_cm", "cup", "body_shape", "age_years")


def import_file(path: Path, out: Path) -> ImportReport:
    """Write the contract tables of a file of rentals.

    Parameters
    ----------
    path
        Parquet or CSV file with the columns `COLUMNS`. ``fit`` may be blank: the rental is
        imported without feedback.
    out
        Folder of the tables, made when missing.

    Returns
    -------
    ImportReport
        Rows by table, and values made null by reason.

    Raises
    ------
    SourceError
        The file cannot be read or lacks a column, or ``out`` holds tables of other data.
    ContractError
        An id or a date is blank or unreadable.
    """
    report = ImportReport(str(path))
    rentals = _rentals(read_file(path, COLUMNS), report)
    tables = {
        "products": _products(rentals),
        "product_sizes": _product_sizes(rentals),
        "customers": pd.DataFrame(
            {"customer_id": np.sort(rentals["customer_id"].unique()), "market": "US"}
        ),
        "body_measurements": _body_measurements(rentals),
        "order_lines": rentals,
    }
    told = rentals["fit"].notna()
    if told.any():
        tables["fit_feedback"] = pd.DataFrame(
            {
                "order_line_id": rentals["order_line_id"],
                "source": "review",
                "given_at": rentals["ordered_at"],
                "fit": rentals["fit"],
            }
        ).loc[told]
    tables["order_lines"] = rentals.drop(columns=["category", "fit", *_BODY])
    write_good(tables, out)
    report.rows = {name: len(frame) for name, frame in tables.items()}
    report.notes += [
        f"{int((~told).sum()):,} rentals have no outcome and are imported without feedback",
        "the source tells no price: unit_price is null",
        "the bust band, in cm, is taken as chest_cm; the cup letter stands beside it",
        "rentals of one person on one day are one order and one measurement, the fullest told",
        "a rental without a category is of category other",
    ]
    return report


def _rentals(raw: pd.DataFrame, report: ImportReport) -> pd.DataFrame:
    """Return one order line a rental, with the category, the outcome and the renter's body."""
    lines = normalise(
        "order_lines",
        pd.DataFrame(
            {
                "order_line_id": raw["row_id"],
                "order_id": raw["user_id"],
                "customer_id": raw["user_id"],
                "product_id": raw["item_id"],
                "size_label": raw["size"],
                "quantity": 1,
                "currency": "USD",
                "market": "US",
                "wearer": SELF,
                "occasion": raw["rented_for"],
                "ordered_at": raw["review_date"],
            }
        ),
    )
    lines["order_id"] = lines["customer_id"] + "-" + lines["ordered_at"].dt.strftime("%Y%m%d")
    number = pd.to_numeric(lines["size_label"], errors="coerce").notna().to_numpy()
    lines["size_label"] = null_where(lines["size_label"], ~number, "size is not a number", report)
    lines["category"] = _word(raw["category"]).fillna("other")
    fit = _word(raw["fit"])
    lines["fit"] = null_where(
        fit, (~fit.isin(FIT)).to_numpy(), f"fit is not one of {', '.join(FIT)}", report
    )
    lines["height_cm"] = _measure(raw["height_in"], CM_PER_INCH, "height_cm", "cm", report)
    lines["weight_kg"] = _measure(raw["weight_lbs"], KG_PER_POUND, "weight_kg", "kg", report)
    lines["chest_cm"] = _measure(raw["bust_size_num"], CM_PER_INCH, "chest_cm", "cm", report)
    lines["cup"] = _word(raw["bust_size_letter"])
    lines["body_shape"] = _word(raw["body_type"])
    lines["age_years"] = _measure(raw["age"], 1.0, "age_years", "years", report)
    return lines


def _word(values: pd.Series[Any]) -> pd.Series[Any]:
    words = values.reset_index(drop=True).astype("str").str.strip().str.lower()
    return words.mask(words.isin(("", "nan", "none")).to_numpy())


def _measure(
    values: pd.Series[Any], factor: float, name: str, unit: str, report: ImportReport
) -> pd.Series[Any]:
    told = values.reset_index(drop=True)
    numbers = pd.to_numeric(told.astype("str"), errors="coerce").astype("float64")
    unread = int((_word(told).notna() & numbers.isna()).sum())
    if unread:
        report.nulled[f"{values.name} is not a number"] += unread
    measured = (numbers * factor).round(2)
    low, high = ADULT[name]
    wild = ((measured < low) | (measured > high)).to_numpy()
    reason = f"{name} outside {low:g} to {high:g} {unit}"
    return null_where(measured, wild, reason, report)


def _products(rentals: pd.DataFrame) -> pd.DataFrame:
    category = most_common(rentals, "product_id", "category")
    return pd.DataFrame(
        {"product_id": category.index, "category": category.to_numpy(), "audience": "women"}
    )


def _product_sizes(rentals: pd.DataFrame) -> pd.DataFrame:
    """Return the labels seen; the shop's sizes are numbers, so each is its own rank."""
    sizes = rentals[["product_id", "size_label"]].dropna().drop_duplicates()
    sizes["size_rank"] = pd.to_numeric(sizes["size_label"]).astype("float64")
    return sizes.sort_values(["product_id", "size_rank"])


def _body_measurements(rentals: pd.DataFrame) -> pd.DataFrame:
    told = rentals[["customer_id", "ordered_at", *_BODY]].rename(
        columns={"ordered_at": "measured_at"}
    )
    told["wearer"] = SELF
    told["filled"] = told[list(_BODY)].notna().sum(axis=1)
    fullest = told.sort_values("filled", ascending=False, kind="stable")
    one = fullest.drop_duplicates(["customer_id", "measured_at"]).loc[lambda rows: rows.filled > 0]
    return one.sort_values(["customer_id", "measured_at"]).drop(columns="filled")
