"""What the size model is asked about, and what it decides: sizes of lines, a decision each."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress
from typing import Protocol

import numpy as np
import numpy.typing as npt

from models.size_fit.decision import Verdict

__all__ = ["Decision", "SizeRows"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class SizeRows(Protocol):
    """Candidate sizes of lines; :class:`features.size_fit_space.Candidates` is one."""

    @property
    def X(self) -> Floats:  # noqa: N802 - the field's name for a matrix
        """Candidates by `VECTOR`, those of a line together, smallest first."""
        ...

    @property
    def line(self) -> Ints:
        """Row of the line each belongs to."""
        ...

    @property
    def label(self) -> npt.NDArray[np.object_]:
        """Size labels."""
        ...

    @property
    def chosen(self) -> npt.NDArray[np.bool_]:
        """True for the size that was ordered."""
        ...


@dataclass(frozen=True, slots=True)
class Decision:
    """Advice on one line.

    Attributes
    ----------
    line
        Row of the line.
    labels
        The sizes, smallest first.
    fit
        Sizes by (small, fit, large) if given that size.
    verdict
        Status, and which size is recommended.
    inside
        Which sizes are in the size set.
    own_fit
        Chance that the shopper's own choice fits.
    """

    line: int
    labels: tuple[str, ...]
    fit: Floats
    verdict: Verdict
    inside: npt.NDArray[np.bool_]
    own_fit: float

    @property
    def status(self) -> str:
        """See :mod:`models.size_fit.decision`."""
        return self.verdict.status

    @property
    def recommended(self) -> str | None:
        """Label of the recommended size."""
        return None if self.verdict.best is None else self.labels[self.verdict.best]

    @property
    def likeliest(self) -> str | None:
        """Label of the size most likely to fit, told even where the advice is silent."""
        known = np.isfinite(self.fit).all()
        return self.labels[int(np.argmax(self.fit[:, 1]))] if known else None

    @property
    def size_set(self) -> tuple[str, ...]:
        """Labels of the size set."""
        return tuple(compress(self.labels, self.inside.tolist()))
