"""Languages of the messages: which are there, and which one answers a request.

Catalogues are gettext text files in ``locales/<locale>/LC_MESSAGES``, one an endpoint:
``muslin.po`` (size advice and what all share), ``return_risk.po``, ``return_review.po``. They are
merged and compiled in memory at start, so that a shop can edit a sentence, or add a language,
without a build step. Sentences are marked with :func:`N_` and :func:`NN_`. After one is added::

    pybabel extract -k N_ -k NN_:1,2 -o /tmp/return_risk.pot serving/risk_messages.py
    pybabel update -D return_risk -i /tmp/return_risk.pot -d serving/locales
"""

from __future__ import annotations

import gettext
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.lists import format_list
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import (
    format_currency,
    format_decimal,
    format_percent,
    get_currency_precision,
    get_decimal_symbol,
)

__all__ = [
    "DEFAULT",
    "DOMAIN",
    "LOCALES",
    "NN_",
    "N_",
    "CatalogueError",
    "Language",
    "Languages",
    "LocaleSyntaxError",
]

DOMAIN = "muslin"
DEFAULT = "en"
LOCALES = Path(__file__).with_name("locales")
_TAG = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*(\.[A-Za-z0-9-]+)?")
_LONGEST_TAG = 35  # BCP 47 asks a reader to take at least this many characters
_MOST_CACHED = 4096
_FIRST_GROUPED = 999.0  # from 1,000 on, and what rounds to it, regions group digits


def N_(sentence: str) -> str:  # noqa: N802 - gettext's own name
    """Mark a sentence for translation."""
    return sentence


def NN_(one: str, many: str) -> tuple[str, str]:  # noqa: N802
    """Mark a sentence with a count for translation."""
    return one, many


class CatalogueError(ValueError):
    """Two catalogues of a language translate one sentence differently."""


class LocaleSyntaxError(ValueError):
    """A locale that is no language tag at all."""


@dataclass(frozen=True, slots=True)
class Language:
    """One language's catalogue, and how its region writes numbers.

    Parameters
    ----------
    tag
        Catalogue that holds the sentences, such as ``zh_CN``.
    region
        Whose numbers and lists: ``de_AT`` reads the catalogue ``de`` and writes as Austria does.
    asked
        What was asked for, where this is another language; the answer then says so.
    """

    tag: str
    region: str
    catalogue: gettext.NullTranslations = field(compare=False)
    asked: str | None = None

    @property
    def bcp47(self) -> str:
        """The catalogue's tag as it is written on the web: ``zh-CN``."""
        return self.tag.replace("_", "-")

    def say(self, sentence: str, **figures: object) -> str:
        """Translate `sentence` and put the figures in."""
        return self.catalogue.gettext(sentence).format(**self._written(figures))

    def say_count(self, sentences: tuple[str, str], n: int, **figures: object) -> str:
        """Translate the form of `sentences` (singular, plural) that `n` asks for."""
        chosen = self.catalogue.ngettext(*sentences, n)
        return chosen.format(**self._written({"n": n, **figures}))

    def number(self, value: float) -> str:
        """Write a number as the region does."""
        return _number(value, self.region)

    def percent(self, share: float) -> str:
        """Write a share of one as a whole percentage."""
        return _percent(round(share, 2), self.region)

    def money(self, amount: float, currency: str) -> str:
        """Write an amount with its currency, in the currency's own decimals."""
        around = _around_money(currency, self.region)
        if around is None or not 0 <= amount < _FIRST_GROUPED:
            return format_currency(amount, currency, locale=self.region)
        before, point, decimals, after = around
        return f"{before}{f'{amount:.{decimals}f}'.replace('.', point)}{after}"

    def country(self, market: str) -> str:
        """Name a market: ``US`` is *United States*; the code itself where it names none."""
        return _countries(self.region).get(market, market)

    def both(self, items: Sequence[str]) -> str:
        """Join `items` by the region's "and"."""
        return _list(tuple(items), self.region)

    def _written(self, figures: dict[str, object]) -> dict[str, object]:
        return {
            name: self.number(value) if isinstance(value, int | float) else value
            for name, value in figures.items()
        }


@lru_cache(_MOST_CACHED)
def _number(value: float, region: str) -> str:
    return format_decimal(value, locale=region)


@lru_cache(_MOST_CACHED)
def _around_money(currency: str, region: str) -> tuple[str, str, int, str] | None:
    """What stands around the digits: Babel takes fifty times as long to put it there each time."""
    decimals = get_currency_precision(currency)
    point = get_decimal_symbol(region) if decimals else ""
    one = format_currency(1, currency, locale=region)
    before, digits, after = one.partition(f"1{point}{'0' * decimals}")
    return (before, point, decimals, after) if digits else None


