import json

import pytest
from answering import use_risks, use_sizes
from asgi import ask
from fake_advisor import FakeAdvisor
from fake_risk_advisor import FakeRiskAdvisor
from hypothesis import given
from hypothesis import settings as settings_of
from hypothesis import strategies as st

from data_contracts.policies import Policies
from data_contracts.tables import RETURN_REASON
from models.return_risk.answer import LineRisk, Suggestion
from serving.app import MuslinApp

PATH = "/v1/return-risk"
DRESS = {"product_id": "dress", "size": "M", "unit_price": 59.9}
BASKET = {"market": "DE", "currency": "EUR", "lines": [DRESS]}


def judge(app, body=BASKET):
    answer = ask(app, PATH, body=body)
    assert answer.status == 200, answer.body
    return answer.json


class Fixed(FakeRiskAdvisor):
    """Answers every line with the same risk."""

    def __init__(self, **risk):
        super().__init__()
        self.risk = LineRisk(**{"p_low": 0.0, "p_high": 1.0, "reasons": {}, **risk})

    def assess(self, questions):
        return [tuple(self.risk for _ in question.lines) for question in questions]


def test_an_answer_names_request_model_and_every_line(app):
    first, second = judge(app), judge(app)
    assert first["model"] == {"name": "return_risk", "version": "3"}
    assert first["request_id"] != second["request_id"]
    (line,) = first["lines"]
    assert (line["product_id"], line["size"], line["p_return"]) == ("dress", "M", 0.35)
    assert line["p_low"] <= line["p_return"] <= line["p_high"]
    assert line["knows"] == {"customer_orders": 40, "product_orders": 1204}


def test_rounded_reasons_sum_to_the_rounded_probability(settings):
    shares = st.lists(st.floats(0, 1), min_size=1, max_size=11)
    app = MuslinApp(settings)

    @settings_of(max_examples=40)
    @given(shares=shares, p=st.floats(0, 1))
    def check(shares, p):
        total = sum(shares) or 1.0
        reasons = {
            reason: p * each / total for reason, each in zip(RETURN_REASON, shares, strict=False)
        }
        p_return = sum(reasons.values())
        use_risks(app, Fixed(p_return=p_return, reasons=reasons), TERMS)
        (line,) = judge(app)["lines"]
        assert line["p_return"] == round(p_return, 4)
        assert sum(line["reasons"].values()) == pytest.approx(line["p_return"], abs=1e-9)
        for name, told in line["reasons"].items():
            assert told == pytest.approx(reasons[name], abs=2e-4)

    check()


TERMS = Policies.load()


def test_an_unknown_product_is_answered(app):
    answer = judge(app, {"lines": [{"product_id": "never-seen", "unit_price": 20}]})
    (line,) = answer["lines"]
    assert line["p_high"] - line["p_low"] > 0.5
    assert [driver["code"] for driver in line["drivers"]] == ["new_product", "new_customer"]
    assert answer["expected_cost"]["amount"] > 0


def test_suggestions_say_what_to_take_in_the_language(app):
    body = {**BASKET, "lines": [{**DRESS, "size": "S", "colour": "red"}]}
    size, colour = judge(app, body)["lines"][0]["suggestions"]
    assert size["text"] == "Take L instead of S: 0.41 → 0.22"
    assert (size["kind"], size["label"], size["p_from"], size["p_to"]) == ("size", "L", 0.41, 0.22)
    assert colour["text"] == "Take the colour blue instead of red: 0.41 → 0.2"
    size, _ = judge(app, {**body, "locale": "de-AT"})["lines"][0]["suggestions"]
    assert size["text"] == "L statt S nehmen: 0,41 → 0,22"


def test_expected_cost_is_the_sum_of_its_lines(app):
    body = {**BASKET, "lines": [DRESS, {**DRESS, "size": "XL"}, {"product_id": "mystery"}]}
    answer = judge(app, body)
    cost = answer["expected_cost"]
    assert cost["currency"] == "EUR"
    assert cost["lines"][2] is None
    assert cost["lines"][1] > cost["lines"][0] > 0
    assert cost["amount"] == pytest.approx(sum(cost["lines"][:2]), abs=0.011)
    assert [notice["code"] for notice in answer["notices"]] == ["price_not_known"]


