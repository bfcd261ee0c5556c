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

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import ndtr, ndtri

__all__ = ["ORDINAL_COLUMNS", "PLACED", "ChoiceOutlook", "OrdinalFit"]

Floats = npt.NDArray[np.float64]

ORDINAL_COLUMNS: tuple[str, ...] = (
    "position",
    "step",
    "chart_sd",
    "natural",
    "natural_sd",
    "scale_mean",
    "scale_sd",
    "fit_preference",
    "stretch",
    "person_scale.orders",
    "person_scale.fair_sum",
    "person.orders",
    "person.level_sum",
    "recent_orders",
    "grown_position",
    "child",
    "wearer_unnamed",
    "person_scale.told_small",
    "person_scale.told_large",
    "product.small",
    "product.large",
    "product.shift",
    "product.weight",
    "product_size.small",
    "product_size.large",
    "brand.small",
    "brand.large",
    "category.small",
    "category.large",
    "person.small",
    "person.large",
    "wearers.two",
    "wearers.low",
    "wearers.high",
    "wearers.share",
)
"""The columns of the vector that the model reads, in order."""
_C = {name: i for i, name in enumerate(ORDINAL_COLUMNS)}
PLACED = [_C["position"], _C["natural"]]
"""Columns without which a line tells nothing."""
_RATES = [
    _C[f"{history}.{end}"]
    for end in ("small", "large")
    for history in ("product", "product_size", "brand", "category", "person")
]

