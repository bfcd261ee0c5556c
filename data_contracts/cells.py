"""Cells of a column, read as one kind: the values, and which cells could not be read."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from data_contracts.lazy import pd, pdt
from data_contracts.schema import Kind

__all__ = ["READERS", "BoolArray", "Cells", "WrongTypeError"]

BoolArray = npt.NDArray[np.bool_]
Cells = tuple["pd.Series[Any]", "BoolArray"]  # values of the contract's dtype, unreadable cells

_BLANK_WORDS = ("nan", "nat", "null", "none")  # how tools spell a blank number or time in text
_BOOLEAN_WORDS = {
    **dict.fromkeys(("true", "t", "yes", "y", "1", "1.0"), True),
    **dict.fromkeys(("false", "f", "no", "n", "0", "0.0"), False),
}


class WrongTypeError(TypeError):
    """The whole column is stored as something its kind cannot be read from."""


def _is_text(values: pd.Series[Any]) -> bool:
    return isinstance(values.dtype, pd.StringDtype)


def _none(values: pd.Series[Any]) -> BoolArray:
    return np.zeros(len(values), dtype=bool)


def _blank_to_null(values: pd.Series[Any]) -> pd.Series[Any]:
    blank = ((values == "") | values.str.isspace()).fillna(value=False).to_numpy(dtype=bool)
    return values.mask(blank, None) if blank.any() else values


def _stripped(values: pd.Series[Any]) -> pd.Series[Any]:
    """Return text trimmed, with every spelling of a blank as null."""
    text = values.astype("str").str.strip()
    return text.mask(text.str.lower().isin(("", *_BLANK_WORDS)).to_numpy(), None)


def _read_text(raw: pd.Series[Any]) -> Cells:
    if _is_text(raw):
        return _blank_to_null(raw.astype("str")), _none(raw)
    if pdt.is_bool_dtype(raw) or pdt.is_datetime64_any_dtype(raw):
        raise WrongTypeError("text is wanted")
    if pdt.is_integer_dtype(raw):
        return raw.astype("Int64").astype("string").astype("str"), _none(raw)
    if pdt.is_float_dtype(raw):
        numbers = raw.to_numpy(dtype="float64", na_value=np.nan)
        whole = np.isnan(numbers) | ((numbers % 1 == 0) & (np.abs(numbers) < 2**63))
        if whole.all():
            return pd.Series(numbers).astype("Int64").astype("string").astype("str"), _none(raw)
    cells = [_one_text(value) for value in raw]
    bad = np.array([text is None and not blank for text, blank in cells], dtype=bool)
    return pd.Series([text for text, _ in cells], dtype="str"), bad


def _one_text(value: object) -> tuple[str | None, bool]:
    """Return the text of a cell of a mixed column, and whether the cell is blank."""
    if isinstance(value, str):
        return (None, True) if not value.strip() else (value, False)
    if isinstance(value, (list, tuple, dict, set, np.ndarray, bool, np.bool_, bytes)):
        return None, False
    if pd.isna(cast("Any", value)):
        return None, True
    if isinstance(value, (float, np.floating, Decimal)):
        whole = math.isfinite(value) and value == int(value)
        return (str(int(value)) if whole else str(value)), False
    return str(value), False


def _read_number(raw: pd.Series[Any]) -> Cells:
    if pdt.is_bool_dtype(raw) or pdt.is_datetime64_any_dtype(raw) or pdt.is_complex_dtype(raw):
        raise WrongTypeError("a number is wanted")
    if pdt.is_numeric_dtype(raw):
        numbers = raw.to_numpy(dtype="float64", na_value=np.nan)
        blank = np.isnan(numbers)
    else:
        text = _stripped(raw)
        blank = text.isna().to_numpy()
        numbers = pd.to_numeric(text, errors="coerce").to_numpy(dtype="float64", na_value=np.nan)
    bad = ~blank & ~np.isfinite(numbers)
    return pd.Series(np.where(bad, np.nan, numbers)), bad


def _read_integer(raw: pd.Series[Any]) -> Cells:
    values, bad = _read_number(raw)
    numbers = values.to_numpy()
    fraction = ~np.isnan(numbers) & ((numbers % 1 != 0) | (np.abs(numbers) >= 2**53))
    return pd.Series(np.where(fraction, np.nan, numbers)).astype("Int64"), bad | fraction


def _read_boolean(raw: pd.Series[Any]) -> Cells:
    if pdt.is_bool_dtype(raw):
        return raw.astype("boolean"), _none(raw)
    if pdt.is_datetime64_any_dtype(raw):
        raise WrongTypeError("true or false is wanted")
    text = _stripped(raw).str.lower()
    values = text.map(_BOOLEAN_WORDS).astype("boolean")
    return values, (values.isna() & text.notna()).to_numpy(dtype=bool)


def _read_time(raw: pd.Series[Any]) -> Cells:
    if pdt.is_datetime64_any_dtype(raw):
        times = raw if getattr(raw.dtype, "tz", None) is not None else raw.dt.tz_localize("UTC")
        return times.astype("datetime64[us, UTC]"), _none(raw)
    if pdt.is_numeric_dtype(raw):
        raise WrongTypeError("a timestamp or ISO 8601 text is wanted")
    if pdt.is_object_dtype(raw) and not any(isinstance(value, str) for value in raw):
        text, blank = raw, raw.isna().to_numpy()
        # A bare number would be read as nanoseconds since 1970.
        numbers = np.array([isinstance(value, (int, float)) for value in raw], dtype=bool)
        text = text.mask(numbers, pd.NaT)
    else:
        text = _stripped(raw)
        blank = text.isna().to_numpy()
    times = pd.to_datetime(text, format="ISO8601", utc=True, errors="coerce")
    return times.astype("datetime64[us, UTC]"), ~blank & times.isna().to_numpy()


def _read_list(raw: pd.Series[Any]) -> Cells:
    cells = [_one_list(value) for value in raw]
    bad = np.array([items is None and not blank for items, blank in cells], dtype=bool)
    return pd.Series([items for items, _ in cells], dtype="object"), bad


def _one_list(value: object) -> tuple[list[str] | None, bool]:
    """Read a list, JSON text of a list, or text separated by ``|``."""
    if isinstance(value, (list, tuple, set, np.ndarray)):
        return [str(item) for item in value], False
    if isinstance(value, str):
        if not value.strip():
            return None, True
        if value.lstrip().startswith("["):
            try:
                return [str(item) for item in json.loads(value)], False
            except (ValueError, RecursionError):  # no JSON, 5,000 digits, or 100,000 brackets
                return None, False
        return [part.strip() for part in value.split("|") if part.strip()], False
    return None, bool(pd.isna(cast("Any", value)))


READERS: dict[Kind, Callable[[pd.Series[Any]], Cells]] = {
    "text": _read_text,
    "number": _read_number,
    "integer": _read_integer,
    "boolean": _read_boolean,
    "time": _read_time,
    "text_list": _read_list,
}
"""By kind: from a column, index 0..n-1 and not all null, to its cells."""
