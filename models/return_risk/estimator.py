"""`return_risk`: will this line come back, and for which reason?

Whether it comes back is told by a mean of LightGBM boosters. Each is trained without one part of
the orders, and its predictions on that part are what the calibration is learned from: no line is
used to judge a booster that has seen it (cross-fitting; Zadrozny and Elkan, "Transforming
classifier scores into accurate multiclass probability estimates", KDD 2002, on why calibration
needs unseen lines). Which reason it will be is told by a booster of its own, trained on the lines
that came back; its shares are multiplied with the chance of a return, so that they sum to it.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
from narwhals.dependencies import is_pandas_dataframe
from scipy.special import expit

from data_contracts.lazy import pd
from features.return_risk import CLOCKS, VECTOR, VECTORS
from features.return_risk_space import OUTCOMES
from models.base import Classifier, check_is_fitted
from models.return_risk.calibration import Calibration
from models.return_risk.reasons import ReasonModel
from models.return_risk.spread import Spread
from models.vectors import HeldVectors, Trainer, Vectors, predicted, train_here
from models.vectors_on_disk import VectorParts

__all__ = ["ReturnRisk"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_FORMAT = 1
# Every moment's vector begins with that of the checkout.
_YEARS = VECTOR.index("years")
_RECORDED = [VECTOR.index("product.log_settled"), VECTOR.index("customer.log_settled")]
_FEW = 512
_LEAST_FOR_DRIFT = 2000
_DRIFT_PRIOR = 100.0
_DRIFT_WEIGHTS = (1.0, 2.0)
"""Of the last but one and the last tenth of time."""
_MOST_JUDGED = 4_000_000
"""So many of the newest lines are enough for two figures of the calibration and eight spreads."""


class ReturnRisk(Classifier):
    """Chance that a line is kept, or comes back for each reason.

    Parameters
    ----------
    moment
        ``checkout`` or ``delivered``: which columns it reads.
    n_estimators, learning_rate, num_leaves, min_child_samples
        LightGBM's.
    feature_fraction, bagging_fraction, lambda_l2
        LightGBM's.
    members
        Boosters, at least 2; each is trained without one part of as many of the orders.
    random_state
        Seed of everything random.
    num_threads
        Threads in training; 0 takes all.

    Attributes
    ----------
    classes_
        Places in :data:`features.return_risk_space.OUTCOMES`: 0 kept, then the reasons.
    columns_
        Places of the columns the boosters read.
    boosters_
        The ensemble.
    calibration_, spread_, reasons_
        What turns its scores into chances, how sure they are, and the reasons.
    """

    def __init__(
        self,
        *,
        moment: str = "checkout",
        n_estimators: int = 300,
        learning_rate: float = 0.04,
        num_leaves: int = 15,
        min_child_samples: int = 100,
        feature_fraction: float = 0.4,
        bagging_fraction: float = 0.7,
        lambda_l2: float = 20.0,
        members: int = 4,
        random_state: int = 7,
        num_threads: int = 0,
    ) -> None:
        self.moment = moment
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.num_leaves = num_leaves
        self.min_child_samples = min_child_samples
        self.feature_fraction = feature_fraction
        self.bagging_fraction = bagging_fraction
        self.lambda_l2 = lambda_l2
        self.members = members
        self.random_state = random_state
        self.num_threads = num_threads

    def fit(
        self,
        X: pd.DataFrame | Floats,
        y: npt.ArrayLike,
        *,
        groups: npt.ArrayLike | None = None,
        mature: npt.ArrayLike | None = None,
        product: npt.ArrayLike | None = None,
        customer: npt.ArrayLike | None = None,
    ) -> Self:
        """Learn from lines whose outcome is settled.

        Parameters
        ----------
        X
            Lines by ``VECTORS[moment]``.
        y
            Places in `OUTCOMES`, shape (n,).
        groups
            Codes of the orders: lines of one order share their fate and stay in one part. Each line
            on its own when left out.
        mature
            Lines so old that their outcome would be known whichever it is; others are learned from
            but not calibrated on. All when left out.
        product, customer
            Codes, for how far chances differ between products and customers of equal record.

        Raises
        ------
        ValueError
            The parameters cannot be used, or one of kept and returned is missing.
        """
        return self._learn(
            HeldVectors(self._matrix(X)),
            np.asarray(y, dtype=np.int64),
            groups=groups,
            mature=mature,
            product=product,
            customer=customer,
            train=train_here,
        )

    def fit_parts(
        self, folder: str | Path, *, train: Trainer = train_here, before: int | None = None
    ) -> Self:
        """Learn from vectors on disk, as :meth:`fit` does of the same lines in the same order.

        The boosters are trained on every line. What is held of all lines is a few columns, about
        100 bytes a line, and LightGBM's own form, a byte a column.

        Parameters
        ----------
        folder
            Parts by ``VECTORS[moment]``, see :mod:`models.vectors_on_disk`; beside ``y`` (place in
            `OUTCOMES`, negative where nothing is settled) with ``order_id``, ``product_id``,
            ``customer_id`` and ``mature``.
        train
            What trains the boosters: this process, or :class:`models.distributed.DaskTrainer`.
        before
            Learn from lines before this moment only, in microseconds.

        Raises
        ------
        ValueError
            A column is missing, or one of kept and returned is.
        """
        also = ("y", "at", "mature", "order_id", "product_id", "customer_id")
        parts = VectorParts.open(folder, self._vector(), also)
        usable = parts.column("y") >= 0
        if before is not None:
            usable &= parts.column("at") < before
        if not usable.all():
            parts = parts.where(usable)
        return self._learn(
            parts,
            parts.column("y").astype(np.int64),
            groups=parts.keys("order_id"),
            mature=parts.column("mature").astype(bool),
            product=parts.keys("product_id"),
            customer=parts.keys("customer_id"),
            train=train,
        )

    def _learn(
        self,
        rows: Vectors,
        outcome: Ints,
        *,
        groups: npt.ArrayLike | None,
        mature: npt.ArrayLike | None,
        product: npt.ArrayLike | None,
        customer: npt.ArrayLike | None,
        train: Trainer,
    ) -> Self:
        back = (outcome > 0).astype(np.float64)
        if self.members < 2:
            raise ValueError(f"members = {self.members}; calibration needs at least 2")
        if not 0 < back.sum() < len(back):
            raise ValueError("y must hold lines that were kept (0) and lines that came back (> 0)")
        rng = np.random.default_rng(self.random_state)
        part = self._parts(groups, len(back), rng)
        self.classes_ = np.arange(len(OUTCOMES))
        self.n_features_in_ = rows.width
        self.columns_ = self._telling(rows)
        seen = rows.of(self.columns_)
        years = rows.of([_YEARS]).matrix()[:, 0]
        judged = _newest(years, _MOST_JUDGED)
        self.boosters_ = []
        unseen = np.zeros(len(back))
        for member in range(self.members):
            out = part == member
            learn = ~out if 0 < back[~out].sum() < (~out).sum() else np.ones(len(out), dtype=bool)
            booster = self._boost(seen.where(learn), back[learn], member, train)
            out &= judged
            if out.any():
                unseen[out] = predicted(booster, seen.where(out), raw=True)
            self.boosters_.append(booster)
        old = np.ones(len(back), dtype=bool) if mature is None else np.asarray(mature, dtype=bool)
        old = old if 0 < back[old].sum() < old.sum() else np.ones(len(back), dtype=bool)
        since, level = self._drift(seen, back, years, old, train)
        told = old & judged if 0 < back[old & judged].sum() < (old & judged).sum() else judged
        self.calibration_ = Calibration.fit(unseen[told], back[told], since=since, level=level)
        chance = expit(self.calibration_.log_odds(unseen[judged], years[judged]))
        self.spread_ = Spread.fit(
            self._record(rows.of(_RECORDED).where(judged).matrix()),
            chance,
            back[judged],
            _codes(product, judged),
            _codes(customer, judged),
        )
        came = back > 0
        self.reasons_ = ReasonModel.fit(
            seen.where(came),
            outcome[came] - 1,
            count=len(OUTCOMES) - 1,
            params=self._settings(0),
            train=train,
        )
        return self

    def as_of_delivery(self) -> ReturnRisk:
        """The same model for vectors of the delivery, of whose further columns it reads none."""
        check_is_fitted(self, "boosters_")
        other = ReturnRisk(**{**self.get_params(), "moment": "delivered"})
        assert other._vector()[: self.n_features_in_] == self._vector()
        for name, value in vars(self).items():
            if name.endswith("_"):
                setattr(other, name, value)
        other.n_features_in_ = len(other._vector())
        return other

    def predict_proba(self, X: pd.DataFrame | Floats) -> Floats:
        """Chances by `OUTCOMES`; rows sum to one.

        Parameters
        ----------
        X
            Lines by ``VECTORS[moment]``; a data frame may have its columns in any order.
        """
        matrix = self._checked(X)
        return self.outcomes(matrix, expit(self._log_odds(matrix)))

    def outcomes(self, X: pd.DataFrame | Floats, chance: Floats) -> Floats:
        """:meth:`predict_proba` of lines whose :meth:`chance` is known already.

        Parameters
        ----------
        X
            Lines by ``VECTORS[moment]``.
        chance
            Their chance of a return, shape (n,).
        """
        shares = self.reasons_.predict(self._seen(self._checked(X)))
        return np.column_stack([1.0 - chance, chance[:, None] * shares])

    def predict(self, X: pd.DataFrame | Floats) -> Ints:
        """The likeliest outcome of each line."""
        likeliest: Ints = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return likeliest

    def chance(self, X: pd.DataFrame | Floats) -> Floats:
        """Chance of a return, whatever the reason; shape (n,)."""
        chances: Floats = expit(self._log_odds(self._checked(X)))
        return chances

    def interval(self, X: pd.DataFrame | Floats, chance: Floats) -> tuple[Floats, Floats]:
        """Where the true chance lies with 90 %, by how much is on record of product and customer.

        Parameters
        ----------
        X
            Lines by ``VECTORS[moment]``.
        chance
            Their chance of a return, shape (n,).
        """
        return self.spread_.around(chance, self._record(self._checked(X)[:, _RECORDED]))

    def save(self, folder: str | Path) -> None:
        """Write the model as JSON and LightGBM text; nothing in it is ever executed."""
        check_is_fitted(self, "boosters_")
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        for i, booster in enumerate(self.boosters_):
            booster.save_model(str(target / f"booster_{i}.txt"))
        content = {
            "format": _FORMAT,
            "model": "return_risk",
            "vector": list(self._vector()),
            "outcomes": list(OUTCOMES),
            "columns": self.columns_,
            "params": self.get_params(),
            "calibration": asdict(self.calibration_),
            "spread": asdict(self.spread_),
            "reasons": self.reasons_.save(target),
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
        if content.get("model") != "return_risk" or content.get("format") != _FORMAT:
            raise ValueError(
                f"{source} holds {content.get('model')!r} in format {content.get('format')!r}; "
                f"return_risk in format {_FORMAT} is needed"
            )
        model = cls(**content["params"])
        vector = list(model._vector())
        if content["vector"] != vector or content["outcomes"] != list(OUTCOMES):
            odd = sorted(set(content["vector"]) ^ set(vector)) or "the order of the columns"
            raise ValueError(f"{source} was trained on other features ({odd}); train it again")
        model.classes_ = np.arange(len(OUTCOMES))
        model.n_features_in_ = len(vector)
        model.columns_ = content["columns"]
        model.boosters_ = [
            lgb.Booster(model_file=str(source / f"booster_{i}.txt")) for i in range(model.members)
        ]
        model.calibration_ = Calibration(**content["calibration"])
        model.spread_ = Spread(**content["spread"])
        model.reasons_ = ReasonModel.load(source, content["reasons"])
        return model

    def _vector(self) -> tuple[str, ...]:
        if self.moment not in VECTORS:
            raise ValueError(f"moment = {self.moment!r}; it is one of {', '.join(VECTORS)}")
        return VECTORS[self.moment]

    def _telling(self, rows: Vectors) -> list[int]:
        """Columns for the boosters: none that only tells the calendar.

        Where all goods are of one category, or go to one market, their rate is the whole shop's and
        moves with its days.
        """
        vector = self._vector()
        lanes = ("category", "market")
        codes = rows.of([vector.index(name) for name in lanes]).matrix()
        one = [
            name
            for name, code in zip(lanes, codes.T, strict=True)
            if len(np.unique(np.nan_to_num(code, nan=-1.0))) < 2
        ]
        prefixes = tuple(f"{name}." for name in [*one, *(["category_market"] if one else [])])
        return [
            i
            for i, name in enumerate(vector)
            if name not in CLOCKS and not (one and name.startswith(prefixes))
        ]

    def _record(self, logs: Floats) -> Floats:
        """Settled lines on record of the product and of the customer, (n, 2)."""
        return np.expm1(np.where(np.isnan(logs), 0.0, logs))

    def _parts(self, groups: npt.ArrayLike | None, rows: int, rng: np.random.Generator) -> Ints:
        codes = np.arange(rows) if groups is None else _codes(groups)
        assert codes is not None
        part: Ints = rng.permutation(int(codes.max()) + 1) % self.members
        return part[codes]

    def _settings(self, member: int) -> dict[str, Any]:
        return {
            "learning_rate": self.learning_rate,
            "num_leaves": self.num_leaves,
            "min_child_samples": self.min_child_samples,
            "feature_fraction": self.feature_fraction,
            "bagging_fraction": self.bagging_fraction,
            "bagging_freq": 1,
            "lambda_l2": self.lambda_l2,
            "verbosity": -1,
            "deterministic": True,
            "force_row_wise": True,
            "seed": self.random_state + member,
            "num_threads": self.num_threads,
        }

    def _boost(self, X: Vectors, back: Floats, member: int, train: Trainer) -> lgb.Booster:
        names = [self._vector()[i].replace(".", "_") for i in self.columns_]
        settings = {"objective": "binary", **self._settings(member)}
        return train(X, back, [settings], rounds=self.n_estimators, names=names)[0]

    def _drift(
        self, X: Vectors, back: Floats, years: Floats, old: Bools, train: Trainer
    ) -> tuple[float | None, float]:
        """How far returns lately ran above what the past had promised, and since when it counts.

        Folds of orders cannot show it: a booster that has seen other orders of the same weeks knows
        their level. So the last two tenths of time are each predicted from what lies before them.
        """
        usable = old & np.isfinite(years)
        if usable.sum() < _LEAST_FOR_DRIFT:
            return None, 0.0
        cuts = np.quantile(years[usable], [0.8, 0.9, 1.0])
        shifts = []
        for member, (start, end) in enumerate(pairwise(cuts)):
            before = usable & (years < start)
            block = usable & (years >= start) & (years <= end)
            if not 0 < back[before].sum() < before.sum() or not block.any():
                return None, 0.0
            booster = self._boost(X.where(before), back[before], member, train)
            p = predicted(booster, X.where(block))
            surplus = float((back[block] - p).sum())
            shifts.append(surplus / (float((p * (1 - p)).sum()) + _DRIFT_PRIOR))
        return float(cuts[-1]), float(np.average(shifts, weights=_DRIFT_WEIGHTS))

    def _log_odds(self, matrix: Floats) -> Floats:
        # One thread for the few rows of a question: waking others costs more than they save.
        threads = 1 if len(matrix) < _FEW else 0
        rows = self._seen(matrix)
        total: Floats = np.zeros(len(matrix))
        for booster in self.boosters_:
            total = total + booster.predict(rows, raw_score=True, num_threads=threads)
        years = matrix[:, _YEARS]
        return self.calibration_.log_odds(total / len(self.boosters_), years)

    def _seen(self, matrix: Floats) -> Floats:
        """What the boosters read of some lines, row by row as they do."""
        return np.take(matrix, self.columns_, axis=1)

    def _checked(self, X: pd.DataFrame | Floats) -> Floats:
        check_is_fitted(self, "boosters_")
        return self._matrix(X)

    def _matrix(self, X: pd.DataFrame | Floats) -> Floats:
        vector = list(self._vector())
        if is_pandas_dataframe(X):
            missing = [name for name in vector if name not in X.columns]
            if missing:
                raise ValueError(f"X lacks the columns {missing[:5]}")
            return X[vector].to_numpy(dtype="float64")
        matrix = np.asarray(X, dtype=np.float64)
        if matrix.ndim != 2 or matrix.shape[1] != len(vector):
            raise ValueError(f"X has shape {matrix.shape}; it must have {len(vector)} columns")
        return matrix


def _codes(values: npt.ArrayLike | None, rows: Bools | None = None) -> Ints | None:
    if values is None:
        return None
    given = np.asarray(values)
    codes, _ = pd.factorize(given if rows is None else given[rows])
    return codes.astype(np.int64)


def _newest(years: Floats, most: int) -> Bools:
    """The newest lines, at most so many but for those of one moment."""
    if len(years) <= most:
        return np.ones(len(years), dtype=bool)
    last: Bools = years >= np.partition(years, -most)[-most]
    return last
