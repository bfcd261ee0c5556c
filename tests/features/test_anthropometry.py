import numpy as np
import pytest

from features.anthropometry import (
    CHILD_AGES,
    FIGURES,
    KINDS,
    LOG_KG,
    body_moments,
    expected,
    moments,
)
from features.growth import stature, weight

WAIST = FIGURES.index("waist_cm")


def body(**figures):
    return np.array([[figures.get(name, np.nan) for name in FIGURES]])


@pytest.mark.parametrize("sex", ["female", "male", None])
@pytest.mark.parametrize("age", [None, *CHILD_AGES[::4], 17.0])
def test_figures_of_a_body_are_jointly_possible(sex, age):
    found = moments(sex, age)
    assert np.linalg.eigvalsh(found.covariance).min() > 0
    np.testing.assert_allclose(found.covariance, found.covariance.T, atol=1e-9)


def test_grown_ups_measure_what_the_surveys_found():
    # ANSUR II (Gordon et al. 2014): means of women and men, hip at the buttocks.
    women, men = moments("female"), moments("male")
    np.testing.assert_allclose(women.mean[[0, 2, 4, 5]], [162.9, 94.7, 102.1, 24.6], atol=0.8)
    np.testing.assert_allclose(men.mean[[0, 2, 4, 5]], [175.6, 105.9, 101.9, 27.1], atol=0.8)
    mean_kg = [np.exp(m.mean[1] / LOG_KG) * np.exp(0.2**2 / 2) for m in (women, men)]
    np.testing.assert_allclose(mean_kg, [67.8, 85.5], rtol=0.02)


def test_children_are_as_tall_and_heavy_as_the_who_says():
    for age in (0.5, 3.0, 9.0):
        found = moments("female", age)
        assert (found.mean[0], np.sqrt(found.covariance[0, 0])) == pytest.approx(
            stature(age, "female")
        )
        assert np.exp(found.mean[1] / LOG_KG) == pytest.approx(weight(age, "female")[0])


def test_bodies_grow_with_age_in_every_figure():
    for sex in ("female", "male", None):
        means = np.array([moments(sex, age).mean for age in CHILD_AGES])
        assert (np.diff(means, axis=0) > 0).all()


def test_a_heavier_person_of_the_same_height_is_wider():
    light, _ = expected(body(height_cm=170.0, weight_kg=55.0), "female")
    heavy, _ = expected(body(height_cm=170.0, weight_kg=90.0), "female")
    assert (heavy[0, 2:5] > light[0, 2:5] + 8).all()


def test_what_is_told_is_returned_and_narrows_the_rest():
    alone, wide = expected(body(height_cm=180.0), "male")
    more, narrow = expected(body(height_cm=180.0, weight_kg=80.0), "male")
    assert alone[0, 0] == more[0, 0] == 180.0
    assert wide[0, 0] == narrow[0, 1] == 0.0
    assert (narrow[0, 2:5] < 0.6 * wide[0, 2:5]).all()
    assert more[0, 1] == pytest.approx(80.0)


def test_of_unknown_sex_the_spread_holds_both_sexes():
    told = body(height_cm=170.0, weight_kg=70.0)
    women, narrow = expected(told, "female")
    either, wide = expected(told, None)
    men, _ = expected(told, "male")
    assert women[0, WAIST] < either[0, WAIST] < men[0, WAIST]
    assert wide[0, WAIST] > narrow[0, WAIST]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_body_has_moments_over_all_columns(kind):
    mean, covariance = body_moments(kind)
    assert mean.shape == (8,)
    assert np.linalg.eigvalsh(covariance).min() > 0
    age = covariance[0, 7] / np.sqrt(covariance[0, 0] * covariance[7, 7])
    assert (age > 0.9) == (kind == "child")
