"""`return_risk` on the command line: will this line come back, and why?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from data_contracts.errors import BadInputError
from data_contracts.tables import RETURN_REASON
from features.return_risk import VECTORS
from features.return_risk_space import ReturnRiskData, ReturnRiskSpace
from models.return_risk import ReturnRisk
from pipelines.fit_return_risk import backtest_return_risk, fit_return_risk, learn
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
from pipelines.outcomes import return_outcomes
from pipelines.risk_metrics import MONEY_RULES, money_metrics, risk_metrics
from pipelines.settings_by_size import suiting_rounds

if TYPE_CHECKING:
    from optuna import Trial

__all__ = ["JOB", "PreparedRisks", "ReturnRiskJob"]


@dataclass(frozen=True)
class PreparedRisks:
    """A fold as vectors: the lines to learn from, and those to judge."""

    learn: ReturnRiskData = field(repr=False)
    X: Floats = field(repr=False)
    y: Ints = field(repr=False)
    ids: npt.NDArray[np.object_] = field(repr=False)


class ReturnRiskJob(Job):
    """See :class:`pipelines.jobs.base.Job`.

    Notes
    -----
    Judged, tuned and gated as of the checkout, the moment that shoppers are warned at.
    """

    name: ClassVar[str] = "return_risk"
    features = VECTORS["delivered"]
    outputs = ("p_return", *(f"p_reason_{reason}" for reason in RETURN_REASON))
    main: ClassVar[Mapping[str, float]] = {"auc": 1.0, "log_loss": -1.0}
    noise: ClassVar[Mapping[str, float]] = {"auc": 0.002, "log_loss": 0.002}
    labels: ClassVar[Mapping[str, str]] = {
        "lines": "lines",
        "auc": "AUC",
        "log_loss": "log loss",
        "brier": "Brier score",
        "observed_return": "came back",
        "predicted_return": "mean predicted",
        "gap_return": "|predicted - observed|",
        "reason_log_loss": "log loss of the reason",
        **{name: f"saved, of an oracle; {rule}" for name, rule in MONEY_RULES.items()},
    }
    needs = (("returns",),)
    tuned = (
        "n_estimators",
        "learning_rate",
        "num_leaves",
        "min_child_samples",
        "feature_fraction",
        "bagging_fraction",
        "lambda_l2",
    )

    def check(self, tables: Tables, hold_out: Sequence[str] = ()) -> None:
        """Refuse tables where nothing came back or nothing was kept."""
        y = self._outcomes(tables)["y"]
        y = y[~y.index.isin(set(hold_out))]
        for found, what, where in (
            ((y > 0).any(), "come back", "returns"),
            ((y == 0).any(), "been kept", "order_lines.delivered_at"),
        ):
            if not found:
                raise BadInputError(
                    f"of {len(y):,} order lines"
                    + (f" besides the {len(hold_out):,} held out" if hold_out else "")
                    + f" none is known to have {what}"
                    f"; return_risk learns from lines of both kinds, see {where}"
                )

    def settings(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Parameters of :class:`models.return_risk.ReturnRisk`."""
        return dict(ReturnRisk(**params).get_params())

    def usual_settings(self, tables: Tables) -> dict[str, Any]:
        """As many rounds as suit the size of the shop."""
        default = int(ReturnRisk().get_params()["n_estimators"])
        return {"n_estimators": suiting_rounds(len(tables["order_lines"]), default)}

    def search_space(self, trial: Trial) -> dict[str, Any]:
        """Suggest parameters of :class:`models.return_risk.ReturnRisk`."""
        return {
            "n_estimators": trial.suggest_int("n_estimators", 40, 800),
            "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.15, log=True),
            "num_leaves": trial.suggest_int("num_leaves", 7, 63, log=True),
            "min_child_samples": trial.suggest_int("min_child_samples", 20, 400, log=True),
            "feature_fraction": trial.suggest_float("feature_fraction", 0.2, 1.0),
            "bagging_fraction": trial.suggest_float("bagging_fraction", 0.5, 1.0),
            "lambda_l2": trial.suggest_float("lambda_l2", 0.01, 100.0, log=True),
        }

    def folds(self, tables: Tables, folds: int) -> list[Fold]:
        """Cut lines so old that their outcome is known whichever it is."""
        outcomes = self._outcomes(tables)
        return rolling_folds(
            tables,
            outcomes[(outcomes["y"] >= 0) & outcomes["mature"]],
            tables["order_lines"].set_index("order_line_id")["ordered_at"],
            folds=folds,
            what="order lines old enough to be known to be kept or returned",
            window_days=None,
        )

    def prepare(self, fold: Fold) -> PreparedRisks:
        """Make the vectors of a fold, as of the checkout."""
        space = ReturnRiskSpace().fit(fold.tables)
        live = space.data(fold.live)
        y = fold.outcomes["y"].reindex(live.ids).fillna(-1).to_numpy(dtype=np.int64)
        judged = y >= 0
        return PreparedRisks(space.data(fold.tables), live.X[judged], y[judged], live.ids[judged])

    def judge_fold(self, prepared: PreparedRisks, params: Mapping[str, Any]) -> Judgement:
        """Fit these settings on a fold and judge them on its lines."""
        model = learn(prepared.learn, params)
        probability = model.predict_proba(prepared.X)
        metrics = risk_metrics(prepared.y, probability)
        return Judgement(metrics, prepared.y, probability, prepared.ids)

    def limits(self, metrics: Mapping[str, float]) -> tuple[Limit, ...]:
        """Returns of all reasons together: single reasons are too rare to tell."""
        del metrics
        what = "|mean predicted - mean observed| of returns"
        return (Limit("gap_return", what, MISCALIBRATION),)

    def calibration(self, y: Ints, probability: Floats) -> dict[str, tuple[Bools, Floats]]:
        """Whether a line comes back."""
        return {"returned": (y > 0, 1.0 - probability[:, 0])}

    def fit(self, tables: Tables, params: Mapping[str, Any]) -> Fitted:
        """Train on everything, for both moments."""
        return fit_return_risk(tables, params=params)

    def backtest(
        self,
        tables: Tables,
        hold_out: Sequence[str],
        moment: Moment = "checkout",
        claims: pd.DataFrame | None = None,
    ) -> pd.DataFrame:
        """Predict held-out lines as of the order, or of the delivery with its facts."""
        del claims
        self.check(tables, hold_out)
        return backtest_return_risk(tables, hold_out, moment, self.usual_settings(tables))

    def score(self, tables: Tables, predicted: pd.DataFrame) -> Scores:
        """Judge lines so old that their outcome is known whichever it is."""
        ids = predicted["order_line_id"]
        outcomes = self._outcomes(tables).reindex(ids)
        known = (outcomes["y"].ge(0) & outcomes["mature"].eq(True)).to_numpy()
        if not known.any():
            return {}
        y = outcomes["y"].to_numpy(dtype=np.int64)[known]
        reasons = predicted[list(self.outputs[1:])].to_numpy(dtype="float64")[known]
        back = predicted["p_return"].to_numpy(dtype="float64")[known]
        lines = tables["order_lines"].set_index("order_line_id").reindex(ids)[known]
        probability = np.column_stack([1.0 - back, reasons])
        return {"known outcomes": risk_metrics(y, probability) | money_metrics(y, back, lines)}

    def load_space(self, folder: Path) -> ReturnRiskSpace:
        """Read the feature space of a saved model."""
        return ReturnRiskSpace.load(folder)

    def _outcomes(self, tables: Tables) -> pd.DataFrame:
        """What became of each line, by the return window and the slowest delivery of the shop."""
        space = ReturnRiskSpace().learn_times(tables)
        return return_outcomes(tables, space.window_days_, space.slowest_days_)


JOB = ReturnRiskJob()