# Name, start and width of the normal prior around it: without much data the parameters stay
# plausible, and the unit of the latent distance stays that of a size.
_PRIORS: dict[str, tuple[float, float]] = {
    "log_prior_share": (-0.5, 1.0),  # variance of b over variance of the choice given the body
    "log_sigma_a": (-1.0, 0.7),
    "unnamed_noise": (0.5, 0.5),  # added to log_sigma_a where the wearer may be another
    "log_sigma_m": (-1.05, 0.2),  # rounding to whole sizes alone gives log(0.29) = -1.24
    "outcome_step": (0.5, 0.3),  # how far b is from a size that was told too small or too large
    "log_other_scale": (0.0, 1.0),  # variance of the body read off another scale, in natural_sd^2
    "crowd": (0.9, 0.3),
    "product": (1.0, 1.0),
    "grading": (0.5, 0.7),
    "brand": (0.5, 0.7),
    "category": (0.5, 0.7),
    "person": (0.3, 0.7),
    "preference": (0.3, 0.3),
    "stretch": (0.1, 0.1),  # a fabric that gives fits wider a range of bodies
    "knowledge": (-0.5, 1.0),  # phi before the logistic
    "log_t_small": (-0.16, 0.05),
    "log_t_large": (-0.16, 0.05),
    "product_width": (0.0, 1.0),
    "person_width": (0.0, 1.0),
    "log_sigma": (-0.8, 0.5),
    # Letters are cut for wider bodies than numbers, and fit accordingly; 1: in full proportion.
    "step_power": (0.8, 0.3),
    "log_chart": (0.0, 0.7),  # variance of an estimated chart, in chart_sd^2
}
_NAMES = tuple(_PRIORS)
_START: Floats = np.array([start for start, _ in _PRIORS.values()])
_WIDTH: Floats = np.array([width for _, width in _PRIORS.values()])


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

    def of(self, rows: npt.NDArray[np.intp]) -> ChoiceOutlook:
        """The outlook of some rows, as copies."""
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
            self.theta_ = _START.copy()
            return self

        leans = _differences(here)

        def loss(theta: Floats) -> float:
            latent = _latent(theta, here, leans)
            chosen = _outcome(latent, seen=True)
            said = chosen[np.arange(len(here)), outcome]
            likelihood = np.log(np.maximum(said + quiet * (1 - said), 1e-9))
            spread = latent.variance + latent.sigma_c**2
            surprise = latent.position - latent.body - latent.known_offset
            # Products have few sizes and tails are long: a Student density keeps them from ruling.
            choice = -0.5 * np.log(spread) - 2.5 * np.log1p(surprise**2 / spread / 4.0)
            penalty = 0.5 * np.sum(((theta - _START) / _WIDTH) ** 2)
            return float(penalty - likelihood.sum() - choice.sum())

        def mean_loss(theta: Floats) -> float:
            return loss(theta) / len(here)

        found = minimize(mean_loss, _START, method="L-BFGS-B", options={"maxiter": 60})
        self.theta_ = np.asarray(found.x)
        return self

    def outlook(self, X: Floats) -> ChoiceOutlook:
        """Outcome of every row if given and if chosen, and how likely the choice is.

        Where the account may hold two people on one scale, it is the mixture over whom this is for.
        """
        one = self._outlook(X)
        two = np.nan_to_num(X[:, _C["wearers.two"]])
        rows = np.flatnonzero(two > 0)
        if not len(rows):
            return one
        share = X[rows, _C["wearers.share"]]
        parts = [(1 - two[rows], one.of(rows))]
        for end, part in (("low", 1 - share), ("high", share)):
            alone = X[rows]
            orders = part * X[rows, _C["person_scale.orders"]]
            usual = X[rows, _C["scale_mean"]] + X[rows, _C[f"wearers.{end}"]]
            alone[:, _C["person_scale.orders"]] = orders
            alone[:, _C["person_scale.fair_sum"]] = orders * usual
            # Whether the measured body is this one's, nobody said.
            alone[:, _C["natural_sd"]] = X[rows, _C["scale_sd"]]
            parts.append((two[rows] * part, self._outlook(alone)))
        for name in ("would", "chosen"):
            shown = getattr(one, name)
            shown[rows] = sum(w[:, None] * getattr(each, name) for w, each in parts)
        with np.errstate(divide="ignore"):
            tastes = [np.log(w) + each.taste for w, each in parts]
        one.taste[rows] = np.logaddexp.reduce(tastes)
        return one

    def _outlook(self, X: Floats) -> ChoiceOutlook:
        assert self.theta_ is not None
        latent = _latent(self.theta_.tolist(), X)
        spread = latent.variance + latent.sigma_c**2
        surprise = latent.position - latent.body - latent.known_offset
        return ChoiceOutlook(
            would=_outcome(latent, seen=False),
            chosen=_outcome(latent, seen=True),
            taste=-0.5 * surprise**2 / spread,
        )

    @property
    def parameters_(self) -> dict[str, float]:
        """The learned parameters by name."""
        assert self.theta_ is not None
        return dict(zip(_NAMES, self.theta_.tolist(), strict=True))

    @classmethod
    def from_parameters(cls, parameters: dict[str, float]) -> Self:
        """The inverse of :attr:`parameters_`."""
        return cls(np.array([parameters[name] for name in _NAMES]))


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


@dataclass(frozen=True, slots=True)
class _Latent:
    position: Floats
    body: Floats
    variance: Floats
    offset: Floats
    known_offset: Floats
    t_small: Floats
    t_large: Floats
    sigma: Floats
    sigma_c: Floats
    mistake: Floats


