"""What a shop's files change in the starting policies."""

from __future__ import annotations

from dataclasses import dataclass

from data_contracts.policies.ranking import Ranked, shown
from data_contracts.policies.regions import intersection, subtract
from data_contracts.policies.rulebook import Policies

__all__ = ["Change", "RuleChange", "changes"]


@dataclass(frozen=True, slots=True)
class RuleChange:
    """A term that a rule of the shop sets.

    Attributes
    ----------
    rule, layer, file
        Which rule.
    term, value
        What it sets, as its file writes it.
    instead_of
        Weaker rules that say something else of the same situations: id and value.
    kept_out_by
        Where the rule decides in no situation at all: the stronger rules that do.
    """

    rule: str
    layer: str
    file: str
    term: str
    value: str
    instead_of: tuple[tuple[str, str], ...]
    kept_out_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """Everything the shop's files change.

    Attributes
    ----------
    rules
        Term by term, in the order of the files.
    others
        Groups and exchange rates, one sentence each.
    """

    rules: tuple[RuleChange, ...]
    others: tuple[str, ...]


def changes(policies: Policies) -> Change:
    """Compare policies with the starting policies they were loaded over."""
    found = []
    for i, rule in sorted(enumerate(policies.rules), key=lambda pair: pair[1].order[1::2]):
        if not rule.packaged:
            found += [_change(policies, i, rule, term) for term in rule.values]
    return Change(tuple(found), tuple(_groups(policies) + _rates(policies)))


def _change(policies: Policies, i: int, rule: Ranked, term: str) -> RuleChange:
    value, left, stronger = rule.values[term], [rule.box], []
    for other in policies.rules[:i]:
        if term in other.values and any(intersection(box, other.box) for box in left):
            stronger.append(other.rule.id)
            left = [piece for box in left for piece in subtract(box, other.box)]
    instead = tuple(
        (other.rule.id, shown(other.values[term]))
        for other in policies.rules[i + 1 :]
        if term in other.values
        and other.values[term] != value
        and any(intersection(box, other.box) for box in left)
    )
    kept_out_by = () if left else tuple(stronger)
    return RuleChange(rule.rule.id, rule.layer, rule.file, term, shown(value), instead, kept_out_by)


def _groups(policies: Policies) -> list[str]:
    said = []
    for file, policy, packaged in policies.documents:
        for kind in ("markets", "categories", "reasons") if not packaged else ():
            for name, members in getattr(policy.groups, kind).items():
                said.append(f"{file}: adds {', '.join(members)} to the {kind} of group {name}")
    return said


def _rates(policies: Policies) -> list[str]:
    said = []
    before: dict[str, float] = {}
    for file, policy, packaged in policies.documents:
        rates = policy.given.get("exchange_rates")
        if rates is None:
            continue
        for currency, rate in sorted(rates.per_base.items()):
            if not packaged and before.get(currency) != rate:
                was = f"{before[currency]:g}" if currency in before else "none"
                said.append(
                    f"{file}: exchange rate of {currency} for one {rates.base}: {rate:g}, was {was}"
                )
            before[currency] = rate
    return said
