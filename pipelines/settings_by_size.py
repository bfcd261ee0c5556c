"""Settings that suit the size of a shop, where none were tuned."""

from __future__ import annotations

__all__ = ["suiting_rounds"]

_LINES_A_TREE = 200
_FEWEST = 60


def suiting_rounds(lines: int, most: int) -> int:
    """How many boosting rounds suit a shop of so many order lines.

    In a small shop many trees learn single products and customers by heart.

    Parameters
    ----------
    lines
        Order lines.
    most
        The estimator's own number, which suits a hundred thousand lines.
    """
    return min(most, max(_FEWEST, lines // _LINES_A_TREE))
