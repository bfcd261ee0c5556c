"""What a policy is asked about: one line of goods, where it went, and what is claimed of it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ABUSE_BAND", "Situation"]

ABUSE_BAND = ("low", "medium", "high", "severe")
"""Bands of the abuse score, mildest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """One line, as far as a rule may look at it. What is not told matches no rule that asks for it.

    Parameters
    ----------
    market
        ISO 3166 alpha-2 code of where the goods went.
    category
        Kind of goods in the shop's words; case, spaces and hyphens do not matter.
    currency
        ISO 4217 code all money is wanted in; the market's own where it is None.
    hygiene_sealed, opened, custom_made
        Sealed for hygiene; the seal is broken; made to the buyer's specification.
    audience
        Of :data:`data_contracts.tables.AUDIENCE`.
    reason, condition
        As claimed, and as inspection found it; of ``RETURN_REASON`` and ``CONDITION``.
    abuse_band
        Of :data:`ABUSE_BAND`.
    value
        What was paid for the goods claimed, in `currency`.
    days_since_delivery
        Age of the claim in days. 0, the day of delivery, before there is a claim.
    """

    market: str | None = None
    category: str | None = None
    currency: str | None = None
    hygiene_sealed: bool | None = False
    opened: bool | None = False
    custom_made: bool | None = False
    audience: str | None = None
    reason: str | None = None
    condition: str | None = None
    abuse_band: str | None = None
    value: float | None = None
    days_since_delivery: float = 0.0
