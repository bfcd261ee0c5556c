"""Every signal on made-up accounts: more of it never looks better, honest conduct is silent."""

import numpy as np
import pytest

from features.abuse import (
    BASE,
    COUNTED,
    FACTS,
    HISTORIES,
    SIGNALS,
    SURPRISES,
    VECTOR,
    abuse_vectors,
    expected_of_line,
)

BASES = {
    "claimed": 0.25, "size": 0.12, "fault": 0.05, "lost": 0.002, "edge": 0.04, "worn": 0.05,
    "swapped": 0.02, "changed": 0.01, "found": 0.01, "extra": 0.8, "edge_days": 22.0,
    "window_days": 30.0, "delay_days": 6.0,
}  # fmt: skip
BASE_ROW = np.array([BASES[name] for name in BASE])
SHAPES = np.full(len(SIGNALS), 3.0)
CLAIM = {
    "value": 1.0, "share": 1.0, "size": 1.0, "fault": 0.0, "mood": 0.0, "lost": 0.0, "delay": 6.0,
    "arrived": 1.0, "repeat": 0.0, "changed": 0.0, "age": 500.0, "basket": 1.0, "alike": 1.0,
    "registered": 1000.0, "hidden": 0.0, "line_value": 1.0,
}  # fmt: skip
ACCOUNT = {
    "delivered": 40.0, "expected": 10.0, "expected_value": 10.0, "expected_fault": 2.0,
    "expected_lost": 0.08, "recent_expected": 3.0, "claimed": 10.0, "claimed_value": 10.0,
    "fault": 1.0, "recent_claimed": 3.0, "looked": 9.0, "timed": 10.0, "extra": 8.0,
    "expected_extra": 4.0, "claimed_extra": 3.0, "ordered": 40.0, "size": 8.0,
}  # fmt: skip
NOBODY: dict[str, dict[str, float]] = {}


def vector(claim=None, account=None, others=NOBODY):
    """One vector: an ordinary account and claim, with changes."""
    sums = {h.name: np.zeros((1, len(h.sums))) for h in HISTORIES}
    at = {h.name: {s.name: i for i, s in enumerate(h.sums)} for h in HISTORIES}
    for name, value in {**ACCOUNT, **(account or {})}.items():
        sums["account"][0, at["account"][name]] = value
    for history, values in others.items():
        for name, value in values.items():
            sums[history][0, at[history][name]] = value
    facts = np.array([[{**CLAIM, **(claim or {})}.get(name, np.nan) for name in FACTS]])
    return dict(zip(VECTOR, abuse_vectors(facts, sums, BASE_ROW, SHAPES)[0], strict=True))


def linked(*links, accounts=3.0, apart=1.0, **record):
    """Other accounts on these links, registered `apart` days from the account's own."""
    days = 1000.0 + apart
    others = accounts - 1
    joined = {
        "accounts": accounts,
        "registered": 1000.0 + others * days,
        "registered_square": 1000.0**2 + others * days**2,
    }
    return {link: {**joined, **record} for link in links}


MORE = {
    "returns_above_peers": {"account": {"claimed": 30.0}},
    "recent_returns": {"account": {"recent_claimed": 12.0}},
    "value_above_peers": {"account": {"claimed_value": 40.0}},
    "brackets_not_kept": {"account": {"claimed_extra": 16.0}},
    "faults_above_products": {"account": {"fault": 15.0}},
    "not_received": {"account": {"lost": 3.0}},
    "window_edge": {"account": {"edge": 9.0}},
    "worn_returns": {"account": {"worn": 8.0}},
    "swapped_returns": {"account": {"swapped": 4.0}},
    "changed_reason": {"account": {"changed": 4.0}},
    "fast_start": {"account": {"early": 8.0, "expected_early": 1.0}},
    "found_before": {"account": {"found": 2.0}},
    "linked_record": {"others": linked("device", "cluster", fault=12.0, expected_fault=1.0)},
    "opened_together": {"others": linked("device", "cluster", "address", apart=1.0)},
}


def test_there_is_a_case_for_every_signal():
    assert tuple(MORE) == SIGNALS
    assert set(COUNTED) < set(SIGNALS)


@pytest.mark.parametrize("code", SIGNALS)
def test_more_of_a_signal_surprises_and_moves_no_other_much(code):
    before, after = vector(), vector(**MORE[code])
    assert before[f"{code}.surprise"] < 1.0
    assert after[f"{code}.surprise"] > 1.5
    moved = [c for c in SIGNALS if abs(after[f"{c}.surprise"] - before[f"{c}.surprise"]) > 0.5]
    allowed = {"linked_record": {"opened_together"}}.get(code, set())
    assert set(moved) <= {code} | allowed


@pytest.mark.parametrize("code", COUNTED)
def test_surprise_rises_with_what_was_seen_and_falls_with_what_is_usual(code):
    where = {"worn_returns": "worn", "swapped_returns": "swapped", "window_edge": "edge",
             "not_received": "lost", "found_before": "found", "changed_reason": "changed",
             "fast_start": "early", "faults_above_products": "fault",
             "brackets_not_kept": "claimed_extra", "value_above_peers": "claimed_value",
             "recent_returns": "recent_claimed",
             "returns_above_peers": "claimed"}[code]  # fmt: skip
    usual = {"returns_above_peers": "expected", "recent_returns": "recent_expected",
             "value_above_peers": "expected_value", "brackets_not_kept": "expected_extra",
             "faults_above_products": "expected_fault", "not_received": "expected_lost",
             "fast_start": "expected_early", "window_edge": "timed", "worn_returns": "looked",
             "swapped_returns": "looked", "changed_reason": "claimed",
             "found_before": "claimed"}[code]  # fmt: skip
    seen = [vector(account={where: n})[f"{code}.surprise"] for n in np.linspace(0.0, 30.0, 16)]
    assert (np.diff(seen) >= 0).all()
    assert seen[-1] > seen[0]
    peers = [
        vector(account={where: 10.0, usual: n})[f"{code}.surprise"]
        for n in np.linspace(1.0, 200.0, 16)
    ]
    assert (np.diff(peers) <= 1e-12).all()
    assert peers[-1] < peers[0]


