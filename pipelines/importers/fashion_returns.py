"""Import of the German fashion returns (sample of the Data Mining Cup 2014, HU Berlin BADS).

The buyer's title is never imported: it tells the sex.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from data_contracts.dtypes import normalise
from features.sizes import rank_labels
from pipelines.importers.report import ImportReport, most_common, null_where, read_file
from pipelines.validate import write_good

__all__ = ["COLUMNS", "import_file"]

COLUMNS = (
    "order_item_id",
    "order_date",
    "delivery_date",
    "item_id",
    "item_size",
    "item_color",
    "brand_id",
    "item_price",
    "user_id",
    "user_dob",
    "user_reg_date",
    "return",
)
UNSIZED = "unsized"
DAYS_TO_RETURN = 14
"""The source does not tell when a line came back; the statutory window is a fair guess."""
YOUNGEST, OLDEST = 14, 100
"""Ages at the first order between which a buyer's date of birth is believed."""


def import_file(path: Path, out: Path) -> ImportReport:
    """Write the contract tables of a file of order lines.

    Parameters
    ----------
    path
        Parquet or CSV file with the columns `COLUMNS`. ``return`` may be blank: the line is
        imported without a return.
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
        An id, a price or an order date is blank or unreadable.
    """
    report = ImportReport(str(path))
    raw = read_file(path, COLUMNS)
    lines = _order_lines(raw, report)
    returned = _returned(raw["return"], report)
    products = _products(lines, raw)
    tables = {
        "products": products,
        "product_sizes": _product_sizes(lines),
        "customers": _customers(lines, raw, report),
        "order_lines": lines,
    }
    if (returned == 1).any():
        tables["returns"] = _returns(lines.loc[(returned == 1).to_numpy()])
    write_good(tables, out)
    report.rows = {name: len(frame) for name, frame in tables.items()}
    report.notes += [
        f"{int(returned.isna().sum()):,} lines have no outcome and are imported without a return",
        f"requested_at is guessed: {DAYS_TO_RETURN} days after delivery, after ordering where"
        " no delivery is known",
        "the reason of a return is not told: other",
        "the source tells no category: every product is clothing",
        "lines of one buyer on one day are one order",
    ]
    return report


def _order_lines(raw: pd.DataFrame, report: ImportReport) -> pd.DataFrame:
    lines = normalise(
        "order_lines",
        pd.DataFrame(
            {
                "order_line_id": raw["order_item_id"],
                "order_id": raw["user_id"],
                "customer_id": raw["user_id"],
                "product_id": raw["item_id"],
                "size_label": raw["item_size"].astype("str").str.strip(),
                "colour": raw["item_color"].astype("str").str.strip(),
                "quantity": 1,
                "unit_price": raw["item_price"],
                "currency": "EUR",
                "market": "DE",
                "ordered_at": raw["order_date"],
                "delivered_at": raw["delivery_date"],
            }
        ),
    )
    day = lines["ordered_at"].dt.strftime("%Y%m%d")
    lines["order_id"] = lines["customer_id"] + "-" + day
    unknown_colour = (lines["colour"] == "?").to_numpy(dtype=bool)
    lines["colour"] = null_where(lines["colour"], unknown_colour, "colour is ?", report)
    year = lines["delivered_at"].dt.year
    lines["delivered_at"] = null_where(
        lines["delivered_at"], (year == 1990).to_numpy(), "delivered_at in 1990", report
    )
    early = (lines["delivered_at"] < lines["ordered_at"]).to_numpy()
    lines["delivered_at"] = null_where(
        lines["delivered_at"], early, "delivered_at before ordered_at", report
    )
    return lines


def _returned(values: pd.Series[Any], report: ImportReport) -> pd.Series[Any]:
    """Return 1.0, 0.0 or NaN a line."""
    told = values.reset_index(drop=True)
    text = told.astype("str").str.strip()
    numbers = pd.to_numeric(text.mask((text == "").to_numpy()), errors="coerce").astype("float64")
    blank = (told.isna() | text.str.lower().isin(("", "nan", "none"))).to_numpy()
    unread = int((~blank & ~numbers.isin((0, 1)).to_numpy()).sum())
    if unread:
        report.nulled["return is neither 0 nor 1"] += unread
    return numbers.where(numbers.isin((0, 1)).to_numpy())


def _products(lines: pd.DataFrame, raw: pd.DataFrame) -> pd.DataFrame:
    brand = pd.DataFrame({"product_id": lines["product_id"], "brand": raw["brand_id"].to_numpy()})
    unsized = lines["size_label"].str.lower().eq(UNSIZED).groupby(lines["product_id"]).all()
    ids = unsized.index
    return pd.DataFrame(
        {
            "product_id": ids,
            "category": "clothing",
            "brand": most_common(brand, "product_id", "brand").reindex(ids).to_numpy(),
            "size_system": ["ONE" if one else None for one in unsized],
        }
    )


def _product_sizes(lines: pd.DataFrame) -> pd.DataFrame:
    sizes = lines[["product_id", "size_label"]].dropna().drop_duplicates()
    sizes = sizes.sort_values(["product_id", "size_label"])
    ranked = [
        group.assign(size_rank=rank_labels(group["size_label"].tolist()))
        for _, group in sizes.groupby("product_id", sort=True)
    ]
    return pd.concat(ranked).sort_values(["product_id", "size_rank", "size_label"])


def _customers(lines: pd.DataFrame, raw: pd.DataFrame, report: ImportReport) -> pd.DataFrame:
    told = pd.DataFrame(
        {
            "customer_id": lines["customer_id"],
            "market": "DE",
            "registered_at": raw["user_reg_date"].to_numpy(),
            "birth_year": _times(raw["user_dob"]).dt.year.to_numpy(),
        }
    )
    ordered = lines["ordered_at"].groupby(lines["customer_id"]).min()
    customers = told.groupby("customer_id", as_index=False, sort=True).first()
    age = ordered.dt.year.reindex(customers["customer_id"]).to_numpy() - customers["birth_year"]
    wild = ((age < YOUNGEST) | (age > OLDEST)).to_numpy()
    reason = f"birth_year of a buyer under {YOUNGEST} or over {OLDEST}"
    customers["birth_year"] = null_where(customers["birth_year"], wild, reason, report)
    return customers


def _times(values: pd.Series[Any]) -> pd.Series[Any]:
    return pd.to_datetime(values, utc=True, errors="coerce")


def _returns(lines: pd.DataFrame) -> pd.DataFrame:
    since = lines["delivered_at"].fillna(lines["ordered_at"])
    return pd.DataFrame(
        {
            "return_id": lines["order_line_id"] + "-return",
            "order_line_id": lines["order_line_id"],
            "requested_at": since + pd.Timedelta(days=DAYS_TO_RETURN),
            "reason": "other",
            "quantity": 1,
        }
    )
