"""The size systems of the world: what a label means as a body, and what others call that body.

The tables are data (``tables/*.yaml``), as are the words for kinds of garment
(``vocabulary.yaml``) and what each market commonly uses (``markets.yaml``).
``docs/size-systems.md`` lists every table with its source.
"""

from features.size_systems.catalogue import all_tables, size_table, systems_of
from features.size_systems.conversion import Match, convert, convert_body
from features.size_systems.markets import usual_system
from features.size_systems.parsing import Reading, SizeReading, parse_size
from features.size_systems.reading import SizeTableError
from features.size_systems.tables import (
    AUDIENCES,
    DIMENSIONS,
    FAMILIES,
    Size,
    SizeTable,
)
from features.size_systems.vocabulary import binding_of, family_of, is_unsized

__all__ = [
    "AUDIENCES",
    "DIMENSIONS",
    "FAMILIES",
    "Match",
    "Reading",
    "Size",
    "SizeReading",
    "SizeTable",
    "SizeTableError",
    "all_tables",
    "binding_of",
    "convert",
    "convert_body",
    "family_of",
    "is_unsized",
    "parse_size",
    "size_table",
    "systems_of",
    "usual_system",
]
