"""What of a vector to tell: the account's own figures behind the score."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from features.abuse import COUNTED, SIGNALS, VECTOR
from models.abuse.answer import Signal

__all__ = ["TOLD_FROM", "evidence_of", "signals_of"]

Floats = npt.NDArray[np.float64]

TOLD_FROM = 1.0
"""Surprise from which a signal is told: one honest buyer in ten shows as much."""
_V = {name: i for i, name in enumerate(VECTOR)}
_MORE: dict[str, dict[str, str]] = {
    "returns_above_peers": {"delivered": "account.delivered"},
    "recent_returns": {"delivered": "account.delivered"},
    "value_above_peers": {"claimed": "account.claimed"},
    "brackets_not_kept": {"delivered": "account.delivered"},
    "faults_above_products": {"claimed": "account.claimed"},
    "not_received": {"delivered": "account.delivered"},
    "window_edge": {"claimed": "account.claimed", "window_share": "claim.window_share"},
    "worn_returns": {"claimed": "account.claimed"},
    "swapped_returns": {"claimed": "account.claimed"},
    "changed_reason": {"claimed": "account.claimed"},
    "fast_start": {"account_days": "claim.age"},
    "found_before": {"cleared": "account.cleared", "claimed": "account.claimed"},
    "linked_record": {
        "observed": "linked.observed",
        "expected": "linked.expected",
        "accounts": "linked.accounts",
        "kinds": "linked.kinds",
    },
    "opened_together": {
        "accounts": "linked.accounts",
        "kinds": "linked.kinds",
        "days_apart": "linked.opened_apart_days",
    },
}
_EVIDENCE = {
    "deliveries": "account.delivered",
    "claims": "account.claimed",
    "claims_expected": "returns_above_peers.expected",
    "linked_accounts": "linked.accounts",
}


def signals_of(x: Floats) -> tuple[Signal, ...]:
    """The signals of one claim that stand out, strongest first.

    Parameters
    ----------
    x
        One vector by :data:`features.abuse.VECTOR`.
    """
    told = []
    for code in SIGNALS:
        weight = float(x[_V[f"{code}.surprise"]])
        if not weight >= TOLD_FROM:
            continue
        names = {}
        if code in COUNTED:
            names = {"observed": f"{code}.observed", "expected": f"{code}.expected"}
        told.append(Signal(code, _figures(x, names | _MORE[code]), round(weight, 3)))
    return tuple(sorted(told, key=lambda signal: -signal.weight))


def evidence_of(x: Floats, *, order_known: bool) -> dict[str, float | int | str]:
    """What is known of the account; the claim in question is one of its claims."""
    return {"order_known": int(order_known), **_figures(x, _EVIDENCE)}


def _figures(x: Floats, names: dict[str, str]) -> dict[str, float | int | str]:
    figures: dict[str, float | int | str] = {}
    for told, column in names.items():
        value = float(x[_V[column]])
        if math.isfinite(value):
            rounded = round(value, 2)
            figures[told] = int(rounded) if rounded == int(rounded) else rounded
    return figures
