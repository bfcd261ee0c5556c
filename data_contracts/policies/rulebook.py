"""All policies in force, and the terms they give a situation."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from data_contracts.policies.documents import Money, PolicyFile, TermValues
from data_contracts.policies.errors import PolicyError
from data_contracts.policies.ranking import Ranked, overlaps, rank, shown
from data_contracts.policies.rates import merged_rates
from data_contracts.policies.reading import read_packaged, read_policy
from data_contracts.policies.regions import Space
from data_contracts.policies.situation import Situation
from data_contracts.policies.statute import PROTECTED, violations
from data_contracts.policies.terms import Decision, Terms
from data_contracts.policies.vocabulary import merged_groups, unknown_names

__all__ = ["STARTING", "Policies"]

STARTING = tuple(sorted((Path(__file__).parent / "starting").glob("*.yaml")))
"""The packaged starting policies, in the order they are read."""
_MOST_CACHED = 50_000


@functools.cache
def _starting() -> tuple[tuple[str, PolicyFile, bool], ...]:
    return tuple((path.name, read_packaged(path), True) for path in STARTING)


class Policies:
    """Policies in force. Use :meth:`load`.

    Attributes
    ----------
    documents
        Name and content of each file, and whether it is packaged, in the order they were read.
    rules
        Every rule, strongest first.
    rates
        Exchange rates.
    fingerprint
        Changes with any rule; goes into the audit.
    """

    def __init__(self, files: Sequence[tuple[str, PolicyFile, bool]]) -> None:
        self.documents = tuple(files)
        groups = merged_groups([policy for _, policy, _ in files])
        problems = _twice(files) + unknown_names(files, groups)
        self.rates, wrong = merged_rates([(name, policy) for name, policy, _ in files])
        problems += wrong
        _refuse(problems)
        whens = [rule.when for _, policy, _ in files for rule in policy.rules]
        self._space = Space(whens, groups, self.rates.in_base, self.rates.base)
        ranked, problems = rank(files, self._space)
        _refuse(problems)
        _refuse(overlaps(ranked, self._space) + violations(ranked, self._space))
        self.rules: tuple[Ranked, ...] = tuple(ranked)
        written = [policy.model_dump_json() for _, policy, _ in files]
        self.fingerprint = hashlib.sha256("\n".join(written).encode()).hexdigest()[:16]
        self._cache: dict[tuple[str | None, tuple[int, ...]], Terms] = {}

    @classmethod
    def load(cls, extra: Sequence[Path] = ()) -> Self:
        """Read the packaged starting policies, then the shop's files; later files win.

        Parameters
        ----------
        extra
            The shop's files, in order.

        Raises
        ------
        PolicyError
            One sentence for each fault: file, rule, key, value, what to do.
        """
        files = list(_starting())
        problems: list[str] = []
        for path in extra:
            try:
                files.append((str(path), read_policy(path), False))
            except PolicyError as error:
                problems += error.problems
        _refuse(problems)
        return cls(files)

    def terms(self, situation: Situation) -> Terms:
        """Give the terms of a situation.

        Raises
        ------
        PolicyError
            No exchange rate is known for the currency.
        """
        currency = situation.currency
        # The currency decides what a value is worth, so it is looked up before the cache is.
        unit = 1.0 if situation.value is None else self._base_per_unit(situation)
        key = (currency, self._space.place(situation, unit))
        known = self._cache.get(key)
        if known is None:
            if len(self._cache) >= _MOST_CACHED:
                self._cache.clear()
            known = self._cache[key] = self._resolve(*key)
        return known

    def _base_per_unit(self, situation: Situation) -> float:
        currency = situation.currency
        if currency is None:
            place = self._space.place(situation, 1.0)
            said = [r for r in self._matching(place) if "currency" in r.values]
            currency = str(said[0].values["currency"])
        return self.rates.base_per_unit(currency)

    def _matching(self, place: tuple[int, ...]) -> list[Ranked]:
        bits = tuple(1 << atom for atom in place)
        return [
            rule
            for rule in self.rules
            if all(mask & bit for mask, bit in zip(rule.box, bits, strict=True))
        ]

    def _resolve(self, currency: str | None, place: tuple[int, ...]) -> Terms:
        said: dict[str, list[Ranked]] = {}
        for rule in self._matching(place):
            for term in rule.values:
                said.setdefault(term, []).append(rule)
        decided = {
            term: _credited(said[term], term) for term in TermValues.model_fields if term in said
        }
        missing = [name for name in TermValues.model_fields if name not in decided]
        if missing:
            raise PolicyError(
                f"no rule sets {', '.join(missing)}; set it in a file with layer: default"
            )
        values: dict[str, Any] = {term: by[0].values[term] for term, by in decided.items()}
        values["currency"] = currency = currency or str(values["currency"])
        per_base = 1.0 / self.rates.base_per_unit(currency)
        for term, value in values.items():
            if isinstance(value, Money):
                same = value.currency == currency
                values[term] = (
                    value.amount if same else round(self.rates.in_base(value) * per_base, 2)
                )
        values["resale_shares"] = values.pop("resale_share")
        values["resale_fade"] = tuple((f.from_day, f.share) for f in values["resale_fade"])
        return Terms(
            **values,
            decisions={
                term: tuple(_decision(rule, rule.values[term]) for rule in by)
                for term, by in decided.items()
            },
        )


def _credited(rules: list[Ranked], term: str) -> list[Ranked]:
    """Name the statute before a rule of the shop that only repeats it."""
    first = rules[0]
    for rule in rules if term in PROTECTED else ():
        if rule.rule.statutory:
            if rule.values[term] == first.values[term]:
                return [rule, *(each for each in rules if each is not rule)]
            break
    return rules


def _decision(rule: Ranked, value: object) -> Decision:
    r = rule.rule
    return Decision(r.id, rule.layer, rule.file, r.statutory, r.text.strip(), shown(value))


def _refuse(problems: Sequence[str]) -> None:
    if problems:
        raise PolicyError(list(dict.fromkeys(problems)))


def _twice(files: Sequence[tuple[str, PolicyFile, bool]]) -> list[str]:
    seen: Mapping[str, str] = {}
    problems = []
    for file, policy, _ in files:
        for rule in policy.rules:
            if rule.id in seen:
                problems.append(
                    f"{file}: rule {rule.id}: the id is taken by a rule of {seen[rule.id]}; "
                    "choose another, such as shop." + rule.id.rpartition(".")[2]
                )
            seen = {**seen, rule.id: file}
    return problems
