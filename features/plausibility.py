"""Are the figures a person told those of one body?

Someone of 1.90 m and 40 kg may exist; more often a figure was mistyped, or two people told one
each. Such bodies are kept and distrusted. How far the figures stand from each other is the squared
Mahalanobis distance under what bodies are like (:mod:`features.anthropometry`), with room for how
people measure themselves. Up to the distance that one body in a million exceeds, all is believed;
beyond, belief falls like the likelihood (the posterior odds of a contaminated normal).
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from features.anthropometry import (
    FIGURES,
    LOG_KG,
    age_height,
    body_moments,
    told_covariance,
)

__all__ = ["LEAST", "Judge", "judge_of", "kind_of", "shape"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

LEAST = 0.01
"""The least belief in all figures of a person together."""
_AGE = len(FIGURES) + 1
# Chi-square quantiles at 1 - 1e-6 for one to seven figures.
_RARE = (23.928, 27.631, 30.665, 33.377, 35.888, 38.258, 40.522)
_TAIL = 4.0  # degrees of freedom of Student's t: real bodies stray further than normal ones
_AGE_NOISE = 3.0  # about half a year at four


def shape(body: Floats) -> Floats:
    """Make the figures run straight with size; `body` is by `features.bodies.BODY_COLUMNS`.

    Weight grows with the cube of length, so its logarithm runs with the girths; a child's age
    counts as the median stature of it.
    """
    shaped = body.copy()
    with np.errstate(invalid="ignore", divide="ignore"):
        shaped[:, 1] = np.log(body[:, 1]) * LOG_KG
        shaped[:, _AGE] = age_height(body[:, _AGE])
    return shaped


class Judge:
    """Says how far to believe the figures of bodies of one kind.

    Parameters
    ----------
    mean, covariance
        Of bodies as told, by `features.bodies.BODY_COLUMNS` as :func:`shape` gives them. Columns
        without variance are not known of these bodies, and bodies that tell them not judged.
    child
        Whether a child's age is judged with its figures; a grown-up's says nothing of them.

    Notes
    -----
    A figure alone is never judged: there is nothing to hold it against, and the contract has
    refused what no body measures.
    """

    def __init__(self, mean: Floats, covariance: Floats, *, child: bool) -> None:
        self._columns = (*range(len(FIGURES)), *([_AGE] if child else []))
        self._mean, self._covariance = mean, covariance
        self._variances = np.diag(covariance).tolist()
        self._roots: dict[tuple[int, ...], tuple[list[list[float]], list[float]]] = {}

    def knows(self, known: Sequence[bool]) -> bool:
        """Whether all the figures told, of those that are judged, are known of these bodies."""
        return all(self._variances[c] > 0 for c in self._columns if known[c])

    def weights(self, shaped: Floats, known: Bools) -> Floats:
        """Belief in bodies that told the same figures.

        Parameters
        ----------
        shaped
            Bodies by columns, as :func:`shape` gives them.
        known
            Which columns they told.

        Returns
        -------
        ndarray of shape (bodies,)
            In [LEAST, 1]; 1 where the figures go together.
        """
        seen = tuple(c for c in self._columns if known[c])
        if len(seen) < 2:
            return np.ones(len(shaped))
        root, _ = self._root(seen)
        away = (shaped[:, seen] - self._mean[list(seen)]) @ np.array(
            [row + [0.0] * (len(seen) - len(row)) for row in root]
        ).T
        excess = np.maximum((away**2).sum(axis=1) - _RARE[len(seen) - 1], 0.0)
        weight: Floats = np.maximum(np.exp(-0.5 * excess), LEAST)
        return weight

    def weight_one(self, shaped: Sequence[float], known: Sequence[bool]) -> float:
        """:meth:`weights` of one body, in plain numbers."""
        seen = tuple([c for c in self._columns if known[c]])
        if len(seen) < 2:
            return 1.0
        excess = self._distance(shaped, seen) - _RARE[len(seen) - 1]
        return 1.0 if excess <= 0.0 else max(math.exp(-0.5 * excess), LEAST)

    def without_one(
        self, shaped: Sequence[float], known: Sequence[bool]
    ) -> list[tuple[int, float]]:
        """Which figure is the wrong one of a body that is not believed.

        Returns
        -------
        list of (int, float)
            Column and probability that it is the wrong one: the likelihood of the others (Student's
            t), all figures being mistyped equally often.
        """
        seen = tuple(c for c in self._columns if known[c])
        left = [self._distance(shaped, tuple(c for c in seen if c != each)) for each in seen]
        power = -0.5 * (_TAIL + len(seen) - 1)
        odds = [(1.0 + distance / _TAIL) ** power for distance in left]
        return [(c, each / sum(odds)) for c, each in zip(seen, odds, strict=True)]

    def _distance(self, shaped: Sequence[float], seen: tuple[int, ...]) -> float:
        """Squared Mahalanobis distance of these columns."""
        root, center = self._root(seen)
        away = [shaped[c] - center[c] for c in seen]
        # The rows are triangular: what lies beyond their ends does not count.
        total = 0.0
        for row in root:
            part: float = sum(map(operator.mul, row, away))
            total += part * part
        return total

    def _root(self, seen: tuple[int, ...]) -> tuple[list[list[float]], list[float]]:
        """Rows of the inverse Cholesky factor of these columns, and the means of all."""
        if seen not in self._roots:
            inner = self._covariance[np.ix_(seen, seen)]
            inverse = np.linalg.inv(np.linalg.cholesky(inner))
            rows = [inverse[i, : i + 1].tolist() for i in range(len(seen))]
            self._roots[seen] = (rows, self._mean.tolist())
        return self._roots[seen]


@lru_cache(maxsize=8)
def judge_of(kind: str | None) -> Judge | None:
    """The judge of bodies of a kind as surveyed; None where nothing is known of the kind.

    Parameters
    ----------
    kind
        One of `features.anthropometry.KINDS`.
    """
    if kind is None:
        return None
    mean, covariance = body_moments(kind)
    covariance = covariance + told_covariance()
    covariance[_AGE, _AGE] += _AGE_NOISE**2
    return Judge(mean, covariance, child=kind == "child")


def kind_of(scale: str) -> str | None:
    """Kind of the bodies that a scale is for, by the audience it is named after; None for any."""
    audience = scale.split("|", 1)[0]
    return {"women": "female", "men": "male", "unisex": "grown", "children": "child"}.get(audience)
