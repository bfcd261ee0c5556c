"""The size tables: what they hold, and that they agree with themselves and with the world."""

from itertools import pairwise, product

import pytest
import yaml

from data_contracts.tables import AUDIENCE, BODY_RANGES, SIZE_SYSTEM
from features.size_systems import (
    AUDIENCES,
    DIMENSIONS,
    FAMILIES,
    SizeTableError,
    all_tables,
    catalogue,
    size_table,
    systems_of,
)
from features.size_systems.listing import PAGE, listed
from features.size_systems.reading import figures, read_data
from pipelines.simulate.ladders import ladders

TABLES = {
    (audience, family): [
        table
        for system in systems_of(audience, family)
        if (table := size_table(system, audience, family)).leading
    ]
    for audience, family in product(AUDIENCES, FAMILIES)
}
BRAS = {("women", "bras"): [t.cups for t in TABLES["women", "underwear"] if t.cups]}
ADULT = ("ALPHA", "US", "UK", "EU", "FR", "IT", "DE", "ES", "CN", "JP", "KR", "AU")


def of_kind(tables):
    """One case for each audience and kind of garment, with all its systems."""
    return pytest.mark.parametrize("tables", tables.values(), ids=["-".join(k) for k in tables])


def test_audiences_and_systems_are_those_of_the_contract():
    assert set(AUDIENCES) == set(AUDIENCE)
    assert {system for system, _, _ in all_tables()} == set(SIZE_SYSTEM)


@of_kind(TABLES)
def test_neighbours_touch_and_every_dimension_rises_with_rank(tables):
    for table, (small, large) in ((t, pair) for t in tables for pair in pairwise(t.sizes)):
        assert small.body[table.leading][1] == pytest.approx(large.body[table.leading][0])
        for dimension in small.body:
            assert small.body[dimension][0] <= large.body[dimension][0]
            assert small.body[dimension][1] <= large.body[dimension][1]


@of_kind(TABLES | BRAS)
def test_figures_are_of_a_human_body_and_sources_are_named(tables):
    for table in tables:
        assert table.kind in ("standard", "trade")
        assert table.source
        assert table.edition
    for size in (size for table in tables for size in table.sizes):
        assert set(size.body) <= set(DIMENSIONS)
        for dimension, (low, high) in size.body.items():
            least, most, _ = BODY_RANGES.get(dimension, (0.0, 250.0, "cm"))
            assert least <= low < high <= most, (size.label, dimension)


@of_kind(TABLES | BRAS)
def test_every_label_and_alias_is_found(tables):
    for table in tables:
        assert [table.rank(label) for label in table.labels] == list(range(len(table.sizes)))
        assert all(table.find(alias) is not None for alias in table.aliases)
        assert all(table.find(span) is not None for span in table.spans)
        assert table.find("blue") is None


@pytest.mark.parametrize("audience", ["women", "men", "unisex"])
@pytest.mark.parametrize("family", ["top", "bottom", "dress", "outerwear"])
def test_adults_have_every_system(audience, family):
    assert set(ADULT) <= set(systems_of(audience, family))


@pytest.mark.parametrize("audience", ["girls", "boys", "baby"])
@pytest.mark.parametrize("family", FAMILIES[:-1])
def test_children_have_every_system(audience, family):
    assert set(ADULT) <= set(systems_of(audience, family))


@pytest.mark.parametrize("audience", AUDIENCES)
def test_everyone_has_shoes(audience):
    shoes = {"SHOE_EU", "SHOE_US", "SHOE_UK", "SHOE_CN", "SHOE_JP", "ONE"}
    assert shoes == set(systems_of(audience, "shoes"))


@pytest.mark.parametrize(
    ("key", "label", "dimension", "value"),
    [
        # EN 13402-3: bust 84 goes with hip 92; men's 48 is chest 96; letters are 8 cm wide.
        (("DE", "women", "dress"), "36", "chest_cm", 84.0),
        (("DE", "women", "dress"), "36", "hip_cm", 92.0),
        (("EU", "men", "outerwear"), "48", "chest_cm", 96.0),
        (("ALPHA", "men", "top"), "M", "chest_cm", 98.0),
        # JIS L 4005: number 9 is bust 83, waist 64, hip 91; 15 and up are 4 cm apart.
        (("JP", "women", "dress"), "9", "chest_cm", 83.0),
        (("JP", "women", "dress"), "9AR", "waist_cm", 64.0),
        (("JP", "women", "dress"), "19", "chest_cm", 100.0),
        # GB/T 1335: the middle figure of women is 160/84A, 68, 90; of men 170/88A, 74, 90.
        (("CN", "women", "bottom"), "160/68A", "hip_cm", 90.0),
        (("CN", "men", "bottom"), "170/74A", "hip_cm", 90.0),
        (("CN", "men", "top"), "175/90A", "chest_cm", 90.0),
        (("CN", "men", "top"), "175/88A", "height_cm", 175.0),
        (("KR", "women", "top"), "85-91-160", "chest_cm", 85.0),
        (("JP", "men", "outerwear"), "92A5", "chest_cm", 92.0),
        # ISO 9407: the label is the foot; Paris point and barleycorn through a last 1.5 cm longer.
        (("SHOE_CN", "women", "shoes"), "240", "foot_length_cm", 24.0),
        (("SHOE_JP", "men", "shoes"), "26.5cm", "foot_length_cm", 26.5),
        (("SHOE_EU", "men", "shoes"), "42", "foot_length_cm", 26.5),
        (("SHOE_UK", "men", "shoes"), "8", "foot_length_cm", 33 * 2.54 / 3 - 1.5),
        (("SHOE_US", "men", "shoes"), "9", "foot_length_cm", 33 * 2.54 / 3 - 1.5),
    ],
)
def test_the_middle_of_a_size_is_what_its_source_says(key, label, dimension, value):
    low, high = size_table(*key).find(label).body[dimension]
    assert (low + high) / 2 == pytest.approx(value, abs=0.02)


