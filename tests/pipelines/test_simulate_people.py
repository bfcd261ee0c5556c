"""Who shares an account of the simulated shop, how labels are spelt, and what fabrics do."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest

from pipelines.simulate import ShopAssumptions, SimulatedShop, simulate
from pipelines.simulate.categories import CATEGORIES, STRETCH
from pipelines.simulate.ladders import ladders
from pipelines.simulate.markets import MARKETS
from pipelines.simulate.spelling import STYLES

LINES = 6_000


@cache
def shop(**assumed: float) -> SimulatedShop:
    return simulate(LINES, 23, ShopAssumptions(**assumed))


def test_some_accounts_dress_two_grown_ups_of_one_sex():
    wearers = shop().truth["wearers_truth"]
    grown = wearers[~wearers["wearer"].str.startswith("child")]
    pairs = grown.merge(grown[grown["wearer"] == "self"], on="customer_id", suffixes=("", "_self"))
    pairs = pairs[pairs["wearer"] != "self"]
    alike = pairs["sex"] == pairs["sex_self"]
    assert 0.05 < alike[pairs["wearer"] == "partner"].mean() < 0.25
    relatives = pairs[pairs["wearer"] == "relative"]
    assert alike[relatives.index].all()
    assert 0.05 < len(relatives) / wearers["customer_id"].nunique() < 0.15
    apart = (relatives["born_on"] - relatives["born_on_self"]).abs() / pd.Timedelta(days=365.25)
    np.testing.assert_allclose(apart, 26.0, atol=0.1)
    bought = shop().truth["lines_truth"]["wearer"].value_counts()
    assert {"self", "partner", "child", "child_2", "relative"} == set(bought.index)


def test_a_grown_up_relative_is_grown_up():
    wearers = shop().truth["wearers_truth"]
    born = wearers.loc[wearers["wearer"] == "relative", "born_on"]
    age = (pd.Timestamp(ShopAssumptions().start) - born) / pd.Timedelta(days=365.25)
    assert age.between(18.0, 112.0).all()


def test_other_spellings_change_labels_and_nothing_else():
    plain, spelt = shop(label_noise_share=0.0), shop(label_noise_share=1.0)
    canonical = {label for ladder in ladders() for label in ladder.labels}
    assert set(plain.tables["product_sizes"]["size_label"]) <= canonical
    assert (~spelt.tables["product_sizes"]["size_label"].isin(canonical)).mean() > 0.7
    for name, table in plain.tables.items():
        same = [c for c in table if c != "size_label"]
        pd.testing.assert_frame_equal(table[same], spelt.tables[name][same])
    both = plain.tables["product_sizes"]["size_label"], spelt.tables["product_sizes"]["size_label"]
    sizes = pd.MultiIndex.from_arrays([plain.tables["product_sizes"]["product_id"], both[0]])
    other = pd.Series(both[1].to_numpy(), index=sizes)
    lines = plain.tables["order_lines"]
    ordered = pd.MultiIndex.from_frame(lines[["product_id", "size_label"]])
    expected = other.loc[ordered].to_numpy()
    np.testing.assert_array_equal(spelt.tables["order_lines"]["size_label"], expected)


def test_no_product_has_a_label_twice_however_it_is_spelt():
    for ladder in ladders():
        assert len(set(ladder.labels)) == len(ladder.labels)
        for style in STYLES.get(ladder.system, ()):
            assert len({style(label) for label in ladder.labels}) == len(ladder.labels), ladder


def test_few_products_are_spelt_another_way_by_default():
    canonical = {label for ladder in ladders() for label in ladder.labels}
    sizes = shop().tables["product_sizes"]
    odd = ~sizes["size_label"].isin(canonical)
    assert 0.0 < odd.groupby(sizes["product_id"]).any().mean() < 0.12


def test_what_gives_forgives_and_what_does_not_pinches():
    stiff, stretchy = shop(stretch=0.0), shop()
    fit = stretchy.truth["fit_truth"]["p_fit"] - stiff.truth["fit_truth"]["p_fit"]
    lines = stretchy.tables["order_lines"].merge(
        stretchy.tables["products"][["product_id", "material"]], on="product_id"
    )
    material = lines.set_index("order_line_id")["material"]
    of = material.loc[stretchy.truth["fit_truth"]["order_line_id"]].map(STRETCH).fillna(1.0)
    change, factor = fit.to_numpy(), of.to_numpy()
    assert (change[factor > 1] >= 0).all()
    assert (change[factor < 1] <= 0).all()
    assert change[factor > 1].mean() > 0.02
    assert not change[factor == 1].any()


def test_every_market_reads_systems_the_shop_sells_and_korea_and_australia_their_own():
    sold = {ladder.system for ladder in ladders()}
    for market in MARKETS:
        assert set(market.systems) <= sold
    reads = {market.code: market.systems for market in MARKETS}
    assert "KR" in reads["KR"]
    assert "AU" in reads["AU"]
    assert {"KR", "AU"} <= set(shop().tables["customers"]["market"])
    assert {"KR", "AU"} <= set(shop().tables["products"]["size_system"].dropna())


def test_bras_have_bands_of_one_cup_and_skirts_bind_at_the_hip():
    bras = [ladder for ladder in ladders() if ladder.garment == "band"]
    assert {ladder.system for ladder in bras} == {"EU", "FR", "UK", "US", "AU", "JP"}
    for ladder in bras:
        assert len({label.strip("0123456789") for label in ladder.labels}) == 1
    for category in CATEGORIES:
        assert sum(category.binding.values()) in (0, pytest.approx(1.0))
    skirt = next(c for c in CATEGORIES if c.name == "skirt")
    assert skirt.binding["hip_cm"] > 0.5


def test_charts_of_brands_stray_from_the_system_and_the_truth_with_them():
    strict, own = shop(chart_shift_sd=0.0), shop(chart_shift_sd=0.5)
    shift = own.truth["products_truth"].set_index("product_id")["chart_shift"]
    assert strict.truth["products_truth"]["chart_shift"].eq(0.0).all()
    sizes = [s.tables["product_sizes"].set_index("product_id") for s in (strict, own)]
    step = sizes[0]["chest_cm_max"] - sizes[0]["chest_cm_min"]
    moved = (sizes[1]["chest_cm_max"] - sizes[0]["chest_cm_max"]) / step
    told = moved.notna()
    np.testing.assert_allclose(
        moved[told], shift.loc[moved.index[told]], atol=0.09
    )  # charts are rounded
    per_brand = own.tables["products"].assign(shift=shift.to_numpy())
    per_brand = per_brand[per_brand["size_system"] != "ONE"].groupby("brand")["shift"]
    assert per_brand.nunique().eq(1).all()


def test_a_system_may_go_untold():
    told = shop(system_untold_share=0.4).tables["products"]["size_system"].isna().mean()
    assert 0.2 < told < 0.6
    assert shop().tables["products"]["size_system"].notna().all()
    for each in (shop(), shop(system_untold_share=0.4)):
        system, true = each.tables["products"]["size_system"], each.truth["products_truth"]
        told = system.notna()
        assert (system == true["true_system"])[told].all()
        assert true["true_system"].notna().all()


def test_the_same_label_stands_for_about_the_same_body_in_every_ladder_of_its_system():
    seen: dict[tuple[str, str, str, str], list[float]] = {}
    for ladder in ladders():
        leading = next((d for d in ("height_cm", "foot_length_cm") if d in ladder.centres), None)
        if leading and ladder.garment in ("height", "foot"):
            first, step = ladder.centres[leading]
            for i, label in enumerate(ladder.labels):
                key = (ladder.system, ladder.audience, ladder.garment, label)
                seen.setdefault(key, []).append(first + i * step)
    repeated = [centres for centres in seen.values() if len(centres) > 1]
    assert repeated
    assert all(max(centres) - min(centres) < 2.0 for centres in repeated)
