"""The event stream of the abuse model: what was known of orders, claims and decisions, and when.

Written as Narwhals expressions like :mod:`features.events`, over rows of
:mod:`features.abuse_facts`.

===================  ==================  =======================================================
kind                 at                  said
===================  ==================  =======================================================
``ordered``          ``ordered_at``      the line was placed
``delivered``        ``delivered_at``    it arrived: from now on it can be expected back
``claimed``          ``requested_at``    a claim, with its reason and moment
``inspected``        ``received_at``     what came back, and in which state
``found``            ``decided_at``      a person or bank decided that it was abuse
``cleared``          ``decided_at``      a person or bank decided that it was honest
``joined_<link>``    first ``ordered_at``  an account is first seen with this address, ...
===================  ==================  =======================================================

Of held-out lines only ``ordered`` and ``joined`` remain: a line that arrived and cannot come back
would make its buyer look better than others.
"""

from __future__ import annotations

from typing import Any

import narwhals as nw
from narwhals.typing import IntoFrameT

from features.engines import reused
from features.events import wrapped

__all__ = ["AMOUNTS", "EVENT_KEYS", "LINKS", "abuse_events"]

LINKS = ("cluster", "address", "device")
"""What can link accounts to each other."""
EVENT_KEYS = (
    "customer_id",
    "cluster",
    "address",
    "device",
    "product_id",
    "size_label",
    "market",
    "order_id",
    "bracket",
)
_OF_LINE = (
    "value",
    "registered",
    "single",
    "extra",
    "parcel",
    "early_line",
    "expected",
    "expected_value",
    "expected_size",
    "expected_fault",
    "expected_lost",
    "expected_extra",
    "expected_early",
)
_OF_CLAIM = (
    "claim_value",
    "claim_single",
    "single_size",
    "single_fault",
    "size",
    "fault",
    "mood",
    "lost",
    "claim_extra",
    "edge",
    "timed",
    "changed",
    "early",
    "worn",
    "swapped",
    "looked",
)
AMOUNTS = (*_OF_LINE, *_OF_CLAIM)
"""Amounts an event may carry; what a kind does not tell is null."""


def abuse_events(
    lines: IntoFrameT,
    claims: IntoFrameT,
    decisions: IntoFrameT,
    *,
    known_until: int | None = None,
) -> IntoFrameT:
    """Turn lines, claims and decisions into events.

    Parameters
    ----------
    lines
        One row per order line: `EVENT_KEYS`, ``at``, ``delivered`` (nullable), ``hidden`` (True for
        held-out lines) and the amounts of a line.
    claims
        One row per claim, no claim of a hidden line among them: `EVENT_KEYS`, ``at``, ``received``
        (nullable) and the amounts of a claim.
    decisions
        One row per decision: `EVENT_KEYS`, ``at`` and ``label``.
    known_until
        Leave out what happens after this moment: it is not known yet.

    Returns
    -------
    frame of the same kind
        ``at``, ``kind``, ``verdict`` (null), `EVENT_KEYS` and `AMOUNTS`; in no particular order.
    """
    placed, asked, decided = wrapped(lines), wrapped(claims), wrapped(decisions)
    streams = [_as_events(placed, "ordered", "at", _OF_LINE)]
    arrived = placed.filter(~nw.col("hidden"), ~nw.col("delivered").is_null())
    streams.append(_as_events(arrived, "delivered", "delivered", _OF_LINE))
    streams.append(_as_events(asked, "claimed", "at", _OF_CLAIM))
    back = asked.filter(~nw.col("received").is_null())
    streams.append(_as_events(back, "inspected", "received", _OF_CLAIM))
    for kind, label in (("found", "abuse"), ("cleared", "legitimate")):
        streams.append(_as_events(decided.filter(nw.col("label") == label), kind, "at", ()))
    for link in LINKS:
        first = (
            placed.filter(~nw.col(link).is_null())
            .group_by("customer_id", link)
            .agg(nw.col("at").min(), nw.col("registered").min())
            .with_columns(
                nw.lit(None, nw.String).alias(k)
                for k in EVENT_KEYS
                if k not in ("customer_id", link)
            )
        )
        streams.append(_as_events(first, f"joined_{link}", "at", ("registered",)))
    events = nw.concat(streams, how="vertical")
    if known_until is not None:
        events = events.filter(nw.col("at") <= known_until)
    stream: IntoFrameT = reused(events.to_native())
    return stream


def _as_events(frame: Any, kind: str, moment: str, told: tuple[str, ...]) -> Any:
    return frame.select(
        nw.col(moment).cast(nw.Int64).alias("at"),
        nw.lit(kind).alias("kind"),
        nw.lit(None, nw.String).alias("verdict"),
        *EVENT_KEYS,
        *(
            nw.col(name).cast(nw.Float64) if name in told else nw.lit(None, nw.Float64).alias(name)
            for name in AMOUNTS
        ),
    )
