import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.bodies import BODY_COLUMNS, NaturalSize, body_matrix, cup_index
from features.geometry import ScaleGeometry

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


CHARTS = {
    SCALE: ScaleGeometry(
        {"chest_cm": (-22.5, 0.25), "waist_cm": (-18.0, 0.25), "hip_cm": (-24.0, 0.25)}
    ),
    f"{SCALE}/bottom": ScaleGeometry(
        {"chest_cm": (-22.5, 0.25), "waist_cm": (-18.0, 0.25), "hip_cm": (-24.0, 0.25)},
        weights={"hip_cm": 1.0},
    ),
}
NONE = (np.empty((0, len(BODY_COLUMNS))), np.empty(0, dtype=object), np.empty(0))
UNTRIED = NaturalSize().fit(*NONE, geometry=CHARTS)


def person(**figures):
    return [figures.get(name, np.nan) for name in BODY_COLUMNS]


def test_charts_give_a_natural_size_before_anybody_has_ordered():
    small, _ = UNTRIED.predict_one(person(chest_cm=84.0, waist_cm=66.0, hip_cm=90.0), SCALE)
    large, _ = UNTRIED.predict_one(person(chest_cm=108.0, waist_cm=90.0, hip_cm=114.0), SCALE)
    assert large - small == pytest.approx(6.0, rel=0.2)
    assert small == pytest.approx(-1.5, abs=0.6)
    assert np.isfinite(UNTRIED.of_scale(np.array([SCALE], dtype=object))).all()


@pytest.mark.parametrize("natural", [UNTRIED, NATURAL], ids=["charts alone", "orders"])
def test_height_and_weight_tell_less_than_chest_and_waist(natural):
    blind = natural.predict_one(person(height_cm=168.0, weight_kg=62.0), SCALE)[1]
    sure = natural.predict_one(person(chest_cm=91.0, waist_cm=73.0), SCALE)[1]
    assert sure < 0.95 * blind


@given(st.sets(st.integers(0, 7)), st.sets(st.integers(0, 7)))
def test_of_charts_alone_too_more_figures_never_widen_the_spread(known, further):
    def left(columns):
        return UNTRIED.spread_of([i in columns for i in range(len(BODY_COLUMNS))], SCALE)

    assert left(known | further) <= left(known) + 1e-12


def test_the_spread_of_known_figures_is_that_of_the_answer():
    body = person(height_cm=168.0, waist_cm=73.0)
    _, spread = NATURAL.predict_one(body, SCALE)
    assert NATURAL.spread_of(np.isfinite(body), SCALE) == spread
    assert np.isnan(NATURAL.spread_of(np.isfinite(body), "men|foot"))


def test_orders_move_what_the_charts_say_the_more_the_more_there_are():
    # Everybody takes two sizes more than the charts say.
    off = []
    for lines in (10, 40, 400):
        body, scale, position = planted(lines)
        natural = NaturalSize().fit(body, scale, position + 2.0, geometry=CHARTS)
        told = person(chest_cm=90.0, waist_cm=72.0, hip_cm=96.0)
        off.append(natural.predict_one(told, SCALE)[0])
    assert 0.1 < off[0] < off[1] < off[2]
    assert off[2] == pytest.approx(2.0, abs=0.3)


def test_thousands_of_orders_leave_nothing_of_the_charts():
    body, scale, position = planted(6000)
    charts = NaturalSize().fit(body, scale, position, geometry=CHARTS)
    plain = NaturalSize().fit(body, scale, position)
    for known, alone in zip(charts.predict(body, scale), plain.predict(body, scale), strict=True):
        np.testing.assert_allclose(known, alone, atol=0.1)


def test_the_hip_decides_on_the_part_of_a_scale_where_it_binds():
    wide = person(chest_cm=88.0, waist_cm=72.0, hip_cm=112.0)
    whole, part = (UNTRIED.predict_one(wide, name)[0] for name in (SCALE, f"{SCALE}/bottom"))
    assert part > whole + 1.0
    both = UNTRIED.predict(np.array([wide, wide]), np.array(list(CHARTS), dtype=object))[0]
    np.testing.assert_allclose(both, [whole, part])


def test_a_part_without_orders_is_read_as_the_whole():
    asked = np.full(len(BODY), f"{SCALE}/top", dtype=object)
    for part, whole in zip(
        NATURAL.predict(BODY, asked), NATURAL.predict(BODY, SCALES), strict=True
    ):
        np.testing.assert_array_equal(part, whole)
    assert NATURAL.predict_one(BODY[0].tolist(), asked[0]) == pytest.approx(
        NATURAL.predict_one(BODY[0].tolist(), SCALE)
    )
    assert NATURAL.of_scale(asked[:1]) == NATURAL.of_scale(SCALES[:1])


