"""`size_fit`: small, fit or large for a person, a product and a size, and the advice from it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from narwhals.dependencies import is_pandas_dataframe

from data_contracts.lazy import pd
from features.size_fit import BASKET, CODED, VECTOR
from models.base import Classifier, check_is_fitted
from models.size_fit.booster import BoosterEnsemble
from models.size_fit.coverage import ConformalSets, size_set
from models.size_fit.curve import Curves, join_curves, likely_choices, probit
from models.size_fit.decision import decide
from models.size_fit.level import apply_level, learn_level
from models.size_fit.ordinal import ORDINAL_COLUMNS, PLACED, OrdinalFit
from models.size_fit.parts import open_parts
from models.size_fit.rows import Decision, SizeRows
from models.vectors import HeldVectors, Trainer, Vectors, train_here

__all__ = ["Decision", "SizeFit", "SizeRows"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_ORDINAL = np.array([VECTOR.index(name) for name in ORDINAL_COLUMNS])
# What only serves the ordinal model, repeats another column, or tells the calendar: a date learned
# is a date of the past.
_UNBOOSTED = {
    "years",
    "step_cm",
    "scale_mean",
    "scale_sd",
    "person.level_sum",
    "person_scale.fair_sum",
    "recent_orders",
    "recent_fair",
    "grown_position",
    "person_scale.orders",
    "category.log_told",
}
_COLUMNS = tuple(name for name in VECTOR if name not in _UNBOOSTED)
_BOOSTED = np.array([VECTOR.index(name) for name in _COLUMNS])
_CODED = [_COLUMNS.index(name) for name in CODED]
_BASKET = [_COLUMNS.index(name) for name in (*BASKET, "from_basket", "basket_from_usual")]
_GAP, _HISTORY = VECTOR.index("gap"), VECTOR.index("person.orders")
_COVERED = np.array([VECTOR.index("audience"), VECTOR.index("market")])
_CHART = VECTOR.index("chart_sd")
_HELD_BACK, _ENOUGH_LINES = 0.15, 3000
_FORMAT = 2


class SizeFit(Classifier):
    """Fit of a chosen size, and advice on all sizes.

    Two numbers are asked of one model. What will be said of the size the shopper ordered
    (:meth:`predict_proba`) is an ensemble of LightGBM boosters on top of the ordinal model. How a
    size would fit if it were ours to choose (:meth:`curves`) is the ordinal model's, joined with
    the boosters; see :mod:`models.size_fit.curve`.

    Parameters
    ----------
    n_estimators, learning_rate, num_leaves, min_child_samples
        LightGBM's.
    feature_fraction, bagging_fraction, lambda_l2
        LightGBM's.
    members
        Boosters in the ensemble.
    coverage
        Share of lines whose fitting size the size set must hold.
    random_state
        Seed of everything random.
    num_threads
        Threads in training; 0 takes all.

    Attributes
    ----------
    classes_
        0 too small, 1 fit, 2 too large.
    ordinal_, boosters_
        The two models.
    lean_
        Mean difference of the two for small and large on the probit scale.
    level_
        See :mod:`models.size_fit.level`.
    sets_
        Conformal thresholds.
    resolution_
        Mean absolute calibration error of the chance of fitting on lines held back in time.
    usual_
        Shares of small and large over the training data.
    """

    def __init__(
        self,
        *,
        n_estimators: int = 240,
        learning_rate: float = 0.05,
        num_leaves: int = 24,
        min_child_samples: int = 300,
        feature_fraction: float = 0.4,
        bagging_fraction: float = 0.7,
        lambda_l2: float = 20.0,
        members: int = 2,
        coverage: float = 0.9,
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
        self.coverage = coverage
        self.random_state = random_state
        self.num_threads = num_threads

    def fit(
        self,
        X: pd.DataFrame | Floats,
        y: npt.ArrayLike,
        *,
        told: npt.ArrayLike | None = None,
        at: npt.ArrayLike | None = None,
        candidates: SizeRows | None = None,
    ) -> Self:
        """Train.

        Parameters
        ----------
        X
            Lines by :data:`features.size_fit.VECTOR`; a data frame may have its columns in any
            order.
        y
            0 too small, 1 fit, 2 too large.
        told
            Whether somebody said so; all, when omitted.
        at
            When each line was ordered; the order of the rows, when omitted.
        candidates
            All sizes of the newest lines (`line` counts rows of `X`), on which the coverage of the
            size sets is set. Without them a size set holds every size.

        Raises
        ------
        ValueError
            When a column is missing, or a class of the outcome is.
        """
        outcome = np.asarray(y, dtype=np.int64)
        said = np.ones(len(outcome), dtype=bool) if told is None else np.asarray(told, dtype=bool)
        when = np.arange(len(outcome)) if at is None else np.asarray(at)
        return self._learn(HeldVectors(_matrix(X)), outcome, said, when, candidates, train_here)

    def fit_parts(
        self, folder: str | Path, *, train: Trainer = train_here, before: int | None = None
    ) -> Self:
        """Learn from vectors on disk, as :meth:`fit` does of the same lines in the same order.

        The boosters are trained on every line. What is held of all lines is a few columns, about
        40 bytes a line, and LightGBM's own form, a byte a column.

        Parameters
        ----------
        folder
            Parts by :data:`features.size_fit.VECTOR`, and the sizes of the newest lines in
            ``candidates``; see :mod:`models.size_fit.parts`.
        train
            What trains the boosters: this process, or :class:`models.distributed.DaskTrainer`.
        before
            Learn from lines before this moment only, in microseconds, and without the candidates,
            which are of later ones.

        Raises
        ------
        ValueError
            A column is missing, or a class of the outcome is.
        """
        lines = open_parts(folder, before)
        return self._learn(lines.rows, lines.y, lines.told, lines.at, lines.candidates, train)

    def _learn(
        self,
        rows: Vectors,
        outcome: Ints,
        said: npt.NDArray[np.bool_],
        when: Any,
        candidates: SizeRows | None,
        train: Trainer,
    ) -> Self:
        missing = sorted({0, 1, 2} - set(np.unique(outcome).tolist()))
        if missing or not set(np.unique(outcome)) <= {0, 1, 2}:
            raise ValueError(
                "y must hold 0 (small), 1 (fit) and 2 (large), each at least once; "
                f"missing {missing}, found {np.unique(outcome).tolist()}"
            )
        self.classes_ = np.array([0, 1, 2])
        self.n_features_in_ = rows.width
        shares = outcome[said] if said.any() else outcome
        self.usual_ = np.array([(shares == 0).mean(), (shares == 2).mean()])
        self.sets_ = ConformalSets(self.coverage)
        self.resolution_ = 0.0
        self.level_ = level = np.zeros(3)
        newest = _newest(when, candidates)
        if len(newest):
            level = self._calibrate(rows, outcome, said, when, newest, candidates, train)
        self.ordinal_ = self._ordinal(rows, outcome, said)
        self.boosters_ = self._boost(rows, outcome, self.members, train)
        self.lean_ = self._lean(rows, self.boosters_)
        self.level_ = level
        return self

    def _calibrate(
        self,
        X: Vectors,
        y: Ints,
        said: npt.NDArray[np.bool_],
        when: Any,
        newest: Ints,
        candidates: SizeRows | None,
        train: Trainer,
    ) -> Floats:
        """Set level and size sets and measure the calibration on lines after those trained on."""
        older = when < when[newest].min()
        if older.sum() < len(newest) or len(np.unique(y[older])) < 3:
            return np.zeros(3)
        past = X.where(older)
        self.ordinal_ = self._ordinal(past, y[older], said[older])
        boosters = self._boost(past, y[older], 1, train)
        self.lean_ = self._lean(past, boosters)
        rows = newest[y[newest] >= 0]
        held_back = np.zeros(len(y), dtype=bool)
        held_back[rows] = True
        expected = np.concatenate(
            [self._observed(block, boosters) for block in X.where(held_back).blocks()]
        )
        self.resolution_ = _calibration_error(expected[:, 1], y[rows] == 1)
        level = learn_level(expected, y[rows])
        if candidates is None or not len(candidates.line):
            return level
        starts = _starts(candidates.line)
        curves = self._curves(candidates.X, starts, boosters)
        best = np.maximum.reduceat(curves.fit[:, 1], starts)
        question = np.cumsum(np.isin(np.arange(len(candidates.line)), starts)) - 1
        fitted = candidates.chosen & (y[candidates.line] == 1) & np.isfinite(best[question])
        scores = curves.fit[fitted, 1] / best[question[fitted]]
        self.sets_.fit(scores, _groups(candidates.X[fitted]), said[candidates.line[fitted]])
        return level

    def _ordinal(self, X: Vectors, y: Ints, said: npt.NDArray[np.bool_]) -> OrdinalFit:
        own = X.of(_ORDINAL.tolist())
        placed = own.of(PLACED).matrix()
        drawn, quiet = OrdinalFit.drawn(placed, y, said, seed=self.random_state)
        return OrdinalFit().fit_drawn(own.take(drawn), y[drawn], quiet)

    def _boost(self, X: Vectors, y: Ints, members: int, train: Trainer) -> BoosterEnsemble:
        return BoosterEnsemble.fit(
            X,
            y,
            view=_Seen(self.ordinal_, self.random_state),
            names=[*_COLUMNS, "ordinal.small", "ordinal.large"],
            coded=_CODED,
            params={
                "learning_rate": self.learning_rate,
                "num_leaves": self.num_leaves,
                # A leaf of 300 lines is a fine grain in a large shop, and all of a small one.
                "min_child_samples": min(self.min_child_samples, max(20, len(X) // 500)),
                "feature_fraction": self.feature_fraction,
                "bagging_fraction": self.bagging_fraction,
                "bagging_freq": 1,
                "lambda_l2": self.lambda_l2,
                "cat_smooth": 50.0,
                "min_data_per_group": 100,
                "num_threads": self.num_threads,
            },
            rounds=self.n_estimators,
            members=members,
            seed=self.random_state,
            train=train,
        )

    def _lean(self, X: Vectors, boosters: BoosterEnsemble) -> Floats:
        rows = np.random.default_rng(self.random_state).permutation(len(X))[:20_000]
        lines = X.take(rows)
        chosen = self.ordinal_.outlook(lines.take(_ORDINAL, axis=1)).chosen
        seen = self._observed(lines, boosters)
        known = np.isfinite(chosen).all(axis=1)
        if not known.any():
            return np.zeros(2)
        lean: Floats = (probit(seen[known][:, ::2]) - probit(chosen[known][:, ::2])).mean(axis=0)
        return lean

    def _observed(self, X: Floats, boosters: BoosterEnsemble) -> Floats:
        chosen = self.ordinal_.outlook(X.take(_ORDINAL, axis=1)).chosen
        seen = boosters.predict(_boosted(X, chosen))
        return apply_level(seen, self.level_)

    def predict_proba(self, X: pd.DataFrame | Floats) -> Floats:
        """What will be said of the size each line was ordered in.

        Returns
        -------
        ndarray
            Rows by (small, fit, large).
        """
        check_is_fitted(self, "boosters_")
        return self._observed(_matrix(X), self.boosters_)

    def predict(self, X: pd.DataFrame | Floats) -> Ints:
        """The likeliest outcome of each line."""
        likeliest: Ints = self.classes_[np.argmax(self.predict_proba(X), axis=1)]
        return likeliest

    def curves(self, X: pd.DataFrame | Floats, starts: Ints) -> Curves:
        """How each size would fit.

        Parameters
        ----------
        X
            Candidates by `VECTOR`, the sizes of a question together and smallest first.
        starts
            First row of every question.
        """
        check_is_fitted(self, "boosters_")
        return self._curves(_matrix(X), np.asarray(starts, dtype=np.int64), self.boosters_)

    def _curves(self, X: Floats, starts: Ints, boosters: BoosterEnsemble) -> Curves:
        outlook = self.ordinal_.outlook(X.take(_ORDINAL, axis=1))
        taste = likely_choices(outlook, starts)
        # A taste that is unknown stays in, and makes the curve unknown.
        (likely,) = (taste != 0.0).nonzero()
        seen = np.zeros((len(X), 3))
        seen[likely] = boosters.predict(
            _boosted(X.take(likely, axis=0), outlook.chosen.take(likely, axis=0))
        )
        return join_curves(outlook, taste, seen, starts, self.lean_)

    def advise(self, candidates: SizeRows) -> list[Decision]:
        """Advice on every line of the candidates, in order of first appearance."""
        check_is_fitted(self, "boosters_")
        if not len(candidates.line):
            return []
        starts = _starts(candidates.line)
        curves = self._curves(candidates.X, starts, self.boosters_)
        groups = _groups(candidates.X.take(starts, axis=0))
        bounds = [*starts.tolist(), len(candidates.line)]
        return [
            self._decide(
                line,
                tuple(map(str, candidates.label[start:end].tolist())),
                curves.fit[start:end],
                own_fit,
                self.sets_.threshold(codes),
            )
            for line, start, end, own_fit, codes in zip(
                candidates.line[starts].tolist(),
                bounds[:-1],
                bounds[1:],
                curves.own_fit.tolist(),
                groups.tolist(),
                strict=True,
            )
        ]

    def _decide(
        self, line: int, labels: tuple[str, ...], fit: Floats, own_fit: float, threshold: float
    ) -> Decision:
        verdict = decide(fit, own_fit, self.resolution_)
        known = np.isfinite(fit).all()
        inside = size_set(fit[:, 1], threshold) if known else np.ones(len(fit), bool)
        return Decision(line, labels, fit, verdict, inside, own_fit)

    def save(self, folder: str | Path) -> None:
        """Write the model as JSON and LightGBM text; nothing in it is ever executed."""
        check_is_fitted(self, "boosters_")
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        self.boosters_.save(target)
        content = {
            "format": _FORMAT,
            "model": "size_fit",
            "vector": list(VECTOR),
            "params": self.get_params(),
            "ordinal": self.ordinal_.parameters_,
            "lean": self.lean_.tolist(),
            "level": self.level_.tolist(),
            "usual": self.usual_.tolist(),
            "resolution": self.resolution_,
            "sets": {"overall": self.sets_.overall_, "effects": self.sets_.effects_},
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
        if content.get("model") != "size_fit" or content.get("format") != _FORMAT:
            raise ValueError(
                f"{source} holds {content.get('model')!r} in format {content.get('format')!r}; "
                f"size_fit in format {_FORMAT} is needed"
            )
        if content["vector"] != list(VECTOR):
            odd = sorted(set(content["vector"]) ^ set(VECTOR)) or "the order of the columns"
            raise ValueError(f"{source} was trained on other features ({odd}); train it again")
        model = cls(**content["params"])
        model.classes_ = np.array([0, 1, 2])
        model.n_features_in_ = len(VECTOR)
        model.ordinal_ = OrdinalFit.from_parameters(content["ordinal"])
        model.boosters_ = BoosterEnsemble.load(source, model.members)
        model.lean_ = np.array(content["lean"])
        model.level_ = np.array(content["level"])
        model.usual_ = np.array(content["usual"])
        model.resolution_ = content["resolution"]
        model.sets_ = ConformalSets(
            model.coverage,
            content["sets"]["overall"],
            [{int(k): v for k, v in each.items()} for each in content["sets"]["effects"]],
        )
        return model


@dataclass(frozen=True)
class _Seen:
    """What the boosters learn from a line; a :data:`models.vectors.View`."""

    ordinal: OrdinalFit
    seed: int

    def __call__(self, block: Floats, first: int) -> Floats:
        chosen = self.ordinal.outlook(block.take(_ORDINAL, axis=1)).chosen
        seen = _boosted(block, chosen)
        # A quarter of the lines is learned without its basket: questions of the API have none.
        # One draw a line, so that a block begins where its first line's draw is.
        draws = np.random.PCG64(self.seed)
        draws.advance(first)
        alone = np.random.Generator(draws).random(len(seen)) < 0.25
        seen[np.ix_(np.flatnonzero(alone), np.array(_BASKET))] = np.nan
        return seen


def _boosted(X: Floats, chosen: Floats) -> Floats:
    """What the boosters see of rows: their columns, and what the ordinal model says of them."""
    seen = np.empty((len(X), len(_BOOSTED) + 2))
    seen[:, :-2] = X.take(_BOOSTED, axis=1)
    seen[:, -2:] = chosen[:, ::2]
    return seen


def _matrix(X: pd.DataFrame | Floats) -> Floats:
    if is_pandas_dataframe(X):
        lacking = [name for name in VECTOR if name not in X]
        if lacking:
            raise ValueError(f"X lacks {len(lacking)} columns of the vector: {lacking[:5]}")
        return X[list(VECTOR)].to_numpy(dtype="float64")
    if X.ndim != 2 or X.shape[1] != len(VECTOR):
        raise ValueError(f"X must have {len(VECTOR)} columns, not {X.shape}")
    return np.asarray(X, dtype="float64")


def _newest(when: npt.NDArray[Any], candidates: SizeRows | None) -> Ints:
    """Lines held back to see how a model of the older ones does; none of a small shop."""
    if candidates is not None and len(candidates.line):
        return np.unique(candidates.line)
    if len(when) < _ENOUGH_LINES:
        return np.zeros(0, dtype=np.int64)
    return np.flatnonzero(when >= np.quantile(when, 1 - _HELD_BACK))


def _starts(line: Ints) -> Ints:
    first = np.ones(len(line), dtype=bool)
    first[1:] = line[1:] != line[:-1]
    return np.flatnonzero(first)


def _groups(X: Floats) -> Ints:
    """The groups in which size sets shall cover alike; see :mod:`models.size_fit.coverage`.

    What is known of the person (1 the body, 2 orders, 3 both), audience, market, the first two
    together, and whether the chart is an estimate.
    """
    known = np.isfinite(X[:, _GAP]) + 2 * (X[:, _HISTORY] > 0)
    codes = X.take(_COVERED, axis=1)
    audience, market = np.where(np.isnan(codes), -1.0, codes).astype(np.int64).T
    both = np.where(audience < 0, -1, 4 * audience + known)
    groups: Ints = np.array([known, audience, market, both, X[:, _CHART] > 0]).T
    return groups


def _calibration_error(predicted: Floats, happened: npt.NDArray[np.bool_], bins: int = 10) -> float:
    """Mean absolute difference of predicted and observed share over bins of equal count."""
    order = np.argsort(predicted, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    errors = [abs(predicted[part].mean() - happened[part].mean()) * len(part) for part in parts]
    return float(sum(errors) / len(predicted))
