"""Bodies: correlated adult measurements, children and babies who grow.

Adults: multivariate normal on the log scale. Means and correlations are rounded from published
anthropometric surveys (ANSUR II; C. C. Gordon et al., 2014, NATICK/TR-15/007) and shifted to an
online shop's customers. Children: log-linear between medians of usual growth charts, each child
keeping its own percentile.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.simulate.assumptions import BoolArray, FloatArray, IntArray
from pipelines.simulate.ladders import DIMENSIONS

# Order of DIMENSIONS: chest, waist, hip, height, weight, foot.
_WOMAN = np.array([91.0, 75.5, 99.0, 165.0, 65.0, 24.1])
_MAN = np.array([101.0, 89.0, 102.0, 178.0, 81.0, 26.7])
_SPREAD = np.array([0.080, 0.105, 0.070, 0.038, 0.170, 0.045])
_CORRELATION = np.array(
    [
        [1.00, 0.87, 0.82, 0.12, 0.87, 0.28],
        [0.87, 1.00, 0.86, 0.06, 0.89, 0.24],
        [0.82, 0.86, 1.00, 0.20, 0.92, 0.32],
        [0.12, 0.06, 0.20, 1.00, 0.36, 0.66],
        [0.87, 0.89, 0.92, 0.36, 1.00, 0.42],
        [0.28, 0.24, 0.32, 0.66, 0.42, 1.00],
    ]
)
_CHOLESKY = np.linalg.cholesky(_CORRELATION)
# How a change of weight shows: log girth per log weight.
_DRIFT = np.array([0.42, 0.52, 0.38, 0.0, 1.0, 0.05])

_AGES = np.array(
    [0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0, 18.0]
)
# One row per age: chest, waist, hip, height, weight, foot.
_MEDIANS = np.array(
    [
        [33.5, 32.0, 31.0, 50.0, 3.4, 8.0],
        [40.0, 39.0, 39.0, 61.0, 6.1, 9.6],
        [43.0, 42.5, 42.5, 67.0, 7.6, 10.6],
        [44.8, 44.0, 44.5, 71.5, 8.6, 11.4],
        [46.0, 45.0, 46.0, 75.5, 9.4, 12.1],
        [47.8, 46.5, 48.5, 82.0, 10.7, 13.2],
        [49.0, 47.5, 50.5, 87.5, 12.0, 14.2],
        [51.5, 49.5, 54.5, 96.0, 14.2, 15.7],
        [54.0, 51.5, 58.0, 103.0, 16.3, 16.8],
        [58.5, 54.5, 63.0, 116.0, 20.7, 18.8],
        [63.5, 58.0, 68.5, 128.0, 25.7, 20.7],
        [68.5, 62.0, 74.0, 138.5, 32.0, 22.5],
        [74.5, 66.0, 81.0, 150.0, 41.0, 24.1],
        [82.0, 70.0, 88.0, 161.5, 51.0, 25.3],
        [87.0, 73.0, 93.0, 168.5, 59.0, 25.8],
        [89.0, 75.0, 95.0, 171.0, 63.0, 26.0],
    ]
)
_GROWTH = _MEDIANS.T
_CHILD_SPREAD = np.array([0.045, 0.055, 0.050, 0.036, 0.100, 0.042])
ADULT_AGE = 18.0


@dataclass(frozen=True)
class Bodies:
    """Every wearer's body as a function of time.

    Attributes
    ----------
    is_child : bool array (n,)
    born_day : float array (n,)
        Day of birth, days since the start of the shop.
    reference : float array (n, 6)
        Adults' log measurements on day 0.
    own : float array (n, 6)
        Children's own deviation from the median on the log scale.
    drift : float array (n,)
        Adults' change of log weight a year.
    """

    is_child: BoolArray
    born_day: FloatArray
    reference: FloatArray
    own: FloatArray
    drift: FloatArray

    def at(self, wearer: IntArray, day: FloatArray) -> FloatArray:
        """Measurements of wearers on given days.

        Parameters
        ----------
        wearer : int array (m,)
        day : float array (m,)
            Days since the start of the shop.

        Returns
        -------
        float array (m, 6)
            In the order of `DIMENSIONS`, cm and kg.
        """
        years = day / 365.25
        adult = self.reference[wearer] + (self.drift[wearer] * years)[:, None] * _DRIFT
        age = np.clip((day - self.born_day[wearer]) / 365.25, 0.0, ADULT_AGE)
        grown = np.empty_like(adult)
        for d in range(len(DIMENSIONS)):
            grown[:, d] = np.interp(age, _AGES, np.log(_GROWTH[d]))
        grown += self.own[wearer]
        body: FloatArray = np.exp(np.where(self.is_child[wearer, None], grown, adult))
        return body


def draw_bodies(
    rng: np.random.Generator,
    *,
    female: BoolArray,
    is_child: BoolArray,
    born_day: FloatArray,
    mean_height: FloatArray,
    girth: FloatArray,
) -> Bodies:
    """Draw a body for every wearer.

    Parameters
    ----------
    rng : numpy.random.Generator
    female, is_child : bool array (n,)
    born_day : float array (n,)
        Days since the start of the shop, negative before it.
    mean_height : float array (n,)
        Mean adult height of the wearer's market and sex, cm.
    girth : float array (n,)
        Factor of the market on girths; weight follows with its square.

    Returns
    -------
    Bodies
    """
    n = female.size
    z = rng.standard_normal((n, len(DIMENSIONS))) @ _CHOLESKY.T
    base = np.where(female[:, None], _WOMAN, _MAN)
    ratio = np.log(mean_height / base[:, 3])
    log_girth = np.log(girth)
    shift = np.stack([log_girth, log_girth, log_girth, ratio, 2 * log_girth + ratio, ratio], axis=1)
    age = -born_day / 365.25
    # Girths rise slowly over adult life; height does not.
    ageing = 0.0035 * np.clip(age - 38.0, -20.0, 30.0)
    reference = np.log(base) + shift + z * _SPREAD + ageing[:, None] * _DRIFT
    small = np.where(female, -0.006, 0.006)[:, None] * np.ones(len(DIMENSIONS))
    own = z * _CHILD_SPREAD + small
    drift = rng.normal(0.004, 0.018, n)
    return Bodies(is_child, born_day, reference, own, drift)
