import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.size_systems.catalogue import all_tables
from features.size_systems.notation import notations
from features.size_systems.parsing import OWN, parse_size

DISTINCT = {  # tables of one system and audience that list the same labels are one
    (table.system, table.audience, table.labels, bool(table.cups)): table
    for table in all_tables().values()
}
CANONICAL = [
    (table.system, table.audience, table.family or None, label)
    for table in DISTINCT.values()
    for label in (*table.labels, *(table.cups.labels if table.cups else ()))
]

SURE = {  # label: system, canonical label
    "L": ("ALPHA", "L"), "l": ("ALPHA", "L"), "xl": ("ALPHA", "XL"), "2XL": ("ALPHA", "XXL"),
    "XXL": ("ALPHA", "XXL"), "3XL": ("ALPHA", "3XL"), "XXXL": ("ALPHA", "3XL"),
    "xxs": ("ALPHA", "XXS"), "2X": ("ALPHA", "XXL"), "1X": ("ALPHA", "XL"), "S/M": ("ALPHA", "S/M"),
    "S-M": ("ALPHA", "S/M"), "M/L": ("ALPHA", "M/L"), "Medium": ("ALPHA", "M"),
    "x-large": ("ALPHA", "XL"), "Petite M": ("ALPHA", "M"), "M Tall": ("ALPHA", "M"),
    "L (40)": ("ALPHA", "L"), "L/40": ("ALPHA", "L"), "M(165/88A)": ("ALPHA", "M"),
    "S(55)": ("ALPHA", "S"), "LL": ("ALPHA", "XL"),
    "3T": ("US", "3T"), "12W": ("US", "12"), "38R": ("US", "38"), "34DDD": ("US", "34DDD"),
    "W32/L34": ("WAIST_INCH", "32"), "32/34": ("WAIST_INCH", "32"), "W32L34": ("WAIST_INCH", "32"),
    "32x34": ("WAIST_INCH", "32"), "3632": ("WAIST_INCH", "36"), "36/32": ("WAIST_INCH", "36"),
    "W 32 / L 34": ("WAIST_INCH", "32"), "32W 34L": ("WAIST_INCH", "32"),
    "42 1/2": ("SHOE_EU", "42.5"), "42+": ("SHOE_EU", "42.5"), "38,5": ("SHOE_EU", "38.5"),
    "39 1/3": ("SHOE_EU", "39 1/3"), "38⅔": ("SHOE_EU", "38 2/3"), "43 half": ("SHOE_EU", "43.5"),
    "38 (EU)": ("EU", "38"), "EU: 39": ("SHOE_EU", "39"),
    "EU39": ("SHOE_EU", "39"), "39 EU": ("SHOE_EU", "39"), "UK 8.5": ("SHOE_UK", "8.5"),
    "US M 9 / W 10.5": ("SHOE_US", "9"), "13.5K": ("SHOE_US", "13.5C"), "C10": ("SHOE_US", "10C"),
    "245": ("SHOE_CN", "245"), "245mm": ("SHOE_CN", "245"), "24.5cm": ("SHOE_JP", "24.5"),
    "24.5": ("SHOE_JP", "24.5"), "23 1/2": ("SHOE_JP", "23.5"),
    "EU 38 / UK 10": ("EU", "38"), "FR 40 - IT 44 - DE 38": ("FR", "40"),
    "Gr. 40": ("DE", "40"), "T.38": ("FR", "38"), "Taglia 44": ("IT", "44"),
    "Talla 38": ("ES", "38"),
    "11号": ("JP", "11"), "11AR": ("JP", "11"), "55": ("KR", "55"), "66": ("KR", "66"),
    "165/88A": ("CN", "165/88A"), "170/92A": ("CN", "170/92A"), "92/56": ("CN", "92/56"),
    "B80": ("JP", "B80"), "80B": ("EU", "80B"), "75 B": ("EU", "75B"), "34 DD": ("US", "34DD"),
    "6-9M": ("BABY_MONTHS", "6-9"), "9-12 months": ("BABY_MONTHS", "9-12"),
    "0-3M": ("BABY_MONTHS", "0-3"), "NB": ("BABY_MONTHS", "NB"), "Newborn": ("BABY_MONTHS", "NB"),
    "0-1 Monate": ("BABY_MONTHS", "0-1"), "6 Monate": ("BABY_MONTHS", "3-6"),
    "18 mois": ("FR", "18 mois"), "2 ans": ("FR", "2 ans"),
    "2A": ("FR", "2 ans"), "5-6Y": ("UK", "5-6"), "5-6 years": ("UK", "5-6"),
    "6 años": ("ES", "5-6"), "74-80": ("BABY_CM", "74-80"), "110cm": ("EU", "110"),
    "cm 110": ("EU", "110"), "86/92": ("EU", "86-92"),
}  # fmt: skip
ONE = ["unsized", "One size", "OS", "taille unique", "TAILLE UNIQUE", "Einheitsgröße", "フリー",
       "ﾌﾘｰ", "均码", "talla única", "Talla unica", "free size", "one-size", "T.U."]  # fmt: skip


