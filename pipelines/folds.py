"""Rolling time folds: a model is judged on later moments than any it learned from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import pandas as pd

from data_contracts.errors import BadInputError
from features.size_fit_space import RETURN_WINDOW_DAYS

__all__ = ["Fold", "known_until", "rolling_folds", "settled_lines"]

MIN_OUTCOMES = 30
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
        What was asked in ``[start, end)`` is judged.
    tables
        The shop as it was known at ``start``, of outcomes the settled ones: what is learned from.
    live
        The shop as it was known at ``end``, for the histories: a judged vector holds what was known
        when it was asked for, as it does in the service.
    outcomes
        What became of the judged: the job's columns by id; known ones only.
    """

    start: pd.Timestamp
    end: pd.Timestamp
    tables: dict[str, pd.DataFrame] = field(repr=False)
    live: dict[str, pd.DataFrame] = field(repr=False)
    outcomes: pd.DataFrame = field(repr=False)


def rolling_folds(
    tables: Mapping[str, pd.DataFrame],
    known: pd.DataFrame,
    asked: pd.Series,
    *,
    folds: int = 3,
    share: float = 0.1,
    fewest: int = MIN_OUTCOMES,
    what: str = "order lines with an outcome",
    window_days: float | None = RETURN_WINDOW_DAYS,
) -> list[Fold]:
    """Cut the last questions into folds of equal numbers of known outcomes.

    Parameters
    ----------
    tables
        Contract tables.
    known
        Outcomes that are known and can be judged, by id.
    asked
        Moment each was asked about, by id.
    folds
        How many, the latest last. Each learns from everything before it.
    share
        Share of the known outcomes in each.
    fewest
        Least number of outcomes in each.
    what
        What `known` are, in words.
    window_days
        Days after delivery in which a line is open: what became of it by then is left out of what
        is learned, as only complaints are quick. None leaves all that was known, for a model that
        tells by itself which lines are settled; deliveries yet to come are blank.

    Raises
    ------
    BadInputError
        Too few outcomes, or too few moments, to cut.
    """
    if len(known) * share < fewest:
        raise BadInputError(
            f"{len(known):,} {what} are too few for {folds} rolling folds of {share:.0%}; there"
            f" must be at least {fewest / share:,.0f}"
        )
    moments = asked.loc[known.index].sort_values()
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
        past, live = _as_known(tables, start), _as_known(tables, end)
        if window_days is not None:
            past = _settled_tables(past, start, window_days)
        else:
            past, live = _undelivered(past, start), _undelivered(live, end)
        cut.append(Fold(start, end, past, live, known.loc[judged.index]))
    return cut


def known_until(tables: Mapping[str, pd.DataFrame]) -> pd.Timestamp:
    """The last moment the tables tell of."""
    moment: pd.Timestamp = max(tables[t][at].max() for t, at in _KNOWN_AT.items() if t in tables)
    return moment


def settled_lines(
    lines: pd.DataFrame, moment: pd.Timestamp, window_days: float = RETURN_WINDOW_DAYS
) -> pd.Series:
    """Lines whose outcome is known by then whichever it is.

    Complaints are quick and silence takes the whole return window: among lines whose window is
    still open the known outcomes are mostly complaints, and a model that learns from them, or is
    judged by them, expects too many. A line without a delivery date can only be told of.
    """
    window = pd.Timedelta(days=window_days)
    return lines["delivered_at"].isna() | (lines["delivered_at"] + window < moment)


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


def _undelivered(known: dict[str, pd.DataFrame], moment: pd.Timestamp) -> dict[str, pd.DataFrame]:
    """The shop as known at a moment, without the dates of what had not arrived by then."""
    lines = known["order_lines"]
    blank = {
        name: lines[name].mask(lines[name] >= moment)
        for name in ("shipped_at", "delivered_at")
        if name in lines
    }
    return {**known, "order_lines": lines.assign(**blank)}


def _settled_tables(
    known: dict[str, pd.DataFrame], moment: pd.Timestamp, window_days: float
) -> dict[str, pd.DataFrame]:
    """The shop as known at a moment, without outcomes of lines that are not settled by then."""
    lines = known["order_lines"]
    open_yet = ~settled_lines(lines, moment, window_days)
    known["order_lines"] = lines.assign(delivered_at=lines["delivered_at"].mask(open_yet))
    ids = set(lines.loc[open_yet, "order_line_id"])
    for name in ("fit_feedback", "returns"):
        if name in known:
            rows = known[name]
            known[name] = rows[~rows["order_line_id"].isin(ids)].reset_index(drop=True)
            if known[name].empty:
                del known[name]
    return known
