"""What order lines and claims tell of behaviour, as plain columns, before any history.

Nothing of the person goes in: no sex, age, birth year, locale or name. The market is a key of the
lane's own base rates and never a column of the vector.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from data_contracts.lazy import pd
from features.events import DAY_US
from features.histories import T0_US
from features.lines import to_micros

__all__ = [
    "EARLY_DAYS",
    "FAULTS",
    "GAP_FROM",
    "MOODS",
    "OTHER_GOODS",
    "SIZES",
    "claim_rows",
    "found_swapped",
    "line_rows",
]

SIZES = ("too_small", "too_large")
FAULTS = (
    "colour_mismatch",
    "not_as_described",
    "quality_defect",
    "damaged_in_transit",
    "wrong_item",
)
MOODS = ("changed_mind", "other")
OTHER_GOODS = ("different_item", "empty", "missing_parts")
EARLY_DAYS = 45.0
"""An account is new for so long."""
GAP_FROM = 0.2
"""From this share of the weight sent, what is lacking (or too much) is no longer packaging."""


def line_rows(tables: Mapping[str, pd.DataFrame], prices: Mapping[str, float]) -> pd.DataFrame:
    """Order lines with the keys and amounts of the histories, in the order of the table.

    Parameters
    ----------
    tables
        Contract tables; ``order_lines`` is needed, ``customers`` helps.
    prices
        The usual price of a piece by currency; money of a line is counted in it.

    Returns
    -------
    DataFrame
        Ids and keys as text; ``at`` and ``delivered`` in microseconds; ``pieces``; ``value`` in
        usual prices; ``basket`` and ``alike``: lines of the order placed with it, and those of
        them of the same product; ``registered`` in days since 2020, NaN where not known.
    """
    lines = tables["order_lines"]
    rows = lines[["order_line_id", "order_id", "customer_id", "product_id", "size_label", "market"]]
    rows = rows.astype(object).where(rows.notna(), None)
    rows["address"] = _text(lines["ship_address_hash"])
    rows["device"] = _text(lines["device_hash"])
    rows["at"] = to_micros(lines["ordered_at"]).astype("int64")
    rows["delivered"] = to_micros(lines["delivered_at"])
    rows["pieces"] = lines["quantity"].astype("float64")
    usual = lines["currency"].astype(object).map(prices).astype("float64")
    rows["value"] = (rows["pieces"] * lines["unit_price"].astype("float64") / usual).fillna(1.0)
    rows["shipped_g"] = lines["shipped_weight_g"].astype("float64")
    # A line added to the order later was not in the basket yet.
    placed = ["order_id", "at"]
    rows["basket"] = rows.groupby(placed)["order_line_id"].transform("size").astype("float64")
    alike = rows.groupby([*placed, "product_id"])["order_line_id"].transform("size")
    rows["alike"] = alike.astype("float64")
    known = tables.get("customers")
    if known is None:
        rows["cluster"], rows["registered"] = None, np.nan
        return rows
    of = known.set_index("customer_id")
    rows["cluster"] = _text(rows["customer_id"].map(_text(of["account_cluster"])))
    registered = to_micros(of["registered_at"]).astype("float64")
    rows["registered"] = (rows["customer_id"].map(registered).astype("float64") - T0_US) / DAY_US
    return rows


def claim_rows(
    claims: pd.DataFrame, lines: pd.DataFrame, known: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Claims with the rows of their lines and what the claim itself tells.

    Parameters
    ----------
    claims
        Contract ``returns``; a reason that is not known is null.
    lines
        See :func:`line_rows`; claims of other lines are left out.
    known
        Contract ``returns`` on record, among which a line's earlier claims are looked for; `claims`
        when omitted.

    Returns
    -------
    DataFrame
        By moment of the claim. ``at`` and ``received`` in microseconds; ``share``: part of the
        line's pieces; flags as 0 and 1, NaN where the reason is not known; ``delay`` in days after
        delivery, NaN while nothing was delivered; ``worn``, ``swapped`` and ``gap``: what the
        inspection found, NaN where it found nothing out.
    """
    rows = pd.DataFrame(
        {
            "return_id": claims["return_id"].astype(object),
            "order_line_id": claims["order_line_id"].astype(object),
            "at": to_micros(claims["requested_at"]).astype("int64"),
            "received": to_micros(claims["received_at"]),
            "reason": _text(claims["reason"]),
            "claimed_pieces": claims["quantity"].astype("float64"),
            "condition": _text(claims["condition"]),
            "returned_g": claims["returned_weight_g"].astype("float64"),
        }
    )
    of_line = lines.rename(columns={"at": "ordered"})
    rows = rows.merge(of_line, on="order_line_id", how="inner")
    rows = rows.sort_values(["at", "return_id"], kind="stable", ignore_index=True)
    delivered = rows["delivered"].astype("float64")
    rows["arrived"] = delivered.lt(rows["at"]).astype("float64")
    rows["delay"] = ((rows["at"] - delivered) / DAY_US).where(rows["arrived"].gt(0))
    told = rows["reason"].notna()
    for name, reasons in (("size", SIZES), ("fault", FAULTS), ("mood", MOODS)):
        rows[name] = rows["reason"].isin(reasons).astype("float64").where(told)
    lost = rows["reason"].eq("not_received").astype("float64").where(told)
    # A parcel is lost as a whole: its lines are one loss.
    rows["lost"] = lost * rows["arrived"] / rows["basket"]
    rows["share"] = np.minimum(rows["claimed_pieces"] / rows["pieces"], 1.0)
    rows["claim_value"] = rows["value"] * rows["share"]
    rows["age"] = rows["at"].sub(T0_US).div(DAY_US) - rows["registered"]
    before = _reason_before(rows, claims if known is None else known)
    rows["repeat"] = before.notna().astype("float64")
    other = before.notna() & before.ne(rows["reason"])
    rows["changed"] = other.astype("float64").where(told)
    seen = rows["condition"].notna()
    rows["worn"] = rows["condition"].eq("worn").astype("float64").where(seen)
    sent = rows["shipped_g"].where(rows["shipped_g"].gt(0)) * rows["share"]
    rows["gap"] = (sent - rows["returned_g"]) / sent
    rows["swapped"] = found_swapped(rows["condition"], rows["gap"], rows["reason"])
    return rows


