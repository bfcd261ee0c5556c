"""Optuna looks for settings of a model on rolling folds; a study goes on where it stopped."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.jobs.base import Job, Prepared

if TYPE_CHECKING:
    from optuna import Study, Trial

__all__ = ["tune"]

_SEED = 7
_STARTUP = 5


def tune(
    job: Job,
    folds: Sequence[Prepared],
    *,
    trials: int,
    storage: str,
    study_name: str,
    first: Mapping[str, Any] | None = None,
    done: Callable[[Study], None] | None = None,
) -> dict[str, Any]:
    """Try settings and give the best of all trials of the study so far.

    Parameters
    ----------
    job
        The model.
    folds
        What settings are judged on: the log loss, mean over the lines of all folds. After each fold
        a trial that is behind the median of the others at that fold is given up.
    trials
        How many more to try.
    storage
        Database URL of the study; MLflow's, which must have its tables already.
    study_name
        Trials of a study of this name are taken up.
    first
        What a new study tries first, over the estimator's defaults.
    done
        Called after each trial.

    Returns
    -------
    dict of str to Any
        Parameters of the model.
    """
    import optuna
    from optuna.storages import RDBStorage

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # Both libraries keep a table `alembic_version`. MLflow's stays: Optuna leaves a filled one
    # alone, and then must not compare it with its own.
    study = optuna.create_study(
        storage=RDBStorage(storage, skip_compatibility_check=True),
        study_name=study_name,
        load_if_exists=True,
        direction="minimize",
        pruner=optuna.pruners.MedianPruner(n_startup_trials=_STARTUP),
    )
    # The seed moves on with the study: a study taken up would else draw its first trials again.
    study.sampler = optuna.samplers.TPESampler(
        seed=_SEED + len(study.trials), n_startup_trials=_STARTUP
    )
    if not study.trials:
        defaults = job.settings(first or {})
        study.enqueue_trial({name: defaults[name] for name in job.tuned})

    def objective(trial: Trial) -> float:
        losses: list[float] = []
        lines: list[float] = []
        for step, judged in enumerate(job.judge(folds, job.search_space(trial))):
            losses.append(judged.metrics["log_loss"])
            lines.append(judged.metrics["lines"])
            trial.report(float(np.average(losses, weights=lines)), step)
            if step + 1 < len(folds) and trial.should_prune():
                raise optuna.TrialPruned
        return float(np.average(losses, weights=lines))

    study.optimize(
        objective,
        n_trials=trials,
        callbacks=[lambda study, _: done(study)] if done else None,
    )
    return dict(study.best_params)
