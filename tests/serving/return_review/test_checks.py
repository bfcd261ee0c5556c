"""Each contradiction is a named rule with its figures."""

from __future__ import annotations

import pytest

from return_review.desk import NOW, earlier, make_order, review
from serving.languages import Languages
from serving.return_review.case import DAY_S
from serving.return_review.checks import BLOCKING
from serving.return_review.explanation import finding_text

ENGLISH = Languages().choose("en")


def found(judgement):
    return {each.rule: dict(each.figures) for each in judgement.findings}


def test_an_ordinary_claim_breaks_no_rule():
    assert found(review(reason="too_small")) == {}


@pytest.mark.parametrize(
    "back", [{"returned_weight_g": 380.0}, {"condition": "as_new"}, {"condition": "empty"}]
)
def test_not_received_with_something_that_came_back_goes_to_a_person(back):
    judgement = review(reason="not_received", **back)
    assert found(judgement)["not_received_but_returned"] == back
    assert judgement.routing.route == "review"
    assert judgement.recommended is None


def test_not_received_with_a_recorded_delivery_is_told_and_not_held_against_the_buyer():
    judgement = review(make_order(unit_price=30.0), reason="not_received")
    assert found(judgement) == {"delivered_on_record": {"days": 5}}
    assert judgement.routing.route == "standard"
    waiting = review(make_order(unit_price=30.0, delivered_at=None), reason="not_received")
    assert found(waiting) == {}
    assert waiting.routing.route == "fast_track"


@pytest.mark.parametrize(
    ("back", "route"),
    [(400.0, None), (341.0, None), (459.0, None), (339.0, "review"), (0.0, "review"),
     (461.0, "inspect")],
)  # fmt: skip
def test_a_weight_gap_above_fifteen_percent_is_found(back, route):
    judgement = review(returned_weight_g=back)
    if route is None:
        assert "weight_gap" not in found(judgement)
    else:
        assert found(judgement)["weight_gap"]["returned_g"] == back
        assert judgement.routing.route == route


def test_part_of_a_parcel_weighs_its_share():
    order = make_order(quantity=4, shipped_weight_g=800.0)
    assert found(review(order, quantity=1, returned_weight_g=205.0)) == {}
    gap = found(review(order, quantity=2, returned_weight_g=205.0))["weight_gap"]
    assert gap == {"shipped_g": 400.0, "returned_g": 205.0, "share": 0.487}


@pytest.mark.parametrize(
    ("condition", "reason", "route"),
    [
        ("as_new", "too_small", None),
        ("worn", "too_small", "inspect"),
        ("damaged", "too_small", "inspect"),
        ("damaged", "damaged_in_transit", None),
        ("different_item", "too_small", "review"),
        ("different_item", "wrong_item", None),
        ("empty", "too_small", "review"),
        ("empty", "wrong_item", "review"),
        ("missing_parts", "too_small", "inspect"),
    ],
)
def test_a_condition_is_judged_by_what_the_claim_says(condition, reason, route):
    judgement = review(reason=reason, condition=condition)
    figures = found(judgement).get("condition")
    assert figures == (None if route is None else {"condition": condition})
    if route is not None:
        assert judgement.routing.route == route


def test_a_claim_before_the_delivery_is_found_except_where_it_makes_sense():
    order = make_order(days_ago=-3)
    judgement = review(order, reason="too_small")
    assert found(judgement)["claimed_before_delivery"] == {"days": 3.0}
    assert judgement.routing.route == "review"
    for reason in ("changed_mind", "not_received", "late_delivery"):
        assert "claimed_before_delivery" not in found(review(order, reason=reason))


def test_a_size_complaint_without_a_recorded_delivery_is_looked_at():
    judgement = review(make_order(delivered_at=None), reason="too_small")
    assert "delivery_not_on_record" in found(judgement)
    assert judgement.routing.route == "inspect"


def test_a_claim_before_the_order_can_offer_nothing():
    judgement = review(requested_at=NOW - 30 * DAY_S)
    assert "claimed_before_order" in found(judgement)
    assert not any(each.allowed for each in judgement.options)


def test_a_claim_after_the_window_tells_both_figures():
    judgement = review(make_order(days_ago=45))
    assert found(judgement) == {"after_window": {"days": 45, "allowed_days": 30}}


def test_a_second_claim_on_the_same_pieces_is_found():
    again = review(make_order(claims=(earlier(),)))
    assert found(again) == {"claimed_again": {"claimed": 1, "bought": 1}}
    assert again.routing.route == "review"
    paid = review(make_order(claims=(earlier(resolution="refunded"),)))
    assert found(paid) == {"already_refunded": {"claimed": 1, "bought": 1}}
    assert not any(each.allowed for each in paid.options)


def test_pieces_left_may_be_claimed_and_the_claim_itself_is_no_earlier_one():
    two = make_order(quantity=2, claims=(earlier(resolution="refunded"),))
    assert found(review(two)) == {}
    assert found(review(make_order(claims=(earlier(),)), return_id="r-1")) == {}


def test_a_price_that_is_not_on_record_is_found_by_a_person():
    judgement = review(make_order(unit_price=None))
    assert found(judgement) == {"price_not_on_record": {}}
    refund = next(each for each in judgement.options if each.option == "refund")
    assert refund.allowed
    assert (refund.amount, refund.cost) == (None, None)
    assert judgement.routing.route == "review"


def test_every_finding_has_a_sentence_with_its_figures():
    judgements = [
        review(make_order(days_ago=45)),
        review(returned_weight_g=10.0, condition="empty"),
        review(reason="not_received", condition="empty"),
        review(make_order(claims=(earlier(),))),
        review(make_order(unit_price=None, days_ago=-3), reason="too_small"),
        review(make_order(delivered_at=None), reason="too_small"),
        review(requested_at=NOW - 30 * DAY_S),
    ]
    texts = {
        each.rule: finding_text(each, judgement.case, ENGLISH)
        for judgement in judgements
        for each in judgement.findings
    }
    assert len(texts) >= 10
    assert len(set(texts.values())) == len(texts)
    assert texts["weight_gap"] == "The parcel that came back weighs 10 g; we had sent 400 g."
    assert set(BLOCKING) & set(texts)
