"""Both endpoints on a real state and a real record."""

from __future__ import annotations

import asyncio
import threading

import orjson
import pandas as pd
import pytest

from features.audit import SqliteAudit
from features.order_records import order_key
from features.state import SqliteState
from return_review.desk import POLICIES, Orders, make_order
from serving.languages import Languages
from serving.return_review.build import build
from serving.return_review.endpoint import ReturnReviewEndpoint
from serving.return_review.schemas import ReturnReviewRequest

LANGUAGES = Languages()


@pytest.fixture
def state(tmp_path):
    now = pd.Timestamp.now("UTC")
    line = {
        "order_id": "o",
        "customer_id": "c-77",
        "product_id": "dress",
        "quantity": 1,
        "currency": "EUR",
        "market": "DE",
        "category": "dress",
        "unit_price": 80.0,
        "ordered_at": (now - pd.Timedelta(days=9)).value // 1000,
        "delivered_at": (now - pd.Timedelta(days=6)).value // 1000,
    }
    with SqliteState(tmp_path / "state.db") as store:
        store.replace([(order_key("line"), orjson.dumps(line))], {})
        yield store


def test_a_claim_on_a_line_of_the_state_is_reviewed_and_settled(state, settings, tmp_path):
    with SqliteAudit(tmp_path / "audit.db") as audit:
        review, outcome = build(state, POLICIES, audit, LANGUAGES, settings)
        claim = {"order_line_id": "line", "customer_id": "c-77", "reason": "changed_mind"}
        told = orjson.loads(asyncio.run(review(orjson.dumps(claim), "r")))
        assert told["recommended"] == "refund"
        assert told["options"][0]["amount"] == 80.0
        assert told["explanation"][1].endswith("6 days before your request.")
        body = orjson.dumps({"decision": "refund", "decided_by": "desk-4"})
        asyncio.run(outcome(body, "r", told["audit_id"]))
        _, outcomes = audit.get(told["audit_id"])
        assert [each.decision for each in outcomes] == ["refund"]


class Waiting:
    """A record whose disk is slow until the event loop has done something else."""

    def __init__(self) -> None:
        self.others_were_answered = threading.Event()
        self.kept = []

    def append_reviews(self, reviews):
        assert self.others_were_answered.wait(20), "the event loop stood still"
        self.kept += reviews


def test_others_are_answered_while_a_review_waits_for_the_disk():
    audit = Waiting()
    endpoint = ReturnReviewEndpoint(Orders(make_order()), POLICIES, audit, LANGUAGES, max_items=5)
    claim = {"order_line_id": "line", "customer_id": "c-77", "reason": "changed_mind"}

    async def both():
        review = asyncio.create_task(endpoint(orjson.dumps(claim), "r"))
        await asyncio.sleep(0.05)
        assert not review.done()
        audit.others_were_answered.set()
        return orjson.loads(await review)

    told = asyncio.run(both())
    assert [each.audit_id for each in audit.kept] == [told["audit_id"]]


def test_a_claim_has_no_field_for_who_the_buyer_is():
    forbidden = ("sex", "gender", "age", "birth", "nation", "name", "religion", "ethnic")
    for field in ReturnReviewRequest.model_fields:
        assert not any(word in field.split("_") for word in forbidden), field
