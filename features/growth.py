"""How children grow: stature, weight and foot for age, and a child's own line among all.

Figures. WHO Child Growth Standards (2006) from birth to 5 years, WHO Reference (2007) from 5 to 19
years (weight: to 10), by sex; see :mod:`features.lms`. For stature L is 1, so that stature at an
age is normal.

Interpolation. L, M and S run straight between neighbouring rows: weeks to 13 weeks, months after.
Before birth the newborn's figures are given, after the last row those of the last row: who is 19
has grown up.

Joins. WHO gives lying length to 24 months and standing height after, 0.7 cm less: a child would
shrink on its second birthday. Here the 0.7 cm are taken off evenly between 18 and 24 months, so
that stature always grows; up to 18 months it is the published length, from 24 months the published
height. At 5 years the figures run straight from the last row of 2006 (60 months) to the first of
2007 (61 months); the rows that both books give for 61 months differ by 0.3 cm.

Sex unknown. Both sexes are equally likely: the mean of their medians, and a spread widened by the
distance between them. A z-score against it says where a child of unknown sex stands among all.

A child's own line. A child keeps its percentile, but not quite: see :class:`Persistence`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from features.lms import Sexes, lms, lms_one, stature_grid

__all__ = [
    "GROWN_UP",
    "MEASURED_SD",
    "USUAL",
    "WEIGHED_TO",
    "Persistence",
    "age_at_stature",
    "carry_z",
    "foot_length",
    "stature",
    "stature_at",
    "stature_later",
    "stature_z",
    "weight",
    "weight_at",
    "weight_later",
    "weight_z",
]

Floats = npt.NDArray[np.float64]

GROWN_UP = 19.0
"""Years at which the table of stature ends."""
WEIGHED_TO = 10.0
"""Years at which the table of weight ends: in puberty weight says nothing without height."""
MEASURED_SD = 0.7
"""Standard deviation (cm) of one measurement of a child's stature. Of the same 200 children as
:class:`Persistence`, what each curve leaves unexplained: 0.27 z, in cm at their ages."""
_MEASURED_Z = 0.27
# Foot length by stature: at 3 years 15.6 (boys) and 15.3 cm (girls) by Cheng et al., Clin Orthop
# 1997;342:123-131, over the WHO median stature; of the grown, mean foot over mean stature of men
# (27.1 / 175.6 cm) and women (24.6 / 162.9 cm) by ANSUR II (Gordon et al. 2014).
_FOOT_AGES = (3.0, 18.0)
_FOOT_RATIO = {"female": (0.161, 0.151), "male": (0.162, 0.154), None: (0.1615, 0.1525)}
_FOOT_SPREAD = 0.035


@dataclass(frozen=True)
class Persistence:
    """How well the z-score of a child at one age tells that at another.

    z-scores at two ages are jointly normal with correlation r, so that of the later age has mean
    r z and standard deviation sqrt(1 - r^2): the percentile is kept, regresses towards the middle
    and blurs as the gap grows (conditional gain; Cole, *Arch Dis Child* 1995;73:8-16, and the
    charts of 1997 built on it). Growth settles with age: r = ((a + c) / (b + c))^k for ages a < b,
    a first order autoregression in log(age + c). Grown-ups keep their height.

    Attributes
    ----------
    k, c
        Exponent and years. The usual ones were fitted to the correlations of length from birth to
        2 years of 200 Dutch children (SMOCC; van Buuren, *J Stat Softw* 2023;106(7), package
        brokenstick): root mean square error 0.04 over 45 pairs of ages (birth to 1 year 0.42 where
        0.40 was seen, 1 to 2 years 0.81 and 0.82). Beyond, one year apart they give 0.88 at 2 and
        0.97 at 9 years; Bailey (*Ann Hum Biol* 1994;21:1-11) found more than 0.9, nearing 1 with
        age.
    """

    k: float = 0.316
    c: float = 0.069

    def correlation_one(self, age_then: float, age_now: float) -> float:
        """:meth:`correlation` for one pair of ages."""
        low, high = (age_then, age_now) if age_then <= age_now else (age_now, age_then)
        low, high = min(max(low, 0.0), GROWN_UP), min(max(high, 0.0), GROWN_UP)
        return math.pow((low + self.c) / (high + self.c), self.k)

    def correlation(self, age_then: Floats, age_now: Floats) -> Floats:
        """Correlation of the z-scores of the same children at two ages (years)."""
        low = np.clip(np.minimum(age_then, age_now), 0.0, GROWN_UP)
        high = np.clip(np.maximum(age_then, age_now), 0.0, GROWN_UP)
        r: Floats = ((low + self.c) / (high + self.c)) ** self.k
        return r

    def fit(self, z_then: Floats, z_now: Floats, age_then: Floats, age_now: Floats) -> Persistence:
        """Learn ``k`` from children measured twice, by maximum likelihood; ``c`` stays.

        Both measurements err as in the study of the usual values, so that two of one week need not
        agree.

        Parameters
        ----------
        z_then, z_now
            z-scores, (pairs,).
        age_then, age_now
            Years, (pairs,).

        Raises
        ------
        ValueError
            Where no pair is complete and apart in age.
        """
        from scipy.optimize import minimize_scalar  # noqa: PLC0415 (the service never fits)

        known = np.isfinite(z_then + z_now + age_then + age_now) & (age_then != age_now)
        if not known.any():
            raise ValueError("no child measured at two ages: keep the usual persistence")
        then, now = np.asarray(z_then)[known], np.asarray(z_now)[known]
        one, other = np.asarray(age_then)[known], np.asarray(age_now)[known]

        def surprise(log_k: float) -> float:
            r = Persistence(math.exp(log_k), self.c).correlation(one, other)
            seen = r / (1.0 + _MEASURED_Z**2)  # an error of measurement looks like regression
            variance = 1.0 + _MEASURED_Z**2 - r * seen
            return float(np.sum((now - seen * then) ** 2 / variance + np.log(variance)))

        found = minimize_scalar(surprise, bounds=(math.log(1e-3), math.log(3.0)), method="bounded")
        return Persistence(float(math.exp(found.x)), self.c)


USUAL = Persistence()


def _plain(*values: object) -> bool:
    return all(isinstance(value, float | int) for value in values)


def _one_sex(sex: object) -> str | None:
    return sex if isinstance(sex, str) else None


@overload
def stature(age: float, sex: str | None) -> tuple[float, float]: ...
@overload
def stature(age: Floats, sex: str | Sexes | None) -> tuple[Floats, Floats]: ...
def stature(
    age: float | Floats, sex: str | Sexes | None
) -> tuple[float, float] | tuple[Floats, Floats]:
    """Median stature and its standard deviation at an age.

    Parameters
    ----------
    age
        Years; NaN gives NaN.
    sex
        ``"female"``, ``"male"``, or None (or any other word) where it is not known.

    Returns
    -------
    tuple
        Centimetres; two floats for one age, two arrays for many.
    """
    if isinstance(age, float | int):
        _, median, spread = lms_one("stature", age, _one_sex(sex))
        return median, median * spread
    _, medians, spreads = lms("stature", age, sex)
    return medians, medians * spreads


@overload
def stature_z(height: float, age: float, sex: str | None) -> float: ...
@overload
def stature_z(height: Floats, age: Floats, sex: str | Sexes | None) -> Floats: ...
def stature_z(height: Any, age: Any, sex: Any) -> Any:
    """Where a height (cm) stands among those of the age (years): standard deviations from M.

    The inverse of :func:`stature_at`.
    """
    median, spread = stature(age, sex)
    return (height - median) / spread


@overload
def stature_at(z: float, age: float, sex: str | None) -> float: ...
@overload
def stature_at(z: Floats, age: Floats, sex: str | Sexes | None) -> Floats: ...
def stature_at(z: Any, age: Any, sex: Any) -> Any:
    """Height (cm) of a child at ``z`` standard deviations, at an age in years."""
    median, spread = stature(age, sex)
    return median + z * spread


@overload
def weight(age: float, sex: str | None) -> tuple[float, float]: ...
@overload
def weight(age: Floats, sex: str | Sexes | None) -> tuple[Floats, Floats]: ...
def weight(age: Any, sex: Any) -> Any:
    """Median weight (kg) and half the way from -1 to +1 z, at an age; NaN beyond `WEIGHED_TO`."""
    none = 0.0 if _plain(age) else np.zeros(np.shape(age))
    low, middle, high = (weight_at(none + z, age, sex) for z in (-1.0, 0.0, 1.0))
    return middle, (high - low) / 2


@overload
def weight_z(kilograms: float, age: float, sex: str | None) -> float: ...
@overload
def weight_z(kilograms: Floats, age: Floats, sex: str | Sexes | None) -> Floats: ...
def weight_z(kilograms: Any, age: Any, sex: Any) -> Any:
    """Where a weight stands among those of the age; NaN beyond `WEIGHED_TO`."""
    if _plain(kilograms, age):
        power, median, spread = lms_one("weight", age, _one_sex(sex))
        known = age <= WEIGHED_TO
        return ((kilograms / median) ** power - 1) / (power * spread) if known else math.nan
    powers, medians, spreads = lms("weight", age, sex)
    z = ((kilograms / medians) ** powers - 1) / (powers * spreads)
    return np.where(np.asarray(age) <= WEIGHED_TO, z, np.nan)


@overload
def weight_at(z: float, age: float, sex: str | None) -> float: ...
@overload
def weight_at(z: Floats, age: Floats, sex: str | Sexes | None) -> Floats: ...
def weight_at(z: Any, age: Any, sex: Any) -> Any:
    """Weight (kg) of a child at ``z``, at an age in years; NaN beyond `WEIGHED_TO`.

    The inverse of :func:`weight_z`.
    """
    if _plain(z, age):
        power, median, spread = lms_one("weight", age, _one_sex(sex))
        base = 1 + power * spread * z
        return median * base ** (1 / power) if age <= WEIGHED_TO and base > 0 else math.nan
    powers, medians, spreads = lms("weight", age, sex)
    bases = 1 + powers * spreads * z
    known = (np.asarray(age) <= WEIGHED_TO) & (bases > 0)
    return np.where(known, medians * np.where(known, bases, 1.0) ** (1 / powers), np.nan)


@overload
def carry_z(
    z: float, age_then: float, age_now: float, persistence: Persistence = ...
) -> tuple[float, float]: ...
@overload
def carry_z(
    z: Floats, age_then: Floats, age_now: Floats, persistence: Persistence = ...
) -> tuple[Floats, Floats]: ...
def carry_z(z: Any, age_then: Any, age_now: Any, persistence: Persistence = USUAL) -> Any:
    """The z-score of a child at another age: mean and standard deviation; :class:`Persistence`."""
    if _plain(z, age_then, age_now):
        r = persistence.correlation_one(age_then, age_now)
        return r * z, math.sqrt(1.0 - r * r)
    many = persistence.correlation(age_then, age_now)
    return many * z, np.sqrt(1.0 - many * many)


@overload
def stature_later(
    height: float, age_then: float, age_now: float, sex: str | None
) -> tuple[float, float]: ...
@overload
def stature_later(
    height: Floats, age_then: Floats, age_now: Floats, sex: str | Sexes | None
) -> tuple[Floats, Floats]: ...
def stature_later(height: Any, age_then: Any, age_now: Any, sex: Any) -> Any:
    """Height of a child on a later day from one measured earlier: its percentile carried on.

    Parameters
    ----------
    height
        Centimetres, as measured.
    age_then, age_now
        Years. Nobody shrinks: the height never falls below that measured.
    sex
        As in :func:`stature`.

    Returns
    -------
    tuple
        Mean and standard deviation, cm, `MEASURED_SD` at the least; NaN where an age is unknown.
    """
    mean, spread = carry_z(stature_z(height, age_then, sex), age_then, age_now)
    median, deviation = stature(age_now, sex)
    later = median + mean * deviation
    if _plain(height, age_then, age_now):
        return (height if later < height else later), math.hypot(spread * deviation, MEASURED_SD)
    return np.maximum(later, height), np.hypot(spread * deviation, MEASURED_SD)


@overload
def weight_later(kilograms: float, age_then: float, age_now: float, sex: str | None) -> float: ...
@overload
def weight_later(
    kilograms: Floats, age_then: Floats, age_now: Floats, sex: str | Sexes | None
) -> Floats: ...
def weight_later(kilograms: Any, age_then: Any, age_now: Any, sex: Any) -> Any:
    """Weight of a child on a later day from one taken earlier; NaN beyond `WEIGHED_TO`.

    The persistence is that of stature: of weight, Cole (1995) has 0.38 from birth to 1 year where
    it gives 0.42.
    """
    mean, _ = carry_z(weight_z(kilograms, age_then, sex), age_then, age_now)
    return weight_at(mean, age_now, sex)


@overload
def foot_length(height: float, age: float, sex: str | None) -> tuple[float, float]: ...
@overload
def foot_length(height: Floats, age: Floats, sex: str | Sexes | None) -> tuple[Floats, Floats]: ...
def foot_length(height: Any, age: Any, sex: Any) -> Any:
    """Foot length of a child of a height (cm) and age (years): mean and standard deviation, cm.

    A share of stature that falls evenly from 3 to 18 years; before, it stays as at 3 years, which
    gives a newborn of 50 cm a foot of 8.1 cm.
    """
    if _plain(height, age):
        start, end = _FOOT_RATIO.get(_one_sex(sex), _FOOT_RATIO[None])
        part = min(max((age - _FOOT_AGES[0]) / (_FOOT_AGES[1] - _FOOT_AGES[0]), 0.0), 1.0)
        length = height * (start + (end - start) * part)
        return length, length * _FOOT_SPREAD
    names = np.broadcast_to(np.asarray(sex, dtype=object), np.shape(age))
    ratios = {name: np.interp(age, _FOOT_AGES, ratio) for name, ratio in _FOOT_RATIO.items()}
    ratio = np.where(names == "female", ratios["female"], ratios[None])
    lengths = height * np.where(names == "male", ratios["male"], ratio)
    return lengths, lengths * _FOOT_SPREAD


def age_at_stature(height: float, z: float, sex: str | None, age_now: float) -> float:
    """Age (years) at which a child who stands at ``z`` today reaches a height.

    Parameters
    ----------
    height
        Centimetres to be reached.
    z
        The child's z-score at ``age_now``; from there it regresses as :class:`Persistence` says.
    sex
        As in :func:`stature`.
    age_now
        Years.

    Returns
    -------
    float
        ``age_now`` where it is reached already, infinity where it never is, NaN where ``z`` or
        ``age_now`` is.
    """
    if math.isnan(age_now) or math.isnan(z):
        return math.nan
    ages, medians, spreads = stature_grid(sex)
    ahead = ages > age_now
    path_ages = np.r_[age_now, ages[ahead]]
    start, deviation = stature(age_now, sex)
    mean, _ = carry_z(np.full(len(path_ages), z), np.full(len(path_ages), age_now), path_ages)
    path = np.r_[start, medians[ahead]] + mean * np.r_[deviation, spreads[ahead]]
    path = np.maximum.accumulate(path)
    if path[0] >= height:
        return age_now
    if path[-1] < height:
        return math.inf
    above = int(np.argmax(path >= height))
    part = (height - path[above - 1]) / (path[above] - path[above - 1])
    return float(path_ages[above - 1] + part * (path_ages[above] - path_ages[above - 1]))
