"""Which questions are looked at: those the model did not learn from."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines.folds import known_until
from pipelines.jobs.base import Job, Tables
from pipelines.monitor.population import Population
from pipelines.monitor.subjects import Asked, Subject

__all__ = ["immature", "moment", "part_of", "window"]

Bools = npt.NDArray[np.bool_]

_UNKNOWN_SHARE = 0.2


def window(
    subject: Subject,
    asked: Asked,
    trained: Population | None,
    since: pd.Timestamp | None,
    notes: list[str],
) -> tuple[Bools, pd.Timestamp]:
    """Choose the questions that are looked at: those since the training, unless told otherwise.

    Parameters
    ----------
    subject, asked
        The model, and all questions on record.
    trained
        The fingerprint.
    since
        First moment to look at.
    notes
        What to know of the choice is added.

    Returns
    -------
    rows : ndarray of bool
        Which of `asked`.
    start : Timestamp
        The first moment that is looked at.
    """
    flattered = "the model learned from some of these, which flatters it"
    if since is not None:
        start = since.value // 1000
        if trained is None:
            notes.append(f"where the training ended is not known; perhaps {flattered}")
        elif start <= trained.last:
            ended = moment(trained.last)
            notes.append(f"its training ended on {ended:%Y-%m-%d}, after --since: {flattered}")
    elif trained is not None:
        start = trained.last + 1
    else:
        at = np.sort(asked.at)
        start = int(at[int(len(at) * (1 - _UNKNOWN_SHARE))]) if len(at) else 0
        notes.append(
            f"where the training ended is not known, so the newest {_UNKNOWN_SHARE:.0%} of the"
            f" {subject.what} are looked at, or give --since; perhaps {flattered}"
        )
    rows = asked.at >= start
    if not rows.any():
        last = moment(int(asked.at.max())) if len(asked) else None
        until = f"; the last one is of {last:%Y-%m-%d}" if last is not None else ""
        notes.append(
            f"there are no {subject.what} after {moment(start):%Y-%m-%d %H:%M}{until}: nothing is"
            " judged. Give newer tables, or --since for an earlier start"
        )
    return rows, pd.Timestamp(start, unit="us", tz="UTC")


def immature(job: Job, tables: Tables, new: Asked) -> str:
    """Say why none of these has a matured label."""
    if job.name == "abuse":
        return "no person and no bank has decided on any of these claims yet"
    until = known_until(tables)
    return (
        f"none of the {len(new):,} lines has a matured label yet: the return window of the first is"
        f" open, as the tables end on {until:%Y-%m-%d}; calibration and AUC come later"
    )


def part_of(asked: Asked, rows: Bools) -> Asked:
    """Some of the questions."""
    return Asked(
        names=asked.names,
        X=asked.X[rows],
        y=asked.y[rows],
        at=asked.at[rows],
        ids=asked.ids[rows],
        lines=asked.lines[rows],
        place=asked.place[rows],
        codes=asked.codes,
        data=asked.data,
    )


def moment(micros: int) -> pd.Timestamp:
    """Microseconds since the epoch as a time."""
    return pd.Timestamp(micros, unit="us", tz="UTC")
