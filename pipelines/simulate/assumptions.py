"""The knobs of the simulated shop, in one frozen place."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
TextArray = npt.NDArray[np.object_]

#: Independent random streams, one per part of the shop. Append only: a stream is a function of its
#: place in this tuple, so a new name at the end leaves every other part as it was.
STREAMS = (
    "catalogue",
    "customers",
    "bodies",
    "orders",
    "choice",
    "delivery",
    "fit",
    "returns",
    "feedback",
    "measurements",
    "abuse",
    "labels",
    "goods",
    "settlement",
    "charts",
    "accounts",
    "households",
    "spelling",
    "untold",
    "charts of brands",
)


def streams(seed: int) -> dict[str, np.random.Generator]:
    """One generator per part of the shop, children of one seed.

    Parameters
    ----------
    seed : int
        Not negative.

    Returns
    -------
    dict of str to numpy.random.Generator
        Keys are `STREAMS`.
    """
    children = np.random.SeedSequence(seed).spawn(len(STREAMS))
    return {n: np.random.default_rng(c) for n, c in zip(STREAMS, children, strict=True)}


@dataclass(frozen=True)
class ShopAssumptions:
    """What is assumed about the simulated shop. Lengths of misfit are in size steps.

    Attributes
    ----------
    start, end : datetime
        Orders fall in ``[start, end)``.
    settle_days : float
        The tables are a snapshot taken this many days after `end`; later events are unknown.
    return_window_days : float
        Claims about goods that arrived come within this many days of delivery.
    lines_per_customer, lines_per_product : float
        They set the number of customers and products.
    tolerance : float
        A garment fits while ``|mismatch| < tolerance`` of its category times this factor.
    residual_noise : float
        Standard deviation of what neither body, cut nor taste explains.
    brand_offset_sd, product_offset_sd : float
        How far brands and products cut away from their charts.
    chart_shift_sd : float
        How far the charts of brands, as published, stray from those of the size system.
    far_off_share, kink_share : float
        Share of products cut far off, and with one size out of line with its neighbours.
    chart_none_share, chart_partial_share : float
        Share of products that publish no chart, and an incomplete one.
    size_systems : tuple of str or None
        Only these size systems; None for all.
    system_untold_share : float
        Share of products whose size system is not told.
    label_noise_share : float
        Share of products whose labels are spelt another way than the size system's own:
        ``Gr. 40``, ``2XL``, ``0-3 months``.
    stretch : float
        How much the fabric widens or narrows the band of good fit; 0 for not at all.
    same_sex_share, relative_share : float
        Share of partners of the account holder's own sex, and of accounts that also buy for a
        grown-up of that sex of another generation.
    chart_reader_share : float
        Share of shoppers who read the chart where there is one.
    choice_noise : float
        Factor on every error a shopper makes when choosing.
    bracket_share : float
        Share of lines where an honest shopper orders a second size to try on at home.
    measured_share : float
        Factor on the chance that a wearer's measurements were ever told.
    feedback_share : float
        Factor on the chance of telling how it fitted.
    wearer_named_share : float
        Share of lines for another wearer than the account holder that say so.
    return_propensity : float
        Factor on every honest reason to return.
    abuser_share : float
        Share of accounts that abuse the returns policy.
    label_share : float
        Factor on the chance that a return is ever judged.
    label_error : float
        Share of judgements that are wrong.
    """

    start: datetime = datetime(2023, 1, 1, tzinfo=UTC)
    end: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    settle_days: float = 60.0
    return_window_days: float = 30.0
    lines_per_customer: float = 9.0
    lines_per_product: float = 60.0
    tolerance: float = 1.0
    residual_noise: float = 0.42
    brand_offset_sd: float = 0.38
    product_offset_sd: float = 0.27
    chart_shift_sd: float = 0.15
    far_off_share: float = 0.07
    kink_share: float = 0.05
    chart_none_share: float = 0.15
    chart_partial_share: float = 0.15
    size_systems: tuple[str, ...] | None = None
    system_untold_share: float = 0.0
    label_noise_share: float = 0.05
    stretch: float = 1.0
    same_sex_share: float = 0.12
    relative_share: float = 0.10
    chart_reader_share: float = 0.55
    choice_noise: float = 1.0
    bracket_share: float = 0.035
    measured_share: float = 1.0
    feedback_share: float = 1.0
    wearer_named_share: float = 0.35
    return_propensity: float = 1.0
    abuser_share: float = 0.0085
    label_share: float = 1.0
    label_error: float = 0.06

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise ValueError(f"ShopAssumptions.end {self.end} must be after start {self.start}")
        for name in ("tolerance", "residual_noise", "lines_per_customer", "lines_per_product"):
            if getattr(self, name) <= 0:
                raise ValueError(f"ShopAssumptions.{name} must be above 0: {getattr(self, name)}")

    @property
    def days(self) -> float:
        """Length of the selling period in days."""
        return (self.end - self.start).total_seconds() / 86_400.0
