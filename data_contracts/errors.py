"""Errors a person can act on: what, where, which value, what to do."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["BadInputError", "ContractError", "SourceError"]


class BadInputError(ValueError):
    """The input cannot be used as it is. The command line prints it and exits with code 2."""


class SourceError(BadInputError):
    """A file, folder or database cannot be read."""


class ContractError(BadInputError):
    """A table as a whole breaks its contract.

    Parameters
    ----------
    problem
        What is wrong and what to do.
    table, column, rule
        Where.
    count
        How many rows break the rule; None where the question makes no sense.
    examples
        Up to three offending values.
    """

    def __init__(
        self,
        problem: str,
        *,
        table: str,
        column: str | None = None,
        rule: str,
        count: int | None = None,
        examples: Sequence[object] = (),
    ) -> None:
        self.problem = problem
        self.table = table
        self.column = column
        self.rule = rule
        self.count = count
        self.examples = tuple(str(value) for value in examples)[:3]
        where = f"table {table}" + (f", column {column}" if column else "") + f", rule {rule}"
        if count is not None:
            where += f", {count:,} row{'' if count == 1 else 's'}"
        if self.examples:
            where += ", for example " + ", ".join(repr(value) for value in self.examples)
        super().__init__(f"{where}: {problem}")
