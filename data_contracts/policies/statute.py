"""What the law gives a buyer, no rule of a shop takes away."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from data_contracts.policies.ranking import Ranked, shown
from data_contracts.policies.regions import Box, Space, intersection, subtract

__all__ = ["PROTECTED", "violations"]


def _less(new: float, old: float) -> bool:
    return new < old


def _more(new: float, old: float) -> bool:
    return new > old


PROTECTED: dict[str, Callable[[float, float], bool]] = {
    "withdrawal_days": _less,
    "reject_faulty_days": _less,
    "fault_claim_days": _less,
    "refund_within_days": _more,
    "returnable": _less,
    "quality_only": _more,
    "restocking_fee_share": _more,
    "refund_outbound_shipping": _less,
    "buyer_pays_return": _more,
}
"""Rights of the buyer, by term: whether a new value is worse for the buyer than the old one."""


def violations(ranked: Sequence[Ranked], space: Space) -> list[str]:
    """Name every rule that would take a statutory right away.

    A right is what the strongest statutory rule says of a situation, so that the law's own
    exceptions (goods unsealed, made to measure) hold for the shop's rules too. A shop may give
    more. A rule of the shop that calls itself statutory is judged like any other of the shop's.

    Parameters
    ----------
    ranked
        All rules, strongest first.
    """
    problems = []
    for i, rule in reversed(list(enumerate(ranked))):
        if rule.rule.statutory and rule.packaged:
            continue
        below = [each for each in ranked[i + 1 :] if each.rule.statutory]
        for term in rule.values:
            if term in PROTECTED and (taken := _taken(rule, below, term)):
                problems.append(_sentence(rule, term, taken, space))
    return problems


def _taken(rule: Ranked, statutes: Sequence[Ranked], term: str) -> list[tuple[Ranked, Box]]:
    """Give the statutory rules that give more than `rule`, and where each is the strongest."""
    left, taken = [rule.box], []
    for statute in statutes:
        if term not in statute.values:
            continue
        new, old = rule.values[term], statute.values[term]
        if PROTECTED[term](new, old):  # type: ignore[arg-type]  # numbers and truths, by the model
            both = [each for box in left if (each := intersection(box, statute.box))]
            taken += [(statute, box) for box in both[:1]]
        left = [piece for box in left for piece in subtract(box, statute.box)]
    return sorted(taken, key=lambda each: each[0].order)


def _sentence(rule: Ranked, term: str, taken: Sequence[tuple[Ranked, Box]], space: Space) -> str:
    (first, box), *others = taken
    also = f"; so do {', '.join(each.rule.id for each, _ in others)}" if others else ""
    return (
        f"{rule.file}: rule {rule.rule.id}: {term} = {shown(rule.values[term])}: takes a "
        f"statutory right away: {first.rule.id} ({first.file}) gives "
        f"{shown(first.values[term])}, for example for {space.example(box)}: "
        f"\"{first.rule.text.strip()}\"{also}; give as much or more, or narrow the 'when' of "
        "your rule"
    )
