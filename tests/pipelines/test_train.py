import pytest
from fake_job import ShareJob, shop

from data_contracts.errors import BadInputError
from features.settings import Settings
from pipelines.promote import promote
from pipelines.tracking import Registry, RegistryError
from pipelines.train import train_model


@pytest.fixture(scope="module")
def registry(tmp_path_factory, registry_in):
    return Registry(Settings.load(tracking_uri=registry_in(tmp_path_factory.mktemp("registry"))))


def test_a_version_holds_what_the_job_says_of_itself(registry, tmp_path):
    from mlflow.models import Model

    said = []
    job = ShareJob("recorded", add=0.01)
    trained = train_model(job, shop(), registry, folds=2, source="here", step=said.append)
    version = registry.version("recorded")
    assert version.number == trained.version
    assert version.params == {"add": "0.01", "folds": "2", "trials": "0"}
    assert version.metrics["trained_on"] == 400
    assert version.metrics["lines"] == sum(fold["lines"] for fold in trained.folds)
    assert version.tags["source"] == "here"
    folder = registry.download("recorded", trained.version, tmp_path)
    signature = Model.load(str(folder / "MLmodel")).signature
    assert signature.inputs.input_names() == ["nothing"]
    assert signature.outputs.input_names() == ["p_return"]
    assert job.load_space(folder).mean == pytest.approx(0.3, abs=0.1)
    assert said[0].startswith("taking the fingerprint")
    assert sum(each.startswith("fold ") for each in said) == 2


def test_a_champion_of_other_data_is_judged_by_its_settings_on_the_new_folds(registry):
    first = ShareJob("replayed")
    train_model(first, shop(seed=1), registry, folds=2)
    assert promote(registry, first).passed
    second = ShareJob("replayed", add=0.2)
    train_model(second, shop(seed=1), registry, folds=2)
    assert second.judged == [0.2, 0.2], "on the same data the champion's own figures are there"
    verdict = promote(registry, second)
    assert not verdict.passed
    assert [gate.what[:8] for gate in verdict.gates if not gate.passed] == ["log_loss"]
    third = ShareJob("replayed", add=0.2)
    train_model(third, shop(seed=2), registry, folds=2)
    assert third.judged == [0.2, 0.2, 0.0, 0.0]
    version = registry.version("replayed")
    assert version.tags["champion_then"] == "1"
    assert version.metrics["champion_log_loss"] < version.metrics["log_loss"]
    assert any("settings on the new folds" in gate.what for gate in promote(registry, third).gates)


def test_a_figure_the_gate_needs_and_the_run_lacks_is_named(registry, tmp_path):
    registry.register("bare", tmp_path, features=["x"], outputs=["p"], params={}, metrics={})
    with pytest.raises(RegistryError, match="version 1 of bare has no log_loss"):
        promote(registry, ShareJob("bare"))


class Unjudged(ShareJob):
    may_be_unjudged = True

    def limits(self, metrics):
        return super().limits(metrics) if metrics["lines"] else ()


def test_too_few_outcomes_stop_a_model_unless_it_learns_without_them(registry):
    few = shop(lines=50)
    with pytest.raises(BadInputError, match="50 order lines with an outcome are too few"):
        train_model(ShareJob("judged"), few, registry, folds=2)
    job = Unjudged("unjudged")
    trained = train_model(job, few, registry, folds=2)
    assert "too few" in trained.unjudged
    assert trained.folds == []
    assert trained.metrics == {"lines": 0.0}
    verdict = promote(registry, job)
    assert verdict.passed
    assert verdict.gates == ()


def test_a_champion_nobody_could_judge_sets_no_bar_and_cannot_oust_a_judged_one(registry):
    job = Unjudged("first_unjudged")
    train_model(job, shop(lines=50), registry, folds=2)
    assert promote(registry, job).passed
    train_model(job, shop(), registry, folds=2)
    verdict = promote(registry, job)
    assert verdict.passed
    assert [gate.what for gate in verdict.gates] == ["log loss"]
    train_model(job, shop(lines=50), registry, folds=2)
    with pytest.raises(RegistryError, match="version 3 of first_unjudged has no log_loss"):
        promote(registry, job)
    assert registry.champion("first_unjudged").number == 2
