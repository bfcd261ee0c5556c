"""One small shop and a `size_fit` trained on it, for the tests of the models."""

import pytest

pytest.register_assert_rewrite("contract")

from pipelines.fit_size import fit_size_fit  # noqa: E402 - the contract must be registered first
from pipelines.simulate import simulate  # noqa: E402

PARAMS = {"n_estimators": 12, "members": 1, "min_child_samples": 20, "num_threads": 1}


@pytest.fixture(scope="session")
def tables():
    return simulate(2400, seed=9).tables


@pytest.fixture(scope="session")
def trained(tables):
    """Space, model and data of the shop."""
    return fit_size_fit(tables, params=PARAMS)
