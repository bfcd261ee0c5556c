import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.size_fit.level import apply_level, learn_level


def test_a_level_brings_many_lines_to_what_was_observed():
    random = np.random.default_rng(0)
    predicted = random.dirichlet([2.0, 16.0, 2.0], 200_000)
    y = random.choice(3, 200_000, p=[0.13, 0.76, 0.11])
    level = learn_level(predicted, y)
    assert level[1] == 0.0
    mean = apply_level(predicted, level).mean(axis=0)
    np.testing.assert_allclose(mean, [0.13, 0.76, 0.11], atol=0.002)


def test_few_lines_move_little():
    predicted = np.tile([0.1, 0.8, 0.1], (30, 1))
    moved = apply_level(predicted, learn_level(predicted, np.zeros(30, dtype=np.int64)))
    assert 0.1 < moved[0, 0] < 0.13


@given(st.lists(st.floats(-2, 2), min_size=3, max_size=3))
def test_predictions_stay_chances(level):
    predicted = np.array([[0.2, 0.7, 0.1], [0.0, 1.0, 0.0]])
    moved = apply_level(predicted, np.array(level))
    assert moved.sum(axis=1) == pytest.approx([1.0, 1.0])
    assert ((moved >= 0) & (moved <= 1)).all()
