"""What became of each order line, by the one rule that training uses too."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from features.events import line_events
from features.lines import to_micros
from features.size_fit_space import FIT_CODES, RETURN_WINDOW_DAYS

__all__ = ["fit_outcomes"]


def fit_outcomes(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Outcome of the fit of every order line.

    Parameters
    ----------
    tables
        Contract tables.

    Returns
    -------
    DataFrame
        Indexed by ``order_line_id`` in the order of ``order_lines``: ``y`` (0 small, 1 fit,
        2 large, -1 unknown) and ``told`` (False where a line was kept without a word, which counts
        as fit).
    """
    lines = tables["order_lines"]
    frame = pd.DataFrame(
        {
            "order_line_id": lines["order_line_id"],
            "at": to_micros(lines["ordered_at"]),
            "delivered": to_micros(lines["delivered_at"]),
            "hidden": False,
        }
    )
    words = {
        name: tables[name][["order_line_id", said]].assign(at=to_micros(tables[name][moment]))
        for name, moment, said in (
            ("fit_feedback", "given_at", "fit"),
            ("returns", "requested_at", "reason"),
        )
        if name in tables
    }
    known_until = max(
        int(each["at"].max()) for each in (frame, *words.values()) if each["at"].notna().any()
    )
    events = line_events(
        frame,
        words.get("fit_feedback"),
        words.get("returns"),
        window_days=RETURN_WINDOW_DAYS,
        known_until=known_until,
    )
    told = events[events["kind"] == "fit_told"].set_index("order_line_id")["verdict"]
    kept = set(events.loc[events["kind"] == "kept", "order_line_id"])
    ids = pd.Index(lines["order_line_id"], name="order_line_id")
    said = pd.Series(told.map(FIT_CODES).reindex(ids).to_numpy(dtype="float64"), index=ids)
    y = said.where(said.notna() | ~ids.isin(kept), float(FIT_CODES["fit"]))
    return pd.DataFrame({"y": y.fillna(-1).astype("int64"), "told": said.notna()})
