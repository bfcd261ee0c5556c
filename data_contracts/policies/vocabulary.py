"""Names a rule may use: groups, markets, and the values the contracts allow."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence

from data_contracts.policies.documents import PolicyFile
from data_contracts.policies.situation import ABUSE_BAND
from data_contracts.tables import AUDIENCE, CONDITION, RETURN_REASON

__all__ = ["merged_groups", "unknown_names"]

_MARKET = re.compile(r"[A-Z]{2}")
_ALLOWED = {
    "audiences": AUDIENCE,
    "reasons": RETURN_REASON,
    "reasons_except": RETURN_REASON,
    "conditions": CONDITION,
    "abuse_bands": ABUSE_BAND,
}
_ASPECT = {"markets": "market", "categories": "category", "reasons": "reason"}


def merged_groups(policies: Sequence[PolicyFile]) -> dict[str, dict[str, tuple[str, ...]]]:
    """Merge the groups of all files: a later file adds members, and removes none.

    Returns
    -------
    dict
        Members by name of group, by aspect (``market``, ``category``, ``reason``).
    """
    merged: dict[str, dict[str, tuple[str, ...]]] = {a: {} for a in _ASPECT.values()}
    for policy in policies:
        for key, aspect in _ASPECT.items():
            for name, members in getattr(policy.groups, key).items():
                merged[aspect][name] = (*merged[aspect].get(name, ()), *members)
    return merged


def unknown_names(
    files: Sequence[tuple[str, PolicyFile, bool]],
    groups: Mapping[str, Mapping[str, Sequence[str]]],
) -> list[str]:
    """Name every market, reason, condition, audience and band that does not exist."""
    problems = []
    for file, policy, _ in files:
        for name, members in policy.groups.markets.items():
            problems += _not_markets(f"{file}: groups.markets.{name}", members, {})
        for name, members in policy.groups.reasons.items():
            where = f"{file}: groups.reasons.{name}"
            problems += _not_allowed(where, members, RETURN_REASON, {})
        for rule in policy.rules:
            for key, listed in rule.when.given.items():
                where = f"{file}: rule {rule.id}: {key}"
                if key in ("markets", "markets_except"):
                    problems += _not_markets(where, listed, groups["market"])
                elif key in _ALLOWED:
                    known = groups["reason"] if key.startswith("reasons") else {}
                    problems += _not_allowed(where, listed, _ALLOWED[key], known)
    return problems


def _not_markets(
    where: str, listed: Sequence[str], groups: Mapping[str, Sequence[str]]
) -> list[str]:
    return [
        f"{where} = {name!r}: is neither an ISO 3166 alpha-2 code such as DE nor a group"
        + (f" ({', '.join(groups)})" if groups else "")
        for name in listed
        if name not in groups and not _MARKET.fullmatch(name)
    ]


def _not_allowed(
    where: str, listed: Sequence[str], allowed: Sequence[str], groups: Mapping[str, Sequence[str]]
) -> list[str]:
    problems = []
    for name in listed:
        if name not in allowed and name not in groups:
            known = (*allowed, *groups)
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"
            problems.append(f"{where} = {name!r}: is not known; {hint}")
    return problems
