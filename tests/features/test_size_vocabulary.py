"""Shops' words for garments, what binds, and which system a market uses."""

import re
from pathlib import Path

import pandas as pd
import pytest

from features.size_systems import (
    AUDIENCES,
    FAMILIES,
    binding_of,
    family_of,
    size_table,
    usual_system,
)
from features.size_systems.reading import read_data
from pipelines.simulate.categories import CATEGORIES

RENTALS = Path(__file__).parents[2].parent / "shared" / "data" / "rent_the_runway.parquet"
WORDS = {
    "top": (
        "Damen-Blusen, T-Shirts, chemises, Camisetas, maglione, セーター, 针织衫, 맨투맨, "
        "dress shirt, Strickjacke, kids_top, Herrenhemden, polo shirts, vest"
    ),
    "bottom": (
        "Jogginghose, Jeans, Röcke, jupes, Pantalones vaqueros, gonna, スカート, 牛仔裤, 바지, "
        "tight, swim trunks, maxi skirt, kids_trousers, pants"
    ),
    "dress": (
        "Sommerkleider, Robes, vestidos, abito, ワンピース, 连衣裙, 원피스, Maillots de bain, "
        "shirt dress, gown, romper, Strampler, maxi, sheath, t-shirt dress, sleepsuit"
    ),
    "outerwear": (
        "Winterjacken, Manteaux, abrigo, cappotto, ジャケット, 羽绒服, 패딩, "
        "trench, blazer, cape, shirt jacket, kids_jacket"
    ),
    "underwear": (
        "BHs, soutien-gorge, bragas, reggiseno, ブラジャー, 文胸, 팬티, Damen Unterwäsche, "
        "boxer shorts, sports bra"
    ),
    "shoes": (
        "Herrenschuhe, Bottes, zapatos, scarpe, スニーカー, 运动鞋, 운동화, Stiefeletten, "
        "baby_shoes, ankle boots"
    ),
}


@pytest.mark.parametrize("family", WORDS)
def test_a_word_of_any_language_names_its_family(family):
    read = {word: family_of(word) for word in WORDS[family].split(", ")}
    assert read == dict.fromkeys(read, family)


@pytest.mark.parametrize(
    "word",
    ["scarf", "Handschuhe", "baby_hat", "écharpe", "帽子", "袜子", "양말", "blorp", "", None],
)
def test_what_no_body_sizes_and_what_nobody_knows_has_no_family(word):
    assert family_of(word) is None


def test_the_size_system_settles_what_the_word_leaves_open():
    assert family_of("classics", size_system="SHOE_EU") == "shoes"
    assert family_of("denim collection", size_system="WAIST_INCH") == "bottom"
    assert family_of("Body", "baby") == "dress"
    assert family_of("Body", "women") == "top"


def test_the_last_word_says_what_it_is_and_the_longest_wins():
    assert family_of("dress shirts") == "top"
    assert family_of("shirt dresses") == "dress"
    assert family_of("dress shoes") == "shoes"
    assert family_of("Handschuhe") is None
    assert family_of("Frühlingskleid") == "dress"


def test_no_word_stands_in_two_families():
    words = [w for listed in read_data("vocabulary.yaml")["families"].values() for w in set(listed)]
    twice = {word for word in words if words.count(word) > 1}
    assert not twice


@pytest.mark.parametrize("category", CATEGORIES, ids=lambda c: c.name)
def test_the_simulated_shop_is_understood(category):
    families = {
        "foot": {"shoes"},
        "none": {None},
        "height": {"top", "bottom", "dress", "outerwear"},
        "band": {"underwear"},
        "lower": {"bottom", "underwear"},
    }.get(category.garment, {"top", "bottom", "dress", "outerwear", "underwear"})
    for audience in category.audiences:
        assert family_of(category.name, audience) in families


@pytest.mark.public_data
@pytest.mark.skipif(not RENTALS.exists(), reason="no public data at ../shared/data")
def test_every_category_of_the_rentals_has_a_family():
    categories = pd.read_parquet(RENTALS, columns=["category"])["category"].dropna().unique()
    assert [c for c in categories if family_of(c, "women") is None] == []


@pytest.mark.parametrize("audience", [*AUDIENCES, None])
@pytest.mark.parametrize("family", FAMILIES)
def test_weights_of_what_binds_sum_to_one(audience, family):
    for category in (None, "skirt", "jeans", "bra", "cape", "shoes", "kleid"):
        assert sum(binding_of(category, family, audience).values()) == pytest.approx(1.0)


def test_the_dimension_that_binds_is_the_garments_own():
    def most(*of):
        weights = binding_of(*of)
        return max(weights, key=weights.get)

    assert most("Röcke", "bottom", "women") == "hip_cm"
    assert most("trousers", "bottom", "women") == "waist_cm"
    assert most("t_shirt", "top", "men") == "chest_cm"
    assert most("boots", "shoes", "girls") == "foot_length_cm"
    assert most("skirt", "bottom", "girls") == "height_cm"
    assert most("romper", "dress", "baby") == "height_cm"
    assert binding_of("scarf", None, "women") == {}


@pytest.mark.parametrize("audience", [*AUDIENCES, None])
@pytest.mark.parametrize("family", FAMILIES)
def test_what_a_market_uses_has_a_table(audience, family):
    markets = [*read_data("markets.yaml")["markets"], "XX", "", None, "de"]
    for market in markets:
        system = usual_system(market, audience, family)
        assert size_table(system, audience or "women", family) is not None, (market, system)
        assert system.startswith("SHOE_") == (family == "shoes")


@pytest.mark.parametrize(
    ("market", "audience", "family", "system"),
    [
        ("DE", "women", "dress", "DE"),
        ("FR", "women", "top", "FR"),
        ("IT", "men", "outerwear", "IT"),
        ("GB", "women", "dress", "UK"),
        ("GB", "baby", "dress", "BABY_MONTHS"),
        ("US", "women", "dress", "US"),
        ("US", "men", "bottom", "WAIST_INCH"),
        ("US", "women", "shoes", "SHOE_US"),
        ("JP", "women", "dress", "JP"),
        ("JP", "girls", "shoes", "SHOE_JP"),
        ("CN", "men", "top", "CN"),
        ("CN", "boys", "shoes", "SHOE_CN"),
        ("KR", "women", "dress", "KR"),
        ("AU", "women", "dress", "AU"),
        ("NL", "boys", "top", "EU"),
        ("SE", "baby", "top", "BABY_CM"),
        ("XX", "women", "dress", "ALPHA"),
        ("XX", "men", "shoes", "SHOE_EU"),
        ("XX", "baby", "dress", "BABY_CM"),
        ("DE", "women", None, "ONE"),
    ],
)
def test_a_market_has_its_own_habit(market, audience, family, system):
    assert usual_system(market, audience, family) == system


def test_markets_are_countries_and_their_groups_exist():
    data = read_data("markets.yaml")
    assert all(re.fullmatch("[A-Z]{2}", str(market)) for market in data["markets"])
    assert set(data["markets"].values()) <= set(data["groups"])
