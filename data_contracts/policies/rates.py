"""Exchange rates of the policies: money in a rule's currency, wanted in the line's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from data_contracts.policies.documents import Money, PolicyFile
from data_contracts.policies.errors import PolicyError

__all__ = ["Rates", "merged_rates"]


@dataclass(frozen=True, slots=True)
class Rates:
    """Exchange rates.

    Attributes
    ----------
    base
        ISO 4217 code of the base currency.
    per_base
        Units of each currency for one of the base.
    file
        The last file that gave any: where to add one.
    """

    base: str
    per_base: Mapping[str, float]
    file: str

    def base_per_unit(self, currency: str) -> float:
        """Units of the base currency for one of `currency`.

        Raises
        ------
        PolicyError
            There is no rate for it.
        """
        try:
            return 1.0 / self.per_base[currency]
        except KeyError:
            known = ", ".join(sorted(self.per_base))
            raise PolicyError(
                f"the policies have no exchange rate for the currency {currency!r} (known: "
                f"{known}); add it under exchange_rates in one of your policy files, as "
                f"{self.file} does",
                currency=currency,
            ) from None

    def in_base(self, money: Money) -> float:
        """Turn money into the base currency."""
        return money.amount * self.base_per_unit(money.currency)


def merged_rates(files: Sequence[tuple[str, PolicyFile]]) -> tuple[Rates, list[str]]:
    """Merge the rates of all files, a later file's first.

    Returns
    -------
    Rates
    list of str
        One sentence for each base that differs, and each rule whose currency has no rate.
    """
    base, last, per_base = "EUR", "", {"EUR": 1.0}
    problems = []
    for file, policy in files:
        rates = policy.given.get("exchange_rates")
        if rates is None:
            continue
        if last and rates.base != base:
            problems.append(
                f"{file}: exchange_rates.base = {rates.base!r}: the rates of {last} are for one "
                f"{base}; give yours for one {base} too"
            )
            continue
        if rates.per_base.get(rates.base, 1.0) != 1.0:
            problems.append(
                f"{file}: exchange_rates.per_base.{rates.base} = {rates.per_base[rates.base]:g}: "
                "the base is worth 1 of itself; remove it"
            )
            continue
        per_base = ({} if not last else per_base) | rates.per_base | {rates.base: 1.0}
        base, last = rates.base, file
    found = Rates(base, per_base, last)
    for file, policy in files:
        for rule in policy.rules:
            stated = {**rule.when.given, **rule.set.given}
            for key, value in stated.items():
                currency = value.currency if isinstance(value, Money) else None
                currency = value if key == "currency" else currency
                if currency is not None and currency not in per_base:
                    problems.append(
                        f"{file}: rule {rule.id}: {key} = {value}: no exchange rate is known for "
                        f"{currency} (known: {', '.join(sorted(per_base))}); add it under "
                        "exchange_rates"
                    )
    return found, problems
