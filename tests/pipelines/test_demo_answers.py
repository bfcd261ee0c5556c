"""The demo shows what the service's own schemas allow it to answer."""

import io

import httpx
import pytest
from rich.console import Console

from pipelines.demo_answers import Answers, ask, show
from pipelines.questions import DemoQuestion
from pipelines.simulate import simulate
from serving.return_review.outcome_schemas import OutcomeResponse
from serving.return_review.schemas import Cost, Option, ReturnReviewResponse
from serving.risk_schemas import ReturnRiskResponse

MODEL = {"name": "m", "version": "1"}


def basket_answer(**line):
    told = {
        "product_id": "P1",
        "size": "M",
        "colour": None,
        "p_return": 0.4,
        "p_low": 0.3,
        "p_high": 0.5,
        "reasons": {"too_small": 0.25, "other": 0.15},
        "drivers": [{"code": "colour_comes_back", "text": None, "effect": 0.1, "figures": {}}],
        "sizes": [],
        "colours": [],
        "suggestions": [
            {"kind": "size", "label": "L", "p_from": 0.4, "p_to": 0.2, "text": "take L"}
        ],
        "duplicate_of": None,
        "knows": {},
    }
    return ReturnRiskResponse(
        request_id="r",
        model=MODEL,
        degraded=False,
        moment="checkout",
        locale="en",
        lines=[told | line],
        expected_cost={"amount": 12.5, "currency": "EUR", "lines": [12.5]},
        action="confirm",
        action_reason={"text": "because", "lines": [0], "saving": 2.0, "costs": {}, "rules": []},
        message=None,
        notices=[],
    ).model_dump(mode="json")


def review(**given):
    cost = Cost(**(dict.fromkeys(Cost.model_fields, 0.0) | {"total": 1234.5}))
    rule = {"id": "eu.withdrawal", "statutory": True, "text": "the law says so"}
    common = {"currency": "EUR", "paid": None, "into": None, "rule": rule}
    refund = Option(option="refund", allowed=True, amount=99.9, expected_cost=cost, **common)
    repair = Option(option="repair", allowed=False, amount=None, expected_cost=None, **common)
    told = {
        "request_id": "r",
        "audit_id": "a1",
        "model": MODEL,
        "degraded": False,
        "models": [],
        "order_line_id": "L1",
        "locale": "en",
        "abuse": {"score": 0.04, "band": "low", "signals": []},
        "route": "fast_track",
        "decided_by": [],
        "rules": [],
        "would_change": [],
        "options": [refund, repair],
        "recommended": "refund",
        "customer_message": "you get it back",
        "explanation": [],
        "reviewer_notes": [],
        "notices": [],
    }
    return ReturnReviewResponse(**(told | given)).model_dump(mode="json")


def shown(answers):
    text = io.StringIO()
    show(Console(file=text, width=140), answers)
    return " ".join(text.getvalue().split())


def test_a_basket_is_shown_with_its_risk_what_moved_it_and_what_helps():
    said = shown(Answers(basket=(DemoQuestion("customer C1", {}), basket_answer())))
    for words in ("P1 M", "0.40", "too small 0.25", "colour comes back", "take L", "12.50 EUR"):
        assert words in said
    assert "confirm: because" in said


@pytest.mark.parametrize("model_there", [True, False])
def test_a_claim_is_shown_with_every_option_and_its_rule(model_there):
    answer = review() if model_there else review(abuse=None, model=None, recommended=None)
    outcome = {"decided_by": "d", "decision": "refund", "label": "legitimate", "text": "a label"}
    question = DemoQuestion("customer C1", {"reason": "too_small"})
    said = shown(Answers(claim=(question, answer), outcome=outcome))
    for words in (
        "99.90 EUR",
        "1,234.50 EUR",
        "not allowed",
        "the law says so",
        "route fast track",
    ):
        assert words in said
    assert ("recommended" in said) == model_there
    assert ("score 0.04 (low)" in said) == model_there
    assert "judged it legitimate: a label" in said


def test_only_models_that_serve_are_asked_and_an_outcome_follows_a_review(monkeypatch):
    asked = []
    answers = {
        "/v1/return-risk": basket_answer(),
        "/v1/return-review": review(recommended=None),
        "/v1/return-review/a1/outcome": OutcomeResponse(
            request_id="r", audit_id="a1", recorded=True, becomes_label=True, text="on record"
        ).model_dump(mode="json"),
    }

    def post(url, json, timeout):
        path = url.removeprefix("http://here")
        asked.append((path, json))
        return httpx.Response(200, json=answers[path], request=httpx.Request("POST", url))

    monkeypatch.setattr(httpx, "post", post)
    tables = simulate(400, seed=2).tables
    told = ask("http://here", tables, ["return_risk", "abuse"])
    assert [path for path, _ in asked] == list(answers)
    assert asked[-1][1]["decision"] == "other", "what nobody recommends is left to the person"
    assert told.sizes == []
    assert told.outcome["recorded"] is True
    asked.clear()
    assert ask("http://here", tables, []) == Answers([])
    assert asked == []
