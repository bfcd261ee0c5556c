"""How far true chances lie from the predicted one, by what is on record of product and customer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit

__all__ = ["Spread"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_EDGES = (0.5, 4.5, 19.5)  # nothing, a few, some, many settled lines
_Z90 = 1.645
_LEAST = 0.05
_USUAL = (0.6, 0.45, 0.3, 0.2)


@dataclass(frozen=True)
class Spread:
    """Standard deviations of true log-odds around the predicted ones.

    Lines of one product that came back more often than predicted, all together, show that the
    product's true chance is another: what their surplus varies beyond chance is the variance
    between products of equal record (a random effect, by the method of moments). Likewise for
    customers.

    Attributes
    ----------
    product, customer
        One for each class of record: no settled line, 1 to 4, 5 to 19, 20 and more.
    """

    product: list[float]
    customer: list[float]

    @classmethod
    def fit(
        cls,
        record: Floats,
        chance: Floats,
        back: Floats,
        product: Ints | None,
        customer: Ints | None,
    ) -> Spread:
        """Learn from chances of lines that the model has not seen.

        Parameters
        ----------
        record
            Settled lines of product and customer when each line was asked about, (n, 2).
        chance, back
            Predicted chance, and 1.0 where the line came back; (n,).
        product, customer
            Codes; usual spreads are taken where left out.
        """
        return cls(
            *(
                list(_USUAL) if codes is None else _between(record[:, i], chance, back, codes)
                for i, codes in enumerate((product, customer))
            )
        )

    def around(self, chance: Floats, record: Floats) -> tuple[Floats, Floats]:
        """The interval that holds the true chance with 90 %.

        Parameters
        ----------
        chance
            Shape (n,).
        record
            As in :meth:`fit`.
        """
        of_product = np.asarray(self.product)[np.searchsorted(_EDGES, record[:, 0])]
        of_customer = np.asarray(self.customer)[np.searchsorted(_EDGES, record[:, 1])]
        reach = _Z90 * np.hypot(of_product, of_customer)
        held = np.minimum(np.maximum(chance, 1e-9), 1 - 1e-9)
        odds = np.log(held / (1 - held))
        return expit(odds - reach), expit(odds + reach)


def _between(record: Floats, chance: Floats, back: Floats, codes: Ints) -> list[float]:
    """Standard deviation between the groups, by class of record; it falls as the record grows."""
    found: list[float] = []
    classes = np.searchsorted(_EDGES, record)
    for each, usual in enumerate(_USUAL):
        rows = classes == each
        deviation = usual
        if rows.any():
            _, group = np.unique(codes[rows], return_inverse=True)
            p = chance[rows]
            surplus = np.bincount(group, back[rows] - p)
            weight = np.bincount(group, p * (1 - p))
            shared = (weight**2).sum() - (np.bincount(group, (p * (1 - p)) ** 2)).sum()
            own = np.bincount(group, (back[rows] - p) ** 2)
            # Products of two lines of one group: their mean is the variance between groups.
            if shared > 20.0:
                deviation = float(np.sqrt(max((surplus**2 - own).sum() / shared, _LEAST**2)))
        found.append(deviation if not found else min(deviation, found[-1]))
    return found
