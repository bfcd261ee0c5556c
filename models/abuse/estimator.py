"""`abuse`: how likely a claim abuses the returns policy.

Two parts are blended into one score. The anomaly part needs no decision of anybody: it adds up how
surprising each signal would be of an honest buyer. The supervised part, LightGBM whose trees may
only rise with every surprise, learns from decisions which of it turned out to be abuse. The more
abuse has been found, the more the second counts.

Decisions are few and not made at random. For ranking, a claim nobody judged is read as honest,
unless its group of accounts has been found abusing: then it teaches nothing. For calibration that
would be too low, since most abuse is never judged. With Elkan and Noto (Learning classifiers from
only positive and unlabeled data, KDD 2008) the share of abuse that gets judged is estimated by the
mean score of the claims found, and unjudged claims count as abuse in the share that follows. It
assumes that abuse of every kind is equally likely to be judged. It is not: the score is a chance as
far as the shop's own decisions can tell it, and exact as an order only.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Self

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
from narwhals.dependencies import is_pandas_dataframe
from scipy.special import expit

from data_contracts.lazy import pd
from features.abuse import SIGNALS, SURPRISES, VECTOR
from models.base import Classifier, check_is_fitted

__all__ = ["AbuseModel"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_COUNT_ONCE = ("returns_above_peers", "recent_returns", "value_above_peers")
"""They look at the same returns: the strongest of them counts."""
_APART = [VECTOR.index(f"{code}.surprise") for code in SIGNALS if code not in _COUNT_ONCE]
_ONCE = [VECTOR.index(f"{code}.surprise") for code in _COUNT_ONCE]
_OF_CLAIM = (
    "claim.value",
    "claim.size",
    "claim.fault",
    "claim.mood",
    "claim.lost",
    "claim.window_share",
    "claim.repeat",
    "claim.changed",
    "claim.age",
    "claim.alike",
    "claim.line_expected",
    "claim.order_claimed",
    "claim.bracket_claimed",
    "claim.worn",
    "claim.swapped",
)
_COLUMNS = (*SURPRISES, *_OF_CLAIM)
_BOOSTED = [VECTOR.index(name) for name in _COLUMNS]
_RISING = {*SURPRISES, "claim.worn", "claim.swapped"}
_ANOMALY_SLOPE = 1.0
_FOLDS = 4
_LEAST_FOUND = 5
_FORMAT = 1


class AbuseModel(Classifier):
    """Chance that a claim is abuse, from decisions where there are any.

    Parameters
    ----------
    n_estimators, learning_rate, num_leaves, min_child_samples
        LightGBM's.
    feature_fraction, bagging_fraction, lambda_l2
        LightGBM's.
    members
        Boosters in the ensemble; they differ in their seed only.
    surprise_cap
        One signal adds no more than this to the anomaly.
    half_trust
        So many claims found to be abuse give both parts the same weight.
    prevalence
        Share of claims taken for abuse while fewer than five have been found.
    random_state
        Seed of everything random.
    num_threads
        Threads in training; 0 takes all.

    Attributes
    ----------
    classes_
        0 legitimate, 1 abuse.
    boosters_
        The supervised part; empty without decisions.
    trust_
        Its weight in the blend.
    anomaly_scale_, booster_scale_
        Mean and standard deviation of the two parts over the training data.
    slope_, intercept_
        Of the calibration, in log-odds.
    found_
        Claims found to be abuse, and found legitimate, that it has learned from.
    """

    def __init__(
        self,
        *,
        n_estimators: int = 60,
        learning_rate: float = 0.08,
        num_leaves: int = 6,
        min_child_samples: int = 20,
        feature_fraction: float = 0.5,
        bagging_fraction: float = 0.8,
        lambda_l2: float = 10.0,
        members: int = 3,
        surprise_cap: float = 4.0,
        half_trust: float = 30.0,
        prevalence: float = 0.02,
        random_state: int = 0,
        num_threads: int = 0,
    ) -> None:
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.num_leaves = num_leaves
        self.min_child_samples = min_child_samples
        self.feature_fraction = feature_fraction
        self.bagging_fraction = bagging_fraction
        self.lambda_l2 = lambda_l2
        self.members = members
        self.surprise_cap = surprise_cap
        self.half_trust = half_trust
        self.prevalence = prevalence
        self.random_state = random_state
        self.num_threads = num_threads

    def fit(
        self,
        X: pd.DataFrame | Floats,
        y: npt.ArrayLike,
        *,
        groups: npt.ArrayLike | None = None,
        sample_weight: npt.ArrayLike | None = None,
    ) -> Self:
        """Train.

        Parameters
        ----------
        X
            All claims by :data:`features.abuse.VECTOR`, judged or not; a data frame may have its
            columns in any order.
        y
            0 legitimate, 1 abuse, -1 where nobody decided.
        groups
            Who claims: calibration looks at claims of groups that were not trained on. Each claim
            is its own, when omitted.
        sample_weight
            Weight of each claim, such as one half where it is told twice.

        Raises
        ------
        ValueError
            When there is no claim, a column is missing, or `y` holds another code.
        """
        matrix = _matrix(X)
        said = np.asarray(y, dtype=np.int64)
        if not len(matrix):
            raise ValueError("X holds no claim; abuse needs returns to compare with each other")
        if not set(np.unique(said).tolist()) <= {-1, 0, 1}:
            raise ValueError(
                "y must hold 0 (legitimate), 1 (abuse) and -1 (nobody decided); "
                f"found {np.unique(said).tolist()}"
            )
        who = np.arange(len(said)) if groups is None else pd.factorize(np.asarray(groups))[0]
        weight = np.ones(len(said)) if sample_weight is None else np.asarray(sample_weight, float)
        self.classes_ = np.array([0, 1])
        self.n_features_in_ = matrix.shape[1]
        self.found_ = [float(weight[said == 1].sum()), float(weight[said == 0].sum())]
        anomaly = self._anomaly(matrix)
        self.anomaly_scale_ = _scale(anomaly)
        self.boosters_: list[lgb.Booster] = []
        self.booster_scale_ = [0.0, 1.0]
        self.trust_ = 0.0
        if self.found_[0] < _LEAST_FOUND:
            score = _scaled(anomaly, self.anomaly_scale_)
            self.slope_ = _ANOMALY_SLOPE
            self.intercept_ = _intercept(score, weight, self.prevalence)
            return self
        self.trust_ = self.found_[0] / (self.found_[0] + self.half_trust)
        teaches = (said >= 0) | ~np.isin(who, np.unique(who[said == 1]))
        blended = self._apart(matrix, said, who, weight, teaches)
        self._calibrate(blended, said, weight, teaches)
        self.boosters_ = self._boost(matrix[teaches], said[teaches], weight[teaches])
        self.booster_scale_ = _scale(_raw(self.boosters_, matrix))
        return self

    def _anomaly(self, X: Floats) -> Floats:
        surprise = np.clip(np.nan_to_num(X), 0.0, self.surprise_cap)
        total: Floats = surprise[:, _APART].sum(axis=1) + surprise[:, _ONCE].max(axis=1)
        return total

    def _boost(self, X: Floats, said: Ints, weight: Floats) -> list[lgb.Booster]:
        data = lgb.Dataset(
            X[:, _BOOSTED],
            (said == 1).astype(np.float64),
            weight=weight,
            feature_name=[name.replace(".", "_") for name in _COLUMNS],
            free_raw_data=False,
        )
        settings: dict[str, Any] = {
            "objective": "binary",
            "verbosity": -1,
            "deterministic": True,
            "force_row_wise": True,
            "num_leaves": self.num_leaves,
            "learning_rate": self.learning_rate,
            "min_child_samples": self.min_child_samples,
            "feature_fraction": self.feature_fraction,
            "bagging_fraction": self.bagging_fraction,
            "bagging_freq": 1,
            "lambda_l2": self.lambda_l2,
            "num_threads": self.num_threads,
            # More of a signal never makes a claim look better.
            "monotone_constraints": [int(name in _RISING) for name in _COLUMNS],
            "monotone_constraints_method": "intermediate",
        }
        return [
            lgb.train({**settings, "seed": self.random_state + i}, data, self.n_estimators)
            for i in range(self.members)
        ]

    def _apart(
        self, X: Floats, said: Ints, who: Ints, weight: Floats, teaches: npt.NDArray[np.bool_]
    ) -> Floats:
        """The blend for every claim, its group not among those the boosters learned from."""
        fold = np.random.default_rng(self.random_state).integers(0, _FOLDS, who.max() + 1)[who]
        raw = np.zeros(len(X))
        for k in range(_FOLDS):
            inside, rest = fold == k, (fold != k) & teaches
            if not inside.any():
                continue
            boosters = self._boost(X[rest], said[rest], weight[rest])
            raw[inside] = _scaled(_raw(boosters, X[inside]), _scale(_raw(boosters, X[rest])))
        return self._blend(self._anomaly(X), raw)

    def _blend(self, anomaly: Floats, raw: Floats) -> Floats:
        scaled = _scaled(anomaly, self.anomaly_scale_)
        return self.trust_ * raw + (1 - self.trust_) * scaled

    def _calibrate(
        self, blended: Floats, said: Ints, weight: Floats, teaches: npt.NDArray[np.bool_]
    ) -> None:
        """Fit the log-odds of abuse; see the module for what unjudged claims count as."""
        found = said == 1
        slope, intercept = _logistic(blended[teaches], found[teaches], weight[teaches])
        told = expit(intercept + slope * blended)
        judged_share = float(np.average(told[found], weights=weight[found]))
        hidden = (1 - judged_share) / judged_share * told / (1 - told)
        target = np.where(said >= 0, found, np.clip(hidden, 0.0, 1.0))
        slope, intercept = _logistic(
            np.tile(blended, 2),
            np.repeat([True, False], len(blended)),
            np.concatenate([weight * target, weight * (1 - target)]),
        )
        self.slope_, self.intercept_ = max(slope, 0.1), intercept

    def predict_proba(self, X: pd.DataFrame | Floats) -> Floats:
        """Chance of each class.

        Returns
        -------
        ndarray
            Rows by (legitimate, abuse).
        """
        check_is_fitted(self, "boosters_")
        matrix = _matrix(X)
        raw = np.zeros(len(matrix))
        if self.boosters_:
            raw = _scaled(_raw(self.boosters_, matrix), self.booster_scale_)
        blended = self._blend(self._anomaly(matrix), raw)
        chance = expit(self.intercept_ + self.slope_ * blended)
        return np.column_stack([1 - chance, chance])

    def predict(self, X: pd.DataFrame | Floats) -> Ints:
        """The likelier class of each claim."""
        likelier: Ints = self.classes_[np.argmax(self.predict_proba(X), axis=1)]
        return likelier

    def save(self, folder: str | Path) -> None:
        """Write the model as JSON and LightGBM text; nothing in it is ever executed."""
        check_is_fitted(self, "boosters_")
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        for i, booster in enumerate(self.boosters_):
            booster.save_model(str(target / f"booster_{i}.txt"))
        content = {
            "format": _FORMAT,
            "model": "abuse",
            "vector": list(VECTOR),
            "signals": list(SIGNALS),
            "params": self.get_params(),
            "boosters": len(self.boosters_),
            "trust": self.trust_,
            "anomaly_scale": self.anomaly_scale_,
            "booster_scale": self.booster_scale_,
            "slope": self.slope_,
            "intercept": self.intercept_,
            "found": self.found_,
        }
        (target / "model.json").write_text(json.dumps(content, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a saved model.

        Raises
        ------
        ValueError
            When the folder holds another model, or one made for other features than this code's.
        """
        source = Path(folder)
        content = json.loads((source / "model.json").read_text(encoding="utf-8"))
        if content.get("model") != "abuse" or content.get("format") != _FORMAT:
            raise ValueError(
                f"{source} holds {content.get('model')!r} in format {content.get('format')!r}; "
                f"abuse in format {_FORMAT} is needed"
            )
        if content["vector"] != list(VECTOR):
            odd = sorted(set(content["vector"]) ^ set(VECTOR)) or "the order of the columns"
            raise ValueError(f"{source} was trained on other features ({odd}); train it again")
        model = cls(**content["params"])
        model.classes_ = np.array([0, 1])
        model.n_features_in_ = len(VECTOR)
        model.boosters_ = [
            lgb.Booster(model_file=str(source / f"booster_{i}.txt"))
            for i in range(content["boosters"])
        ]
        model.trust_ = content["trust"]
        model.anomaly_scale_ = content["anomaly_scale"]
        model.booster_scale_ = content["booster_scale"]
        model.slope_ = content["slope"]
        model.intercept_ = content["intercept"]
        model.found_ = content["found"]
        return model


