"""What a product's labels say, and how that differs from what a market is used to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import Final

from features.size_systems import binding_of, size_table
from features.size_systems.parsing import Reading, parse_size
from serving.advisor import ProductSizes

__all__ = ["EVERYWHERE", "Body", "body_of", "read_label", "steps_from_usual"]

Body = Mapping[str, tuple[float, float]]

EVERYWHERE: Final = "ALPHA"
"""Letters are on labels in every market."""
_WORTH_A_STEP = 0.6  # of a size, from which the next size is the better one by some margin
_ALIKE = 0.5  # of a size: how far a label may be from what most labels of the product say
_MOST_ALIKE = 2 / 3
_MOST_STEPS = 4  # a label further off than this is not the same kind of label


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


def steps_from_usual(product: ProductSizes, usual: str) -> int:
    """Sizes between the one a shopper of the market would pick by its label, and the one to take.

    For each label the body it usually means is compared with the body the product's size of that
    label is cut for, in the product's own steps.

    Parameters
    ----------
    product
        With an audience.
    usual
        The size system the market is used to.

    Returns
    -------
    int
        Sizes larger than usual to take, below 0 smaller; 0 where the labels mean the usual bodies,
        do not agree on how far they are off, or are not labels the market knows.
    """
    off = _offsets(product, usual)
    if not off:
        return 0
    middle = median(off)
    steps = int(abs(middle) + 1 - _WORTH_A_STEP)
    agreeing = sum(abs(each - middle) <= _ALIKE for each in off)
    if not 0 < steps <= _MOST_STEPS or agreeing < _MOST_ALIKE * len(off):
        return 0
    return steps if middle > 0 else -steps


def _offsets(product: ProductSizes, usual: str) -> list[float]:
    own = product.size_system
    meant = own if own in (usual, EVERYWHERE) else usual
    if meant == own and not product.bodies:
        return []  # the label is all that is known, and means what it always means
    read = [read_label(label, product, meant) for label in product.labels]
    means = [
        body_of(each, product) if each is not None and each.system == meant else None
        for each in read
    ]
    cut: list[Body | None] = list(product.bodies)
    if not cut:
        said = [read_label(label, product, own) for label in product.labels]
        cut = [None if each is None else body_of(each, product) for each in said]
    pairs = [(mean, body) for mean, body in zip(means, cut, strict=True) if mean and body]
    weights = binding_of(None, product.family, product.audience)
    steps = {name: _step([body for _, body in pairs], name) for name in weights}
    off = []
    for usual_body, body in pairs:
        usable = [n for n in weights if n in usual_body and n in body and steps[n]]
        if total := sum(weights[name] for name in usable):
            far = [
                weights[name] * (_middle(usual_body[name]) - _middle(body[name])) / steps[name]
                for name in usable
            ]
            off.append(sum(far) / total)
    return off


def _step(bodies: Sequence[Body], name: str) -> float:
    """The usual distance between neighbouring sizes; the width of a size where there is one."""
    middles = [_middle(body[name]) for body in bodies if name in body]
    apart = [after - before for before, after in pairwise(middles)]
    if not apart:
        apart = [body[name][1] - body[name][0] for body in bodies if name in body]
    return max(median(apart), 0.0) if apart else 0.0


def _middle(interval: tuple[float, float]) -> float:
    return (interval[0] + interval[1]) / 2
