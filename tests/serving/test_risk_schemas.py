import datetime as dt
from typing import get_args

import pytest
from asgi import ask
from fake_risk_advisor import FakeRiskAdvisor

from models.return_risk.cost import ACTION, Action
from serving.risk_schemas import (
    MOST_LINES,
    CheckoutBasket,
    CheckoutLine,
    DeliveredBasket,
    DeliveredLine,
    ReturnRiskResponse,
)

LINE = {"product_id": "dress", "size": "M", "colour": "red", "unit_price": 59.9}
ARRIVED = {
    **LINE,
    "ordered_at": "2025-05-02T09:30:00Z",
    "promised_at": "2025-05-06T12:00:00Z",
    "delivered_at": "2025-05-09T16:20:00+02:00",
    "shipped_weight_g": 420,
}
DELIVERY = ("ordered_at", "promised_at", "delivered_at", "shipped_weight_g")


def judge(app, body):
    return ask(app, "/v1/return-risk", body=body)


def errors_of(answer):
    assert answer.status == 422, answer.body
    return {error["field"]: error["reason"] for error in answer.json["errors"]}


def test_a_line_at_checkout_has_no_delivery_field():
    extra = set(DeliveredLine.model_fields) - set(CheckoutLine.model_fields)
    assert extra == set(DELIVERY)
    assert not any("deliver" in name or "ship" in name for name in CheckoutLine.model_fields)


@pytest.mark.parametrize("name", DELIVERY)
def test_a_delivery_fact_at_checkout_is_refused_and_told_where_it_belongs(app, name):
    for moment in ({}, {"moment": "checkout"}):
        body = {**moment, "lines": [LINE, {**LINE, name: ARRIVED[name]}]}
        found = errors_of(judge(app, body))
        assert list(found) == [f"lines[1].{name}"]
        assert "moment = delivered" in found[f"lines[1].{name}"]
    listed = errors_of(judge(app, [{"lines": [LINE]}, {"lines": [{**LINE, name: 1}]}]))
    assert list(listed) == [f"[1].lines[0].{name}"]


def test_a_checkout_question_carries_no_delivery(settings):
    question = CheckoutBasket.model_validate({"lines": [LINE]}).question(0.0)
    assert question.lines[0].delivered is None


def test_a_delivered_question_carries_what_was_sent():
    body = {"moment": "delivered", "market": "de", "currency": "eur", "lines": [ARRIVED]}
    import orjson

    question = DeliveredBasket.model_validate_json(orjson.dumps(body)).question(5.0)
    (line,) = question.lines
    arrived = dt.datetime(2025, 5, 9, 14, 20, tzinfo=dt.UTC).timestamp()
    assert line.delivered.delivered_at == arrived
    assert line.delivered.shipped_weight_g == 420
    assert (question.market, question.currency, question.asked_at) == ("DE", "EUR", 5.0)


def test_every_answer_keeps_the_response_schema(app):
    bodies = [
        {"lines": [LINE]},
        {"lines": [{"product_id": "never-seen"}], "locale": "it"},
        {"lines": [{"product_id": "scarf"}, LINE], "market": "jp", "locale": "ja"},
        {"lines": [{"product_id": "mystery"}]},
        {"moment": "delivered", "lines": [ARRIVED]},
    ]
    for body in bodies:
        answer = judge(app, body)
        assert answer.status == 200, answer.body
        ReturnRiskResponse.model_validate_json(answer.body, strict=True)
    assert len(judge(app, bodies).json) == len(bodies)


