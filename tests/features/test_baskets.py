import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.baskets import BASKET_FACTS, basket_facts

B = {name: i for i, name in enumerate(BASKET_FACTS)}
CODES = ("product", "size", "colour", "brand", "category", "scale")

line = st.fixed_dictionaries(
    {
        "basket": st.integers(0, 3),
        **{name: st.integers(-1, 3) for name in CODES},
        "price": st.sampled_from([5.0, 9.99, 20.0, 20.0, np.nan]),
        "quantity": st.sampled_from([1.0, 2.0, 5.0]),
        "position": st.sampled_from([-1.0, 0.0, 2.5, np.nan]),
    }
)
lines = st.lists(line, min_size=1, max_size=14)


def facts_of(rows):
    columns = {
        name: np.array(
            [row[name] for row in rows],
            dtype="float64" if name in ("price", "quantity", "position") else "int64",
        )
        for name in rows[0]
    }
    return basket_facts(columns.pop("basket"), **columns)


def same(one, other):
    np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)


@given(lines, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_order_of_the_lines_does_not_matter(rows, random):
    order = list(range(len(rows)))
    random.shuffle(order)
    same(facts_of([rows[i] for i in order]), facts_of(rows)[order])


@given(lines)
@settings(deadline=None)
def test_a_basket_alone_has_the_facts_it_has_among_others(rows):
    together = facts_of(rows)
    for basket in {row["basket"] for row in rows}:
        at = [i for i, row in enumerate(rows) if row["basket"] == basket]
        same(facts_of([rows[i] for i in at]), together[at])


@given(lines, st.integers(1, 1000))
@settings(deadline=None)
def test_codes_are_names_and_not_numbers(rows, shift):
    """Any other codes that tell the same things apart give the same facts."""
    renamed = [{**row, **{n: (7 - row[n]) * shift for n in (*CODES, "basket")}} for row in rows]
    same(facts_of(renamed), facts_of(rows))


@given(lines)
@settings(deadline=None)
def test_shares_are_shares_and_counts_are_counts(rows):
    facts = facts_of(rows)
    for name in ("price_rank", "scale_price_rank", "price_of_dearest"):
        known = facts[:, B[name]][np.isfinite(facts[:, B[name]])]
        assert ((known > 0) & (known <= 1)).all(), name
    for name in ("sizes_of_product", "basket_products", "basket_brands", "basket_sizes"):
        assert (facts[:, B[name]] >= 1).all(), name
        assert (facts[:, B[name]] <= facts[:, B["basket_lines"]]).all(), name
    first = [next(i for i, r in enumerate(rows) if r["basket"] == b)
             for b in {r["basket"] for r in rows}]  # fmt: skip
    assert sum(facts[first, B["basket_lines"]]) == len(rows)


PLAIN = {"basket": 0, "product": 0, "size": 0, "colour": 0, "brand": 0, "category": 0, "scale": 0,
         "price": 10.0, "quantity": 1.0, "position": 1.0}  # fmt: skip


def told(rows, name):
    return facts_of([{**PLAIN, **row} for row in rows])[:, B[name]].tolist()


def test_the_same_product_in_two_sizes_is_counted():
    rows = [{"size": 0}, {"size": 1}, {"size": 1, "colour": 1}, {"product": 1, "quantity": 3.0}]
    assert told(rows, "same_product") == [3, 3, 3, 3]  # pieces
    assert told(rows, "sizes_of_product") == [2, 2, 2, 1]
    assert told(rows, "colours_of_product") == [2, 2, 2, 1]
    assert told(rows, "other_sizes_in_colour") == [2, 2, 1, 1]
    assert told(rows, "basket_doubles") == [3, 3, 3, 3]
    assert told(rows, "basket_products") == [2, 2, 2, 2]


def test_a_line_twice_is_two_lines_of_one_size():
    rows = [{}, {}, {"basket": 1}]
    assert told(rows, "basket_lines") == [2, 2, 1]
    assert told(rows, "sizes_of_product") == [1, 1, 1]
    assert told(rows, "basket_doubles") == [0, 0, 0]
    assert told(rows, "same_size") == [2, 2, 1]


def test_prices_are_ranked_and_shared_within_the_basket():
    rows = [{"price": 10.0}, {"price": 30.0}, {"price": 10.0, "quantity": 2.0}]
    assert told(rows, "basket_value") == [60.0] * 3
    assert told(rows, "price_share") == pytest.approx([1 / 6, 1 / 2, 1 / 3])
    assert told(rows, "price_of_dearest") == pytest.approx([1 / 3, 1, 1 / 3])
    assert told(rows, "price_rank") == pytest.approx([0.5, 1.0, 0.5])  # ties in the middle
    assert told(rows, "basket_mean_price") == pytest.approx([50 / 3] * 3)


def test_a_price_that_is_not_told_is_left_out_of_mean_and_rank():
    rows = [{"price": np.nan}, {"price": 8.0}]
    assert told(rows, "basket_mean_price") == [8.0, 8.0]
    assert np.isnan(told(rows, "price_rank")[0])
    assert np.isnan(told(rows, "price_share")[0])
    assert all(np.isnan(told([{"price": np.nan}], "basket_mean_price")))


def test_the_place_beside_the_others_is_told_per_scale():
    rows = [{"position": 1.0}, {"position": 3.0}, {"position": 9.0, "scale": 1},
            {"position": np.nan}]  # fmt: skip
    found = told(rows, "from_basket_place")
    assert found[:3] == pytest.approx([-1.0, 1.0, 0.0])
    assert np.isnan(found[3])
