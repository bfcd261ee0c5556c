"""`abuse` on the command line: is this claim honest?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from data_contracts.errors import BadInputError
from features.abuse import VECTOR
from features.abuse_space import AbuseData, AbuseSpace
from features.audit import SqliteAudit
from features.settings import Settings
from models.abuse import AbuseModel
from pipelines.abuse_metrics import abuse_metrics, pooled, standard_error
from pipelines.audit_cli import audit_told
from pipelines.fit_abuse import backtest_abuse, fit_abuse, learn
from pipelines.folds import Fold, rolling_folds
from pipelines.jobs.base import (
    MISCALIBRATION,
    Bools,
    Fitted,
    Floats,
    Ints,
    Job,
    Judgement,
    Limit,
    Moment,
    Scores,
    Tables,
)
from pipelines.outcomes import abuse_decisions
from pipelines.reviewed import with_reviewed

if TYPE_CHECKING:
    from optuna import Trial

__all__ = ["JOB", "AbuseJob", "PreparedClaims"]

_SHARE, _MOST_JUDGED = 0.2, 0.6
_FEWEST = 8


@dataclass(frozen=True)
class PreparedClaims:
    """A fold as vectors: the claims to learn from, and those made in the fold."""

    learn: AbuseData = field(repr=False)
    at: Ints = field(repr=False)
    X: Floats = field(repr=False)
    y: Ints = field(repr=False)
    ids: npt.NDArray[np.object_] = field(repr=False)


@dataclass(frozen=True)
class FittedAbuse(Fitted):
    """Feature space, model, and the claims it learned from."""

    space: AbuseSpace
    model: AbuseModel
    data: AbuseData = field(repr=False)

    @property
    def learnt(self) -> int:
        """Number of decisions it learned from."""
        return int((self.data.y >= 0).sum())

    def save(self, folder: Path) -> None:
        """Write model and feature space to an existing folder."""
        self.model.save(folder)
        self.space.save(folder)


class AbuseJob(Job):
    """See :class:`pipelines.jobs.base.Job`.

    Notes
    -----
    It learns from claims without any decision too, so a shop where nobody has judged a claim can
    have it: then there is nothing to judge it by, and the gate has nothing to hold against it.
    """

    name: ClassVar[str] = "abuse"
    features = VECTOR
    outputs = ("abuse_score",)
    main: ClassVar[Mapping[str, float]] = {"average_precision": 1.0, "log_loss": -1.0}
    # Of some dozens of judged claims: two seeds differ by as much.
    noise: ClassVar[Mapping[str, float]] = {"average_precision": 0.03, "log_loss": 0.03}
    drift = 0.15
    labels: ClassVar[Mapping[str, str]] = {
        "lines": "judged claims",
        "average_precision": "average precision",
        "auc": "AUC",
        "log_loss": "log loss",
        "observed_judged": "abuse among judged claims",
        "predicted_judged": "mean score of judged claims",
        "claims": "all claims",
        "observed_found": "found to be abuse, of all claims",
        "predicted_all": "mean score of all claims",
    }
    needs = (("returns",),)
    tuned = (
        "n_estimators",
        "learning_rate",
        "num_leaves",
        "min_child_samples",
        "lambda_l2",
        "surprise_cap",
        "half_trust",
    )
    may_be_unjudged = True

    def enrich(self, tables: Tables, settings: Settings) -> tuple[Tables, str | None]:
        """Add what reviewers decided."""
        if not Path(settings.audit_url).exists():
            return tables, None
        with audit_told(), SqliteAudit(settings.audit_url, readonly=True) as audit:
            return with_reviewed(tables, audit)

    def check(self, tables: Tables, hold_out: Sequence[str] = ()) -> None:
        """Refuse tables without claims."""
        returns = tables.get("returns")
        if returns is None or returns["order_line_id"].isin(set(hold_out)).all():
            raise BadInputError(
                "abuse learns from claims, and the table returns has none"
                + (f" besides those of the {len(hold_out):,} lines held out" if hold_out else "")
            )

    def settings(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Parameters of :class:`models.abuse.AbuseModel`."""
        return dict(AbuseModel(**params).get_params())

    def usual_settings(self, tables: Tables) -> dict[str, Any]:
        """The estimator's own: its trust in decisions grows with their number by itself."""
        del tables
        return {}

    def search_space(self, trial: Trial) -> dict[str, Any]:
        """Suggest parameters of :class:`models.abuse.AbuseModel`."""
        return {
            "n_estimators": trial.suggest_int("n_estimators", 20, 200),
            "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.2, log=True),
            "num_leaves": trial.suggest_int("num_leaves", 3, 16, log=True),
            "min_child_samples": trial.suggest_int("min_child_samples", 5, 80, log=True),
            "lambda_l2": trial.suggest_float("lambda_l2", 0.1, 100.0, log=True),
            "surprise_cap": trial.suggest_float("surprise_cap", 2.0, 8.0),
            "half_trust": trial.suggest_float("half_trust", 5.0, 200.0, log=True),
        }

    def folds(self, tables: Tables, folds: int) -> list[Fold]:
        """Cut claims that a person or a bank has decided on, by the moment they were made."""
        decided = abuse_decisions(tables)
        return rolling_folds(
            tables,
            decided,
            decided["requested_at"],
            folds=folds,
            share=min(_SHARE, _MOST_JUDGED / folds),
            fewest=_FEWEST,
            what="judged claims",
            window_days=None,
        )

    def prepare(self, fold: Fold) -> PreparedClaims:
        """Make the vectors of a fold.

        Learned from are all claims made when the fold began, with the decisions made by then. The
        claims of the fold are seen as they were made, before any inspection.
        """
        self.check(fold.tables)
        space = AbuseSpace().fit(fold.tables)
        live = space.data(fold.live)
        start = fold.start.value // 1000
        now = live.at >= start
        y = fold.outcomes["y"].reindex(live.ids[now]).fillna(-1).to_numpy(dtype=np.int64)
        return PreparedClaims(space.data(fold.tables), live.at[now], live.X[now], y, live.ids[now])

    def judge_fold(self, prepared: PreparedClaims, params: Mapping[str, Any]) -> Judgement:
        """Fit these settings on a fold and judge them on its judged claims."""
        model = learn(prepared.learn, params)
        score = model.predict_proba(prepared.X)
        judged = prepared.y >= 0
        y = prepared.y[judged]
        metrics = abuse_metrics(y, score[judged, 1], score[:, 1])
        return Judgement(metrics, y, score[judged], prepared.ids[judged])

    def pooled(self, folds: Sequence[dict[str, float]]) -> dict[str, float]:
        """Mean over the folds, and how far it lies outside what decisions allow."""
        return pooled(folds)

    def limits(self, metrics: Mapping[str, float]) -> tuple[Limit, ...]:
        """The two bounds that decisions set, each with two standard errors of its few cases."""
        if not metrics.get("lines"):
            return ()
        judged = standard_error(metrics.get("observed_judged", 0.0), metrics["lines"])
        found = standard_error(metrics.get("observed_found", 0.0), metrics.get("claims", 0.0))
        return (
            Limit(
                "overstated",
                "more abuse expected of judged claims than there was",
                MISCALIBRATION + 2 * judged,
            ),
            Limit(
                "understated",
                "less abuse expected of all claims than was found",
                MISCALIBRATION + 2 * found,
            ),
        )

    def calibration(self, y: Ints, probability: Floats) -> dict[str, tuple[Bools, Floats]]:
        """Abuse among judged claims, which look worse than others."""
        return {"abuse, of judged claims": (y == 1, probability[:, 1])}

    def fit(self, tables: Tables, params: Mapping[str, Any]) -> FittedAbuse:
        """Train on everything."""
        return FittedAbuse(*fit_abuse(tables, params=params))

    def backtest(
        self,
        tables: Tables,
        hold_out: Sequence[str],
        moment: Moment = "checkout",
        claims: pd.DataFrame | None = None,
    ) -> pd.DataFrame:
        """Score claims on held-out lines, as they were made; other lines as if they were claimed.

        A claim is made after delivery, so both moments give the same.
        """
        del moment
        self.check(tables, hold_out)
        return backtest_abuse(tables, hold_out, claims, self.usual_settings(tables))

    def score(self, tables: Tables, predicted: pd.DataFrame) -> Scores:
        """Judge lines with a judged claim; of several the worst counts."""
        decided = abuse_decisions(tables)
        lines = tables["returns"].set_index("return_id")["order_line_id"].reindex(decided.index)
        worst = decided["y"].groupby(lines.to_numpy()).max()
        y = worst.reindex(predicted["order_line_id"])
        known = y.notna().to_numpy()
        if not known.any():
            return {}
        score = predicted["abuse_score"].to_numpy(dtype="float64")[known]
        return {"judged claims": abuse_metrics(y[known].to_numpy(dtype=np.int64), score)}

    def load_space(self, folder: Path) -> AbuseSpace:
        """Read the feature space of a saved model."""
        return AbuseSpace.load(folder)


JOB = AbuseJob()
