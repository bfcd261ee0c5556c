"""Tables of the page, and figures as they stand in their cells."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from pipelines.monitor.report import Interval

__all__ = ["number", "percent", "spread", "table"]


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows begin with their verdict; heads that begin with # are of numbers."""
    numeric = [head.startswith("#") for head in heads]
    top = "".join(
        f"<th scope='col'{_N if n else ''}>{escape(head.lstrip('#'))}</th>"
        for head, n in zip(heads, numeric, strict=True)
    )
    body = "".join(
        f"<tr class='{verdict}'>"
        + "".join(
            f"<td{_N if n else ''}>{escape(cell)}</td>"
            for cell, n in zip(cells, numeric, strict=True)
        )
        + "</tr>"
        for verdict, *cells in rows
    )
    return (
        f"<div class='wide'><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )


_N = " class='n'"


def number(value: float | None, form: str = ".3f") -> str:
    """A figure, or a dash."""
    return "-" if value is None else f"{value:{form}}"


def percent(value: float | None) -> str:
    """A share in per cent, or a dash."""
    return "-" if value is None else f"{value:.1%}"


def spread(each: Interval | None, form: str) -> str:
    """A figure with its interval, or a dash."""
    if each is None:
        return "-"
    return f"{each.value:{form}} ({each.low:{form}} to {each.high:{form}})"
