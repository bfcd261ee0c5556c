import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.anthropometry import LOG_KG, body_moments
from features.bodies import BODY_COLUMNS, NaturalSize
from features.geometry import ScaleGeometry
from features.plausibility import LEAST, Judge, judge_of, kind_of, shape


def body(**figures):
    return np.array([[figures.get(name, np.nan) for name in BODY_COLUMNS]])


def belief(kind, **figures):
    """In one body, which is judged alone as in a batch."""
    shaped = shape(body(**figures))
    known = np.isfinite(shaped[0])
    judge = judge_of(kind)
    (batch,) = judge.weights(shaped, known)
    assert judge.weight_one(shaped[0].tolist(), known.tolist()) == pytest.approx(batch, rel=1e-6)
    return batch


@pytest.mark.parametrize(
    ("kind", "figures"),
    [
        ("female", {"height_cm": 165.0, "weight_kg": 60.0}),
        ("female", {"height_cm": 150.0, "weight_kg": 39.0}),
        ("female", {"height_cm": 165.0, "weight_kg": 130.0, "waist_cm": 118.0}),
        ("female", {"height_cm": 186.0, "weight_kg": 70.0, "hip_cm": 98.0}),
        ("male", {"height_cm": 195.0, "weight_kg": 75.0}),
        ("male", {"height_cm": 175.0, "weight_kg": 150.0, "waist_cm": 140.0}),
        ("grown", {"chest_cm": 120.0, "waist_cm": 115.0, "foot_length_cm": 27.0}),
        ("child", {"height_cm": 92.0, "weight_kg": 13.5, "age_years": 2.5}),
        ("child", {"height_cm": 52.0, "weight_kg": 3.6, "age_years": 0.05}),
    ],
)
def test_small_tall_light_and_heavy_people_are_believed(kind, figures):
    assert belief(kind, **figures) == 1.0


@pytest.mark.parametrize(
    ("kind", "figures"),
    [
        ("female", {"height_cm": 190.0, "weight_kg": 40.0}),
        ("male", {"height_cm": 165.0, "weight_kg": 300.0}),
        ("male", {"height_cm": 180.0, "weight_kg": 80.0, "waist_cm": 50.0}),
        ("female", {"chest_cm": 92.0, "hip_cm": 200.0}),
        ("male", {"height_cm": 180.0, "foot_length_cm": 12.0}),
        ("child", {"height_cm": 140.0, "age_years": 1.0}),
        ("child", {"height_cm": 80.0, "weight_kg": 45.0, "age_years": 1.0}),
    ],
)
def test_figures_that_cannot_be_of_one_body_are_not_believed(kind, figures):
    assert belief(kind, **figures) < 0.2


def test_of_bodies_as_surveyed_next_to_none_is_doubted():
    random = np.random.default_rng(0)
    for kind in ("female", "male"):
        people = random.multivariate_normal(*body_moments(kind), 4000)
        for known in random.random((40, people.shape[1])) < 0.6:
            assert (judge_of(kind).weights(people, known) < 1).mean() < 0.001


@given(
    st.lists(st.none() | st.floats(0.5, 1.8), min_size=6, max_size=6),
    st.sampled_from(["female", "male", "grown", "child"]),
)
def test_one_body_is_judged_as_in_a_batch(shares, kind):
    usual = body_moments(kind)[0][:6].copy()
    usual[1] = math.exp(usual[1] / LOG_KG)
    figures = [
        math.nan if each is None else each * x for each, x in zip(shares, usual, strict=True)
    ]
    shaped = shape(np.array([[*figures, math.nan, math.nan]]))
    known = np.isfinite(shaped[0])
    judge = judge_of(kind)
    batch = judge.weights(shaped, known)[0]
    assert LEAST <= batch <= 1.0
    assert judge.weight_one(shaped[0].tolist(), known.tolist()) == pytest.approx(batch, rel=1e-6)


def test_the_figure_that_contradicts_the_others_is_found():
    shaped = shape(body(height_cm=168.0, weight_kg=62.0, chest_cm=91.0, waist_cm=172.0))
    known = np.isfinite(shaped[0]).tolist()
    wrong = dict(judge_of("female").without_one(shaped[0].tolist(), known))
    assert wrong[BODY_COLUMNS.index("waist_cm")] > 0.99
    assert sum(wrong.values()) == pytest.approx(1.0)


def test_a_figure_alone_is_believed():
    for figures in ({"height_cm": 240.0}, {"weight_kg": 390.0}, {}):
        assert belief("female", **figures) == 1.0


@pytest.mark.parametrize(
    ("kind", "figures"),
    [
        ("female", {"height_cm": 168.0, "weight_kg": 62.0, "waist_cm": 250.0}),
        ("female", {"height_cm": 168.0, "weight_kg": 400.0}),
        ("male", {"height_cm": 30.0, "weight_kg": 80.0}),
        ("male", {"height_cm": 180.0, "weight_kg": 80.0, "hip_cm": 600.0}),
        ("child", {"height_cm": 250.0, "age_years": 4.0}),
        ("child", {"height_cm": 260.0, "age_years": 4.0}),
    ],
)
def test_a_figure_at_or_beyond_the_bounds_is_no_more_believed_than_one_within(kind, figures):
    assert belief(kind, **figures) == LEAST


@pytest.mark.parametrize(
    ("scale", "figures"),
    [
        ("women|girth", {"height_cm": 168.0, "weight_kg": 62.0, "waist_cm": 250.0}),
        ("children|height@age", {"height_cm": 260.0, "age_years": 4.0}),
    ],
)
def test_a_body_beyond_the_bounds_is_answered_with_a_wider_spread(scale, figures):
    lines = {"waist_cm": (-14.0, 0.25)} if scale == "women|girth" else {"height_cm": (0.0, 1 / 6)}
    wear_days = 30.0 if "@age" in scale else None
    charts = {scale: ScaleGeometry(lines, wear_days=wear_days)}
    nobody = (np.empty((0, len(BODY_COLUMNS))), np.empty(0, dtype=object), np.empty(0))
    natural = NaturalSize().fit(*nobody, geometry=charts)
    told = body(**figures)
    mean, spread = natural.predict(told, np.array([scale], dtype=object))
    assert spread[0] > 2 * natural.spread_of(np.isfinite(told[0]).tolist(), scale)
    assert natural.predict_one(told[0].tolist(), scale) == pytest.approx((mean[0], spread[0]))


def test_the_kind_of_body_is_that_of_the_scale():
    names = ("women|girth/bottom", "men|foot", "unisex|ALPHA:letters", "children|height?", "any|x")
    assert [kind_of(name) for name in names] == ["female", "male", "grown", "child", None]
    assert judge_of(None) is None


def test_figures_that_the_bodies_do_not_tell_are_not_known_of_them():
    mean, covariance = body_moments("female")
    covariance = covariance.copy()
    covariance[5], covariance[:, 5] = 0.0, 0.0
    judge = Judge(mean, covariance, child=False)
    told = np.isfinite(body(height_cm=165.0, weight_kg=60.0)[0]).tolist()
    assert judge.knows(told)
    told[5] = True
    assert not judge.knows(told)
