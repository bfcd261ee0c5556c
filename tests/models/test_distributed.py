"""Training by two worker processes against training in this one, the vectors on disk."""

import os
import time
from pathlib import Path

import lightgbm as lgb
import numpy as np
import psutil
import pytest
from dask.distributed import wait
from sklearn.metrics import log_loss, roc_auc_score

from data_contracts.readers import read_tables
from features.return_risk import VECTORS
from features.return_risk_space import ReturnRiskSpace
from models.distributed import DaskTrainer, connected, local_workers
from models.return_risk import ReturnRisk
from models.vectors import HeldVectors, train_here
from models.vectors_on_disk import VectorParts, write_part
from pipelines.importers import IMPORTERS

RETURNS = Path(__file__).parents[3] / "shared" / "data" / "fashion_returns.parquet"
NAMES = ["gap", "brand", "price"]
SETTINGS = {
    "objective": "multiclass",
    "num_class": 3,
    "verbosity": -1,
    "min_child_samples": 10,
    "num_leaves": 6,
    "seed": 3,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "feature_fraction": 0.9,
}


@pytest.fixture(scope="module")
def client():
    with local_workers(2) as connection:
        yield connection


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    """A folder, its matrix and outcomes of three kinds, of which one part alone has the third."""
    random = np.random.default_rng(4)
    X = np.column_stack(
        [random.normal(size=3200), random.integers(0, 5, 3200), random.normal(size=3200)]
    )
    y = (X[:, 0] + 0.7 * (X[:, 1] == 2) + 0.3 * random.normal(size=3200) > 0).astype(int)
    y[2400:][X[2400:, 0] > 1] = 2
    folder = tmp_path_factory.mktemp("vectors")
    for number, rows in enumerate(np.array_split(np.arange(3200), 4)):
        write_part(folder, number, X[rows], NAMES, {"y": y[rows]})
    return VectorParts.open(folder, NAMES), X, y


def without_price(block, first):
    return np.column_stack([block[:, :2], np.full(len(block), np.nan)])


def test_two_workers_make_the_boosters_one_process_makes(client, lines):
    parts, X, y = lines
    given = {"rounds": 25, "names": NAMES, "coded": [1], "view": without_price}
    members = [SETTINGS, {**SETTINGS, "seed": 4}]
    here = train_here(parts, y, members, **given)
    there = DaskTrainer(client)(parts, y, members, **given)
    seen = without_price(X, 0)
    for one, other in zip(here, there, strict=True):
        assert other.feature_name() == NAMES
        assert other.num_trees() == one.num_trees() == 75
        assert other.feature_importance()[2] == 0
        chances = other.predict(seen)
        assert log_loss(y, chances) == pytest.approx(log_loss(y, one.predict(seen)), abs=0.01)
        assert np.abs(chances - one.predict(seen)).mean() < 0.02


def test_the_process_that_asks_reads_no_vector(client, lines, monkeypatch):
    parts, _, y = lines

    def refused(*_):
        raise AssertionError("the vectors are read where they should not be")

    monkeypatch.setattr(VectorParts, "_batches", refused)
    with pytest.raises(AssertionError):
        parts.matrix()
    [booster] = DaskTrainer(client)(parts, y, [SETTINGS], rounds=2)
    assert booster.num_trees() == 6


def test_every_worker_has_its_share(client, lines):
    parts, _, y = lines
    X, _ = DaskTrainer(client)._arrays(parts, y, None)
    pieces = client.compute(list(X.to_delayed().ravel()))
    wait(pieces)
    where = [place for places in client.who_has(pieces).values() for place in places]
    assert sorted(where.count(place) for place in client.ncores()) == [2, 2]


def test_the_saved_model_tells_no_address(client, lines):
    parts, _, y = lines
    [booster] = DaskTrainer(client)(parts, y, [SETTINGS], rounds=2)
    text = booster.model_to_string()
    assert "127.0.0.1" not in text
    assert "listen" not in text
    assert lgb.Booster(model_str=text).num_trees() == 6


def test_vectors_in_memory_are_refused(client, lines):
    with pytest.raises(TypeError, match="fit_parts"):
        DaskTrainer(client)(HeldVectors(lines[1]), lines[2], [SETTINGS], rounds=2)


def test_a_running_cluster_is_joined(client, lines):
    parts, _, y = lines
    with connected(client.scheduler.address) as joined:
        [booster] = DaskTrainer(joined)(parts, y, [SETTINGS], rounds=2)
    assert booster.num_trees() == 6


@pytest.mark.skipif(not RETURNS.is_file(), reason="needs fashion_returns.parquet in ../shared/data")
def test_return_risk_of_two_workers_ranks_as_well_on_real_returns(client, tmp_path):
    IMPORTERS["fashion-returns"](RETURNS, tmp_path / "tables")
    tables = read_tables(tmp_path / "tables")
    data = ReturnRiskSpace().fit(tables).data(tables)
    known = np.flatnonzero(data.y >= 0)
    known = known[np.argsort(data.at[known], kind="stable")]
    learn, judge = np.split(known, [int(0.7 * len(known))])
    for number, rows in enumerate(np.array_split(learn, 4)):
        facts = data.facts.iloc[rows]
        columns = {
            "y": data.y[rows],
            "at": data.at[rows],
            "mature": data.mature[rows],
            **{
                name: facts[name].to_numpy(object)
                for name in ("order_id", "product_id", "customer_id")
            },
        }
        write_part(tmp_path / "vectors", number, data.X[rows], VECTORS["checkout"], columns)
    # Without bagging: which lines it draws depends on who holds them.
    params = {"n_estimators": 40, "members": 2, "bagging_fraction": 1.0, "num_threads": 1}
    one = ReturnRisk(**params).fit_parts(tmp_path / "vectors")
    two = ReturnRisk(**params).fit_parts(tmp_path / "vectors", train=DaskTrainer(client))
    back = data.y[judge] > 0
    ranked = [roc_auc_score(back, model.chance(data.X[judge])) for model in (one, two)]
    assert ranked[0] > 0.64
    assert ranked[1] == pytest.approx(ranked[0], abs=0.002)
    chances = two.predict_proba(data.X[judge])
    np.testing.assert_allclose(chances.sum(axis=1), 1.0)
    assert (
        abs((1 - chances[:, 0]).mean() - (1 - one.predict_proba(data.X[judge])[:, 0]).mean()) < 0.01
    )


def test_workers_listen_to_this_machine_alone_and_end():
    with local_workers(1) as client:
        [pid] = client.run(os.getpid).values()
        listening = [
            each.laddr.ip
            for process in (psutil.Process(), psutil.Process(pid))
            for each in process.net_connections("inet")
            if each.status == psutil.CONN_LISTEN
        ]
        assert set(listening) == {"127.0.0.1"}
    until = time.monotonic() + 30
    while psutil.pid_exists(pid) and time.monotonic() < until:
        time.sleep(0.1)
    assert not psutil.pid_exists(pid)
