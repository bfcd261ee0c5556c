"""What is usual in a shop: rates over all its claims, its own return window, how buyers differ."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from data_contracts.lazy import pd
from features.abuse import BASE

__all__ = ["base_rates", "shape_of"]

Floats = npt.NDArray[np.float64]

_EDGE_SHARE = 0.75
_DAYS_WITHOUT_DATA = {"window_days": 30.0, "delay_days": 6.0}
_LEAST = {
    "claimed": 0.02,
    "size": 0.01,
    "fault": 0.005,
    "lost": 0.0005,
    "edge": 0.02,
    "worn": 0.01,
    "swapped": 0.005,
    "changed": 0.01,
    "found": 0.005,
    "extra": 0.5,
}
_MOST_EXTRA = 1.3


def base_rates(
    lines: pd.DataFrame, claims: pd.DataFrame, decisions: pd.DataFrame, hold_out: Collection[str]
) -> Floats:
    """Rates by `BASE`, each shrunk towards its least value, which a young shop gets."""
    open_ = lines[~lines["order_line_id"].isin(set(hold_out)) & lines["delivered"].notna()]
    single = claims[claims["alike"].le(1)]
    ones = float(open_["alike"].le(1).sum())
    looked = claims["worn"].notna() | claims["swapped"].notna()
    delay = claims["delay"].dropna()
    days = dict(_DAYS_WITHOUT_DATA)
    if len(delay) >= 20:
        days = {"window_days": float(delay.quantile(0.995)), "delay_days": float(delay.median())}
    edge_days = _EDGE_SHARE * days["window_days"]
    alike = open_["alike"]
    extra = float((1 - 1 / alike).mask(alike.le(1)).sum())
    counts = {
        "claimed": (len(single), ones),
        "size": (single["size"].sum(), ones),
        "fault": (single["fault"].sum(), ones),
        "lost": (claims["lost"].sum(), float((1 / open_["basket"]).sum())),
        "edge": (delay.ge(edge_days).sum(), len(delay)),
        "worn": (claims["worn"].sum(), looked.sum()),
        "swapped": (claims["swapped"].sum(), looked.sum()),
        "changed": (claims["changed"].sum(), len(claims)),
        "found": (decisions["label"].eq("abuse").sum(), len(claims)),
        "extra": (claims["alike"].gt(1).sum(), extra),
    }
    rates = {
        name: max((float(n) + 20 * _LEAST[name]) / (float(of) + 20), _LEAST[name] / 2)
        for name, (n, of) in counts.items()
    }
    rates["extra"] = min(rates["extra"], _MOST_EXTRA)
    rates |= {"edge_days": edge_days, **days}
    return np.array([rates[name] for name in BASE])


def shape_of(observed: Floats, expected: Floats) -> float:
    """Shape of the gamma distribution of rates, by moments: small where accounts differ much.

    Never below 1: the few who abuse make all accounts look more different than honest ones are.
    """
    if not np.square(expected).sum() > 0:
        return 1.0
    ratio = observed.sum() / max(expected.sum(), 1e-9)
    mean = expected * min(max(ratio, 0.2), 5.0)
    excess = (np.square(observed - mean) - mean).sum() / np.square(mean).sum()
    return float(np.clip(1.0 / max(excess, 1e-9), 1.0, 20.0))
