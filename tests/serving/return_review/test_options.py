"""Options: amounts, cost by its parts, the rule behind each, and which is recommended."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.return_risk.cost import return_rule
from return_review.desk import CONDITIONS, REASONS, make_order, options_of, review
from serving.return_review.case import AT_FAULT, Alternative
from serving.return_review.money import plain, rounded
from serving.return_review.options import OPTIONS
from serving.return_review.recommend import MONEY_BACK

LARGER = Alternative("L", 0.2, ("XL",))
GREEN = Alternative("green", 0.1, ("red",))


@settings(max_examples=150, deadline=None)
@given(
    price=st.floats(0, 10_000),
    currency=st.sampled_from(["EUR", "USD", "JPY", "GBP", "CNY"]),
    market=st.sampled_from(["DE", "US", "JP", "GB", "CN", "BR"]),
    reason=st.sampled_from(REASONS),
    condition=st.sampled_from(CONDITIONS),
    days=st.floats(0, 120),
    quantity=st.integers(1, 5),
    score=st.none() | st.floats(0, 1),
)
def test_every_option_is_priced_in_minor_units_and_named_by_a_rule(
    price, currency, market, reason, condition, days, quantity, score
):
    order = make_order(
        unit_price=price, currency=currency, market=market, days_ago=days, quantity=5
    )
    judgement = review(
        order, reason=reason, condition=condition, quantity=quantity, score=score,
        size=LARGER, colour=GREEN,
    )  # fmt: skip
    assert [each.option for each in judgement.options] == list(OPTIONS)
    digits = 0 if currency == "JPY" else 2
    for option in judgement.options:
        assert option.rule.id
        assert option.rule.text.strip()
        if option.amount is not None:
            assert -option.amount.as_tuple().exponent == digits
            assert Decimal(0) <= option.amount <= rounded(price * quantity, currency)
        if option.cost is not None:
            assert -option.cost.total.as_tuple().exponent == digits
            assert option.cost.abuse >= 0
            assert option.cost.resale <= 0
    if judgement.recommended is not None:
        assert judgement.recommended.allowed


def test_a_refund_is_priced_by_the_policy_figure_by_figure():
    judgement = review(make_order(unit_price=100.0, launched_at=None), score=0.2)
    terms, cost = judgement.case.terms, options_of(judgement)["refund"].cost
    assert cost.refund == Decimal("100.00")
    assert float(cost.resale) == -100 * terms.resale_shares["uninspected"]
    reclaimed = 100 * terms.duty_share * terms.duty_reclaim_share
    assert float(cost.duty_reclaimed) == pytest.approx(-reclaimed, abs=0.01)
    assert float(cost.handling) == terms.handling
    assert cost.return_shipping == 0  # an EU buyer who withdraws pays the way back
    assert cost.abuse == Decimal("20.00")
    assert float(cost.duty_lost) == 100 * terms.duty_share
    parts = (
        cost.refund, cost.resale, cost.duty_lost, cost.duty_reclaimed, cost.handling, cost.abuse,
    )  # fmt: skip
    assert cost.total == sum(parts)


@pytest.mark.parametrize("market", ["DE", "US", "GB", "JP", "CN", "BR"])
@pytest.mark.parametrize("reason", ["changed_mind", "wrong_item", "late_delivery", "too_large"])
@pytest.mark.parametrize("price", [9.0, 120.0])
def test_a_return_costs_what_the_basket_was_told_it_would(market, reason, price):
    """Return risk and return review count one return alike."""
    judgement = review(make_order(market=market, unit_price=price, launched_at=None), reason=reason)
    terms = judgement.case.terms
    rule = return_rule(terms, reason, price)
    option = "refund_keep_item" if price < terms.keep_item_below else "refund"
    total = options_of(judgement)[option].cost.total
    assert float(total) == pytest.approx(rule.fixed + rule.share * price, abs=0.03)


def test_the_shop_pays_the_way_back_of_its_own_mistakes():
    judgement = review(reason="wrong_item")
    assert float(options_of(judgement)["refund"].cost.return_shipping) == (
        judgement.case.terms.return_shipping
    )
    arrived = review(reason="wrong_item", condition="different_item")
    assert options_of(arrived)["refund"].cost.return_shipping == 0


def test_looking_before_paying_saves_the_expected_loss_from_abuse():
    options = options_of(review(score=0.7))
    assert options["refund"].cost.abuse == Decimal("41.93")
    assert options["return_to_warehouse"].cost.abuse == 0
    assert options["refund"].amount == options["return_to_warehouse"].amount


def test_resale_falls_with_condition_and_with_season():
    new = options_of(review(condition="as_new"))["refund"].cost.resale
    worn = options_of(review(condition="worn"))["refund"].cost.resale
    empty = options_of(review(condition="empty"))["refund"].cost.resale
    assert new < worn < empty == 0
    old = make_order(launched_at=make_order().launched_at - 600 * 86_400)
    assert options_of(review(old, condition="as_new"))["refund"].cost.resale > new


def test_below_the_policy_value_the_buyer_keeps_the_article():
    cheap = review(make_order(unit_price=9.5), reason="colour_mismatch", wanted="refund")
    keep = options_of(cheap)["refund_keep_item"]
    assert keep.allowed
    assert keep.rule.id == "default.keep_item"
    dear = options_of(review(make_order(unit_price=95.0)))["refund_keep_item"]
    assert not dear.allowed
    barred = options_of(review(make_order(unit_price=9.5), score=0.7))["refund_keep_item"]
    assert not barred.allowed
    assert barred.rule.id == review(score=0.7).case.terms.rule("sanctions").rule
    back = options_of(review(make_order(unit_price=9.5), returned_weight_g=400.0))
    assert back["refund_keep_item"].rule.id == "review.goods_are_back"


@pytest.mark.parametrize(
    ("reason", "share"),
    [("quality_defect", 17.97), ("colour_mismatch", 11.98), ("too_small", None)],
)
def test_part_of_the_price_is_given_for_a_flaw(reason, share):
    option = options_of(review(reason=reason))["partial_refund_keep_item"]
    assert option.allowed is (share is not None)
    assert plain(option.amount) == share


def test_size_claims_are_offered_the_size_advised():
    option = options_of(review(reason="too_small", size=LARGER))["exchange_size"]
    assert option.allowed
    assert option.into == LARGER
    assert not option.same_article
    none = options_of(review(reason="too_small"))["exchange_size"]
    assert (none.allowed, none.rule.id) == (False, "review.nothing_better")


def test_a_riskier_replacement_costs_more():
    low, high = (
        options_of(review(reason="too_small", size=Alternative("L", p)))["exchange_size"].cost
        for p in (0.1, 0.6)
    )
    assert low.next_return < high.next_return
    assert low.total < high.total


def test_colour_claims_are_offered_the_colour_that_comes_back_least():
    option = options_of(review(reason="colour_mismatch", colour=GREEN))["exchange_colour"]
    assert option.allowed
    assert option.into.label == "green"
    other = options_of(review(reason="too_small", colour=GREEN))["exchange_colour"]
    assert not other.allowed


def test_what_was_sent_wrong_or_broken_or_never_came_can_be_sent_again():
    for reason in ("wrong_item", "quality_defect", "damaged_in_transit", "not_received"):
        option = options_of(review(reason=reason))["exchange_size"]
        assert option.allowed, reason
        assert option.same_article, reason


def test_nothing_is_sent_back_that_never_came():
    options = options_of(review(reason="not_received"))
    assert options["return_to_warehouse"].rule.id == "review.nothing_to_send_back"
    assert options["refund_keep_item"].rule.id == "review.nothing_to_keep"
    assert options["refund"].cost.resale == 0


def test_the_cheapest_open_option_is_recommended():
    judgement = review(reason="colour_mismatch", colour=GREEN)
    compared = [
        each for each in judgement.options
        if each.allowed and each.option != "return_to_warehouse"
    ]  # fmt: skip
    assert len(compared) >= 3
    assert judgement.recommended.cost.total == min(each.cost.total for each in compared)


def test_a_withdrawal_is_recommended_nothing_but_money():
    assert review(reason="changed_mind", size=LARGER).recommended.option in MONEY_BACK


def test_what_the_buyer_wants_is_recommended_where_it_is_open():
    wants = {"wanted": "exchange", "reason": "quality_defect"}
    assert review(**wants).recommended.option == "exchange_size"
    order = make_order(market="US", currency="USD")
    repair = review(order, wanted="repair", reason="quality_defect")
    allowed = options_of(repair)["repair"].allowed
    assert (repair.recommended.option == "repair") is allowed


def test_nobody_waits_for_an_inspection_without_a_rule_that_says_so():
    assert review(score=0.1).recommended.option == "refund"
    assert review(score=0.7).recommended.option == "return_to_warehouse"
    assert options_of(review(score=0.7))["refund"].allowed


def test_money_is_rounded_half_up_to_the_currency_s_own_decimals():
    assert plain(rounded(2.675, "EUR")) == 2.68
    assert plain(rounded(1234.5, "JPY")) == 1235
    assert plain(rounded(1.2345, "KWD")) == 1.235


def test_the_state_of_what_came_back_is_not_the_state_of_what_is_sent_instead():
    def next_return(**claim):
        judgement = review(make_order(unit_price=100.0), reason="too_small", size=LARGER, **claim)
        return options_of(judgement)["exchange_size"].cost.next_return

    assert next_return() > 0
    assert next_return() == next_return(condition="worn", returned_weight_g=400.0)


@pytest.mark.parametrize("market", ["DE", "GB", "US", "CN", "JP", "AE", "BR"])
@pytest.mark.parametrize("reason", AT_FAULT)
def test_the_policies_lay_at_the_shops_door_what_the_desk_does(market, reason):
    """Else a basket would be priced by other rules than its returns."""
    terms = review(make_order(market=market, days_ago=20), reason=reason).case.terms
    assert not terms.buyer_pays_return
    assert terms.restocking_fee_share == 0
