import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.tables import BODY_RANGES
from features.growth import (
    GROWN_UP,
    MEASURED_SD,
    Persistence,
    age_at_stature,
    carry_z,
    foot_length,
    stature,
    stature_at,
    stature_later,
    stature_z,
    weight,
    weight_at,
    weight_later,
    weight_z,
)

MONTH = 1 / 12
SEXES = ("female", "male", None)
sexes = st.sampled_from(SEXES)
ages = st.floats(0.0, 18.5)
scores = st.floats(-3.0, 3.0)


@pytest.mark.parametrize(
    ("sex", "months", "published"),
    [
        ("male", 0, 49.9), ("female", 0, 49.1), ("male", 6, 67.6), ("female", 6, 65.7),
        ("male", 12, 75.7), ("female", 12, 74.0), ("male", 18, 82.3), ("female", 18, 80.7),
        ("male", 24, 87.1), ("female", 24, 85.7), ("male", 36, 96.1), ("female", 36, 95.1),
        ("male", 60, 110.0), ("female", 60, 109.4), ("male", 61, 110.3), ("female", 61, 109.6),
        ("male", 120, 137.8), ("female", 120, 138.6), ("male", 180, 169.0),
        ("female", 180, 161.7), ("male", 228, 176.5), ("female", 228, 163.2),
    ],
)  # fmt: skip
def test_medians_are_those_the_who_published(sex, months, published):
    """Lying length before 24 months, standing height from then on."""
    assert stature(months * MONTH, sex)[0] == pytest.approx(published, abs=0.06)


@pytest.mark.parametrize(
    ("sex", "months", "z", "published"),
    [
        ("male", 24, -2, 81.0), ("male", 24, 2, 93.2), ("female", 60, -2, 99.9),
        ("female", 60, 2, 118.9), ("male", 120, -2, 125.0), ("male", 120, 2, 150.5),
    ],
)  # fmt: skip
def test_standard_deviations_are_those_the_who_published(sex, months, z, published):
    assert stature_at(z, months * MONTH, sex) == pytest.approx(published, abs=0.06)


@pytest.mark.parametrize(
    ("sex", "months", "z", "published"),
    [
        ("male", 0, 0, 3.3), ("male", 12, 0, 9.6), ("female", 12, 0, 8.9), ("male", 12, -2, 7.7),
        ("male", 12, 2, 12.0), ("female", 60, 0, 18.2), ("male", 96, 0, 25.4),
        ("female", 120, 0, 31.9),
    ],
)  # fmt: skip
def test_weights_are_those_the_who_published(sex, months, z, published):
    assert weight_at(float(z), months * MONTH, sex) == pytest.approx(published, abs=0.06)


@given(scores, ages, sexes)
def test_height_and_score_are_inverse(z, age, sex):
    assert stature_z(stature_at(z, age, sex), age, sex) == pytest.approx(z, abs=1e-9)
    young = age / 2
    assert weight_z(weight_at(z, young, sex), young, sex) == pytest.approx(z, abs=1e-9)


@pytest.mark.parametrize("sex", SEXES)
@pytest.mark.parametrize("z", [-2.0, -1.0, 0.0, 1.0, 2.0])
def test_a_child_on_its_line_always_grows(sex, z):
    """Also over the second birthday, where the tables turn from lying to standing."""
    path = stature_at(np.full(800, z), np.linspace(0.0, 16.0, 800), sex)
    assert (np.diff(path) > 0).all()


@pytest.mark.parametrize("sex", SEXES)
@pytest.mark.parametrize("z", [-2.0, 0.0, 2.0])
def test_the_join_at_five_years_is_no_larger_step_than_its_neighbours(sex, z):
    months = np.arange(58, 65) * MONTH
    steps = np.diff(stature_at(np.full(7, z), months, sex))
    others = np.delete(steps, 2)  # from 60 to 61 months
    assert 0 < steps[2] <= others.max()


def test_before_birth_and_after_the_tables_nothing_grows():
    assert stature(-0.3, "male") == stature(0.0, "male")
    assert stature(40.0, "male") == stature(GROWN_UP + 0.1, "male")
    assert np.isnan(stature(np.nan, "male")).all()
    assert np.isnan(weight(11.0, "male")).all()


@given(ages)
def test_a_child_of_unknown_sex_stands_between_with_a_wider_spread(age):
    (girl, girls), (boy, boys) = stature(age, "female"), stature(age, "male")
    either, spread = stature(age, None)
    assert either == pytest.approx((girl + boy) / 2)
    assert spread >= min(girls, boys)
    assert spread**2 == pytest.approx((girls**2 + boys**2) / 2 + (girl - boy) ** 2 / 4, rel=0.02)


