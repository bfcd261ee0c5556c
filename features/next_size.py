"""When a child will need the next size up.

A size is right until the child's stature passes the middle between it and the next one. From the
stature on one day the child's line is carried on (:func:`features.growth.age_at_stature`), and the
day it crosses is the answer, as roughly as it is known: a baby measured last month crosses within a
week or two, a child of whom only the birth date is known within months, and of an older one it
cannot be said. Sizes that were kept tell of the stature as a measurement does, only less sharply: a
child that keeps the sizes of taller children is one (:class:`KeptSizes`).
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from features.children import EXPECTED, SEX_OF, UNTIL_WORN_US, YEAR_US
from features.growth import GROWN_UP, age_at_stature, stature, stature_z

__all__ = [
    "HORIZON_WEEKS",
    "HeightSize",
    "KeptSizes",
    "NextSize",
    "next_size",
    "next_size_of",
    "weeks_until",
]

HORIZON_WEEKS = 26
"""Further ahead nothing is said."""
_VAGUE_WEEKS = 13.0
# Weeks the answer is rounded to, by the standard deviation (weeks) of the moment itself.
_STEPS = ((2.0, 1), (4.0, 2), (_VAGUE_WEEKS, 4))
_WEEKS_A_YEAR = 365.25 / 7
_ANOTHER_CHILD = 3.0  # standard deviations
_ROUND_FROM = 8  # weeks from which nobody counts single ones


class HeightSize(NamedTuple):
    """A size and the statures it is cut for, cm; both its middle where only that is known."""

    label: str
    low: float
    high: float


class NextSize(NamedTuple):
    """The next size up: in about how many weeks it becomes the better one, and that day."""

    label: str
    weeks: int
    on: dt.date


class KeptSizes(NamedTuple):
    """Sizes of clothes a child kept, seen from its age: how tall they say it is.

    Parameters
    ----------
    above_cm
        By how much they lie above what others of their age take; mean over the sizes.
    variance
        Of that as a sign of the stature, cm squared: taste, which lasts, and chance, which more
        sizes even out.
    """

    above_cm: float
    variance: float

    def sharpen(
        self, height: tuple[float, float], age: float, sex: str | None
    ) -> tuple[float, float]:
        """Mean and standard deviation of the stature (cm) with what these sizes add.

        Parameters
        ----------
        height
            Of the child at ``age`` (years): mean and standard deviation, cm.
        age, sex
            As in :func:`weeks_until`.

        Notes
        -----
        Two independent signs of one figure, each weighed by its precision. Where they cannot be of
        one child, the sizes were for another.
        """
        mean, spread = height
        median = stature(max(age, 0.0), sex)[0]
        if math.isnan(mean + spread + median + self.above_cm + self.variance):
            return height
        told = median + self.above_cm
        if abs(told - mean) > _ANOTHER_CHILD * math.sqrt(spread**2 + self.variance):
            return height
        share = spread**2 / (spread**2 + self.variance)
        return mean + share * (told - mean), spread * math.sqrt(1 - share)


def weeks_until(
    height_cm: float, height: tuple[float, float], age: float, sex: str | None
) -> tuple[float, float]:
    """Weeks until a child reaches a stature, and their standard deviation.

    Parameters
    ----------
    height_cm
        To be reached.
    height
        Of the child today: mean and standard deviation, cm.
    age
        Today, years.
    sex
        ``"female"``, ``"male"`` or None where unknown.

    Returns
    -------
    tuple of float
        Infinity where it is never reached; 0 where it is already; NaN where something is unknown.
    """
    mean, spread = height
    if math.isnan(mean + spread + age + height_cm):
        return math.nan, math.nan
    z = stature_z(mean, age, sex)
    crossing = age_at_stature(height_cm, z, sex, age)
    later = age_at_stature(max(height_cm, mean) + spread, z, sex, age)
    start = age_at_stature(max(height_cm, mean), z, sex, age)
    blur = math.inf if math.isinf(later) else later - start
    return (crossing - age) * _WEEKS_A_YEAR, blur * _WEEKS_A_YEAR


def next_size(
    sizes: Sequence[HeightSize],
    label: str,
    *,
    height: tuple[float, float],
    age: float,
    sex: str | None,
    today: dt.date,
) -> NextSize | None:
    """The size after ``label``, and when it becomes the better one.

    Parameters
    ----------
    sizes
        Of the product, smallest first.
    label
        The size that is right today.
    height
        Stature today: mean and standard deviation, cm.
    age
        Today, years.
    sex
        ``"female"``, ``"male"`` or None where unknown.
    today
        The day of ``height`` and ``age``.

    Returns
    -------
    NextSize or None
        None beyond half a year; where ``label`` is the largest or not of the product; where age or
        height is unknown; where by its height the child has outgrown ``label`` already; and where
        the day is vaguer than a quarter of a year.

    Examples
    --------
    >>> sizes = [HeightSize("74", 68, 74), HeightSize("80", 74, 80)]
    >>> next_size(sizes, "74", height=(72.0, 0.7), age=0.8, sex="male", today=dt.date(2026, 1, 5))
    NextSize(label='80', weeks=6, on=datetime.date(2026, 2, 16))
    """
    ahead = _ahead(sizes, label, height, age, sex)
    return None if ahead is None else _rounded(*ahead, today)


def _ahead(
    sizes: Sequence[HeightSize],
    label: str,
    height: tuple[float, float],
    age: float,
    sex: str | None,
) -> tuple[str, float, float] | None:
    """The next size, the weeks until it is the better one, and how vague they are."""
    labels = [size.label for size in sizes]
    if label not in labels[:-1] or age >= GROWN_UP:
        return None
    worn, larger = (sizes[labels.index(label) + step] for step in (0, 1))
    outgrown = (worn.high + larger.low) / 2
    weeks, blur = weeks_until(outgrown, height, age, sex)
    return (larger.label, weeks, blur) if weeks > 0 else None


def _rounded(label: str, weeks: float, blur: float, today: dt.date) -> NextSize | None:
    step = next((step for most, step in _STEPS if blur <= most), None)
    if step is None or weeks > HORIZON_WEEKS:
        return None
    if weeks >= _ROUND_FROM:
        step = max(step, 2)
    about = min(max(round(weeks / step), 1), HORIZON_WEEKS // step) * step
    return NextSize(label, about, today + dt.timedelta(weeks=about))


def next_size_of(
    person: Mapping[str, Any],
    sizes: Sequence[HeightSize],
    label: str,
    *,
    audience: str,
    asked_at: float,
    kept: KeptSizes | None = None,
) -> NextSize | None:
    """:func:`next_size` for a wearer as :func:`features.people_online.read_person` knows it.

    Parameters
    ----------
    person
        With ``age_years`` of the moment of the question, and the expected height of the day of
        wearing.
    sizes, label
        As in :func:`next_size`; ``label`` is right on the day of wearing.
    audience
        Of the garment; says the sex where the person's is unknown.
    asked_at
        Seconds since the epoch (UTC).
    kept
        What the child's kept sizes say of its stature.

    Returns
    -------
    NextSize or None
        Weeks counted from the question; None as in :func:`next_size`.
    """
    wait = UNTIL_WORN_US / YEAR_US
    worn = person.get("age_years", math.nan) + wait
    sex = person.get("sex") or SEX_OF.get(audience)
    height = (person.get(EXPECTED[0], math.nan), person.get(EXPECTED[1], math.nan))
    if kept is not None:
        height = kept.sharpen(height, worn, sex)
    ahead = _ahead(sizes, label, height, worn, sex)
    if ahead is None:
        return None
    larger, weeks, blur = ahead
    today = dt.datetime.fromtimestamp(asked_at, dt.UTC).date()
    return _rounded(larger, weeks + wait * _WEEKS_A_YEAR, blur, today)