@pytest.mark.parametrize(("text", "meant"), SURE.items(), ids=SURE)
def test_what_shops_write_is_read_as_they_mean_it(text, meant):
    best = parse_size(text).best
    assert best is not None
    assert (best.system, best.label) == meant


@pytest.mark.parametrize("text", ONE)
def test_one_size_is_read_in_many_languages(text):
    assert parse_size(text).best.system == "ONE"


@pytest.mark.parametrize("text", ["N/A", "-", "", "  ", "blue", "A/B", "9-6M", "?", "size", "null"])
def test_what_is_no_size_is_not_read(text):
    reading = parse_size(text)
    assert reading.readings == ()
    assert reading.best is None
    assert not reading.ambiguous


def test_a_bare_number_is_told_to_be_ambiguous_and_the_systems_are_named():
    reading = parse_size("42")
    assert reading.ambiguous
    assert {"DE", "EU", "IT", "FR", "SHOE_EU"} <= {each.system for each in reading.readings}
    assert sum(each.likelihood for each in reading.readings) == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize(
    ("text", "siblings", "market", "meant"),
    [
        ("38", "36 37 38 39 40", None, ("SHOE_EU", "women", "38")),
        ("38", "36 38 40 42 44 46", "DE", ("DE", "women", "38")),
        ("48", "44 46 48 50 52 54", "DE", ("DE", "men", "48")),
        ("22", "19 20 21 22 23 24 36 38 40 42 44 46 48", "DE", ("DE", "women", "44")),
        ("80", "36 38 40 42 44 46 76 80 84 88", "DE", ("DE", "women", "40")),
        ("22", "19 20 21 22 23 24 25 26", "DE", ("SHOE_EU", "baby", "22")),
        ("32", "28 29 30 31 32 33 34 36 38", "DE", ("WAIST_INCH", "men", "32")),
        ("6+", "4 4+ 5 5+ 6 6+ 7", "DE", ("SHOE_UK", "women", "6.5")),
        ("116", "104 116 128 140 152 164", "DE", ("EU", "girls", "116")),
        ("8", "4 6 8 10 12", "US", ("US", "women", "8")),
        ("10", "6 8 10 12 14 16", "GB", ("UK", "women", "10")),
        ("9", "5 7 9 11 13", "JP", ("JP", "women", "9")),
    ],
)
def test_siblings_and_market_resolve_a_number(text, siblings, market, meant):
    best = parse_size(text, market=market, siblings=siblings.split()).best
    assert (best.system, best.audience, best.label) == meant


