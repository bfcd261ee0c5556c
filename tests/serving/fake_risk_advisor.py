"""A deterministic risk advisor: two known products, and answers that depend on the line alone."""

from __future__ import annotations

from collections.abc import Sequence

from features.questions import BasketLine, BasketQuestion
from models.return_risk.answer import Driver, LabelRisk, LineRisk, Suggestion
from serving.advisor import ModelLabel
from serving.risk_advisor import Goods

GOODS = {
    "dress": Goods(category="dress", audience="women", price=59.9, currency="EUR"),
    "scarf": Goods(category="scarf", price=2000.0, currency="JPY", launched_at=0.0),
    "mystery": Goods(),
}
SIZES = ("S", "M", "L", "XL")
BY_SIZE = {"S": 0.41, "M": 0.35, "L": 0.22, "XL": 0.55}
NEW = 0.3


class FakeRiskAdvisor:
    def __init__(self) -> None:
        self.asked: list[BasketQuestion] = []

    def assess(self, questions: Sequence[BasketQuestion]) -> list[tuple[LineRisk, ...]]:
        self.asked += questions
        return [
            tuple(self._one(i, line, question) for i, line in enumerate(question.lines))
            for question in questions
        ]

    def goods(self, product_ids: Sequence[str]) -> list[Goods | None]:
        return [GOODS.get(each) for each in product_ids]

    def label(self) -> ModelLabel:
        return ModelLabel("return_risk", "3")

    def _one(self, place: int, line: BasketLine, question: BasketQuestion) -> LineRisk:
        if line.product_id not in GOODS:
            return LineRisk(
                NEW,
                0.05,
                0.7,
                {"changed_mind": NEW},
                drivers=(Driver("new_product", 0.02), Driver("new_customer", 0.01)),
                knows={"customer_orders": 0, "product_orders": 0},
            )
        p = BY_SIZE.get(line.size_label or "", NEW)
        late = line.delivered is not None and line.delivered.promised_at is not None
        drivers = [
            Driver("customer_returns", 0.2, {"returned": 31, "orders": 40}),
            Driver("colour_comes_back", 0.1, {"colour": "red", "ratio": 2.13, "n": 1204}),
            Driver("phase_of_the_moon", -0.01, {"phase": "full"}),
        ]
        if late:
            drivers.append(Driver("late_delivery", 0.05, {"days": 3}))
        sized = line.product_id == "dress"
        better = "L" if sized and line.size_label in ("S", "M", "XL") else None
        same = [
            i
            for i, other in enumerate(question.lines[:place])
            if other.product_id == line.product_id and other.size_label != line.size_label
        ]
        return LineRisk(
            p,
            p / 2,
            (1 + p) / 2,
            {"too_small": p / 3, "too_large": p / 3, "changed_mind": p / 3},
            drivers=tuple(drivers),
            sizes=tuple(LabelRisk(size, BY_SIZE[size]) for size in SIZES) if sized else (),
            colours=(LabelRisk("red", p), LabelRisk("blue", p / 2)) if line.colour else (),
            suggestions=((Suggestion("size", better, p, BY_SIZE[better]),) if better else ())
            + ((Suggestion("colour", "blue", p, p / 2),) if line.colour == "red" else ()),
            duplicate_of=same[0] if same and sized else None,
            knows={"customer_orders": 40, "product_orders": 1204},
        )
