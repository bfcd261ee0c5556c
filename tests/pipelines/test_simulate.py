"""The simulated shop obeys the contracts, and its truth has the properties it promises."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data_contracts.readers import read_tables
from data_contracts.tables import ABUSE_KIND, RETURN_REASON, TABLES
from data_contracts.validation import validate
from pipelines.simulate import ShopAssumptions, SimulatedShop, run, simulate

LINES = 20_000


@cache
def shop() -> SimulatedShop:
    return simulate(LINES, seed=11)


def lines_with_truth(of: SimulatedShop) -> pd.DataFrame:
    lines = of.tables["order_lines"].drop(columns="wearer")
    truth = of.truth["lines_truth"]
    return lines.merge(truth, on="order_line_id").merge(of.truth["products_truth"], on="product_id")


def digests(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def test_same_seed_gives_same_bytes_and_another_seed_does_not(tmp_path):
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        run(2_000, seed, tmp_path / name)
    a, b, c = (digests(tmp_path / x) for x in "abc")
    assert a == b
    assert set(a) == {f"{t}.parquet" for t in TABLES} | {f"truth/{t}.parquet" for t in shop().truth}
    assert a.keys() == c.keys()
    assert not [name for name in a if a[name] == c[name]]


def test_written_tables_obey_the_contracts_without_quarantine(tmp_path):
    run(2_000, 5, tmp_path)
    tables = read_tables(tmp_path)
    assert set(tables) == set(TABLES)
    report = validate(tables)
    assert report.ok
    assert sum(len(q) for q in report.quarantine.values()) == 0
    assert {name: len(t) for name, t in report.good.items()} == {
        name: len(t) for name, t in tables.items()
    }


def test_frames_have_the_columns_of_the_contract_and_no_truth():
    truth = {c for t in shop().truth.values() for c in t.columns}
    shared = {c for t in TABLES.values() for c in t.names}
    for name, table in shop().tables.items():
        assert tuple(table.columns) == TABLES[name].names
    assert not (truth - shared) & {c for t in shop().tables.values() for c in t.columns}
    assert {"p_fit", "p_fit_best", "best_size", "is_abuse", "product_offset"} <= truth - shared


@pytest.mark.parametrize("lines", [1, 2, 137, LINES])
def test_lines_count_exactly_as_asked(lines):
    made = shop() if lines == LINES else simulate(lines, seed=2)
    assert len(made.tables["order_lines"]) == lines
    assert len(made.truth["lines_truth"]) == lines


@pytest.mark.parametrize(
    ("lines", "seed", "said"), [(0, 1, "lines must be at least 1"), (10, -1, "seed must not")]
)
def test_impossible_requests_are_refused_with_the_value(lines, seed, said):
    with pytest.raises(ValueError, match=said):
        simulate(lines, seed)


def test_a_size_system_nobody_knows_is_refused():
    with pytest.raises(ValueError, match="known: "):
        simulate(100, 1, ShopAssumptions(size_systems=("CUBITS",)))


def test_every_ordered_size_and_colour_belongs_to_its_product():
    tables = shop().tables
    ordered = tables["order_lines"][["product_id", "size_label"]].drop_duplicates()
    sizes = tables["product_sizes"][["product_id", "size_label"]]
    assert len(ordered.merge(sizes)) == len(ordered)
    colours = tables["products"].set_index("product_id")["colours"]
    line = tables["order_lines"]
    sold = [c in colours[p] for p, c in zip(line["product_id"], line["colour"], strict=True)]
    assert all(sold)


def test_fit_truth_covers_every_size_of_every_ordered_product():
    tables, truth = shop().tables, shop().truth["fit_truth"]
    expected = tables["order_lines"][["order_line_id", "product_id"]].merge(
        tables["product_sizes"][["product_id", "size_label"]]
    )
    assert len(truth) == len(expected)
    assert len(truth.merge(expected, on=["order_line_id", "size_label"])) == len(expected)
    p = truth[["p_small", "p_fit", "p_large"]].to_numpy()
    assert (p >= 0).all()
    np.testing.assert_allclose(p.sum(axis=1), 1.0, atol=1e-9)


def test_a_larger_cut_is_less_often_too_small():
    tables, products = shop().tables, shop().truth["products_truth"]
    straight = products[products["kink"] == 0.0]["product_id"]
    sizes = tables["product_sizes"][["product_id", "size_label", "size_rank"]]
    rows = (
        shop()
        .truth["fit_truth"]
        .merge(tables["order_lines"][["order_line_id", "product_id"]], on="order_line_id")
    )
    rows = rows[rows["product_id"].isin(straight)].merge(sizes, on=["product_id", "size_label"])
    rows = rows.sort_values(["order_line_id", "size_rank"])
    same = rows["order_line_id"].eq(rows["order_line_id"].shift())
    assert (rows["p_small"].diff()[same] <= 1e-12).all()
    assert (rows["p_large"].diff()[same] >= -1e-12).all()


def test_own_choice_is_better_than_chance_and_worse_than_best():
    truth = shop().truth
    own = truth["lines_truth"].loc[lambda t: ~t["second_size"]]
    assert 0.72 < own["p_fit"].mean() < 0.80
    assert 0.83 < own["p_fit_best"].mean() < 0.92
    assert truth["fit_truth"]["p_fit"].mean() < 0.40
    assert (own["p_fit"] <= own["p_fit_best"] + 1e-12).all()


def test_the_fit_that_comes_about_agrees_with_its_probability():
    own = shop().truth["lines_truth"].loc[lambda t: ~t["second_size"]]
    fitted = own["fit"].eq("fit")
    by = fitted.groupby(pd.cut(own["p_fit"], [0.0, 0.3, 0.6, 0.8, 0.9, 1.0])).mean()
    expected = own["p_fit"].groupby(pd.cut(own["p_fit"], [0.0, 0.3, 0.6, 0.8, 0.9, 1.0])).mean()
    assert np.abs(by - expected).max() < 0.05


def test_brands_that_cut_small_come_back_too_small_more_often():
    rows = lines_with_truth(shop()).merge(
        shop().tables["returns"][["order_line_id", "reason"]],
        on="order_line_id",
        how="left",
        suffixes=("_true", ""),
    )
    cut = rows["brand_offset"]
    small, large = rows["reason"].eq("too_small"), rows["reason"].eq("too_large")
    assert small[cut < -0.3].mean() > 1.3 * small[cut > 0.3].mean()
    assert large[cut > 0.3].mean() > 1.3 * large[cut < -0.3].mean()


def test_shoppers_learn_how_a_brand_is_cut():
    rows = lines_with_truth(shop())
    rows = rows[~rows["second_size"] & (rows["brand_offset"].abs() > 0.4)]
    rows = rows.merge(shop().tables["products"][["product_id", "brand"]], on="product_id")
    nth = rows.groupby(["customer_id", "wearer", "brand"]).cumcount()
    assert rows["p_fit"][nth >= 3].mean() > rows["p_fit"][nth == 0].mean() + 0.03


def test_children_grow_between_measurements_and_adults_do_not():
    told = shop().tables["body_measurements"]
    told = told.dropna(subset=["height_cm"]).sort_values("measured_at", kind="stable")
    group = told.groupby(["customer_id", "wearer"])
    ends = group.agg(
        first=("height_cm", "first"),
        last=("height_cm", "last"),
        start=("measured_at", "min"),
        end=("measured_at", "max"),
    ).reset_index()
    ends = ends[(ends["end"] - ends["start"]) > pd.Timedelta(days=300)]
    grown = ends["last"] - ends["first"]
    child = ends["wearer"].str.startswith("child")
    assert (grown[child] > 0).mean() > 0.95
    assert grown[child].mean() > 5.0
    assert abs(grown[~child].mean()) < 1.0


def test_measurements_correlate_and_many_are_missing():
    told = shop().tables["body_measurements"]
    adults = told[told["wearer"].isin(["self", "partner"])]
    r = adults[["height_cm", "weight_kg", "chest_cm", "waist_cm", "hip_cm"]].corr()
    assert r.loc["chest_cm", "waist_cm"] > 0.7
    assert r.loc["weight_kg", "hip_cm"] > 0.6
    assert r.loc["height_cm", "waist_cm"] < r.loc["weight_kg", "waist_cm"]
    assert 0.3 < adults["chest_cm"].isna().mean() < 0.8
    assert adults["fit_preference"].isna().any()
    known = told[["customer_id", "wearer"]].drop_duplicates()
    assert len(known) < len(shop().truth["wearers_truth"])


def test_two_wearers_share_an_account_and_often_go_unnamed():
    truth = shop().truth["lines_truth"]
    lines = shop().tables["order_lines"]
    per_account = truth.groupby(lines["customer_id"].to_numpy())["wearer"].nunique()
    assert (per_account >= 2).mean() > 0.3
    other = truth["wearer"] != "self"
    assert 0.1 < lines["wearer"][other].notna().mean() < 0.6
    named = lines["wearer"].notna()
    assert (lines["wearer"][named] == truth["wearer"][named]).all()


def test_preference_shifts_the_size_that_fits():
    wearers = shop().truth["wearers_truth"]
    assert (wearers["ease"] < -0.3).any()
    assert (wearers["ease"] > 0.3).any()
    told = shop().tables["body_measurements"].dropna(subset=["fit_preference"])
    both = told.merge(wearers, on=["customer_id", "wearer"])
    mean = both.groupby("fit_preference")["ease"].mean()
    assert mean["tight"] < mean["regular"] < mean["loose"]


def test_every_reason_occurs_and_size_leads():
    share = shop().tables["returns"]["reason"].value_counts(normalize=True)
    assert set(share.index) == set(RETURN_REASON)
    assert share["too_small"] + share["too_large"] > 0.40
    rate = len(shop().tables["returns"]) / LINES
    assert 0.15 < rate < 0.30


def test_defects_begin_on_a_date():
    rows = lines_with_truth(shop())
    sick = rows[rows["defective_from"].notna()]
    after = sick["ordered_at"] >= sick["defective_from"]
    broken = sick["reason"].eq("quality_defect")
    assert broken[after].mean() > 5 * broken[~after].mean()


def test_misleading_colours_come_back_for_their_colour():
    rows = lines_with_truth(shop())
    misled = rows["colour"] == rows["misleading_colour"]
    struck = rows["reason"].eq("colour_mismatch")
    assert struck[misled].mean() > 8 * struck[~misled].mean()


def test_claims_come_within_the_window_of_what_arrived():
    rows = shop().tables["returns"].merge(shop().tables["order_lines"], on="order_line_id")
    arrived = rows["delivered_at"].notna()
    wait = (rows["requested_at"] - rows["delivered_at"])[arrived]
    assert (wait > pd.Timedelta(0)).all()
    assert (wait <= pd.Timedelta(days=ShopAssumptions().return_window_days)).all()
    assert (rows["reason"][~arrived] == "not_received").all()


def test_nothing_is_known_after_the_snapshot():
    a = ShopAssumptions()
    snapshot = pd.Timestamp(a.end) + pd.Timedelta(days=a.settle_days)
    for name, table in shop().tables.items():
        for column in table.select_dtypes("datetimetz").columns.difference(["promised_at"]):
            assert not (table[column] > snapshot).any(), (name, column)


def test_each_kind_of_abuse_appears_and_abuse_is_rare():
    truth, returns = shop().truth["lines_truth"], shop().tables["returns"]
    abused = truth[truth["is_abuse"]]
    assert set(abused["abuse_kind"]) == set(ABUSE_KIND)
    assert abused["order_line_id"].isin(returns["order_line_id"]).all()
    assert 0.01 < len(abused) / len(returns) < 0.06
    assert set(shop().tables["abuse_labels"]["kind"].dropna()) == set(ABUSE_KIND)


def test_labels_are_a_biased_and_imperfect_selection():
    truth, tables = shop().truth["lines_truth"], shop().tables
    returns = tables["returns"].merge(truth[["order_line_id", "is_abuse"]], on="order_line_id")
    labels = tables["abuse_labels"].merge(returns, on="return_id")
    judged = returns["return_id"].isin(labels["return_id"])
    assert judged[returns["is_abuse"]].mean() > 5 * judged[~returns["is_abuse"]].mean()
    assert judged[returns["is_abuse"]].mean() < 0.8
    wrong = labels["label"].eq("abuse") != labels["is_abuse"]
    assert 0.0 < wrong.mean() < 0.2
    assert set(labels["decided_by"]) == {"investigator", "chargeback"}


def test_swapped_and_empty_parcels_show_on_the_scales():
    tables, truth = shop().tables, shop().truth["lines_truth"]
    rows = tables["returns"].merge(tables["order_lines"], on="order_line_id", suffixes=("", "_of"))
    rows = rows[rows["quantity"] == rows["quantity_of"]].merge(truth, on="order_line_id")
    gap = (rows["returned_weight_g"] / rows["shipped_weight_g"] - 1.0).abs()
    kinds = rows["abuse_kind"]
    assert gap[kinds.isin(["item_swap", "empty_box"])].median() > 0.25
    assert gap[kinds.isna()].median() < 0.06


def test_farmed_accounts_are_linked_and_honest_neighbours_share_addresses():
    customers = shop().truth["customers_truth"].merge(shop().tables["customers"], on="customer_id")
    farmed = customers[customers["abuse_kind"].eq("account_farming")]
    assert farmed.groupby("account_cluster").size().max() >= 3
    assert farmed.groupby("account_cluster")["market"].nunique().max() == 1
    honest = customers[customers["abuse_kind"].isna()]["customer_id"]
    lines = shop().tables["order_lines"]
    honest_lines = lines[lines["customer_id"].isin(honest)]
    shared = honest_lines.groupby("ship_address_hash")["customer_id"].nunique()
    assert (shared >= 2).sum() > 20


def test_honest_people_return_a_lot_too():
    truth = (
        shop().truth["lines_truth"].assign(customer_id=shop().tables["order_lines"]["customer_id"])
    )
    truth["back"] = truth["reason"].notna()
    per = truth.groupby("customer_id").agg(
        lines=("back", "size"), rate=("back", "mean"), abuse=("is_abuse", "sum")
    )
    heavy = per[(per["lines"] >= 10) & (per["rate"] > 0.5)]
    assert (heavy["abuse"] == 0).sum() > 5


def test_the_newest_tenth_holds_new_products_and_new_customers():
    lines = shop().tables["order_lines"].sort_values("ordered_at", kind="stable")
    cut = int(len(lines) * 0.9)
    old, new = lines.iloc[:cut], lines.iloc[cut:]
    for column in ("product_id", "customer_id"):
        assert 0.01 < (~new[column].isin(old[column])).mean() < 0.5
    launched = lines.merge(shop().tables["products"], on="product_id")
    assert (launched["launched_at"] <= launched["ordered_at"]).all()


def test_letters_of_asian_brands_stand_for_smaller_bodies():
    sizes = shop().tables["product_sizes"].merge(shop().truth["products_truth"], on="product_id")
    sizes = sizes.merge(shop().tables["products"], on="product_id")
    medium = sizes[(sizes["size_label"] == "M") & sizes["audience"].eq("women")]
    chest = medium.groupby("asian_letters")["chest_cm_max"].mean()
    assert chest[True] < chest[False] - 3.0


def test_other_assumptions_make_other_shops():
    def own(assumptions: ShopAssumptions) -> SimulatedShop:
        return simulate(4_000, 9, assumptions)

    plain = ShopAssumptions()
    letters = own(replace(plain, size_systems=("ALPHA",)))
    assert set(letters.tables["products"]["size_system"]) == {"ALPHA"}
    bare = own(replace(plain, chart_none_share=1.0, chart_partial_share=0.0))
    charts = bare.tables["product_sizes"].drop(columns=["product_id", "size_label", "size_rank"])
    assert charts.isna().all(axis=None)
    noisy = own(replace(plain, residual_noise=0.9))
    calm = own(plain)
    best = [s.truth["lines_truth"]["p_fit_best"].mean() for s in (noisy, calm)]
    assert best[0] < best[1] - 0.1
    silent = own(replace(plain, feedback_share=0.0, measured_share=0.0, abuser_share=0.0))
    assert not len(silent.tables["fit_feedback"])
    assert not len(silent.tables["body_measurements"])
    assert not silent.truth["lines_truth"]["is_abuse"].any()


def test_a_table_without_rows_is_left_out_and_an_old_one_removed(tmp_path):
    run(500, 1, tmp_path)
    assert (tmp_path / "fit_feedback.parquet").exists()
    run(500, 1, tmp_path, ShopAssumptions(feedback_share=0.0))
    assert not (tmp_path / "fit_feedback.parquet").exists()
    assert validate(read_tables(tmp_path)).ok


def test_parts_of_the_shop_draw_from_streams_of_their_own():
    plain = simulate(1_500, 4).tables
    other = simulate(1_500, 4, ShopAssumptions(label_share=0.2, feedback_share=0.3)).tables
    for name in ("products", "product_sizes", "customers", "order_lines", "returns"):
        pd.testing.assert_frame_equal(plain[name], other[name])
    assert len(other["fit_feedback"]) < len(plain["fit_feedback"])


@pytest.mark.parametrize(("name", "value"), [("tolerance", 0.0), ("residual_noise", -1.0)])
def test_assumptions_that_make_no_sense_are_refused_by_name(name, value):
    with pytest.raises(ValueError, match=name):
        ShopAssumptions(**{name: value})
