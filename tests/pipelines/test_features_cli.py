"""`muslin features build` from a folder of tables to vectors, and `muslin train` from these."""

from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

from data_contracts.readers import write_tables
from features.return_risk import VECTOR, VECTORS
from features.settings import Settings
from features.size_fit_space import SizeFitSpace
from models.return_risk import ReturnRisk
from models.size_fit import SizeFit
from pipelines.cli import app
from pipelines.fit_return_risk import learn
from pipelines.fit_size import fit_size_fit
from pipelines.jobs import job_of
from pipelines.simulate import simulate
from pipelines.tracking import Registry

LINES = 2500


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def tables():
    return simulate(LINES, seed=5).tables


@pytest.fixture(scope="module")
def home(tmp_path_factory, registry_in):
    """Where commands are run, with a registry of its own."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        patch.setenv("MUSLIN_TRACKING_URI", registry_in(home))
        yield home


@pytest.fixture(scope="module")
def shop(tables, home):
    write_tables(tables, home / "shop")
    return home / "shop"


@pytest.fixture(scope="module")
def built(shop, home):
    """The vectors of two models, and what was said while they were built."""
    said = {}
    for name in ("size-fit", "return-risk"):
        done = run("features", "build", "--data", shop, "--out", home / "out", "--model", name,
                   "--sample", 2 * LINES)  # fmt: skip
        assert done.exit_code == 0, done.output
        said[name] = done.output
    return SimpleNamespace(out=home / "out", said=said)


@pytest.fixture(scope="module")
def trained(built, home, tmp_path_factory):
    """The folder of a model that was trained from its vectors, by its name."""
    registry = Registry(Settings.load())
    folders = {}
    for name in ("size-fit", "return-risk"):
        job = job_of(name.replace("-", "_"))
        done = run("train", name, "--vectors", built.out / job.name)
        assert done.exit_code == 0, done.output
        assert f"{job.name} version 1 is registered" in done.output
        # Nothing is missing of what makes the model better.
        assert "size sets will hold every size" not in done.output
        assert "judged as ordered" not in done.output
        folders[job.name] = registry.download(job.name, 1, tmp_path_factory.mktemp("model"))
    return folders


def auc_apart(happened, one, other):
    return abs(roc_auc_score(happened, one) - roc_auc_score(happened, other))


def test_vectors_of_a_model_are_built_by_a_space_of_a_sample(built):
    assert (
        f"a space fitted on customers with about {2 * LINES:,} lines" in built.said["return-risk"]
    )
    parts = pl.read_parquet(built.out / "return_risk" / "part-*.parquet")
    assert tuple(parts.columns[: len(VECTOR)]) == VECTOR
    assert parts["order_line_id"].n_unique() == len(parts)
    assert np.isin(parts["y"].to_numpy(), range(-1, 12)).all()
    assert f"{len(parts):,} order lines are good" in built.said["return-risk"]
    assert f"{len(parts):,} as of the delivery, in delivered" in built.said["return-risk"]
    sizes = pl.read_parquet(built.out / "size_fit" / "candidates" / "part-*.parquet")
    assert f"{len(sizes):,} of all sizes of the newest settled lines" in built.said["size-fit"]
    assert {p.name for p in built.out.iterdir()} == {"return_risk", "size_fit"}


def test_size_fit_from_vectors_is_as_good_as_in_memory(trained, tables, monkeypatch):
    got = SizeFit.load(trained["size_fit"])
    space = job_of("size_fit").load_space(trained["size_fit"])
    monkeypatch.setattr(SizeFitSpace, "fit", lambda *_: space)
    params = {"n_estimators": got.n_estimators, "members": 1, "num_threads": 2}
    _, expected, data = fit_size_fit(tables, params=params)
    known = np.flatnonzero((data.y >= 0) & data.sized)
    chances = [model.predict_proba(data.X[known]) for model in (got, expected)]
    for code in range(3):
        theirs = [p[:, code] for p in chances]
        assert auc_apart(data.y[known] == code, *theirs) < 0.02
    assert np.abs(chances[0] - chances[1]).mean() < 0.02
    asked = data.candidates(known[-300:])
    shares = [
        np.mean([len(each.size_set) / len(each.labels) for each in model.advise(asked)])
        for model in (got, expected)
    ]
    assert 0.1 < shares[0] < 0.75, "size sets hold every size, or none"
    assert abs(shares[0] - shares[1]) < 0.1


def test_return_risk_from_vectors_is_as_good_as_in_memory_at_both_moments(trained, tables):
    space = job_of("return_risk").load_space(trained["return_risk"])
    for moment, data in space.moments(tables).items():
        got = ReturnRisk.load(trained["return_risk"] / moment)
        assert got.moment == moment
        params = {"n_estimators": got.n_estimators, "num_threads": 2}
        expected = learn(data, params, moment)
        known = data.y >= 0
        back = [1 - model.predict_proba(data.X[known])[:, 0] for model in (got, expected)]
        assert auc_apart(data.y[known] > 0, *back) < 0.03
        assert np.abs(back[0] - back[1]).mean() < 0.02
        if moment == "delivered":  # it reads what was known when the parcel came
            width = len(VECTORS["checkout"])
            blind = data.X[known].copy()
            blind[:, width:] = np.nan
            assert (got.predict_proba(blind) != got.predict_proba(data.X[known])).any()


def test_a_build_by_the_space_of_another_gives_its_vectors(built, shop, home):
    again = run("features", "build", "--data", shop, "--out", home / "again", "--model",
                "return-risk", "--space", built.out / "return_risk" / "state")  # fmt: skip
    assert again.exit_code == 0, again.output
    for place in (".", "delivered"):
        parts, other = (
            pl.read_parquet(out / "return_risk" / place / "part-*.parquet").sort("order_line_id")
            for out in (built.out, home / "again")
        )
        assert parts["order_line_id"].to_list() == other["order_line_id"].to_list()
        for name in VECTORS["delivered" if place == "delivered" else "checkout"]:
            np.testing.assert_allclose(other[name], parts[name], rtol=1e-9, atol=1e-9)


def test_nothing_is_added_to_a_build_that_knows_it_all(built, shop):
    words = ("features", "build", "--data", shop, "--out", built.out, "--model", "return-risk")
    earlier = run(*words, "--since", "2020-01-01")
    assert earlier.exit_code == 2
    assert "know of events up to" in earlier.output
    rows = len(pl.read_parquet(built.out / "return_risk" / "part-*.parquet"))
    later = run(*words, "--since", "2100-01-01")
    assert later.exit_code == 0, later.output
    assert f"{rows:,} vectors" in later.output
    assert f"{rows:,} as of the delivery" in later.output


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--model", "shoes"), "there is no model 'shoes'"),
        (("--model", "abuse", "--space", "nowhere"), "holds no space.json"),
        (("--space", "nowhere"), "--space is the space of one model"),
        (("--model", "abuse", "--since", "2024-05-01"), "build without --since first"),
        (("--model", "abuse", "--since", "yesterday"), "is no time in ISO 8601"),
    ],
)
def test_what_cannot_be_built_is_said_in_a_sentence(shop, tmp_path, words, says):
    done = run("features", "build", "--data", shop, "--out", tmp_path / "out", *words)
    assert done.exit_code == 2
    assert says in done.output