def test_what_the_product_is_wins_over_what_its_labels_look_like():
    labels = [str(number) for number in range(24, 33)]
    assert parse_size("28", siblings=labels).best.system == "WAIST_INCH"
    assert parse_size("28", "boys", "shoes", siblings=labels).best.system == "SHOE_EU"


def test_labels_that_no_system_has_together_are_numbers_of_the_shops_own():
    best = parse_size("13", "women", "dress", "US", siblings=["1", "4", "17", "51", "57"]).best
    assert (best.system, best.listed) == (OWN, False)


@pytest.mark.parametrize("system", ["DE", "EU", "IT", "FR", "ES"])
def test_the_system_of_the_product_resolves_a_number(system):
    reading = parse_size("42", "women", "dress", system=system)
    assert not reading.ambiguous
    assert reading.best.system == system


def test_a_system_the_label_names_wins_over_the_one_of_the_product():
    assert parse_size("UK 10", "women", "dress", system="DE").best.system == "UK"


def test_other_names_of_one_body_make_no_ambiguity():
    reading = parse_size("74", "baby", "top", "DE")
    assert {"BABY_CM", "EU"} <= {each.system for each in reading.readings}
    assert not reading.ambiguous


def test_of_a_label_that_says_its_size_twice_the_product_s_own_is_taken_and_the_other_told():
    reading = parse_size("EU 38 / UK 10", "women", "dress", "GB")
    assert (reading.best.system, reading.best.label) == ("UK", "10")
    assert [(each.system, each.label) for each in reading.also] == [("EU", "38")]


def test_inseam_length_and_ends_of_a_range_are_kept():
    assert parse_size("W32/L34").best.inseam == 34
    assert [parse_size(t).best.length for t in ("38R", "10P", "M Tall")] == ["R", "S", "L"]
    assert parse_size("22", "women", "bottom", system="DE").best.length == "S"
    double = parse_size("S/M").best
    assert (double.low, double.high) == ("S", "M")
    third = parse_size("39 1/3").best
    assert (third.low, third.high) == ("39", "39.5")


def test_a_number_no_table_has_is_the_shops_own_and_said_so():
    best = parse_size("571").best
    assert (best.system, best.label, best.listed) == (OWN, "571", False)


@pytest.mark.parametrize("system", sorted({key[0] for key in all_tables()}))
def test_a_canonical_label_is_read_as_itself_in_its_system(system):
    for own, audience, family, label in CANONICAL:
        if own == system:
            best = parse_size(label, audience, family, system=system).best
            assert best is not None, (audience, family, label)
            assert best.label == label, (audience, family, label, best)
            assert best.system == system, (audience, family, label, best)


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_but_never_raises(text):
    reading = parse_size(text)
    assert all(0 <= each.likelihood <= 1 for each in reading.readings)


@settings(deadline=None, max_examples=200)
@given(st.text(alphabet="0123456789XSMLWTYRPEUKABD/-+.,() ½⅓ヶ月号码", max_size=12))
def test_what_looks_like_a_size_never_raises(text):
    parse_size(text, "women", "top", "DE", system="DE", siblings=["38", text])


def _wide(text):
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


@given(st.sampled_from(sorted(SURE) + ONE), st.sampled_from([str.upper, str.lower, _wide]))
def test_case_width_and_outer_space_do_not_matter(text, spelt):
    assert notations(f"\u00a0 {spelt(text)}\u3000") == notations(text)


@given(st.sampled_from(["W32/L34", "6-9M", "165/88A", "34DD", "S/M", "38R", "110cm", "UK 8.5"]))
def test_spaces_between_the_parts_do_not_matter(text):
    apart = text.replace("/", " / ").replace("-", " - ").replace("cm", "  cm").replace("R", " R")
    assert notations(apart) == notations(text)


def test_each_sibling_counts_once_and_in_any_order():
    one = parse_size("38", siblings=["36", "37", "38", "39"])
    other = parse_size("38", siblings=["39", "39", "37", "36", "38"])
    assert one == other
