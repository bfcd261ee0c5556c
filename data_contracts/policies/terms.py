"""The answer of a policy: every term of one situation, and the rule that decided each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Decision", "Terms"]


@dataclass(frozen=True, slots=True)
class Decision:
    """The rule behind one term.

    Attributes
    ----------
    rule
        Id of the rule.
    layer
        ``default``, ``market``, ``category`` or ``shop``.
    file
        The file it stands in.
    statutory
        Whether the law sets it.
    text
        Why, in plain words.
    value
        What the rule says, as its file writes it.
    """

    rule: str
    layer: str
    file: str
    statutory: bool
    text: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Terms of one situation. Money is in :attr:`currency`, shares lie in [0, 1], times in days.

    Every attribute but the mappings at the end is a key of ``set`` in a policy file, where
    ``docs/policies.md`` explains it; :meth:`rule` names the rule that decided it.
    """

    currency: str
    withdrawal_days: int
    return_window_days: int
    reject_faulty_days: int
    fault_claim_days: int
    refund_within_days: int
    returnable: bool
    quality_only: bool
    restocking_fee_share: float
    refund_outbound_shipping: bool
    buyer_pays_return: bool
    keep_item_below: float
    partial_refund_share_min: float
    partial_refund_share_max: float
    exchange_allowed: bool
    repair_allowed: bool
    repair_cost: float
    coupon_share: float
    warehouse: str
    return_shipping: float
    outbound_shipping: float
    handling: float
    duty_share: float
    duty_reclaim_share: float
    resale_shares: Mapping[str, float]
    resale_fade: tuple[tuple[int, float], ...]
    margin_share: float
    warning_drop_share: float
    fast_track_below: float
    inspect_above: float
    abuse_bands: Mapping[str, float]
    sanctions: Mapping[str, tuple[str, ...]]
    decisions: Mapping[str, tuple[Decision, ...]] = field(repr=False)
    """By key of ``set``: the rule that decides, then those it overrides, strongest first."""

    def rule(self, name: str) -> Decision:
        """Give the rule that decided a term.

        Raises
        ------
        KeyError
            There is no such term.
        """
        return self.decisions[name][0]

    def overridden(self, name: str) -> tuple[Decision, ...]:
        """Give the rules that spoke on a term and did not decide it, strongest first."""
        return self.decisions[name][1:]

    def resale_share(
        self, condition: str | None = None, days_since_launch: float | None = None
    ) -> float:
        """Share of the price the goods resell for.

        Parameters
        ----------
        condition
            As inspected; None where nobody has.
        days_since_launch
            Age of the product on sale; None takes it for new.
        """
        share = self.resale_shares[condition or "uninspected"]
        age = days_since_launch or 0.0
        fade = [each for day, each in self.resale_fade if day <= age]
        return share * (fade[-1] if fade else 1.0)

    def abuse_band(self, score: float) -> str:
        """Band of an abuse score: low, medium, high or severe."""
        band = "low"
        for name, begins in self.abuse_bands.items():
            if score >= begins:
                band = name
        return band
