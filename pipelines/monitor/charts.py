"""Bars as inline SVG. A chart is a picture of the table that stands beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

__all__ = ["Bar", "bars"]

_LABEL, _PLOT, _FIGURE, _ROW = 250, 480, 110, 20
_SHOWN_CHARACTERS = 36


@dataclass(frozen=True)
class Bar:
    """One row of a chart.

    Parameters
    ----------
    label, figure
        What stands before and after the bar.
    value
        Its length from 0.
    low, high
        Ends of its interval.
    then
        The value in training, as a second thin bar.
    limit
        Where a limit is marked.
    kind
        ``fine``, ``crossed`` or ``not_judged``.
    """

    label: str
    figure: str
    value: float
    low: float | None = None
    high: float | None = None
    then: float | None = None
    limit: float | None = None
    kind: str = "fine"


def bars(rows: Sequence[Bar], title: str) -> str:
    """Draw horizontal bars from a common zero.

    Parameters
    ----------
    rows
        From top to bottom.
    title
        What it shows, for those who cannot see it.
    """
    if not rows:
        return ""
    ends = [0.0]
    for row in rows:
        told = (row.value, row.low, row.high, row.then, row.limit)
        ends += [each for each in told if each is not None]
    least, most = min(ends), max(ends)
    span = (most - least) or 1.0

    def x(value: float) -> float:
        return _LABEL + (value - least) / span * _PLOT

    parts = []
    for i, row in enumerate(rows):
        top = i * _ROW + 4
        middle = top + 6
        label = row.label
        if len(label) > _SHOWN_CHARACTERS:
            label = f"{label[: _SHOWN_CHARACTERS - 1]}…"
        parts.append(f'<text x="{_LABEL - 8}" y="{middle + 4}" text-anchor="end">{escape(label)}')
        parts.append(f"<title>{escape(row.label)}</title></text>")
        style = "bar" if row.kind == "fine" else row.kind
        parts.append(_rect(x(0.0), x(row.value), top, 12, style))
        if row.then is not None:
            parts.append(_rect(x(0.0), x(row.then), top + 13, 3, "then"))
        if row.low is not None and row.high is not None:
            parts.append(_line(x(row.low), middle, x(row.high), middle, "whisker"))
        if row.limit is not None:
            parts.append(_line(x(row.limit), top - 2, x(row.limit), top + 15, "limit"))
        parts.append(
            f'<text class="soft" x="{_LABEL + _PLOT + 8}" y="{middle + 4}">{escape(row.figure)}'
            "</text>"
        )
    height = len(rows) * _ROW + 6
    width = _LABEL + _PLOT + _FIGURE
    zero = _line(x(0.0), 0, x(0.0), height, "zero")
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img"'
        f' aria-label="{escape(title, quote=True)}">{zero}{"".join(parts)}</svg>'
    )


def _rect(start: float, end: float, top: float, height: float, style: str) -> str:
    left, width = min(start, end), abs(end - start)
    return (
        f'<rect class="{style}" x="{left:.1f}" y="{top}" width="{max(width, 0.5):.1f}"'
        f' height="{height}"/>'
    )


def _line(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    return f'<line class="{style}" x1="{x1:.1f}" y1="{y1}" x2="{x2:.1f}" y2="{y2}"/>'
