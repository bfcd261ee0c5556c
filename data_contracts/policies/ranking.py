"""Rules in the order they win, and the faults that only show between rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from data_contracts.policies.documents import LAYER, PolicyFile, Rule
from data_contracts.policies.regions import Box, Space, intersection

__all__ = ["Ranked", "depths", "overlaps", "rank"]


@dataclass(frozen=True, slots=True)
class Ranked:
    """A rule, where it stands, and the situations it is for.

    Attributes
    ----------
    packaged
        Shipped with this package, not the shop's.
    order
        A rule of higher order wins.
    values
        Terms it sets, by key.
    """

    rule: Rule
    file: str
    layer: str
    packaged: bool
    order: tuple[int, int, int, int]
    box: Box
    values: Mapping[str, object]


def depths(rules: Sequence[Rule], file: str) -> tuple[dict[str, int], list[str]]:
    """How deep in exceptions to exceptions each rule of a file lies, and what is wrong with them.

    Returns
    -------
    dict of str to int
        0 for a rule that is no exception.
    list of str
        One sentence for each exception to an unknown rule, or to itself in the end.
    """
    targets = {rule.id: tuple(rule.given.get("exception_to", ())) for rule in rules}
    problems = [
        f"{file}: rule {name}: exception_to = {each!r}: no rule of this file has that id; "
        f"known: {', '.join(targets)}"
        for name, listed in targets.items()
        for each in listed
        if each not in targets
    ]
    found: dict[str, int] = {}
    waiting = {name: {e for e in listed if e in targets} for name, listed in targets.items()}
    while ready := [n for n, listed in waiting.items() if listed <= found.keys()]:
        for name in ready:
            found[name] = max((found[e] + 1 for e in waiting.pop(name)), default=0)
    problems += [
        f"{file}: rule {name}: exception_to leads back to the rule itself; remove it"
        for name in waiting
    ]
    return found | dict.fromkeys(waiting, 0), problems


def rank(
    files: Sequence[tuple[str, PolicyFile, bool]], space: Space
) -> tuple[list[Ranked], list[str]]:
    """Put the rules of all files in order, strongest first.

    Later layers win, in a layer later files, in a file exceptions.
    """
    ranked, problems = [], []
    for number, (file, policy, packaged) in enumerate(files):
        depth, wrong = depths(policy.rules, file)
        problems += wrong
        for line, rule in enumerate(policy.rules):
            box = space.box(rule.when)
            if not all(box):
                problems.append(
                    f"{file}: rule {rule.id}: when: is for no situation at all; widen it"
                )
            order = (LAYER.index(policy.layer), number, depth[rule.id], line)
            values = rule.set.given
            ranked.append(Ranked(rule, file, policy.layer, packaged, order, box, values))
    return sorted(ranked, key=lambda each: each.order, reverse=True), problems


def overlaps(ranked: Sequence[Ranked], space: Space) -> list[str]:
    """Name every two rules of a file that contradict each other, and a situation both are for."""
    problems = []
    by_file: dict[str, list[Ranked]] = {}
    for each in sorted(ranked, key=lambda each: each.order):
        by_file.setdefault(each.file, []).append(each)
    for file, rules in by_file.items():
        exceptions = _exceptions([each.rule for each in rules])
        for one, other in combinations(sorted(rules, key=lambda e: e.order[3]), 2):
            a, b = one.rule.id, other.rule.id
            terms = [
                term
                for term in one.values.keys() & other.values.keys()
                if one.values[term] != other.values[term]
            ]
            if not terms or b in exceptions[a] or a in exceptions[b]:
                continue
            both = intersection(one.box, other.box)
            if both is not None:
                term = min(terms)
                wide, narrow = (b, a) if both == one.box else (a, b)
                problems.append(
                    f"{file}: rule {a} and rule {b} overlap: for {space.example(both)} they set "
                    f"{term} to {shown(one.values[term])} and {shown(other.values[term])}; "
                    f"narrow the 'when' of one, or write exception_to: [{wide}] in rule {narrow}"
                )
    return problems


def _exceptions(rules: Sequence[Rule]) -> dict[str, set[str]]:
    """By rule: every rule it is an exception to, directly or through others."""
    direct = {rule.id: set(rule.given.get("exception_to", ())) for rule in rules}
    reached = {}
    for name in direct:
        seen: set[str] = set()
        waiting = [name]
        while waiting:
            for each in direct.get(waiting.pop(), set()) - seen:
                seen.add(each)
                waiting.append(each)
        reached[name] = seen
    return reached


def shown(value: object) -> str:
    """Write a value as a policy file would."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {shown(each)}" for key, each in value.items())
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return f"[{', '.join(shown(each) for each in value)}]"
    if hasattr(value, "from_day"):
        return f"{value.share:g} from day {value.from_day}"  # type: ignore[attr-defined]
    return str(value)
