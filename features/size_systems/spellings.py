"""The words shops write around sizes, folded so that case, width, accents and spaces do not matter.

The words themselves are data, ``spellings.yaml``. Here they become one regular expression that
replaces each word of a label by a character standing for its meaning.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from features.size_systems.reading import read_data

__all__ = ["UNITS", "Marker", "Spellings", "fold", "spellings"]

UNITS = {
    "months": "m",
    "years": "y",
    "centimetres": "c",
    "millimetres": "k",
    "inches": "i",
    "newborn": "n",
    "premature": "q",
    "petite": "p",
    "short": "s",
    "regular": "r",
    "long": "l",
    "tall": "t",
    "plus_size": "w",
    "half": "h",
}
"""The lower-case letter that stands for a word's meaning in a folded label, which is upper-case."""

_MARKERS = "\ue000"
"""First character of the private use area: one character a marker, see :class:`Marker`."""
_COMBINING = re.compile("[\u0300-\u036f\u200b-\u200f\u2060\ufeff\u00ad]")
_DASHES = re.compile("[\u2010-\u2015\u2212\u301c~]")
_SLASHES = str.maketrans({"⁄": "/", "∕": "/", "×": "X", "″": '"', "”": '"', "’": "'", "′": "'"})
_VULGAR = re.compile("(?=[½⅓⅔¼¾⅛])")
_FRACTION = re.compile(r"(\d) +([123])/([2348])(?!\d)")
_COMMA = re.compile(r"(?<=\d),(?=\d(?!\d))")
_PLUS = re.compile(r"(?<![\d.])(\d+) ?\+(?! ?\d)")
_WORD_ENDS = r"(?![^\W\d_])(?:\.(?!\d))?"
_TO = re.compile(r"(?<=[\dA-Z]) (?:TO|BIS|TOT) (?=\d)|(?<=\d)TO(?=\d)")


def fold(text: str) -> str:
    """Fold a label: upper case, half width, no accents, single spaces, fractions as decimals.

    Examples
    --------
    >>> fold(" ４２½ "), fold("größe 38,5"), fold("9 – 12 Months")
    ('42.5', 'GROSSE 38.5', '9 - 12 MONTHS')
    """
    # Spelt out, the fraction of "42½" would run into its number.
    apart = _VULGAR.sub(" ", text)
    wide = unicodedata.normalize("NFKC", apart).upper()
    bare = _COMBINING.sub("", unicodedata.normalize("NFD", wide))
    line = " ".join(unicodedata.normalize("NFC", bare).translate(_SLASHES).split())
    line = _TO.sub("-", _COMMA.sub(".", _DASHES.sub("-", line)))
    line = _FRACTION.sub(_decimal, line)
    return _PLUS.sub(r"\1.5", line)


def _decimal(found: re.Match[str]) -> str:
    part = int(found[2]) / int(found[3])
    return found[1] + f"{part:.3f}".rstrip("0")[1:] if part < 1 else found[0]


@dataclass(frozen=True, slots=True)
class Marker:
    """A word beside the size.

    Parameters
    ----------
    kind
        ``system``, ``audience``, ``family`` or ``size``.
    value
        Which; for ``size`` and for units the language of the word, a hint at the system.
    """

    kind: str
    value: str


class Spellings:
    """All words, compiled.

    Parameters
    ----------
    words
        Content of ``spellings.yaml``.

    Attributes
    ----------
    one, unread : frozenset of str
        Whole labels, folded and without spaces and hyphens.
    """

    def __init__(self, words: Mapping[str, object]) -> None:
        self.one = frozenset(_tight(w) for w in _flat(words["one"]))
        self.unread = frozenset(_tight(w) for w in _flat(words["unread"]))
        self._codes: dict[str, str] = {}
        self._markers: list[Marker] = []
        for kind in ("size", "system", "audience", "family"):
            for value, spelt in _mapping(words[kind]).items():
                self._add(spelt, self._marker(kind, value))
        for unit, code in UNITS.items():
            listed = words[unit]
            for language, spelt in (listed if isinstance(listed, dict) else {"": listed}).items():
                hint = self._marker("size", language) if language not in ("", "any") else ""
                self._add(spelt, code + hint)
        for letter, spelt in _mapping(words["letters"]).items():
            self._add(spelt, letter)
        self._tight_codes = {_tight(w).rstrip("."): code for w, code in self._codes.items()}
        self._pattern = re.compile(self._words())

    def _marker(self, kind: str, value: str) -> str:
        self._markers.append(Marker(kind, value))
        return chr(ord(_MARKERS) + len(self._markers) - 1)

    def _add(self, words: object, code: str) -> None:
        for word in _flat(words):
            self._codes.setdefault(fold(word), code)

    def _words(self) -> str:
        """Any known word, the longest that fits; a word of a script with spaces stands alone."""
        anywhere, alone = [], []
        for word in sorted(self._codes, key=len, reverse=True):
            escaped = re.escape(word).replace(r"\ ", "[ -]?")
            if ord(word[0]) >= 0x0590 or not word[0].isalpha():
                anywhere.append(escaped)
            else:
                alone.append(escaped + ("" if word[-1] == "." else _WORD_ENDS))
        # Each alternative begins with a letter, so that those of other letters are passed at once.
        return "|".join([*anywhere, rf"(?<![^\W\d_])(?:{'|'.join(alone)})"])

    def encode(self, folded: str) -> str:
        """Replace every known word of a folded label by the character of its meaning."""
        return self._pattern.sub(self._encoded, folded)

    def _encoded(self, found: re.Match[str]) -> str:
        word = found[0]
        code = self._codes.get(word) or self._codes.get(word.rstrip("."))
        return code or self._tight_codes[_tight(word).rstrip(".")]

    def decode(self, encoded: str) -> tuple[str, tuple[Marker, ...]]:
        """Split an encoded label into what is left of it and its markers."""
        found: list[Marker] = []
        rest: list[str] = []
        for character in encoded:
            place = ord(character) - ord(_MARKERS)
            if 0 <= place < len(self._markers):
                found.append(self._markers[place])
            else:
                rest.append(character)
        return "".join(rest), tuple(found)


def _flat(words: object) -> Iterator[str]:
    if isinstance(words, list):
        for word in words:
            yield from _flat(word)
    else:
        yield str(words)


def _mapping(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise TypeError(f"spellings.yaml: expected a mapping, not {value!r}")
    return {str(key): each for key, each in value.items()}


def _tight(word: str) -> str:
    return fold(word).replace(" ", "").replace("-", "")


@lru_cache(maxsize=1)
def spellings() -> Spellings:
    """The words of the package, read once."""
    return Spellings(read_data("spellings.yaml"))
