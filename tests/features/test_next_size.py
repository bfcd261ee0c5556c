import datetime as dt
import itertools
import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from features.children import UNTIL_WORN_US, YEAR_US
from features.growth import stature
from features.next_size import (
    HORIZON_WEEKS,
    HeightSize,
    KeptSizes,
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


AGE = 0.8
ASKED = dt.datetime(2026, 3, 2, tzinfo=dt.UTC).timestamp()
HABIT = 4.0


def weeks_kept(kept, spread=2.0, age=AGE):
    """Weeks until a boy of the median stature is too tall for 75 cm, and how sure that is."""
    height = (stature(age, "male")[0], spread)
    return weeks_until(75.0, height if kept is None else kept.sharpen(height, age, "male"),
                       age, "male")  # fmt: skip


@given(st.floats(0.1, 8.0), st.floats(0.5, 30.0), st.floats(0.3, 4.0))
def test_kept_sizes_above_the_age_bring_the_day_nearer_and_below_push_it_away(
    above, variance, spread
):
    assume(above < 2.9 * math.sqrt(variance + spread**2))
    plain, _ = weeks_kept(None, spread)
    assert weeks_kept(KeptSizes(above, variance), spread)[0] < plain
    assert weeks_kept(KeptSizes(-above, variance), spread)[0] > plain


@given(st.floats(-8.0, 8.0), st.floats(0.5, 30.0), st.floats(0.3, 4.0), st.floats(-2.0, 2.0))
def test_with_kept_sizes_the_stature_lies_between_both_signs_and_is_surer(
    above, variance, spread, z
):
    median, deviation = stature(AGE, "male")
    mean = median + z * deviation
    assume(abs(median + above - mean) < 2.9 * math.sqrt(variance + spread**2))
    sharper, left = KeptSizes(above, variance).sharpen((mean, spread), AGE, "male")
    low, high = sorted((mean, median + above))
    assert low - 1e-9 <= sharper <= high + 1e-9
    assert left < min(spread, math.sqrt(variance))
    # Two independent signs: their precisions add up.
    assert 1 / left**2 == pytest.approx(1 / spread**2 + 1 / variance)


def test_sizes_kept_for_another_child_say_nothing():
    height = (stature(AGE, "male")[0], 1.0)
    for above in (-18.0, 18.0):
        assert KeptSizes(above, HABIT).sharpen(height, AGE, "male") == height


def test_beside_a_sharp_measurement_kept_sizes_hardly_matter():
    kept = KeptSizes(5.0, HABIT)
    moved = {spread: weeks_kept(None, spread)[0] - weeks_kept(kept, spread)[0]
             for spread in (0.1, 3.0)}  # fmt: skip
    assert 0 < moved[0.1] < 0.1
    assert moved[3.0] > 20 * moved[0.1]


def test_the_more_lines_were_kept_the_more_they_say():
    """Chance evens out with the number, taste does not."""
    by_lines = [KeptSizes(5.0, HABIT + 9.0 / lines) for lines in (1, 2, 5, 50)]
    weeks, blur = zip(*map(weeks_kept, by_lines), strict=True)
    assert all(later < sooner for sooner, later in itertools.pairwise(weeks))
    assert all(later < sooner for sooner, later in itertools.pairwise(blur))


@pytest.mark.parametrize("height", [(math.nan, 2.0), (72.0, math.nan)])
def test_kept_sizes_say_nothing_where_the_stature_is_unknown(height):
    told = KeptSizes(5.0, HABIT).sharpen(height, AGE, "male")
    assert [str(each) for each in told] == [str(each) for each in height]


def test_kept_sizes_say_nothing_where_the_age_is_unknown():
    height = (72.0, 2.0)
    assert KeptSizes(5.0, HABIT).sharpen(height, math.nan, "male") == height


@pytest.mark.parametrize("kept", [KeptSizes(math.nan, HABIT), KeptSizes(5.0, math.nan)])
def test_kept_sizes_that_are_unknown_take_nothing_away(kept):
    height = (72.0, 2.0)
    assert kept.sharpen(height, AGE, "male") == height


def test_the_answer_to_a_question_counts_with_the_kept_sizes():
    wait = UNTIL_WORN_US / YEAR_US
    median, _ = stature(AGE, "male")
    person = {"expected_height_cm": median, "expected_height_sd": 1.0, "age_years": AGE - wait}
    weeks = {
        above: next_size_of(
            person, SIZES, "74", audience="boys", asked_at=ASKED,
            kept=None if above is None else KeptSizes(above, 0.5),
        ).weeks
        for above in (None, 1.5, -1.5)
    }  # fmt: skip
    assert weeks[1.5] < weeks[None] < weeks[-1.5]
    unknown = {**person, "age_years": math.nan}
    assert next_size_of(
        unknown, SIZES, "74", audience="boys", asked_at=ASKED, kept=KeptSizes(1.5, 0.5)
    ) is None  # fmt: skip
