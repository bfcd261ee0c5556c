"""The endpoints through the application: answers, refusals, and the record of every answer."""

from __future__ import annotations

import dataclasses
import datetime as dt
import threading

import hypothesis
import pytest
from asgi import ask
from hypothesis import strategies as st

from features.audit import AuditError, SqliteAudit, UnknownAuditError
from features.settings import Settings
from features.state import StateError
from return_review.desk import (
    CONDITIONS,
    NOW,
    POLICIES,
    REASONS,
    Abuse,
    Orders,
    Risks,
    Sizes,
    earlier,
    make_order,
)
from serving.app import MuslinApp
from serving.parts import Readiness
from serving.return_review import off_loop
from serving.return_review.endpoint import ReturnReviewEndpoint
from serving.return_review.outcome import OutcomeEndpoint
from serving.return_review.outcome_schemas import REVIEW_OUTCOME, OutcomeResponse
from serving.return_review.schemas import RETURN_REVIEW, ReturnReviewResponse

ORDERS = Orders(
    make_order(),
    make_order("twice", quantity=2),
    make_order("other", customer_id="somebody-else"),
    make_order("old", days_ago=60),
    make_order("exotic", currency="XYZ"),
    make_order("yen", currency="JPY", unit_price=8_990.0, market="JP"),
    make_order("soon", days_ago=-2),
    make_order("again", claims=(earlier(),)),
    make_order("free", unit_price=0.0),
    make_order("slow", days_ago=40, claims=(earlier(days_ago=35),)),
)


class Desk:
    """An application whose returns desk stands on a record of its own."""

    def __init__(self, settings, audit, **models) -> None:
        self.audit = audit
        self.app = MuslinApp(settings)
        review = ReturnReviewEndpoint(
            ORDERS, POLICIES, audit, self.app.languages, max_items=20, **models
        )
        ready = Readiness(ready=True)
        self.app.use(RETURN_REVIEW.path, review, ready)
        self.app.use(REVIEW_OUTCOME.path, OutcomeEndpoint(audit), ready)

    def review(self, **claim):
        body = {"order_line_id": "line", "customer_id": "c-77", "reason": "too_small", **claim}
        return ask(self.app, RETURN_REVIEW.path, body)

    def settle(self, audit_id, **outcome):
        body = {"decision": "refund", "decided_by": "desk-4", **outcome}
        return ask(self.app, f"/v1/return-review/{audit_id}/outcome", body)

    def recorded(self):
        """Rows on record, whoever asks."""
        return self.audit._db.execute("SELECT count(*) FROM entries").fetchone()[0]


@pytest.fixture
def audit(tmp_path):
    with SqliteAudit(tmp_path / "audit.db") as store:
        yield store


@pytest.fixture
def desk(settings, audit):
    return Desk(settings, audit, sizes=Sizes(), risks=Risks(), abuse=Abuse())


ANSWERED = {
    "ordinary": ({}, "standard", "exchange_size", []),
    "never ordered": (
        {"order_line_id": "never"}, "review", None, ["line_not_on_record"],
    ),
    "another buyer": ({"order_line_id": "other"}, "review", None, ["not_the_buyer"]),
    "not received, but weighed": (
        {"reason": "not_received", "returned_weight_g": 390.5},
        "review", None, ["not_received_but_returned", "delivered_on_record"],
    ),
    "after the window": (
        {"order_line_id": "old", "reason": "changed_mind"}, "review", None, ["after_window"],
    ),
    "before delivery": ({"order_line_id": "soon"}, "review", "return_to_warehouse",
                        ["claimed_before_delivery"]),
    "claimed before": ({"order_line_id": "again"}, "review", "return_to_warehouse",
                       ["claimed_again"]),
    "weight gap": ({"returned_weight_g": 12.0}, "review", "return_to_warehouse", ["weight_gap"]),
    "given away": ({"order_line_id": "free"}, "fast_track", "refund_keep_item", []),
    "withdrawal": ({"reason": "changed_mind"}, "standard", "refund", []),
}  # fmt: skip


