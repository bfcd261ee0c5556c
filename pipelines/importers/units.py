"""Units anybody's tables come in, as factors to the contract's units."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

__all__ = ["FEET_AND_INCHES", "UNITS", "convert", "units_of"]

FEET_AND_INCHES = "ft_in"
"""Text such as ``5'6"``, ``5 ft 6 in`` or ``5-6``."""

UNITS: dict[str, dict[str, float]] = {
    "cm": {"mm": 0.1, "cm": 1.0, "m": 100.0, "in": 2.54, "ft": 30.48, FEET_AND_INCHES: 2.54},
    "kg": {"g": 0.001, "kg": 1.0, "oz": 0.028349523125, "lb": 0.45359237, "st": 6.35029318},
    "g": {"mg": 0.001, "g": 1.0, "kg": 1000.0, "oz": 28.349523125, "lb": 453.59237},
    "years": {"years": 1.0, "months": 1 / 12},
    "currency": {"units": 1.0, "hundredths": 0.01},
}
"""Factor by contract unit and source unit."""

_FEET = re.compile(
    r"^\s*(\d+)\s*(?:'|′|’|ft\.?|feet|foot|-)\s*(?:(\d+(?:\.\d+)?)\s*(?:\"|″|”|''|in\.?|inches)?)?\s*$"
)


def units_of(unit: str | None) -> tuple[str, ...]:
    """Return the source units that convert to the contract unit ``unit``."""
    return tuple(UNITS.get(unit or "", ()))


def convert(values: pd.Series[Any], unit: str, target: str) -> pd.Series[Any]:
    """Return float64 values in the contract unit ``target``; what is not a number becomes NaN.

    Parameters
    ----------
    values
        Numbers or text, in ``unit``.
    unit, target
        Keys of `UNITS`.
    """
    if unit == FEET_AND_INCHES:
        numbers = values.map(_inches, na_action="ignore").astype("float64")
    else:
        numbers = pd.to_numeric(values, errors="coerce").astype("float64")
    return numbers * UNITS[target][unit]


def _inches(value: object) -> float | None:
    match = _FEET.match(str(value))
    return 12 * float(match[1]) + float(match[2] or 0) if match else None
