"""A joint model of which size a person takes and how it then fits.

Shoppers choose their size knowing more of their body, and of the product, than the shop does. A
model of outcomes alone reads that as "the size hardly matters": who takes a larger size than their
measurements suggest is, as a rule, larger. Advice needs the other number, how a size *would* fit
whoever the person is. Both follow from one latent distance, in size steps:

- body: ``b ~ N(mu, v)`` given the natural size of the measured body, earlier choices and outcomes;
- product: it takes ``a`` steps more than its labels say, which every shopper sees (the crowd's
  choices show it), give or take ``sigma_a``; and it runs small by ``o``, of which shoppers know a
  share ``phi`` (its outcomes show it);
- choice: ``s = b + a + phi * o + m`` with the shopper's mistake ``m ~ N(0, sigma_m^2)``;
- outcome: ``d = s - b - a - o + noise``; too small where ``d < -t_small``, too large where
  ``d > t_large``.

Seen with the size the shopper chose, only the share ``sigma_m^2 / (v + sigma_a^2 + sigma_m^2)`` of
the surprise in ``s`` is a mistake, which flattens the curve over sizes. Asked "what if", ``s``
tells nothing of the shopper and the curve has its full slope, blurred by what is not known of body
and product.

Outcomes under the shoppers' own choices do not tell the unit of ``d``. What tells it is what a size
is: sizes tile the bodies they are cut for, so neighbours overlap by about half a step and ``t`` is
near 0.75 steps. It has a narrow prior there.

The outcome part is an ordered probit (McKelvey and Zavoina 1975), the treatment of the choice a
control function (Heckman 1979); the parameters are found by penalised maximum likelihood.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np
import numpy.typing as npt

from models.size_fit.latent import (
    AT,
    NAMES,
    ORDINAL_COLUMNS,
    PLACED,
    START,
    Given,
    Law,
    known_or_nil,
    latent_of,
    outcomes_of,
)
from models.size_fit.likelihood import loss_and_slope

__all__ = ["ORDINAL_COLUMNS", "PLACED", "ChoiceOutlook", "OrdinalFit"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ChoiceOutlook:
    """What the model says of rows, one per (person, product, size).

    Attributes
    ----------
    would
        Rows by (small, fit, large) if the person were given that size.
    chosen
        Rows by (small, fit, large) if the person chose that size themself.
    taste
        Log density of choosing that size, up to a constant per question.
    """

    would: Floats
    chosen: Floats
    taste: Floats

    def of(self, rows: slice) -> ChoiceOutlook:
        """The outlook of some rows."""
        return ChoiceOutlook(self.would[rows], self.chosen[rows], self.taste[rows])


@dataclass
class OrdinalFit:
    """Ordered probit of the outcome, with the choice of the size modelled beside it.

    Attributes
    ----------
    theta_
        Learned parameters, in the order of the module's table.
    """

    theta_: Floats | None = None
    _law: tuple[Floats, Law] | None = field(default=None, repr=False, compare=False)

    def fit(
        self,
        X: Floats,
        y: npt.NDArray[np.int_],
        told: npt.NDArray[np.bool_] | None = None,
        *,
        rows: int = 10_000,
        seed: int = 0,
    ) -> Self:
        """Maximise the penalised likelihood of outcome and choice.

        Parameters
        ----------
        X
            Lines by `ORDINAL_COLUMNS`.
        y
            0 too small, 1 fit, 2 too large.
        told
            Whether somebody said so. A line kept without a word counts as fit, yet some of those
            who say nothing put up with a bad fit; see `_silence`.
        rows
            At most so many lines, drawn with `seed`, are used: twenty parameters need no more.
        """
        drawn, quiet = self.drawn(X[:, PLACED], y, told, rows=rows, seed=seed)
        return self.fit_drawn(X[drawn], y[drawn], quiet)

    @staticmethod
    def drawn(
        placed: Floats,
        y: npt.NDArray[np.int_],
        told: npt.NDArray[np.bool_] | None = None,
        *,
        rows: int = 10_000,
        seed: int = 0,
    ) -> tuple[npt.NDArray[np.int64], Floats]:
        """The lines that :meth:`fit` learns from, and how likely each says nothing of a bad fit.

        Parameters
        ----------
        placed
            All lines by their columns `PLACED`.
        y, told, rows, seed
            As :meth:`fit` has them.
        """
        usable = np.flatnonzero(np.isfinite(placed).all(axis=1))
        silent = np.zeros(len(y), dtype=bool) if told is None else ~told
        put_up = _silence(y[usable], silent[usable])
        if len(usable) > rows:
            usable = np.random.default_rng(seed).choice(usable, rows, replace=False)
        return usable, np.where(silent[usable], put_up, 0.0)

    def fit_drawn(self, here: Floats, outcome: npt.NDArray[np.int_], quiet: Floats) -> Self:
        """Maximise the penalised likelihood of the lines that were drawn.

        Parameters
        ----------
        here
            The lines by `ORDINAL_COLUMNS`.
        outcome
            0 too small, 1 fit, 2 too large.
        quiet
            As :meth:`drawn` gives it.
        """
        if not len(here):
            self.theta_ = START.copy()
            return self

        from scipy.optimize import minimize  # noqa: PLC0415 - only training

        given = Given.of(here)
        found = minimize(
            loss_and_slope,
            START,
            args=(given, outcome, quiet),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": 60},
        )
        self.theta_ = np.asarray(found.x)
        return self

    def outlook(self, X: Floats) -> ChoiceOutlook:
        """Outcome of every row if given and if chosen, and how likely the choice is.

        Where the account may hold two people on one scale, it is the mixture over whom this is for.
        """
        two = known_or_nil(X[:, AT["wearers.two"]])
        rows = np.flatnonzero(two > 0)
        if not len(rows):
            return self._outlook(X)
        share = X[rows, AT["wearers.share"]]
        ends = X[rows], X[rows]
        for alone, end, part in zip(ends, ("low", "high"), (1 - share, share), strict=True):
            orders = part * alone[:, AT["person_scale.orders"]]
            usual = alone[:, AT["scale_mean"]] + alone[:, AT[f"wearers.{end}"]]
            alone[:, AT["person_scale.orders"]] = orders
            alone[:, AT["person_scale.fair_sum"]] = orders * usual
            # Whether the measured body is this one's, nobody said.
            alone[:, AT["natural_sd"]] = alone[:, AT["scale_sd"]]
        # The smaller one's rows and the larger one's are looked at in one call with all others.
        every = self._outlook(np.concatenate([X, *ends]))
        one = every.of(slice(len(X)))
        low = slice(len(X), len(X) + len(rows))
        high = slice(low.stop, None)
        weights = np.array([1 - two[rows], two[rows] * (1 - share), two[rows] * share])
        for shown, told in ((one.would, every.would), (one.chosen, every.chosen)):
            first, second, third = weights[:, :, None]
            shown[rows] = first * told[rows] + second * told[low] + third * told[high]
        with np.errstate(divide="ignore"):
            tastes = np.log(weights)
        tastes += [every.taste[rows], every.taste[low], every.taste[high]]
        one.taste[rows] = np.logaddexp.reduce(tastes)
        return one

    def _outlook(self, X: Floats) -> ChoiceOutlook:
        assert self.theta_ is not None
        if self._law is None or self._law[0] is not self.theta_:
            self._law = self.theta_, Law.of(self.theta_)
        return ChoiceOutlook(*outcomes_of(latent_of(self._law[1], Given.of(X))))

    @property
    def parameters_(self) -> dict[str, float]:
        """The learned parameters by name."""
        assert self.theta_ is not None
        return dict(zip(NAMES, self.theta_.tolist(), strict=True))

    @classmethod
    def from_parameters(cls, parameters: dict[str, float]) -> Self:
        """The inverse of :attr:`parameters_`."""
        return cls(np.array([parameters[name] for name in NAMES]))


def _silence(y: npt.NDArray[np.int_], silent: npt.NDArray[np.bool_]) -> float:
    """How much likelier silence is after a bad fit than after a good one, below 1.

    Were words independent of the fit, those who keep a line in silence would have the misfits of
    those who keep it and tell. Who is disappointed tells more often, so they have fewer: a share of
    0.6 is assumed. No data of a shop can show it; in a shop where all tell it does not matter.
    """
    bad, told_fit, mute = (y[~silent] != 1).sum(), (y[~silent] == 1).sum(), silent.sum()
    if not mute or not bad or not told_fit:
        return 0.0
    hidden = 0.6 * min(bad / (bad + told_fit), 0.25)
    odds = (told_fit + mute * (1 - hidden)) / (bad + mute * hidden)
    return float(min(hidden / (1 - hidden) * odds, 1.0))
