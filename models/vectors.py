"""Vectors an estimator learns from, wherever they lie: in memory, or in a folder of Parquet parts.

An estimator asks for what it needs, not for the matrix: some columns of all rows, all columns of
some rows, the rows block by block, and a form that LightGBM reads. Both kinds give the same
numbers, so one line of reasoning trains on either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

__all__ = ["SEED_OF_BINS", "HeldVectors", "Trainer", "Vectors", "View", "predicted", "train_here"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

SEED_OF_BINS = 1
"""Of the sample of rows that bins are made of."""

View = Callable[[Floats, int], Floats]
"""What a booster sees of a block of rows, given the block and the place of its first row."""


class Vectors(Protocol):
    """Rows by columns, float64, NaN where unknown."""

    def __len__(self) -> int:
        """Number of rows."""
        ...

    @property
    def width(self) -> int:
        """Number of columns."""
        ...

    def of(self, columns: Sequence[int]) -> Vectors:
        """These columns of all rows."""
        ...

    def where(self, rows: Bools) -> Vectors:
        """All columns of the rows that are marked, in their order."""
        ...

    def take(self, rows: Ints) -> Floats:
        """The rows at these places, in the order given; as many as memory holds."""
        ...

    def matrix(self) -> Floats:
        """All of it, for a few columns or a few rows."""
        ...

    def blocks(self) -> Iterator[Floats]:
        """All rows in order, as many at a time as suits."""
        ...

    def readable(self, view: View | None = None) -> Floats | lgb.Sequence:
        """What a `lightgbm.Dataset` can be made of."""
        ...


@dataclass(frozen=True)
class HeldVectors:
    """Vectors in memory.

    Parameters
    ----------
    X
        Rows by columns.
    """

    X: Floats

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.X)

    @property
    def width(self) -> int:
        """Number of columns."""
        return int(self.X.shape[1])

    def of(self, columns: Sequence[int]) -> HeldVectors:
        """These columns of all rows."""
        return HeldVectors(self.X[:, list(columns)])

    def where(self, rows: Bools) -> HeldVectors:
        """All columns of the rows that are marked."""
        return HeldVectors(self.X[rows])

    def take(self, rows: Ints) -> Floats:
        """The rows at these places, in the order given."""
        taken: Floats = self.X[rows]
        return taken

    def matrix(self) -> Floats:
        """The matrix itself."""
        return self.X

    def blocks(self) -> Iterator[Floats]:
        """One block."""
        yield self.X

    def readable(self, view: View | None = None) -> Floats:
        """The matrix, as it is seen."""
        return self.X if view is None else view(self.X, 0)


class Trainer(Protocol):
    """What trains boosters: this process (:func:`train_here`) or many."""

    def __call__(
        self,
        rows: Vectors,
        label: npt.NDArray[Any],
        settings: Sequence[Mapping[str, Any]],
        *,
        rounds: int,
        names: Sequence[str] | None = None,
        coded: Sequence[int] = (),
        view: View | None = None,
    ) -> list[lgb.Booster]:
        """Train a booster for each of some settings.

        Parameters
        ----------
        rows
            What to learn from.
        label
            Outcomes, shape (n,).
        settings
            LightGBM parameters, the objective among them.
        rounds
            Boosting rounds.
        names
            Of the columns that the booster sees.
        coded
            Those of them that hold codes of categories.
        view
            What the booster sees of the rows; the rows themselves when left out.
        """
        ...


def train_here(
    rows: Vectors,
    label: npt.NDArray[Any],
    settings: Sequence[Mapping[str, Any]],
    *,
    rounds: int,
    names: Sequence[str] | None = None,
    coded: Sequence[int] = (),
    view: View | None = None,
) -> list[lgb.Booster]:
    """Train in this process; see :class:`Trainer`.

    LightGBM holds each value as one byte. Vectors on disk pass through block by block.
    """
    # The data outlive the first booster: the next one finds them binned. LightGBM draws the sample
    # for its bins by `seed` from a matrix but not from a sequence, by this seed from both.
    data = lgb.Dataset(
        rows.readable(view),
        label,
        feature_name="auto" if names is None else list(names),
        categorical_feature=list(coded) if coded else "auto",
        free_raw_data=False,
    )
    bins = {"data_random_seed": SEED_OF_BINS}
    return [lgb.train({**bins, **each}, data, num_boost_round=rounds) for each in settings]


def predicted(booster: lgb.Booster, rows: Vectors, *, raw: bool = False) -> Floats:
    """What a booster says of each row, block by block.

    Parameters
    ----------
    booster
        Trained on the same columns.
    rows
        What to predict.
    raw
        Log-odds instead of chances.
    """
    told = [booster.predict(block, raw_score=raw) for block in rows.blocks() if len(block)]
    return np.concatenate(told) if told else np.zeros(0)
