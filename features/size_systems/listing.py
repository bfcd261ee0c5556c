"""The list of size tables in ``docs/size-systems.md``, written from the data.

``python -m features.size_systems.listing`` writes the list into the page.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from features.size_systems.catalogue import FILES, all_tables
from features.size_systems.reading import read_data
from features.size_systems.tables import SizeTable

__all__ = ["PAGE", "listed", "rows"]

PAGE = Path(__file__).parents[2] / "docs" / "size-systems.md"
START, END = "<!-- tables: start -->\n", "<!-- tables: end -->\n"
_HEAD = """\
| audience | garments | systems | sizes | kind | source and edition |
|---|---|---|---|---|---|
"""


def rows() -> str:
    """Every table of the data files as one Markdown table, in the order of the files."""
    entries = [entry for name in FILES for entry in read_data(f"tables/{name}.yaml")["tables"]]
    audiences: dict[str, list[str]] = {}
    for entry in entries:
        audiences.setdefault(_row(entry), []).extend(entry["audiences"])
    return _HEAD + "".join(f"| {', '.join(who)} {row}" for row, who in audiences.items())


def listed(page: str) -> str:
    """The page with its list replaced by one written from the data.

    Raises
    ------
    ValueError
        When the page lacks the marks between which the list stands.
    """
    before, mark, rest = page.partition(START)
    _, end, after = rest.partition(END)
    if not (mark and end):
        raise ValueError(f"{PAGE}: the marks {START.strip()} and {END.strip()} must stand once")
    return before + START + rows() + END + after


def _row(entry: dict[str, Any]) -> str:
    table = _table_of(entry)
    families = "bras" if "cups" in entry else ", ".join(entry["families"])
    cells = [
        families,
        ", ".join(entry["systems"]),
        f"{table.sizes[0].label} to {table.sizes[-1].label}",
        entry["kind"],
        f"{entry['source']} ({entry['edition']})" + (f". {n}" if (n := entry.get("note")) else ""),
    ]
    return f"| {' | '.join(cells)} |\n"


def _table_of(entry: dict[str, Any]) -> SizeTable:
    family = next(iter(entry["families"]))
    table = all_tables()[entry["systems"][0], entry["audiences"][0], family]
    return table.cups if "cups" in entry and table.cups else table


if __name__ == "__main__":
    PAGE.write_text(listed(PAGE.read_text("utf-8")), "utf-8")
