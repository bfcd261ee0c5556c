"""Measures in anybody's units, read into the contract's: ``5 ft 6``, ``1,68 m``, ``140 lb``.

A cell or a field that names its unit is read in it, whatever unit was expected; a bare number is in
the unit that was declared for it. What cannot be read is refused with what would be accepted.
"""

from __future__ import annotations

import math
import re
import unicodedata
from functools import lru_cache
from typing import Any

from data_contracts.lazy import pd
from data_contracts.tables import BODY_RANGES

__all__ = [
    "FEET_AND_INCHES",
    "MEASURES",
    "UNITS",
    "MeasureError",
    "convert",
    "read_measure",
    "units_of",
]

FEET_AND_INCHES = "ft_in"
"""Text such as ``5'6"``, ``5 ft 6 in`` or ``5-6``."""

UNITS: dict[str, dict[str, float]] = {
    "cm": {"mm": 0.1, "cm": 1.0, "m": 100.0, "in": 2.54, "ft": 30.48, FEET_AND_INCHES: 2.54},
    "kg": {
        "g": 0.001,
        "kg": 1.0,
        "oz": 0.028349523125,
        "lb": 0.45359237,
        "st": 6.35029318,
        "jin": 0.5,
    },
    "g": {"mg": 0.001, "g": 1.0, "kg": 1000.0, "oz": 28.349523125, "lb": 453.59237},
    "years": {"years": 1.0, "months": 1 / 12, "weeks": 7 / 365.25, "days": 1 / 365.25},
    "currency": {"units": 1.0, "hundredths": 0.01},
}
"""Factor by contract unit and source unit."""

MEASURES: dict[str, tuple[float, float, str]] = {**BODY_RANGES, "age_years": (0.0, 120.0, "years")}
"""What can be read by :func:`read_measure`: (min, max, unit) of each figure of a body."""

_WORDS = {
    "cm": {
        "mm": "mm millimeter millimetre millimeters millimetres 毫米 ミリ",
        "cm": "cm cms centimeter centimetre centimeters centimetres zentimeter centimètre"
        " centimètres centímetro centímetros 厘米 公分 センチ センチメートル 센티",
        "m": "m mt mtr meter metre meters metres mètre mètres metro metros 米 公尺 メートル 미터",
        "in": 'in ins inch inches " zoll pouce pouces pulgada pulgadas 英寸 吋 インチ 인치',
        "ft": "ft feet foot ' fuß fuss pied pieds pie pies 英尺 呎 フィート 피트",
    },
    "kg": {
        "g": "g gr gramm gram grams gramme grammes gramo gramos 克 グラム 그램",
        "kg": "kg kgs kilo kilos kilogramm kilogram kilograms kilogramme kilogrammes kilogramo"
        " kilogramos 公斤 千克 キロ キログラム 킬로",
        "oz": "oz ozs ounce ounces 盎司 オンス",
        "lb": "lb lbs pound pounds # livre livres libra libras 磅 ポンド 파운드",
        "st": "st stone stones 英石",
        "jin": "jin 斤",
    },
    "years": {
        "years": "y yr yrs year years jahr jahre an ans año años 岁 歳 才 세 살",
        "months": "mo mos month months monat monate mois mes meses 月 个月 ヶ月 か月 カ月 개월",
        "weeks": "w wk wks week weeks woche wochen semaine semaines semana semanas 周 週 週間 주",
        "days": "d day days tag tage jour jours día días 天 日 일",
    },
}
_WORDS["g"] = {"mg": "mg milligram milligrams 毫克"} | {
    unit: words for unit, words in _WORDS["kg"].items() if unit in UNITS["g"]
}
_UNIT_OF = {
    target: {word: unit for unit, words in units.items() for word in words.split()}
    for target, units in _WORDS.items()
}
_KINDS = {"cm": "length", "kg": "weight", "g": "weight", "years": "age"}
_PARTS = {
    ("cm", "ft"): ("in", 12.0),
    ("cm", "m"): ("cm", 100.0),
    ("kg", "st"): ("lb", 14.0),
    ("kg", "lb"): ("oz", 16.0),
    ("kg", "kg"): ("g", 1000.0),
    ("g", "lb"): ("oz", 16.0),
    ("g", "kg"): ("g", 1000.0),
    ("years", "years"): ("months", 12.0),
    ("years", "months"): ("weeks", 5.0),
    ("years", "weeks"): ("days", 7.0),
}
"""The smaller unit that may follow, and how many of it make one of the larger."""
_EXAMPLES = {
    "height_cm": "168 cm, 1.68 m, 66 in, 5 ft 6 in or 5'6\"",
    "weight_kg": "63.5 kg, 140 lb or 10 st 4 lb",
    "foot_length_cm": "24.5 cm, 245 mm or 9.6 in",
    "age_years": "3 years, 18 months or 2 years 3 months",
}
_GIRTH_EXAMPLES = "92 cm, 36 in or 36 1/2 in"
_LONGEST = 60
_LONGEST_SPACED = 4 * _LONGEST
"""Of text as it was sent: what is longer is not even folded, which takes the square of its length
where it is made of combining marks."""
_PARTS_OF_ONE = ("1/2", "1/4", "3/4", "1/3", "2/3", "1/8", "3/8", "5/8", "7/8")
_VULGAR = {mark: f" {part}" for mark, part in zip("½¼¾⅓⅔⅛⅜⅝⅞", _PARTS_OF_ONE, strict=True)}
_MARKS = str.maketrans(
    {"′": "'", "’": "'", "‘": "'", "`": "'", "´": "'", "″": '"', "”": '"', "“": '"', "„": '"'}
    | _VULGAR
)
_NUMBER = (
    r"(?:[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?|[0-9]{1,3}(?:\.[0-9]{3})+(?:,[0-9]+)?"
    r"|[0-9]+(?:[.,][0-9]+)?)(?:\s+[0-9]/[1-9])?|[0-9]/[1-9]"
)
_UNIT = r"[^\W\d_]+\.?|'{1,2}|\"|\#"
_TEXT = re.compile(
    rf"(?P<a>{_NUMBER})\s*(?:(?P<ua>{_UNIT})"
    rf"(?:\s*(?:,|-|and|und|et|y)?\s*(?P<b>{_NUMBER})\s*(?P<ub>{_UNIT})?)?)?"
)
_DASHED = re.compile(r"(\d+)\s*-\s*(\d+(?:\.\d+)?)")


