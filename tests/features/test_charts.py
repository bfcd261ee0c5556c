import json

import numpy as np
import pandas as pd
import pytest

from features.charts import CHART_DIMENSIONS, EstimatedCharts, move_by_buyers, table_size
from features.positions import SizeScales, chart_group

NUMBERS = ("36", "38", "40", "42", "44")


def catalogue(*products):
    """Products as (id, brand, audience, system, category, {label: {dimension: middle}})."""
    names = ["product_id", "brand", "audience", "size_system", "category"]
    head = pd.DataFrame([p[:5] for p in products], columns=names).astype(object)
    rows = [
        {
            "product_id": p[0],
            "size_label": label,
            "size_rank": np.nan,
            **{
                f"{d}_{end}": body[d] + half if d in body else np.nan
                for d in CHART_DIMENSIONS
                for end, half in (("min", -2.0), ("max", 2.0))
            },
        }
        for p in products
        for label, body in p[5].items()
    ]
    return head, pd.DataFrame(rows)


def table_chest(label):
    low, high = table_size(label, "EU", "women", "dress").body["chest_cm"]
    return (low + high) / 2


def published(product_id, brand, off):
    sizes = {label: {"chest_cm": table_chest(label) + off} for label in NUMBERS}
    return (product_id, brand, "women", "EU", "dress", sizes)


def chartless(product_id, brand, system="EU", labels=NUMBERS, category="dress"):
    return (product_id, brand, "women", system, category, {label: {} for label in labels})


def middle(filled, product_id, label, dimension="chest_cm"):
    row = filled[(filled["product_id"] == product_id) & (filled["size_label"] == label)].iloc[0]
    return (row[f"{dimension}_min"] + row[f"{dimension}_max"]) / 2


def test_a_product_without_a_chart_gets_that_of_its_system_and_says_so():
    products, sizes = catalogue(chartless("p", None))
    filled = EstimatedCharts().fit(products, sizes).fill(products, sizes)
    assert filled["chart"].tolist() == ["estimated"] * len(NUMBERS)
    assert [middle(filled, "p", n) for n in NUMBERS] == [table_chest(n) for n in NUMBERS]
    assert (filled["chart_sd"] > 0).all()


def test_a_published_chart_stays_as_it_is():
    products, sizes = catalogue(published("p", "b", 3.0))
    filled = EstimatedCharts().fit(products, sizes).fill(products, sizes)
    pd.testing.assert_frame_equal(filled[list(sizes)], sizes)
    assert set(filled["chart"]) == {"published"}
    assert (filled["chart_sd"] == 0).all()


def test_the_estimate_follows_how_shop_and_brand_differ_from_the_table():
    wide = [published(f"w{i}", "wide", 5.0) for i in range(30)]
    plain = [published(f"p{i}", "plain", 1.0) for i in range(30)]
    products, sizes = catalogue(*wide, *plain, chartless("a", "wide"), chartless("b", "plain"),
                                chartless("c", "unheard of"))  # fmt: skip
    charts = EstimatedCharts().fit(products, sizes)
    off = {p: middle(charts.fill(products, sizes), p, "40") - table_chest("40") for p in "abc"}
    assert off == pytest.approx({"a": 5.0, "b": 1.0, "c": 3.0}, abs=0.25)


def test_a_part_of_a_chart_places_the_rest():
    part = published("p", None, 4.0)
    part[5]["40"].clear()
    products, sizes = catalogue(part, chartless("other", None))
    filled = EstimatedCharts().fit(products, sizes).fill(products, sizes)
    assert middle(filled, "p", "40") == pytest.approx(table_chest("40") + 4.0, abs=0.5)
    assert middle(filled, "p", "38") == pytest.approx(table_chest("38") + 4.0)
    assert set(filled.loc[filled["product_id"] == "p", "waist_cm_min"].isna()) == {True}


@pytest.mark.parametrize(
    "product",
    [
        ("p", None, "women", "ONE", "scarf", {"one size": {}}),
        ("p", None, None, None, None, {"8": {}, "10": {}}),
        ("p", None, "women", "EU", "dress", {"blue": {}, "red": {}}),
    ],
)
def test_where_no_table_knows_the_label_there_is_no_chart(product):
    products, sizes = catalogue(product)
    filled = EstimatedCharts().fit(products, sizes).fill(products, sizes)
    assert filled["chart"].isna().all()
    assert filled[[f"{d}_min" for d in CHART_DIMENSIONS]].isna().all(axis=None)


def test_saved_estimates_fill_as_before():
    products, sizes = catalogue(published("p", "b", 2.0), chartless("q", "b"))
    charts = EstimatedCharts().fit(products, sizes)
    back = EstimatedCharts.from_json(json.loads(json.dumps(charts.to_json())))
    pd.testing.assert_frame_equal(charts.fill(products, sizes), back.fill(products, sizes))


def test_a_product_that_buyers_take_larger_suits_smaller_bodies():
    low, high = move_by_buyers(np.array([90.0]), np.array([94.0]), np.array([0.5]))
    assert (low.tolist(), high.tolist()) == ([88.0], [92.0])


def test_without_any_chart_what_shoppers_take_puts_the_systems_side_by_side():
    """The shop's letters are cut two of its steps below the table; nobody published that."""
    random = np.random.default_rng(3)
    products, sizes = catalogue(
        *[chartless(f"n{i}", "b") for i in range(20)],
        *[chartless(f"l{i}", "b", "ALPHA", ("S", "M", "L", "XL", "XXL")) for i in range(20)],
    )
    scales = SizeScales().fit(products, sizes)
    placed = scales.place(products, sizes)
    person = random.integers(0, 400, 4000)
    usual = random.normal(0, 1.0, 400)[person]
    letters = random.random(4000) < 0.5
    lines = pd.DataFrame(
        {
            "person": person.astype(str),
            "scale": "women|girth",
            "chart": "estimated",
            "brand": "b",
            "size_system": np.where(letters, "ALPHA", "EU"),
        }
    )
    # What a person takes in letters stands two steps above what the same takes in numbers.
    taken = usual + np.where(letters, 2.0, 0.0) + random.normal(0, 0.4, 4000)
    scales.learn_moves(lines, pd.Series(taken - taken.mean()))
    moved = scales.place(products, sizes)
    key = ["product_id", "size_label"]
    change = placed.set_index(key)["position"] - moved.set_index(key)["position"]
    of_letters = change.index.get_level_values(0).str.startswith("l")
    assert change[of_letters].mean() - change[~of_letters].mean() == pytest.approx(2.0, abs=0.2)


def test_products_with_a_chart_of_their_own_are_not_moved():
    products, sizes = catalogue(published("p", "b", 0.0), chartless("q", "b"))
    placed = SizeScales().fit(products, sizes).place(products, sizes)
    placed = placed.merge(products, on="product_id")
    group = chart_group(placed)
    assert group[placed["product_id"] == "p"].isna().all()
    assert set(group[placed["product_id"] == "q"]) == {"women|girth|EU"}
