import json

import numpy as np
import pandas as pd
import pytest

from features.positions import PLACED, SizeScales, is_child_scale

DIMENSIONS = ("chest_cm", "waist_cm", "hip_cm", "height_cm", "foot_length_cm")


def catalogue(*products):
    """Products as (id, audience, system, {label: {dimension: middle}})."""
    rows = []
    for product_id, _, _, sizes in products:
        for label, body in sizes.items():
            ends = {f"{d}_{e}": body.get(d, np.nan) for d in DIMENSIONS for e in ("min", "max")}
            rows.append(
                {"product_id": product_id, "size_label": label, "size_rank": np.nan, **ends}
            )
    head = [
        {"product_id": p, "audience": a, "size_system": s, "category": None, "brand": None}
        for p, a, s, _ in products
    ]
    return pd.DataFrame(head), pd.DataFrame(rows)


def placed(products, sizes):
    return SizeScales().fit(products, sizes).place(products, sizes)


def test_every_size_of_the_catalogue_is_placed_once(tables):
    out = placed(tables["products"], tables["product_sizes"])
    assert out.columns.tolist() == PLACED
    assert len(out) == len(tables["product_sizes"])
    assert not out.duplicated(["product_id", "size_label"]).any()


def test_positions_rise_with_the_rank_within_every_product_and_scale(tables):
    out = placed(tables["products"], tables["product_sizes"]).dropna(subset=["scale"])
    out = out.sort_values(["product_id", "scale", "size_rank"])
    step = out.groupby(["product_id", "scale"])["position"].diff().dropna()
    assert len(step) > 100
    assert (step > 0).all()


def test_one_step_is_the_usual_distance_of_neighbours_whatever_the_unit(tables):
    out = placed(tables["products"], tables["product_sizes"]).dropna(subset=["scale"])
    out = out.sort_values(["product_id", "scale", "position"])
    step = out.groupby(["product_id", "scale"])["position"].diff()
    usual = step[step > 0].groupby(out["scale"]).median()
    assert len(usual) > 3
    np.testing.assert_allclose(usual, 1.0)


def test_the_order_of_the_rows_does_not_matter(tables, shuffled):
    key = ["product_id", "size_label"]
    one = placed(tables["products"], tables["product_sizes"]).set_index(key).sort_index()
    other = placed(shuffled["products"], shuffled["product_sizes"]).set_index(key).sort_index()
    pd.testing.assert_frame_equal(one, other)


def test_the_same_body_has_the_same_position_whatever_the_label():
    girths = {label: {"chest_cm": 80.0 + 4 * i} for i, label in enumerate(["S", "M", "L", "XL"])}
    shifted = dict(zip(["36", "38", "40", "42"], girths.values(), strict=True))
    out = placed(*catalogue(("a", "women", "ALPHA", girths), ("b", "women", "EU", shifted)))
    one, other = (out[out["product_id"] == p] for p in "ab")
    assert one["scale"].tolist() == other["scale"].tolist() == ["women|girth"] * 4
    np.testing.assert_allclose(one["position"], other["position"])


def test_a_foot_length_makes_the_scale_of_shoes_and_a_height_that_of_children():
    shoes = {str(36 + i): {"foot_length_cm": 23.0 + i * 0.67} for i in range(4)}
    romper = {str(c): {"height_cm": float(c), "chest_cm": c / 2} for c in (62, 68, 74)}
    out = placed(*catalogue(("s", "women", "SHOE_EU", shoes), ("r", "baby", "BABY_CM", romper)))
    assert set(out.loc[out["product_id"] == "s", "scale"]) == {"women|foot"}
    assert set(out.loc[out["product_id"] == "r", "scale"]) == {"children|height"}


def test_a_chart_that_does_not_grow_with_the_size_is_not_believed():
    wrong = {"S": {"chest_cm": 90.0}, "M": {"chest_cm": 86.0}, "L": {"chest_cm": 94.0}}
    out = placed(*catalogue(("a", "women", "ALPHA", wrong)))
    assert set(out["scale"]) == {"women|ALPHA:letters"}
    assert out["position"].is_monotonic_increasing


def test_goods_of_one_size_have_no_scale():
    out = placed(*catalogue(("a", "women", "ONE", {"one size": {}}), ("b", None, None, {"M": {}})))
    assert out["scale"].isna().tolist() == [True, False]


def test_the_shops_own_rank_is_kept_where_it_is_complete():
    products, sizes = catalogue(("a", "men", "ALPHA", {"S": {}, "M": {}, "L": {}}))
    told = sizes.assign(size_rank=[30.0, 20.0, 10.0])
    assert placed(products, told)["size_rank"].tolist() == [2.0, 1.0, 0.0]
    partly = sizes.assign(size_rank=[30.0, np.nan, 10.0])
    assert placed(products, partly)["size_rank"].tolist() == [0.0, 1.0, 2.0]


def test_positions_do_not_drift_with_products_that_come_later(tables):
    products, sizes = tables["products"], tables["product_sizes"]
    early = products.iloc[: len(products) // 2]
    early_sizes = sizes[sizes["product_id"].isin(early["product_id"])]
    scales = SizeScales().fit(early, early_sizes)
    alone = scales.place(early, early_sizes).set_index(["product_id", "size_label"])
    among = scales.place(products, sizes).set_index(["product_id", "size_label"])
    pd.testing.assert_series_equal(alone["position"], among.loc[alone.index, "position"])


def test_saved_axes_place_as_before(tables):
    scales = SizeScales().fit(tables["products"], tables["product_sizes"])
    back = SizeScales.from_json(json.loads(json.dumps(scales.to_json())))
    pd.testing.assert_frame_equal(
        scales.place(tables["products"], tables["product_sizes"]),
        back.place(tables["products"], tables["product_sizes"]),
    )


@pytest.mark.parametrize(
    ("scale", "child"), [("children|height", 1.0), ("women|girth", 0.0), (None, 0.0), (np.nan, 0.0)]
)
def test_only_scales_of_children_are_of_those_who_grow(scale, child):
    assert is_child_scale(scale) == child