def _matrix(X: pd.DataFrame | Floats) -> Floats:
    if is_pandas_dataframe(X):
        lacking = [name for name in VECTOR if name not in X]
        if lacking:
            raise ValueError(f"X lacks {len(lacking)} columns of the vector: {lacking[:5]}")
        return X[list(VECTOR)].to_numpy(dtype="float64")
    if X.ndim != 2 or X.shape[1] != len(VECTOR):
        raise ValueError(f"X must have {len(VECTOR)} columns, not {X.shape}")
    return np.asarray(X, dtype="float64")


def _raw(boosters: list[lgb.Booster], X: Floats) -> Floats:
    """Mean log-odds of the boosters; one thread, for a question is few rows."""
    seen = X[:, _BOOSTED]
    threads = 1 if len(seen) < 512 else 0
    total = np.zeros(len(seen))
    for booster in boosters:
        total += booster.predict(seen, raw_score=True, num_threads=threads)
    return total / len(boosters)


def _scale(values: Floats) -> list[float]:
    return [float(values.mean()), max(float(values.std()), 1e-6)]


def _scaled(values: Floats, scale: list[float]) -> Floats:
    return (values - scale[0]) / scale[1]


def _logistic(score: Floats, target: npt.NDArray[np.bool_], weight: Floats) -> tuple[float, float]:
    # What only answers does without: it takes a third of a second to import.
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    fitted = LogisticRegression(C=1.0).fit(score[:, None], target, sample_weight=weight)
    return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])


def _intercept(score: Floats, weight: Floats, share: float) -> float:
    """The intercept at which the mean chance is `share`."""
    from scipy.optimize import brentq  # noqa: PLC0415 - only training

    def off(intercept: float) -> float:
        chance = expit(intercept + _ANOMALY_SLOPE * score)
        return float(np.average(chance, weights=weight)) - share

    return float(brentq(off, -60.0, 60.0))
