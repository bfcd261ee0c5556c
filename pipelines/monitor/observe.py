"""Taking the fingerprint of a model that was just trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines.jobs.base import Fitted, Job, Judgement, Tables
from pipelines.monitor.advice import Advised, advised
from pipelines.monitor.bins import FEWEST_ROWS, Bins
from pipelines.monitor.figures import Figures, figures, share_of
from pipelines.monitor.groups import Groups, groups_of
from pipelines.monitor.honesty import honest_heavy, shares_above
from pipelines.monitor.population import FeaturePrint, GroupAdvice, Population
from pipelines.monitor.stability import stability
from pipelines.monitor.subjects import SUBJECTS, Asked, Opened

__all__ = ["advice_by_group", "drawn", "judged_groups", "observe", "quarters", "statuses"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Key = tuple[str, str]

_NEWEST, _FEWEST = 0.25, 500
_ADVISED = 3_000
_BLOCKS = 4


def observe(
    job: Job, tables: Tables, fitted: Fitted, judged: Sequence[Judgement]
) -> Population | None:
    """Take the fingerprint of a model that was just trained.

    Parameters
    ----------
    job
        The model's.
    tables
        What it was trained on.
    fitted
        The model.
    judged
        What models of its settings made of the rolling folds.

    Returns
    -------
    Population
        None for a model that is not watched, or one that keeps nothing of what it learned from.
    """
    data = getattr(fitted, "data", None)
    if job.name not in SUBJECTS or data is None:
        return None
    subject = SUBJECTS[job.name]
    opened = Opened(fitted.space, getattr(fitted, "model", None))  # type: ignore[attr-defined]
    asked = subject.asked(opened.space, data)
    if not len(asked):
        return None
    groups = groups_of(tables, asked.lines)
    newest, before = quarters(asked.at)
    extra: dict[str, Any] = {}
    if job.name == "size_fit":
        rows = drawn(newest, _ADVISED)
        given = advised(opened, asked, rows)
        extra = {
            "advice": advice_by_group(given, groups.take(rows)),
            "statuses": statuses(given),
            "coverage": float(opened.model.coverage),
        }
    elif job.name == "abuse":
        score = subject.predict(opened, asked.X)[:, 1]
        honest = honest_heavy(asked.data.groups, asked.y)
        extra = {"scores": {"all": shares_above(score[newest])}}
        if honest.decided and honest.heavy.sum() >= FEWEST_ROWS:
            extra["scores"]["honest_heavy"] = shares_above(score[honest.heavy])
    return Population(
        model=job.name,
        first=int(asked.at.min()),
        last=int(asked.at.max()),
        rows=len(newest),
        customers=len(np.unique(groups.customer[newest])),
        features=_features(asked, groups, newest, before),
        figures=_out_of_fold(job, tables, judged),
        **extra,
    )


def judged_groups(
    job: Job, groups: Groups, y: Ints, probability: Floats
) -> dict[str, dict[Key, Figures]]:
    """Figures of every target in every group of lines with a known outcome.

    Parameters
    ----------
    job
        Says what is predicted.
    groups
        Of the lines.
    y
        What became of them.
    probability
        What was predicted.
    """
    found: dict[str, dict[Key, Figures]] = {}
    if not len(y):
        return found
    for target, (hit, chance) in job.calibration(y, probability).items():
        found[target] = {
            key: figures(np.asarray(hit)[rows], np.asarray(chance)[rows], groups.customer[rows])
            for key, rows in groups.each()
            if rows.any()
        }
    return found


def advice_by_group(given: Advised, groups: Groups) -> dict[Key, GroupAdvice]:
    """Shares of advice in every group."""
    found = {}
    for key, rows in groups.each():
        if rows.sum() < FEWEST_ROWS:
            continue
        fitted = rows & given.fitted
        found[key] = GroupAdvice(
            lines=int(rows.sum()),
            advised=share_of(given.recommended[rows], groups.customer[rows]),
            fitted=int(fitted.sum()),
            covered=share_of(given.covered[fitted], groups.customer[fitted])
            if fitted.any()
            else None,
        )
    return found


def statuses(given: Advised) -> dict[str, float]:
    """Share of each status, most usual first."""
    shares = pd.Series(given.status).value_counts(normalize=True)
    return {str(name): round(float(share), 6) for name, share in shares.items()}


def quarters(at: Ints) -> tuple[Ints, Ints]:
    """Places of the newest quarter of the questions, and of the quarter before it."""
    order = np.argsort(at, kind="stable")
    size = min(len(order), max(int(len(order) * _NEWEST), _FEWEST))
    return np.sort(order[-size:]), np.sort(order[-2 * size : -size])


def drawn(rows: Ints, most: int) -> Ints:
    """No more than so many of these, by lot."""
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng(0).choice(rows, most, replace=False))


def _features(asked: Asked, groups: Groups, newest: Ints, before: Ints) -> dict[str, FeaturePrint]:
    order = newest[np.argsort(asked.at[newest], kind="stable")]
    blocks = [block for block in np.array_split(order, _BLOCKS) if len(block) >= FEWEST_ROWS]
    customers = [_customers(groups, block) for block in blocks]
    whole, earlier = _customers(groups, newest), _customers(groups, before)
    found = {}
    for column, name in enumerate(asked.names):
        x = asked.X[:, column]
        bins = Bins.of(x[newest], asked.codes.get(name))
        counts = bins.count(x[newest])
        usual = 0.0
        if len(before) >= FEWEST_ROWS:
            usual = stability(bins.count(x[before]), counts, earlier, whole).excess
        if len(blocks) == _BLOCKS:
            parts = [bins.count(x[block]) for block in blocks]
            apart = [
                stability(counts - part, part, whole, theirs).excess
                for part, theirs in zip(parts, customers, strict=True)
            ]
            usual = max(usual, float(np.mean(apart)))
        found[name] = FeaturePrint(bins, counts, round(usual, 6))
    return found


def _customers(groups: Groups, rows: Ints) -> float:
    return float(len(np.unique(groups.customer[rows])))


def _out_of_fold(
    job: Job, tables: Tables, judged: Sequence[Judgement]
) -> dict[str, dict[Key, Figures]]:
    told = [each for each in judged if len(each.ids)]
    if not told:
        return {}
    ids = np.concatenate([each.ids for each in told])
    y = np.concatenate([each.y for each in told])
    probability = np.concatenate([each.probability for each in told])
    lines = pd.Series(ids)
    if job.name == "abuse":
        lines = lines.map(tables["returns"].set_index("return_id")["order_line_id"])
    found = judged_groups(job, groups_of(tables, lines.tolist()), y, probability)
    return {
        target: {
            key: each
            for key, each in groups.items()
            if min(each.lines, each.customers) >= FEWEST_ROWS
        }
        for target, groups in found.items()
    }
