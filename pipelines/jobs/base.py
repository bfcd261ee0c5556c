"""What the command line asks of a model, whichever it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.live.filling import model_states
from features.live.fold import ModelState
from features.settings import Settings
from pipelines.folds import Fold
from pipelines.metrics import mean_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from optuna import Trial

__all__ = [
    "MISCALIBRATION",
    "Fitted",
    "Job",
    "Judgement",
    "Limit",
    "Moment",
    "Prepared",
    "Scores",
    "Space",
    "Tables",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Tables = Mapping[str, pd.DataFrame]
Moment = Literal["checkout", "delivered"]
Prepared = Any
"""A fold as vectors: the costly part of judging, done once for all settings. The job's own."""
Scores = dict[str, dict[str, float]]
"""Metrics by what was judged, in words for the reader."""

MISCALIBRATION = 0.02
"""Largest |mean predicted - mean observed| over the rolling folds that may be promoted."""


@dataclass(frozen=True)
class Judgement:
    """What a model made of a fold: its metrics, outcomes and probabilities.

    With the ids of what was judged, where the job knows them: figures are kept by group then.
    """

    metrics: dict[str, float]
    y: Ints = field(repr=False)
    probability: Floats = field(repr=False)
    ids: npt.NDArray[np.object_] = field(
        default_factory=lambda: np.empty(0, dtype=object), repr=False
    )


@dataclass(frozen=True)
class Limit:
    """A figure of the rolling folds that must not be above a limit.

    Parameters
    ----------
    metric
        Name of the figure.
    what
        In words.
    most
        The limit.
    """

    metric: str
    what: str
    most: float


class Space(Protocol):
    """A fitted feature space."""

    @property
    def fingerprint(self) -> str:
        """Tells this space from every other."""
        ...


class Fitted(ABC):
    """A model trained on everything, with its feature space."""

    @property
    @abstractmethod
    def learnt(self) -> int:
        """Number of outcomes it learned from."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write model and feature space to an existing folder."""

    def figures(self) -> dict[str, Figure]:
        """Plots of the model itself, by file name."""
        return {}

    def notes(self) -> list[str]:
        """What was learned of the shop beside the model, a line each."""
        return []


