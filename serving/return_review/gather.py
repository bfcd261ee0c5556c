"""Look up all there is to know of a claim: order, policy, score, better sizes and colours."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from data_contracts.policies import Policies, Situation, Terms
from data_contracts.tables import SELF
from features.order_records import OrderRecord, read_orders
from features.questions import BasketLine, BasketQuestion, SizeQuestion
from features.state import StateError, StateStore
from models.return_risk.answer import LineRisk
from models.size_fit.advice import SizeAdvice
from serving.advisor import ModelLabel, SizeAdvisor
from serving.return_review.case import SIZE_REASONS, Alternative, Case
from serving.return_review.schemas import ReturnReviewRequest
from serving.risk_advisor import RiskAdvisor

if TYPE_CHECKING:
    from models.abuse.answer import AbuseScore

    from serving.abuse_advisor import AbuseScorer

__all__ = ["Gathered", "Gatherer", "Orders", "StateOrders"]

_UNDECIDED = ("advised", "between_sizes", "not_enough_information")


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

    def __init__(self, state: StateStore) -> None:
        self._state = state

    def read(self, ids: Sequence[str]) -> dict[str, OrderRecord]:
        """The records of those lines that are in the state, by id."""
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
    """

    case: Case
    abuse: AbuseScore | None
    models: tuple[ModelLabel, ...]
    missing: tuple[str, ...]


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
        self._sizes = sizes
        self._risks = risks
        self._abuse = abuse

    def orders(self, requests: Sequence[ReturnReviewRequest]) -> list[OrderRecord | None]:
        """Look up the order line of each claim.

        Raises
        ------
        StateError
            When the state cannot be read.
        """
        found = self._orders.read([each.order_line_id for each in requests]) if requests else {}
        return [found.get(each.order_line_id) for each in requests]

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
        self, request: ReturnReviewRequest, order: OrderRecord | None, now: float
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

        Raises
        ------
        PolicyError
            When the policies know no rate for the order's currency.
        """
        claim = request.question(now)
        value = None
        if order is not None and order.unit_price is not None:
            value = order.unit_price * claim.quantity
        case = Case(
            claim=claim, order=order, value=value, wanted=request.wanted, opened=request.opened
        )
        models: list[ModelLabel] = []
        missing: list[str] = []
        if order is None or order.customer_id != claim.customer_id:
            # Another person's history is none of this claim's business.
            return Gathered(dataclasses.replace(case, terms=self.terms(case)), None, (), ())
        score = self._score(case, models, missing)
        if score is not None:
            terms = self.terms(case)
            assert terms is not None
            case = dataclasses.replace(case, score=score.score, band=terms.abuse_band(score.score))
        case = dataclasses.replace(
            case,
            terms=self.terms(case),
            size=self._better_size(case, models, missing),
            colour=self._better_colour(case, models, missing),
        )
        return Gathered(case, score, tuple(models), tuple(missing))

    def _score(self, case: Case, models: list[ModelLabel], missing: list[str]) -> AbuseScore | None:
        try:
            if self._abuse is not None:
                (score,) = self._abuse.score([case.claim])
                models.append(self._abuse.label())
                return score
        except StateError:
            pass
        missing.append("abuse")
        return None

    def _better_size(
        self, case: Case, models: list[ModelLabel], missing: list[str]
    ) -> Alternative | None:
        """Find the size that fits best among those the claim leaves."""
        if case.claim.reason not in SIZE_REASONS:
            return None
        try:
            if self._sizes is not None:
                models.append(self._sizes.label())
                return self._advised(case, self._sizes, models)
        except StateError:
            models.pop()
        missing.append("size_fit")
        return None

    def _advised(
        self, case: Case, sizes: SizeAdvisor, models: list[ModelLabel]
    ) -> Alternative | None:
        order = case.order
        assert order is not None
        question = SizeQuestion(
            product_id=order.product_id,
            asked_at=case.claim.requested_at,
            customer_id=order.customer_id,
            wearer=order.wearer or SELF,
            market=order.market,
        )
        (known,) = sizes.look_up([question])
        labels = known.product.labels if known.product else ()
        if order.size_label not in labels:
            return None
        failed = labels.index(order.size_label)
        # Who says it is too small gets no smaller one, whatever the model thinks.
        small = case.claim.reason == "too_small"
        left = labels[failed + 1 :] if small else labels[:failed][::-1]
        if not left:
            return None
        asked = dataclasses.replace(question, candidate_sizes=tuple(left))
        (advice,) = sizes.advise(sizes.look_up([asked]))
        ranked = _ranked(advice, left)
        if not ranked:
            return None
        misfit = {each.label: each.p_small + each.p_large for each in advice.sizes}
        p_return = self._risk_of(case, ranked[0], models)
        return Alternative(
            ranked[0], misfit.get(ranked[0]) if p_return is None else p_return, tuple(ranked[1:])
        )

    def _risk_of(self, case: Case, label: str, models: list[ModelLabel]) -> float | None:
        if self._risks is None:
            return None
        try:
            risk = self._assess(case, self._risks)
        except StateError:
            return None
        models.append(self._risks.label())
        return next((each.p_return for each in risk.sizes if each.label == label), None)

    def _better_colour(
        self, case: Case, models: list[ModelLabel], missing: list[str]
    ) -> Alternative | None:
        """Find the colours of the product that come back less often."""
        if case.claim.reason != "colour_mismatch":
            return None
        assert case.order is not None
        try:
            if self._risks is not None:
                risk = self._assess(case, self._risks)
                models.append(self._risks.label())
                return _safer(risk, case.order.colour)
        except StateError:
            pass
        missing.append("return_risk")
        return None

    def _assess(self, case: Case, risks: RiskAdvisor) -> LineRisk:
        order = case.order
        assert order is not None
        line = BasketLine(
            product_id=order.product_id,
            size_label=order.size_label,
            colour=order.colour,
            quantity=case.claim.quantity,
            unit_price=order.unit_price,
        )
        question = BasketQuestion(
            lines=(line,),
            asked_at=case.claim.requested_at,
            customer_id=order.customer_id,
            wearer=order.wearer or SELF,
            market=order.market,
            currency=order.currency,
        )
        ((risk,),) = risks.assess([question])
        return risk


def _ranked(advice: SizeAdvice, left: Sequence[str]) -> list[str]:
    """Sizes worth offering, best first; of equals the one nearest to the size that failed."""
    if advice.status not in _UNDECIDED:
        return []
    fit = {each.label: each.p_fit for each in advice.sizes if each.label in left}
    ranked = sorted(fit, key=lambda label: (-round(fit[label], 4), left.index(label)))
    if advice.recommended in fit:
        ranked.remove(advice.recommended)
        ranked.insert(0, advice.recommended)
    return ranked


def _safer(risk: LineRisk, colour: str | None) -> Alternative | None:
    own = next((each.p_return for each in risk.colours if each.label == colour), risk.p_return)
    better = sorted(
        (each for each in risk.colours if each.label != colour and each.p_return < own),
        key=lambda each: (each.p_return, each.label),
    )
    if not better:
        return None
    return Alternative(
        better[0].label, better[0].p_return, tuple(each.label for each in better[1:])
    )
