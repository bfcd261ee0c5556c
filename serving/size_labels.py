"""What a product's sizes are called in the systems a shopper knows.

Always through the body: the product's own chart where there is one, else the body its label stands
for. A label that means another body than the market is used to is found the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from features.size_systems import (
    Match,
    binding_of,
    convert,
    convert_body,
    size_table,
    usual_system,
)
from features.size_systems.parsing import parse_size
from serving.advisor import ProductSizes
from serving.label_meaning import EVERYWHERE, Body, ThanUsual, body_of, read_label, than_usual

__all__ = ["ShownSizes", "SizeLabels"]

_DIGITS = 4
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

_AS_USUAL: Final = ThanUsual()


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
    than_usual
        How the labels differ from what the market means by them.
    """

    labels: Mapping[str, dict[str, str | None]] = field(default_factory=dict)
    conversions: Mapping[str, dict[str, list[dict[str, Any]]]] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    named: Mapping[str, str] = field(default_factory=dict)
    than_usual: ThanUsual = _AS_USUAL


class SizeLabels:
    """Names sizes in other systems, and remembers what it found.

    Parameters
    ----------
    most
        Products and askings to remember.
    """

    def __init__(self, most: int = 20_000) -> None:
        _load_tables()
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
        # Else it was materialised anew. Nearly always the very same object is asked about again.
        if found is not None and (found[0] is product or found[0] == product):
            return found[1]
        shown = _show(product, market, asked)
        if found is None and len(self._found) >= self._most:
            del self._found[next(iter(self._found))]
        self._found[key] = product, shown
        return shown


@cache
def _load_tables() -> None:
    """Read every table before the first shopper asks: it takes a second or more."""
    parse_size("M", "women", "dress", system=EVERYWHERE)
    usual_system("US", "women", "dress")
    binding_of(None, "dress", "women")


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
        _AS_USUAL if usual is None else than_usual(product, usual),
    )


def _converted(product: ProductSizes, system: str) -> list[tuple[Match, ...]]:
    """What `system` calls each size; empty where it has no name for it."""
    if product.audience is None:
        return [() for _ in product.labels]
    cut = product.bodies or ({},) * len(product.labels)
    return [
        _matches(label, body, product, system)
        for label, body in zip(product.labels, cut, strict=True)
    ]


def _matches(label: str, body: Body, product: ProductSizes, system: str) -> tuple[Match, ...]:
    """By the shop's own chart; else by what the label says; else by the estimated body."""
    audience, family = product.audience, product.family
    assert audience is not None
    if body and product.chart == "published":
        return convert_body(body, system, audience, family)
    said = read_label(label, product, product.size_system)
    if said is None:
        return convert_body(body, system, audience, family) if body else ()
    if said.low is None or said.high is None:
        return convert(said.label, said.system, system, audience, family)
    both = body_of(said, product)
    return convert_body(both, system, audience, family) if both else ()


def _text(matches: Iterable[Match], system: str, product: ProductSizes) -> str | None:
    """One label, or the first and the last of several."""
    labels = [match.label for match in matches]
    if len(labels) < 2 or product.audience is None:
        return labels[0] if labels else None
    table = size_table(system, product.audience, product.family)
    if table is not None:
        listed = table if table.find(labels[0]) else table.cups or table
        labels.sort(key=lambda label: listed.rank(label) or 0)
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
