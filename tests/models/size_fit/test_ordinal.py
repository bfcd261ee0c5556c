import numpy as np
import pytest

from features.size_fit import VECTOR
from models.size_fit.ordinal import ORDINAL_COLUMNS, OrdinalFit

AT = {name: i for i, name in enumerate(ORDINAL_COLUMNS)}
RATES = [name for name in ORDINAL_COLUMNS if name.endswith((".small", ".large"))]


def shop(rows=1200, seed=0, runs_small=0.0):
    """Shoppers who err by a third of a step and say so where a size is off by more than 0.75."""
    random = np.random.default_rng(seed)
    X = np.zeros((rows, len(ORDINAL_COLUMNS)))
    body = random.normal(5.0, 2.0, rows)
    X[:, AT["natural"]] = body + random.normal(0, 0.6, rows)
    X[:, AT["natural_sd"]] = 0.6
    X[:, AT["position"]] = np.round(body + random.normal(0, 0.5, rows))
    X[:, AT["scale_mean"]], X[:, AT["scale_sd"]] = 5.0, 2.1
    X[:, [AT[name] for name in RATES]] = 0.1
    distance = X[:, AT["position"]] - body - runs_small + random.normal(0, 0.2, rows)
    return X, np.digitize(distance, [-0.75, 0.75])


@pytest.fixture(scope="module")
def lines():
    return shop()


@pytest.fixture(scope="module")
def model(lines):
    return OrdinalFit().fit(*lines)


def sizes(X, places):
    """The first line's person before these positions of one product."""
    rows = np.repeat(X[:1], len(places), axis=0)
    rows[:, AT["position"]] = places
    return rows


def test_its_columns_are_in_the_vector():
    assert set(ORDINAL_COLUMNS) <= set(VECTOR)
    assert len(set(ORDINAL_COLUMNS)) == len(ORDINAL_COLUMNS)


def test_outcomes_are_shares_that_sum_to_one(model, lines):
    outlook = model.outlook(lines[0])
    for chances in (outlook.would, outlook.chosen):
        assert ((chances >= 0) & (chances <= 1)).all()
        np.testing.assert_allclose(chances.sum(axis=1), 1.0, atol=1e-6)


def test_a_size_ten_times_as_large_is_too_small_ever_more_rarely(model, lines):
    would = model.outlook(sizes(lines[0], np.linspace(0.5, 50.0, 200))).would
    assert (np.diff(would[:, 0]) <= 0).all()
    assert (np.diff(would[:, 2]) >= 0).all()
    assert would[0, 0] > 0.9 > 0.1 > would[-1, 0]


def test_a_chosen_size_tells_of_the_body_so_its_curve_is_flatter(model, lines):
    natural = lines[0][0, AT["natural"]]
    outlook = model.outlook(sizes(lines[0], natural + np.array([-1.0, 1.0])))
    assert np.ptp(outlook.chosen[:, 0]) < np.ptp(outlook.would[:, 0])


def test_the_predicted_shares_are_those_of_the_lines(model, lines):
    X, y = lines
    predicted = model.outlook(X).chosen.mean(axis=0)
    np.testing.assert_allclose(predicted, np.bincount(y, minlength=3) / len(y), atol=0.03)


def test_a_shop_that_runs_small_is_expected_to_be_too_small_more_often(model):
    X, y = shop(seed=1, runs_small=0.3)
    other = OrdinalFit().fit(X, y)
    assert other.outlook(X).would[:, 0].mean() > model.outlook(X).would[:, 0].mean() + 0.03


def test_the_natural_size_is_the_likeliest_choice_and_fits_best(model, lines):
    places = lines[0][0, AT["natural"]] + np.arange(-3.0, 4.0)
    outlook = model.outlook(sizes(lines[0], places))
    assert np.argmax(outlook.taste) in (2, 3, 4)
    assert np.argmax(outlook.would[:, 1]) in (2, 3, 4)


def test_a_product_told_to_be_small_is_expected_to_be_small(model, lines):
    row = lines[0][:1].copy()
    plain = model.outlook(row).would[0, 0]
    for name in ("product.small", "product_size.small"):
        row[:, AT[name]] = 0.5
    assert model.outlook(row).would[0, 0] > plain


def test_batch_equals_single(model, lines):
    whole = model.outlook(lines[0][:20])
    for row in range(20):
        alone = model.outlook(lines[0][row : row + 1])
        np.testing.assert_allclose(alone.would[0], whole.would[row], rtol=1e-12)
        np.testing.assert_allclose(alone.taste[0], whole.taste[row], rtol=1e-12)


def test_the_same_seed_gives_the_same_parameters(lines):
    one, other = (OrdinalFit().fit(*lines, rows=500, seed=4) for _ in range(2))
    assert one.parameters_ == other.parameters_


def test_parameters_written_and_read_predict_the_same(model, lines):
    back = OrdinalFit.from_parameters(model.parameters_)
    np.testing.assert_array_equal(back.outlook(lines[0]).would, model.outlook(lines[0]).would)


def test_lines_without_a_natural_size_are_not_learned_from(model, lines):
    X, y = lines
    unknown = X[:300].copy()
    unknown[:, AT["natural"]] = np.nan
    more = OrdinalFit().fit(np.vstack([X, unknown]), np.r_[y, np.zeros(300, dtype=int)])
    np.testing.assert_allclose(
        list(more.parameters_.values()), list(model.parameters_.values()), rtol=1e-9
    )


def test_without_a_usable_line_the_parameters_are_those_of_the_prior(lines):
    X = np.full((5, len(ORDINAL_COLUMNS)), np.nan)
    model = OrdinalFit().fit(X, np.array([0, 1, 2, 1, 1]))
    would = model.outlook(sizes(lines[0], np.arange(1.0, 9.0))).would
    assert np.isfinite(would).all()
    assert (np.diff(would[:, 0]) < 0).all()


def test_silence_is_a_weaker_word_than_fit(lines):
    """Where half of those who keep say nothing, some of them put up with a bad fit."""
    X, y = lines
    told = (y != 1) | (np.random.default_rng(3).random(len(y)) < 0.5)
    silent = OrdinalFit().fit(X, y, told)
    spoken = OrdinalFit().fit(X, y)
    assert silent.outlook(X).would[:, 1].mean() < spoken.outlook(X).would[:, 1].mean()
