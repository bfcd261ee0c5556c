"""What became of order lines and claims, by the rules that training uses too."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pandas as pd

from data_contracts.errors import BadInputError
from data_contracts.tables import FIT, RETURN_REASON
from features.events import line_events
from features.lines import to_micros
from features.size_fit_space import FIT_CODES, RETURN_WINDOW_DAYS

__all__ = ["abuse_decisions", "check_outcomes", "fit_outcomes", "return_outcomes"]

_KEPT = 0


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
    events = _events(tables, RETURN_WINDOW_DAYS)
    told = events[events["kind"] == "fit_told"].set_index("order_line_id")["verdict"]
    kept = set(events.loc[events["kind"] == "kept", "order_line_id"])
    ids = pd.Index(lines["order_line_id"], name="order_line_id")
    said = pd.Series(told.map(FIT_CODES).reindex(ids).to_numpy(dtype="float64"), index=ids)
    y = said.where(said.notna() | ~ids.isin(kept), float(FIT_CODES["fit"]))
    return pd.DataFrame({"y": y.fillna(-1).astype("int64"), "told": said.notna()})


def check_outcomes(tables: Mapping[str, pd.DataFrame], hold_out: Collection[str] = ()) -> None:
    """Make sure that there is something to learn.

    Parameters
    ----------
    tables
        Contract tables.
    hold_out
        Ids of lines whose outcomes do not count.

    Raises
    ------
    BadInputError
        Of the other lines with a size, none is known to have been small, to have fitted, or to have
        been large.
    """
    lines = tables["order_lines"]
    open_lines = ~lines["order_line_id"].isin(set(hold_out)) & lines["size_label"].notna()
    counts = fit_outcomes(tables)["y"][open_lines.to_numpy()].value_counts()
    missing = [name for code, name in enumerate(FIT) if not counts.get(code, 0)]
    if missing:
        raise BadInputError(
            f"of {int(open_lines.sum()):,} order lines with a size"
            + (f" besides the {len(hold_out):,} held out" if hold_out else "")
            + f" none is known to have been {' or '.join(missing)}. size_fit learns from"
            " fit_feedback, from returns with the reason too_small or too_large, and from"
            " deliveries that were kept"
        )


def return_outcomes(
    tables: Mapping[str, pd.DataFrame],
    window_days: float = RETURN_WINDOW_DAYS,
    slowest_days: float = RETURN_WINDOW_DAYS,
) -> pd.DataFrame:
    """What became of every order line: kept, or returned and why.

    Parameters
    ----------
    tables
        Contract tables.
    window_days
        Days after delivery in which a line comes back if it does. Before they are over a line tells
        nothing yet: only its return could be known.
    slowest_days
        Days a delivery takes at most; a line without a delivery date is settled a window after.

    Returns
    -------
    DataFrame
        By ``order_line_id`` in the order of ``order_lines``: ``y``, 0 kept, from 1 on the place in
        :data:`data_contracts.tables.RETURN_REASON` of its first return's reason, -1 not settled;
        ``mature``, whether it was ordered so long ago that any line would be settled.
    """
    lines, returns = tables["order_lines"], tables.get("returns")
    ids = pd.Index(lines["order_line_id"], name="order_line_id")
    until = lines["ordered_at"].max()
    if returns is not None and len(returns):
        until = max(until, returns["requested_at"].max())
    window = pd.Timedelta(days=window_days)
    mature = lines["ordered_at"] + pd.Timedelta(days=slowest_days) + window <= until
    settled = (lines["delivered_at"] + window <= until) | (lines["delivered_at"].isna() & mature)
    y = pd.Series(_KEPT, index=ids, dtype="int64")
    if returns is not None:
        first = returns.sort_values(["requested_at", "order_line_id"], kind="stable")
        first = first.drop_duplicates("order_line_id")
        place = {reason: 1 + code for code, reason in enumerate(RETURN_REASON)}
        codes = dict(zip(first["order_line_id"], first["reason"].map(place), strict=True))
        y = pd.Series([codes.get(line, _KEPT) for line in ids], index=ids, dtype="int64")
    y = y.where(settled.to_numpy(dtype=bool), -1)
    return pd.DataFrame({"y": y, "mature": mature.to_numpy(dtype=bool)}, index=ids)


def abuse_decisions(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """What persons and banks decided about claims; a model's own decisions are left out.

    Parameters
    ----------
    tables
        Contract tables.

    Returns
    -------
    DataFrame
        Indexed by ``return_id``: ``y`` (0 legitimate, 1 abuse), ``requested_at`` and
        ``decided_at``; empty where nobody decided.
    """
    if "abuse_labels" not in tables or "returns" not in tables:
        moments = pd.Series(dtype="datetime64[us, UTC]")
        empty = {"y": pd.Series(dtype="int64"), "requested_at": moments, "decided_at": moments}
        return pd.DataFrame(empty, index=pd.Index([], name="return_id", dtype="str"))
    labels = tables["abuse_labels"]
    labels = labels[labels["decided_by"].ne("model")][["return_id", "label", "decided_at"]]
    claims = tables["returns"][["return_id", "requested_at"]]
    decided = labels.merge(claims, on="return_id", how="inner").set_index("return_id")
    decided["y"] = decided["label"].eq("abuse").astype("int64")
    return decided[["y", "requested_at", "decided_at"]]


def _events(tables: Mapping[str, pd.DataFrame], window_days: float) -> pd.DataFrame:
    """The event stream of all lines, up to the last moment the tables tell of."""
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
    events: pd.DataFrame = line_events(
        frame,
        words.get("fit_feedback"),
        words.get("returns"),
        window_days=window_days,
        known_until=known_until,
    )
    return events
