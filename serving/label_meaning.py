"""What a product's labels say, and how that differs from what a market is used to."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from typing import Final

from features.size_systems import binding_of, size_table
from features.size_systems.parsing import Reading, parse_size
from serving.advisor import ProductSizes

__all__ = ["EVERYWHERE", "Body", "ThanUsual", "body_of", "read_label", "than_usual"]

Body = Mapping[str, tuple[float, float]]

EVERYWHERE: Final = "ALPHA"
"""Letters are on labels in every market."""
_WORTH_A_STEP = 0.75  # of a size, from which the next size is plainly the better one
_MOST_ALIKE = 2 / 3  # of a product's labels that must say the same of larger or smaller
_MOST_STEPS = 4  # a label further off than this is not the same kind of label


@dataclass(frozen=True, slots=True)
class ThanUsual:
    """How many sizes larger than usual a shopper of a market should take; below 0 smaller.

    Parameters
    ----------
    steps
        Of a shopper whose size is not known; 0 where labels mean the usual bodies or disagree.
    by_label
        Of the shopper whom the size of this label fits.
    """

    steps: int = 0
    by_label: Mapping[str, int] = field(default_factory=dict)


def read_label(label: str, product: ProductSizes, system: str | None) -> Reading | None:
    """What a label says; None where it may well say something else.

    Parameters
    ----------
    label
        As the shop writes it.
    product
        Whose label it is.
    system
        The system it is read in; a system the label itself names wins.
    """
    said = parse_size(
        label, product.audience, product.family, system=system, siblings=product.labels
    )
    return None if said.best is None or said.ambiguous or not said.best.listed else said.best


def body_of(read: Reading, product: ProductSizes) -> Body | None:
    """The body a label stands for; that of both ends where it stands for two sizes.

    Parameters
    ----------
    read
        What the label says.
    product
        Whose audience and family tell the table.
    """
    assert product.audience is not None
    table = size_table(read.system, product.audience, product.family)
    if table is None:
        return None
    ends = [table.find(end or read.label) for end in (read.low, read.high)]
    first, last = (None if end is None else end.body for end in ends)
    if first is None or last is None:
        return None
    return {
        name: (min(first[name][0], last[name][0]), max(first[name][1], last[name][1]))
        for name in first
        if name in last
    }


def than_usual(product: ProductSizes, usual: str) -> ThanUsual:
    """How the product's labels differ from what a market means by them.

    The body each label usually means and the body the product's size of that label is cut for are
    put on one line, weighed by what binds on this kind of garment. Which label usually means the
    body of a size is read off that line.

    Parameters
    ----------
    product
        With an audience.
    usual
        The size system the market is used to.
    """
    labels, means, cut = _lines(product, usual)
    if len(labels) < 2 or not (_rises(means) and _rises(cut)):
        return ThanUsual()
    ranks = [product.labels.index(label) for label in labels]
    by_label = {
        label: _whole(rank - _place(here, means, ranks))
        for label, rank, here in zip(labels, ranks, cut, strict=True)
    }
    off = [_place(here, cut, ranks) - rank for rank, here in zip(ranks, means, strict=True)]
    middle = median(off)
    alike = sum(each * middle > 0 and _whole(each) != 0 for each in off)
    mostly = alike >= _MOST_ALIKE * len(off)
    return ThanUsual(_whole(middle) if mostly else 0, by_label)


def _lines(product: ProductSizes, usual: str) -> tuple[list[str], list[float], list[float]]:
    """Labels the market knows, the body each usually means, and the body it is cut for here."""
    own = product.size_system
    meant = own if own in (usual, EVERYWHERE) else usual
    if meant == own and not product.bodies:
        return [], [], []  # the label is all that is known, and means what it always means
    cut: list[Body | None] = list(product.bodies)
    if not cut:
        said = [read_label(label, product, own) for label in product.labels]
        cut = [None if each is None else body_of(each, product) for each in said]
    both: list[tuple[str, Body, Body]] = []
    for label, here in zip(product.labels, cut, strict=True):
        read = read_label(label, product, meant)
        means = body_of(read, product) if read is not None and read.system == meant else None
        if means and here:
            both.append((label, means, here))
    weights = {
        name: weight
        for name, weight in binding_of(None, product.family, product.audience).items()
        if all(name in means and name in here for _, means, here in both)
    }
    if not weights:
        return [], [], []
    return (
        [label for label, _, _ in both],
        [_weighed(means, weights) for _, means, _ in both],
        [_weighed(here, weights) for _, _, here in both],
    )


def _weighed(body: Body, weights: Mapping[str, float]) -> float:
    return sum(weight * sum(body[name]) / 2 for name, weight in weights.items())


def _rises(line: Sequence[float]) -> bool:
    return all(after > before for before, after in pairwise(line))


def _place(here: float, line: Sequence[float], ranks: Sequence[int]) -> float:
    """Rank at which a rising line is `here`, straight on beyond its ends."""
    at = min(max(bisect_right(line, here), 1), len(line) - 1)
    share = (here - line[at - 1]) / (line[at] - line[at - 1])
    return ranks[at - 1] + share * (ranks[at] - ranks[at - 1])


def _whole(steps: float) -> int:
    """Whole sizes that are plainly meant; none where it is another kind of label altogether."""
    count = int(abs(steps) + 1 - _WORTH_A_STEP)
    return 0 if count > _MOST_STEPS else count if steps > 0 else -count
