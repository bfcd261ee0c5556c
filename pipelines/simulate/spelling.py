"""How shops spell labels: ``Gr. 40`` for 40, ``2XL`` for XXL, ``0-3 months`` for 0-3."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from pipelines.simulate.assumptions import TextArray
from pipelines.simulate.catalogue import Catalogue

Style = Callable[[str], str]

_LONG = {"XXL": "2XL", "3XL": "XXXL", "4XL": "XXXXL"}
_LETTER = {"S": "Small", "M": "Medium", "L": "Large"}
_FULL_WIDTH = str.maketrans({chr(c): chr(c + 0xFEE0) for c in range(0x21, 0x7F)})


def _form(pattern: str) -> Style:
    return pattern.format


def _long(label: str) -> str:
    return "/".join(_LONG.get(part, part) for part in label.split("/"))


def _words(label: str) -> str:
    return "/".join(_LETTER.get(part, part) for part in label.split("/"))


def _wide(label: str) -> str:
    return label.translate(_FULL_WIDTH)


def _halves(label: str) -> str:
    return label.replace(".5", " 1/2")


def _comma(label: str) -> str:
    return label.replace(".", ",")


def _spaced(label: str) -> str:
    return re.sub(r"\s*([/-])\s*", r" \1 ", label)


def _always(label: str) -> Style:
    return lambda _: label


#: Other spellings by size system. Each keeps labels of one product apart.
STYLES: dict[str, tuple[Style, ...]] = {
    "ALPHA": (_long, str.lower, _words, _spaced, _form("Size {}"), _form("{} ")),
    "EU": (_form("EU {}"), _form("EUR {}"), _form("{} EU")),
    "DE": (_form("Gr. {}"), _form("Gr.{}"), _form("Größe {}"), _form("D {}")),
    "FR": (_form("T.{}"), _form("T {}"), _form("FR {}"), _form("FR{}")),
    "ES": (_form("T. {}"), _form("Talla {}"), _form("ES {}")),
    "IT": (_form("IT {}"), _form("IT{}"), _form("Tg. {}")),
    "UK": (_form("UK {}"), _form("UK{}"), _form("{} UK")),
    "US": (_form("US {}"), _form("US{}"), _form("Size {}")),
    "AU": (_form("AU {}"), _form("AUS {}"), _form("Size {}")),
    "JP": (_form("{}号"), _form("JP {}"), _wide),
    "CN": (_spaced, _wide, _form("CN {}")),
    "KR": (_form("KR {}"), _form("{}호"), _wide),
    "BABY_CM": (_form("{} cm"), _form("{}cm"), _form("Gr. {}"), _spaced),
    "BABY_MONTHS": (_form("{} months"), _form("{}M"), _form("{} mois"), _form("{} mths"), _spaced),
    "WAIST_INCH": (
        lambda label: label.replace("/", ""),
        lambda label: label.replace("/", " "),
        lambda label: label.replace("W", "").replace("L", ""),
        lambda label: label.replace("W", "").replace("/L", "x"),
    ),
    "SHOE_EU": (_form("EU {}"), _form("{} EU"), _form("EU{}")),
    "SHOE_US": (_form("US {}"), _halves, _comma),
    "SHOE_UK": (_form("UK {}"), _form("{} UK"), _form("UK{}")),
    "SHOE_CN": (_form("{}mm"), _form("{} mm"), _wide),
    "SHOE_JP": (_form("{}cm"), _form("{} cm"), _wide),
    "ONE": tuple(
        _always(label)
        for label in (
            "One Size", "OS", "taille unique", "Einheitsgröße", "フリー", "均码", "unsized",
            "talla única",
        )
    ),
}  # fmt: skip
_YEARS: tuple[Style, ...] = (_form("{} years"), _form("{}Y"), _form("{} yrs"), _spaced)
_CHILD_CM: tuple[Style, ...] = (_form("{} cm"), _form("{}cm"), _form("Gr. {}"))


def _styles(system: str, garment: str) -> tuple[Style, ...]:
    if garment == "height" and system == "UK":
        return _YEARS
    if garment == "height" and system in ("EU", "CN", "KR"):
        return _CHILD_CM
    return STYLES.get(system, ())


def respell(rng: np.random.Generator, catalogue: Catalogue, share: float) -> Catalogue:
    """Spell the labels of some products another way, each product in one way of its own.

    Parameters
    ----------
    rng : numpy.random.Generator
    catalogue : Catalogue
    share : float
        Share of products, 0 to 1.

    Returns
    -------
    Catalogue
        The same in all but `label`.
    """
    products = catalogue.count.size
    other, which = rng.random(products) < share, rng.random(products)
    labels: TextArray = catalogue.label.copy()
    for p in np.flatnonzero(other).tolist():
        ladder = catalogue.all_ladders[catalogue.ladder[p]]
        styles = _styles(ladder.system, ladder.garment)
        if styles:
            style = styles[int(which[p] * len(styles))]
            at = slice(catalogue.start[p], catalogue.start[p] + catalogue.count[p])
            labels[at] = [style(label) for label in labels[at]]
    return replace(catalogue, label=labels)
