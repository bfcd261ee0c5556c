"""Size ladders: what a label in a size system says about the body it is cut for.

A ladder is a list of labels one step apart; a body has a continuous position on it. Misfit is
counted in those steps, so that half a shoe size and half a dress size weigh alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

#: Body dimensions, in the order of every body matrix: cm, and kg for weight.
DIMENSIONS = ("chest_cm", "waist_cm", "hip_cm", "height_cm", "weight_kg", "foot_length_cm")
ALPHA = ("XS", "S", "M", "L", "XL", "XXL", "3XL", "4XL")

#: How many steps smaller Asian brands label letters than western ones; their charts say so.
ASIAN_ALPHA_STEPS = 0.9


@dataclass(frozen=True)
class Ladder:
    """One size system for one audience and kind of garment.

    Attributes
    ----------
    system, audience, garment : str
        `garment` is ``body`` and ``lower`` (girths), ``band`` (of a bra), ``height``, ``foot`` or
        ``none``.
    labels : tuple of str
        Smallest first.
    centres : mapping of str to (float, float)
        Dimension to the body the first label is cut for and the step between labels.
    weight : float
        How common the system is for this audience in this shop.
    """

    system: str
    audience: str
    garment: str
    labels: tuple[str, ...]
    centres: Mapping[str, tuple[float, float]]
    weight: float = 1.0


def _girths(chest: float, waist: float, hip: float, step: float) -> dict[str, tuple[float, float]]:
    return {"chest_cm": (chest, step), "waist_cm": (waist, step), "hip_cm": (hip, step)}


def _count(first: float, step: float, count: int, form: str = "{:g}") -> tuple[str, ...]:
    return tuple(form.format(first + step * i) for i in range(count))


def _pairs(labels: tuple[str, ...]) -> tuple[str, ...]:
    """Labels two by two, ``S/M``, where one size serves both; an odd one at the end is left out."""
    return tuple(f"{a}/{b}" for a, b in zip(labels[::2], labels[1::2], strict=False))


def _foot(first: float, step: float) -> dict[str, tuple[float, float]]:
    return {"foot_length_cm": (first, step)}


def _women() -> list[Ladder]:
    cut = _girths(76.0, 60.0, 84.0, 4.0)
    chinese = tuple(f"{150 + 5 * i}/{76 + 4 * i}A" for i in range(9))
    out = [
        Ladder("EU", "women", "body", _count(32, 2, 10), cut, 1.5),
        Ladder("DE", "women", "body", _count(32, 2, 10), cut, 1.5),
        Ladder("FR", "women", "body", _count(34, 2, 10), cut, 1.0),
        Ladder("ES", "women", "body", _count(34, 2, 10), cut, 0.5),
        Ladder("IT", "women", "body", _count(38, 2, 10), cut, 0.8),
        Ladder("UK", "women", "body", _count(6, 2, 10), cut, 1.2),
        Ladder("US", "women", "body", _count(2, 2, 10), cut, 1.5),
        Ladder("JP", "women", "body", _count(5, 2, 10), cut, 0.5),
        Ladder("CN", "women", "body", chinese, cut | {"height_cm": (150.0, 5.0)}, 0.8),
        Ladder("ALPHA", "women", "body", ALPHA[:7], _girths(80.0, 64.0, 88.0, 6.0), 7.0),
        Ladder("KR", "women", "body", ("44", "55", "66", "77", "88", "99"),
               _girths(81.0, 64.0, 88.0, 4.5), 0.5),
        Ladder("AU", "women", "body", _count(6, 2, 10), _girths(77.0, 61.0, 85.5, 4.2), 0.4),
        Ladder("ALPHA", "women", "body", _pairs(ALPHA[:6]), _girths(83.0, 67.0, 91.0, 12.0), 0.5),
        Ladder("DE", "women", "body", _pairs(_count(32, 2, 10)), _girths(78.0, 62.0, 86.0, 8.0),
               0.4),
    ]  # fmt: skip
    for leg, weight in (("L30", 0.8), ("L32", 1.2), ("L34", 0.5)):
        labels = _count(24, 2, 8, "W{:g}/" + leg)
        out.append(
            Ladder("WAIST_INCH", "women", "lower", labels, _girths(80.0, 61.0, 85.0, 5.08), weight)
        )
    out += [
        Ladder("SHOE_EU", "women", "foot", _count(35, 1, 9), _foot(21.8, 2 / 3), 3.0),
        Ladder("SHOE_UK", "women", "foot", _count(3, 1, 7), _foot(22.2, 0.846), 1.0),
        Ladder("SHOE_US", "women", "foot", _count(5, 1, 7), _foot(22.2, 0.846), 1.2),
        Ladder("SHOE_CN", "women", "foot", _count(220, 5, 10), _foot(22.0, 0.5), 0.8),
        Ladder("SHOE_JP", "women", "foot", _count(22, 0.5, 10), _foot(22.0, 0.5), 0.5),
        Ladder("SHOE_US", "women", "foot", _count(5, 0.5, 13), _foot(22.2, 0.423), 0.4),
    ]
    return out + _bras()


def _bras() -> list[Ladder]:
    """Bands of one cup each: the bust grows by two centimetres from cup to cup."""
    out = []
    for i, cup in enumerate("ABCD"):
        band = {"chest_cm": (77.5 + 2.0 * i, 5.0), "waist_cm": (63.0, 5.0)}
        bands = {
            "EU": (_count(65, 5, 7), 0.4),
            "FR": (_count(80, 5, 7), 0.15),
            "UK": (_count(30, 2, 7), 0.2),
            "US": (_count(30, 2, 7), 0.2),
            "AU": (_count(8, 2, 7), 0.05),
        }
        out += [
            Ladder(system, "women", "band", tuple(x + cup for x in labels), band, weight)
            for system, (labels, weight) in bands.items()
        ]
        japanese = tuple(cup + x for x in _count(65, 5, 7))
        out.append(Ladder("JP", "women", "band", japanese, band, 0.1))
    return out


def _men() -> list[Ladder]:
    cut = _girths(88.0, 76.0, 90.0, 4.0)
    chinese = tuple(f"{160 + 5 * i}/{88 + 4 * i}A" for i in range(8))
    out = [
        Ladder("EU", "men", "body", _count(44, 2, 10), cut, 2.0),
        Ladder("DE", "men", "body", _count(44, 2, 10), cut, 1.0),
        Ladder("IT", "men", "body", _count(44, 2, 10), cut, 0.7),
        Ladder("UK", "men", "body", _count(34, 2, 10), cut, 1.0),
        Ladder("US", "men", "body", _count(34, 2, 10), cut, 1.2),
        Ladder("CN", "men", "body", chinese, cut | {"height_cm": (160.0, 5.0)}, 0.7),
        Ladder("ALPHA", "men", "body", ALPHA, _girths(86.0, 74.0, 88.0, 6.0), 7.0),
        Ladder("KR", "men", "body", _count(90, 5, 6), _girths(90.0, 76.0, 91.0, 5.0), 0.4),
        Ladder("AU", "men", "body", _count(87, 5, 9), _girths(87.0, 74.0, 90.0, 5.0), 0.3),
        Ladder("ALPHA", "men", "body", _pairs(ALPHA), _girths(89.0, 77.0, 91.0, 12.0), 0.4),
    ]
    for leg, weight in (("L30", 0.6), ("L32", 1.5), ("L34", 1.0)):
        labels = _count(28, 2, 8, "W{:g}/" + leg)
        out.append(
            Ladder("WAIST_INCH", "men", "lower", labels, _girths(86.0, 72.0, 87.0, 5.08), weight)
        )
    out += [
        Ladder("SHOE_EU", "men", "foot", _count(39, 1, 10), _foot(24.5, 2 / 3), 3.0),
        Ladder("SHOE_UK", "men", "foot", _count(6, 1, 8), _foot(24.7, 0.846), 1.0),
        Ladder("SHOE_US", "men", "foot", _count(7, 1, 8), _foot(24.7, 0.846), 1.2),
        Ladder("SHOE_CN", "men", "foot", _count(245, 5, 10), _foot(24.5, 0.5), 0.7),
        Ladder("SHOE_JP", "men", "foot", _count(24.5, 0.5, 10), _foot(24.5, 0.5), 0.4),
        Ladder("SHOE_US", "men", "foot", _count(7, 0.5, 15), _foot(24.7, 0.423), 0.4),
    ]
    return out


def _lower(adult: list[Ladder]) -> list[Ladder]:
    """Trousers and skirts: sized as tops are, but where a system counts the waist instead."""
    own = {("CN", "women"), *((system, "men") for system in ("UK", "US", "AU", "KR", "CN"))}
    out = [
        replace(x, garment="lower")
        for x in adult
        if x.garment == "body" and (x.system, x.audience) not in own
    ]
    women = tuple(f"{150 + 5 * i}/{60 + 4 * i}A" for i in range(8))
    men = tuple(f"{160 + 5 * i}/{70 + 4 * i}A" for i in range(7))
    inches = _girths(86.0, 72.0, 87.0, 5.08)
    out.append(Ladder("CN", "women", "lower", women, _girths(76.0, 60.0, 84.0, 4.0), 0.8))
    out += [
        Ladder("CN", "men", "lower", men, _girths(82.0, 70.0, 84.0, 4.0), 0.7),
        Ladder("UK", "men", "lower", _count(28, 2, 8), inches, 1.0),
        Ladder("US", "men", "lower", _count(28, 2, 8), inches, 1.2),
        Ladder("KR", "men", "lower", _count(28, 2, 7), inches, 0.4),
        Ladder("AU", "men", "lower", _count(72, 5, 8), _girths(85.0, 72.0, 87.0, 5.0), 0.3),
    ]
    return out


def _children(audience: str) -> list[Ladder]:
    cut = {"height_cm": (92.0, 6.0), "chest_cm": (50.0, 2.7)}
    wide = {"height_cm": (104.0, 12.0), "chest_cm": (55.4, 5.4)}
    tens = {"height_cm": (90.0, 10.0), "chest_cm": (49.1, 4.5)}
    small = {"height_cm": (89.0, 6.4), "chest_cm": (51.0, 2.4)}
    big = {"height_cm": (127.5, 8.5), "chest_cm": (65.0, 4.2)}
    uk = tuple(f"{a}-{a + 1}" for a in range(1, 14))
    toddler = {"height_cm": (88.0, 7.0), "chest_cm": (51.0, 1.9)}
    years = {"height_cm": (92.0, 12.0), "chest_cm": (52.0, 5.0)}
    return [
        Ladder("EU", audience, "height", _count(92, 6, 13), cut, 3.0),
        Ladder("US", audience, "height", _count(2, 1, 7), small, 0.5),
        Ladder("US", audience, "height", _count(8, 2, 7), big, 0.5),
        Ladder("UK", audience, "height", uk, cut, 1.0),
        Ladder("CN", audience, "height", _count(90, 10, 8), tens, 0.8),
        Ladder("ALPHA", audience, "height", ALPHA[:6], wide, 0.6),
        Ladder("SHOE_EU", audience, "foot", _count(23, 1, 18), _foot(13.8, 2 / 3), 2.0),
        Ladder("SHOE_CN", audience, "foot", _count(140, 5, 22), _foot(14.0, 0.5), 0.5),
        Ladder("US", audience, "height", ("2T", "3T", "4T", "5T"), toddler, 0.5),
        Ladder("KR", audience, "height", _count(90, 10, 8), tens, 0.3),
        Ladder("AU", audience, "height", _count(2, 2, 8), years, 0.3),
    ]


def _babies() -> list[Ladder]:
    months = ("0-1", "0-3", "3-6", "6-9", "9-12", "12-18", "18-24", "24-36")
    # Baby charts print the weight too; it is the length that binds.
    by_cm = {"height_cm": (50.0, 6.0), "weight_kg": (3.6, 1.4)}
    by_age = {"height_cm": (53.0, 6.0), "weight_kg": (4.3, 1.4)}
    return [
        Ladder("BABY_CM", "baby", "height", _count(50, 6, 9), by_cm, 3.0),
        Ladder("BABY_MONTHS", "baby", "height", months, by_age, 2.0),
        Ladder("ALPHA", "baby", "height", ALPHA[:5], {"height_cm": (50.0, 11.0)}, 0.1),
        Ladder("SHOE_EU", "baby", "foot", _count(16, 1, 9), _foot(9.2, 2 / 3), 1.0),
        Ladder(
            "BABY_CM",
            "baby",
            "height",
            ("50-56", "62-68", "74-80", "86-92"),
            {"height_cm": (53.0, 12.0)},
            0.6,
        ),
        Ladder(
            "AU",
            "baby",
            "height",
            ("0000", "000", "00", "0", "1", "2"),
            {"height_cm": (56.0, 7.0)},
            0.2,
        ),
    ]


def ladders(systems: tuple[str, ...] | None = None) -> tuple[Ladder, ...]:
    """Every ladder of the shop.

    Parameters
    ----------
    systems : tuple of str, optional
        Keep only these size systems.

    Returns
    -------
    tuple of Ladder

    Raises
    ------
    ValueError
        When nothing is left.
    """
    adult = _women() + _men()
    out = adult + _lower(adult) + _children("girls") + _children("boys") + _babies()
    out.append(Ladder("ALPHA", "unisex", "body", ALPHA, _girths(83.0, 69.0, 88.0, 6.5)))
    out += [Ladder("ONE", a, "none", ("ONE",), {}) for a in ("unisex", "baby")]
    kept = tuple(x for x in out if systems is None or x.system in systems)
    if not kept:
        known = sorted({x.system for x in out})
        raise ValueError(f"size_systems {systems} leaves no size ladder; known: {known}")
    return kept


def asian(ladder: Ladder) -> Ladder:
    """The same letters as an Asian brand means them: a smaller body under each label."""
    centres = {
        d: (first - ASIAN_ALPHA_STEPS * step, step) for d, (first, step) in ladder.centres.items()
    }
    return Ladder(
        ladder.system, ladder.audience, ladder.garment, ladder.labels, centres, ladder.weight
    )