class Job(ABC):
    """Everything `muslin train`, `backtest`, `promote` and `materialize` ask of one model.

    Attributes
    ----------
    name
        As registered, such as ``size_fit``.
    features
        Columns of the vector, in order.
    outputs
        What the model answers with, for the registered signature.
    main
        Figures a challenger must not be worse in: 1 where more is better, -1 where less is. The
        first is also held against what the champion reached on its own folds.
    noise
        A difference of each `main` figure on the same folds that is no difference.
    drift
        How far the first `main` figure may lie behind the champion's on other folds.
    labels
        Words for the metrics that are shown, in order.
    needs
        Tables without which nothing can be learned: of each group one.
    tuned
        Settings the search space draws.
    not_judged
        Settings that make no difference to the figures of the folds.
    may_be_unjudged
        Whether it may be trained where too few outcomes are known for a single fold.

    Notes
    -----
    Every ``judge`` gives ``log_loss`` and ``lines``: settings are tuned on the log loss, a proper
    score, mean over the lines of all folds.
    """

    name: ClassVar[str]
    features: ClassVar[tuple[str, ...]]
    outputs: ClassVar[tuple[str, ...]]
    main: ClassVar[Mapping[str, float]]
    noise: ClassVar[Mapping[str, float]] = {}
    drift: ClassVar[float] = 0.02
    labels: ClassVar[Mapping[str, str]]
    needs: ClassVar[tuple[tuple[str, ...], ...]] = ()
    tuned: ClassVar[tuple[str, ...]] = ()
    not_judged: ClassVar[frozenset[str]] = frozenset({"num_threads"})
    may_be_unjudged: ClassVar[bool] = False

    @property
    def command(self) -> str:
        """The model's name on the command line."""
        return self.name.replace("_", "-")

    def enrich(self, tables: Tables, settings: Settings) -> tuple[Tables, str | None]:
        """Add to the tables what the service itself has recorded; say in a sentence what that was.

        Most models learn from the shop's tables alone.
        """
        del settings
        return tables, None

    @abstractmethod
    def check(self, tables: Tables, hold_out: Sequence[str] = ()) -> None:
        """Make sure that there is something to learn besides the held-out lines.

        Raises
        ------
        BadInputError
            There is not.
        """

    @abstractmethod
    def settings(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """All parameters of the estimator, where these are given."""

    @abstractmethod
    def usual_settings(self, tables: Tables) -> dict[str, Any]:
        """Parameters that suit these tables, where none were tuned."""

    @abstractmethod
    def search_space(self, trial: Trial) -> dict[str, Any]:
        """Suggest parameters."""

    @abstractmethod
    def folds(self, tables: Tables, folds: int) -> list[Fold]:
        """Cut the last outcomes into rolling folds, the latest last.

        Raises
        ------
        BadInputError
            Too few outcomes.
        """

    @abstractmethod
    def prepare(self, fold: Fold) -> Prepared:
        """Fit the feature space on what was known when the fold began, and make the vectors.

        Raises
        ------
        BadInputError
            There is nothing to learn or nothing to judge.
        """

    @abstractmethod
    def judge_fold(self, prepared: Prepared, params: Mapping[str, Any]) -> Judgement:
        """Fit these settings on a fold and judge them on its lines."""

    def judge(
        self, folds: Sequence[Prepared], params: Mapping[str, Any] | None = None
    ) -> Iterator[Judgement]:
        """Fit these settings on each fold in turn and judge them on its lines."""
        for fold in folds:
            yield self.judge_fold(fold, params or {})

    def pooled(self, folds: Sequence[dict[str, float]]) -> dict[str, float]:
        """Put the metrics of all folds together."""
        return mean_of(list(folds))

    @abstractmethod
    def limits(self, metrics: Mapping[str, float]) -> tuple[Limit, ...]:
        """What calibration a version with these figures must keep to."""

    @abstractmethod
    def calibration(self, y: Ints, probability: Floats) -> dict[str, tuple[Bools, Floats]]:
        """Outcomes and probabilities of each thing that is predicted, for the calibration plot."""

    @abstractmethod
    def fit(self, tables: Tables, params: Mapping[str, Any]) -> Fitted:
        """Train on everything."""

    @abstractmethod
    def backtest(
        self,
        tables: Tables,
        hold_out: Sequence[str],
        moment: Moment = "checkout",
        claims: pd.DataFrame | None = None,
    ) -> pd.DataFrame:
        """Train without the outcomes of the held-out lines, then predict each of them.

        Parameters
        ----------
        tables
            Validated contract tables.
        hold_out
            Ids of the lines.
        moment
            Predict as of ``ordered_at`` or, where delivery facts count, as of ``delivered_at``.
        claims
            Rows of the contract ``returns``, for a model that judges claims; others ignore it.

        Returns
        -------
        DataFrame
            ``order_line_id`` in the order of `hold_out`, and what was predicted.

        Raises
        ------
        BadInputError
            Nothing is left to learn from.
        """

    @abstractmethod
    def score(self, tables: Tables, predicted: pd.DataFrame) -> Scores:
        """Judge a back-test where the data tells what became of the line; empty where nowhere."""

    def told(self, predicted: pd.DataFrame) -> str:
        """One line on what a back-test predicted."""
        return f"{len(predicted):,} lines predicted"

    @abstractmethod
    def load_space(self, folder: Path) -> Space:
        """Read the feature space of a saved model."""

    def kept(self, space: Any) -> ModelState:
        """What the service must know of every key."""
        return model_states({self.name: space})[0]