class MeasureError(ValueError):
    """A measure cannot be read, or no body has it; the message says what is accepted.

    Parameters
    ----------
    message
        What is wrong, and what to do.
    amount
        What was read, in the contract's unit; NaN where it cannot be read.
    """

    def __init__(self, message: str, amount: float = math.nan) -> None:
        super().__init__(message)
        self.amount = amount


def units_of(unit: str | None) -> tuple[str, ...]:
    """Return the source units that convert to the contract unit ``unit``."""
    return tuple(UNITS.get(unit or "", ()))


def read_measure(value: str | float, name: str, *, unit: str | None = None) -> float:
    """Read one figure of a body, as people write it, in the contract's unit.

    Parameters
    ----------
    value
        Text such as ``5'6"``, ``5 ft 6 in``, ``66 in``, ``1,68 m``, ``9 st 4 lb`` or ``140 lbs``,
        in any of our languages and with full-width digits; or a number.
    name
        The contract column, a key of `MEASURES`.
    unit
        Of text without a unit. None refuses such text; a number is in the contract's unit then.

    Returns
    -------
    float
        In cm, kg or years.

    Raises
    ------
    MeasureError
        The text is no measure of this kind, or no human body measures that much or little.

    Examples
    --------
    >>> round(read_measure("5 ft 6 in", "height_cm"), 2)
    167.64
    >>> read_measure("66", "height_cm")
    Traceback (most recent call last):
        ...
    data_contracts.units.MeasureError: height '66' names no unit; write 168 cm, 1.68 m, 66 in, \
5 ft 6 in or 5'6"
    >>> read_measure("1.68 cm", "height_cm")
    Traceback (most recent call last):
        ...
    data_contracts.units.MeasureError: height '1.68 cm' is 1.68 cm; it must be between 30 and 250 cm
    """
    low, high, target = MEASURES[name]
    if isinstance(value, str):
        amount, problem = _read(value, target, unit, (low, high))
        shown = repr(value if len(value) <= _LONGEST else value[:_LONGEST] + "...")
    else:
        amount = float(value) * UNITS[target][unit or target]
        problem, shown = "", f"{value:g}"
    what = name.rsplit("_", 1)[0].replace("_", " ")
    if problem:
        raise MeasureError(
            f"{what} {shown} {problem}; write {_EXAMPLES.get(name, _GIRTH_EXAMPLES)}"
        )
    if not low <= amount <= high:
        raise MeasureError(
            f"{what} {shown} is {amount:.4g} {target}; it must be between {low:g} and {high:g}"
            f" {target}",
            amount,
        )
    return amount


