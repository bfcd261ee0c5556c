"""What a customer reads: polite, specific, in six languages, without a word of suspicion."""

from __future__ import annotations

import itertools
import re

import pytest

from return_review.desk import CONDITIONS, REASONS, earlier, make_order, options_of, review
from serving.languages import Languages
from serving.return_review.case import Alternative
from serving.return_review.customer import customer_message
from serving.return_review.explanation import change_text, explain

LANGUAGES = Languages()
TAGS = ("de", "en", "es", "fr", "ja", "zh_CN")
SUSPICION = re.compile(
    r"abus|fraud|suspic|suspect|score|cheat|dishonest|lie\b|risk|"
    r"missbrauch|betrug|verdacht|verdächtig|fraude|soup[çc]on|sospech|puntuaci|engañ|"
    r"不正|詐欺|疑い|スコア|滥用|欺诈|可疑|怀疑|评分",
    re.IGNORECASE,
)


def message(judgement, tag="en", **told):
    return customer_message(
        judgement.case,
        judgement.case.terms,
        judgement.rights,
        judgement.findings,
        judgement.routing.route,
        judgement.recommended,
        LANGUAGES.choose(tag),
        **told,
    )


def explanation(judgement, tag="en"):
    return explain(
        judgement.case,
        judgement.case.terms,
        judgement.rights,
        judgement.findings,
        judgement.routing.route,
        judgement.recommended,
        judgement.changed,
        LANGUAGES.choose(tag),
    )


@pytest.mark.parametrize("tag", TAGS)
def test_no_message_and_no_explanation_tells_of_a_score(tag):
    for reason, condition, score in itertools.product(REASONS, CONDITIONS, (None, 0.1, 0.7, 0.95)):
        judgement = review(reason=reason, condition=condition, score=score)
        for text in (message(judgement, tag), *explanation(judgement, tag)):
            assert not SUSPICION.search(text), text
            assert not re.search(r"[{}]|None", text), text


@pytest.mark.parametrize("tag", TAGS)
def test_each_reason_has_its_own_apology(tag):
    order = make_order(market="US", currency="USD", unit_price=30.0)
    told = {message(review(order, reason=reason), tag)[:12] for reason in REASONS}
    texts = {message(review(order, reason=reason), tag) for reason in REASONS}
    assert len(texts) == len(REASONS)
    assert len(told) >= 2


@pytest.mark.parametrize(
    ("tag", "amount", "date"),
    [
        ("en-US", "€59.90", "2026"),
        ("de-DE", "59,90\xa0€", "2026"),
        ("fr-FR", "59,90\xa0€", "2026"),
        ("ja-JP", "€59.90", "年"),
        ("zh-CN", "€59.90", "年"),
    ],
)
def test_amount_and_day_are_written_as_the_region_does(tag, amount, date):
    told = message(review(), tag)
    assert amount in told
    assert date in told or re.search(r"\d{4}", told)


def test_a_withdrawal_is_told_when_what_and_by_right():
    text = message(review())
    assert text.startswith("Thank you for telling us")
    assert "We will refund €59.90 within 14 days of your request" in text
    assert "you pay the return postage" in text
    assert "entitled to the full price of €59.90" in text
    assert "standard delivery charge" in text
    part = review(make_order(quantity=3), quantity=1)
    assert "delivery charge" not in message(part)


@pytest.mark.parametrize("score", [0.0, 0.7, 0.99])
@pytest.mark.parametrize("price", [59.9, 400.0])
def test_no_score_and_no_inspection_moves_the_day_a_withdrawal_is_refunded_by(score, price):
    judgement = review(make_order(unit_price=price), score=score)
    text = message(judgement)
    assert "within 14 days of your request" in text
    assert "or your proof of posting" in text
    assert "arrival" not in text
    assert not any("before the refund" in each for each in explanation(judgement))
    for tag in TAGS:
        assert "14" in message(judgement, tag)


