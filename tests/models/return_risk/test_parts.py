import numpy as np
import pytest

from features.return_risk import VECTORS
from features.return_risk_space import ReturnRiskSpace
from models.return_risk import ReturnRisk
from models.vectors_on_disk import PartsError, write_part

PARAMS = {"n_estimators": 15, "members": 2, "min_child_samples": 20, "num_threads": 1}
NAMES = VECTORS["checkout"]


@pytest.fixture(scope="module")
def data(tables):
    return ReturnRiskSpace().fit(tables).data(tables)


def columns(data, rows):
    facts = data.facts.iloc[rows]
    return {
        "y": data.y[rows],
        "at": data.at[rows],
        "mature": data.mature[rows],
        "order_line_id": data.ids[rows],
        **{name: facts[name].to_numpy(object) for name in ("order_id", "product_id")},
        "customer_id": facts["customer_id"].to_numpy(object),
    }


@pytest.fixture(scope="module")
def folder(data, tmp_path_factory):
    """All lines, those without an outcome among them."""
    target = tmp_path_factory.mktemp("vectors")
    for number, rows in enumerate(np.array_split(np.arange(len(data.y)), 5)):
        write_part(target, number, data.X[rows], NAMES, columns(data, rows))
    return target


@pytest.fixture(scope="module")
def fitted(data):
    known = np.flatnonzero(data.y >= 0)
    given = columns(data, known)
    return ReturnRisk(**PARAMS).fit(
        data.X[known],
        data.y[known],
        groups=given["order_id"],
        mature=given["mature"],
        product=given["product_id"],
        customer=given["customer_id"],
    )


def test_it_is_the_model_of_the_same_lines_in_memory(data, folder, fitted, monkeypatch):
    monkeypatch.setattr("models.vectors_on_disk._BLOCK_BYTES", 8 * len(NAMES) * 256)
    assert (data.y < 0).any()
    streamed = ReturnRisk(**PARAMS).fit_parts(folder)
    np.testing.assert_array_equal(streamed.predict_proba(data.X), fitted.predict_proba(data.X))
    chance = fitted.chance(data.X)
    np.testing.assert_array_equal(
        streamed.interval(data.X, chance), fitted.interval(data.X, chance)
    )
    assert streamed.calibration_ == fitted.calibration_


def test_calibration_is_learned_of_the_newest_lines_where_there_are_very_many(
    data, folder, fitted, monkeypatch
):
    monkeypatch.setattr("models.return_risk.estimator._MOST_JUDGED", 600)
    seen = []

    def noting(cls, score, back, **rest):
        seen.append(len(score))
        return cls(1.0, 0.0, None, 0.0)

    monkeypatch.setattr(
        "models.return_risk.estimator.Calibration.fit", classmethod(noting), raising=True
    )
    model = ReturnRisk(**PARAMS).fit_parts(folder)
    assert seen[0] <= 620
    for one, other in zip(model.boosters_, fitted.boosters_, strict=True):
        assert one.model_to_string() == other.model_to_string()


def test_parts_without_the_orders_are_refused(data, tmp_path):
    rows = np.arange(50)
    given = {name: value for name, value in columns(data, rows).items() if name != "order_id"}
    write_part(tmp_path, 0, data.X[rows], NAMES, given)
    with pytest.raises(PartsError, match="order_id"):
        ReturnRisk(**PARAMS).fit_parts(tmp_path)


def test_vectors_of_the_checkout_do_not_serve_the_delivery(folder):
    with pytest.raises(PartsError, match="delivery_days"):
        ReturnRisk(**PARAMS, moment="delivered").fit_parts(folder)
