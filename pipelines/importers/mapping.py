"""The mapping file: how anybody's tables become contract tables, declared in YAML.

`example_mapping.yaml` beside this module shows and explains every key.
"""

from __future__ import annotations

import difflib
import os
import zoneinfo
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from data_contracts.errors import BadInputError
from data_contracts.tables import TABLES
from data_contracts.units import units_of
from data_contracts.yaml_text import YamlTextError, read_yaml

__all__ = ["EXAMPLE", "ColumnMapping", "Mapping", "MappingError", "TableMapping", "load_mapping"]

EXAMPLE = Path(__file__).with_name("example_mapping.yaml")
"""A documented mapping file to copy."""


class MappingError(BadInputError):
    """A mapping file is wrong; the message names every place and what would be right."""


def _zone(name: str) -> str:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"unknown time zone {name!r}; use a name such as Europe/Berlin") from None
    return name


def _as_column(value: object) -> object:
    return {"from": value} if isinstance(value, (str, int, float, list)) else value


def _texts(value: object) -> object:
    return [str(item) for item in value] if isinstance(value, list) else value


def _text(value: object) -> object:
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


Text = Annotated[str, BeforeValidator(_text)]
Texts = Annotated[list[str], BeforeValidator(_texts)]
Zone = Annotated[str, AfterValidator(_zone)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class ColumnMapping(_Strict):
    """Where one contract column comes from; exactly one of ``from`` and ``constant``."""

    from_: Annotated[Text | Texts | None, Field(alias="from")] = None
    join: str = "-"
    constant: bool | int | float | str | None = None
    unit: str | None = None
    values: dict[str, Text | None] | None = None
    unlisted: Literal["keep", "blank"] = "keep"
    format: str | None = None
    time_zone: Zone | None = None
    end_of_day: bool = False

    @field_validator("values", mode="before")
    @classmethod
    def _text_keys(cls, value: object) -> object:
        """YAML reads bare 1 and yes as a number and a truth; in the source they are text."""
        if not isinstance(value, dict):
            return value
        return {_yaml_text(key): item for key, item in value.items()}

    @model_validator(mode="after")
    def _one_origin(self) -> ColumnMapping:
        if (self.from_ is None) == (self.constant is None):
            raise ValueError("give exactly one of 'from' and 'constant'")
        if self.unlisted == "blank" and self.values is None:
            raise ValueError("'unlisted' needs 'values'")
        return self

    @property
    def sources(self) -> list[str]:
        """Names of the source columns read."""
        if self.from_ is None:
            return []
        return [self.from_] if isinstance(self.from_, str) else list(self.from_)


def _yaml_text(key: object) -> str:
    return str(key).lower() if isinstance(key, bool) else str(key)


class TableMapping(_Strict):
    """Where the rows of one contract table come from."""

    columns: dict[str, Annotated[ColumnMapping, BeforeValidator(_as_column)]]
    source: str | None = None
    query: str | None = None
    table: str | None = None
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    encoding: str = "utf-8-sig"
    decimal: Literal[".", ","] = "."
    blanks: Texts = []
    where: dict[str, Texts] = {}
    distinct: bool = False

    @field_validator("where", mode="before")
    @classmethod
    def _lists(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {key: item if isinstance(item, list) else [item] for key, item in value.items()}


class Mapping(_Strict):
    """A mapping file."""

    tables: Annotated[dict[str, TableMapping], Field(min_length=1)]
    time_zone: Zone = "UTC"

    @model_validator(mode="after")
    def _known_targets(self) -> Mapping:
        problems = []
        for name, table in self.tables.items():
            if name not in TABLES:
                problems.append(f"tables.{name}: unknown table{_hint(name, TABLES)}")
                continue
            problems += _column_problems(name, table)
        if problems:
            raise ValueError("\n".join(problems))
        return self


def _hint(name: str, known: object) -> str:
    names = [str(item) for item in known] if hasattr(known, "__iter__") else []
    close = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {close[0]}?" if close else f"; known: {', '.join(names)}"


def _column_problems(name: str, table: TableMapping) -> list[str]:
    contract = TABLES[name]
    problems = []
    for target, column in table.columns.items():
        where = f"tables.{name}.columns.{target}"
        if target not in contract.names:
            problems.append(f"{where}: unknown column{_hint(target, contract.names)}")
            continue
        declared = contract.column(target)
        if column.unit is not None and column.unit not in units_of(declared.unit):
            units = units_of(declared.unit)
            known = f"known: {', '.join(units)}" if units else f"{target} has no unit"
            problems.append(f"{where}.unit: unknown unit {column.unit!r}; {known}")
        of_time = column.format or column.time_zone or column.end_of_day
        if of_time and declared.kind != "time":
            problems.append(
                f"{where}: 'format', 'time_zone' and 'end_of_day' are for times, {target} is none"
            )
    missing = [c for c in contract.required if c not in table.columns]
    missing = [c for c in missing if contract.column(c).default is None and c != "size_rank"]
    if missing:
        problems.append(f"tables.{name}.columns: missing {', '.join(missing)}")
    return problems


def load_mapping(path: Path) -> Mapping:
    """Read and check a mapping file; ``${NAME}`` in it is taken from the environment.

    Raises
    ------
    MappingError
        The file cannot be read, or holds unknown keys, tables, columns or units.
    """
    try:
        content = read_yaml(os.path.expandvars(path.read_text(encoding="utf-8-sig")))
    except (OSError, UnicodeDecodeError) as error:
        raise MappingError(f"cannot read {path}: {error}") from None
    except YamlTextError as error:
        raise MappingError(f"{path} is not YAML: {error}") from None
    if not isinstance(content, dict):
        raise MappingError(f"{path} must hold the key 'tables'; see {EXAMPLE.name}")
    try:
        return Mapping.model_validate(content)
    except ValidationError as error:
        problems = "\n".join(f"  {line}" for line in _problems(error))
        raise MappingError(f"{path} is not a mapping:\n{problems}") from None


def _problems(error: ValidationError) -> list[str]:
    lines = []
    for item in error.errors():
        # Pydantic names the member of a union it tried; a person wrote none of that.
        parts = [str(part) for part in item["loc"] if "[" not in str(part) and part != "str"]
        place = ".".join(parts)
        if item["type"] == "extra_forbidden":
            lines.append(f"{place}: unknown key")
        else:
            message = item["msg"].removeprefix("Value error, ")
            lines += [f"{place}: {message}" if place else line for line in message.splitlines()]
    return list(dict.fromkeys(lines))