def convert(
    values: pd.Series[Any],
    unit: str,
    target: str,
    limits: tuple[float, float] = (-math.inf, math.inf),
) -> pd.Series[Any]:
    """Return float64 values in the contract unit ``target``; what cannot be read becomes NaN.

    Parameters
    ----------
    values
        Numbers, in ``unit``, or text; text that names a unit of its own is read in it.
    unit, target
        Keys of `UNITS`.
    limits
        What the column may hold, where the contract says so. They decide between 1,234 as a
        fraction and as a thousand; values beyond them are returned all the same.
    """
    factor = UNITS[target][unit]
    if pd.api.types.is_numeric_dtype(values) and unit != FEET_AND_INCHES:
        return values.astype("float64") * factor
    bare = pd.to_numeric(values, errors="coerce").astype("float64") * factor
    if unit == FEET_AND_INCHES:
        bare[:] = math.nan  # 5.6 may be five feet six or five and six tenths
    unread = (bare.isna() & values.notna()).to_numpy()
    if target not in _UNIT_OF or not unread.any():
        return bare
    written = values[unread].astype("str")
    read = {text: _read(text, target, unit, limits)[0] for text in written.unique()}
    bare[unread] = written.map(read).astype("float64")
    return bare


@lru_cache(maxsize=4096)
def _read(
    text: str, target: str, unit: str | None, limits: tuple[float, float]
) -> tuple[float, str]:
    """Amount in ``target`` and "", or NaN and what is wrong."""
    if len(text) > _LONGEST_SPACED:
        return math.nan, "is too long"
    plain = unicodedata.normalize("NFKC", text.translate(_MARKS)).translate(_MARKS)
    plain = " ".join(plain.lower().replace("''", '"').split())
    if len(plain) > _LONGEST:
        return math.nan, "is too long"
    if unit == FEET_AND_INCHES and (dashed := _DASHED.fullmatch(plain)):
        plain = f"{dashed[1]} ft {dashed[2]} in"
    found = _TEXT.fullmatch(plain)
    if found is None:
        return math.nan, "is no measure"
    default = None if unit == FEET_AND_INCHES else unit
    first, problem = _unit(found["ua"], target, default)
    if first is None:
        return math.nan, problem
    if found["b"] is None:
        return _in_limits(found["a"], UNITS[target][first], limits), ""
    return _two_parts(found, target, first)


def _two_parts(found: re.Match[str], target: str, first: str) -> tuple[float, str]:
    smaller, most = _PARTS.get((target, first), (None, 0.0))
    if smaller is None:
        return math.nan, "is no measure"
    second, problem = _unit(found["ub"], target, smaller)
    if second is None:
        return math.nan, problem
    major, minor = _number(found["a"]), _number(found["b"])
    # 1m7 may mean 1.70 m or 1.07 m, so centimetres without a unit need their two digits.
    digits = len(f"{most:g}") - 1
    short = found["ub"] is None and smaller in ("cm", "g") and len(found["b"]) != digits
    if second != smaller or minor >= most or major % 1 or short:
        return math.nan, f"is no number of {first} and {smaller}"
    return major * UNITS[target][first] + minor * UNITS[target][smaller], ""


def _unit(word: str | None, target: str, default: str | None) -> tuple[str | None, str]:
    if word is None:
        return default, "" if default else "names no unit"
    unit = _UNIT_OF[target].get(word.rstrip("."))
    return unit, "" if unit else f"is in {word.rstrip('.')!r}, which is no {_KINDS[target]}"


def _number(text: str) -> float:
    whole, _, fraction = text.rpartition(" ") if "/" in text else (text, "", "")
    amount = float(_plain(whole)) if whole else 0.0
    if fraction:
        over, under = fraction.split("/")
        amount += int(over) / int(under)
    return amount


def _plain(text: str) -> str:
    """A number as Python writes it: what groups thousands comes twice or before the other mark."""
    marks = [mark for mark in text if mark in ".,"]
    if len(marks) < 2:
        return text.replace(",", ".")
    grouped = text.replace(marks[0], "")
    return grouped if marks[-1] == marks[0] else grouped.replace(marks[-1], ".")


def _in_limits(text: str, factor: float, limits: tuple[float, float]) -> float:
    """Amount of one number; 1,680 is a thousand where as a fraction nobody measures it."""
    amount = _number(text) * factor
    low, high = limits
    if not low <= amount <= high and re.fullmatch(r"\d{1,3}[.,]\d{3}", text):
        thousand = float(re.sub(r"[.,]", "", text)) * factor
        return thousand if low <= thousand <= high else amount
    return amount
