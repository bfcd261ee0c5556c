"""Train a model: judge it on rolling folds, fit it on everything, log and register it."""

from __future__ import annotations

import ast
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data_contracts.errors import BadInputError
from pipelines.folds import Fold
from pipelines.golden import keep_golden
from pipelines.jobs.base import Fitted, Job, Judgement, Prepared, Tables
from pipelines.monitor.observe import observe
from pipelines.plots import calibration_plot
from pipelines.tracking import Registry, Version, fingerprint
from pipelines.tune import tune

__all__ = ["Trained", "replayed", "train_model"]


@dataclass(frozen=True)
class Trained:
    """A registered version and the figures of its rolling folds.

    Parameters
    ----------
    version
        Number in the registry.
    metrics
        Over all folds.
    folds
        Of each fold.
    params
        Of the estimator.
    learnt
        Outcomes it learned from.
    unjudged
        Why there is no fold, where there is none.
    notes
        What was learned of the shop beside the model.
    """

    version: int
    metrics: dict[str, float]
    folds: list[dict[str, float]]
    params: dict[str, Any]
    learnt: int
    unjudged: str | None = None
    notes: Sequence[str] = ()


def train_model(
    job: Job,
    tables: Tables,
    registry: Registry,
    *,
    source: str = "",
    trials: int = 0,
    folds: int = 3,
    step: Callable[[str], None] = lambda _: None,
) -> Trained:
    """Train, log and register a version. It serves nobody until it is promoted.

    Parameters
    ----------
    job
        The model.
    tables
        Validated contract tables.
    registry
        Where it goes.
    source
        Where the tables came from, for the record.
    trials
        Settings to try before; 0 takes the defaults.
    folds
        Rolling folds to judge it on.
    step
        Called with the name of each step as it begins.

    Raises
    ------
    BadInputError
        The data tells too little to learn from.
    """
    job.check(tables)
    step("taking the fingerprint of the data")
    data_id = fingerprint(tables)
    cut, unjudged = _folds(job, tables, folds)
    prepared = []
    for number, fold in enumerate(cut, start=1):
        step(f"fold {number} of {len(cut)}: features as known on {fold.start:%Y-%m-%d}")
        prepared.append(job.prepare(fold))
    params = job.usual_settings(tables)
    if trials and prepared:
        params = _tuned(job, registry, prepared, data_id, trials, params, step)
    settings = job.settings(params)
    step(f"judging on {len(cut)} rolling folds")
    judged = list(job.judge(prepared, params))
    steps = [each.metrics for each in judged]
    metrics = job.pooled(steps)
    tags = {"data_fingerprint": data_id, "folds": f"{data_id}/{len(cut)}", "source": source}
    champion = registry.champion(job.name)
    if champion is not None and champion.tags.get("folds") != tags["folds"]:
        step("judging the champion's settings on the same folds")
        tags["champion_then"] = str(champion.number)
        theirs = replayed(job, champion, settings, prepared, metrics)
        metrics |= {f"champion_{name}": value for name, value in theirs.items()}
    step("training on all orders")
    fitted = job.fit(tables, params)
    step("logging to MLflow")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "model"
        folder.mkdir()
        fitted.save(folder)
        population = observe(job, tables, fitted, judged)
        if population is not None:
            population.save(folder)
        keep_golden(job, folder, tables)
        version = registry.register(
            job.name,
            folder,
            params=settings | {"folds": len(cut), "trials": trials},
            metrics=metrics | {"trained_on": float(fitted.learnt)},
            steps=steps,
            tags=tags,
            features=job.features,
            outputs=job.outputs,
            figures=_figures(job, judged, fitted),
        )
    return Trained(version, metrics, steps, settings, fitted.learnt, unjudged, fitted.notes())


def _folds(job: Job, tables: Tables, folds: int) -> tuple[list[Fold], str | None]:
    """The rolling folds, or why there are none where the model may do without."""
    try:
        return job.folds(tables, folds), None
    except BadInputError as error:
        if not job.may_be_unjudged:
            raise
        return [], str(error)


def _tuned(
    job: Job,
    registry: Registry,
    folds: Sequence[Prepared],
    data_id: str,
    trials: int,
    first: Mapping[str, Any],
    step: Callable[[str], None],
) -> dict[str, Any]:
    step(f"tuning: {trials} trials")
    return tune(
        job,
        folds,
        trials=trials,
        first=first,
        storage=registry.study_url,
        study_name=f"{job.name}-{data_id[:12]}-{len(folds)}",
        done=lambda study: step(_trial(study)),
    )


def _trial(study: Any) -> str:
    last = study.trials[-1]
    best = min((t.value for t in study.trials if t.value is not None), default=float("nan"))
    return f"trial {last.number + 1} {last.state.name.lower()}, best log loss {best:.4f}"


def replayed(
    job: Job,
    champion: Version,
    settings: Mapping[str, Any],
    folds: Sequence[Prepared],
    metrics: dict[str, float],
) -> dict[str, float]:
    """What the champion's settings reach on these folds; the same settings reach the same.

    Parameters
    ----------
    job
        The model.
    champion
        With the record of its run.
    settings, metrics
        The challenger's, and what it reached.
    folds
        As `job.prepare` made them.
    """
    known = {k: _value(v) for k, v in champion.params.items() if k in settings}
    differ = [k for k, v in known.items() if v != settings[k] and k not in job.not_judged]
    theirs = metrics
    if differ:
        theirs = job.pooled([each.metrics for each in job.judge(folds, known)])
    return {name: theirs[name] for name in job.main if name in theirs}


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _figures(job: Job, judged: Sequence[Judgement], fitted: Fitted) -> dict[str, Any]:
    if not judged:
        return fitted.figures()
    y = np.concatenate([each.y for each in judged])
    probability = np.concatenate([each.probability for each in judged])
    calibration = calibration_plot(job.calibration(y, probability))
    return {"calibration.png": calibration, **fitted.figures()}
