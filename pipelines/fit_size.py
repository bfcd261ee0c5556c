"""Train `size_fit` on contract tables, and back-test it on lines whose outcomes are taken away."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from data_contracts.errors import BadInputError
from features.size_fit_space import SizeFitData, SizeFitSpace
from models.size_fit import SizeFit

__all__ = ["CALIBRATION_LINES", "CALIBRATION_SHARE", "backtest_size_fit", "fit_size_fit"]

Progress = Callable[[str], None]
CALIBRATION_SHARE = 0.15
"""Of the settled lines with a size, the newest: size sets are set on all sizes of these."""
CALIBRATION_LINES = 12_000
"""No more than so many, by lot."""


def fit_size_fit(
    tables: Mapping[str, pd.DataFrame],
    *,
    hold_out: Collection[str] = (),
    params: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> tuple[SizeFitSpace, SizeFit, SizeFitData]:
    """Fit feature space and model.

    Parameters
    ----------
    tables
        Contract tables.
    hold_out
        Ids of order lines whose outcomes must be in no label and no history.
    params
        Parameters of :class:`models.size_fit.SizeFit`.
    progress
        Called with a word on each step.

    Raises
    ------
    BadInputError
        No sized line of the tables has a settled outcome of each kind.
    """
    say = progress or (lambda _: None)
    say("learning sizes and bodies, building features")
    space = SizeFitSpace()
    data = space.fit_data(tables, hold_out)
    known = np.flatnonzero((data.y >= 0) & data.sized)
    found = sorted({int(code) for code in np.unique(data.y[known])})
    if found != [0, 1, 2]:
        raise BadInputError(
            "size_fit needs lines that were too small, lines that fitted and lines that were too "
            f"large; {len(known):,} lines whose size is in product_sizes have a settled outcome, "
            f"of the kinds {found} (0 small, 1 fit, 2 large). Check fit_feedback.fit and "
            "returns.reason, and that order_lines.size_label is spelt as in product_sizes"
        )
    say("placing the sizes of the newest lines")
    newest = known[np.argsort(data.at[known], kind="stable")]
    newest = newest[-max(int(len(newest) * CALIBRATION_SHARE), 1) :]
    if len(newest) > CALIBRATION_LINES:
        newest = np.sort(np.random.default_rng(0).choice(newest, CALIBRATION_LINES, replace=False))
    candidates = data.candidates(newest)
    row_of = np.full(len(data.y), -1)
    row_of[known] = np.arange(len(known))
    candidates = replace(candidates, line=row_of[candidates.line])
    say("training")
    model = SizeFit(**dict(params or {})).fit(
        data.X[known],
        data.y[known],
        told=data.told[known],
        at=data.at[known],
        candidates=candidates,
    )
    return space, model, data


def backtest_size_fit(
    tables: Mapping[str, pd.DataFrame],
    hold_out: Sequence[str],
    params: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Predict held-out lines as of the moment each was ordered.

    Returns
    -------
    DataFrame
        In the order of `hold_out`: ``order_line_id``; ``p_small``, ``p_fit``, ``p_large`` of the
        size that was ordered; ``status``, ``recommended`` and ``size_set`` of the advice that would
        have been given over the product's sizes; ``likeliest``, the size most likely to fit, told
        even where the advice is silent. Goods without sizes are ``not_sized``; they and
        lines whose label is none of the product's sizes have no probabilities.
    """
    say = progress or (lambda _: None)
    _, model, data = fit_size_fit(tables, hold_out=hold_out, params=params, progress=progress)
    say("predicting the held-out lines")
    rows = pd.Series(np.arange(len(data.ids)), index=data.ids).reindex(list(hold_out))
    if rows.isna().any():
        unknown = rows.index[rows.isna()].tolist()
        raise ValueError(f"{len(unknown)} held-out lines are in no table, such as {unknown[:3]}")
    held = rows.to_numpy(dtype=np.int64)
    out = pd.DataFrame({"order_line_id": data.ids[held]})
    sized = data.sized[held]
    chances = np.full((len(held), 3), np.nan)
    if sized.any():
        chances[sized] = model.predict_proba(data.X[held[sized]])
    out[["p_small", "p_fit", "p_large"]] = chances
    say("advising on the held-out lines")
    advice = {each.line: each for each in model.advise(data.candidates(np.unique(held)))}
    given = [advice.get(int(line)) for line in held]
    out["status"] = ["not_sized" if each is None else each.status for each in given]
    out["recommended"] = [None if each is None else each.recommended for each in given]
    out["likeliest"] = [None if each is None else each.likeliest for each in given]
    out["size_set"] = [[] if each is None else list(each.size_set) for each in given]
    return out
