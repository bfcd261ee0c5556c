"""What `muslin train` does about the fingerprint; the job is so plain that it trains at once."""

import numpy as np
import pytest
from fake_job import ShareJob, shop

from features.settings import Settings
from pipelines import train
from pipelines.monitor.population import FILE, Population
from pipelines.tracking import Registry


@pytest.fixture(scope="module")
def registry(tmp_path_factory, registry_in):
    return Registry(Settings.load(tracking_uri=registry_in(tmp_path_factory.mktemp("registry"))))


def test_the_fingerprint_is_registered_beside_the_model(registry, tmp_path, monkeypatch):
    seen = []

    def observe(job, tables, fitted, judged):
        seen.append((job.name, fitted.learnt, len(judged)))
        return Population("plain", 1, 2, 3, 4, {}, {}, coverage=0.9)

    monkeypatch.setattr(train, "observe", observe)
    done = train.train_model(ShareJob("plain"), shop(), registry, folds=2)
    folder = registry.download("plain", done.version, tmp_path)
    assert Population.load(folder) == Population("plain", 1, 2, 3, 4, {}, {}, coverage=0.9)
    assert seen == [("plain", 400, 2)]


def test_a_model_that_is_not_watched_has_none(registry, tmp_path):
    done = train.train_model(ShareJob("unwatched"), shop(), registry, folds=1)
    folder = registry.download("unwatched", done.version, tmp_path)
    assert Population.load(folder) is None
    (folder / FILE).write_text('{"format": 99}')
    assert Population.load(folder) is None, "of another version: as if there were none"


def test_a_fingerprint_survives_being_written(watched, tmp_path):
    for name in ("size_fit", "return_risk", "abuse"):
        told = watched.population(name)
        told.save(tmp_path)
        again = Population.load(tmp_path)
        assert again.figures == told.figures
        assert again.advice.keys() == told.advice.keys()
        for feature, each in told.features.items():
            assert again.features[feature].bins == each.bins
            np.testing.assert_array_equal(again.features[feature].counts, each.counts)
