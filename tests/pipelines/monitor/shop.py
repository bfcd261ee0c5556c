"""A simulated shop as it was known at a moment, and one whose later questions are others."""

from __future__ import annotations

import numpy as np
import pandas as pd

MOMENTS = {
    "order_lines": "ordered_at",
    "fit_feedback": "given_at",
    "returns": "requested_at",
    "abuse_labels": "decided_at",
}


def known_at(tables, moment):
    """The shop as it was known at a moment."""
    known = {
        name: rows[rows[MOMENTS[name]] < moment].reset_index(drop=True) if name in MOMENTS else rows
        for name, rows in tables.items()
    }
    lines = known["order_lines"]
    late = {
        name: lines[name].mask(lines[name] >= moment) for name in ("shipped_at", "delivered_at")
    }
    return {**known, "order_lines": lines.assign(**late)}


def dearer(tables, moment, times=3.0):
    """The same shop, but dearer from a moment on."""
    lines = tables["order_lines"]
    factor = np.where(lines["ordered_at"] >= moment, times, 1.0)
    return {**tables, "order_lines": lines.assign(unit_price=lines["unit_price"] * factor)}


def all_sent_back(tables, moment, market):
    """The same shop, but from a moment on most of what a market keeps is sent back after all."""
    lines, returns = tables["order_lines"], tables["returns"]
    kept = lines[
        (lines["ordered_at"] >= moment)
        & lines["market"].eq(market)
        & lines["delivered_at"].notna()
        & ~lines["order_line_id"].isin(returns["order_line_id"])
    ].iloc[::2]
    more = pd.DataFrame(
        {
            "return_id": "more-" + kept["order_line_id"],
            "order_line_id": kept["order_line_id"],
            "requested_at": kept["delivered_at"] + pd.Timedelta(days=5),
            "reason": "changed_mind",
            "quantity": kept["quantity"],
        }
    ).reindex(columns=returns.columns)
    more = more[more["requested_at"] <= returns["requested_at"].max()]
    both = pd.concat([returns, more.astype(returns.dtypes)], ignore_index=True)
    return {**tables, "returns": both}
