"""Rolling time folds: the model is judged on later orders than any it learned from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import pandas as pd

from data_contracts.errors import BadInputError
from features.size_fit_space import RETURN_WINDOW_DAYS
from pipelines.outcomes import check_outcomes, fit_outcomes

__all__ = ["Fold", "rolling_folds"]

_MIN_LINES = 30
_WINDOW = pd.Timedelta(days=RETURN_WINDOW_DAYS)
_KNOWN_AT = {
    "order_lines": "ordered_at",
    "fit_feedback": "given_at",
    "returns": "requested_at",
    "abuse_labels": "decided_at",
}


@dataclass(frozen=True)
class Fold:
    """A stretch of time that is judged, and the shop as it was known when it began.

    Parameters
    ----------
    start, end
        Lines ordered in ``[start, end)`` are judged.
    tables
        The shop as it was known at ``start``, of outcomes the settled ones: what is learned from.
    live
        The shop as it was known at ``end``, for the histories: the vector of a judged line holds
        what was known when it was ordered, as it does in the service.
    outcomes
        What became of the judged lines: ``y``, ``told`` by ``order_line_id``; known ones only.
    """

    start: pd.Timestamp
    end: pd.Timestamp
    tables: dict[str, pd.DataFrame] = field(repr=False)
    live: dict[str, pd.DataFrame] = field(repr=False)
    outcomes: pd.DataFrame = field(repr=False)


def rolling_folds(
    tables: Mapping[str, pd.DataFrame], *, folds: int = 3, share: float = 0.1
) -> list[Fold]:
    """Cut the last orders into folds of equal numbers of known outcomes.

    Parameters
    ----------
    tables
        Contract tables.
    folds
        How many, the latest last. Each learns from everything before it.
    share
        Share of the known outcomes in each.

    Raises
    ------
    BadInputError
        Too few outcomes, or too few moments, to cut.
    """
    ordered = tables["order_lines"].set_index("order_line_id")["ordered_at"]
    outcomes = fit_outcomes(tables)
    lines = tables["order_lines"]
    settled = _settled(
        lines, max(tables[t][at].max() for t, at in _KNOWN_AT.items() if t in tables)
    )
    usable = settled & lines["size_label"].notna()
    known = outcomes[(outcomes["y"] >= 0) & usable.to_numpy()]
    if len(known) * share < _MIN_LINES:
        raise BadInputError(
            f"{len(known):,} order lines with a size and an outcome are too few for {folds} rolling"
            f" folds of {share:.0%}; there must be at least {_MIN_LINES / share:,.0f}"
        )
    moments = ordered.loc[known.index].sort_values()
    at = [moments.iloc[int(len(moments) * (1 - share * k))] for k in range(folds, 0, -1)]
    at.append(moments.iloc[-1] + pd.Timedelta(microseconds=1))
    cut = []
    for start, end in pairwise(at):
        judged = moments[(moments >= start) & (moments < end)]
        if judged.empty or not (moments < start).any():
            raise BadInputError(
                f"the orders stand at too few different moments for {folds} rolling folds"
                f" (from {moments.iloc[0]} to {moments.iloc[-1]})"
            )
        past = _settled_tables(tables, start)
        check_outcomes(past)
        live = _as_known(tables, end)
        cut.append(Fold(start, end, past, live, known.loc[judged.index]))
    return cut


def _as_known(tables: Mapping[str, pd.DataFrame], moment: pd.Timestamp) -> dict[str, pd.DataFrame]:
    """The shop as known at a moment."""
    known = dict(tables)
    for name, column in _KNOWN_AT.items():
        if name in known:
            rows = known[name]
            known[name] = rows[rows[column] < moment].reset_index(drop=True)
            if known[name].empty:
                del known[name]
    return known


def _settled_tables(
    tables: Mapping[str, pd.DataFrame], moment: pd.Timestamp
) -> dict[str, pd.DataFrame]:
    """The shop as known at a moment, without outcomes of lines that are not settled by then."""
    known = _as_known(tables, moment)
    lines = known["order_lines"]
    open_yet = ~_settled(lines, moment)
    known["order_lines"] = lines.assign(delivered_at=lines["delivered_at"].mask(open_yet))
    ids = set(lines.loc[open_yet, "order_line_id"])
    for name in ("fit_feedback", "returns"):
        if name in known:
            rows = known[name]
            known[name] = rows[~rows["order_line_id"].isin(ids)].reset_index(drop=True)
            if known[name].empty:
                del known[name]
    return known


def _settled(lines: pd.DataFrame, moment: pd.Timestamp) -> pd.Series:
    """Lines whose outcome is known by then whichever it is.

    Complaints are quick and silence takes the whole return window: among lines whose window is
    still open the known outcomes are mostly complaints, and a model that learns from them, or is
    judged by them, expects too many. A line without a delivery date can only be told of.
    """
    return lines["delivered_at"].isna() | (lines["delivered_at"] + _WINDOW < moment)