@lru_cache(_MOST_CACHED)
def _percent(share: float, region: str) -> str:
    return format_percent(share, locale=region)


@lru_cache(_MOST_CACHED)
def _countries(region: str) -> Mapping[str, str]:
    return dict(Locale.parse(region).territories)


@lru_cache(_MOST_CACHED)
def _list(items: tuple[str, ...], region: str) -> str:
    return format_list(items, style="standard", locale=region)


class Languages:
    """All catalogues.

    Parameters
    ----------
    folder
        Holds ``<locale>/LC_MESSAGES/*.po``.

    Raises
    ------
    FileNotFoundError
        Without an English catalogue, the one every other falls back to.
    CatalogueError
        When two files of a locale translate one sentence differently.
    """

    def __init__(self, folder: Path = LOCALES) -> None:
        self._catalogues: dict[str, gettext.NullTranslations] = {}
        for path in sorted(folder.glob("*/LC_MESSAGES")):
            if files := sorted(path.glob("*.po")):
                self._catalogues[path.parts[-2]] = _compile(files)
        if not (folder / DEFAULT / "LC_MESSAGES" / f"{DOMAIN}.po").is_file():
            raise FileNotFoundError(
                f"no catalogue {folder / DEFAULT / 'LC_MESSAGES' / DOMAIN}.po: every message falls "
                "back to it"
            )
        self._locales = {tag: Locale.parse(tag) for tag in self._catalogues}
        self._default = Language(DEFAULT, DEFAULT, self._catalogues[DEFAULT])
        self._chosen: dict[str, Language] = {}

    @property
    def tags(self) -> tuple[str, ...]:
        """Locales there is a catalogue for."""
        return tuple(self._catalogues)

    def choose(self, asked: str | None) -> Language:
        """Find the language that answers `asked`.

        The catalogue of the same language answers, in the region's own numbers; where there is
        none, or the same language is written in another script, the answer carries what was asked
        for, so that a notice can say so.

        Parameters
        ----------
        asked
            ``de``, ``de-AT``, ``zh_Hans_CN``, ``fr_FR.UTF-8``; English when None.

        Raises
        ------
        LocaleSyntaxError
            When it is no language tag.
        """
        if asked is None:
            return self._default
        if (known := self._chosen.get(asked)) is not None:
            return known
        if len(asked) > _LONGEST_TAG or not _TAG.fullmatch(asked):
            raise LocaleSyntaxError(
                "is not a language tag; send one such as de, de-AT or zh_CN (RFC 5646)"
            )
        language = self._nearest(asked)
        if len(self._chosen) < _MOST_CACHED:  # a stranger cannot fill the memory with tags
            self._chosen[asked] = language
        return language

    def _nearest(self, asked: str) -> Language:
        wanted = _read(asked)
        if wanted is not None:
            for tag, locale in self._locales.items():
                if locale.language != wanted.language:
                    continue
                # Babel fills in the script of zh_TW: it is not to be taken for simplified.
                other_script = bool(
                    wanted.script and locale.script and wanted.script != locale.script
                )
                return Language(
                    tag,
                    str(locale if other_script else wanted),
                    self._catalogues[tag],
                    asked if other_script else None,
                )
        default = self._default
        return Language(default.tag, default.region, default.catalogue, asked)


def _compile(files: Sequence[Path]) -> gettext.GNUTranslations:
    tag = files[0].parts[-3]
    merged = Catalog(locale=tag, domain=DOMAIN)
    origin: dict[object, Path] = {}
    for path in files:
        with path.open("rb") as source:
            catalogue = read_po(source, locale=tag, domain=path.stem, abort_invalid=True)
        for message in catalogue:
            if not message.id:
                continue
            before = merged.get(message.id)
            if before is None:
                merged[message.id] = message
                origin[message.id] = path
            elif before.string != message.string:
                raise CatalogueError(
                    f"{origin[message.id]} and {path} translate {message.id!r} differently: "
                    f"{before.string!r} and {message.string!r}; keep one of them"
                )
    compiled = io.BytesIO()
    write_mo(compiled, merged)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def _read(tag: str) -> Locale | None:
    parts = tag.split(".", maxsplit=1)[0].replace("-", "_").split("_")
    for length in range(len(parts), 0, -1):  # drop what Babel does not know, from the right
        try:
            return Locale.parse("_".join(parts[:length]))
        except (UnknownLocaleError, ValueError):
            continue
    return None
