import shutil
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest
from mlflow import MlflowClient

import serving.champion
from serving.advisor import ModelLabel
from serving.champion import ChampionError, adopt, fetch, load
from serving.champions.copies import CHALLENGER, check, copies_of, read_record


def model_folder(path: Path, text: str) -> Path:
    (path / "deep").mkdir(parents=True)
    (path / "size_fit.json").write_text(text)
    (path / "deep" / "booster.txt").write_text("tree")
    return path


@dataclass
class Registry:
    """A registry in which version 2 of size_fit is the champion."""

    uri: str
    artifacts: Path

    def give(self, alias: str, version: str) -> None:
        client = MlflowClient(self.uri, self.uri)
        client.set_registered_model_alias("size_fit", alias, version)


@pytest.fixture(scope="module")
def made(tmp_path_factory, registry_in) -> Registry:
    """Making a registry takes seconds: the tests have copies."""
    folder = tmp_path_factory.mktemp("registry")
    registry = Registry(registry_in(folder), folder / "artifacts")
    client = MlflowClient(registry.uri, registry.uri)
    experiment = client.create_experiment("size_fit", str(registry.artifacts))
    client.create_registered_model("size_fit")
    for text in ("one", "two"):
        run = client.create_run(experiment).info.run_id
        client.log_artifacts(run, str(model_folder(folder / text, text)), "model")
        client.create_model_version("size_fit", f"runs:/{run}/model", run_id=run)
    registry.give("champion", "2")
    return registry


@pytest.fixture
def registry(settings, made) -> Registry:
    here, there = (uri.removeprefix("sqlite:///") for uri in (made.uri, settings.tracking_uri))
    shutil.copy(here, there)
    return Registry(settings.tracking_uri, made.artifacts)


@pytest.fixture
def model(tmp_path):
    return model_folder(tmp_path / "model", "one")


def test_the_registry_s_champion_takes_the_place_of_the_copy(settings, model, registry):
    adopt(settings, "size_fit", "1", model)
    adopt(settings, "other", "1", model)
    fetch(settings, "size_fit", "other", "never_trained")
    folder, champion = load(settings, "size_fit")
    assert champion.label == ModelLabel("size_fit", "2")
    assert (champion.source, champion.reason) == ("registry", None)
    assert (folder / "size_fit.json").read_text() == "two"
    assert (folder / "deep" / "booster.txt").read_text() == "tree"
    kept = [each.folder for each in copies_of(settings, "size_fit")]
    assert kept[0] == champion.folder
    assert [each.split("-")[0] for each in kept] == ["2", "1"]  # to go back to
    left = {path.name for path in folder.parent.iterdir()}
    assert left == {*kept, "current.json", ".lock"}

    _, champion = load(settings, "other")
    assert champion.source == "copy"
    assert "has no champion of other" in champion.reason
    with pytest.raises(ChampionError, match="has no champion of never_trained, and there is no"):
        load(settings, "never_trained")

    Path(settings.tracking_uri.removeprefix("sqlite:///")).unlink()
    fetch(settings, "size_fit")
    _, champion = load(settings, "size_fit")
    assert (champion.version, champion.source) == ("2", "copy")
    assert "there is no model registry at sqlite:///" in champion.reason


