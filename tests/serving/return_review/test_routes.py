"""Routes, and what would have changed them."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from return_review.desk import (
    CONDITIONS,
    NOW,
    REASONS,
    case_of,
    earlier,
    make_order,
    review,
    terms_of,
)
from serving.return_review.case import DAY_S
from serving.return_review.judgement import judge
from serving.return_review.routes import ROUTES, lighter


def by_fact(judgement):
    return {each.facts: each for each in judgement.changed}


def with_terms(case, **facts):
    changed = dataclasses.replace(case, **facts)
    return dataclasses.replace(changed, terms=terms_of(changed))


@pytest.mark.parametrize(
    ("price", "score", "route"),
    [
        (30.0, None, "fast_track"),
        (30.0, 0.1, "fast_track"),
        (30.0, 0.4, "standard"),
        (30.0, 0.7, "inspect"),
        (100.0, 0.1, "standard"),
        (400.0, 0.1, "inspect"),
        (400.0, None, "inspect"),
    ],
)
def test_value_and_band_set_the_route(price, score, route):
    assert review(make_order(unit_price=price), score=score).routing.route == route


def test_what_was_inspected_is_not_inspected_again():
    assert review(make_order(unit_price=400.0), condition="as_new").routing.route == "standard"


def test_a_severe_score_sends_a_claim_without_a_statutory_period_to_a_person():
    us = make_order(market="US", currency="USD")
    assert review(us, score=0.95).routing.route == "review"
    assert review(make_order(), score=0.95).routing.route == "inspect"


def test_the_rule_that_set_the_route_is_named():
    value = review(make_order(unit_price=400.0))
    (ground,) = value.routing.grounds
    assert ground.id == value.case.terms.rule("inspect_above").rule
    found = review(returned_weight_g=10.0, condition="empty").routing.grounds
    assert {each.id for each in found} == {"weight_gap", "condition"}


def test_a_value_that_was_too_high_is_told_with_the_bound():
    changed = by_fact(review(make_order(unit_price=60.0)))
    assert changed[("value_below",)].route == "fast_track"
    assert changed[("value_below",)].figures == {"below": 50.0}


def test_a_claim_after_the_window_is_told_the_window():
    changed = by_fact(review(make_order(days_ago=45)))
    assert changed[("asked_within",)].figures == {"within_days": 30}
    assert changed[("asked_within",)].route == "standard"


def test_facts_that_help_only_together_are_told_together():
    judgement = review(returned_weight_g=10.0, condition="empty")
    (change,) = judgement.changed
    assert {"weight_as_sent", "as_new"} <= set(change.facts)
    assert lighter(change.route, judgement.routing.route)


def test_nothing_is_told_that_changes_nothing():
    assert review(make_order(unit_price=30.0)).changed == ()
    assert "value_below" not in str(by_fact(review(make_order(claims=(earlier(),)))))


@settings(max_examples=150, deadline=None)
@given(
    price=st.floats(1, 2_000),
    days=st.floats(-3, 90),
    reason=st.sampled_from(REASONS),
    condition=st.sampled_from(CONDITIONS),
    weight=st.none() | st.floats(0, 900),
    score=st.none() | st.floats(0, 1),
    market=st.sampled_from(["DE", "US", "CN"]),
)
def test_every_change_that_is_told_is_true(price, days, reason, condition, weight, score, market):
    """Build the claim anew with the fact as told: the route is the one that was told."""
    currency = {"DE": "EUR", "US": "USD", "CN": "CNY"}[market]
    order = make_order(unit_price=price, days_ago=days, market=market, currency=currency)
    case = case_of(order, reason=reason, condition=condition, returned_weight_g=weight, score=score)
    judgement = judge(case, terms_of)
    assert judgement.routing.route in ROUTES
    for change in judgement.changed:
        assert lighter(change.route, judgement.routing.route)
        if len(change.facts) > 1:
            continue
        (fact,) = change.facts
        claim = case.claim
        match fact:
            case "value_below":
                again = with_terms(case, value=change.figures["below"] - 0.01)
            case "asked_within":
                moment = order.delivered_at + change.figures["within_days"] * DAY_S
                again = with_terms(case, claim=dataclasses.replace(claim, requested_at=moment))
            case "weight_as_sent":
                sent = dataclasses.replace(claim, returned_weight_g=change.figures["shipped_g"])
                again = with_terms(case, claim=sent)
            case "as_new":
                again = with_terms(case, claim=dataclasses.replace(claim, condition="as_new"))
            case "nothing_came_back":
                bare = dataclasses.replace(claim, condition=None, returned_weight_g=None)
                again = with_terms(case, claim=bare)
            case "low_score":
                again = with_terms(case, score=0.0, band="low")
        assert judge(again, terms_of).routing.route == change.route


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=2), st.sampled_from(REASONS))
def test_a_higher_score_never_lightens_the_route(scores, reason):
    low, high = sorted(scores)
    assume(low < high)
    routes = [review(score=each, reason=reason).routing.route for each in (low, high)]
    assert not lighter(routes[1], routes[0])


def test_the_route_does_not_depend_on_the_moment_it_is_asked():
    moved = make_order(ordered_at=NOW - 20 * DAY_S, delivered_at=NOW - 15 * DAY_S)
    earlier_claim = review(moved, requested_at=NOW - 10 * DAY_S)
    assert earlier_claim.routing.route == review().routing.route
