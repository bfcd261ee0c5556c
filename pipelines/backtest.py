"""Back-test `size_fit`: train without the outcomes of held-out lines, then predict each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from pipelines.fit_size import backtest_size_fit
from pipelines.metrics import advice_metrics, fit_metrics
from pipelines.outcomes import check_outcomes, fit_outcomes
from pipelines.settings_by_size import usual_settings

__all__ = ["Moment", "predict", "score"]

Moment = Literal["checkout", "delivered"]


def predict(
    tables: Mapping[str, pd.DataFrame], hold_out: Sequence[str], moment: Moment = "checkout"
) -> pd.DataFrame:
    """Predict the held-out lines by a model that saw none of their outcomes.

    Parameters
    ----------
    tables
        Validated contract tables.
    hold_out
        Ids of the lines.
    moment
        Size advice is asked at checkout and reads no delivery fact, so both moments give the same.

    Returns
    -------
    DataFrame
        ``order_line_id, p_small, p_fit, p_large, status, recommended, size_set``, in the order
        of `hold_out`.

    Raises
    ------
    BadInputError
        Nothing is left to learn from.
    """
    del moment
    check_outcomes(tables, hold_out)
    return backtest_size_fit(tables, hold_out, usual_settings(tables))


def score(
    tables: Mapping[str, pd.DataFrame], predicted: pd.DataFrame
) -> dict[str, dict[str, float]]:
    """Judge predictions where the data tells what became of the line.

    Returns
    -------
    dict of str to dict
        Metrics of ``known`` outcomes, and of ``told`` ones (somebody said how it fitted) where
        others were merely kept; empty where no outcome is known.
    """
    ids = predicted["order_line_id"]
    outcomes = fit_outcomes(tables).reindex(ids)
    lines = tables["order_lines"].set_index("order_line_id")["size_label"].reindex(ids)
    p = predicted[["p_small", "p_fit", "p_large"]].to_numpy(dtype="float64")
    y = outcomes["y"].to_numpy(dtype=np.int64)
    known = (y >= 0) & np.isfinite(p).all(axis=1)
    told = known & outcomes["told"].to_numpy(dtype=bool)
    populations = {"known": known} | ({"told": told} if told.sum() < known.sum() else {})
    return {
        name: fit_metrics(y[rows], p[rows]) | advice_metrics(predicted[rows], lines[rows], y[rows])
        for name, rows in populations.items()
        if rows.any()
    }
