"""What an exchange could be into: the size that fits better, the colour that comes back less."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from data_contracts.tables import SELF
from features.questions import BasketLine, BasketQuestion, SizeQuestion
from features.state import StateError
from models.return_risk.answer import LineRisk
from models.size_fit.advice import SizeAdvice
from serving.advisor import ModelLabel, SizeAdvisor
from serving.return_review.case import SIZE_REASONS, Alternative, Case
from serving.risk_advisor import RiskAdvisor

__all__ = ["Alternatives"]

_UNDECIDED = ("advised", "between_sizes", "not_enough_information")


class Alternatives:
    """Asks the size model and the return-risk model.

    Parameters
    ----------
    sizes, risks
        The models; each may be missing.
    """

    def __init__(self, sizes: SizeAdvisor | None, risks: RiskAdvisor | None) -> None:
        self._sizes = sizes
        self._risks = risks

    def size(self, case: Case, models: list[ModelLabel], missing: list[str]) -> Alternative | None:
        """Find the size that fits best among those the claim leaves.

        Parameters
        ----------
        case
            The claim; its order is on record.
        models, missing
            Get the models that took part, and the names of those that are not there.
        """
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

    def colour(
        self, case: Case, models: list[ModelLabel], missing: list[str]
    ) -> Alternative | None:
        """Find the colours of the product that come back less often; as :meth:`size`."""
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
