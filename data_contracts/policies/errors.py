"""The one error of the policies."""

from __future__ import annotations

from collections.abc import Sequence

from data_contracts.errors import BadInputError

__all__ = ["PolicyError"]


class PolicyError(BadInputError):
    """A policy cannot be used, or has no answer; every line says what, where and what to do.

    Parameters
    ----------
    problems
        One sentence each.
    currency
        The currency that no exchange rate is known for, where that is what is wrong.
    """

    def __init__(self, problems: str | Sequence[str], *, currency: str | None = None) -> None:
        self.problems = (problems,) if isinstance(problems, str) else tuple(problems)
        self.currency = currency
        super().__init__("\n".join(self.problems))
