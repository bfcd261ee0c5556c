"""What a table declaration is made of: columns, rules, foreign keys, tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Column", "ForeignKey", "Kind", "Operator", "Rule", "Table"]

Kind = Literal["text", "number", "integer", "boolean", "time", "text_list"]
Operator = Literal[">=", "<="]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a contract.

    Parameters
    ----------
    name
        Name of the column.
    kind
        ``text`` (`str`), ``number`` (float64), ``integer`` (int64, or Int64 where it may be null),
        ``boolean`` (`boolean`), ``time`` (`datetime64[us, UTC]`) or ``text_list`` (lists of text).
    required
        The column must be there and hold no null.
    allowed
        Legal values of a text column; any value when None.
    minimum, maximum
        Closed range of a number, in ``unit``.
    unit
        Unit of a number: cm, kg, g, years, pieces, or `currency` (the row's own).
    doc
        One line on what the column means.
    pattern
        Regular expression the whole text must match.
    default
        What a null means, where it means something. Normalising fills it in.
    """

    name: str
    kind: Kind
    required: bool
    allowed: tuple[str, ...] | None = None
    minimum: float | None = None
    maximum: float | None = None
    unit: str | None = None
    doc: str = ""
    pattern: str | None = None
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A comparison that holds in every row where both sides are known.

    ``right`` is a column of the same table, or ``table.column`` of a table that a foreign key of
    this one refers to: then the value of the row referred to is meant.
    """

    name: str
    left: str
    operator: Operator
    right: str
    doc: str = ""


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """Every value of ``column`` is a ``references`` (single-column key) of ``table``."""

    column: str
    table: str
    references: str


@dataclass(frozen=True, slots=True)
class Table:
    """The contract of one table.

    Parameters
    ----------
    name
        Name of the table, of its file and of its database table.
    doc
        One line on what a row is.
    columns
        The columns, in order.
    key
        Columns that identify a row.
    time_column
        When the row became known; None for tables that describe things rather than events.
    rules, foreign_keys
        Cross-column rules and references to other tables.
    """

    name: str
    doc: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    time_column: str | None = None
    rules: tuple[Rule, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all columns, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the columns that must be there."""
        return tuple(column.name for column in self.columns if column.required)

    @property
    def optional(self) -> tuple[str, ...]:
        """Names of the columns that may be missing or null."""
        return tuple(column.name for column in self.columns if not column.required)

    def column(self, name: str) -> Column:
        """Return the column called ``name``.

        Raises
        ------
        KeyError
            The table has no such column.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"table {self.name} has no column {name!r}; it has {', '.join(self.names)}")
