"""`muslin policy`: what a shop's files change, and which rule decides a situation."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from data_contracts.errors import BadInputError
from data_contracts.policies import (
    ABUSE_BAND,
    Decision,
    Policies,
    RuleChange,
    Situation,
    Terms,
    changes,
    policy_files,
)
from data_contracts.tables import AUDIENCE, CONDITION, RETURN_REASON
from features.settings import Settings

__all__ = ["check", "explain", "load_policies"]

_ALLOWED = {
    "audience": AUDIENCE,
    "reason": RETURN_REASON,
    "condition": CONDITION,
    "abuse_band": ABUSE_BAND,
}
_PATTERNS = {
    "market": (r"[A-Z]{2}", "an ISO 3166 alpha-2 code such as DE"),
    "currency": (r"[A-Z]{3}", "an ISO 4217 code such as EUR"),
}
_MONEY = (
    "keep_item_below",
    "repair_cost",
    "return_shipping",
    "outbound_shipping",
    "handling",
    "fast_track_below",
    "inspect_above",
)


_COLUMNS = {"term": None, "value": 3, "rule": 4, "layer": None, "why": 6, "overrides": 4}


def load_policies(settings: Settings, extra: Sequence[Path] = ()) -> Policies:
    """Read the starting policies, the files of the shop's folder, then `extra`."""
    return Policies.load((*policy_files(settings.policy_dir), *extra))


def check(console: Console, files: Sequence[Path]) -> None:
    """Check policy files and print what they change in the starting policies.

    Raises
    ------
    PolicyError
        With one sentence for each fault.
    """
    change = changes(Policies.load(files))
    if change.rules:
        grid = Grid("rule", "sets", "to", "instead of")
        last = ""
        for each in change.rules:
            instead = "\n".join(f"{value} ({', '.join(rules)})" for value, rules in _by_value(each))
            name = "" if each.rule == last else each.rule
            _row(grid, name, each.term, each.value, instead or "-")
            last = each.rule
        console.print(grid)
    for sentence in change.others:
        console.print(sentence, markup=False, soft_wrap=True)
    for each in change.rules:
        if each.kept_out_by:
            console.print(
                f"{each.file}: rule {each.rule}: {each.term} decides nothing: stronger rules speak "
                f"for all its situations ({', '.join(each.kept_out_by)})",
                markup=False,
                soft_wrap=True,
                style="yellow",
            )
    if not change.rules and not change.others:
        console.print("these files change nothing", markup=False)
    names = ", ".join(str(file) for file in files)
    console.print(f"{names}: no problem found", markup=False, soft_wrap=True)


def explain(console: Console, policies: Policies, situation: Situation) -> None:
    """Print every term of a situation, the rule that decides it and the rules it overrides.

    Raises
    ------
    BadInputError
        The situation names a market, currency, reason, condition, audience or band that cannot be.
    """
    _known(situation)
    terms = policies.terms(situation)
    told = ", ".join(
        f"{each.name.replace('_', ' ')} {value}"
        for each in fields(situation)
        if (value := getattr(situation, each.name)) not in (None, False, 0.0)
    )
    console.print(f"terms for {told or 'any situation'}", markup=False, soft_wrap=True)
    grid = Grid(show_lines=True)
    for heading, ratio in _COLUMNS.items():
        # A name cut short helps nobody: terms stay whole, the rest folds.
        grid.add_column(heading, no_wrap=heading == "term", overflow="fold", ratio=ratio)
    grid.expand = True
    last = None
    for name in terms.decisions:
        decided = terms.rule(name)
        law = "\nstatutory" if decided.statutory else ""
        why = decided.text if decided.rule != last else "as above"
        over = "\n".join(f"{d.rule}: {d.value}" for d in _different(terms, name)) or "-"
        rule = f"{decided.rule}{law}"
        _row(grid, name, _value(terms, name), rule, decided.layer, why, over)
        last = decided.rule
    console.print(grid)


def _row(grid: Grid, *cells: str) -> None:
    """Add what the files say as it stands: brackets in it are no markup."""
    grid.add_row(*(Text(cell) for cell in cells))


def _by_value(change: RuleChange) -> list[tuple[str, list[str]]]:
    rules: dict[str, list[str]] = {}
    for rule, value in change.instead_of:
        rules.setdefault(value, []).append(rule)
    return list(rules.items())


def _known(situation: Situation) -> None:
    for name, allowed in _ALLOWED.items():
        value = getattr(situation, name)
        if value is not None and value not in allowed:
            option = name.replace("_", "-")
            raise BadInputError(f"--{option} {value!r} is not known; use {', '.join(allowed)}")
    for name, (pattern, example) in _PATTERNS.items():
        value = getattr(situation, name)
        if value is not None and not re.fullmatch(pattern, value):
            raise BadInputError(f"--{name} {value!r} is not {example}")


def _different(terms: Terms, name: str) -> list[Decision]:
    return [each for each in terms.overridden(name) if each.value != terms.rule(name).value]


def _value(terms: Terms, name: str) -> str:
    """Write a term as the answer has it: money in the currency of the line."""
    if name in _MONEY:
        return f"{getattr(terms, name):,.2f} {terms.currency}"
    return terms.currency if name == "currency" else terms.rule(name).value
