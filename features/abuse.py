"""The vector of `abuse`: how far an account's conduct lies above what its peers' orders explain.

There is one implementation: :func:`abuse_vectors` is called with all claims in training and with
the claims of one request in serving. Every signal is a count against what honest buyers of the same
goods, in the same lane, would have shown, and how surprising it is: see
:mod:`features.abuse_surprise` and, for accounts linked to each other, :mod:`features.abuse_linked`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from features.abuse_events import LINKS
from features.abuse_facts import EARLY_DAYS
from features.abuse_linked import SHARED, link_sums, linked_accounts
from features.abuse_surprise import surprise
from features.histories import History, Sum

__all__ = [
    "BASE",
    "COUNTED",
    "FACTS",
    "HISTORIES",
    "SIGNALS",
    "SURPRISES",
    "VECTOR",
    "abuse_vectors",
    "counted",
    "expected_of_line",
]

Floats = npt.NDArray[np.float64]

_RECENT_DAYS = 120.0

_GOODS = (
    Sum("delivered", "delivered", "single"),
    Sum("claimed", "claimed", "claim_single"),
    Sum("size", "claimed", "single_size"),
    Sum("fault", "claimed", "single_fault"),
)
_LANE = (*_GOODS, Sum("parcels", "delivered", "parcel"), Sum("lost", "claimed", "lost"))
_ACCOUNT = (
    *SHARED,
    Sum("ordered", "ordered"),
    Sum("value", "delivered", "value"),
    Sum("expected_value", "delivered", "expected_value"),
    Sum("expected_size", "delivered", "expected_size"),
    Sum("extra", "delivered", "extra"),
    Sum("expected_extra", "delivered", "expected_extra"),
    Sum("expected_early", "delivered", "expected_early"),
    Sum("recent_expected", "delivered", "expected", half_life_days=_RECENT_DAYS),
    Sum("claimed_value", "claimed", "claim_value"),
    Sum("size", "claimed", "size"),
    Sum("mood", "claimed", "mood"),
    Sum("claimed_extra", "claimed", "claim_extra"),
    Sum("timed", "claimed", "timed"),
    Sum("edge", "claimed", "edge"),
    Sum("changed", "claimed", "changed"),
    Sum("early", "claimed", "early"),
    Sum("recent_claimed", "claimed", half_life_days=_RECENT_DAYS),
    Sum("cleared", "cleared"),
)


HISTORIES: tuple[History, ...] = (
    History("product", ("product_id",), _GOODS),
    History("product_size", ("product_id", "size_label"), _GOODS),
    History("lane", ("market",), _LANE),
    History("account", ("customer_id",), _ACCOUNT),
    *(History(link, (link,), link_sums(link)) for link in LINKS),
    *(History(f"account_{link}", ("customer_id", link), SHARED) for link in LINKS),
    History("order", ("order_id",), (Sum("claimed", "claimed"),)),
    History("bracket", ("bracket",), (Sum("claimed", "claimed"),)),
)
"""The histories `abuse` reads. The first three only tell what is usual."""

FACTS: tuple[str, ...] = (
    "value",
    "share",
    "size",
    "fault",
    "mood",
    "lost",
    "delay",
    "arrived",
    "repeat",
    "changed",
    "age",
    "basket",
    "alike",
    "worn",
    "swapped",
    "gap",
    "registered",
    "hidden",
    "line_value",
)
"""What the claim and its line tell, NaN where unknown; the last three are no columns."""

BASE: tuple[str, ...] = (
    "claimed",
    "size",
    "fault",
    "lost",
    "edge",
    "worn",
    "swapped",
    "changed",
    "found",
    "extra",
    "edge_days",
    "window_days",
    "delay_days",
)
"""Rates over the whole shop, and the days of its own return window."""

COUNTED: tuple[str, ...] = (
    "returns_above_peers",
    "recent_returns",
    "value_above_peers",
    "brackets_not_kept",
    "faults_above_products",
    "not_received",
    "window_edge",
    "worn_returns",
    "swapped_returns",
    "changed_reason",
    "fast_start",
    "found_before",
)
"""Signals that are a count of the account against what is expected of it."""
SIGNALS: tuple[str, ...] = (*COUNTED, "linked_record", "opened_together")
SURPRISES: tuple[str, ...] = tuple(f"{code}.surprise" for code in SIGNALS)

_CLAIM_COLUMNS = FACTS[:-3]
VECTOR: tuple[str, ...] = (
    *(f"claim.{name}" for name in _CLAIM_COLUMNS),
    "claim.window_share",
    "claim.line_expected",
    "claim.order_claimed",
    "claim.bracket_claimed",
    "account.delivered",
    "account.claimed",
    "account.claim_share",
    "account.extra_share",
    "account.size_share",
    "account.fault_share",
    "account.cleared",
    "linked.accounts",
    "linked.kinds",
    "linked.opened_apart_days",
    "linked.observed",
    "linked.expected",
    *(f"{code}.observed" for code in COUNTED),
    *(f"{code}.expected" for code in COUNTED),
    *SURPRISES,
)
"""Names of the vector's columns, in order."""

