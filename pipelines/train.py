"""Train `size_fit`: judge it on rolling folds, fit it on everything, log and register it."""

from __future__ import annotations

import ast
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.size_fit import VECTOR
from models.size_fit import SizeFit
from pipelines.fit_size import fit_size_fit
from pipelines.folds import rolling_folds
from pipelines.judge import Judgement, PreparedFold, judge, prepare
from pipelines.metrics import mean_of
from pipelines.outcomes import check_outcomes
from pipelines.plots import calibration_plot, size_curve_plot
from pipelines.settings_by_size import usual_settings
from pipelines.tracking import Registry, Version, fingerprint
from pipelines.tune import tune

__all__ = ["SIZE_FIT", "Trained", "train_size_fit"]

SIZE_FIT = "size_fit"
"""Name of the model in the registry."""

_CURVE_LINES = 500
_NOT_JUDGED = frozenset({"num_threads", "members"})


@dataclass(frozen=True)
class Trained:
    """A registered version and the figures of its rolling folds."""

    version: int
    metrics: dict[str, float]
    folds: list[dict[str, float]]
    params: dict[str, Any]
    lines: int


def train_size_fit(
    tables: Mapping[str, pd.DataFrame],
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
    check_outcomes(tables)
    step("taking the fingerprint of the data")
    data_id = fingerprint(tables)
    cut = rolling_folds(tables, folds=folds)
    prepared = []
    for number, fold in enumerate(cut, start=1):
        step(f"fold {number} of {folds}: features as known on {fold.start:%Y-%m-%d}")
        prepared.append(prepare(fold))
    params = usual_settings(tables)
    if trials:
        params = _tuned(registry, prepared, data_id, trials, params, step)
    settings = SizeFit(**params).get_params()
    step(f"judging on {folds} rolling folds")
    judged = list(judge(prepared, params))
    steps = [each.metrics for each in judged]
    metrics = mean_of(steps)
    tags = {"data_fingerprint": data_id, "folds": f"{data_id}/{folds}", "source": source}
    champion = registry.champion(SIZE_FIT)
    if champion is not None and champion.tags.get("folds") != tags["folds"]:
        step("judging the champion's settings on the same folds")
        tags["champion_then"] = str(champion.number)
        theirs = _replay(champion, settings, prepared, metrics)
        metrics |= {f"champion_{name}": value for name, value in theirs.items()}
    step("training on all orders")
    space, model, data = fit_size_fit(tables, params=params)
    learnt = int((data.sized & (data.y >= 0)).sum())
    step("logging to MLflow")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "model"
        folder.mkdir()
        model.save(folder)
        space.save(folder)
        version = registry.register(
            SIZE_FIT,
            folder,
            params=settings | {"folds": folds, "trials": trials},
            metrics=metrics | {"trained_on": float(learnt)},
            steps=steps,
            tags=tags,
            features=VECTOR,
            figures=_figures(judged, model, data),
        )
    return Trained(version, metrics, steps, settings, learnt)


def _tuned(
    registry: Registry,
    folds: Sequence[PreparedFold],
    data_id: str,
    trials: int,
    first: Mapping[str, Any],
    step: Callable[[str], None],
) -> dict[str, Any]:
    step(f"tuning: {trials} trials")
    return tune(
        folds,
        trials=trials,
        first=first,
        storage=registry.study_url,
        study_name=f"{SIZE_FIT}-{data_id[:12]}-{len(folds)}",
        done=lambda study: step(_trial(study)),
    )


def _trial(study: Any) -> str:
    last = study.trials[-1]
    best = min((t.value for t in study.trials if t.value is not None), default=float("nan"))
    return f"trial {last.number + 1} {last.state.name.lower()}, best log loss {best:.4f}"


def _replay(
    champion: Version,
    settings: Mapping[str, Any],
    folds: Sequence[PreparedFold],
    metrics: dict[str, float],
) -> dict[str, float]:
    """What the champion's settings reach on these folds; the same settings reach the same."""
    known = {k: _value(v) for k, v in champion.params.items() if k in settings}
    differ = [k for k, v in known.items() if v != settings[k] and k not in _NOT_JUDGED]
    theirs = mean_of([each.metrics for each in judge(folds, known)]) if differ else metrics
    return {name: theirs[name] for name in ("mean_auc", "log_loss") if name in theirs}


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _figures(judged: Sequence[Judgement], model: SizeFit, data: Any) -> dict[str, Any]:
    figures = {
        "calibration.png": calibration_plot(
            np.concatenate([each.y for each in judged]),
            np.concatenate([each.probability for each in judged]),
        )
    }
    rows = np.flatnonzero(data.sized & (data.y >= 0))[-_CURVE_LINES:]
    candidates = data.candidates(rows)
    figures["size_curve.png"] = size_curve_plot(
        candidates.X[:, VECTOR.index("position")],
        candidates.X[:, VECTOR.index("natural")],
        model.predict_proba(candidates.X),
    )
    return figures
