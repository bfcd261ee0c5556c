import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.size_fit.decision import decide, flag_product

USUAL = np.array([0.12, 0.10])


def sizes(*ends):
    """Sizes as (small, large)."""
    return np.array([[small, 1 - small - large, large] for small, large in ends])


CLEAR = sizes((0.45, 0.02), (0.08, 0.05), (0.02, 0.48))


def test_a_size_that_clearly_fits_better_than_the_own_choice_is_advised():
    verdict = decide(CLEAR, own_fit=0.75, resolution=0.01)
    assert (verdict.status, verdict.best) == ("advised", 1)


def test_two_sizes_the_model_cannot_tell_apart_are_between_sizes():
    near = sizes((0.40, 0.02), (0.10, 0.06), (0.05, 0.12))
    assert decide(near, 0.6, resolution=0.02).status == "between_sizes"
    assert decide(near, 0.6, resolution=0.02).best == 1
    assert decide(near, 0.6, resolution=0.001).status == "advised"


@pytest.mark.parametrize("fit", [
    sizes((0.95, 0.0), (0.8, 0.0), (0.6, 0.05)), sizes((0.05, 0.6), (0.0, 0.8), (0.0, 0.95)),
])  # fmt: skip
def test_a_person_beyond_the_range_has_no_good_size(fit):
    verdict = decide(fit, own_fit=0.1, resolution=0.01)
    assert (verdict.status, verdict.best) == ("no_good_size", None)


def test_where_the_shoppers_own_choice_fits_better_nothing_is_said():
    verdict = decide(CLEAR, own_fit=0.95, resolution=0.01)
    assert (verdict.status, verdict.best) == ("not_enough_information", None)


@pytest.mark.parametrize(("fit", "own"), [(CLEAR * np.nan, 0.5), (CLEAR, np.nan)])
def test_what_is_not_known_is_not_advised_on(fit, own):
    verdict = decide(fit, own, resolution=0.01)
    assert (verdict.status, verdict.best) == ("not_enough_information", None)


def test_a_single_size_that_fits_is_advised():
    assert decide(sizes((0.1, 0.1)), 0.7, resolution=0.5).status == "advised"


@given(st.lists(st.tuples(st.floats(0, 0.5), st.floats(0, 0.5)), min_size=1, max_size=9),
       st.floats(0, 1), st.floats(0, 0.2))  # fmt: skip
def test_what_is_recommended_is_the_likeliest_to_fit(ends, own, resolution):
    fit = sizes(*ends)
    verdict = decide(fit, own, resolution)
    if verdict.best is not None:
        assert verdict.status in ("advised", "between_sizes")
        assert fit[verdict.best, 1] == fit[:, 1].max()
    else:
        assert verdict.status in ("no_good_size", "not_enough_information")


def test_a_product_many_call_small_runs_small_and_its_mirror_runs_large():
    even = np.array([0.11, 0.11])
    assert flag_product(20, 20, 1, even) == "runs_small"
    assert flag_product(1, 20, 20, even) == "runs_large"


def test_a_product_like_the_shop_is_true_to_size():
    assert flag_product(60, 390, 50, USUAL) == "true_to_size"


@pytest.mark.parametrize("told", [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 1), (1, 5, 1)])
def test_a_handful_of_words_is_no_evidence(told):
    assert flag_product(*told, USUAL) is None


def test_the_same_shares_become_a_flag_with_more_words():
    flags = [flag_product(0.3 * n, 0.6 * n, 0.1 * n, USUAL) for n in (2, 500)]
    assert flags == [None, "runs_small"]


@given(st.floats(0, 500), st.floats(0, 500), st.floats(0, 500))
def test_a_flag_never_contradicts_what_was_told(small, fit, large):
    flag = flag_product(small, fit, large, USUAL)
    assert flag != "runs_small" or small > large
    assert flag != "runs_large" or large > small
