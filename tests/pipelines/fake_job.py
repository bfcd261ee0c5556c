"""A model so plain that its right answers are known: it predicts the share of returns so far."""

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd

from data_contracts.errors import BadInputError
from features.live.fold import ModelState
from pipelines.folds import rolling_folds
from pipelines.jobs.base import Fitted, Job, Judgement, Limit


@dataclass(frozen=True)
class Share:
    """Space and model in one."""

    mean: float

    @property
    def fingerprint(self):
        return f"share {self.mean:.6f}"


@dataclass(frozen=True)
class FittedShare(Fitted):
    share: Share
    lines: int

    @property
    def learnt(self):
        return self.lines

    def save(self, folder: Path) -> None:
        (folder / "share.json").write_text(json.dumps(self.share.mean))


class ShareJob(Job):
    """Parameter `add` is added to the share of lines that came back."""

    features = ("nothing",)
    outputs = ("p_return",)
    main: ClassVar = {"log_loss": -1.0}
    labels: ClassVar = {"lines": "lines", "log_loss": "log loss"}
    needs = (("returns",),)
    tuned = ("add",)

    def __init__(self, name="share", add=0.0):
        self.name = name
        self.add = add
        self.judged = []

    def check(self, tables, hold_out=()):
        if tables["returns"].empty:
            raise BadInputError("nothing came back")

    def settings(self, params):
        return {"add": self.add} | dict(params)

    def usual_settings(self, tables):
        return {"add": self.add}

    def search_space(self, trial):
        return {"add": trial.suggest_float("add", -0.1, 0.1)}

    def outcomes(self, tables):
        lines = tables["order_lines"]
        back = lines["order_line_id"].isin(tables["returns"]["order_line_id"])
        return pd.DataFrame({"y": back.to_numpy()}, index=pd.Index(lines["order_line_id"]))

    def folds(self, tables, folds):
        asked = tables["order_lines"].set_index("order_line_id")["ordered_at"]
        return rolling_folds(tables, self.outcomes(tables), asked, folds=folds, window_days=None)

    def prepare(self, fold):
        return self.outcomes(fold.tables)["y"].mean(), fold.outcomes["y"].to_numpy(dtype=np.int64)

    def judge_fold(self, prepared, params):
        self.judged.append(params["add"])
        mean, y = prepared
        p = np.full(len(y), np.clip(mean + params["add"], 0.01, 0.99))
        loss = -np.where(y, np.log(p), np.log(1 - p)).mean()
        return Judgement({"lines": float(len(y)), "log_loss": float(loss)}, y, p[:, None])

    def limits(self, metrics):
        return (Limit("log_loss", "log loss", 1.0),)

    def calibration(self, y, probability):
        return {"returned": (y == 1, probability[:, 0])}

    def fit(self, tables, params):
        outcomes = self.outcomes(tables)
        return FittedShare(Share(outcomes["y"].mean() + params["add"]), len(outcomes))

    def backtest(self, tables, hold_out, moment="checkout", claims=None):
        rest = tables["order_lines"][~tables["order_lines"]["order_line_id"].isin(hold_out)]
        share = self.fit({**tables, "order_lines": rest}, {"add": self.add}).share.mean
        return pd.DataFrame({"order_line_id": hold_out, "p_return": share})

    def score(self, tables, predicted):
        return {}

    def load_space(self, folder):
        return Share(json.loads((folder / "share.json").read_text()))

    def kept(self, space):
        return ModelState(partial(self.items, space))

    def items(self, space, tables, window):
        yield f"{self.name}\x1fmean", json.dumps(space.mean).encode()


def shop(lines=400, seed=1, back=0.3):
    """Tables with as many lines, of which a share comes back."""
    rng = np.random.default_rng(seed)
    ids = [f"L{i}" for i in range(lines)]
    at = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(np.arange(lines), unit="h")
    order_lines = pd.DataFrame(
        {"order_line_id": ids, "product_id": "P", "ordered_at": at, "delivered_at": at}
    )
    came = order_lines[rng.random(lines) < back]
    returns = pd.DataFrame(
        {
            "order_line_id": came["order_line_id"].to_numpy(),
            "requested_at": came["ordered_at"].to_numpy(),
        }
    )
    returns["requested_at"] = pd.to_datetime(returns["requested_at"], utc=True)
    return {"order_lines": order_lines, "returns": returns}
