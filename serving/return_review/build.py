"""Make both endpoints of a return review from what the service has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data_contracts.policies import Policies
from features.audit import AuditStore
from features.settings import Settings
from features.state import StateStore
from serving.advisor import SizeAdvisor
from serving.languages import Languages
from serving.return_review.endpoint import ReturnReviewEndpoint
from serving.return_review.gather import StateOrders
from serving.return_review.outcome import OutcomeEndpoint
from serving.risk_advisor import RiskAdvisor

if TYPE_CHECKING:
    from serving.abuse_advisor import AbuseScorer

__all__ = ["build"]


def build(
    state: StateStore,
    policies: Policies,
    audit: AuditStore,
    languages: Languages,
    settings: Settings,
    *,
    sizes: SizeAdvisor | None = None,
    risks: RiskAdvisor | None = None,
    abuse: AbuseScorer | None = None,
) -> tuple[ReturnReviewEndpoint, OutcomeEndpoint]:
    """Make both endpoints.

    Parameters
    ----------
    state
        Online state with the order lines; a connection of its own.
    policies
        Rules in force.
    audit
        Record of reviews.
    languages
        Catalogues.
    settings
        Limits of a request.
    sizes, risks, abuse
        The models; each may be missing, and the answer says so.
    """
    review = ReturnReviewEndpoint(
        StateOrders(state),
        policies,
        audit,
        languages,
        max_items=settings.max_items,
        sizes=sizes,
        risks=risks,
        abuse=abuse,
    )
    return review, OutcomeEndpoint(audit)
