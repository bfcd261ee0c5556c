import numpy as np
import pytest

from features.baskets import BASKET_FACTS
from features.return_risk import (
    CODED,
    DELIVERY,
    FACTS,
    HISTORIES,
    PARENTS,
    VECTOR,
    VECTORS,
    return_risk_vectors,
)

BASE = 0.3
PERSONAL = ("sex", "age", "birth", "locale", "nation", "name", "title")
SUMS = {h.name: {s.name: i for i, s in enumerate(h.sums)} for h in HISTORIES}


def nothing(rows=1):
    facts = np.full((rows, len(FACTS)), np.nan)
    return facts, {h.name: np.zeros((rows, len(h.sums))) for h in HISTORIES}


def vector(facts, sums):
    return [dict(zip(VECTOR, row, strict=True)) for row in return_risk_vectors(facts, sums, BASE)]


def known(**of):
    """One line with these sums, named ``history__sum``."""
    facts, sums = nothing()
    for name, value in of.items():
        history, _, each = name.partition("__")
        sums[history][0, SUMS[history][each]] = value
    return vector(facts, sums)[0]


def test_the_columns_at_checkout_hold_no_fact_of_the_delivery():
    assert VECTORS["checkout"] == VECTOR
    assert not set(DELIVERY) & set(VECTOR)
    assert VECTORS["delivered"] == (*VECTOR, *DELIVERY)
    assert len(set(VECTORS["delivered"])) == len(VECTORS["delivered"])


def test_no_column_tells_who_the_buyer_is():
    words = {word for name in VECTORS["delivered"] for word in name.replace(".", "_").split("_")}
    assert not words & set(PERSONAL)


def test_facts_of_the_basket_come_last_and_codes_first():
    assert FACTS[: len(CODED)] == CODED
    assert FACTS[-len(BASKET_FACTS) :] == BASKET_FACTS
    assert VECTOR[: len(FACTS)] == FACTS


def test_every_history_has_a_parent_declared_before_it():
    assert set(PARENTS) == {h.name for h in HISTORIES}
    seen = set()
    for name, (parent, strength) in PARENTS.items():
        assert parent is None or parent in seen
        assert strength > 0
        seen.add(name)


def test_where_nothing_is_known_every_rate_is_the_shops():
    told = known()
    for name in PARENTS:
        assert told[f"{name}.rate"] == pytest.approx(BASE)
        assert told[f"{name}.log_settled"] == 0
    assert np.isfinite(told["line_score"])


def test_the_age_of_an_account_counts_while_it_is_young():
    facts, sums = nothing(3)
    facts[:, FACTS.index("tenure_days")] = (10.0, 400.0, np.nan)
    young, old, unknown = (told["tenure_days"] for told in vector(facts, sums))
    assert young == 10.0
    assert young < old < 100.0
    assert np.isnan(unknown)
    assert facts[1, FACTS.index("tenure_days")] == 400.0  # what was given is not written to


def test_a_rate_lies_between_its_own_share_and_its_parents():
    told = known(category__returned=90, category__kept=10, brand__returned=0, brand__kept=40)
    assert BASE < told["category.rate"] < 0.9
    assert 0 < told["brand.rate"] < told["category.rate"]
    # Of the product nothing is known: it is thought to be like its brand.
    assert told["product.rate"] == pytest.approx(told["brand.rate"])


def test_lines_still_open_move_no_rate():
    one, other = known(), known(product__ordered=500, customer__ordered=500)
    for name in PARENTS:
        assert one[f"{name}.rate"] == other[f"{name}.rate"]
    assert other["customer.open"] == 500
    assert other["product.log_orders"] == pytest.approx(np.log(501))


def test_more_returns_raise_the_rate_and_more_kept_lower_it():
    rates = [known(product__returned=n, product__kept=9)["product.rate"] for n in (0, 3, 30)]
    assert rates == sorted(rates)
    rates = [known(product__returned=9, product__kept=n)["product.rate"] for n in (0, 3, 30)]
    assert rates == sorted(rates, reverse=True)


def test_a_price_is_told_against_what_is_usual():
    facts, sums = nothing()
    facts[0, FACTS.index("price")] = 30.0
    sums["brand"][0, SUMS["brand"]["priced"]] = 4
    sums["brand"][0, SUMS["brand"]["price"]] = 80.0
    (told,) = vector(facts, sums)
    assert told["brand.price_ratio"] == pytest.approx(1.5)
    assert np.isnan(told["product.price_ratio"])


def test_the_size_is_told_against_what_was_kept_and_sent_back():
    facts, sums = nothing()
    facts[0, FACTS.index("position")] = 3.0
    at = SUMS["customer_scale"]
    for name, value in (("ordered", 4), ("place", 8), ("kept", 2), ("place_kept", 5),
                        ("returned", 1), ("place_returned", 1)):  # fmt: skip
        sums["customer_scale"][0, at[name]] = value
    (told,) = vector(facts, sums)
    assert (told["from_usual"], told["from_kept"], told["from_returned"]) == (1.0, 0.5, 2.0)


def test_rows_do_not_see_each_other():
    rng = np.random.default_rng(3)
    facts, sums = nothing(30)
    facts[:] = rng.normal(20, 5, facts.shape)
    facts[rng.random(facts.shape) < 0.2] = np.nan
    sums = {name: rng.gamma(1.0, 5.0, each.shape) for name, each in sums.items()}
    whole = return_risk_vectors(facts, sums, BASE)
    assert not np.isinf(whole).any()
    for i in (0, 11, 29):
        alone = return_risk_vectors(facts[[i]], {n: s[[i]] for n, s in sums.items()}, BASE)
        np.testing.assert_array_equal(alone[0], whole[i])


def test_many_lines_have_the_vectors_of_each_alone():
    rng = np.random.default_rng(6)
    rows = 1500
    facts = rng.uniform(0, 50, (rows, len(FACTS)))
    sums = {h.name: rng.poisson(2.0, (rows, len(h.sums))) * 1.0 for h in HISTORIES}
    together = return_risk_vectors(facts, sums, BASE)
    for i in (0, 1, 1023, 1024, rows - 1):
        alone = {name: each[i : i + 1] for name, each in sums.items()}
        np.testing.assert_array_equal(
            together[i : i + 1], return_risk_vectors(facts[i : i + 1], alone, BASE)
        )
