"""What each model is asked, and what it answers: one form for training and for watching."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from features import abuse, return_risk, size_fit
from features.abuse_space import AbuseSpace
from features.return_risk_space import ReturnRiskSpace
from features.size_fit_space import SizeFitSpace
from models.abuse import AbuseModel
from models.return_risk import ReturnRisk
from models.size_fit import SizeFit
from pipelines.jobs.base import Tables

__all__ = ["SUBJECTS", "Asked", "Opened", "Subject"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Objects = npt.NDArray[np.object_]


@dataclass(frozen=True)
class Asked:
    """Questions to a model, each as it was known strictly before its own moment.

    Parameters
    ----------
    names
        Columns of the vector.
    X
        Questions by `names`.
    y
        What became of each by the codes of the job; -1 while that is not matured.
    at
        Moment of each, microseconds.
    ids
        Of what was asked about: ``order_line_id``, or ``return_id`` of a claim.
    lines
        ``order_line_id``.
    place
        Row of each in `data`.
    codes
        Of columns that are codes, the name of each code.
    data
        The feature space's own.
    """

    names: tuple[str, ...]
    X: Floats = field(repr=False)
    y: Ints = field(repr=False)
    at: Ints = field(repr=False)
    ids: Objects = field(repr=False)
    lines: Objects = field(repr=False)
    place: Ints = field(repr=False)
    codes: Mapping[str, Sequence[str]] = field(repr=False)
    data: Any = field(repr=False)

    def __len__(self) -> int:
        """Number of questions."""
        return len(self.at)


@dataclass(frozen=True)
class Opened:
    """A saved model with its feature space."""

    space: Any
    model: Any


class Subject(ABC):
    """A model to watch.

    Attributes
    ----------
    unjudged
        Columns that move by themselves: those that tell the calendar, and running figures of a
        whole market, category or brand. Of these there are a few at a time, however many the lines.
    what
        What is asked about, in words.
    """

    unjudged: ClassVar[frozenset[str]] = frozenset()
    what: ClassVar[str] = "lines"

    @abstractmethod
    def asked(self, space: Any, data: Any) -> Asked:
        """The questions of a space's data, in training as later."""

    @abstractmethod
    def open(self, folder: Path) -> Opened:
        """Read a saved model and its feature space."""

    def ask(self, opened: Opened, tables: Tables) -> Asked:
        """All questions that the tables tell of."""
        return self.asked(opened.space, opened.space.data(tables))

    def predict(self, opened: Opened, X: Floats) -> Floats:
        """The model's answers, shape (n, classes)."""
        if not len(X):
            return np.empty((0, 2))
        chances: Floats = opened.model.predict_proba(X)
        return chances


def _wide(names: Sequence[str], histories: Sequence[str]) -> frozenset[str]:
    """Running figures of these histories; what compares a line with one is the line's own."""
    return frozenset(
        name
        for name in names
        if name.partition(".")[0] in histories and name.partition(".")[2] not in ("", "price_ratio")
    )


class _SizeFit(Subject):
    unjudged = _wide(size_fit.VECTOR, ("category", "brand")) | {"years"}
    what = "lines with a size"

    def asked(self, space: Any, data: Any) -> Asked:
        rows = np.flatnonzero(data.sized)
        return Asked(
            names=size_fit.VECTOR,
            X=data.X[rows],
            y=data.y[rows],
            at=data.at[rows],
            ids=data.ids[rows],
            lines=data.ids[rows],
            place=rows,
            codes=_named(space.codes_),
            data=data,
        )

    def open(self, folder: Path) -> Opened:
        return Opened(SizeFitSpace.load(folder), SizeFit.load(folder))


class _ReturnRisk(Subject):
    unjudged = return_risk.CLOCKS | _wide(
        return_risk.VECTOR,
        ("market", "category", "category_market", "size", "colour", "brand", "brand_size"),
    )

    def asked(self, space: Any, data: Any) -> Asked:
        return Asked(
            names=return_risk.VECTOR,
            X=data.X,
            y=np.where(data.mature, data.y, -1),
            at=data.at,
            ids=data.ids,
            lines=data.ids,
            place=np.arange(len(data.at)),
            codes=_named(space.codes_),
            data=data,
        )

    def open(self, folder: Path) -> Opened:
        return Opened(ReturnRiskSpace.load(folder), ReturnRisk.load(folder / "checkout"))


class _Abuse(Subject):
    what = "claims"

    def asked(self, space: Any, data: Any) -> Asked:
        del space
        return Asked(
            names=abuse.VECTOR,
            X=data.X,
            y=data.y,
            at=data.at,
            ids=data.ids,
            lines=data.order_line_id,
            place=np.arange(len(data.at)),
            codes={},
            data=data,
        )

    def open(self, folder: Path) -> Opened:
        return Opened(AbuseSpace.load(folder), AbuseModel.load(folder))


SUBJECTS: dict[str, Subject] = {
    "size_fit": _SizeFit(),
    "return_risk": _ReturnRisk(),
    "abuse": _Abuse(),
}
"""By name as registered."""


def _named(codes: Mapping[str, Mapping[str, int]]) -> dict[str, list[str]]:
    return {
        column: [value for value, _ in sorted(known.items(), key=lambda item: item[1])]
        for column, known in codes.items()
    }