def test_a_bra_is_its_band_and_how_much_more_the_bust_measures():
    size = size_table("EU", "women", "underwear").cups.find("75B")
    assert size.body["underbust_cm"] == (72.5, 77.5)
    assert size.body["cup_cm"] == (14.0, 16.0)
    assert size.body["chest_cm"] == (89.0, 91.0)


def test_inches_may_bring_their_inseam():
    size = size_table("WAIST_INCH", "men", "bottom").find("W32/L34")
    assert (
        size.body["waist_cm"]
        == size_table("WAIST_INCH", "men", "bottom").find("32").body["waist_cm"]
    )
    assert sum(size.body["inseam_cm"]) / 2 == pytest.approx(34 * 2.54)


def test_a_double_size_covers_both():
    table = size_table("ALPHA", "women", "top")
    assert table.find("S/M").body["chest_cm"] == (82.0, 98.0)
    assert table.find("M/S") is None


GARMENTS = {
    "body": ("top", "dress", "outerwear"),
    "lower": ("bottom",),
    "height": ("top", "bottom", "dress", "outerwear"),
    "foot": ("shoes",),
    "band": ("underwear",),
    "none": (None,),
}


@pytest.mark.parametrize("audience", AUDIENCES)
def test_the_simulated_shop_prints_labels_of_the_tables_near_their_bodies(audience):
    """It is another trade than ours: not the same figures, but the same labels, near them."""
    for ladder in (ladder for ladder in ladders() if ladder.audience == audience):
        for family, (place, label) in product(GARMENTS[ladder.garment], enumerate(ladder.labels)):
            table = size_table(ladder.system, audience, family)
            table = table.cups if ladder.garment == "band" else table
            size = table.find(label)
            assert size, (ladder.system, family, label)
            if table.leading in ladder.centres:
                low, high = size.body[table.leading]
                first, step = ladder.centres[table.leading]
                off = first + step * place - (low + high) / 2
                assert abs(off) <= 2 * max(high - low, step), (ladder.system, family, label)


def test_the_page_lists_the_tables_that_there_are():
    page = PAGE.read_text("utf-8")
    assert page == listed(page)


def test_a_label_wins_over_another_size_of_that_nickname():
    table = size_table("KR", "women", "top")
    assert table.find("110").label == "110"
    assert table.find("85").label == "55"


BROKEN = {
    "figures must rise": lambda entry: entry["body"].update(
        height_cm={"edges": [*range(20, 8, -1)]}
    ),
    "labels but": lambda entry: entry["labels"].append("110"),
    "given twice": lambda entry: entry["labels"].__setitem__(1, 44),
    "kind must be": lambda entry: entry.update(kind="guess"),
    "labels it does not have": lambda entry: entry.update(aliases={"x": "y"}),
    "unknown dimensions": lambda entry: entry["body"].update(neck_cm=entry["body"]["weight_kg"]),
    "no figures": lambda entry: entry.update(families={"top": "chest_cm"}),
    "no body called": lambda entry: entry.update(body="nobody"),
}


@pytest.mark.parametrize("complaint", BROKEN)
def test_data_that_contradict_themselves_are_refused(complaint):
    entry = yaml.safe_load(yaml.safe_dump(read_data("tables/baby.yaml")["tables"][0]))
    BROKEN[complaint](entry)
    with pytest.raises(SizeTableError, match=complaint):
        list(catalogue._tables_of(entry, {}, "tables/baby.yaml"))


def test_figures_are_read_in_every_way_they_are_written():
    assert figures([10, 12, 16], 3, "x") == [(9, 11), (11, 14), (14, 18)]
    assert figures({"edges": [1, 2, 4]}, 2, "x") == [(1, 2), (2, 4)]
    assert figures({"first": 10, "step": 2}, 2, "x", first=1) == [(11, 13), (13, 15)]
    assert figures({"middles": [10, 10, 15], "around": 2}, 2, "x") == [(8, 12), (8, 12)]