def _reason_before(rows: pd.DataFrame, known: pd.DataFrame) -> pd.Series:
    """Reason of the latest claim on the same line strictly before each row; None without one."""
    earlier = pd.DataFrame(
        {
            "order_line_id": known["order_line_id"].astype(object),
            "before": to_micros(known["requested_at"]).astype("int64"),
            "by": known["return_id"].astype(object),
            "told": known["reason"].astype(object),
        }
    )
    asked = rows[["order_line_id", "return_id", "at"]].assign(row=np.arange(len(rows)))
    pairs = asked.merge(earlier, on="order_line_id")
    pairs = pairs[pairs["before"].lt(pairs["at"]) & pairs["by"].ne(pairs["return_id"])]
    latest = pairs.sort_values(["before", "by"]).drop_duplicates("row", keep="last")
    reasons = pd.Series(None, index=rows.index, dtype=object)
    reasons.iloc[latest["row"].to_numpy()] = latest["told"].to_numpy()
    return reasons


def found_swapped(condition: pd.Series, gap: pd.Series, reason: pd.Series) -> pd.Series:
    """Whether something else came back than was sent: 1, 0, or NaN where nobody looked.

    Who was sent the wrong article returns another one rightly.
    """
    mistaken = reason.eq("wrong_item")
    odd = condition.isin(OTHER_GOODS) | gap.abs().gt(GAP_FROM)
    looked = condition.notna() | gap.notna()
    return (odd & ~mistaken).astype("float64").where(looked)


def _text(column: pd.Series) -> pd.Series:
    """Text with None where there is none."""
    plain = column.astype(object)
    return plain.where(column.notna(), None)
