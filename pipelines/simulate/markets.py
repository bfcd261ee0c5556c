"""Markets: money, language, how readily people send things back, and the way there."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Market:
    """One country the shop sells to.

    Attributes
    ----------
    code, currency, locale : str
        ISO 3166 alpha-2, ISO 4217, POSIX locale.
    share : float
        Share of the customers.
    per_euro : float
        Units of the currency for one euro, constant over the period.
    decimals : int
        Decimals a price is written with.
    returning : float
        Return culture: factor on the reasons that are a matter of mood.
    transit_days, delay : float
        Median days in transit; spread of the log of it.
    damage : float
        Intensity of damage in transit.
    height : tuple of float
        Mean height in cm of women and men.
    girth : float
        Factor on weight and girths against the reference population.
    systems : tuple of str
        Size systems a shopper here reads without converting.
    """

    code: str
    currency: str
    locale: str
    share: float
    per_euro: float
    decimals: int
    returning: float
    transit_days: float
    delay: float
    damage: float
    height: tuple[float, float]
    girth: float
    systems: tuple[str, ...]


MARKETS: tuple[Market, ...] = (
    Market("DE", "EUR", "de_DE", 0.22, 1.0, 2, 1.60, 2.0, 0.30, 0.005, (166.0, 180.0), 1.00,
           ("ALPHA", "EU", "DE", "BABY_CM", "SHOE_EU", "WAIST_INCH")),
    Market("US", "USD", "en_US", 0.20, 1.1, 2, 1.00, 7.0, 0.45, 0.012, (163.0, 177.0), 1.04,
           ("ALPHA", "US", "BABY_MONTHS", "SHOE_US", "WAIST_INCH")),
    Market("GB", "GBP", "en_GB", 0.14, 0.86, 2, 1.15, 4.0, 0.40, 0.008, (164.0, 178.0), 1.02,
           ("ALPHA", "UK", "BABY_MONTHS", "SHOE_UK", "WAIST_INCH")),
    Market("FR", "EUR", "fr_FR", 0.12, 1.0, 2, 0.85, 3.0, 0.35, 0.006, (165.0, 178.0), 0.98,
           ("ALPHA", "FR", "EU", "BABY_MONTHS", "SHOE_EU", "WAIST_INCH")),
    Market("CN", "CNY", "zh_CN", 0.10, 7.8, 2, 0.80, 9.0, 0.45, 0.014, (160.0, 172.0), 0.93,
           ("ALPHA", "CN", "BABY_CM", "SHOE_CN", "SHOE_EU")),
    Market("JP", "JPY", "ja_JP", 0.08, 160.0, 0, 0.45, 8.0, 0.30, 0.006, (158.5, 171.5), 0.91,
           ("ALPHA", "JP", "BABY_CM", "SHOE_JP")),
    Market("ES", "EUR", "es_ES", 0.07, 1.0, 2, 0.80, 4.0, 0.45, 0.009, (162.5, 176.0), 0.99,
           ("ALPHA", "ES", "EU", "BABY_MONTHS", "SHOE_EU", "WAIST_INCH")),
    Market("IT", "EUR", "it_IT", 0.07, 1.0, 2, 0.70, 4.0, 0.50, 0.010, (162.5, 176.5), 0.97,
           ("ALPHA", "IT", "EU", "BABY_MONTHS", "SHOE_EU", "WAIST_INCH")),
    Market("KR", "KRW", "ko_KR", 0.04, 1500.0, 0, 0.55, 8.0, 0.30, 0.007, (161.0, 174.0), 0.92,
           ("ALPHA", "KR", "BABY_CM", "SHOE_CN", "WAIST_INCH")),
    Market("AU", "AUD", "en_AU", 0.04, 1.65, 2, 0.95, 10.0, 0.45, 0.012, (163.5, 177.0), 1.02,
           ("ALPHA", "AU", "UK", "BABY_MONTHS", "SHOE_UK", "SHOE_US", "WAIST_INCH")),
)  # fmt: skip
