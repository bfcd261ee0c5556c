"""Means and covariances from rows with holes, alone or on top of what was known before."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["FEWEST", "blended_moments", "definite", "pair_moments"]

Floats = npt.NDArray[np.float64]

FEWEST = 40
"""Rows from which on two columns are believed to go together, and a scale to be learned alone."""


def pair_moments(joint: Floats) -> tuple[Floats, Floats]:
    """Mean and covariance from all pairs present, made positive definite.

    Pairs seen fewer than `FEWEST` times count as uncorrelated.

    Parameters
    ----------
    joint
        Rows by columns, NaN where unknown.
    """
    mean, scatter, pairs = _scatter(joint)
    covariance = scatter / np.maximum(pairs, 1)
    covariance[pairs < FEWEST] = 0.0
    return mean, definite(covariance)


def blended_moments(
    joint: Floats, prior: tuple[Floats, Floats], lines: float
) -> tuple[Floats, Floats]:
    """Mean and covariance from rows and from what was known before them.

    Parameters
    ----------
    joint
        Rows by columns, NaN where unknown.
    prior
        Mean and covariance expected.
    lines
        As how many rows the prior counts.

    Notes
    -----
    The posterior of a normal-inverse-Wishart prior (Gelman et al., *Bayesian Data Analysis*, 3.6),
    pair by pair where rows have holes. Columns that few rows tell follow those that many tell as
    the prior says: where the people are taller than expected, so are their unseen waists larger.
    """
    mean, scatter, pairs = _scatter(joint)
    count = np.diag(pairs)
    many = count >= FEWEST
    if many.any() and not many.all():
        prior = _completed(prior, many, *_posterior(mean, scatter, pairs, prior, lines))
    middle, covariance = _posterior(mean, scatter, pairs, prior, lines)
    return middle, definite(covariance)


def definite(covariance: Floats) -> Floats:
    """The covariance with correlations that can be: no eigenvalue below a thousandth.

    Parameters
    ----------
    covariance
        Symmetric, no variance negative; indefinite where pairs come from different rows.
    """
    scale = np.sqrt(np.diag(covariance))
    safe = np.where(scale > 0, scale, 1.0)
    values, vectors = np.linalg.eigh(covariance / np.outer(safe, safe))
    correlation = (vectors * np.maximum(values, 1e-3)) @ vectors.T
    found: Floats = correlation * np.outer(scale, scale)
    return found


def _posterior(
    mean: Floats, scatter: Floats, pairs: Floats, prior: tuple[Floats, Floats], lines: float
) -> tuple[Floats, Floats]:
    expected, covariance = prior
    count = np.diag(pairs)
    away = np.where(count > 0, mean - expected, 0.0)
    between = lines * pairs / (lines + pairs) * np.outer(away, away)
    middle = expected + count / (lines + count) * away
    return middle, (lines * covariance + scatter + between) / (lines + pairs)


def _completed(
    prior: tuple[Floats, Floats],
    many: npt.NDArray[np.bool_],
    mean: Floats,
    covariance: Floats,
) -> tuple[Floats, Floats]:
    """The prior with its rarely told columns moved along with the learned ones."""
    seen, rare = np.flatnonzero(many), np.flatnonzero(~many)
    expected, before = (part.copy() for part in prior)
    inner = before[np.ix_(seen, seen)]
    slopes = np.linalg.solve(inner, before[np.ix_(seen, rare)]).T
    left = before[np.ix_(rare, rare)] - slopes @ before[np.ix_(seen, rare)]
    expected[rare] += slopes @ (mean[seen] - expected[seen])
    # Pair by pair, what rows with holes tell can be the covariance of nothing.
    learned = definite(covariance[np.ix_(seen, seen)])
    before[np.ix_(rare, seen)] = slopes @ learned
    before[np.ix_(seen, rare)] = (slopes @ learned).T
    before[np.ix_(rare, rare)] = left + slopes @ learned @ slopes.T
    return expected, before


def _scatter(joint: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean by column, and by pair of columns the sum of products about it and the rows."""
    seen = np.isfinite(joint)
    count = seen.sum(axis=0)
    mean = np.where(count > 0, np.nansum(joint, axis=0) / np.maximum(count, 1), 0.0)
    centred = np.where(seen, joint - mean, 0.0)
    return mean, centred.T @ centred, seen.T.astype(float) @ seen
