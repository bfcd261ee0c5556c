"""A deterministic advisor: a few known products, and answers that depend on the height alone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from features.questions import SizeQuestion
from models.size_fit.advice import Because, NextSize, SizeAdvice, SizeOutlook
from serving.advisor import Known, ModelLabel, ProductSizes


def bodies(first: float, step: float, count: int, dimension: str = "chest_cm"):
    """A chart of one dimension: `count` sizes side by side."""
    return tuple({dimension: (first + step * i, first + step * (i + 1))} for i in range(count))


LETTERS = ("S", "M", "L", "XL")
PRODUCTS = {
    "dress": ProductSizes(LETTERS, "ALPHA", "women", "dress"),
    "shoe": ProductSizes(("38", "39", "40"), "SHOE_EU", "women", "shoes"),
    "scarf": ProductSizes((), "ONE"),
    "romper": ProductSizes(("68", "74", "80"), "BABY_CM", "baby", "dress"),
    "unknown kind": ProductSizes(LETTERS, "ALPHA"),
    "guessed": ProductSizes(
        LETTERS, "ALPHA", "women", "dress", bodies(84, 8, 4), chart="estimated"
    ),
}


class FakeAdvisor:
    def look_up(self, questions: Sequence[SizeQuestion]) -> list[Known]:
        return [Known(question, PRODUCTS.get(question.product_id)) for question in questions]

    def advise(self, known: Sequence[Known]) -> list[SizeAdvice]:
        return [self._one(each.question, each.product) for each in known]

    def label(self) -> ModelLabel:
        return ModelLabel("size_fit", "7")

    def _one(self, question: SizeQuestion, product: ProductSizes | None) -> SizeAdvice:
        if product is None:
            return SizeAdvice("unknown_product")
        if not product.labels:
            return SizeAdvice("not_sized")
        labels = question.candidate_sizes or product.labels
        height = question.measurements.get("height_cm")
        if height is None:
            outlooks = tuple(SizeOutlook(label, 0.3, 0.4, 0.3) for label in labels)
            return SizeAdvice(
                "not_enough_information",
                size_set=tuple(labels),
                sizes=outlooks,
                because=(Because("market_average"),),
                ask_next="height_cm",
            )
        best = min(len(labels) - 1, max(0, int((float(height) - 150) // 10)))
        outlooks = tuple(
            SizeOutlook(label, *_fit(rank - best)) for rank, label in enumerate(labels)
        )
        return SizeAdvice(
            "advised",
            labels[best],
            (labels[best],),
            outlooks,
            "runs_small",
            (
                Because("product_runs_small", {"n": 92, "share": 31 / 92}),
                Because("kept_before", {"n": 2, "label": labels[best]}),
            ),
            next_size=_next_size(product, labels[best]),
        )


def _next_size(product: ProductSizes, label: str) -> NextSize | None:
    later = product.labels[product.labels.index(label) + 1 :]
    if product.audience != "baby" or not later:
        return None
    return NextSize(later[0], 6, dt.date(2026, 2, 16), label)


def _fit(steps: int) -> tuple[float, float, float]:
    fit = 0.8 if steps == 0 else 0.3
    small = (1 - fit) * (0.5 if steps == 0 else 0.9 if steps < 0 else 0.1)
    return small, fit, 1 - fit - small
