"""Statutory rights come before the score and before the shop's rules."""

from __future__ import annotations

import dataclasses
import typing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.policies import ABUSE_BAND
from data_contracts.policies.documents import SANCTION
from return_review.desk import CONDITIONS, NOW, REASONS, case_of, make_order, options_of, review
from serving.languages import Languages
from serving.return_review.case import DAY_S
from serving.return_review.customer import customer_message
from serving.return_review.judgement import judge
from serving.return_review.recommend import MONEY_BACK
from serving.return_review.routes import ROUTES
from serving.return_review.schemas import RouteName

ENGLISH = Languages().choose("en")
GRID = [round(0.05 * step, 2) for step in range(21)]


def full_refund_is_open(judgement, paid="59.90"):
    refund = options_of(judgement)["refund"]
    return refund.allowed and str(refund.amount) == paid and refund.rule.statutory


def told(judgement):
    return customer_message(
        judgement.case,
        judgement.case.terms,
        judgement.rights,
        judgement.findings,
        judgement.routing.route,
        judgement.recommended,
        ENGLISH,
    )


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("score", GRID)
def test_every_score_leaves_an_eu_withdrawal_its_full_refund(score, condition):
    judgement = review(score=score, condition=condition)
    assert full_refund_is_open(judgement)
    assert "entitled to the full price of €59.90" in told(judgement)
    assert judgement.recommended.option in MONEY_BACK


@pytest.mark.parametrize("score", GRID)
def test_no_score_alone_sends_a_withdrawal_to_a_person(score):
    route = review(score=score).routing.route
    assert route in ("standard", "inspect")
    assert route == ("inspect" if score >= 0.6 else "standard")


@settings(max_examples=250, deadline=None)
@given(
    score=st.floats(0, 1),
    days=st.floats(0, 14),
    price=st.floats(0.01, 5_000).map(lambda x: round(x, 2)),
    market=st.sampled_from(["DE", "FR", "ES", "IT", "NL", "PL"]),
    condition=st.sampled_from(CONDITIONS),
    reason=st.sampled_from([r for r in REASONS if r != "not_received"]),
    weight=st.none() | st.floats(0, 2_000),
    opened=st.sampled_from([None, False, True]),
)
def test_whatever_is_known_the_refund_inside_fourteen_days_stays_open(
    score, days, price, market, condition, reason, weight, opened
):
    order = make_order(days_ago=days, unit_price=price, market=market)
    judgement = review(
        order,
        score=score,
        reason=reason,
        condition=condition,
        returned_weight_g=weight,
        opened=opened,
    )
    refund = options_of(judgement)["refund"]
    assert refund.allowed
    assert float(refund.amount) == pytest.approx(price, abs=0.006)
    assert judgement.routing.route in ROUTES
    assert judgement.recommended is not None
    assert "statutory withdrawal period" in told(judgement)


@pytest.mark.parametrize("score", [0.0, 0.5, 0.99])
def test_what_never_arrived_is_due_at_any_score(score):
    judgement = review(score=score, reason="not_received")
    assert full_refund_is_open(judgement)
    assert "statutory rights" in told(judgement)


def test_there_is_no_word_for_a_denial():
    assert set(typing.get_args(RouteName)) == set(ROUTES)
    assert not any("den" in name or "reject" in name for name in ROUTES)


def test_a_fault_stands_after_the_window_and_a_change_of_mind_does_not():
    old = make_order(days_ago=60)
    assert options_of(review(old, reason="quality_defect"))["refund"].allowed
    late = review(old, reason="changed_mind")
    assert not options_of(late)["refund"].allowed
    assert late.routing.route == "review"
    assert late.recommended is None
    assert "ended on" in told(late)


def test_a_restocking_fee_is_kept_only_where_no_law_and_no_fault_forbids_it():
    us = {"market": "US", "currency": "USD"}
    assert str(options_of(review(make_order(**us)))["refund"].amount) == "53.91"
    assert str(options_of(review(make_order(**us), reason="wrong_item"))["refund"].amount) == (
        "59.90"
    )
    assert str(options_of(review(make_order()))["refund"].amount) == "59.90"


def test_an_unknown_delivery_ends_no_period():
    judgement = review(make_order(delivered_at=None, ordered_at=NOW - 90 * DAY_S))
    assert judgement.rights.withdrawal
    assert full_refund_is_open(judgement)


def test_a_broken_hygiene_seal_ends_the_withdrawal_and_leaves_it_to_a_person():
    sealed = make_order(category="lingerie", hygiene_sealed=True)
    assert full_refund_is_open(review(sealed, opened=False))
    opened = review(sealed, opened=True)
    assert not opened.rights.withdrawal
    assert not options_of(opened)["refund"].allowed
    assert opened.routing.route == "review"
    assert [each.rule for each in opened.findings] == ["not_returnable"]
    assert options_of(review(sealed, opened=True, reason="quality_defect"))["refund"].allowed


def test_who_asks_for_money_is_recommended_money():
    for reason in REASONS:
        recommended = review(reason=reason, wanted="refund", score=0.2).recommended
        assert recommended.option in MONEY_BACK, reason


@settings(max_examples=200, deadline=None)
@given(
    score=st.floats(0, 1),
    fee=st.floats(0, 1),
    returnable=st.booleans(),
    quality_only=st.booleans(),
    fast=st.floats(0, 1_000),
    dear=st.floats(0, 1_000),
    window=st.integers(0, 60),
    sanctions=st.sets(st.sampled_from(SANCTION)),
    reason=st.sampled_from(REASONS),
)
def test_no_term_a_shop_sets_takes_a_withdrawal_away(
    score, fee, returnable, quality_only, fast, dear, window, sanctions, reason
):
    """Whatever the shop's own terms are: the law's fourteen days stand."""
    case = case_of(score=score, reason=reason)
    terms = dataclasses.replace(
        case.terms,
        restocking_fee_share=fee,
        returnable=returnable,
        quality_only=quality_only,
        fast_track_below=fast,
        inspect_above=dear,
        return_window_days=window,
        sanctions=dict.fromkeys(ABUSE_BAND, tuple(sorted(sanctions))),
    )
    judgement = judge(dataclasses.replace(case, terms=terms), lambda _: terms)
    assert full_refund_is_open(judgement)
    if reason != "not_received":
        assert judgement.routing.route != "review"
        assert judgement.recommended is not None


def test_a_withdrawal_runs_from_the_last_delivery_of_the_order():
    split = make_order(days_ago=40, order_delivered_at=NOW - 10 * DAY_S)
    assert full_refund_is_open(review(split))
    assert not review(split).findings
    over = make_order(days_ago=40, order_delivered_at=NOW - 16 * DAY_S)
    assert not options_of(review(over))["refund"].allowed
