"""The vector of `abuse`: how far an account's conduct lies above what its peers' orders explain.

There is one implementation: :func:`abuse_vectors` is called with all claims in training and with
the claims of one request in serving. Every signal is a count against what honest buyers of the same
goods, in the same lane, would have shown; its surprise is the negative decimal logarithm of the
chance that such a buyer shows as much. Buyers differ, so the count is negative binomial: Poisson
with a gamma-distributed rate (Greenwood and Yule 1920), whose shape the space learns.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from scipy.special import betainc

from features.abuse_events import LINKS
from features.abuse_facts import EARLY_DAYS
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
_SHARED = (
    Sum("delivered", "delivered"),
    Sum("expected", "delivered", "expected"),
    Sum("expected_fault", "delivered", "expected_fault"),
    Sum("expected_lost", "delivered", "expected_lost"),
    Sum("claimed", "claimed"),
    Sum("fault", "claimed", "fault"),
    Sum("lost", "claimed", "lost"),
    Sum("looked", "inspected", "looked"),
    Sum("worn", "inspected", "worn"),
    Sum("swapped", "inspected", "swapped"),
    Sum("found", "found"),
)
_ACCOUNT = (
    *_SHARED,
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


def _link_sums(link: str) -> tuple[Sum, ...]:
    return (
        *_SHARED,
        Sum("accounts", f"joined_{link}"),
        Sum("registered", f"joined_{link}", "registered"),
        Sum("registered_square", f"joined_{link}", "registered", square=True),
    )


HISTORIES: tuple[History, ...] = (
    History("product", ("product_id",), _GOODS),
    History("product_size", ("product_id", "size_label"), _GOODS),
    History("lane", ("market",), _LANE),
    History("account", ("customer_id",), _ACCOUNT),
    *(History(link, (link,), _link_sums(link)) for link in LINKS),
    *(History(f"account_{link}", ("customer_id", link), _SHARED) for link in LINKS),
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
MOST_SURPRISE = 8.0
_PRODUCT_PRIOR, _SIZE_PRIOR, _LANE_PRIOR = 20.0, 20.0, 200.0
_ADDRESS_ONLY = 0.3
_OPENING_DAYS, _OPENING_SPAN = 3.0, 730.0


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
    told = {name: np.nan_to_num(values) for name, values in f.items()}
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
    surprises = []
    for i, code in enumerate(COUNTED):
        more, usual = this[code]
        observed[code] = observed[code] + more
        expected[code] = expected[code] + usual
        surprise = _surprise(observed[code], expected[code], shapes[i])
        if code in _OF_PARCEL:
            # What lies in this parcel counts by itself, however many good ones came before.
            surprise = np.maximum(surprise, told[_OF_PARCEL[code]] * -np.log10(b[_OF_PARCEL[code]]))
        surprises.append(surprise)
    claimed = observed["returns_above_peers"]
    linked = _linked(sums, f["registered"], b, shapes[SIGNALS.index("linked_record")])
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
            *(observed[code] for code in COUNTED),
            *(expected[code] for code in COUNTED),
            *surprises,
            linked["record"],
            linked["together"],
        )
    return np.column_stack(columns)


def _surprise(observed: Floats, expected: Floats, shape: float) -> Floats:
    """-log10 P(N >= observed), N negative binomial with this mean and shape; 0 for nothing."""
    mean = np.maximum(expected, 1e-4)
    some = observed > 1e-9
    tail = betainc(np.where(some, observed, 1.0), shape, mean / (mean + shape))
    surprise = np.where(some, -np.log10(np.maximum(tail, 1e-300)), 0.0)
    return np.clip(surprise, 0.0, MOST_SURPRISE)


def _linked(
    sums: Mapping[str, Floats], registered: Floats, b: Mapping[str, float], shape: float
) -> dict[str, Floats]:
    """The record of other accounts that share a cluster, an address or a device.

    Neighbours share an address and nothing else; one person behind several accounts shares more.
    """
    rows = len(registered)
    accounts, kinds = np.zeros(rows), np.zeros(rows)
    apart = np.full(rows, np.nan)
    seen, usual, record, together = (np.zeros(rows) for _ in range(4))
    only_address = np.ones(rows, dtype=bool)
    for link in LINKS:
        at, of = _S[link], sums[link]
        others = np.maximum(of[:, at["accounts"]] - 1, 0.0)
        if link != "address":
            only_address &= others < 0.5
        kinds += others > 0.5
        accounts = np.maximum(accounts, others)
    for link in LINKS:
        at, of, own = _S[link], sums[link], sums[f"account_{link}"]
        others = np.maximum(of[:, at["accounts"]] - 1, 0.0)
        rest = {
            name: np.maximum(of[:, i] - own[:, i], 0.0) for name, i in _S[f"account_{link}"].items()
        }
        o = rest["fault"] + rest["lost"] + rest["swapped"] + rest["worn"] + rest["found"]
        e = (
            rest["expected_fault"]
            + rest["expected_lost"]
            + rest["looked"] * (b["swapped"] + b["worn"])
            + rest["claimed"] * b["found"]
        )
        found = np.where(others > 0.5, _surprise(o, e, shape), 0.0)
        better = found > record
        record = np.where(better, found, record)
        seen, usual = np.where(better, o, seen), np.where(better, e, usual)
        square = (
            of[:, at["registered_square"]]
            - 2 * registered * of[:, at["registered"]]
            + (others + 1) * registered**2
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            gap = np.where(others > 0.5, np.sqrt(np.maximum(square, 0.0) / others), np.nan)
        chance = np.minimum(2 * (gap + _OPENING_DAYS) / _OPENING_SPAN, 1.0)
        close = np.nan_to_num(np.minimum(others, 3.0) * -np.log10(chance))
        nearer = close > together
        together = np.where(nearer, close, together)
        apart = np.fmin(apart, gap)
    weight = np.where(only_address, _ADDRESS_ONLY, 1.0)
    return {
        "accounts": accounts,
        "kinds": kinds,
        "apart": apart,
        "observed": seen,
        "expected": usual,
        "record": np.minimum(record, MOST_SURPRISE) * weight,
        "together": np.minimum(together, MOST_SURPRISE) * weight,
    }
