"""Champions of a simulated shop as it was known two thirds of the way; trained once a worker."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from features.settings import Settings
from pipelines.fit_return_risk import fit_return_risk
from pipelines.jobs import job_of
from pipelines.monitor.observe import observe
from pipelines.monitor.population import Population
from pipelines.simulate import simulate
from pipelines.tracking import Registry

from .shop import known_at

ROUNDS = {"n_estimators": 30, "num_threads": 1}
SETTINGS = {"size_fit": {**ROUNDS, "members": 1}, "return_risk": ROUNDS, "abuse": {}}
JUDGED = ("return_risk",)  # a fold of each model is what takes long


@dataclass(frozen=True)
class WatchedShop:
    tables: dict
    past: dict
    cut: pd.Timestamp
    settings: Settings
    home: Path

    @property
    def registry(self):
        return Registry(self.settings)

    def population(self, name):
        return Population.load(self.registry.download(name, 1, self.home / f"got-{name}"))


@pytest.fixture(scope="session")
def watched(tmp_path_factory, registry_in):
    home = tmp_path_factory.mktemp("watched")
    settings = Settings.load(tracking_uri=registry_in(home), audit_url=str(home / "audit.db"))
    tables = simulate(5000, 11).tables
    moments = tables["order_lines"]["ordered_at"].sort_values()
    cut = moments.iloc[int(len(moments) * 0.65)]
    past = known_at(tables, cut)
    registry = Registry(settings)
    for name, params in SETTINGS.items():
        folder = home / name
        folder.mkdir()
        train(job_of(name), past, params, folder)
        number = registry.register(
            name, folder, features=["x"], outputs=["p"], params={}, metrics={}
        )
        registry.promote(name, number)
    return WatchedShop(tables, past, cut, settings, home)


def train(job, tables, params, folder):
    """What `muslin train` writes of a model."""
    judged = []
    if job.name in JUDGED:
        judged = list(job.judge([job.prepare(fold) for fold in job.folds(tables, 1)], params))
    if job.name == "return_risk":
        # What is watched is the answer at checkout; a second model would cost as much again.
        fitted = fit_return_risk(tables, params=params, moments=["checkout"])
    else:
        fitted = job.fit(tables, params)
    fitted.save(folder)
    observe(job, tables, fitted, judged).save(folder)
