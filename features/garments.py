"""Kinds of garment as parts of a scale: the hip binds for a skirt, the chest for a shirt.

All girths of an audience stand on one scale, so that a shopper's dress says something of her
trousers. Which size a body needs differs by kind all the same; a part of the scale, named
``women|girth/bottom``, reads the body by what binds there.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache

from features.size_systems import binding_of, family_of

__all__ = ["binding_of_part", "part_of_scale", "stretch_of"]

_WHOLE = "|girth"
_GIVES = re.compile(
    r"elast[ah]|élasth|spandex|lycra|stretch|jersey|knit|\brib|strick|maille|tricot|punto\b|maglia"
    r"|氨纶|莱卡|弹|针织|ストレッチ|ポリウレタン|ニット|스판|니트"
)
"""Fibres and weaves that give, as labels and shops name them."""


def part_of_scale(
    scale: str | None, category: str | None, audience: str | None, size_system: str | None
) -> str | None:
    """The part of a scale by which a body is read for a kind of garment.

    Examples
    --------
    >>> part_of_scale("women|girth", "skirt", "women", "EU")
    'women|girth/bottom'
    >>> part_of_scale("women|foot", "boots", "women", "SHOE_EU")
    'women|foot'
    """
    if not isinstance(scale, str) or not scale.endswith(_WHOLE):
        return scale if isinstance(scale, str) else None
    family = family_of(category, audience, size_system)
    return scale if family is None else f"{scale}/{family}"


def binding_of_part(name: str) -> Mapping[str, float]:
    """Weights of the dimensions that decide whether garments of a part fit; they sum to one."""
    audience, _, family = name.replace(_WHOLE + "/", "|").partition("|")
    return binding_of(None, family, audience)


@lru_cache(maxsize=16_384)
def stretch_of(material: str | None) -> float:
    """Whether a fabric gives: 1 where its words say so, 0 where they do not, NaN without any.

    Examples
    --------
    >>> stretch_of("95 % cotton, 5 % elastane"), stretch_of("linen")
    (1.0, 0.0)
    """
    if not isinstance(material, str) or not material.strip():
        return float("nan")
    return float(_GIVES.search(unicodedata.normalize("NFKC", material).casefold()) is not None)
