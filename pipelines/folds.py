"""Rolling time folds: the model is judged on later orders than any it learned from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from data_contracts.errors import BadInputError
from pipelines.outcomes import fit_outcomes

__all__ = ["Fold", "rolling_folds"]

_MIN_LINES = 30
_WINDOW = pd.Timedelta(days=30)
_TELLINGS = {
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
        Contract tables with the orders before ``end`` and the outcomes told before ``start``:
        neither label nor history holds anything learned in the fold, of its lines or of others.
    outcomes
        What became of the judged lines: ``y``, ``told`` by ``order_line_id``; known ones only.
    """

    start: pd.Timestamp
    end: pd.Timestamp
    tables: dict[str, pd.DataFrame] = field(repr=False)
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
    known = outcomes[outcomes["y"] >= 0]
    sized = tables["order_lines"].set_index("order_line_id")["size_label"].notna()
    known = known[sized.loc[known.index].to_numpy()]
    if len(known) * share < _MIN_LINES:
        raise BadInputError(
            f"{len(known):,} order lines with a size and an outcome are too few for {folds} rolling"
            f" folds of {share:.0%}; there must be at least {_MIN_LINES / share:,.0f}"
        )
    moments = ordered.loc[known.index].sort_values()
    at = [moments.iloc[int(len(moments) * (1 - share * k))] for k in range(folds, 0, -1)]
    at.append(moments.iloc[-1] + pd.Timedelta(microseconds=1))
    cut = []
    for start, end in zip(at, at[1:], strict=False):
        judged = moments[(moments >= start) & (moments < end)]
        if judged.empty or not (moments < start).any():
            raise BadInputError(
                f"the orders stand at too few different moments for {folds} rolling folds"
                f" (from {moments.iloc[0]} to {moments.iloc[-1]})"
            )
        fold = Fold(start, end, _as_known(tables, start, end), known.loc[judged.index])
        cut.append(fold)
    return cut


def _as_known(
    tables: Mapping[str, pd.DataFrame], start: pd.Timestamp, end: pd.Timestamp
) -> dict[str, pd.DataFrame]:
    """The shop as known at ``start``, and the orders up to ``end``, of which nothing is told."""
    lines = tables["order_lines"]
    lines = lines[lines["ordered_at"] < end].reset_index(drop=True)
    # That a line was kept is known once its window has closed: a delivery whose window was still
    # open at the start must not become a kept line, for its return may be yet to come.
    open_yet = ~(lines["delivered_at"] + _WINDOW < start)
    lines["delivered_at"] = lines["delivered_at"].mask(open_yet)
    known = {**tables, "order_lines": lines}
    for name, moment in _TELLINGS.items():
        if name in known:
            rows = known[name]
            rows = rows[rows[moment] < start].reset_index(drop=True)
            if rows.empty:
                del known[name]
            else:
                known[name] = rows
    return known
