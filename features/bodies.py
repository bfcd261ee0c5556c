"""Natural size from the body: which size do people of this body choose?

For every scale (see :mod:`features.positions`) the body figures and the position of the chosen size
are taken as jointly normal. The natural size of a person is then the conditional mean of the
position given whatever figures are known, and its spread says how much they tell: one who gives
height and weight has a wider spread than one who gives chest and waist. Before anybody has ordered
on a scale, surveys of bodies and the shop's size charts say which size a body needs
(:mod:`features.geometry`); choices then move and narrow it. Figures that cannot be those of one
body are kept and distrusted (:mod:`features.plausibility`). Only choices enter, never outcomes, but
for two things that rest on what was kept: :attr:`NaturalSize.bias_`, which is told to people and
enters no prediction, and the positions of estimated charts
(:meth:`features.positions.SizeScales.learn_moves`). Of held-out lines neither reads the outcome.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from data_contracts.lazy import pd
from features.anthropometry import LOG_KG, age_height
from features.geometry import UNNAMED, ScaleGeometry, parent_scale, prior_moments
from features.moments import FEWEST, blended_moments, definite, pair_moments
from features.plausibility import Judge, judge_of, kind_of, shape
from features.self_report import told_bias

__all__ = [
    "BODY_COLUMNS",
    "UNNAMED",
    "NaturalSize",
    "body_matrix",
    "cup_index",
]

Floats = npt.NDArray[np.float64]
Moments = tuple[Floats, Floats]
Told = tuple[bool, ...]

BODY_COLUMNS = (
    "height_cm",
    "weight_kg",
    "chest_cm",
    "waist_cm",
    "hip_cm",
    "foot_length_cm",
    "cup_index",
    "age_years",
)
_CUPS = {"aa": 0.0, "a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0, "dd": 5.0, "e": 5.0, "f": 6.0, "g": 7.0}
_OUTLIER = 5.0  # median absolute errors; 3.4 standard deviations of a normal
_FAR = 4.0  # standard deviations of what the charts lead to expect
_RIDGE = 0.02
_AGE = BODY_COLUMNS.index("age_years")
_SELDOM = 0.1
_LEAST_SPREAD = 0.1  # variance of a part of a scale, of what its charts lead to expect
_PRIOR_LINES, _PARENT_LINES = 40.0, 100.0  # as many lines as charts, and as a whole scale, count


def cup_index(cup: object) -> float:
    """Place of a cup letter in its order (AA = 0, A = 1, ...); NaN where unknown."""
    if not isinstance(cup, str):
        return np.nan
    letter = cup.strip().lower()
    if letter[:1] in {"h", "i", "j", "k"}:
        return 7.0 + ord(letter[0]) - ord("g")
    return _CUPS.get(letter, np.nan)


def body_matrix(people: pd.DataFrame) -> Floats:
    """Body figures as one matrix, rows of people by `BODY_COLUMNS`; NaN where unknown."""
    columns = []
    for name in BODY_COLUMNS:
        known = name in people
        column = people[name] if known else pd.Series(np.nan, index=people.index)
        if name == "cup_index" and not known:
            column = people["cup"].map({c: cup_index(c) for c in people["cup"].dropna().unique()})
        columns.append(column.astype("float64").to_numpy())
    return np.column_stack(columns)


@dataclass
class NaturalSize:
    """Joint normal of body figures and chosen position, per scale.

    Attributes
    ----------
    scales_
        Per scale: ``mean`` and ``covariance`` over the body columns and, last, the position.
    bias_
        Per scale and figure: what people tell of themselves less the body that the sizes they keep
        are cut for, in cm and kg; see :mod:`features.self_report`.
    """

    scales_: dict[str, Moments] = field(default_factory=dict)
    bias_: dict[str, dict[str, float]] = field(default_factory=dict)
    _plain: dict[tuple[str, Told], tuple[list[float], float, float]] = field(default_factory=dict)
    _weights: dict[tuple[str, bytes], tuple[Floats, float, float]] = field(default_factory=dict)
    _judges: dict[str, Judge] = field(default_factory=dict)

    def fit(
        self,
        body: Floats,
        scale: npt.NDArray[Any],
        position: Floats,
        *,
        geometry: Mapping[str, ScaleGeometry] | None = None,
        kept: npt.NDArray[np.bool_] | None = None,
    ) -> NaturalSize:
        """Learn from choices.

        Parameters
        ----------
        body
            Lines by body columns, NaN where unknown.
        scale
            The scale of each line's product, None where unsized. A sub-scale such as
            ``women|girth/bottom`` is learned from its own lines, shrunk to the whole one before the
            stroke, which learns from the lines of all its parts.
        position
            Of the chosen size, in steps.
        geometry
            Lines from body to position of the scales whose charts say them; see
            :func:`features.geometry.chart_geometry`. They count as 40 lines, so that a scale with
            few orders or none has a natural size. Scales without need 40 lines of their own.
        kept
            Which lines were kept as fitting, of those whose outcome may be looked at; read for
            `bias_` alone, which takes every line for kept where this is None.
        """
        self.scales_, self.bias_ = {}, {}
        self._weights, self._plain, self._judges = {}, {}, {}
        charts = dict(geometry or {})
        shaped = self._believed(shape(body), scale)
        names = {s for s in scale if isinstance(s, str)} | set(charts)
        names |= {name + UNNAMED for name in charts if kind_of(name) == "child"}
        parents = {name: parent_scale(name) for name in names}
        whole = {name if parent is None else parent for name, parent in parents.items()}
        wholes = pd.Series(scale, dtype=object).map(parents).to_numpy(dtype=object)
        for name in sorted(whole):
            rows = ((scale == name) | (wholes == name)) & np.isfinite(position)
            chart = charts.get(name.removesuffix(UNNAMED))
            prior = None if chart is None else prior_moments(name, chart)
            self._learn(name, shaped[rows], position[rows], prior, _PRIOR_LINES)
            if chart is not None and chart.wear_days is None and not name.endswith(UNNAMED):
                fitting = rows if kept is None else rows & kept
                bias = told_bias(name, chart, body[fitting], position[fitting])
                if bias:
                    self.bias_[name] = bias
        for name in sorted(names - whole):
            rows = (scale == name) & np.isfinite(position)
            prior = self._of_parent(name, parents[name], charts)
            self._learn(name, shaped[rows], position[rows], prior, _PARENT_LINES)
        return self

    def _learn(
        self, name: str, shaped: Floats, position: Floats, prior: Moments | None, lines: float
    ) -> None:
        if prior is None and len(position) < FEWEST:
            return
        joint = np.column_stack([shaped, position])

        def learned(rows: npt.NDArray[np.bool_]) -> Moments:
            if prior is None:
                return pair_moments(joint[rows])
            return blended_moments(joint[rows], prior, lines)

        everyone = np.ones(len(joint), dtype=bool)
        few = prior is not None and len(position) < FEWEST
        self.scales_[name] = prior if few and prior is not None else learned(everyone)
        if len(position) and (few or not name.endswith(UNNAMED)):
            # Some orders are for somebody else; the natural size is that of the wearer.
            mean, spread = self._conditionals(name, shaped)
            off = position - mean
            if few:  # all of them may lie off what was expected
                near = np.abs(off - np.median(off)) <= _FAR * spread
            else:
                near = np.abs(off) <= _OUTLIER * np.median(np.abs(off))
            self.scales_[name] = learned(near)
        self._weights = {key: each for key, each in self._weights.items() if key[0] != name}

    def _of_parent(
        self, name: str, parent: str | None, charts: Mapping[str, ScaleGeometry]
    ) -> Moments | None:
        """What the whole scale says of a part: its people, and its lines weighed as they bind."""
        if parent not in self.scales_:
            chart = charts.get(name.removesuffix(UNNAMED))
            return None if chart is None else prior_moments(name, chart)
        mean, covariance = self.scales_[parent]
        own, of_all = (charts.get(n.removesuffix(UNNAMED)) for n in (name, parent))
        if own is None or of_all is None:
            return mean, covariance
        # What binds differs; how people choose against the charts does not.
        told = prior_moments(name, own, body=(mean[:-1], covariance[:-1, :-1]))
        plain = prior_moments(parent, of_all, body=(mean[:-1], covariance[:-1, :-1]))
        if told is None or plain is None:
            return mean, covariance
        moved = covariance + (told[1] - plain[1])
        # The sum of a learned and two expected covariances need not be one.
        moved[-1, -1] = max(moved[-1, -1], _LEAST_SPREAD * told[1][-1, -1])
        return told[0] + (mean - plain[0]), definite(moved)

    def predict(self, body: Floats, scale: npt.NDArray[Any]) -> tuple[Floats, Floats]:
        """Natural position and its standard deviation, in steps; NaN where the scale is unknown.

        With no body figure at all the mean of the scale is returned, with its whole spread. Where
        the figures cannot be those of one body, each is left out in turn, and the answers weighed
        by how well the others go together: the spread is wide where they differ.
        """
        mean = np.full(len(body), np.nan)
        spread = np.full(len(body), np.nan)
        shaped = shape(body)
        known = np.isfinite(shaped)
        for name, rows in self._groups(known, scale):
            here = known[rows[0]]
            weights, constant, deviation = self._conditional(name, here)
            mean[rows] = shaped[np.ix_(rows, here)] @ weights + constant
            spread[rows] = deviation
            surveyed = _judge(name)
            if surveyed is None:
                continue
            belief = surveyed.weights(shaped[rows], here)
            for row in rows[belief < 1.0]:
                mean[row], spread[row] = self._doubted(
                    name, shaped[row].tolist(), tuple(here.tolist())
                )
        return mean, spread

    def predict_one(self, body: Sequence[float], scale: str | None) -> tuple[float, float]:
        """:meth:`predict` for one body, in plain numbers: a service has no batch to spread cost on.

        Parameters
        ----------
        body
            Figures by `BODY_COLUMNS`, NaN where unknown.
        scale
            The scale by which it is read.
        """
        name = None if scale is None else self._found(scale)
        if name is None:
            return math.nan, math.nan
        shaped = list(body)
        if not math.isnan(shaped[1]):
            shaped[1] = math.log(shaped[1]) * LOG_KG
        if not math.isnan(shaped[7]):
            shaped[7] = age_height(shaped[7])
        known = tuple([figure == figure for figure in shaped])  # noqa: PLR0124 (NaN is not itself)
        surveyed = _judge(name)
        if surveyed is not None and surveyed.weight_one(shaped, known) < 1.0:
            return self._doubted(name, shaped, known)
        return self._plainly(name, shaped, known)

    def of_scale(self, scale: npt.NDArray[Any]) -> tuple[Floats, Floats]:
        """Mean and standard deviation of all choices on each scale; NaN where it is unknown."""
        names = pd.Series(scale, dtype=object)
        known: dict[str, tuple[float, float]] = {}
        for asked in names.dropna().unique():
            name = self._found(asked)
            if name is not None:
                mean, covariance = self.scales_[name]
                known[asked] = (float(mean[-1]), math.sqrt(covariance[-1, -1]))
        pairs: list[Any] = [names.map({n: v[i] for n, v in known.items()}) for i in (0, 1)]
        return pairs[0].to_numpy(dtype="float64"), pairs[1].to_numpy(dtype="float64")

    def spread_of(self, known: Sequence[bool], scale: str | None) -> float:
        """Standard deviation left, in steps, once these body columns are known and believed.

        What a further figure would narrow is known before it is told: under a joint normal the
        spread depends on which figures are known, not on what they are. NaN on unknown scales.
        """
        name = None if scale is None else self._found(scale)
        if name is None:
            return math.nan
        return self._conditional(name, np.array(known, dtype=bool))[2]

    def _found(self, scale: str) -> str | None:
        """The scale, or the whole one it is a part of; None where neither is known."""
        if scale in self.scales_:
            return scale
        parent = parent_scale(scale)
        return parent if parent in self.scales_ else None

    def _believed(self, shaped: Floats, scale: npt.NDArray[Any]) -> Floats:
        """The figures without those of bodies that are not believed."""
        belief = np.ones(len(shaped))
        known = np.isfinite(shaped)
        for name, rows in self._groups(known, scale, every=True):
            judge = _judge(name)
            if judge is not None:
                belief[rows] = judge.weights(shaped[rows], known[rows[0]])
        doubted = pd.Series(belief < 1.0)
        # Where many are doubted the surveys are not of these people.
        seldom = doubted.groupby(pd.Series(scale, dtype=object)).transform("mean") <= _SELDOM
        believed = shaped.copy()
        believed[(doubted & seldom).to_numpy()] = np.nan
        return believed

    def _groups(
        self, known: npt.NDArray[np.bool_], scale: npt.NDArray[Any], *, every: bool = False
    ) -> list[tuple[str, npt.NDArray[np.int64]]]:
        """Rows of one scale that know the same figures, with the name it is found under."""
        pattern = known @ (1 << np.arange(known.shape[1]))
        codes, names = pd.factorize(pd.Series(scale, dtype=object))
        found = [name if every else self._found(name) for name in names]
        group = codes.astype(np.int64) * (1 << known.shape[1]) + pattern
        order = np.argsort(group, kind="stable")
        starts = np.flatnonzero(np.r_[True, np.diff(group[order]) != 0])
        groups = []
        for rows in np.split(order, starts[1:]):
            if len(rows) and codes[rows[0]] >= 0:
                name = found[codes[rows[0]]]
                if name is not None:
                    groups.append((name, rows))
        return groups

    def _conditionals(self, name: str, shaped: Floats) -> tuple[Floats, Floats]:
        """:meth:`predict` of shaped figures on one known scale, all believed."""
        mean, spread = np.empty(len(shaped)), np.empty(len(shaped))
        known = np.isfinite(shaped)
        for _, rows in self._groups(known, np.full(len(shaped), name, dtype=object), every=True):
            here = known[rows[0]]
            weights, constant, deviation = self._conditional(name, here)
            mean[rows] = shaped[np.ix_(rows, here)] @ weights + constant
            spread[rows] = deviation
        return mean, spread

    def _plainly(self, name: str, shaped: Sequence[float], known: Told) -> tuple[float, float]:
        key = (name, known)
        if key not in self._plain:
            weights, constant, deviation = self._conditional(name, np.array(known))
            self._plain[key] = (weights.tolist(), constant, deviation)
        plain, constant, deviation = self._plain[key]
        figures = itertools.compress(shaped, known)
        mean: float = sum(map(operator.mul, plain, figures), constant)
        return mean, deviation

    def _doubted(self, name: str, shaped: Sequence[float], known: Told) -> tuple[float, float]:
        """The answer to a body that surveys do not believe.

        The shop's own people may be of another build, or tell otherwise than the surveyed: what is
        usual among them is believed. Else the answer is a mixture of that to all figures and of
        those that leave one out.
        """
        surveyed, own = _judge(name), self._own_judge(name)
        assert surveyed is not None
        belief = surveyed.weight_one(shaped, known)
        judge = surveyed
        if own.knows(known):
            judge, belief = own, max(belief, own.weight_one(shaped, known))
        answers = [(belief, *self._plainly(name, shaped, known))]
        for column, share in judge.without_one(shaped, known) if belief < 1.0 else ():
            others = tuple(here and i != column for i, here in enumerate(known))
            answers.append(((1.0 - belief) * share, *self._plainly(name, shaped, others)))
        mean = sum(share * each for share, each, _ in answers)
        variance = sum(share * (sd**2 + (each - mean) ** 2) for share, each, sd in answers)
        return float(mean), math.sqrt(variance)

    def _own_judge(self, name: str) -> Judge:
        """The judge of bodies as the people of the scale tell them."""
        if name not in self._judges:
            mean, covariance = self.scales_[name]
            child = kind_of(name) == "child"
            self._judges[name] = Judge(mean[:-1], covariance[:-1, :-1], child=child)
        return self._judges[name]

    def _conditional(self, scale: str, known: npt.NDArray[np.bool_]) -> tuple[Floats, float, float]:
        key = (scale, known.tobytes())
        if key not in self._weights:
            mean, covariance = self.scales_[scale]
            seen = np.flatnonzero(known & (np.diag(covariance)[:-1] > 0))
            inner = covariance[np.ix_(seen, seen)]
            cross = covariance[seen, -1]
            # Figures of children all run with the age: what each tells beyond it is what the ridge
            # must leave standing.
            beyond = np.eye(len(seen))
            if len(seen) and seen[-1] == _AGE:
                beyond[:-1, -1] = -inner[:-1, -1] / inner[-1, -1]
            apart = beyond @ inner @ beyond.T
            apart = apart + _RIDGE * np.diag(np.diag(apart))
            weights = (
                beyond.T @ np.linalg.solve(apart, beyond @ cross) if len(seen) else np.zeros(0)
            )
            variance = covariance[-1, -1] - float(cross @ weights)
            full = np.zeros(len(known))
            full[seen] = weights
            self._weights[key] = (
                full[known],
                float(mean[-1] - weights @ mean[seen]),
                float(np.sqrt(max(variance, 0.02 * covariance[-1, -1], 1e-6))),
            )
        return self._weights[key]

    def to_json(self) -> dict[str, Any]:
        """What was learned, as plain values."""
        scales = {name: [m.tolist(), c.tolist()] for name, (m, c) in self.scales_.items()}
        return {"scales": scales, "bias": self.bias_}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> NaturalSize:
        """The inverse of :meth:`to_json`."""
        scales = {name: (np.array(m), np.array(c)) for name, (m, c) in stored["scales"].items()}
        return cls(scales, {name: dict(bias) for name, bias in stored["bias"].items()})


@lru_cache(maxsize=1024)
def _judge(scale: str) -> Judge | None:
    return judge_of(kind_of(scale))
