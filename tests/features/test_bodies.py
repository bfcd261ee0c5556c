import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.bodies import BODY_COLUMNS, NaturalSize, body_matrix, cup_index, grown_height

CHEST, WAIST, AGE = (BODY_COLUMNS.index(name) for name in ("chest_cm", "waist_cm", "age_years"))
SCALE = "women|girth"


def planted(rows=600, seed=0, noise=0.2):
    """Bodies whose chest alone decides the size: a step every 4 cm from 90 cm."""
    random = np.random.default_rng(seed)
    size = random.normal(0.0, 6.0, rows)
    body = np.full((rows, len(BODY_COLUMNS)), np.nan)
    body[:, 0] = 168 + 0.3 * size + random.normal(0, 6, rows)
    body[:, 1] = 62 + 0.8 * size + random.normal(0, 5, rows)
    body[:, CHEST] = 90 + size
    body[:, WAIST] = 72 + 0.9 * size + random.normal(0, 3, rows)
    position = (body[:, CHEST] - 90) / 4 + random.normal(0, noise, rows)
    return body, np.full(rows, SCALE, dtype=object), position


BODY, SCALES, POSITION = planted()
NATURAL = NaturalSize().fit(BODY, SCALES, POSITION)


def ask(known, figures=BODY[0]):
    """Natural size and spread of one body of which only some figures are known."""
    body = np.full((1, len(BODY_COLUMNS)), np.nan)
    for column in known:
        body[0, column] = figures[column]
    mean, spread = NATURAL.predict(body, np.array([SCALE], dtype=object))
    return float(mean[0]), float(spread[0])


def test_a_planted_linear_relation_is_recovered():
    at = np.array([82.0, 90.0, 98.0])
    body = np.full((3, len(BODY_COLUMNS)), np.nan)
    body[:, CHEST] = at
    mean, spread = NATURAL.predict(body, np.full(3, SCALE, dtype=object))
    np.testing.assert_allclose(mean, (at - 90) / 4, atol=0.15)
    assert (spread < 0.5).all()


@given(st.sets(st.integers(0, 7)), st.sets(st.integers(0, 7)))
def test_more_figures_known_never_widen_the_spread(known, further):
    assert ask(known | further)[1] <= ask(known)[1] + 1e-12


def test_a_figure_that_tells_the_size_narrows_the_spread():
    assert ask({CHEST})[1] < 0.6 * ask({WAIST})[1] < 0.6 * ask(set())[1]


def test_without_any_figure_the_mean_of_the_scale_is_given_with_its_whole_spread():
    mean, width = NATURAL.of_scale(np.array([SCALE], dtype=object))
    assert ask(set()) == pytest.approx((mean[0], width[0]))


def test_an_unknown_scale_has_no_natural_size():
    for scale in ("men|foot", None):
        mean, spread = NATURAL.predict(BODY[:1], np.array([scale], dtype=object))
        assert np.isnan(mean).all()
        assert np.isnan(spread).all()


def test_a_scale_with_a_handful_of_orders_is_not_learned():
    few = NaturalSize().fit(BODY[:10], SCALES[:10], POSITION[:10])
    assert np.isnan(few.predict(BODY, SCALES)[0]).all()


def test_batch_equals_single():
    body = np.where(np.random.default_rng(1).random(BODY.shape) < 0.4, np.nan, BODY)[:50]
    mean, spread = NATURAL.predict(body, SCALES[:50])
    for i in range(50):
        one_mean, one_spread = NATURAL.predict(body[i : i + 1], SCALES[:1])
        np.testing.assert_allclose([mean[i], spread[i]], [one_mean[0], one_spread[0]], rtol=1e-12)


def test_the_order_of_the_lines_does_not_matter():
    order = np.random.default_rng(2).permutation(len(BODY))
    other = NaturalSize().fit(BODY[order], SCALES[order], POSITION[order])
    np.testing.assert_allclose(
        other.predict(BODY, SCALES)[0], NATURAL.predict(BODY, SCALES)[0], atol=1e-9
    )


def test_orders_for_somebody_else_do_not_move_the_natural_size():
    gifts = POSITION.copy()
    gifts[:30] += 12.0
    other = NaturalSize().fit(BODY, SCALES, gifts)
    mean, _ = other.predict(BODY, SCALES)
    np.testing.assert_allclose(mean[30:], NATURAL.predict(BODY, SCALES)[0][30:], atol=0.15)


def test_missing_figures_are_allowed_in_training():
    body = np.where(np.random.default_rng(3).random(BODY.shape) < 0.5, np.nan, BODY)
    mean, spread = NaturalSize().fit(body, SCALES, POSITION).predict(body, SCALES)
    assert np.isfinite(mean).all()
    assert (spread > 0).all()


def test_saved_moments_predict_as_before():
    back = NaturalSize.from_json(json.loads(json.dumps(NATURAL.to_json())))
    for was, now in zip(NATURAL.predict(BODY, SCALES), back.predict(BODY, SCALES), strict=True):
        np.testing.assert_array_equal(was, now)


def test_fitting_anew_forgets_what_was_learned_before():
    natural = NaturalSize().fit(BODY, SCALES, POSITION)
    natural.predict(BODY, SCALES)
    natural.fit(BODY, SCALES, POSITION + 5.0)
    np.testing.assert_allclose(
        natural.predict(BODY, SCALES)[0], NATURAL.predict(BODY, SCALES)[0] + 5.0, atol=1e-9
    )


def test_cups_stand_in_their_order():
    places = [cup_index(cup) for cup in ("AA", "a", "b ", "C", "d", "dd", "f", "g", "h", "j")]
    assert places == sorted(places)
    assert len(set(places)) == len(places)


@pytest.mark.parametrize("cup", [None, np.nan, "", "?", "none", 3])
def test_an_unreadable_cup_is_unknown(cup):
    assert np.isnan(cup_index(cup))


def test_absent_columns_are_unknown_figures():
    people = pd.DataFrame({"height_cm": [170.0, 180.0], "cup": ["b", None]})
    body = body_matrix(people)
    assert body.shape == (2, len(BODY_COLUMNS))
    np.testing.assert_array_equal(body[:, BODY_COLUMNS.index("cup_index")], [2.0, np.nan])
    assert np.isnan(body[:, CHEST]).all()


def test_children_grow_and_the_grown_do_not():
    height = np.array([75.0, 110.0, 180.0, 100.0])
    grown = grown_height(
        height, np.array([1.0, 5.0, 20.0, np.nan]), np.array([2.0, 10.0, 30.0, 6.0])
    )
    np.testing.assert_allclose(grown[:2], [87.0, 138.0], atol=4.0)
    np.testing.assert_array_equal(grown[2:], height[2:])


@given(st.floats(0, 18), st.floats(0, 18))
def test_nobody_shrinks(then, now):
    assert grown_height(np.array([80.0]), np.array([then]), np.array([now]))[0] >= 80.0