def test_a_price_on_record_is_used_and_converted(app):
    sent = judge(app)["expected_cost"]
    on_record = judge(app, {**BASKET, "lines": [{"product_id": "dress", "size": "M"}]})
    assert on_record["expected_cost"] == sent
    twice = judge(app, {**BASKET, "lines": [{**DRESS, "quantity": 2}]})["expected_cost"]
    assert sent["amount"] < twice["amount"] < 2 * sent["amount"]  # one way back, two dresses
    yen = judge(app, {**BASKET, "currency": "JPY", "lines": [{"product_id": "scarf"}]})
    euro = judge(app, {**BASKET, "lines": [{"product_id": "scarf"}]})
    rate = TERMS.rates.per_base["JPY"]
    assert yen["expected_cost"]["amount"] == round(yen["expected_cost"]["amount"])
    assert yen["expected_cost"]["amount"] == pytest.approx(
        euro["expected_cost"]["amount"] * rate, rel=0.01
    )


def test_the_market_s_own_currency_is_taken_where_none_is_sent(app):
    for market, currency in (("DE", "EUR"), ("US", "USD"), ("JP", "JPY")):
        answer = judge(app, {"market": market, "lines": [{"product_id": "dress"}]})
        assert answer["expected_cost"]["currency"] == currency


def test_the_model_reads_prices_in_the_currency_they_are_charged_in(settings):
    app, advisor = MuslinApp(settings), FakeRiskAdvisor()
    use_risks(app, advisor)
    judge(app, {"market": "JP", "lines": [{**DRESS, "unit_price": 8990}]})
    judge(app, {"market": "JP", "currency": "EUR", "lines": [DRESS]})
    assert [question.currency for question in advisor.asked] == ["JPY", "EUR"]


def test_the_action_has_the_lowest_expected_cost(app):
    for lines in (
        [DRESS],
        [DRESS, {**DRESS, "size": "L"}],
        [{**DRESS, "size": "L"}],
        [{**DRESS, "size": "XL", "unit_price": 400}, {"product_id": "scarf"}],
    ):
        answer = judge(app, {**BASKET, "lines": lines})
        costs = answer["action_reason"]["costs"]
        assert costs[answer["action"]] == min(costs.values())
        assert costs["none"] == answer["expected_cost"]["amount"]
        saved = costs["none"] - costs[answer["action"]]
        assert answer["action_reason"]["saving"] == pytest.approx(saved, abs=0.011)


def test_each_action_is_chosen_where_it_helps_and_says_so(app, settings):
    advised = judge(app)
    assert advised["action"] == "show_size_advice"
    assert advised["message"] == "Size L may suit you better than M."
    assert advised["action_reason"]["lines"] == [0]

    dropped = judge(app, {**BASKET, "lines": [{**DRESS, "size": "L"}, DRESS]})
    assert dropped["lines"][1]["duplicate_of"] == 0
    assert dropped["action"] == "drop_duplicate_size"
    assert dropped["action_reason"]["lines"] == [1]
    assert dropped["message"].endswith("we think size L will suit you.")

    left = judge(app, {**BASKET, "lines": [{**DRESS, "size": "L"}]})
    assert (left["action"], left["message"]) == ("none", None)

    use_risks(app, Fixed(p_return=0.9, reasons={"changed_mind": 0.9}))
    warned = judge(app)
    assert warned["action"] == "confirm"
    assert warned["message"].startswith("Please take one more look")


def test_the_same_probability_leads_to_another_action_under_another_policy(settings, tmp_path):
    app = MuslinApp(settings)
    use_risks(app, Fixed(p_return=0.2, reasons={"changed_mind": 0.2}), TERMS)
    assert judge(app)["action"] == "none"
    shop = tmp_path / "shop.yaml"
    shop.write_text(
        "layer: shop\nrules:\n  - id: shop.outlet\n    text: Old stock earns little.\n"
        "    set:\n      margin_share: 0.02\n"
    )
    use_risks(app, Fixed(p_return=0.2, reasons={"changed_mind": 0.2}), Policies.load([shop]))
    warned = judge(app)
    assert warned["action"] == "confirm"
    assert "shop.outlet" in warned["action_reason"]["rules"]


def test_lines_that_have_arrived_are_costed_and_left_alone(app):
    line = {**DRESS, "ordered_at": "2025-05-02T09:30:00Z", "delivered_at": "2025-05-09T16:20:00Z"}
    late = {**line, "promised_at": "2025-05-06T00:00:00Z"}
    answer = judge(app, {**BASKET, "moment": "delivered", "lines": [line, late]})
    assert answer["moment"] == "delivered"
    assert (answer["action"], answer["message"]) == ("none", None)
    assert answer["action_reason"]["costs"] == {"none": answer["expected_cost"]["amount"]}
    assert "late_delivery" not in [each["code"] for each in answer["lines"][0]["drivers"]]
    told = {each["code"]: each["text"] for each in answer["lines"][1]["drivers"]}
    assert told["late_delivery"] == "It arrived 3 days late."