@pytest.mark.parametrize(
    ("code", "claim"),
    [
        ("not_received", {"lost": 1.0, "size": 0.0}),
        ("window_edge", {"delay": 28.0}),
        ("worn_returns", {"worn": 1.0, "swapped": 0.0}),
        ("swapped_returns", {"worn": 0.0, "swapped": 1.0}),
        ("changed_reason", {"changed": 1.0, "repeat": 1.0}),
        ("faults_above_products", {"fault": 1.0, "size": 0.0}),
        ("brackets_not_kept", {"alike": 2.0}),
        ("value_above_peers", {"value": 9.0}),
    ],
)
def test_the_claim_itself_counts(code, claim):
    assert vector(claim=claim)[f"{code}.surprise"] > vector()[f"{code}.surprise"]


def test_a_swapped_parcel_surprises_however_many_good_ones_came_before():
    claim = {"worn": 0.0, "swapped": 1.0}
    assert vector(claim=claim, account={"looked": 200.0})["swapped_returns.surprise"] > 1.5


def test_who_orders_what_often_comes_back_is_expected_to_return_more():
    heavy = {"claimed": 30.0, "claimed_value": 30.0, "expected": 30.0, "expected_value": 30.0}
    honest, other = vector(account=heavy), vector(account={**heavy, "expected": 10.0})
    assert honest["returns_above_peers.surprise"] < 0.5 < other["returns_above_peers.surprise"]


def test_all_but_one_of_a_bracket_is_expected_back():
    sums = {h.name: np.zeros((3, len(h.sums))) for h in HISTORIES}
    expected = expected_of_line(sums, np.array([1.0, 2.0, 3.0]), BASE_ROW)["expected"]
    np.testing.assert_allclose(expected, [BASES["claimed"], 1 / 2, 2 / 3])


def test_goods_and_lane_that_come_back_often_explain_a_return():
    sums = {h.name: np.zeros((3, len(h.sums))) for h in HISTORIES}
    bad = {"delivered": 100.0, "claimed": 60.0, "size": 40.0, "fault": 20.0}
    for row, history in ((1, "product"), (2, "lane")):
        names = [s.name for h in HISTORIES if h.name == history for s in h.sums]
        for name, value in bad.items():
            sums[history][row, names.index(name)] = value
    for values in expected_of_line(sums, np.ones(3), BASE_ROW).values():
        assert (values[1:] >= values[0]).all()
    expected = expected_of_line(sums, np.ones(3), BASE_ROW)["expected"]
    assert (expected[1:] > 1.2 * expected[0]).all()


def test_neighbours_who_share_an_address_only_weigh_less_than_one_person_behind_all():
    record = {"fault": 12.0, "expected_fault": 1.0}
    neighbours = vector(others=linked("address", **record))
    one_person = vector(others=linked("address", "device", "cluster", **record))
    for code in ("linked_record", "opened_together"):
        assert neighbours[f"{code}.surprise"] < 0.5 * one_person[f"{code}.surprise"]
    assert (neighbours["linked.kinds"], one_person["linked.kinds"]) == (1, 3)


def test_what_the_account_itself_did_is_not_held_against_it_as_another_s():
    mine = {"fault": 12.0, "expected_fault": 1.0}
    shared = linked("device", accounts=2.0, apart=500.0, **mine)
    alone = vector(others={**shared, "account_device": mine})
    assert alone["linked_record.surprise"] == 0
    assert vector(others=shared)["linked_record.surprise"] > 1


def test_accounts_opened_years_apart_or_in_a_tower_block_are_no_farm():
    assert vector(others=linked("device", apart=600.0))["opened_together.surprise"] == 0
    block = vector(others=linked("address", accounts=200.0, apart=300.0))
    assert block["opened_together.surprise"] < 0.5


def test_nothing_known_is_no_surprise():
    sums = {h.name: np.zeros((1, len(h.sums))) for h in HISTORIES}
    x = abuse_vectors(np.full((1, len(FACTS)), np.nan), sums, BASE_ROW, SHAPES)[0]
    for name in SURPRISES:
        if name not in ("returns_above_peers.surprise", "recent_returns.surprise"):
            assert x[VECTOR.index(name)] == 0, name
    assert x.shape == (len(VECTOR),)


def test_columns_are_behaviour_and_nothing_of_the_person():
    words = {word for name in VECTOR for word in name.replace(".", "_").split("_")}
    banned = {"sex", "gender", "birth", "birthday", "year", "years", "name", "locale", "language",
              "nation", "nationality", "market", "country", "origin", "currency", "wearer",
              "height", "weight", "body"}  # fmt: skip
    assert not words & banned
    assert len(set(VECTOR)) == len(VECTOR)
    keys = {part for history in HISTORIES for part in history.key}
    assert keys == {"customer_id", "cluster", "address", "device", "product_id", "size_label",
                    "market", "order_id", "bracket"}  # fmt: skip
    # The market serves as the lane's own base rate.
    assert [h.name for h in HISTORIES if "market" in h.key] == ["lane"]
    assert not any(name.startswith("lane") for name in VECTOR)