def test_one_child_is_read_as_many_are():
    rng = np.random.default_rng(4)
    then = rng.uniform(-0.2, 20.0, 300)
    now = then + rng.uniform(0.0, 2.0, 300)
    sex = rng.choice(np.array(["female", "male", None], dtype=object), 300)
    height = stature_at(rng.normal(size=300), then, sex)
    for function, columns in (
        (stature, (then, sex)),
        (weight, (then, sex)),
        (stature_later, (height, then, now, sex)),
        (weight_later, (height / 6, then, now, sex)),
        (foot_length, (height, then, sex)),
    ):
        many = function(*columns)
        single = [
            function(*[v if isinstance(v, str) or v is None else float(v) for v in row])
            for row in zip(*columns, strict=True)
        ]
        table = np.column_stack(many) if isinstance(many, tuple) else many
        np.testing.assert_allclose(np.array(single), table, rtol=1e-12, atol=1e-12)


@given(scores, st.floats(0.0, 17.0), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_a_percentile_regresses_and_blurs_as_the_gap_grows(z, age, gap, more):
    near, blur = carry_z(z, age, age + gap)
    far, wider = carry_z(z, age, age + gap + more)
    assert abs(far) <= abs(near) <= abs(z)
    assert wider >= blur
    assert carry_z(z, age, age) == (z, 0.0)


def test_persistence_is_that_seen_in_infants():
    """Correlations of length among 200 Dutch children (van Buuren 2023)."""
    seen = {(0, 1): 0.40, (0.25, 1): 0.64, (0.5, 1): 0.88, (0, 2): 0.28, (0.5, 2): 0.74,
            (1, 1.5): 0.88, (1, 2): 0.82, (1.5, 2): 0.89}  # fmt: skip
    for (then, now), correlation in seen.items():
        assert Persistence().correlation_one(then, now) == pytest.approx(correlation, abs=0.08)


@given(scores, st.floats(0.0, 25.0), st.floats(0.0, 5.0), sexes)
def test_nobody_shrinks(z, age, gap, sex):
    height = stature_at(z, age, sex)
    later, spread = stature_later(height, age, age + gap, sex)
    assert later >= height - 1e-9
    assert spread >= 0


def test_a_tall_child_stays_tall_and_a_grown_up_as_it_is():
    later, _ = stature_later(90.0, 2.0, 3.0, "male")
    assert (
        stature(3.0, "male")[0] + 1.5
        < later
        < stature_at(stature_z(90.0, 2.0, "male"), 3.0, "male")
    )
    assert stature_later(181.0, 20.0, 45.0, "male") == pytest.approx((181.0, MEASURED_SD))
    assert np.isnan(stature_later(90.0, np.nan, 3.0, "male")).all()


@given(st.floats(-2.0, 2.0), st.floats(0.1, 10.0), st.floats(0.2, 1.5), sexes)
def test_the_age_of_a_height_is_the_inverse_of_the_height_at_an_age(z, age, gap, sex):
    height, _ = stature_later(stature_at(z, age, sex), age, age + gap, sex)
    assert age_at_stature(height, z, sex, age) == pytest.approx(age + gap, abs=0.02)


def test_a_height_reached_is_reached_today_and_one_too_tall_never():
    assert age_at_stature(85.0, 0.0, "male", 2.0) == 2.0
    assert age_at_stature(230.0, 0.0, "male", 2.0) == np.inf
    assert np.isnan(age_at_stature(90.0, np.nan, "male", 2.0))


@pytest.mark.parametrize(
    ("sex", "age", "published", "spread"),
    [("male", 3.0, 15.6, 0.8), ("female", 3.0, 15.3, 0.9), ("male", 18.0, 25.8, 1.5),
     ("female", 17.0, 23.4, 1.3), ("male", 0.0, 8.0, 0.4)],
)  # fmt: skip
def test_feet_are_as_long_as_those_measured(sex, age, published, spread):
    """Cheng et al. 1997; newborns about 8 cm."""
    assert foot_length(stature(age, sex)[0], age, sex)[0] == pytest.approx(published, abs=spread)


@pytest.mark.parametrize("sex", SEXES)
@pytest.mark.parametrize(("birth", "six"), [(400.0, 60.0), (1.0, 10.0)])
def test_a_slip_of_the_scales_is_carried_as_a_very_heavy_or_light_child(sex, birth, six):
    later = weight_later(birth, 0.0, 6.0, sex)
    assert min(six, 20.0) <= later <= max(six, 20.0)
    many = weight_later(np.array([birth]), np.zeros(1), np.full(1, 6.0), sex)
    assert many[0] == pytest.approx(later)


@given(st.floats(1.0, 2000.0), ages, ages, sexes)
def test_whatever_was_told_what_is_carried_is_in_the_bounds_of_the_contract(told, one, other, sex):
    then, now = sorted((one, other))
    height, _ = stature_later(told, then, now, sex)
    assert BODY_RANGES["height_cm"][0] <= height <= BODY_RANGES["height_cm"][1]
    young, now = then / 2, now / 2
    kilograms = weight_later(told, young, now, sex)
    assert BODY_RANGES["weight_kg"][0] <= kilograms <= BODY_RANGES["weight_kg"][1]
    row = np.array([told]), np.array([young]), np.array([now]), sex
    np.testing.assert_allclose(weight_later(*row)[0], kilograms, rtol=1e-9)
    np.testing.assert_allclose(np.ravel(stature_later(*row)),
                               stature_later(told, young, now, sex), rtol=1e-9)  # fmt: skip
