"""Make both endpoints of a return review from what the service has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data_contracts.policies import Policies
from features.settings import Settings
from features.state import StateReader
from serving.advisor import SizeAdvisor
from serving.dependency import Dependency
from serving.languages import Languages
from serving.observe.counts import Tally, no_tally
from serving.return_review.endpoint import ReturnReviewEndpoint
from serving.return_review.gather import StateOrders
from serving.return_review.outcome import OutcomeEndpoint
from serving.return_review.record import ReviewRecord
from serving.risk_advisor import RiskAdvisor

if TYPE_CHECKING:
    from serving.abuse_advisor import AbuseScorer

__all__ = ["build"]


def build(
    state: StateReader,
    policies: Policies,
    audit: ReviewRecord,
    languages: Languages,
    settings: Settings,
    *,
    sizes: SizeAdvisor | None = None,
    risks: RiskAdvisor | None = None,
    abuse: AbuseScorer | None = None,
    record: Dependency | None = None,
    tally: Tally = no_tally,
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
    record
        Is told whether the record can be written.
    tally
        Counts the reviews.
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
        record=record,
        tally=tally,
    )
    return review, OutcomeEndpoint(audit, record)
