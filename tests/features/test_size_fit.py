import numpy as np
import pytest

from features.size_fit import FACTS, HISTORIES, SUMS, VECTOR, kept_shift, size_fit_vectors

BASE = np.array([0.12, 0.08])
RATED = [name.removesuffix(".small") for name in VECTOR if name.endswith(".small")]
HISTORY = {history.name: i for i, history in enumerate(HISTORIES)}
AT = {name: i for i, name in enumerate(VECTOR)}


def one(facts=None, sums=None):
    """The vector of one question by name; facts unknown and sums nil unless told."""
    known, happened = np.full((1, len(FACTS)), np.nan), np.zeros((1, len(HISTORIES), len(SUMS)))
    for name, value in (facts or {}).items():
        known[0, FACTS.index(name)] = value
    for (history, name), value in (sums or {}).items():
        happened[0, HISTORY[history], SUMS.index(name)] = value
    return dict(zip(VECTOR, size_fit_vectors(known, happened, BASE)[0], strict=True))


def test_no_question_has_no_vector():
    none = size_fit_vectors(
        np.empty((0, len(FACTS))), np.empty((0, len(HISTORIES), len(SUMS))), BASE
    )
    assert none.shape == (0, len(VECTOR))


def test_every_column_has_its_own_name():
    assert len(set(VECTOR)) == len(VECTOR)


def test_facts_come_first_and_unchanged():
    facts = np.arange(len(FACTS), dtype="float64")[None, :]
    vector = size_fit_vectors(facts, np.zeros((1, len(HISTORIES), len(SUMS))), BASE)
    np.testing.assert_array_equal(vector[:, : len(FACTS)], facts)


def test_a_key_without_history_has_the_rates_of_the_shop():
    vector = one()
    for name in RATED:
        assert vector[f"{name}.small"] == pytest.approx(BASE[0])
        assert vector[f"{name}.large"] == pytest.approx(BASE[1])
        assert vector[f"{name}.log_told"] == 0.0


@pytest.mark.parametrize("history", RATED)
def test_rates_move_from_the_shops_towards_what_was_told(history):
    rates = [one(sums={(history, "small"): n})[f"{history}.small"] for n in (0, 1, 5, 50, 5000)]
    assert rates == sorted(rates)
    assert len(set(rates)) == len(rates)
    assert 0.9 < rates[-1] < 1.0


def test_rates_of_both_ends_and_their_rest_are_shares():
    random = np.random.default_rng(0)
    sums = random.poisson(3.0, (200, len(HISTORIES), len(SUMS))).astype("float64")
    vectors = size_fit_vectors(np.full((200, len(FACTS)), np.nan), sums, BASE)
    for name in RATED:
        small, large = vectors[:, AT[f"{name}.small"]], vectors[:, AT[f"{name}.large"]]
        assert ((small > 0) & (large > 0) & (small + large < 1)).all()


def test_a_new_product_is_read_by_its_brand_and_the_brand_by_its_category():
    vector = one(sums={("category", "large"): 500.0})
    assert vector["product_size.large"] == pytest.approx(vector["category.large"])
    assert vector["category.large"] > 0.5
    vector = one(sums={("brand", "small"): 500.0})
    assert vector["product.small"] == pytest.approx(vector["brand.small"])
    assert vector["category.small"] == pytest.approx(BASE[0])


def test_keeping_without_a_word_speaks_for_the_fit():
    quiet = one(sums={("product", "small"): 2.0, ("product", "kept"): 30.0})
    told = one(sums={("product", "small"): 2.0})
    assert quiet["product.small"] < told["product.small"]


def test_what_is_kept_and_told_to_fit_is_not_counted_twice():
    told = {("product", "fit"): 30.0}
    assert one(sums={**told, ("product", "kept"): 30.0}) == pytest.approx(
        one(sums=told), nan_ok=True
    )


def test_unknown_figures_stay_unknown():
    vector = one()
    for name in ("bmi", "chest_gap", "from_fit", "from_orders", "grown_position"):
        assert np.isnan(vector[name])


def test_gaps_are_body_less_chart():
    vector = one({"chest_cm": 94.0, "chest_mid": 90.0, "height_cm": 170.0, "weight_kg": 65.0,
                  "height_mid": 172.0})  # fmt: skip
    assert vector["chest_gap"] == 4.0
    assert vector["height_gap"] == -2.0
    assert vector["bmi"] == pytest.approx(65 / 1.7**2)


def test_who_names_no_wearer_is_read_by_all_the_account_ordered():
    sums = {("account_scale", "recent_orders"): 3.0, ("person_scale", "recent_orders"): 1.0}
    assert one({"wearer_unnamed": 1.0}, sums)["recent_orders"] == 3.0
    assert one({"wearer_unnamed": 0.0}, sums)["recent_orders"] == 1.0


def test_what_was_kept_is_read_from_kept_lines_alone():
    """Three sizes of 5, 6 and 10 were taken and the largest sent back; likewise of the product."""
    kept = {("person_scale", "kept"): 2.0, ("person_scale", "kept_fair"): 11.0,
            ("product", "kept_surplus"): 4.0, ("product", "kept_weight"): 2.0}  # fmt: skip
    taken = {("person_scale", "orders"): 3.0, ("person_scale", "fair"): 21.0}
    vector = one({"position": 6.0}, {**kept, **taken})
    assert vector["person_scale.kept"] == 2.0
    assert vector["from_kept"] == pytest.approx(6.0 - 5.5)
    assert vector["from_orders"] == pytest.approx(6.0 - 7.0)
    assert vector["product.kept_shift"] == pytest.approx(kept_shift(4.0, 2.0))
    assert vector["product.shift"] == 0.0


def test_who_kept_nothing_is_not_read_by_what_was_kept():
    taken = {("person_scale", "orders"): 3.0, ("person_scale", "fair"): 21.0}
    vector = one({"position": 6.0}, {**taken, ("product", "surplus"): 4.0})
    assert vector["person_scale.kept"] == 0.0
    assert np.isnan(vector["from_kept"])
    assert vector["product.kept_shift"] == 0.0


def test_the_shift_of_a_product_grows_with_the_lines_that_were_kept():
    """All of them one step above what their people usually take."""
    shifts = [kept_shift(lines, lines) for lines in (0.0, 1.0, 10.0, 1000.0)]
    assert shifts == sorted(set(shifts))
    assert shifts[0] == 0.0
    assert shifts[-1] == pytest.approx(1.0, abs=0.01)


def test_batch_equals_single():
    random = np.random.default_rng(2)
    facts = random.normal(5, 2, (30, len(FACTS)))
    facts[random.random(facts.shape) < 0.3] = np.nan
    sums = random.poisson(2.0, (30, len(HISTORIES), len(SUMS))).astype("float64")
    whole = size_fit_vectors(facts, sums, BASE)
    for row in range(30):
        alone = size_fit_vectors(facts[row : row + 1], sums[row : row + 1], BASE)
        np.testing.assert_array_equal(alone[0], whole[row])