def test_actions_are_the_models():
    assert get_args(Action) == ACTION
    assert get_args(ReturnRiskResponse.model_fields["action"].annotation) == ACTION


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        ({}, "lines", "is required"),
        ({"lines": []}, "lines", "must have at least 1 item"),
        ({"lines": None}, "lines", "must be a list"),
        ({"lines": LINE}, "lines", "must be a list"),
        ({"lines": [5]}, "lines[0]", "must be an object"),
        ({"lines": [{}]}, "lines[0].product_id", "is required"),
        ({"lines": [{**LINE, "product_id": ""}]}, "lines[0].product_id", "must not be empty"),
        ({"lines": [{**LINE, "quantity": 0}]}, "lines[0].quantity", "between 1 and 10000 pieces"),
        ({"lines": [{**LINE, "quantity": -3}]}, "lines[0].quantity", "between 1 and 10000"),
        ({"lines": [{**LINE, "quantity": 1.5}]}, "lines[0].quantity", "a whole number"),
        ({"lines": [{**LINE, "quantity": "2"}]}, "lines[0].quantity", "a whole number"),
        ({"lines": [{**LINE, "quantity": None}]}, "lines[0].quantity", "a whole number"),
        ({"lines": [{**LINE, "unit_price": -0.01}]}, "lines[0].unit_price", "between 0 and"),
        ({"lines": [{**LINE, "unit_price": "59.90"}]}, "lines[0].unit_price", "a finite number"),
        ({"lines": [{**LINE, "price": 5}]}, "lines[0].price", "known are product_id, size"),
        ({"lines": [LINE], "basket": 1}, "basket", "known are customer_id, market"),
        ({"lines": [LINE], "market": "Germany"}, "market", "must be a two-letter code"),
        ({"lines": [LINE], "currency": "EURO"}, "currency", "must be a three-letter code"),
        ({"lines": [LINE], "currency": "XTS"}, "currency", "known are AED, AUD"),
        ({"lines": [LINE], "locale": "no locale!"}, "locale", "is not a language tag"),
        ({"lines": [LINE], "moment": "later"}, "moment", "one of 'checkout', 'delivered'"),
        ({"lines": [LINE], "moment": 5}, "moment", "one of 'checkout', 'delivered'"),
        (
            {"lines": [LINE], "measurements": {"height_cm": 1800}},
            "measurements.height_cm",
            "between 30 and 250 cm",
        ),
        ({"moment": "delivered", "lines": []}, "lines", "must have at least 1 item"),
        (
            {"moment": "delivered", "lines": [{**ARRIVED, "delivered_at": "2025-05-01T00:00:00Z"}]},
            "lines[0].delivered_at",
            "must not be before ordered_at",
        ),
        (
            {"moment": "delivered", "lines": [{**ARRIVED, "delivered_at": "2999-05-01T00:00:00Z"}]},
            "lines[0].delivered_at",
            "must not lie in the future",
        ),
        (
            {"moment": "delivered", "lines": [{**ARRIVED, "delivered_at": "0001-05-01T00:00:00Z"}]},
            "lines[0].delivered_at",
            "must not be before 1990-01-01",
        ),
        (
            {"moment": "delivered", "lines": [{**ARRIVED, "promised_at": "9999-05-01T00:00:00Z"}]},
            "lines[0].promised_at",
            "so far in the future",
        ),
        (
            {"moment": "delivered", "lines": [{**ARRIVED, "delivered_at": "2025-05-09T16:20:00"}]},
            "lines[0].delivered_at",
            "must have a time zone",
        ),
        (
            {"moment": "delivered", "lines": [{**ARRIVED, "delivered_at": "yesterday"}]},
            "lines[0].delivered_at",
            "must be a time with its zone",
        ),
        (
            {"moment": "delivered", "lines": [{**ARRIVED, "shipped_weight_g": -1}]},
            "lines[0].shipped_weight_g",
            "between 0 and 1e+06 g",
        ),
    ],
)
def test_a_bad_value_is_named_with_its_reason(app, body, field, reason):
    found = errors_of(judge(app, body))
    assert list(found) == [field]
    assert reason in found[field]
    in_list = errors_of(judge(app, [{"lines": [LINE]}, body]))
    assert list(in_list) == [f"[1].{field}"]


def test_a_delivered_line_must_tell_when_it_arrived(app):
    found = errors_of(judge(app, {"moment": "delivered", "lines": [LINE]}))
    assert found == {"lines[0].ordered_at": "is required", "lines[0].delivered_at": "is required"}


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_price_that_is_no_number_is_refused(app, number):
    body = b'{"lines": [{"product_id": "dress", "unit_price": %s}]}' % number.encode()
    assert errors_of(judge(app, body)) == {"lines[0].unit_price": "must be a finite number"}


def test_a_name_of_a_shape_is_no_field(app):
    found = errors_of(judge(app, {"checkout": 1, "lines": [LINE]}))
    assert list(found) == ["checkout"]


def test_a_basket_and_a_list_are_limited_in_lines(app):
    many = [LINE] * (MOST_LINES + 1)
    assert errors_of(judge(app, {"lines": many})) == {"lines": "must have at most 1000 items"}
    assert judge(app, {"lines": many[:-1]}).status == 200
    halves = [{"lines": many[:501]}, {"lines": many[:500]}]
    (reason,) = errors_of(judge(app, halves)).values()
    assert "1001 lines in all" in reason
    assert "at most 1000" in reason


def test_null_is_the_same_as_not_sent(app):
    bare = judge(app, {"lines": [{"product_id": "dress"}]}).json
    nulls = {
        **dict.fromkeys(set(CheckoutBasket.model_fields) - {"moment"}),
        "lines": [{"product_id": "dress", "size": None, "colour": None, "unit_price": None}],
    }
    sent = judge(app, nulls).json
    del bare["request_id"], sent["request_id"]
    assert bare == sent


def test_lower_case_and_numbers_as_labels_are_read(app, settings):
    from answering import use_risks

    advisor = FakeRiskAdvisor()
    use_risks(app, advisor)
    body = {
        "market": "de",
        "currency": "usd",
        "customer_id": 7,
        "lines": [{"product_id": 17, "size": 38}],
    }
    answer = judge(app, body)
    assert answer.status == 200
    assert answer.json["expected_cost"]["currency"] == "USD"
    (question,) = advisor.asked
    assert (question.market, question.customer_id, question.wearer) == ("DE", "7", "self")
    assert (question.lines[0].product_id, question.lines[0].size_label) == ("17", "38")