def test_who_asks_the_registry_loads_none_of_the_libraries_of_a_model(python, child_path):
    code = (
        "import sys, serving.champion;"
        "sys.exit(', '.join({'sklearn', 'lightgbm', 'polars', 'pandas'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_no_registry_and_no_copy_says_what_to_run(settings):
    with pytest.raises(ChampionError, match=r"no champion of size_fit: .* was not asked"):
        load(settings, "size_fit")
    fetch(settings, "size_fit")
    with pytest.raises(ChampionError, match="there is no model registry at sqlite") as caught:
        load(settings, "size_fit")
    assert caught.value.action.startswith("muslin train size-fit")
    assert not Path(settings.tracking_uri.removeprefix("sqlite:///")).exists()


def test_a_registry_that_cannot_be_read_leaves_the_copy(settings, model):
    Path(settings.tracking_uri.removeprefix("sqlite:///")).write_text("this is no database")
    adopt(settings, "size_fit", "4", model)
    # On a machine that is slow to start a process its answer counts, too, and not the time it took.
    fetch(settings.model_copy(update={"registry_timeout_s": 240.0}), "size_fit")
    _, champion = load(settings, "size_fit")
    assert (champion.version, champion.source) == ("4", "copy")
    assert "cannot be read" in champion.reason


def test_a_registry_that_hangs_is_waited_for_no_longer_than_told(settings, model):
    adopt(settings, "size_fit", "4", model)
    hasty = settings.model_copy(update={"registry_timeout_s": 0.01})
    Path(settings.tracking_uri.removeprefix("sqlite:///")).touch()
    fetch(hasty, "size_fit")
    _, champion = load(hasty, "size_fit")
    assert champion.source == "copy"
    assert "did not answer within 0.01 seconds" in champion.reason


@pytest.mark.parametrize("damage", ["changed", "missing", "added"])
def test_a_damaged_copy_is_refused_and_mended(settings, model, damage):
    adopt(settings, "size_fit", "4", model)
    folder, _ = load(settings, "size_fit")
    if damage == "missing":
        (folder / "size_fit.json").unlink()
    else:
        name = "size_fit.json" if damage == "changed" else "extra.json"
        (folder / name).write_text("tampered")
    with pytest.raises(ChampionError, match=r"is damaged: .*json"):
        load(settings, "size_fit")
    adopt(settings, "size_fit", "4", model)
    folder, _ = load(settings, "size_fit")
    assert (folder / "size_fit.json").read_text() == "one"


def test_an_unreadable_record_is_named(settings, model):
    adopt(settings, "size_fit", "4", model)
    (settings.champion_dir / "size_fit" / "current.json").write_text("{")
    with pytest.raises(ChampionError, match=r"current\.json cannot be read"):
        load(settings, "size_fit")


def test_a_failed_copy_leaves_the_one_that_serves(settings, model, tmp_path):
    adopt(settings, "size_fit", "4", model)
    with pytest.raises(FileNotFoundError):
        adopt(settings, "size_fit", "5", tmp_path / "nowhere")
    folder, champion = load(settings, "size_fit")
    assert champion.version == "4"
    assert {path.name for path in folder.parent.iterdir() if path.is_dir()} == {folder.name}


def test_the_last_three_champions_and_the_challenger_are_kept(settings, tmp_path):
    for number in range(1, 6):
        adopt(settings, "size_fit", str(number), model_folder(tmp_path / f"m{number}", f"{number}"))
    beside = model_folder(tmp_path / "beside", "beside")
    challenger = adopt(settings, "size_fit", "6", beside, role=CHALLENGER)
    copies = copies_of(settings, "size_fit")
    assert [each.version for each in copies] == ["5", "4", "3"]
    assert read_record(settings, "size_fit", CHALLENGER) == challenger
    folders = {
        path.name for path in (settings.champion_dir / "size_fit").iterdir() if path.is_dir()
    }
    assert folders == {each.folder for each in (*copies, challenger)}
    for each in (*copies, challenger):
        check(settings, each)


def test_going_back_to_a_kept_copy_needs_only_the_alias(settings, registry):
    registry.give("challenger", "1")
    fetch(settings, "size_fit")
    assert read_record(settings, "size_fit").version == "2"
    assert read_record(settings, "size_fit", CHALLENGER).version == "1"

    registry.give("champion", "1")
    away = registry.artifacts.rename(registry.artifacts.with_name("away"))
    fetch(settings, "size_fit")  # nothing is downloaded
    away.rename(registry.artifacts)
    folder, champion = load(settings, "size_fit")
    assert (champion.version, champion.source) == ("1", "registry")
    assert (folder / "size_fit.json").read_text() == "one"


def test_a_registry_file_is_asked_again_only_after_it_was_written_or_a_copy_is_not_whole(
    settings, registry, monkeypatch
):
    fetch(settings, "size_fit", "never_trained")
    folder, _ = load(settings, "size_fit")

    asked = []

    def ask(settings, names):
        asked.append(names)
        return dict.fromkeys(names)

    monkeypatch.setattr("serving.champion._ask_registry", ask)
    fetch(settings, "size_fit", "never_trained")
    assert not asked
    fetch(settings, "size_fit", "trained_since")
    assert asked == [("size_fit", "trained_since")]
    Path(settings.tracking_uri.removeprefix("sqlite:///")).touch()
    fetch(settings, "size_fit")
    fetch(settings, "size_fit")
    assert asked[1:] == [("size_fit",)]
    (folder / "size_fit.json").write_text("another")
    fetch(settings, "size_fit")
    assert asked[2:] == [("size_fit",)]


def test_the_registry_is_asked_again_and_again_whatever_comes_of_it(settings, monkeypatch, caplog):
    asked, ended = [], threading.Event()

    def fetch(settings, *names):
        asked.append(names)
        if len(asked) == 3:
            ended.set()
        raise RuntimeError("no")

    monkeypatch.setattr(serving.champion, "fetch", fetch)
    often = settings.model_copy(update={"champion_poll_s": 0.001})
    serving.champion.keep_asking(often, ("size_fit",), ended)
    assert asked == [("size_fit",)] * 3
    assert "was not asked" in caplog.text
    never = settings.model_copy(update={"champion_poll_s": 0.0})
    serving.champion.keep_asking(never, ("size_fit",), threading.Event())
    assert len(asked) == 3
