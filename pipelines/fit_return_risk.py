"""Fitting and back-testing `return_risk` on contract tables."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd

from data_contracts.errors import BadInputError
from data_contracts.tables import RETURN_REASON
from features.return_risk_space import Moment, ReturnRiskData, ReturnRiskSpace
from models.return_risk import ReturnRisk
from pipelines.jobs.base import Fitted

__all__ = ["FittedReturnRisk", "backtest_return_risk", "fit_return_risk", "learn"]

Progress = Callable[[str], None]
_MOMENTS: tuple[Moment, ...] = get_args(Moment)


@dataclass(frozen=True)
class FittedReturnRisk(Fitted):
    """Feature space, a model for each moment, and the lines as of the checkout."""

    space: ReturnRiskSpace
    models: Mapping[Moment, ReturnRisk]
    lines: int = field(default=0)
    data: ReturnRiskData | None = field(default=None, repr=False)

    @property
    def learnt(self) -> int:
        """Number of outcomes it learned from."""
        return self.lines

    def save(self, folder: Path) -> None:
        """Write ``space.json`` and a folder for each moment."""
        self.space.save(folder)
        for moment, model in self.models.items():
            model.save(folder / moment)


def learn(
    data: ReturnRiskData, params: Mapping[str, Any] | None = None, moment: Moment = "checkout"
) -> ReturnRisk:
    """Train on the lines whose outcome is settled.

    Parameters
    ----------
    data
        As :meth:`features.return_risk_space.ReturnRiskSpace.data` gives it for this moment.
    params
        Parameters of :class:`models.return_risk.ReturnRisk`.
    moment
        Which columns the data has.

    Raises
    ------
    BadInputError
        Nothing is known to have come back, or nothing to have been kept.
    """
    known = np.flatnonzero(data.y >= 0)
    back = int((data.y[known] > 0).sum())
    if not 0 < back < len(known):
        raise BadInputError(
            "return_risk needs lines that came back and lines that were kept; of"
            f" {len(known):,} settled lines {back:,} came back. Check returns and"
            " order_lines.delivered_at"
        )
    facts = data.facts.iloc[known]
    return ReturnRisk(**{**(params or {}), "moment": moment}).fit(
        data.X[known],
        data.y[known],
        groups=facts["order_id"].to_numpy(dtype=object),
        mature=data.mature[known],
        product=facts["product_id"].to_numpy(dtype=object),
        customer=facts["customer_id"].to_numpy(dtype=object),
    )


def fit_return_risk(
    tables: Mapping[str, pd.DataFrame],
    *,
    hold_out: Collection[str] = (),
    params: Mapping[str, Any] | None = None,
    moments: Sequence[Moment] = _MOMENTS,
    progress: Progress | None = None,
) -> FittedReturnRisk:
    """Fit the feature space, and a model for each moment.

    Parameters
    ----------
    tables
        Contract tables.
    hold_out
        Ids of order lines whose outcomes must be in no label and no history.
    params
        Parameters of :class:`models.return_risk.ReturnRisk`.
    moments
        ``checkout``, ``delivered``.
    progress
        Called with a word on each step.

    Raises
    ------
    BadInputError
        Nothing is known to have come back, or nothing to have been kept.
    """
    say = progress or (lambda _: None)
    say("learning what the shop sells and how it comes back")
    space = ReturnRiskSpace().fit(tables, hold_out)
    say("building features")
    models = {}
    lines = 0
    found = space.moments(tables, moments, hold_out)
    for moment, data in found.items():
        say(f"training for the {moment}")
        models[moment] = learn(data, params, moment)
        lines = int((data.y >= 0).sum())
    return FittedReturnRisk(space, models, lines, found.get("checkout"))


def backtest_return_risk(
    tables: Mapping[str, pd.DataFrame],
    hold_out: Sequence[str],
    moment: Moment = "checkout",
    params: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Predict held-out lines as of the order, or of the delivery with its facts.

    Returns
    -------
    DataFrame
        In the order of `hold_out`: ``order_line_id``, ``p_return``, and ``p_reason_*`` for each
        reason of the contract; they sum to ``p_return``.
    """
    space = ReturnRiskSpace().fit(tables, hold_out)
    data = space.data(tables, hold_out, moment)
    model = learn(data, params, moment)
    rows = pd.Series(np.arange(len(data.ids)), index=data.ids).reindex(list(hold_out))
    if rows.isna().any():
        unknown = rows.index[rows.isna()].tolist()
        raise ValueError(f"{len(unknown)} held-out lines are in no table, such as {unknown[:3]}")
    held = rows.to_numpy(dtype=np.int64)
    chances = model.predict_proba(data.X[held])
    out = pd.DataFrame({"order_line_id": data.ids[held], "p_return": 1.0 - chances[:, 0]})
    out[[f"p_reason_{reason}" for reason in RETURN_REASON]] = chances[:, 1:]
    return out
