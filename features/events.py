"""The one stream of what was known when: tables become events.

Written as Narwhals expressions, so the same code runs on pandas, Polars, DuckDB and PySpark.

An event has a moment ``at`` (whole microseconds since the epoch), a ``kind``, a ``verdict`` (on the
fit where one was told, the reason of a return), and the columns of its order line.

=============  ======================================  =======================================
kind           at                                      said
=============  ======================================  =======================================
``ordered``    ``ordered_at``                          the line was placed
``delivered``  ``delivered_at``                        it arrived; only where asked for
``fit_told``   ``given_at`` or ``requested_at``        the first word on the fit: a review, a
                                                       survey, or a return for its size
``returned``   ``requested_at``                        the line comes back
``kept``       ``delivered_at`` + return window        no return by then
=============  ======================================  =======================================
"""

from __future__ import annotations

from typing import Any

import narwhals as nw
from narwhals.typing import IntoFrameT

from features.engines import reused

__all__ = ["DAY_US", "EVENT_COLUMNS", "line_events", "wrapped"]

DAY_US = 86_400_000_000
EVENT_COLUMNS = ("order_line_id", "at", "kind", "verdict")
_VERDICT_OF_REASON = {"too_small": "small", "too_large": "large"}


def wrapped(native: Any) -> Any:
    """A native frame of any engine, eager or lazy, as the Narwhals frame of its kind."""
    return nw.from_native(native)


def line_events(
    lines: IntoFrameT,
    feedback: IntoFrameT | None,
    returns: IntoFrameT | None,
    *,
    window_days: float = 30.0,
    known_until: int | None = None,
    deliveries: bool = False,
) -> IntoFrameT:
    """Turn order lines and what became of them into events.

    Parameters
    ----------
    lines
        One row per order line: ``order_line_id``, ``at``, ``delivered`` (microseconds, nullable),
        ``hidden`` (True where the outcome must not be derived, as for held-out lines), and any
        further columns, which every event of the line carries.
    feedback
        ``order_line_id``, ``at``, ``fit``; None where the shop has none.
    returns
        ``order_line_id``, ``at``, ``reason``; None where the shop has none.
    window_days
        Days after delivery from which a line without a return counts as kept.
    known_until
        Leave out what happens after this moment: it is not known yet.
    deliveries
        Also give a ``delivered`` event of every line that arrived.

    Returns
    -------
    frame of the same kind as `lines`
        `EVENT_COLUMNS` and the further columns of `lines`; in no particular order.
    """
    all_lines = wrapped(lines)
    open_lines = all_lines.filter(~nw.col("hidden"))
    carried = [c for c in all_lines.collect_schema().names() if c not in _NOT_CARRIED]
    streams = [_as_events(all_lines, "ordered", carried)]
    told = _told(feedback, returns)
    if told is not None:
        streams.append(_as_events(_joined(open_lines, told), "fit_told", carried))
    if deliveries:
        came = all_lines.filter(~nw.col("delivered").is_null()).with_columns(at=nw.col("delivered"))
        streams.append(_as_events(came, "delivered", carried))
    if returns is not None:
        reason = nw.col("reason").cast(nw.String).alias("verdict")
        back = wrapped(returns).select("order_line_id", nw.col("at"), reason)
        streams.append(_as_events(_joined(open_lines, back), "returned", carried))
    streams.append(_as_events(_kept(open_lines, returns, window_days), "kept", carried))
    events = nw.concat(streams, how="vertical")
    if known_until is not None:
        events = events.filter(nw.col("at") <= known_until)
    stream: IntoFrameT = reused(events.to_native())
    return stream


_NOT_CARRIED = ("at", "delivered", "hidden")


def _as_events(frame: Any, kind: str, carried: list[str]) -> Any:
    told = kind in ("fit_told", "returned")
    said = nw.col("verdict") if told else nw.lit(None, nw.String).alias("verdict")
    return frame.select(
        nw.col("at").cast(nw.Int64), nw.lit(kind).alias("kind"), said.cast(nw.String), *carried
    )


def _joined(lines: Any, moments: Any) -> Any:
    """Lines with the moments of their events in the place of the moment they were ordered."""
    return lines.drop("at").join(moments, on="order_line_id", how="inner")


def _told(feedback: Any, returns: Any) -> Any:
    """The first word on the fit of every line; a later one says nothing new."""
    words = []
    if feedback is not None:
        words.append(
            wrapped(feedback).select(
                "order_line_id", "at", nw.col("fit").cast(nw.String).alias("verdict")
            )
        )
    if returns is not None:
        sized = wrapped(returns).filter(nw.col("reason").is_in([*_VERDICT_OF_REASON]))
        verdict: Any = nw.lit(None, nw.String)
        for reason, word in _VERDICT_OF_REASON.items():  # DuckDB cannot replace_strict
            verdict = nw.when(nw.col("reason") == reason).then(nw.lit(word)).otherwise(verdict)
        words.append(sized.select("order_line_id", "at", verdict.alias("verdict")))
    if not words:
        return None
    said = nw.concat(words, how="vertical")
    first = said.group_by("order_line_id").agg(nw.col("at").min())
    return (
        said.join(first, on=["order_line_id", "at"], how="inner")
        .group_by("order_line_id", "at")
        .agg(nw.col("verdict").min())
    )


def _kept(lines: Any, returns: Any, window_days: float) -> Any:
    """Lines that were delivered and had no return by the end of the window."""
    window = int(window_days * DAY_US)
    kept = lines.filter(~nw.col("delivered").is_null()).with_columns(
        (nw.col("delivered").cast(nw.Int64) + window).alias("at")
    )
    if returns is None:
        return kept
    first = wrapped(returns).group_by("order_line_id").agg(nw.col("at").min().alias("_back"))
    late = nw.col("_back").is_null() | (nw.col("_back") > nw.col("at"))
    return kept.join(first, on="order_line_id", how="left").filter(late).drop("_back")
