"""Models in a process without the libraries of training answer as in one with them."""

import subprocess
import sys

import lightgbm
import numpy as np
import pytest
from sklearn.base import BaseEstimator, is_classifier

from models.abuse import AbuseModel
from models.predicting import import_to_predict
from models.return_risk import ReturnRisk
from models.size_fit import SizeFit

PREDICT = """
import sys
from models.predicting import import_to_predict
import_to_predict()
import lightgbm, numpy as np
from models.size_fit import SizeFit
model = SizeFit.load(sys.argv[1])
X = np.load(sys.argv[2])
np.savez(
    sys.argv[3],
    chances=model.predict_proba(X),
    fit=model.curves(X, np.arange(0, len(X), 3)).fit,
    params=repr(sorted(model.get_params().items())),
)
assert not {"pandas", "sklearn", "dask", "scipy.stats"} & sys.modules.keys()
try:
    SizeFit().predict_proba(X)
except ValueError as error:
    assert "this SizeFit is not fitted" in str(error)
else:
    raise AssertionError("answered without having learned")
import pandas, sklearn.base  # both are there for whoever wants them
"""


def test_a_model_predicts_the_same_to_the_last_bit(trained, tmp_path):
    _, model, data = trained
    X = np.ascontiguousarray(data.X[:300])
    model.save(tmp_path / "model")
    np.save(tmp_path / "X.npy", X)
    files = [tmp_path / "model", tmp_path / "X.npy", tmp_path / "told.npz"]
    subprocess.run([sys.executable, "-c", PREDICT, *map(str, files)], check=True)
    told = np.load(tmp_path / "told.npz")
    loaded = SizeFit.load(tmp_path / "model")
    np.testing.assert_array_equal(told["chances"], loaded.predict_proba(X))
    np.testing.assert_array_equal(told["fit"], loaded.curves(X, np.arange(0, 300, 3)).fit)
    assert str(told["params"]) == repr(sorted(loaded.get_params().items()))


def test_where_training_is_loaded_already_nothing_changes():
    import_to_predict()
    assert "sklearn" in sys.modules
    assert issubclass(lightgbm.LGBMClassifier, BaseEstimator)


@pytest.mark.parametrize("kind", [SizeFit, ReturnRisk, AbuseModel])
def test_a_model_is_a_scikit_learn_classifier_where_that_is_there(kind):
    assert issubclass(kind, BaseEstimator)
    assert is_classifier(kind())
