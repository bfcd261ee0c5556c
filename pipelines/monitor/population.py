"""The training fingerprint: what a model was asked and how good it was when it was trained.

It is written beside the model as ``population.json`` and holds counts and shares only: no row of
any person, no bin and no group of fewer than twenty rows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from pipelines.monitor.bins import Bins
from pipelines.monitor.figures import Estimate, Figures

__all__ = ["FILE", "FeaturePrint", "GroupAdvice", "Population"]

Ints = npt.NDArray[np.int64]
Key = tuple[str, str]

FILE = "population.json"
_FORMAT = 1


@dataclass(frozen=True)
class FeaturePrint:
    """One feature over the newest quarter of the training.

    Parameters
    ----------
    bins
        Its bins.
    counts
        Rows in each, missing ones last.
    usual
        How far the feature moves by itself: the excess stability index of this quarter against the
        one before or, if that is more, the mean one of a fourth of the quarter against the rest.
        Shares of a whole market, of which there are few at a time, wander far within a quarter.
    """

    bins: Bins
    counts: Ints = field(repr=False)
    usual: float


@dataclass(frozen=True)
class GroupAdvice:
    """Share of lines with a recommendation, and of fitting sizes inside the size set."""

    lines: int
    advised: Estimate
    fitted: int = 0
    covered: Estimate | None = None


@dataclass(frozen=True)
class Population:
    """See the module.

    Parameters
    ----------
    model
        Its name as registered.
    first, last
        Moments of the first and last question it was trained on, microseconds.
    rows, customers
        Of the newest quarter, which the features are counted over.
    features
        By name.
    figures
        Out of fold: by target, then by (dimension, group).
    advice
        By (dimension, group); empty for other models than `size_fit`.
    statuses
        Share of each status of the advice.
    coverage
        What size sets promise.
    scores
        Share of claims with at least each score of :data:`pipelines.monitor.honesty.GRID`: of all,
        and of honest heavy returners; empty for other models than `abuse`.
    """

    model: str
    first: int
    last: int
    rows: int
    customers: int
    features: Mapping[str, FeaturePrint] = field(repr=False)
    figures: Mapping[str, Mapping[Key, Figures]] = field(repr=False)
    advice: Mapping[Key, GroupAdvice] = field(default_factory=dict, repr=False)
    statuses: Mapping[str, float] = field(default_factory=dict)
    coverage: float | None = None
    scores: Mapping[str, Sequence[float]] = field(default_factory=dict, repr=False)

    def save(self, folder: Path) -> None:
        """Write ``population.json``."""
        content = {
            "format": _FORMAT,
            "model": self.model,
            "first": self.first,
            "last": self.last,
            "rows": self.rows,
            "customers": self.customers,
            "features": {
                name: {**each.bins.to_json(), "counts": each.counts.tolist(), "usual": each.usual}
                for name, each in self.features.items()
            },
            "figures": [
                {"target": target, "dimension": key[0], "group": key[1], **each.to_json()}
                for target, groups in self.figures.items()
                for key, each in groups.items()
            ],
            "advice": [
                {"dimension": key[0], "group": key[1], "lines": each.lines, "advised": _se(each)}
                for key, each in self.advice.items()
            ],
            "statuses": dict(self.statuses),
            "coverage": self.coverage,
            "scores": {name: list(shares) for name, shares in self.scores.items()},
        }
        (folder / FILE).write_text(json.dumps(content), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """The inverse of :meth:`save`; None where there is no such file, or one of another form."""
        if not (folder / FILE).is_file():
            return None
        content = json.loads((folder / FILE).read_text(encoding="utf-8"))
        if content.get("format") != _FORMAT:
            return None
        figures: dict[str, dict[Key, Figures]] = {}
        for each in content["figures"]:
            target, dimension, group = (each.pop(name) for name in ("target", "dimension", "group"))
            figures.setdefault(target, {})[dimension, group] = Figures.from_json(each)
        return cls(
            model=content["model"],
            first=content["first"],
            last=content["last"],
            rows=content["rows"],
            customers=content["customers"],
            features={
                name: FeaturePrint(
                    Bins.from_json(each), np.array(each["counts"], dtype=np.int64), each["usual"]
                )
                for name, each in content["features"].items()
            },
            figures=figures,
            advice={
                (each["dimension"], each["group"]): GroupAdvice(
                    each["lines"], Estimate(**each["advised"])
                )
                for each in content["advice"]
            },
            statuses=content["statuses"],
            coverage=content["coverage"],
            scores=content["scores"],
        )


def _se(each: GroupAdvice) -> dict[str, float]:
    return {"value": each.advised.value, "se": each.advised.se}