_F = {name: i for i, name in enumerate(FACTS)}
_B = {name: i for i, name in enumerate(BASE)}
_S = {h.name: {each.name: i for i, each in enumerate(h.sums)} for h in HISTORIES}
_OF_PARCEL = {"worn_returns": "worn", "swapped_returns": "swapped"}
_PRODUCT_PRIOR, _SIZE_PRIOR, _LANE_PRIOR = 20.0, 20.0, 200.0


def expected_of_line(sums: Mapping[str, Floats], alike: Floats, base: Floats) -> dict[str, Floats]:
    """What an honest buyer is expected to claim of a line, by the goods and the lane.

    Parameters
    ----------
    sums
        Rows by sums of ``product``, ``product_size`` and ``lane``.
    alike
        Lines of the order with the same product: of those tried on beside each other all but one
        are expected back.
    base
        Rates by `BASE`.

    Returns
    -------
    dict
        ``expected`` claims of any reason, and for ``size``, ``fault`` and ``lost`` goods.
    """
    out: dict[str, Floats] = {}
    for name in ("claimed", "size", "fault"):
        usual = base[_B[name]]
        rate: Floats | float = usual
        for history, prior in (("product", _PRODUCT_PRIOR), ("product_size", _SIZE_PRIOR)):
            at, of = _S[history], sums[history]
            rate = (of[:, at[name]] + prior * rate) / (of[:, at["delivered"]] + prior)
        lane, at = sums["lane"], _S["lane"]
        here = (lane[:, at[name]] + _LANE_PRIOR * usual) / (lane[:, at["delivered"]] + _LANE_PRIOR)
        out[name] = np.minimum(rate * here / usual, 0.95)
    lane, at = sums["lane"], _S["lane"]
    out["lost"] = (lane[:, at["lost"]] + _LANE_PRIOR * base[_B["lost"]]) / (
        lane[:, at["parcels"]] + _LANE_PRIOR
    )
    out["expected"] = np.maximum(out.pop("claimed"), (alike - 1) / alike)
    return out


