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
        [1.00, 0.84, 0.78, 0.12, 0.85, 0.28],
        [0.84, 1.00, 0.82, 0.06, 0.86, 0.24],
        [0.78, 0.82, 1.00, 0.20, 0.89, 0.32],
        [0.12, 0.06, 0.20, 1.00, 0.38, 0.66],
        [0.85, 0.86, 0.89, 0.38, 1.00, 0.45],
        [0.28, 0.24, 0.32, 0.66, 0.45, 1.00],
    ]
)
_CHOLESKY = np.linalg.cholesky(_CORRELATION)
# How a change of weight shows: log girth per log weight.
_DRIFT = np.array([0.42, 0.52, 0.38, 0.0, 1.0, 0.05])

_AGES = np.array(
    [0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0, 18.0]
)
_GROWTH = np.array(
    [
        [33.5, 40.0, 43.0, 44.8, 46.0, 47.8, 49.0, 51.5, 54.0, 58.5, 63.5, 68.5, 74.5, 82.0, 87.0, 89.0],
        [32.0, 39.0, 42.5, 44.0, 45.0, 46.5, 47.5, 49.5, 51.5, 54.5, 58.0, 62.0, 66.0, 70.0, 73.0, 75.0],
        [31.0, 39.0, 42.5, 44.5, 46.0, 48.5, 50.5, 54.5, 58.0, 63.0, 68.5, 74.0, 81.0, 88.0, 93.0, 95.0],
        [50.0, 61.0, 67.0, 71.5, 75.5, 82.0, 87.5, 96.0, 103.0, 116.0, 128.0, 138.5, 150.0, 161.5, 168.5, 171.0],
        [3.4, 6.1, 7.6, 8.6, 9.4, 10.7, 12.0, 14.2, 16.3, 20.7, 25.7, 32.0, 41.0, 51.0, 59.0, 63.0],
        [8.0, 9.6, 10.6, 11.4, 12.1, 13.2, 14.2, 15.7, 16.8, 18.8, 20.7, 22.5, 24.1, 25.3, 25.8, 26.0],
    ]
)  # fmt: skip
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
