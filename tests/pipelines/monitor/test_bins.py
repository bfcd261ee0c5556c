import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipelines.monitor.bins import FEWEST_ROWS, Bins

NUMBERS = st.one_of(
    st.just(float("nan")), st.sampled_from([0.0, 1.0, -2.5]), st.floats(-1e9, 1e9, width=32)
)


@given(arrays(np.float64, st.integers(0, 400), elements=NUMBERS))
def test_every_row_falls_into_one_bin(x):
    bins = Bins.of(x)
    counts = bins.count(x)
    assert counts.sum() == len(x)
    assert len(counts) == len(bins.labels)
    assert counts[-1] == np.isnan(x).sum()


@given(arrays(np.float64, st.integers(0, 400), elements=NUMBERS))
def test_no_bin_of_a_number_tells_of_a_few(x):
    bins = Bins.of(x)
    if bins.edges:
        assert bins.count(x)[:-1].min() >= FEWEST_ROWS
    assert Bins.from_json(json.loads(json.dumps(bins.to_json()))) == bins


def test_bins_are_of_about_equal_counts_and_stay_where_they_were_cut():
    rng = np.random.default_rng(0)
    x = rng.normal(size=10_000)
    bins = Bins.of(x)
    assert len(bins.edges) == 9
    np.testing.assert_allclose(bins.count(x)[:-1], 1000, atol=5)
    assert bins.count(x + 10)[-2] == 10_000
    assert bins.labels[0].startswith("up to ")


def test_a_feature_of_two_values_has_two_bins():
    x = np.r_[np.zeros(700), np.ones(300)]
    assert Bins.of(x).count(x).tolist() == [700, 300, 0]


def test_categories_go_by_name_and_rare_ones_are_put_together():
    codes = np.r_[np.zeros(50), np.ones(30), np.full(3, 2.0), [np.nan]]
    bins = Bins.of(codes, ["DE", "US", "VA"])
    assert bins.labels == ("DE", "US", "other", "missing or new")
    assert bins.count(codes).tolist() == [50, 30, 3, 1]
    assert bins.count(np.array([7.0, 1.0])).tolist() == [0, 1, 1, 0]
    assert Bins.from_json(json.loads(json.dumps(bins.to_json()))) == bins


@pytest.mark.parametrize("x", [[], [np.nan] * 30, [1.0] * 5])
def test_what_cannot_be_cut_is_one_bin_beside_the_missing(x):
    bins = Bins.of(np.array(x, dtype=float))
    assert bins.labels == ("any", "missing")
    assert bins.count(np.array([3.0, np.nan])).tolist() == [1, 1]