def counted(account: Floats, base: Floats) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Observed and expected counts of accounts, by `COUNTED`, without the claim in question.

    Parameters
    ----------
    account
        Accounts by the sums of the history ``account``.
    base
        Rates by `BASE`.
    """
    s = {name: account[:, i] for name, i in _S["account"].items()}
    rate = dict(zip(BASE, base, strict=True))
    observed = {
        "returns_above_peers": s["claimed"],
        "recent_returns": s["recent_claimed"],
        "value_above_peers": s["claimed_value"],
        "brackets_not_kept": s["claimed_extra"],
        "faults_above_products": s["fault"],
        "not_received": s["lost"],
        "window_edge": s["edge"],
        "worn_returns": s["worn"],
        "swapped_returns": s["swapped"],
        "changed_reason": s["changed"],
        "fast_start": s["early"],
        "found_before": s["found"],
    }
    expected = {
        "returns_above_peers": s["expected"],
        "recent_returns": s["recent_expected"],
        "value_above_peers": s["expected_value"],
        "brackets_not_kept": s["expected_extra"] * rate["extra"],
        "faults_above_products": s["expected_fault"],
        "not_received": s["expected_lost"],
        "window_edge": s["timed"] * rate["edge"],
        "worn_returns": s["looked"] * rate["worn"],
        "swapped_returns": s["looked"] * rate["swapped"],
        "changed_reason": s["claimed"] * rate["changed"],
        "fast_start": s["expected_early"],
        "found_before": s["claimed"] * rate["found"],
    }
    return observed, expected


def abuse_vectors(
    facts: Floats, sums: Mapping[str, Floats], base: Floats, shapes: Floats
) -> Floats:
    """Build the vectors.

    Parameters
    ----------
    facts
        Claims by `FACTS`, NaN where unknown.
    sums
        Per history its sums, claims by sums: what was known strictly before the claim.
    base
        Rates by `BASE`.
    shapes
        Shape of the gamma distribution of honest accounts by `SIGNALS`: small where they differ
        much.

    Returns
    -------
    ndarray
        Claims by `VECTOR`.
    """
    f = {name: facts[:, i] for name, i in _F.items()}
    filled = np.where(np.isnan(facts), 0.0, facts)
    told = {name: filled[:, i] for name, i in _F.items()}
    b = dict(zip(BASE, base, strict=True))
    alike = np.maximum(told["alike"], 1.0)
    line = expected_of_line(sums, alike, base)
    account = sums["account"]
    a = {name: account[:, i] for name, i in _S["account"].items()}
    observed, expected = counted(account, base)
    edge = (f["delay"] >= b["edge_days"]).astype("float64")
    timed = np.isfinite(f["delay"]).astype("float64")
    looked = np.isfinite(f["worn"]) | np.isfinite(f["swapped"])
    extra = (alike > 1).astype("float64")
    early = (f["age"] - f["delay"] <= EARLY_DAYS).astype("float64")
    # A held-out line has not arrived in any history; its own expectation is added here.
    own = told["hidden"]
    this = {
        "returns_above_peers": (1.0, own * line["expected"]),
        "recent_returns": (1.0, own * line["expected"]),
        "value_above_peers": (told["value"], own * line["expected"] * told["line_value"]),
        "brackets_not_kept": (extra, own * extra * (alike - 1) / alike * b["extra"]),
        "faults_above_products": (told["fault"], own * line["fault"]),
        "not_received": (told["lost"], own * line["lost"] / np.maximum(told["basket"], 1.0)),
        "window_edge": (edge, timed * b["edge"]),
        "worn_returns": (told["worn"], looked * b["worn"]),
        "swapped_returns": (told["swapped"], looked * b["swapped"]),
        "changed_reason": (told["changed"], b["changed"]),
        "fast_start": (early, own * early * line["expected"]),
        "found_before": (0.0, 0.0),
    }
    for code, (more, usual) in this.items():
        observed[code] = observed[code] + more
        expected[code] = expected[code] + usual
    seen = np.column_stack([observed[code] for code in COUNTED])
    usually = np.column_stack([expected[code] for code in COUNTED])
    surprises = surprise(seen, usually, shapes[: len(COUNTED)])
    for code, found in _OF_PARCEL.items():
        # What lies in this parcel counts by itself, however many good ones came before.
        at = COUNTED.index(code)
        surprises[:, at] = np.maximum(surprises[:, at], told[found] * -np.log10(b[found]))
    claimed = observed["returns_above_peers"]
    linked = linked_accounts(
        np.stack([sums[link] for link in LINKS]),
        np.stack([sums[f"account_{link}"] for link in LINKS]),
        f["registered"],
        rates=b,
        shape=float(shapes[SIGNALS.index("linked_record")]),
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        columns = (
            *(f[name] for name in _CLAIM_COLUMNS),
            f["delay"] / b["window_days"],
            line["expected"],
            sums["order"][:, 0] / told["basket"],
            sums["bracket"][:, 0] / alike,
            a["delivered"],
            claimed,
            claimed / np.maximum(a["delivered"], 1.0),
            a["extra"] / a["delivered"],
            (a["size"] + told["size"]) / claimed,
            (a["fault"] + told["fault"]) / claimed,
            a["cleared"],
            linked["accounts"],
            linked["kinds"],
            linked["apart"],
            linked["observed"],
            linked["expected"],
            seen,
            usually,
            surprises,
            linked["record"],
            linked["together"],
        )
    return np.column_stack(columns)
