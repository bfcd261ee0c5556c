"""A returns desk to test with: orders, models that say what they are told, the real policies."""

from __future__ import annotations

import dataclasses
import time

from data_contracts.policies import Policies
from features.order_records import EarlierClaim, OrderRecord
from features.questions import ClaimQuestion
from models.abuse.answer import AbuseScore, Signal
from models.return_risk.answer import LabelRisk, LineRisk
from models.size_fit.advice import SizeAdvice, SizeOutlook
from serving.advisor import Known, ModelLabel, ProductSizes
from serving.return_review.case import DAY_S, Case
from serving.return_review.gather import Gatherer
from serving.return_review.judgement import judge

NOW = time.time()
POLICIES = Policies.load()
REASONS = (
    "too_small",
    "too_large",
    "colour_mismatch",
    "not_as_described",
    "quality_defect",
    "damaged_in_transit",
    "wrong_item",
    "late_delivery",
    "not_received",
    "changed_mind",
    "other",
)
CONDITIONS = (None, "as_new", "worn", "damaged", "different_item", "missing_parts", "empty")


def make_order(order_line_id="line", *, days_ago=5.0, **changes) -> OrderRecord:
    told = {
        "order_id": "order",
        "customer_id": "c-77",
        "product_id": "dress",
        "quantity": 1,
        "currency": "EUR",
        "ordered_at": NOW - (days_ago + 4) * DAY_S,
        "delivered_at": NOW - days_ago * DAY_S,
        "unit_price": 59.9,
        "market": "DE",
        "category": "dress",
        "size_label": "M",
        "colour": "blue",
        "shipped_weight_g": 400.0,
        "launched_at": NOW - 40 * DAY_S,
        **changes,
    }
    return OrderRecord(order_line_id=order_line_id, **told)


def earlier(quantity=1, *, days_ago=1.0, **told) -> EarlierClaim:
    return EarlierClaim(
        return_id="r-1",
        reason="too_small",
        quantity=quantity,
        requested_at=NOW - days_ago * DAY_S,
        **told,
    )


class Orders:
    def __init__(self, *orders: OrderRecord) -> None:
        self.by_id = {each.order_line_id: each for each in orders}

    def read(self, ids):
        return {each: self.by_id[each] for each in ids if each in self.by_id}


class Abuse:
    """Says `score` of every claim."""

    def __init__(self, score=0.1) -> None:
        self.says = score

    def score(self, questions):
        signal = Signal("worn_returns", {"observed": 4, "expected": 0.5}, 2.5)
        told = AbuseScore(self.says, (signal,), {"orders": 12, "order_known": 1})
        return [told for _ in questions]

    def label(self):
        return ModelLabel("abuse", "3")


class Sizes:
    """Four sizes, `best` fits best, whatever the claim."""

    labels = ("S", "M", "L", "XL")

    def __init__(self, best="L", status="advised") -> None:
        self.best, self.status = best, status

    def look_up(self, questions):
        product = ProductSizes(self.labels, "ALPHA")
        return [Known(each, product if each.product_id == "dress" else None) for each in questions]

    def advise(self, known):
        return [self._one(each.question.candidate_sizes or self.labels) for each in known]

    def _one(self, labels):
        fit = {label: 0.7 if label == self.best else 0.3 for label in labels}
        outlooks = tuple(
            SizeOutlook(label, (1 - p) / 2, p, (1 - p) / 2) for label, p in fit.items()
        )
        best = max(fit, key=fit.get)
        return SizeAdvice(self.status, best if self.status == "advised" else None, (), outlooks)

    def label(self):
        return ModelLabel("size_fit", "7")


class Risks:
    """Blue comes back most, green least."""

    def assess(self, questions):
        sizes = tuple(LabelRisk(label, 0.2) for label in Sizes.labels)
        colours = tuple(
            LabelRisk(label, p) for label, p in (("blue", 0.5), ("red", 0.4), ("green", 0.1))
        )
        risk = LineRisk(0.5, 0.3, 0.7, {}, sizes=sizes, colours=colours)
        return [tuple(risk for _ in each.lines) for each in questions]

    def label(self):
        return ModelLabel("return_risk", "2")


def case_of(order=None, *, score=None, size=None, colour=None, wanted=None, opened=None, **claim):
    """A case with the real policy, its band as the service finds it."""
    order = order or make_order()
    told = {
        "order_line_id": order.order_line_id,
        "customer_id": "c-77",
        "reason": "changed_mind",
        "requested_at": NOW,
        **claim,
    }
    question = ClaimQuestion(**told)
    value = None if order.unit_price is None else order.unit_price * question.quantity
    case = Case(
        claim=question,
        order=order,
        value=value,
        wanted=wanted,
        opened=opened,
        size=size,
        colour=colour,
    )
    terms = terms_of(case)
    if score is not None:
        case = dataclasses.replace(case, score=score, band=terms.abuse_band(score))
    return dataclasses.replace(case, terms=terms_of(case))


terms_of = Gatherer(Orders(), POLICIES).terms


def review(*args, **told):
    return judge(case_of(*args, **told), terms_of)


def options_of(judgement):
    return {each.option: each for each in judgement.options}
