"""What a product's sizes are called in the systems a shopper knows.

Always through the body: the product's own chart where there is one, else the body its label stands
for. A label that means another body than the market is used to is found the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from typing import Any, Final

from features.size_systems import (
    Match,
    binding_of,
    convert,
    convert_body,
    size_table,
    usual_system,
)
from serving.advisor import ProductSizes

__all__ = ["ShownSizes", "SizeLabels"]

Body = Mapping[str, tuple[float, float]]

_DIGITS = 4
_EVERYWHERE: Final = "ALPHA"  # letters are on labels in every market
_PLAINLY: Final = {
    "ALPHA": "{}",
    "ONE": "{}",
    "BABY_MONTHS": "{}",
    "BABY_CM": "{} cm",
    "WAIST_INCH": "W{}",
    "SHOE_EU": "EU {}",
    "SHOE_US": "US {}",
    "SHOE_UK": "UK {}",
    "SHOE_CN": "CN {}",
    "SHOE_JP": "JP {}",
}
"""How a size is named among words; every other system by its name and the label."""
_WORTH_A_STEP = 0.6  # of a size, from which the next size is the better one by some margin
_ALIKE = 0.5  # of a size: how far a label may be from what most labels of the product say
_MOST_ALIKE = 2 / 3
_MOST_STEPS = 4  # a label further off than this is not the same kind of label


@dataclass(frozen=True, slots=True)
class ShownSizes:
    """A product's sizes in the systems of one question.

    Parameters
    ----------
    labels
        By the product's label: what each system calls it, one size or the first and last of those
        that share it; None where there is no conversion.
    conversions
        By the product's label: what each system calls it, with shares that sum to one, best first.
    missing
        Systems that were asked for and have no name for any size.
    named
        The product's label as a sentence names it, with the shopper's own where it differs:
        ``L (US 12)``.
    steps
        How many sizes larger than usual a shopper of the market should take; below 0 smaller.
    """

    labels: Mapping[str, dict[str, str | None]] = field(default_factory=dict)
    conversions: Mapping[str, dict[str, list[dict[str, Any]]]] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    named: Mapping[str, str] = field(default_factory=dict)
    steps: int = 0


class SizeLabels:
    """Names sizes in other systems, and remembers what it found.

    Parameters
    ----------
    most
        Products and askings to remember.
    """

    def __init__(self, most: int = 20_000) -> None:
        self._most = most
        self._found: dict[tuple[object, ...], tuple[ProductSizes, ShownSizes]] = {}

    def of(
        self,
        product_id: str,
        product: ProductSizes | None,
        market: str | None,
        asked: Sequence[str] | None,
    ) -> ShownSizes:
        """Name the sizes of a product.

        Parameters
        ----------
        product_id, product
            What is asked about; the sizes are None where the product is not known.
        market
            ISO 3166 alpha-2 code, upper case.
        asked
            Size systems to answer in. None for the one the market is used to.
        """
        if product is None:
            return ShownSizes(missing=tuple(asked or ()))
        key = (product_id, market, None if asked is None else tuple(asked))
        found = self._found.get(key)
        if found is not None and found[0] == product:  # else it was materialised anew
            return found[1]
        shown = _show(product, market, asked)
        if found is None and len(self._found) >= self._most:
            del self._found[next(iter(self._found))]
        self._found[key] = product, shown
        return shown


def _show(product: ProductSizes, market: str | None, asked: Sequence[str] | None) -> ShownSizes:
    own = product.size_system
    usual = None
    if market is not None and product.audience is not None:
        usual = usual_system(market, product.audience, product.family)
    wanted = dict.fromkeys(asked if asked is not None else [usual] if usual else [])
    converted = {system: _converted(product, system) for system in wanted}
    missing = [
        system
        for system, matches in converted.items()
        if system != own and not any(matches) and product.labels
    ]
    systems = [own] if own is not None and own not in wanted else []
    systems += [system for system in wanted if asked is not None or system not in missing]
    labels, conversions, named = {}, {}, {}
    for i, label in enumerate(product.labels):
        texts: dict[str, str | None] = {}
        shares: dict[str, list[dict[str, Any]]] = {}
        named[label] = label
        for system in systems:
            if system == own:
                texts[system], shares[system] = label, [{"label": label, "share": 1.0}]
                continue
            matches = converted[system][i]
            text = _text(matches, system, product)
            texts[system] = text
            shares[system] = _rounded(matches)
            if text is not None and text != label and named[label] == label:
                named[label] = f"{label} ({_in_words(system, text)})"
        labels[label], conversions[label] = texts, shares
    return ShownSizes(
        labels,
        conversions,
        tuple(missing) if asked is not None else (),
        named,
        0 if usual is None else _steps(product, usual),
    )


def _converted(product: ProductSizes, system: str) -> list[tuple[Match, ...]]:
    """What `system` calls each size; empty where it has no name for it."""
    audience, family = product.audience, product.family
    if audience is None:
        return [() for _ in product.labels]
    if product.bodies:
        return [convert_body(body, system, audience, family) for body in product.bodies]
    own = product.size_system
    if own is None:
        return [() for _ in product.labels]
    return [convert(label, own, system, audience, family) for label in product.labels]


def _text(matches: Iterable[Match], system: str, product: ProductSizes) -> str | None:
    """One label, or the first and the last of several."""
    labels = [match.label for match in matches]
    if len(labels) < 2 or product.audience is None:
        return labels[0] if labels else None
    table = size_table(system, product.audience, product.family)
    if table is not None:
        labels.sort(key=lambda label: (table.rank(label) is None, table.rank(label) or 0))
    first, last = labels[0], labels[-1]
    plain = not any(mark in first + last for mark in "-/ ")
    return f"{first}-{last}" if plain else f"{first} / {last}"


def _in_words(system: str, text: str) -> str:
    if system == "BABY_MONTHS" and text[-1].isdigit():
        return f"{text}M"
    return _PLAINLY.get(system, f"{system} {{}}").format(text)


def _rounded(matches: Sequence[Match]) -> list[dict[str, Any]]:
    shares = [round(match.share, _DIGITS) for match in matches]
    if shares:  # the best one closes the sum
        shares[0] = round(1.0 - sum(shares[1:]), _DIGITS)
    return [
        {"label": match.label, "share": share} for match, share in zip(matches, shares, strict=True)
    ]


def _steps(product: ProductSizes, usual: str) -> int:
    """Sizes between the one a shopper of the market would pick by its label, and the one to take.

    For each label the body it usually means is compared with the body the product's size of that
    label is cut for, in the product's own steps.
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
    audience, family, own = product.audience, product.family, product.size_system
    assert audience is not None
    meant = own if own in (usual, _EVERYWHERE) else usual
    if meant == own and not product.bodies:
        return []  # the label is all that is known, and means what it always means
    meaning = size_table(meant, audience, family)
    if meaning is None:
        return []
    if product.bodies:
        cut: list[Body | None] = list(product.bodies)
    else:
        table = None if own is None else size_table(own, audience, family)
        found = [None if table is None else table.find(label) for label in product.labels]
        cut = [None if size is None else size.body for size in found]
    pairs = [
        (size.body, body)
        for label, body in zip(product.labels, cut, strict=True)
        if body and (size := meaning.find(label)) is not None
    ]
    weights = binding_of(None, family, audience)
    steps = {name: _step([body for _, body in pairs], name) for name in weights}
    off = []
    for means, body in pairs:
        usable = [name for name in weights if name in means and name in body and steps[name]]
        if total := sum(weights[name] for name in usable):
            far = [
                weights[name] * (_middle(means[name]) - _middle(body[name])) / steps[name]
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
