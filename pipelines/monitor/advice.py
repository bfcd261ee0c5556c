"""Who gets size advice and who does not, and whether the size sets hold what they promise."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from data_contracts.tables import FIT
from pipelines.monitor.subjects import Asked, Opened

__all__ = ["Advised", "advised"]

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Objects = npt.NDArray[np.object_]


@dataclass(frozen=True)
class Advised:
    """Advice that was, or would have been, given on some questions.

    Parameters
    ----------
    status
        Of the advice.
    recommended
        Whether a size was.
    fitted
        Whether the size that was ordered is known to have fitted.
    covered
        Whether the size set held the size that was ordered.
    """

    status: Objects = field(repr=False)
    recommended: Bools = field(repr=False)
    fitted: Bools = field(repr=False)
    covered: Bools = field(repr=False)


def advised(opened: Opened, asked: Asked, rows: Ints) -> Advised:
    """Advise on some of the questions, over all sizes of the product and as of the order.

    Parameters
    ----------
    opened
        `size_fit` with its feature space.
    asked
        Its questions.
    rows
        Places in `asked`.
    """
    lines = asked.place[rows]
    given = {
        each.line: each for each in opened.model.advise(asked.data.candidates(np.unique(lines)))
    }
    ordered = asked.data.facts["size_label"].to_numpy(dtype=object)[lines]
    advice = [given.get(int(line)) for line in lines]
    return Advised(
        status=np.array(["not_sized" if a is None else a.status for a in advice], dtype=object),
        recommended=np.array([a is not None and a.recommended is not None for a in advice], bool),
        fitted=(asked.y[rows] == FIT.index("fit"))
        & np.array([a is not None and bool(a.size_set) for a in advice], bool),
        covered=np.array(
            [a is not None and size in a.size_set for a, size in zip(advice, ordered, strict=True)],
            bool,
        ),
    )
