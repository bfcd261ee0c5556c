import numpy as np
import pytest

from features.size_fit import VECTOR
from pipelines.jobs.size_fit import PreparedSizes, SizeFitJob
from pipelines.tune import tune


@pytest.fixture
def folds():
    rng = np.random.default_rng(4)

    def make(n):
        X = np.full((n, len(VECTOR)), np.nan)
        X[:, VECTOR.index("position")] = rng.integers(0, 6, n)
        X[:, VECTOR.index("natural")] = rng.normal(2.5, 1, n)
        X[:, VECTOR.index("natural_sd")] = 0.5
        gap = X[:, VECTOR.index("position")] - X[:, VECTOR.index("natural")]
        X[:, VECTOR.index("gap")] = gap
        noisy = gap + rng.normal(0, 0.7, n)
        return X, np.where(noisy < -1, 0, np.where(noisy > 1, 2, 1))

    prepared = []
    for _ in range(2):
        (X, y), (X_judged, y_judged) = make(300), make(100)
        told = np.ones(300, dtype=bool)
        prepared.append(PreparedSizes(X, y, told, np.arange(300), X_judged, y_judged))
    return prepared


class Quick(SizeFitJob):
    def search_space(self, trial):
        return super().search_space(trial) | {"n_estimators": 20}


def test_a_study_is_taken_up_and_gives_the_best_of_all_its_trials(folds, tmp_path):
    import optuna

    storage = f"sqlite:///{tmp_path / 'study.db'}"
    counts = []
    best = tune(
        Quick(),
        folds,
        first={"n_estimators": 90},
        trials=2,
        storage=storage,
        study_name="s",
        done=lambda s: counts.append(len(s.trials)),
    )
    again = tune(
        Quick(),
        folds,
        trials=2,
        storage=storage,
        study_name="s",
        done=lambda s: counts.append(len(s.trials)),
    )
    assert counts == [1, 2, 3, 4]
    study = optuna.load_study(
        study_name="s", storage=optuna.storages.RDBStorage(storage, skip_compatibility_check=True)
    )
    assert again == study.best_params
    assert set(best) == set(again)
    first = study.trials[0]
    assert first.params["n_estimators"] == 90, "what suits the shop is tried first"
    drawn = [tuple(trial.params.values()) for trial in study.trials]
    assert len(set(drawn)) == len(drawn), "a study taken up does not draw its first trials again"
    assert list(first.intermediate_values) == [0, 1]
    assert first.value == pytest.approx(first.intermediate_values[1])