@pytest.mark.parametrize("locale", ["en", "de", "fr", "es", "ja", "zh-CN"])
def test_a_shopper_is_not_told_of_their_returns(app, locale):
    for lines in ([DRESS], [DRESS, {**DRESS, "size": "L"}], [{"product_id": "scarf"}]):
        body = {**BASKET, "customer_id": "c-1", "locale": locale, "lines": lines}
        answer = judge(app, body)
        assert answer["lines"][0]["drivers"][0]["figures"] == {"returned": 31, "orders": 40}
        assert not any(word in (answer["message"] or "") for word in ("31", "40", "account"))
        stranger = judge(app, {**body, "customer_id": None})
        assert stranger["message"] == answer["message"]


def test_a_driver_of_a_newer_model_has_no_text(app):
    drivers = {each["code"]: each for each in judge(app)["lines"][0]["drivers"]}
    assert drivers["phase_of_the_moon"]["text"] is None
    assert drivers["colour_comes_back"]["text"] == (
        "The colour red comes back 2.1 times as often as the product's others (orders: 1,204)."
    )


def test_a_list_is_answered_like_its_baskets_one_by_one(app):
    line = {**DRESS, "ordered_at": "2025-05-02T09:30:00Z", "delivered_at": "2025-05-09T16:20:00Z"}
    bodies = [
        {"lines": [{**DRESS, "size": size}] * n, "locale": locale}
        for n, (size, locale) in enumerate(zip("SMLSMLSML", ["en", "de", "ja"] * 3, strict=True), 1)
    ]
    bodies.append({"moment": "delivered", "lines": [line]})
    listed = judge(app, bodies)
    single = [judge(app, body) for body in bodies]
    for each in (*listed, *single):
        del each["request_id"]
    assert listed == single
    assert ask(app, PATH, body=b" []").json == []


def test_the_same_line_twice_is_no_duplicate_size(app):
    answer = judge(app, {**BASKET, "lines": [{**DRESS, "size": "L"}] * 2})
    assert [line["duplicate_of"] for line in answer["lines"]] == [None, None]
    assert answer["lines"][0] == answer["lines"][1]


def test_one_model_missing_keeps_no_other_from_answering(settings):
    app = MuslinApp(settings)
    use_risks(app, FakeRiskAdvisor())
    app.not_ready("/v1/size-advice", "no champion of size_fit", "muslin train size-fit")
    assert ask(app, PATH, body=BASKET).status == 200
    assert ask(app, body={"product_id": "dress"}).status == 503
    app = MuslinApp(settings)
    use_sizes(app, FakeAdvisor())
    app.not_ready(PATH, "no champion of return_risk", "muslin train return-risk")
    answer = ask(app, PATH, body=BASKET)
    assert answer.status == 503
    assert answer.json["detail"] == "no champion of return_risk; run: muslin train return-risk"
    assert ask(app, body={"product_id": "dress"}).status == 200


def test_a_better_size_without_a_size_chosen_is_named_alone(app):
    use_risks(
        app,
        Fixed(
            p_return=0.5,
            reasons={"too_small": 0.5},
            suggestions=(Suggestion("size", "L", 0.5, 0.1),),
        ),
    )
    answer = judge(app, {**BASKET, "lines": [{"product_id": "dress", "unit_price": 59.9}]})
    assert answer["lines"][0]["suggestions"][0]["text"] == "Take size L: 0.5 → 0.1"
    assert answer["message"] == "We think size L will suit you."


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["product_id", "lines", "moment", "size", "quantity", "unit_price"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@given(body=JSON.map(lambda value: json.dumps(value).encode()))
def test_no_json_makes_the_service_fail(fuzzed_app, body):
    assert ask(fuzzed_app, PATH, body=body).status in (200, 422)


@given(
    line=st.fixed_dictionaries(
        {"product_id": st.sampled_from(["dress", "scarf", "mystery", "never-seen"])},
        optional={
            "size": st.sampled_from(["S", "M", "L", "XL", "?"]),
            "colour": st.text(min_size=1, max_size=5),
            "quantity": st.integers(1, 10_000),
            "unit_price": st.floats(0, 1e9),
        },
    ),
    market=st.sampled_from([None, "DE", "us", "ZZ"]),
)
def test_no_basket_makes_the_service_fail(fuzzed_app, line, market):
    body = {"market": market, "lines": [line, {**line, "size": "M"}]}
    answer = ask(fuzzed_app, PATH, body=body)
    assert answer.status == 200, answer.body
    assert answer.json["expected_cost"]["amount"] >= 0