@pytest.mark.parametrize("name", ANSWERED)
def test_every_answer_is_on_record_as_it_was_sent(desk, name):
    claim, route, recommended, rules = ANSWERED[name]
    answer = desk.review(**claim)
    assert answer.status == 200, answer.body
    told = answer.json
    ReturnReviewResponse.model_validate(told, strict=True)
    assert (told["route"], [each["rule"] for each in told["rules"]]) == (route, rules)
    assert told["recommended"] == recommended
    review, outcomes = desk.audit.get(told["audit_id"])
    assert outcomes == ()
    assert review.answer == told
    assert (review.route, review.recommended) == (route, told["recommended"])
    assert review.inputs["request"]["customer_id"] == review.customer_id == "c-77"
    assert review.rules["policies"] == POLICIES.fingerprint
    assert len(review.rules["options"]) == len(told["options"])
    assert "somebody-else" not in str(review)


def test_a_size_claim_is_offered_the_size_the_model_advises(desk):
    told = desk.review().json
    option = next(each for each in told["options"] if each["option"] == "exchange_size")
    assert option["allowed"]
    assert option["into"] == {
        "size": "L", "colour": None, "same_article": False, "p_return": 0.2, "others": ["XL"],
    }  # fmt: skip
    assert {each["name"] for each in told["models"]} == {"abuse", "size_fit", "return_risk"}
    assert told["model"] == {"name": "abuse", "version": "3"}
    assert told["abuse"]["band"] == "low"
    assert told["abuse"]["signals"][0]["figures"] == {"observed": 4, "expected": 0.5}


@pytest.mark.parametrize(
    ("reason", "best", "into"),
    [("too_small", "S", "L"), ("too_small", "XL", "XL"), ("too_large", "XL", "S"),
     ("too_large", "S", "S")],
)  # fmt: skip
def test_too_small_is_never_exchanged_into_a_smaller_size(settings, audit, reason, best, into):
    desk = Desk(settings, audit, sizes=Sizes(best))
    told = desk.review(reason=reason).json
    option = next(each for each in told["options"] if each["option"] == "exchange_size")
    assert option["into"]["size"] == into


def test_no_size_that_fits_is_no_exchange(settings, audit):
    desk = Desk(settings, audit, sizes=Sizes(status="no_good_size"))
    told = desk.review().json
    option = next(each for each in told["options"] if each["option"] == "exchange_size")
    assert (option["allowed"], option["rule"]["id"]) == (False, "review.nothing_better")


def test_a_colour_claim_is_offered_the_colours_with_lower_risk(desk):
    told = desk.review(reason="colour_mismatch").json
    option = next(each for each in told["options"] if each["option"] == "exchange_colour")
    assert option["into"]["colour"] == "green"
    assert option["into"]["others"] == ["red"]


def test_without_models_it_answers_and_says_what_is_missing(settings, audit):
    desk = Desk(settings, audit)
    told = desk.review(locale="de").json
    assert told["abuse"] is None
    assert told["model"] is None
    assert [each["code"] for each in told["notices"]] == [
        "abuse_model_missing", "size_fit_model_missing",
    ]  # fmt: skip
    assert desk.review(reason="colour_mismatch").json["notices"][1]["code"] == (
        "return_risk_model_missing"
    )
    assert desk.recorded() == 2


class Unusable(Abuse, Sizes, Risks):
    def score(self, questions):
        raise StateError("filled for another")

    look_up = assess = score


def test_a_model_that_cannot_be_used_is_as_good_as_missing(settings, audit):
    broken = Unusable()
    desk = Desk(settings, audit, sizes=broken, risks=broken, abuse=broken)
    for reason in ("too_small", "colour_mismatch"):
        answer = desk.review(reason=reason)
        assert answer.status == 200
        assert len(answer.json["notices"]) == 2
        assert answer.json["models"] == []


