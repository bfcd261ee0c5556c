import numpy as np
import pandas as pd
import pytest

from features.choices import BASKET, usual_position, with_choices
from features.lines import line_facts, with_natural_size

ADDED = ["fair", "level", "surplus", "surplus_weight", *BASKET]


def facts(*rows):
    """Lines as (order, person, product, at, position, natural, body known)."""
    columns = ["order_id", "person", "product_id", "at", "position", "natural", "known"]
    frame = pd.DataFrame(rows, columns=columns)
    gap = (frame["position"] - frame["natural"]).where(frame["known"].astype(bool))
    spread = np.where(frame["known"], 0.6, 2.0)
    return frame.assign(
        gap=gap,
        natural_sd=spread,
        scale="women|girth",
        scale_mean=4.0,
        scale_sd=2.0,
        step_cm=np.nan,
        years=5.0,
    )


@pytest.fixture(scope="module")
def shop(tables, space):
    return with_natural_size(space.framed(line_facts(tables, space.scales_)), space.natural_)


def test_what_a_product_is_taken_above_the_natural_size_is_taken_off_later_orders():
    crowd = [(f"o{i}", f"p{i}", "low", i, 6.0, 4.0, True) for i in range(60)]
    out = with_choices(facts(*crowd, ("o", "p", "low", 99, 6.0, 4.0, True)))
    assert out["fair"].iloc[0] == 6.0
    assert out["fair"].iloc[-1] == pytest.approx(4.0, abs=0.3)
    assert out["fair"].is_monotonic_decreasing


def test_the_first_order_of_a_product_is_taken_as_it_is():
    out = with_choices(facts(("o", "p", "x", 0, 5.0, 4.0, True)))
    assert out["fair"].tolist() == [5.0]
    assert out["level"].tolist() == [0.5]


def test_where_neither_body_nor_order_is_known_the_surplus_says_nothing():
    out = with_choices(
        facts(("a", "p", "x", 0, 9.0, 4.0, False), ("b", "p", "y", 1, 9.0, 4.0, False))
    )
    assert out["surplus_weight"].iloc[0] == 0.0
    assert out["surplus"].iloc[0] == 0.0
    assert out["surplus_weight"].iloc[1] > 0.0


def test_the_surplus_weighs_more_the_more_orders_it_rests_on():
    rows = [(f"o{i}", "p", f"x{i}", i, 4.0, 4.0, True) for i in range(6)]
    weight = with_choices(facts(*rows))["surplus_weight"]
    assert weight.is_monotonic_increasing
    assert weight.is_unique


def test_a_choice_of_somebody_unknown_says_less_of_the_product():
    rows = [(f"o{i}", f"p{i}", "x", i, 6.0, 4.0, True) for i in range(30)]
    known = facts(*rows)
    known, vague = (with_choices(known.assign(natural_sd=sd)) for sd in (0.5, 3.0))
    assert (vague["surplus_weight"] < 0.2 * known["surplus_weight"]).all()
    assert known["fair"].iloc[-1] < vague["fair"].iloc[-1] < 6.0


def test_what_a_person_usually_takes_lies_between_body_and_orders():
    one, none = np.array([4.0]), np.array([0.0])
    sure, vague = np.array([0.5]), np.array([2.0])
    assert usual_position(one, sure, none, none) == 4.0
    known = usual_position(one, sure, np.array([2.0]), np.array([12.0]))
    unknown = usual_position(one, vague, np.array([2.0]), np.array([12.0]))
    assert 4.0 < known < unknown < 6.0


def test_the_basket_is_the_other_lines_of_the_order_on_the_scale():
    out = with_choices(facts(
        ("o", "p", "x", 0, 5.0, 4.0, True), ("o", "p", "y", 0, 7.0, 4.0, True),
        ("o", "p", "z", 0, 9.0, 4.0, True), ("o2", "p", "w", 0, 1.0, 4.0, True),
    ))  # fmt: skip
    assert out["basket_lines"].tolist() == [2.0, 2.0, 2.0, 0.0]
    np.testing.assert_allclose(out["basket_fair"], [8.0, 7.0, 6.0, np.nan])


def test_a_line_added_to_the_order_later_is_not_in_the_basket_yet():
    first = ("o", "p", "x", 10, 5.0, 4.0, True)
    out = with_choices(facts(first, ("o", "p", "y", 20, 7.0, 4.0, True)))
    alone = with_choices(facts(first))
    pd.testing.assert_frame_equal(out[ADDED].head(1), alone[ADDED])


def test_orders_of_a_later_moment_change_nothing(shop):
    past = int(shop["at"].median())
    earlier = (shop["at"] <= past).to_numpy()
    other = shop.assign(
        position=shop["position"].where(earlier, 99.0), gap=shop["gap"].where(earlier, 50.0)
    )
    was, now = (with_choices(frame)[ADDED].to_numpy("float64") for frame in (shop, other))
    np.testing.assert_allclose(was[earlier], now[earlier], rtol=1e-9, atol=1e-9)
    assert not np.allclose(was[~earlier], now[~earlier], equal_nan=True)


def test_pandas_equals_polars(shop):
    one, other = (with_choices(shop, e)[ADDED].to_numpy("float64") for e in ("pandas", "polars"))
    np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)


def test_the_order_of_the_rows_does_not_matter(shop):
    mixed = with_choices(shop.sample(frac=1.0, random_state=1).reset_index(drop=True))
    one = with_choices(shop).set_index("order_line_id")[ADDED]
    other = mixed.set_index("order_line_id").loc[one.index, ADDED]
    np.testing.assert_allclose(one.to_numpy(), other.to_numpy(), rtol=1e-9, atol=1e-9)
