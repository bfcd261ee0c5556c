"""Look up all there is to know of a claim: order, policy, score, better sizes and colours."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from data_contracts.policies import Policies, Situation, Terms
from features.order_records import OrderRecord, read_orders
from features.state import StateError, StateReader
from serving.advisor import ModelLabel, SizeAdvisor
from serving.degraded import LOOKUPS
from serving.return_review.alternatives import Alternatives
from serving.return_review.case import Case
from serving.return_review.schemas import ReturnReviewRequest
from serving.risk_advisor import RiskAdvisor

if TYPE_CHECKING:
    from models.abuse.answer import AbuseScore
    from serving.abuse_advisor import AbuseScorer

__all__ = ["FoundOrders", "Gathered", "Gatherer", "Orders", "StateOrders"]


class Orders(Protocol):
    """Where order lines are looked up."""

    def read(self, ids: Sequence[str]) -> dict[str, OrderRecord]:
        """The records of those lines that are known, by id."""
        ...


class StateOrders:
    """Order lines in the online state.

    Parameters
    ----------
    state
        A connection of its own.
    """

    def __init__(self, state: StateReader) -> None:
        self._state = state

    def read(self, ids: Sequence[str]) -> dict[str, OrderRecord]:
        """The records of those lines that are in the state, by id."""
        self._state.changed()  # a store that was emptied would have none of them on record
        return read_orders(self._state, ids)


@dataclass(frozen=True, slots=True)
class Gathered:
    """A claim with all that is known, and what could not be asked.

    Attributes
    ----------
    case
        The claim.
    abuse
        The model's answer; None without one.
    models
        The models that took part.
    missing
        Names of models that could have told something and are not there.
    degraded
        Whether something could not be looked up.
    """

    case: Case
    abuse: AbuseScore | None
    models: tuple[ModelLabel, ...]
    missing: tuple[str, ...]
    degraded: bool = False


@dataclass(frozen=True, slots=True)
class FoundOrders:
    """Order lines of some claims.

    Attributes
    ----------
    orders
        For each claim its line; None where there is none.
    unreachable
        Whether the records could not be read: then nothing is said of a line that is None.
    """

    orders: list[OrderRecord | None]
    unreachable: bool = False


class Gatherer:
    """Asks order records, policies and models.

    Parameters
    ----------
    orders
        Order lines.
    policies
        Rules in force.
    sizes, risks, abuse
        The models; each may be missing.
    """

    def __init__(
        self,
        orders: Orders,
        policies: Policies,
        *,
        sizes: SizeAdvisor | None = None,
        risks: RiskAdvisor | None = None,
        abuse: AbuseScorer | None = None,
    ) -> None:
        self._orders = orders
        self._policies = policies
        self._alternatives = Alternatives(sizes, risks)
        self._abuse = abuse

    def orders(self, requests: Sequence[ReturnReviewRequest]) -> FoundOrders:
        """Look up the order line of each claim.

        Raises
        ------
        StateError
            When the state cannot be used.
        """
        missed = LOOKUPS.missed
        found = self._orders.read([each.order_line_id for each in requests]) if requests else {}
        orders = [found.get(each.order_line_id) for each in requests]
        return FoundOrders(orders, unreachable=LOOKUPS.missed != missed)

    def terms(self, case: Case) -> Terms | None:
        """Give the policy for a claim; None without an order on record.

        Raises
        ------
        PolicyError
            When the policies know no rate for the order's currency.
        """
        order, claim = case.order, case.claim
        if order is None:
            return None
        days = case.days_since_delivery
        return self._policies.terms(
            Situation(
                market=order.market,
                category=order.category,
                currency=order.currency,
                hygiene_sealed=order.hygiene_sealed,
                opened=case.opened,
                audience=order.audience,
                reason=claim.reason,
                condition=claim.condition,
                abuse_band=case.band,
                value=case.value,
                days_since_delivery=max(0, math.floor(days)) if days is not None else 0,
            )
        )

    def gather(
        self,
        request: ReturnReviewRequest,
        order: OrderRecord | None,
        now: float,
        *,
        unreachable: bool = False,
    ) -> Gathered:
        """Put a claim together.

        Parameters
        ----------
        request
            As sent.
        order
            Its line on record.
        now
            Seconds since the epoch.
        unreachable
            The records could not be read: nothing is asked of a model that would take the silence
            for a clean sheet, or for none.

        Raises
        ------
        PolicyError
            When the policies know no rate for the order's currency.
        """
        claim = request.question(_moment(request, order, now))
        value = None
        if order is not None and order.unit_price is not None:
            value = order.unit_price * claim.quantity
        case = Case(
            claim=claim,
            order=order,
            value=value,
            wanted=request.wanted,
            opened=request.opened,
            unreachable=unreachable,
        )
        if unreachable:
            return Gathered(case, None, (), (), degraded=True)
        missed = LOOKUPS.missed
        models: list[ModelLabel] = []
        missing: list[str] = []
        if order is not None and order.customer_id != claim.customer_id:
            # Another person's history is none of this claim's business.
            return Gathered(dataclasses.replace(case, terms=self.terms(case)), None, (), ())
        score = self._score(case, models, missing)
        if score is not None:
            bands = self.terms(case) or self._policies.terms(Situation(reason=claim.reason))
            case = dataclasses.replace(case, score=score.score, band=bands.abuse_band(score.score))
        if order is None:
            degraded = LOOKUPS.missed != missed
            return Gathered(case, score, tuple(models), tuple(missing), degraded=degraded)
        case = dataclasses.replace(
            case,
            terms=self.terms(case),
            size=self._alternatives.size(case, models, missing),
            colour=self._alternatives.colour(case, models, missing),
        )
        degraded = LOOKUPS.missed != missed
        return Gathered(case, score, tuple(models), tuple(missing), degraded=degraded)

    def _score(self, case: Case, models: list[ModelLabel], missing: list[str]) -> AbuseScore | None:
        missed = LOOKUPS.missed
        try:
            if self._abuse is not None:
                (score,) = self._abuse.score([case.claim])
                if LOOKUPS.missed != missed:  # a score without conduct says nothing of it
                    return None
                models.append(self._abuse.label())
                return score
        except StateError:
            pass
        missing.append("abuse")
        return None


def _moment(request: ReturnReviewRequest, order: OrderRecord | None, now: float) -> float:
    """When the buyer asked, if the request does not tell: as on record, or now.

    A claim is often reviewed again once the parcel is back. What takes the shop days must not count
    as the buyer's delay.
    """
    if order is not None and order.customer_id == request.customer_id:
        for each in order.claims:
            if each.return_id == request.return_id:
                return each.requested_at
    return now
