import json
import math

import numpy as np
import pandas as pd
import pytest

from features.frames import AgeFrame, is_growing
from features.growth import foot_length, stature

DAY = 1 / 365.25


def lines(age, height, scale="children|height", sex=None):
    count = len(age)
    return pd.DataFrame(
        {
            "scale": pd.Series([scale] * count, dtype=object),
            "position": np.asarray(height, dtype="float64") / 6.0,
            "age_years": np.asarray(age, dtype="float64"),
            "sex": pd.Series([sex] * count, dtype=object),
        }
    )


def frame(days=0.0):
    return AgeFrame({"children|height": 6.0, "children|foot": 0.5}, days)


def test_the_size_of_the_median_child_stands_at_nil_at_every_age():
    age = np.array([0.1, 0.8, 2.0, 5.5, 11.0])
    out = frame().apply(lines(age, stature(age, None)[0]))
    assert set(out["scale"]) == {"children|height@age"}
    np.testing.assert_allclose(out["position"], 0.0, atol=1e-9)


def test_a_tall_child_stays_above_its_age_as_it_grows():
    age = np.array([1.0, 1.5, 2.5])
    median, spread = stature(age, "female")
    out = frame().apply(lines(age, median + spread, sex="female"))
    assert (out["position"] > 0.3).all()


def test_where_no_age_is_known_nothing_changes():
    told = lines([np.nan, 30.0, 4.0], [80.0, 170.0, 104.0])
    told.loc[2, "scale"] = "women|girth"
    out = frame().apply(told)
    pd.testing.assert_frame_equal(out[list(told)], told)
    assert (out["age_position"] == 0).all()


def test_shoes_are_counted_from_the_foot_of_the_age():
    age = 3.0
    height = stature(age, "male")[0]
    foot = foot_length(height, age, "male")[0]
    out = frame().apply(lines([age], [foot / 0.5 * 6.0], "children|foot", "male"))
    assert out["scale"].tolist() == ["children|foot@age"]
    assert out["position"].tolist() == pytest.approx([0.0], abs=1e-9)


@pytest.mark.parametrize("scale", ["children|height", "children|foot", "women|girth", None])
@pytest.mark.parametrize("age", [0.0, 0.4, 7.3, 18.5, 44.0, math.nan])
@pytest.mark.parametrize("sex", ["female", "male", None])
def test_one_question_is_read_as_a_table_is(scale, age, sex):
    told = lines([age], [80.0], scale, sex)
    out = frame(25.0).apply(told)
    name, taken = frame(25.0).of_one(scale, age, sex)
    assert name == (out["scale"].iloc[0] if scale else None)
    assert taken == pytest.approx(out["age_position"].iloc[0])


def test_how_far_ahead_parents_buy_is_learned_from_infants():
    random = np.random.default_rng(4)
    age = random.uniform(0.05, 4.0, 4000)
    worn = stature(age + 70 * DAY, None)[0] + random.normal(0, 3.0, 4000) + 2.0
    learned = AgeFrame({"children|height": 6.0, "children|foot": 0.5}).fit(lines(age, worn))
    assert 55 < learned.wear_days_ < 80
    few = AgeFrame({"children|height": 6.0, "children|foot": 0.5}).fit(lines(age[:3], worn[:3]))
    assert 20 < few.wear_days_ < 45


def test_a_saved_frame_reads_as_before():
    back = AgeFrame.from_json(json.loads(json.dumps(frame(41.5).to_json())))
    assert back == frame(41.5)


def test_only_children_of_unknown_age_grow_out_of_their_histories():
    names = ["children|height", "children|height@age", "women|girth", None]
    assert [is_growing(name) for name in names] == [1.0, 0.0, 0.0, 0.0]
