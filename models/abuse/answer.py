"""What the abuse model says of a claim, for a program to show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["AbuseScore", "Signal"]


@dataclass(frozen=True, slots=True)
class Signal:
    """One way in which an account's conduct stands out.

    Attributes
    ----------
    code
        Stable name, one of :data:`features.abuse.SIGNALS`.
    figures
        The account's own figures: ``observed`` against ``expected`` of honest buyers of the same
        goods, and what else belongs to the signal.
    weight
        Surprise: the negative decimal logarithm of the chance that such a buyer shows as much.
    """

    code: str
    figures: Mapping[str, float | int | str] = field(default_factory=dict)
    weight: float = 0.0


@dataclass(frozen=True, slots=True)
class AbuseScore:
    """How likely a claim abuses the returns policy, and why.

    Attributes
    ----------
    score
        Between 0 and 1; never a ground to refuse by itself.
    signals
        What stands out, strongest first; empty where nothing does.
    evidence
        What is known: orders, deliveries and claims of the account before this one, and
        ``order_known`` (1 or 0), whether the claimed line is on record.
    """

    score: float
    signals: tuple[Signal, ...] = ()
    evidence: Mapping[str, float | int | str] = field(default_factory=dict)
