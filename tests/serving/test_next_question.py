"""The one further answer that is asked for is the one that narrows the natural size most."""

import numpy as np
import pytest

from features.bodies import BODY_COLUMNS, UNNAMED, NaturalSize
from features.positions import AGED
from features.products_online import OnlineProduct
from features.questions import SizeQuestion
from features.size_fit import VECTOR
from features.size_fit_online import SizeContext
from serving.next_question import NextQuestion

SCALE = "women|girth"
HEIGHT = "children|height"
COLUMNS = {"age_years": "child_age", "cup": "cup_index"}


def moments(spread=1.0, **explains):
    """A scale on which each figure named explains that share of the position's variance."""
    count = len(BODY_COLUMNS)
    covariance = np.eye(count + 1)
    covariance[-1, -1] = spread**2
    for name, share in explains.items():
        place = BODY_COLUMNS.index(name)
        covariance[place, -1] = covariance[-1, place] = np.sqrt(share) * spread
    return np.zeros(count + 1), covariance


def asked_next(
    scales, *, told=(), known=(), audience="women", scale=SCALE, account=None, self_=0, two=0.0
):
    X = np.full((1, len(VECTOR)), np.nan)
    X[0, VECTOR.index("wearer_unnamed")] = self_
    X[0, VECTOR.index("wearers.two")] = two
    for name in (*told, *known):
        X[0, VECTOR.index(COLUMNS.get(name, name))] = 1.0
    product = OnlineProduct("p", ("S",), (scale,), None, None, audience, None, np.zeros((1, 1)))
    question = SizeQuestion(
        product_id="p", asked_at=0.0, customer_id=account, measurements=dict.fromkeys(told, 1.0)
    )
    context = SizeContext(product, ("S",), scale, X)
    return NextQuestion(NaturalSize(scales)).of(context, question)


def test_the_figure_that_explains_most_is_asked_for():
    scales = {SCALE: moments(chest_cm=0.5, waist_cm=0.3, weight_kg=0.1)}
    assert asked_next(scales) == "chest_cm"
    assert asked_next(scales, known=["chest_cm"]) == "waist_cm"


def test_who_wears_it_is_asked_where_an_account_orders_for_two():
    scales = {SCALE: moments(chest_cm=0.5)}
    assert asked_next(scales, account="c", two=0.9) == "wearer"
    assert asked_next(scales, account="c", two=0.2) == "chest_cm"
    assert asked_next(scales, account="c", two=0.9, told=["height_cm"]) == "chest_cm"


def test_what_is_told_is_not_asked_for_again():
    scales = {SCALE: moments(chest_cm=0.5, waist_cm=0.3)}
    assert asked_next(scales, told=["chest_cm"]) == "waist_cm"
    assert asked_next(scales, told=["chest_cm", "waist_cm"]) is None


def test_nothing_is_asked_for_that_would_not_help():
    assert asked_next({SCALE: moments(chest_cm=0.02)}) is None
    assert asked_next({}) is None


def test_a_cup_is_asked_for_by_its_name_in_the_request():
    assert asked_next({SCALE: moments(cup_index=0.5)}) == "cup"


@pytest.mark.parametrize("audience", ["baby", "girls", "boys"])
def test_a_child_is_asked_for_its_birth_date(audience):
    aged = {HEIGHT: moments(2.0, height_cm=0.1), HEIGHT + AGED: moments(0.5)}
    assert asked_next(aged, audience=audience, scale=HEIGHT) == "birth_date"
    told = {"told": ["age_years"], "scale": HEIGHT + AGED}
    assert asked_next(aged, audience=audience, **told) != "birth_date"


def test_who_will_wear_it_is_asked_where_the_account_may_tell():
    scales = {
        HEIGHT: moments(0.5),
        HEIGHT + UNNAMED: moments(2.0, height_cm=0.1),
    }
    asked = {"audience": "girls", "scale": HEIGHT}
    assert asked_next(scales, account="c", self_=1, **asked) == "wearer"
    assert asked_next(scales, account="c", self_=0, **asked) is None
    assert asked_next(scales, account=None, self_=1, **asked) == "height_cm"


@pytest.mark.parametrize("audience", ["women", "men", "unisex"])
def test_a_grown_up_is_not_asked_for_the_age(audience):
    scales = {SCALE: moments(age_years=0.5, chest_cm=0.2)}
    assert asked_next(scales, audience=audience) == "chest_cm"
    assert asked_next({SCALE: moments(age_years=0.5)}, audience=audience) is None


def test_a_foot_is_asked_for_where_shoes_are():
    explained = moments(foot_length_cm=0.8, height_cm=0.2)
    for scale in (SCALE, "women|girth/bottom", HEIGHT):
        assert asked_next({scale: explained}, scale=scale) == "height_cm"
    for scale in ("women|foot", "children|foot", f"children|foot{AGED}"):
        assert asked_next({scale: explained}, scale=scale) == "foot_length_cm"


def test_no_body_shape_is_asked_for():
    assert "body_shape" not in BODY_COLUMNS
    everything = moments(**dict.fromkeys(BODY_COLUMNS, 0.1))
    told, asked = [], "height_cm"
    while asked is not None:
        assert asked != "body_shape"
        told.append(asked)
        asked = asked_next({SCALE: everything}, told=told)
