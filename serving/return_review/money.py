"""Money: rounded to the currency's own decimals."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from babel.numbers import get_currency_precision

__all__ = ["plain", "rounded"]


def rounded(amount: float | Decimal, currency: str) -> Decimal:
    """Round half up to the currency's minor unit: cents of EUR, whole JPY, fils of KWD.

    Parameters
    ----------
    amount
        In units of the currency.
    currency
        ISO 4217 code.
    """
    nearest = Decimal(str(amount)).quantize(_unit(currency), ROUND_HALF_UP)
    return nearest if nearest else abs(nearest)  # no minus before nothing


def plain(amount: Decimal | None) -> float | int | None:
    """Write for a program: the JSON number nearest to the rounded amount; whole where the currency
    has no decimals.
    """
    if amount is None:
        return None
    return int(amount) if amount.as_tuple().exponent == 0 else float(amount)


@lru_cache
def _unit(currency: str) -> Decimal:
    return Decimal(1).scaleb(-get_currency_precision(currency))
