"""Conversion of labels through the body."""

from functools import cache
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.size_systems import (
    AUDIENCES,
    FAMILIES,
    convert,
    convert_body,
    size_table,
    systems_of,
)

PAIRS = [
    (system, to, audience, family)
    for audience, family in product(AUDIENCES, FAMILIES)
    for system, to in product(systems_of(audience, family), repeat=2)
    if size_table(system, audience, family).leading and size_table(to, audience, family).leading
]


@cache
def answers(system, to, audience, family):
    """Matches of every label of a table, smallest first, as (rank, share)."""
    target = size_table(to, audience, family)
    labels = size_table(system, audience, family).labels
    return [
        [(target.rank(m.label), m.share) for m in convert(label, system, to, audience, family)]
        for label in labels
    ]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted({(s, a, f) for s, _, a, f in PAIRS})), st.data())
def test_a_label_of_its_own_system_is_itself(table, data):
    system, audience, family = table
    label = data.draw(st.sampled_from(size_table(*table).labels))
    assert convert(label, system, system, audience, family) == ((label, 1.0),)


@pytest.mark.parametrize(("audience", "family"), list(product(AUDIENCES, FAMILIES)))
def test_shares_sum_to_one_best_first_for_every_pair_of_systems(audience, family):
    for pair in (p for p in PAIRS if p[2:] == (audience, family)):
        for matches in answers(*pair):
            shares = [round(share, 6) for _, share in matches]
            assert shares == sorted(shares, reverse=True)
            assert not shares or sum(shares) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize(("audience", "family"), list(product(AUDIENCES, FAMILIES)))
def test_a_larger_label_never_leads_to_a_smaller_size(audience, family):
    for pair in (p for p in PAIRS if p[2:] == (audience, family)):
        best = [matches[0][0] for matches in answers(*pair) if matches]
        assert best == sorted(best), pair


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(PAIRS), st.data())
def test_coming_back_lands_within_one_size(pair, data):
    system, to, audience, family = pair
    table = size_table(system, audience, family)
    label = data.draw(st.sampled_from(table.labels))
    there = convert(label, system, to, audience, family)
    if not there:
        return
    back = convert(there[0].label, to, system, audience, family)
    ranks = [table.rank(match.label) for match in back]
    # A coarse size holds several fine ones: then one of those it stands for is next to the label.
    assert min(abs(table.rank(label) - rank) for rank in ranks) <= 1


@pytest.mark.parametrize(
    ("label", "system", "to", "expected", "audience", "family"),
    [
        # Women: German 36 is FR 38, IT 42, UK 10, US 6 (EN 13402-3: bust 84, waist 68, hip 92).
        ("36", "DE", "FR", "38", "women", "dress"),
        ("36", "DE", "IT", "42", "women", "dress"),
        ("36", "DE", "UK", "10", "women", "dress"),
        ("36", "DE", "US", "6", "women", "top"),
        ("36", "DE", "CN", "160/84A", "women", "top"),
        ("36", "DE", "JP", "9", "women", "dress"),
        ("36", "DE", "KR", "55", "women", "dress"),
        ("50", "EU", "UK", "40", "men", "outerwear"),
        ("48", "DE", "IT", "48", "men", "top"),
        ("48", "DE", "US", "38", "men", "top"),
        ("W32", "WAIST_INCH", "DE", "48", "men", "bottom"),
        ("75B", "EU", "UK", "34B", "women", "underwear"),
        ("75B", "EU", "FR", "90B", "women", "underwear"),
        ("75B", "EU", "IT", "3B", "women", "underwear"),
        ("75B", "EU", "AU", "12B", "women", "underwear"),
        ("116", "EU", "UK", "5-6", "girls", "dress"),
        ("74", "BABY_CM", "BABY_MONTHS", "6-9", "baby", "dress"),
        ("33", "SHOE_EU", "SHOE_UK", "1", "boys", "shoes"),
    ],
)
def test_known_equivalences_hold(label, system, to, expected, audience, family):
    assert convert(label, system, to, audience, family)[0].label == expected


def test_a_body_is_read_in_any_system():
    body = {"chest_cm": (82.0, 86.0), "waist_cm": (66.0, 70.0), "hip_cm": (90.0, 94.0)}
    assert convert_body(body, "DE", "women", "dress") == (("36", 1.0),)


def test_nothing_is_made_up_where_a_system_ends_or_has_no_table():
    assert convert("6XL", "ALPHA", "JP", "women", "dress") == ()
    assert convert("38", "DE", "SHOE_EU", "women", "dress") == ()
    assert convert("blue", "DE", "UK", "women", "dress") == ()


BRAS = [s for s in systems_of("women", "underwear") if size_table(s, "women", "underwear").cups]


@pytest.mark.parametrize("system", BRAS)
def test_bras_convert_by_band_and_cup_and_keep_their_order(system):
    sizes = size_table(system, "women", "underwear").cups.sizes[::11]
    for size in sizes:
        assert convert(size.label, system, system, "women", "underwear") == ((size.label, 1.0),)
    for to in BRAS:
        target = size_table(to, "women", "underwear").cups
        seen = []
        for size in sizes:
            if matches := convert(size.label, system, to, "women", "underwear"):
                assert sum(m.share for m in matches) == pytest.approx(1.0)
                found = target.find(matches[0].label).body
                assert found["underbust_cm"] == size.body["underbust_cm"]
                seen.append((size.body["cup_cm"][0], found["cup_cm"][0]))
        assert seen
        assert [cup for _, cup in sorted(seen)] == sorted(cup for _, cup in seen)


def test_a_band_and_a_bust_are_read_as_a_bra():
    body = {"underbust_cm": (75.0, 75.0), "chest_cm": (90.0, 90.0)}
    assert convert_body(body, "UK", "women", "underwear") == (("34B", 1.0),)
    assert convert_body(body, "JP", "women", "underwear") == (("C75", 1.0),)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(sorted({p[1:] for p in PAIRS})),
    st.floats(0.0, 1.0),
    st.floats(0.0, 1.0),
)
def test_a_larger_body_is_never_given_a_smaller_size(table, one, other):
    system, audience, family = table
    sizes = size_table(*table)
    low, high = sizes.sizes[0].body[sizes.leading][0], sizes.sizes[-1].body[sizes.leading][1] - 1e-6
    ranks = []
    for share in sorted((one, other)):
        value = low + share * (high - low)
        matches = convert_body({sizes.leading: (value, value)}, system, audience, family)
        assert len(matches) == 1
        ranks.append(sizes.rank(matches[0].label))
    assert ranks == sorted(ranks)


def test_a_label_that_states_a_measure_off_the_ladder_is_itself_and_between():
    assert convert("165/86A", "CN", "CN", "women", "top") == (("165/86A", 1.0),)
    assert {m.label for m in convert("165/86A", "CN", "DE", "women", "top")} == {"36", "38"}
    assert [m.label for m in convert("105", "JP", "EU", "girls", "top")] == ["110", "104"]


def test_a_double_size_is_both():
    assert {m.label for m in convert("S/M", "ALPHA", "DE", "women", "top")} == {
        "36",
        "38",
        "40",
        "42",
    }