def test_beyond_the_law_a_refund_may_wait_for_the_inspection():
    us = make_order(market="US", currency="USD", unit_price=400.0)
    judgement = review(us)
    assert "at the latest 14 days after its arrival" in message(judgement)
    assert any("before the refund is paid" in each for each in explanation(judgement))


def test_an_exchange_is_an_offer_beside_the_money():
    us = make_order(market="US", currency="USD")
    judgement = review(us, reason="too_small", size=Alternative("L", 0.1), wanted="exchange")
    text = message(judgement)
    assert "size L instead" in text
    assert "voucher of $" in text
    assert "If you would rather have your money back, we will refund $53.91." in text
    assert options_of(judgement)["refund"].allowed


def test_lateness_is_told_in_days():
    order = make_order()
    late = make_order(promised_at=order.delivered_at - 3.5 * 86_400)
    assert "3 days later than promised" in message(review(late, reason="late_delivery"))
    assert "3 Tage später" in message(review(late, reason="late_delivery"), "de")
    assert "too late" in message(review(order, reason="late_delivery"))


def test_a_photo_is_asked_for_once_and_only_where_it_helps():
    assert "photo" in message(review(reason="quality_defect"))
    assert "photo" not in message(review(reason="quality_defect"), photo_sent=True)
    assert "photo" not in message(review(reason="too_small"))


def test_in_a_review_no_option_is_promised_but_the_right_is():
    judgement = review(make_order(claims=(earlier(),)))
    text = message(judgement)
    assert "A colleague will look at your request in person" in text
    assert "We will refund" not in text
    assert "entitled to the full price" in text


def test_another_account_learns_nothing_of_the_order():
    order = make_order(customer_id="somebody-else")
    judgement = review(order)
    for text in (message(judgement), *explanation(judgement)):
        assert not re.search(r"\d{2},|59|€|dress|blue|2026|November", text), text


def test_the_explanation_has_the_figures_the_rule_and_the_way():
    told = explanation(review(make_order(unit_price=60.0, quantity=2), quantity=1))
    assert told[0].startswith("You bought 2 pieces for €120.00 on ")
    assert told[1] == "Your request is for 1 piece worth €60.00."
    assert told[2].endswith("5 days before your request.")
    assert "within 14 days of delivery" in told[3]
    assert told[4] == "Your request is settled in the usual way."
    assert told[5] == "With a value below €50.00 your request would have been settled at once."


def test_the_fee_is_told_where_one_is_kept():
    us = make_order(market="US", currency="USD")
    assert "A restocking fee of $5.99 is kept from the refund." in explanation(review(us))
    assert not any("fee" in text for text in explanation(review()))


def test_what_only_the_desk_may_know_has_no_text_for_the_customer():
    judgement = review(make_order(unit_price=30.0), score=0.7)
    (change,) = judgement.changed
    assert change.facts == ("low_score",)
    assert change_text(change, judgement.case.terms, LANGUAGES.choose("en")) is None


def test_who_exchanges_is_told_what_to_send_and_when_the_other_one_comes():
    dear = make_order(unit_price=400.0)
    larger = Alternative("L", 0.1)
    inspected = review(dear, reason="too_small", size=larger, wanted="exchange")
    assert inspected.routing.route == "inspect"
    assert inspected.recommended.option == "exchange_size"
    assert "as soon as your article has arrived here" in message(inspected)
    assert "Please send the article back by" in message(inspected)
    usual = message(review(reason="too_small", size=larger, wanted="exchange"))
    assert "as soon as your article" not in usual
    assert "Please send the article back by" in usual


def test_what_never_came_is_sent_again_or_refunded_as_the_buyer_likes():
    judgement = review(reason="not_received")
    assert judgement.recommended.option == "exchange_size"
    text = message(judgement)
    assert "once more, free of charge" in text
    assert "If you would rather have your money back, we will refund €59.90." in text
    assert "send the article back" not in text


def test_a_buyer_who_is_asked_for_proof_is_asked_kindly():
    us = make_order(market="US", currency="USD", unit_price=100.0)
    judgement = review(us, score=0.7)
    assert "Please use a parcel service with tracking." in message(judgement)