def test_a_part_with_few_orders_leans_on_the_whole_and_one_with_many_stands_alone():
    parts = np.where(np.arange(len(BODY)) < 20, f"{SCALE}/few", f"{SCALE}/many").astype(object)
    moved = POSITION + np.where(np.arange(len(BODY)) < 20, 3.0, 0.0)
    natural = NaturalSize().fit(BODY, parts, moved)
    at = person(chest_cm=90.0)
    few, many, whole = (
        natural.predict_one(at, name)[0] for name in (f"{SCALE}/few", f"{SCALE}/many", SCALE)
    )
    assert abs(many) < 0.3
    assert whole < few < 2.0


def test_a_body_that_cannot_be_is_answered_with_a_wider_spread():
    told = person(chest_cm=91.0, waist_cm=73.0, hip_cm=97.0)
    wrong = person(chest_cm=91.0, waist_cm=173.0, hip_cm=97.0)
    for natural in (UNTRIED, NATURAL):
        mean, spread = natural.predict_one(told, SCALE)
        doubted, wide = natural.predict_one(wrong, SCALE)
        assert wide > spread
        assert abs(doubted - mean) < 1.0  # the waist alone would be eight sizes more


def test_tall_and_light_beyond_belief_is_answered_with_a_wider_spread():
    _, spread = UNTRIED.predict_one(person(height_cm=168.0, weight_kg=60.0), SCALE)
    _, wide = UNTRIED.predict_one(person(height_cm=190.0, weight_kg=40.0), SCALE)
    assert wide > 1.1 * spread


@given(st.lists(st.none() | st.floats(0.4, 2.2), min_size=8, max_size=8))
def test_one_body_is_answered_as_in_a_batch_believed_or_not(shares):
    usual = (165.0, 64.0, 92.0, 74.0, 99.0, 24.5, 3.0, 15.0)
    body = [np.nan if s is None else s * figure for s, figure in zip(shares, usual, strict=True)]
    scale = np.array([SCALE], dtype=object)
    mean, spread = UNTRIED.predict(np.array([body]), scale)
    assert UNTRIED.predict_one(body, SCALE) == pytest.approx((mean[0], spread[0]), rel=1e-6)


def test_what_is_usual_among_the_people_of_a_shop_is_believed():
    # A shop whose people tell the band of their bra as their chest.
    body, scale, position = planted(3000)
    body[:, CHEST] -= 28.0
    natural = NaturalSize().fit(body, scale, position)
    told = person(height_cm=168.0, weight_kg=63.0, chest_cm=62.0, waist_cm=73.0)
    usual = natural.spread_of(np.isfinite(told), SCALE)
    assert natural.predict_one(told, SCALE)[1] == pytest.approx(usual)
    wild = person(height_cm=168.0, weight_kg=63.0, chest_cm=140.0, waist_cm=73.0)
    assert natural.predict_one(wild, SCALE)[1] > 1.5 * usual


def test_wild_figures_in_training_do_not_move_the_natural_size():
    body, scale, position = (part.copy() for part in (BODY, SCALES, POSITION))
    random = np.random.default_rng(4)
    wild = np.full((30, len(BODY_COLUMNS)), np.nan)
    wild[:, 0], wild[:, 1] = 210.0, 32.0
    wild[:, CHEST] = random.uniform(170, 200, 30)
    natural = NaturalSize().fit(
        np.vstack([body, wild]), np.append(scale, scale[:30]), np.append(position, position[:30])
    )
    told, _ = natural.predict(BODY, SCALES)
    np.testing.assert_allclose(told, NATURAL.predict(BODY, SCALES)[0], atol=0.1)


def test_what_people_tell_otherwise_is_learned_from_what_they_keep():
    random = np.random.default_rng(5)
    size = random.normal(0, 2, 800)
    body = np.full((800, len(BODY_COLUMNS)), np.nan)
    for column, told in ((CHEST, 0.0), (WAIST, -3.0), (4, 0.5)):
        zero = {CHEST: 90.0, WAIST: 72.0, 4: 96.0}[column]
        body[:, column] = zero + 4 * size + told + random.normal(0, 2, 800)
    scale = np.full(800, SCALE, dtype=object)
    kept = random.random(800) < 0.7
    position = np.where(kept, size, size + 4.0)  # what went back was far too large
    natural = NaturalSize().fit(body, scale, position, geometry=CHARTS, kept=kept)
    bias = natural.bias_[SCALE]
    assert bias["waist_cm"] == pytest.approx(-3.0, abs=0.5)
    assert bias["chest_cm"] == pytest.approx(0.0, abs=0.5)
    assert bias["hip_cm"] == pytest.approx(0.5, abs=0.5)
    back = NaturalSize.from_json(json.loads(json.dumps(natural.to_json())))
    assert back.bias_ == natural.bias_


def test_too_few_or_one_figure_tell_nothing_of_how_people_tell():
    assert UNTRIED.bias_ == {}
    alone = np.where(np.arange(len(BODY_COLUMNS)) == CHEST, BODY, np.nan)
    assert NaturalSize().fit(alone, SCALES, POSITION, geometry=CHARTS).bias_ == {}
