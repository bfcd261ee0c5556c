import sqlite3
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure

from features.settings import Settings
from pipelines.jobs.size_fit import SizeFitJob
from pipelines.promote import challenge, promote
from pipelines.tracking import Registry, RegistryError, fingerprint

GOOD = {"mean_auc": 0.7, "log_loss": 0.5, "gap_small": 0.01, "gap_fit": 0.0, "gap_large": 0.019}


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    home = tmp_path_factory.mktemp("registry")
    return Settings.load(
        tracking_uri=f"sqlite:///{home / 'deep' / 'mlflow.db'}",
        state_url=str(home / "state.db"),
        champion_dir=str(home / "champion"),
    )


@pytest.fixture(scope="module")
def registry(settings):
    return Registry(settings)


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.json").write_text("{}")
    return folder


def test_a_registered_model_comes_back_with_its_record(registry, model, tmp_path):
    number = registry.register(
        "tried",
        model,
        params={"num_leaves": 31, "note": None},
        metrics={"mean_auc": 0.7},
        steps=[{"log_loss": 0.5}, {"log_loss": 0.4}],
        tags={"data_fingerprint": "abc"},
        features=["position", "gap"],
        outputs=["p_small", "p_fit", "p_large"],
        figures={"calibration.png": Figure()},
    )
    version = registry.version("tried")
    assert version.number == number
    assert version.params == {"num_leaves": "31", "note": "None"}
    assert version.metrics["mean_auc"] == 0.7
    assert version.tags["data_fingerprint"] == "abc"
    folder = registry.download("tried", number, tmp_path)
    assert (folder / "model.json").read_text() == "{}"

    from mlflow.models import Model

    signature = Model.load(str(folder / "MLmodel")).signature
    assert signature.inputs.input_names() == ["position", "gap"]
    assert signature.outputs.input_names() == ["p_small", "p_fit", "p_large"]
    run = registry.client.get_model_version("tried", str(number)).run_id
    losses = registry.client.get_metric_history(run, "fold_log_loss")
    assert [(each.step, each.value) for each in losses] == [(0, 0.5), (1, 0.4)]
    logged = {each.path for each in registry.client.list_artifacts(run)}
    assert {"model", "plots", "features.json"} <= logged


def test_the_alias_moves_only_through_the_gate_and_the_service_fetches_it(
    registry, settings, model
):
    class Gated(SizeFitJob):
        name = "gated"

    job = Gated()
    assert registry.champion("gated") is None
    for metrics in (GOOD, {**GOOD, "mean_auc": 0.6}, {**GOOD, "mean_auc": 0.8}):
        registry.register(
            "gated",
            model,
            features=["gap"],
            outputs=["p"],
            params={},
            metrics=metrics,
            tags={"folds": "a"},
        )
    assert promote(registry, job, 1).passed
    assert not promote(registry, job, 2).passed
    assert registry.champion("gated").number == 1
    assert promote(registry, job).passed
    assert registry.champion("gated").number == 3

    from serving.champion import fetch, load

    fetch(settings, "gated")
    folder, champion = load(settings, "gated")
    assert (champion.version, champion.source) == ("3", "registry")
    assert (folder / "model.json").is_file()


def test_the_way_back_goes_from_champion_to_champion_and_ends_at_the_first(registry, model):
    class Turned(SizeFitJob):
        name = "turned"

    job = Turned()
    for _ in range(4):
        registry.register(
            "turned", model, features=["gap"], outputs=["p"], params={}, metrics=GOOD,
            tags={"folds": "a"},
        )  # fmt: skip
    with pytest.raises(RegistryError, match="has no champion"):
        registry.roll_back("turned")
    for number in (1, 3, 3, 4):
        assert promote(registry, job, number).passed
    assert registry.earlier("turned") == [1, 3]
    aliases = registry.client.get_registered_model("turned").aliases
    assert (int(aliases["champion"]), int(aliases["previous"])) == (4, 3)

    before, now = registry.roll_back("turned")
    assert (before.number, now.number) == (4, 3)
    before, now = registry.roll_back("turned")
    assert (before.number, now.number) == (3, 1)
    assert registry.champion("turned").number == 1
    with pytest.raises(RegistryError, match="version 1 is the first champion of turned"):
        registry.roll_back("turned")
    assert "previous" not in registry.client.get_registered_model("turned").aliases


def test_a_challenger_needs_a_champion_and_is_none_once_it_is_promoted(registry, model):
    class Shadowed(SizeFitJob):
        name = "shadowed"

    job = Shadowed()
    for _ in range(2):
        registry.register(
            "shadowed", model, features=["gap"], outputs=["p"], params={}, metrics=GOOD,
            tags={"folds": "a"},
        )  # fmt: skip
    with pytest.raises(RegistryError, match="has no champion to compare version 2 with"):
        challenge(registry, job)
    promote(registry, job, 1)
    with pytest.raises(RegistryError, match="version 1 of shadowed is the champion"):
        challenge(registry, job, 1)
    assert challenge(registry, job).number == 2
    assert registry.challenger("shadowed").number == 2
    promote(registry, job, 2)
    assert registry.challenger("shadowed") is None
    registry.challenge("shadowed", None)  # ending what is not there is no error


def test_what_is_not_there_is_told_with_what_is(registry, model):
    with pytest.raises(RegistryError, match=r"no version of nothing .* muslin train nothing"):
        registry.version("nothing")
    registry.register("once", model, features=["gap"], outputs=["p"], params={}, metrics={})
    with pytest.raises(RegistryError, match="once has no version 7; it has 1"):
        registry.version("once", 7)


def test_optuna_shares_the_database_and_leaves_mlflow_s_schema_alone(registry, settings):
    import optuna
    from optuna.storages import RDBStorage

    optuna.create_study(
        storage=RDBStorage(registry.study_url, skip_compatibility_check=True), study_name="s"
    )
    file = settings.tracking_uri.removeprefix("sqlite:///")
    with sqlite3.connect(file) as connection:
        assert connection.execute("select count(*) from alembic_version").fetchone() == (1,)
        assert connection.execute("select study_name from studies").fetchall() == [("s",)]
    connection.close()
    assert Registry(settings).champion("none") is None


def test_a_file_that_is_no_database_is_bad_input(tmp_path):
    file = tmp_path / "mlflow.db"
    file.write_text("this is no database, and it is long enough to have a header of its own" * 9)
    code = (
        "import sys; from features.settings import Settings; from pipelines.tracking import *\n"
        "try: Registry(Settings.load(tracking_uri=sys.argv[1]))\n"
        "except RegistryError as error: print(error)"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, f"sqlite:///{file}"],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert "cannot be used" in told.stdout
    assert str(file) in told.stdout


def test_the_fingerprint_tells_data_apart_and_not_their_order():
    frame = pd.DataFrame({"a": ["x", "y", None], "b": [1.0, 2.0, 3.0], "c": [["r"], None, ["g"]]})
    tables = {"products": frame}
    same = fingerprint({"products": frame.sample(frac=1, random_state=1)[["c", "a", "b"]]})
    assert fingerprint(tables) == same
    assert fingerprint({"products": frame.assign(b=[1.0, 2.0, 4.0])}) != same
    assert fingerprint({"products": frame.assign(c=[["r"], None, ["b"]])}) != same
    assert fingerprint({"products": frame.head(2)}) != same
    assert fingerprint({"customers": frame}) != same
