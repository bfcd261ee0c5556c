"""Fitting and back-testing `abuse` on contract tables."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from data_contracts.errors import BadInputError
from features.abuse_space import AbuseData, AbuseSpace
from models.abuse import AbuseModel

__all__ = ["backtest_abuse", "fit_abuse", "learn"]

Progress = Callable[[str], None]


def fit_abuse(
    tables: Mapping[str, pd.DataFrame],
    *,
    hold_out: Collection[str] = (),
    params: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> tuple[AbuseSpace, AbuseModel, AbuseData]:
    """Fit feature space and model.

    Parameters
    ----------
    tables
        Contract tables; ``order_lines`` and ``returns`` are needed. Without ``abuse_labels`` the
        score is the anomaly alone.
    hold_out
        Ids of order lines whose outcomes must be in no label and no history.
    params
        Parameters of :class:`models.abuse.AbuseModel`.
    progress
        Called with a word on each step.

    Raises
    ------
    BadInputError
        There is no claim to compare with.
    """
    say = progress or (lambda _: None)
    say("learning what is usual")
    space = AbuseSpace().fit(tables, hold_out)
    say("building features")
    data = space.data(tables, hold_out)
    if not len(data.y):
        raise BadInputError(
            "abuse needs claims to compare with each other, and the table returns has none"
            + (" outside the hold-out" if len(hold_out) else "")
            + "; train it once there are some"
        )
    say("training")
    model = learn(data, params)
    return space, model, data


def learn(data: AbuseData, params: Mapping[str, Any] | None = None) -> AbuseModel:
    """Fit the model on claims: each as it was made and, where it was inspected, as it was found.

    Parameters
    ----------
    data
        As :meth:`features.abuse_space.AbuseSpace.data` gives them.
    params
        Parameters of :class:`models.abuse.AbuseModel`.
    """
    again = np.flatnonzero(data.inspected)
    weight = np.where(data.inspected, 0.5, 1.0)
    return AbuseModel(**dict(params or {})).fit(
        np.concatenate([data.X, data.seen[again]]),
        np.concatenate([data.y, data.y[again]]),
        groups=np.concatenate([data.groups, data.groups[again]]),
        sample_weight=np.concatenate([weight, weight[again]]),
    )


def backtest_abuse(
    tables: Mapping[str, pd.DataFrame],
    hold_out: Sequence[str],
    claims: pd.DataFrame | None = None,
    params: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Score held-out lines.

    Parameters
    ----------
    tables
        Contract tables.
    hold_out
        Ids of order lines whose outcomes are in no label and no history.
    claims
        Contract ``returns`` of held-out lines: those lines get the score of their claim as of
        ``requested_at``, before any inspection; of several claims on a line, the highest. Other
        lines get the score they would have if they were claimed, for no told reason, the shop's
        usual days after delivery.
    params, progress
        As for :func:`fit_abuse`.

    Returns
    -------
    DataFrame
        In the order of `hold_out`: ``order_line_id``, ``abuse_score``.

    Raises
    ------
    ValueError
        A held-out line is in no table.
    """
    say = progress or (lambda _: None)
    known = set(tables["order_lines"]["order_line_id"])
    unknown = [each for each in hold_out if each not in known]
    if unknown:
        raise ValueError(f"{len(unknown)} held-out lines are in no table, such as {unknown[:3]}")
    space, model, _ = fit_abuse(tables, hold_out=hold_out, params=params, progress=progress)
    say("scoring the held-out lines")
    made = None if claims is None else claims[claims["order_line_id"].isin(set(hold_out))]
    told = set() if made is None else set(made["order_line_id"])
    asked = [space.as_if_claimed(tables, [each for each in hold_out if each not in told])]
    if made is not None and len(made):
        asked.append(made)
    scores: dict[str, float] = {}
    for frame in asked:
        if not len(frame):
            continue
        data = space.data(tables, hold_out, frame)
        chance = pd.Series(model.predict_proba(data.X)[:, 1], index=data.order_line_id)
        worst = chance.groupby(level=0).max()
        scores |= {str(line): float(score) for line, score in worst.items()}
    return pd.DataFrame(
        {"order_line_id": list(hold_out), "abuse_score": [scores[each] for each in hold_out]}
    )
