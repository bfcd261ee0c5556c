"""Shops' words for kinds of garment: the family whose sizes they are sold in, and what binds."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType

from features.size_systems.reading import SizeTableError, read_data

__all__ = ["binding_of", "family_of", "is_unsized"]

_NONE = "none"
_ENDING = "(?:s|es|x|e|n|en|er)?"
_FIRST_IDEOGRAPH = "\u2e80"
"""From here on characters are of writings that put no spaces between words."""
_LONGEST_CATEGORY = 500
"""Of longer text the end is looked at: there stands what the goods are."""
_SHORTEST_TAIL = 4
"""Letters a word needs to be recognised at the end of a compound: "hose" in "Jogginghose"."""


@lru_cache(maxsize=16_384)
def family_of(
    category: str | None, audience: str | None = None, size_system: str | None = None
) -> str | None:
    """The family of a shop's category.

    Parameters
    ----------
    category : str or None
        The shop's words, in English, German, French, Spanish, Italian, Japanese, Chinese or
        Korean, in any case, with any separators ("Women > Dresses", "kids_trousers").
    audience : str or None
        A "body" is a whole garment on a baby and a top on an adult.
    size_system : str or None
        Shoe sizes make it shoes and waist inches a bottom, whatever the category.

    Returns
    -------
    str or None
        One of `features.size_systems.FAMILIES`; None for what is not sized by the body (scarf,
        hat, bag) and for words not known.

    Examples
    --------
    >>> family_of("Damen-Winterjacken"), family_of("kids_trousers"), family_of("连衣裙")
    ('outerwear', 'bottom', 'dress')
    >>> family_of("scarf") is None
    True
    """
    by_system = read_words()["systems"].get(size_system or "")
    if by_system:
        return str(by_system)
    found = _longest(category, _family_words(audience))
    return None if found in (None, _NONE) else found


@lru_cache(maxsize=16_384)
def is_unsized(category: str | None) -> bool:
    """Whether a category is known to be goods that the body does not size: hats, gloves, bags."""
    return _longest(category, _family_words(None)) == _NONE


@lru_cache(maxsize=16_384)
def binding_of(
    category: str | None, family: str | None, audience: str | None
) -> Mapping[str, float]:
    """How much each body dimension decides whether a garment fits.

    Parameters
    ----------
    category : str or None
        The shop's words; a skirt binds at the hip, trousers at the waist.
    family, audience : str or None
        An unknown audience is taken as women's; None for family means goods of one size.

    Returns
    -------
    mapping of str to float
        Dimension to weight; the weights sum to one. Empty for goods of one size.
    """
    if family is None:
        return MappingProxyType({})
    data = read_words()
    who = {"girls": "child", "boys": "child", "unisex": "men"}.get(audience or "", audience)
    own = data["binding"].get(who, data["binding"]["women"])
    if who not in ("child", "baby") and family != "shoes":
        number = _longest(category, _binding_words())
        special = data["binding_of_words"][int(number)]["binding"] if number is not None else None
        if special is not None and _family_suits(category, family):
            return MappingProxyType(special)
    return MappingProxyType(own.get(family, own.get("any")) or own["top"])


def _family_suits(category: str | None, family: str) -> bool:
    return family_of(category) in (family, None)


@lru_cache(maxsize=1)
def read_words() -> Mapping[str, dict]:  # type: ignore[type-arg]
    """The vocabulary file, checked once.

    Raises
    ------
    SizeTableError
        When the weights of a binding do not sum to one.
    """
    data = read_data("vocabulary.yaml")
    bindings = [b for families in data["binding"].values() for b in families.values()]
    bindings += [entry["binding"] for entry in data["binding_of_words"]]
    for binding in bindings:
        if abs(sum(binding.values()) - 1.0) > 1e-9:
            raise SizeTableError(f"vocabulary.yaml: the weights of {binding} do not sum to 1")
    return data


@lru_cache(maxsize=16)
def _family_words(audience: str | None) -> dict[str, str]:
    families, own = read_words()["families"], read_words()["by_audience"].get(audience, {})
    words = {_plain(word): family for family, words in families.items() for word in words}
    return words | {_plain(word): family for word, family in own.items()}


@lru_cache(maxsize=1)
def _binding_words() -> dict[str, str]:
    entries = read_words()["binding_of_words"]
    return {_plain(w): str(i) for i, entry in enumerate(entries) for w in entry["words"]}


def _plain(text: str) -> str:
    """Lower case, no accents, single spaces for every separator."""
    split = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).lower())
    # Marks of kana and hangul are letters of their own: put together again.
    kept = "".join(c for c in split if not "\u0300" <= c <= "\u036f")
    return re.sub(r"[\W_]+", " ", unicodedata.normalize("NFC", kept)).strip()


def _longest(text: str | None, words: Mapping[str, str]) -> str | None:
    """What the longest of the words found in a text stands for; of equals the last."""
    if not text:
        return None
    plain = _plain(text[-_LONGEST_CATEGORY:])
    best = max(_found(plain, words), default=None)
    return best[2] if best else None


def _found(plain: str, words: Mapping[str, str]) -> Iterable[tuple[int, int, str]]:
    for word, meaning in words.items():
        if word.partition(" ")[0] not in plain:
            continue
        if word[-1] > _FIRST_IDEOGRAPH:  # one of these says as much as two letters
            yield 2 * len(word), plain.rfind(word), meaning
            continue
        # A compound's last part says what it is; a word within other letters says nothing.
        for match in _spelling(word).finditer(plain):
            yield len(word), match.start(), meaning


@lru_cache(maxsize=4096)
def _spelling(word: str) -> re.Pattern[str]:
    """A word with any plural endings, on its own or, if long enough, ending a compound."""
    start = "" if len(word) >= _SHORTEST_TAIL else r"\b"
    words = f"{_ENDING} ".join(map(re.escape, word.split(" ")))
    return re.compile(rf"{start}{words}{_ENDING}\b")