FUTURE = (dt.datetime.now(dt.UTC) + dt.timedelta(days=3)).isoformat()
REFUSED = {
    "quantity above what was bought": (
        {"order_line_id": "twice", "quantity": 3}, "quantity", "of which 2 were bought",
    ),
    "currency that is not the order's": ({"currency": "USD"}, "currency", "EUR"),
    "currency the policies lack": (
        {"order_line_id": "exotic"}, "order_line_id", "XYZ",
    ),
    "unknown reason": ({"reason": "bored"}, "reason", "must be one of"),
    "unknown condition": ({"condition": "smelly"}, "condition", "must be one of"),
    "unknown field": ({"colour": "blue"}, "colour", "is not a known field; known are"),
    "unknown evidence": (
        {"evidence": [{"kind": "rumour"}]}, "evidence[0].kind", "must be one of",
    ),
    "moment without a zone": (
        {"requested_at": "2026-03-02T10:15:00"}, "requested_at", "time zone",
    ),
    "moment that is none": ({"requested_at": "tomorrow"}, "requested_at", ""),
    "moment to come": ({"requested_at": FUTURE}, "requested_at", "future"),
    "no pieces": ({"quantity": 0}, "quantity", "between 1 and 10000 pieces"),
    "weight below nothing": ({"returned_weight_g": -1.0}, "returned_weight_g", "between 0"),
    "no language": ({"locale": "???"}, "locale", "language tag"),
    "empty line": ({"order_line_id": ""}, "order_line_id", "must not be empty"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_used_is_a_problem_that_names_the_field(desk, name):
    claim, field, reason = REFUSED[name]
    answer = desk.review(**claim)
    assert answer.status == 422, answer.body
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json
    assert problem["errors"][0]["field"] == field
    assert reason in problem["errors"][0]["reason"]
    assert desk.recorded() == 0


def test_a_list_is_answered_in_order_and_refused_as_a_whole(desk):
    claims = [
        {"order_line_id": name, "customer_id": "c-77", "reason": "changed_mind"}
        for name in ("line", "never", "twice", "line", "yen", "old")
    ]
    answers = ask(desk.app, RETURN_REVIEW.path, claims).json
    assert [each["order_line_id"] for each in answers] == [c["order_line_id"] for c in claims]
    assert len({each["audit_id"] for each in answers}) == len(claims)
    assert desk.recorded() == len(claims)
    claims[1] = {**claims[1], "order_line_id": "exotic"}
    refused = ask(desk.app, RETURN_REVIEW.path, claims)
    assert (refused.status, refused.json["errors"][0]["field"]) == (422, "[1].order_line_id")
    assert refused.json["type"].endswith("currency-without-policy")
    assert desk.recorded() == len(claims)


def test_an_empty_list_is_answered_with_one(desk):
    assert ask(desk.app, RETURN_REVIEW.path, []).json == []


def test_yen_have_no_decimals(desk):
    told = desk.review(order_line_id="yen", reason="changed_mind", locale="ja-JP").json
    refund = told["options"][0]
    assert (refund["amount"], refund["currency"]) == (8990, "JPY")
    assert refund["expected_cost"]["abuse"] == 899
    assert "8,990" in told["customer_message"]


def test_another_account_is_told_no_figure_of_the_order(desk):
    told = desk.review(order_line_id="other", quantity=9, currency="USD").json
    assert all(each["amount"] is None for each in told["options"])
    assert all(each["currency"] is None for each in told["options"])
    assert "59.9" not in str(told)
    assert told["abuse"] is None


def test_a_line_that_is_not_on_record_is_judged_by_the_account_alone(desk):
    told = desk.review(order_line_id="never").json
    assert (told["abuse"]["score"], told["abuse"]["band"]) == (0.1, "low")
    assert told["recommended"] is None
    assert not any(each["allowed"] for each in told["options"])
    assert "confirmation of your order" in told["customer_message"]


def test_the_message_comes_in_the_language_asked_for(desk):
    assert desk.review(locale="de-AT").json["customer_message"].startswith("Es tut uns leid")
    assert desk.review(locale="zh").json["customer_message"].startswith("很抱歉")
    missing = desk.review(locale="pt-BR").json
    assert missing["locale"] == "en"
    assert missing["notices"][0]["code"] == "locale_not_available"


class FullDisk(SqliteAudit):
    def append_reviews(self, reviews):
        raise AuditError("the disk is full")


def test_nothing_is_answered_that_cannot_be_recorded(settings, tmp_path):
    with FullDisk(tmp_path / "full.db") as store:
        answer = Desk(settings, store).review()
    assert answer.status == 503
    assert answer.json["type"].endswith("not-recorded")


class HangingDisk(SqliteAudit):
    def __init__(self, path):
        super().__init__(path)
        self.go_on = threading.Event()

    def append_reviews(self, reviews):
        self.go_on.wait(60)

    def append_outcome(self, outcome):
        self.go_on.wait(60)


@pytest.mark.parametrize("asked", ["review", "outcome"])
def test_a_record_that_hangs_refuses_and_holds_nobody_else_up(
    settings, tmp_path, monkeypatch, asked
):
    monkeypatch.setattr(off_loop, "_PATIENCE_S", 0.05)
    with HangingDisk(tmp_path / "hangs.db") as store:
        desk = Desk(settings, store)
        try:
            for _ in range(3):
                answer = desk.review() if asked == "review" else desk.settle("0" * 32)
                assert answer.status == 503
                assert answer.json["type"].endswith("not-recorded")
                assert "has not answered for" in answer.json["detail"]
                assert int(answer.headers["retry-after"]) > 0
            assert ask(desk.app, "/metrics", method="GET").status == 200
        finally:
            store.go_on.set()
        while desk.settle("0" * 32).status == 503:
            pass


def test_an_outcome_becomes_a_label_under_its_audit_id(desk):
    told = desk.review(return_id="r-9").json
    answer = desk.settle(told["audit_id"], label="abuse", kind="wardrobing", note="worn")
    assert answer.status == 200
    OutcomeResponse.model_validate(answer.json, strict=True)
    assert answer.json["becomes_label"]
    _, (outcome,) = desk.audit.get(told["audit_id"])
    assert dataclasses.asdict(outcome)["kind"] == "wardrobing"
    (label,) = desk.audit.labels().to_dict("records")
    assert (label["return_id"], label["label"], label["decided_by"]) == ("r-9", "abuse", "desk-4")
    desk.settle(told["audit_id"], label="legitimate", decision="other")
    assert desk.audit.labels()["label"].tolist() == ["legitimate"]


def test_an_outcome_without_a_label_is_kept_and_trains_nothing(desk):
    audit_id = desk.review().json["audit_id"]
    assert desk.settle(audit_id).json["becomes_label"] is False
    assert len(desk.audit.get(audit_id)[1]) == 1
    assert desk.audit.labels().empty


def test_an_unknown_audit_id_is_not_found(desk):
    answer = desk.settle("0" * 32)
    assert answer.status == 404
    assert answer.json["type"].endswith("unknown-audit-id")
    with pytest.raises(UnknownAuditError):
        desk.audit.get("0" * 32)


@pytest.mark.parametrize(
    ("outcome", "field"),
    [
        ({"decision": "deny"}, "decision"),
        ({"label": "guilty"}, "label"),
        ({"label": "legitimate", "kind": "wardrobing"}, ""),
        ({"decided_by": "model"}, "decided_by"),
        ({"verdict": "x"}, "verdict"),
    ],
)
def test_an_outcome_that_cannot_be_used_is_refused(desk, outcome, field):
    audit_id = desk.review().json["audit_id"]
    answer = desk.settle(audit_id, **outcome)
    assert answer.status == 422
    assert answer.json["errors"][0]["field"] == field
    assert desk.audit.get(audit_id)[1] == ()


def test_the_claim_is_judged_as_of_its_own_moment(desk):
    moment = dt.datetime.fromtimestamp(NOW - 3 * 86_400 + 1, dt.UTC).isoformat()
    told = desk.review(requested_at=moment, reason="changed_mind").json
    review, _ = desk.audit.get(told["audit_id"])
    assert review.requested_at == pytest.approx(NOW - 3 * 86_400 + 1, abs=1e-3)
    assert any("2 days before your request" in text for text in told["explanation"])


def test_days_the_shop_takes_to_inspect_do_not_count_as_the_buyers_delay(desk):
    again = {"order_line_id": "slow", "reason": "changed_mind", "condition": "as_new"}
    told = desk.review(return_id="r-1", **again).json
    assert (told["rules"], told["recommended"]) == ([], "refund")
    assert told["options"][0]["rule"]["id"] == "eu.withdrawal"
    review, _ = desk.audit.get(told["audit_id"])
    assert review.requested_at == pytest.approx(NOW - 35 * 86_400)
    # Another claim, and another person's, are of now.
    rules = [each["rule"] for each in desk.review(return_id="r-2", **again).json["rules"]]
    assert "after_window" in rules
    stranger = desk.review(return_id="r-1", customer_id="stranger", **again).json
    review, _ = desk.audit.get(stranger["audit_id"])
    assert review.requested_at == pytest.approx(review.at)


class Kept:
    """A record in memory, for many examples."""

    def __init__(self) -> None:
        self.reviews = []

    def append_reviews(self, reviews):
        self.reviews += reviews


FUZZED = Kept()
CLAIMS = st.fixed_dictionaries(
    {
        "order_line_id": st.sampled_from([*ORDERS.by_id, "never", 17]),
        "customer_id": st.sampled_from(["c-77", "stranger"]),
        "reason": st.sampled_from(REASONS),
    },
    optional={
        "requested_at": st.datetimes(
            dt.datetime(1971, 1, 1), dt.datetime(2150, 1, 1), timezones=st.just(dt.UTC)
        ).map(dt.datetime.isoformat),
        "quantity": st.integers(-1, 4),
        "condition": st.sampled_from(CONDITIONS),
        "returned_weight_g": st.none() | st.floats(-1, 1e6),
        "opened": st.none() | st.booleans(),
        "wanted": st.sampled_from([None, "refund", "exchange", "repair"]),
        "evidence": st.none() | st.just([{"kind": "photo"}]),
        "currency": st.sampled_from([None, "EUR", "XYZ"]),
        "locale": st.sampled_from([None, "de", "fr-CA", "es-MX", "ja", "zh-Hant", "xx"]),
        "return_id": st.none() | st.text(max_size=5),
    },
)


@pytest.fixture(scope="module")
def fuzzed():
    return Desk(Settings(), FUZZED, sizes=Sizes(), risks=Risks(), abuse=Abuse(0.9)).app


@hypothesis.settings(max_examples=300, deadline=None)
@hypothesis.given(claim=CLAIMS)
def test_any_claim_is_answered_on_record_or_refused_by_name(fuzzed, claim):
    before = len(FUZZED.reviews)
    answer = ask(fuzzed, RETURN_REVIEW.path, claim)
    if answer.status == 200:
        ReturnReviewResponse.model_validate(answer.json, strict=True)
        assert FUZZED.reviews[-1].answer == answer.json
        assert len(FUZZED.reviews) == before + 1
        if answer.json["recommended"] is None:
            assert answer.json["route"] == "review"
    else:
        assert answer.status == 422, answer.body
        assert answer.json["errors"][0]["field"]
        assert len(FUZZED.reviews) == before
