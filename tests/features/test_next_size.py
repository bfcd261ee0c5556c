import datetime as dt
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.children import UNTIL_WORN_US, YEAR_US
from features.growth import stature
from features.next_size import (
    HORIZON_WEEKS,
    HeightSize,
    next_size,
    next_size_of,
    weeks_until,
)

TODAY = dt.date(2026, 3, 2)
SIZES = [HeightSize(str(top), top - 6.0, float(top)) for top in range(50, 177, 6)]


def right_size(height):
    return next(size.label for size in SIZES if height <= size.high)


def ask(height, age, sex="male", spread=0.5, label=None, sizes=SIZES):
    return next_size(
        sizes, label or right_size(height), height=(height, spread), age=age, sex=sex, today=TODAY
    )


def test_a_median_boy_crosses_when_the_table_says():
    """68 cm: between 67.6 at 6 months and 69.2 at 7."""
    weeks, blur = weeks_until(68.0, (67.6, 0.5), 0.5, "male")
    assert weeks == pytest.approx(0.4 / 1.6 * 30.4 / 7, abs=0.3)
    assert blur == pytest.approx(0.5 / 1.6 * 30.4 / 7, abs=0.3)


def test_the_answer_names_the_size_the_weeks_and_the_day():
    answer = ask(72.0, 0.8)
    assert answer.label == "80"
    assert answer.on == TODAY + dt.timedelta(weeks=answer.weeks)
    exact, _ = weeks_until(74.0, (72.0, 0.5), 0.8, "male")
    assert abs(answer.weeks - exact) <= 1


@given(st.floats(0.1, 9.0), st.floats(-2.0, 2.0), st.sampled_from(["female", "male", None]))
def test_the_taller_child_is_never_told_later(age, z, sex):
    """Of two children in the same size."""
    median, spread = stature(age, sex)
    height = median + z * spread
    label = right_size(height)
    top = float(label)
    near, _ = weeks_until(top, ((height + top) / 2, 0.5), age, sex)
    far, _ = weeks_until(top, (height, 0.5), age, sex)
    assert near <= far + 1e-9


@given(st.floats(0.0, 12.0), st.floats(-2.0, 2.0), st.floats(0.2, 4.0))
def test_what_is_said_is_within_half_a_year_and_as_round_as_it_is_vague(age, z, spread):
    median, deviation = stature(age, "female")
    height = median + z * deviation
    answer = ask(height, age, "female", spread)
    if answer is not None:
        _, blur = weeks_until(float(right_size(height)), (height, spread), age, "female")
        assert 1 <= answer.weeks <= HORIZON_WEEKS
        assert answer.weeks % (4 if blur > 4 else 2 if blur > 2 else 1) == 0


def test_a_height_guessed_from_the_birth_date_is_told_roughly_or_not_at_all():
    assert ask(67.6, 0.5, spread=stature(0.5, "male")[1]).weeks % 4 == 0
    assert ask(96.1, 3.0, spread=stature(3.0, "male")[1]) is None


def test_nothing_is_said_where_nothing_is_known():
    assert ask(72.0, math.nan) is None
    assert ask(72.0, 0.8, spread=math.nan) is None
    assert ask(72.0, 0.8, label="no such size") is None
    assert ask(172.0, 15.0, label=SIZES[-1].label) is None
    assert ask(115.0, 30.0) is None
    assert ask(110.5, 5.0) is None  # over half a year away


def test_a_child_who_has_outgrown_the_size_is_told_nothing():
    assert ask(75.0, 0.8, label="74") is None


def test_sizes_told_by_their_middles_part_half_way():
    middles = [HeightSize(size.label, size.high - 3, size.high - 3) for size in SIZES]
    assert ask(72.0, 0.8, label="74", sizes=middles) == ask(72.0, 0.8)


def test_a_wearer_is_read_from_the_day_of_wearing():
    """Weeks count from the question, the height from three weeks later."""
    wait = UNTIL_WORN_US / YEAR_US
    asked = dt.datetime(2026, 3, 2, tzinfo=dt.UTC).timestamp()
    person = {"expected_height_cm": 72.0, "expected_height_sd": 0.5, "age_years": 0.8 - wait}
    answer = next_size_of(person, SIZES, "74", audience="boys", asked_at=asked)
    exact, _ = weeks_until(74.0, (72.0, 0.5), 0.8, "male")
    assert abs(answer.weeks - (exact + wait * 365.25 / 7)) <= 1
    assert answer.on == TODAY + dt.timedelta(weeks=answer.weeks)
    assert next_size_of({}, SIZES, "74", audience="boys", asked_at=asked) is None


def test_a_child_to_be_born_grows_from_its_birth_on():
    born = 10 / (365.25 / 7)
    for height in (51.0, 54.0):
        today, _ = weeks_until(height, (49.9, 0.7), 0.0, "male")
        before, _ = weeks_until(height, (49.9, 0.7), -born, "male")
        assert before == pytest.approx(today + 10, abs=0.5)
