"""Kinds of garment, and the body dimension that decides whether each fits."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Category:
    """A kind of garment.

    Attributes
    ----------
    name : str
    audiences : tuple of str
    garment : str
        The ladders it is sized by.
    systems : tuple of str
        The only size systems it uses; empty for any.
    binding : dict of str to float
        Weights of the body dimensions that decide whether it fits; they sum to 1.
    price : float
        Median price, euro.
    grams : float
        Median weight of one piece.
    tolerance : float
        Half-width of the band of good fit, in size steps.
    share : float
        How many products of it there are.
    material : tuple of str
    sealed : bool
        Sealed for hygiene.
    formal : float
        How much it is worn for occasions; drives occasion and wardrobing.
    """

    name: str
    audiences: tuple[str, ...]
    garment: str
    binding: dict[str, float]
    price: float
    grams: float
    tolerance: float
    share: float
    material: tuple[str, ...]
    systems: tuple[str, ...] = ()
    sealed: bool = False
    formal: float = 0.1


_KNIT = ("cotton", "viscose", "wool", "cotton, elastane")
_WOVEN = ("cotton", "polyester", "linen", "viscose", "polyester, elastane")
_DENIM = ("cotton", "cotton, elastane")
#: How much wider than its kind's the band of good fit of a fabric is: what gives forgives.
STRETCH = {
    "cotton, elastane": 1.25, "polyester, elastane": 1.25, "wool": 1.1, "linen": 0.9,
    "polyester": 0.95, "canvas": 0.95,
}  # fmt: skip
_UPPER = {"chest_cm": 0.8, "waist_cm": 0.2}
_LOWER = {"waist_cm": 0.6, "hip_cm": 0.4}
_HIP = {"waist_cm": 0.4, "hip_cm": 0.6}
# The band of a bra lies between bust and waist; its cup is the ladder's.
_BAND = {"chest_cm": 0.6, "waist_cm": 0.4}
_ALL = {"chest_cm": 0.5, "waist_cm": 0.25, "hip_cm": 0.25}
_TALL = {"height_cm": 0.85, "chest_cm": 0.15}
_LENGTH = {"height_cm": 1.0}
_FOOT = {"foot_length_cm": 1.0}
_ADULT, _KIDS = ("women", "men"), ("girls", "boys")
_SIZES = ("ALPHA", "US", "UK", "EU", "FR", "IT", "DE", "ES", "CN", "JP", "KR", "AU")
_LETTERS = ("ALPHA",)

CATEGORIES: tuple[Category, ...] = (
    Category("dress", ("women",), "body", _ALL, 69, 420, 0.80, 4.0, _WOVEN, _SIZES, formal=0.7),
    Category("top", ("women",), "body", _UPPER, 29, 200, 0.95, 3.0, _KNIT, _SIZES),
    Category("shirt", _ADULT, "body", _UPPER, 45, 280, 0.80, 2.5, _WOVEN, _SIZES, formal=0.3),
    Category("knitwear", (*_ADULT, "unisex"), "body", _UPPER, 55, 450, 1.05, 2.0, _KNIT, _LETTERS),
    Category("t_shirt", (*_ADULT, "unisex"), "body", _UPPER, 22, 180, 1.00, 2.5, _KNIT, _LETTERS),
    Category("coat", _ADULT, "body", _UPPER, 149, 1300, 0.90, 1.5, _WOVEN, _SIZES, formal=0.4),
    Category("trousers", _ADULT, "lower", _LOWER, 59, 480, 0.75, 2.5, _WOVEN, _SIZES, formal=0.2),
    Category("jeans", _ADULT, "lower", _LOWER, 75, 650, 0.70, 2.5, _DENIM, ("WAIST_INCH",)),
    Category("skirt", ("women",), "lower", _HIP, 45, 320, 0.75, 1.5, _WOVEN, _SIZES, formal=0.4),
    Category("swimwear", ("women",), "body", _ALL, 39, 150, 0.80, 0.8, _KNIT, _SIZES, True),
    Category("underwear", _ADULT, "lower", _LOWER, 19, 90, 0.95, 0.8, _KNIT, _LETTERS, True),
    Category("shoes", (*_ADULT, *_KIDS), "foot", _FOOT, 79, 800, 0.80, 3.5, ("leather", "canvas"),
             formal=0.3),
    Category("kids_top", _KIDS, "height", _TALL, 19, 150, 0.95, 2.5, _KNIT),
    Category("kids_trousers", _KIDS, "height", _TALL, 25, 250, 0.80, 2.0, _WOVEN),
    Category("kids_dress", ("girls",), "height", _TALL, 29, 220, 0.85, 1.5, _WOVEN, formal=0.5),
    Category("kids_jacket", _KIDS, "height", _TALL, 49, 550, 0.90, 1.0, _WOVEN),
    Category("romper", ("baby",), "height", _LENGTH, 24, 180, 0.85, 3.0, ("cotton",)),
    Category("bodysuit", ("baby",), "height", _LENGTH, 15, 90, 0.85, 2.0, ("cotton",)),
    Category("sleepsuit", ("baby",), "height", _LENGTH, 22, 200, 0.85, 2.0, ("cotton",)),
    Category("baby_shoes", ("baby",), "foot", _FOOT, 29, 180, 0.80, 0.8, ("leather",)),
    Category("scarf", ("unisex",), "none", {}, 25, 150, 1.0, 0.8, ("wool",)),
    Category("baby_hat", ("baby",), "none", {}, 12, 50, 1.0, 0.4, ("cotton",)),
    Category("bra", ("women",), "band", _BAND, 32, 80, 0.80, 0.9, _KNIT, sealed=True),
)  # fmt: skip