def _latent(theta: Sequence[float] | Floats, X: Floats, leans: Floats | None = None) -> _Latent:
    p = dict(zip(_NAMES, theta, strict=True))
    position, natural = X[:, _C["position"]], X[:, _C["natural"]]
    mean, sd = X[:, _C["scale_mean"]], X[:, _C["scale_sd"]]
    child = X[:, _C["child"]]
    step = X[:, _C["step"]]
    wide = np.where(step > 0, step, 1.0) ** p["step_power"]
    mistake = np.exp(2 * p["log_sigma_m"]) * wide**2
    sigma_c2 = mistake + wide**2 * np.exp(
        2 * (p["log_sigma_a"] + p["unnamed_noise"] * X[:, _C["wearer_unnamed"]])
    )
    chart = np.nan_to_num(X[:, _C["chart_sd"]])
    sigma_c2 = sigma_c2 + np.exp(p["log_chart"]) * chart**2 / (1 + X[:, _C["product.weight"]])
    told = X[:, _C["person_scale.told_small"]] - X[:, _C["person_scale.told_large"]]
    orders = X[:, _C["person_scale.orders"]]
    prior = np.exp(p["log_prior_share"]) * X[:, _C["natural_sd"]] ** 2
    # Choices and outcomes of the past are readings of the body, each with the choice's own error.
    # A child's size is that of its latest orders, and what it has grown since.
    orders = np.where(child > 0, X[:, _C["recent_orders"]], orders)
    grown = orders * np.nan_to_num(X[:, _C["grown_position"]])
    positions = np.where(child > 0, grown, X[:, _C["person_scale.fair_sum"]])
    seen = positions + p["outcome_step"] * told
    # On other scales the person's level among all shoppers is a weaker reading of the same body.
    here = X[:, _C["person_scale.orders"]]
    elsewhere = np.where(child > 0, 0.0, np.maximum(X[:, _C["person.orders"]] - here, 0.0))
    level = X[:, _C["person.level_sum"]] - np.where(
        here > 0, (X[:, _C["person_scale.fair_sum"]] - here * mean) / sd, 0.0
    )
    aside = mean + sd * level / np.maximum(elsewhere, 1.0)
    other = elsewhere / (elsewhere + 1.0) / (np.exp(p["log_other_scale"]) * prior)
    precision = 1 / prior + orders / sigma_c2 + other
    body = (natural / prior + seen / sigma_c2 + other * aside) / precision
    liking = X[:, _C["fit_preference"]]
    liking = np.where(np.isnan(liking), 0.0, liking)
    product_side, size_side, brand, category, person = _differences(X) if leans is None else leans
    shift = p["crowd"] * X[:, _C["product.shift"]]
    offset = wide * (
        p["product"] * product_side
        + p["grading"] * (size_side - product_side)
        + p["brand"] * brand
        + p["category"] * category
        + p["person"] * person
        + p["preference"] * liking
    )
    known = 1 / (1 + np.exp(-p["knowledge"]))
    width = wide * np.exp(
        p["product_width"] * (_fits(X, "product") - 0.75)
        + p["person_width"] * (_fits(X, "person") - 0.75)
        + p["stretch"] * np.nan_to_num(X[:, _C["stretch"]])
    )
    return _Latent(
        position=position,
        body=body + shift,
        variance=1 / precision,
        offset=offset,
        known_offset=known * offset,
        t_small=np.exp(p["log_t_small"]) * width,
        t_large=np.exp(p["log_t_large"]) * width,
        sigma=np.exp(p["log_sigma"]) * wide,
        sigma_c=np.sqrt(sigma_c2),
        mistake=mistake,
    )


def _differences(X: Floats) -> Floats:
    """By how much histories lean to too small, in standard deviations of the latent."""
    z = ndtri(X[:, _RATES])
    half = len(_RATES) // 2
    lean: Floats = 0.5 * (z[:, :half] - z[:, half:]).T
    return lean


def _fits(X: Floats, history: str) -> Floats:
    return 1 - X[:, _C[f"{history}.small"]] - X[:, _C[f"{history}.large"]]


def _outcome(latent: _Latent, *, seen: bool) -> Floats:
    mistake = latent.mistake
    if seen:
        share = mistake / (latent.variance + latent.sigma_c**2)
        surprise = latent.position - latent.body - latent.known_offset
        distance = share * surprise + latent.known_offset - latent.offset
        variance = mistake * (1 - share)
    else:
        distance = latent.position - latent.body - latent.offset
        variance = latent.variance + latent.sigma_c**2 - mistake
    spread = np.sqrt(latent.sigma**2 + variance)
    small = ndtr((-latent.t_small - distance) / spread)
    large = ndtr((distance - latent.t_large) / spread)
    return np.column_stack([small, np.maximum(1 - small - large, 1e-9), large])
