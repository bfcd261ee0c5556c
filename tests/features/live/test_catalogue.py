"""Scales that remember goods place them as scales that do not."""

import pandas as pd
import pytest

from features.live import catalogue
from features.live.catalogue import RememberedScales
from features.positions import SizeScales
from pipelines.simulate import simulate


@pytest.fixture(scope="module")
def shop():
    tables = simulate(300, seed=5).tables
    goods = tables["products"], tables["product_sizes"]
    scales = SizeScales().fit(*goods)
    placed = []

    class Counting(RememberedScales):
        def place(self, products, product_sizes):
            before = self._known
            found = super().place(products, product_sizes)
            placed.append(self._known is not before)
            return found

    return goods, scales, Counting.of(scales), placed


def some(goods, ids):
    """These products, in this order, with their sizes."""
    products, sizes = (frame.set_index("product_id", drop=False).loc[ids] for frame in goods)
    return products.reset_index(drop=True), sizes.reset_index(drop=True)


def test_what_was_placed_before_is_found_again_in_any_selection_and_order(shop):
    goods, scales, remembers, anew = shop
    ids = goods[0]["product_id"].tolist()
    for asked in (ids[:9], ids[3:6], ids[8:2:-1], ids[4:15], ids[14::-3], []):
        part = some(goods, asked)
        pd.testing.assert_frame_equal(remembers.place(*part), scales.place(*part))
    assert anew == [True, False, False, True, False, False]


def test_neither_a_whole_catalogue_nor_more_than_looking_is_worth_is_remembered(shop, monkeypatch):
    goods, scales, _, _ = shop
    remembers = RememberedScales.of(scales)
    ids = goods[0]["product_id"].tolist()
    monkeypatch.setattr(catalogue, "_MOST_AT_ONCE", 5)
    monkeypatch.setattr(catalogue, "_MOST", 8)
    for first, count, known in ((0, 6, None), (0, 5, 5), (5, 3, 8), (3, 4, 8), (8, 1, 1)):
        part = some(goods, ids[first : first + count])
        pd.testing.assert_frame_equal(remembers.place(*part), scales.place(*part))
        assert (remembers._known and len(remembers._known.products)) == known


def test_a_product_that_is_told_otherwise_is_placed_anew(shop):
    goods, scales, remembers, anew = shop
    ids = goods[0]["product_id"].tolist()[:4]
    products, sizes = some(goods, ids)
    remembers.place(products, sizes)
    other = products.assign(audience=products["audience"].replace({"women": "men", "men": "women"}))
    wider = sizes.assign(chest_cm_max=sizes["chest_cm_max"] + 6.0)
    fewer = sizes[~sizes.duplicated("product_id", keep="last")].reset_index(drop=True)
    for told in ((other, sizes), (products, wider), (products, fewer), (products, sizes)):
        anew.clear()
        pd.testing.assert_frame_equal(remembers.place(*told), scales.place(*told))
        pd.testing.assert_frame_equal(remembers.place(*told), scales.place(*told))
        assert anew == [True, False]
