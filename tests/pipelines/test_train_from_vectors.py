import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from data_contracts.errors import BadInputError
from features.return_risk import VECTORS
from features.return_risk_space import ReturnRiskSpace
from features.settings import Settings
from features.size_fit import VECTOR
from features.size_fit_space import SizeFitSpace
from models.return_risk import ReturnRisk
from models.size_fit import SizeFit
from models.size_fit.parts import CANDIDATES
from models.vectors import train_here
from models.vectors_on_disk import write_part
from pipelines.cli import app
from pipelines.jobs import job_of
from pipelines.promote import promote
from pipelines.simulate import simulate
from pipelines.tracking import Registry
from pipelines.train_from_vectors import train_from_vectors, trainer

QUICK = {"n_estimators": 6, "members": 2, "num_threads": 1, "min_child_samples": 20}


@pytest.fixture(scope="module")
def tables():
    return simulate(2500, seed=5).tables


@pytest.fixture(scope="module")
def risks(tables, tmp_path_factory):
    folder = tmp_path_factory.mktemp("risks")
    space = ReturnRiskSpace().fit(tables)
    (folder / "state").mkdir()
    space.save(folder / "state")
    for moment, data in space.moments(tables).items():
        for number, rows in enumerate(np.array_split(np.arange(len(data.y)), 3)):
            facts = data.facts.iloc[rows]
            columns = {
                "y": data.y[rows],
                "at": data.at[rows],
                "mature": data.mature[rows],
                "order_line_id": data.ids[rows],
                "order_id": facts["order_id"].to_numpy(object),
                "product_id": facts["product_id"].to_numpy(object),
                "customer_id": facts["customer_id"].to_numpy(object),
            }
            where = folder if moment == "checkout" else folder / moment
            write_part(where, number, data.X[rows], VECTORS[moment], columns)
    return folder


@pytest.fixture(scope="module")
def sizes(tables, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sizes")
    space = SizeFitSpace().fit(tables)
    space.save(folder)
    data = space.data(tables)
    told = {
        "y": data.y,
        "at": data.at,
        "told": data.told,
        "sized": data.sized,
        "order_line_id": data.ids,
    }
    write_part(folder, 0, data.X, VECTOR, told)
    known = np.flatnonzero((data.y >= 0) & data.sized)
    newest = data.candidates(known[np.argsort(data.at[known], kind="stable")][-250:])
    told = {
        "order_line_id": data.ids[newest.line],
        "label": newest.label.astype(str),
        "chosen": newest.chosen,
    }
    write_part(folder / CANDIDATES, 0, newest.X, VECTOR, told)
    return folder


@pytest.fixture(scope="module")
def registry(tmp_path_factory, registry_in):
    return Registry(Settings.load(tracking_uri=registry_in(tmp_path_factory.mktemp("registry"))))


def test_return_risk_is_judged_on_what_came_later_and_served_at_both_moments(
    risks, registry, tmp_path, tables
):
    job = job_of("return_risk")
    done = train_from_vectors("return_risk", str(risks), registry, params=QUICK)
    assert set(job.main) <= set(done.metrics)
    assert 0 < done.metrics["lines"] < 0.4 * done.learnt
    kept = registry.download(job.name, done.version, tmp_path)
    for moment in VECTORS:
        assert ReturnRisk.load(kept / moment).moment == moment
    space = job.load_space(kept)
    assert space.fingerprint == ReturnRiskSpace().fit(tables).fingerprint


def test_size_fit_is_trained_with_its_size_sets(sizes, registry, tmp_path):
    job = job_of("size_fit")
    done = train_from_vectors("size_fit", str(sizes), registry, params=QUICK)
    assert set(job.main) <= set(done.metrics)
    model = SizeFit.load(registry.download(job.name, done.version, tmp_path))
    assert model.sets_.overall_ > 0


def test_a_judging_model_has_seen_nothing_of_the_lines_it_is_judged_on(risks, registry):
    steps, seen = [], []

    def noting(rows, label, settings, **given):
        seen.append((steps[-1], rows.column("at").max()))
        return train_here(rows, label, settings, **given)

    train_from_vectors(
        "return_risk", str(risks), registry, params=QUICK, train=noting, step=steps.append
    )
    table = pd.concat(
        pd.read_parquet(part, columns=["at", "y", "mature"]) for part in risks.glob("part-*")
    )
    at = table["at"][(table["y"] >= 0) & table["mature"]]
    judging = [last for during, last in seen if during.startswith("judging")]
    assert max(judging) < np.quantile(at, 0.8) - 20 * 86_400e6
    assert max(last for during, last in seen if during.startswith("training")) >= at.max()


def test_a_champion_of_other_vectors_is_tried_on_these(risks, registry, tmp_path):
    job = job_of("return_risk")
    first = train_from_vectors("return_risk", str(risks), registry, params=QUICK)
    registry.promote(job.name, first.version)
    other = tmp_path / "fewer"
    other.mkdir()
    for name in ("part-00000.parquet", "part-00002.parquet"):
        (other / name).write_bytes((risks / name).read_bytes())
    (other / "space.json").write_bytes((risks / "state" / "space.json").read_bytes())
    params = {**QUICK, "n_estimators": 3}
    rounds = []

    def noting(rows, label, settings, **given):
        rounds.append(given["rounds"])
        return train_here(rows, label, settings, **given)

    second = train_from_vectors("return_risk", str(other), registry, params=params, train=noting)
    assert {3, 6} <= set(rounds)
    assert {"champion_auc", "champion_log_loss"} <= set(second.metrics)
    # There are no vectors of the delivery, which is said, and the answer stays that of the order.
    assert any("delivered" in note for note in second.notes)
    assert not first.notes
    kept = registry.download(job.name, second.version, tmp_path / "kept")
    late, early = (ReturnRisk.load(kept / moment) for moment in ("delivered", "checkout"))
    rows = np.random.default_rng(0).random((5, len(VECTORS["delivered"])))
    width = len(VECTORS["checkout"])
    np.testing.assert_array_equal(late.predict_proba(rows), early.predict_proba(rows[:, :width]))
    assert promote(registry, job, second.version).champion.number == first.version


def test_abuse_is_not_trained_from_vectors(tmp_path, registry):
    with pytest.raises(BadInputError, match="learns from claims"):
        train_from_vectors("abuse", str(tmp_path), registry)


def test_what_the_folder_lacks_is_named(risks, registry, tmp_path):
    with pytest.raises(BadInputError, match=r"space\.json"):
        train_from_vectors("return_risk", str(tmp_path), registry)
    (tmp_path / "space.json").write_bytes((risks / "state" / "space.json").read_bytes())
    with pytest.raises(BadInputError, match=r"holds no part"):
        train_from_vectors("return_risk", str(tmp_path), registry)


def test_without_workers_this_process_trains():
    with trainer() as train:
        assert train is train_here


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "--data DIR"),
        (["--data", "shop", "--vectors", "vectors"], "not both"),
        (["--vectors", "vectors", "--tune", "3"], "--tune needs --data"),
    ],
)
def test_options_that_do_not_go_together_are_told_apart(options, said):
    answer = CliRunner().invoke(app, ["train", "return-risk", *options])
    assert answer.exit_code == 2
    assert said in " ".join(answer.stderr.split())
