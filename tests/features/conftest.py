"""One small shop, its fitted space and its vectors, shared by all tests of the features."""

from collections.abc import Callable

import pandas as pd
import pytest

from features.size_fit_space import SizeFitData, SizeFitSpace
from pipelines.simulate import simulate

Tables = dict[str, pd.DataFrame]


@pytest.fixture(scope="session")
def tables() -> Tables:
    """A shop that sells to grown-ups and children; nobody may change it in place."""
    return simulate(1500, seed=5).tables


@pytest.fixture(scope="session")
def space(tables) -> SizeFitSpace:
    return SizeFitSpace().fit(tables)


@pytest.fixture(scope="session")
def data(tables, space) -> SizeFitData:
    return space.data(tables)


@pytest.fixture(scope="session")
def moment(tables) -> pd.Timestamp:
    """A moment with history before it and orders after it: when one of the orders was placed."""
    return tables["order_lines"]["ordered_at"].sort_values().iloc[900]


@pytest.fixture(scope="session")
def shuffled(tables) -> Tables:
    """The same shop, the rows of every table in another order."""
    return {
        name: table.sample(frac=1.0, random_state=17).reset_index(drop=True)
        for name, table in tables.items()
    }


@pytest.fixture
def with_table(tables) -> Callable[..., Tables]:
    """The shop with some tables replaced."""
    return lambda **other: {**tables, **other}
