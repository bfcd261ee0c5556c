"""Order lines by the million, quickly: the event streams of the three models as Parquet.

Keys repeat as they do in shops (a customer orders 8 lines, few products sell most), outcomes are
those of the declared streams (:func:`features.events.line_events`,
:func:`features.abuse_events.abuse_events`), amounts are drawn. Lines come in order of time, a part
at a time, so that a shop of any size fits on the disk and never in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from features.abuse_events import AMOUNTS, EVENT_KEYS, LINKS, abuse_events
from features.events import DAY_US, line_events
from features.histories import T0_US
from features.return_risk_space import OUTCOMES

PART = 200_000
YEARS = 3
_SIZES = ("xs", "s", "m", "l", "xl", "36", "38", "40", "42", "44")
_MARKETS = ("US", "DE", "FR", "JP", "GB", "ES", "IT", "NL", "PL", "SE", "AU", "CA")
_SIZE_AMOUNTS = (
    "level", "fair", "spread_1", "spread_2", "spread_3", "surplus", "surplus_weight", "born",
)  # fmt: skip


def parts(lines: int):
    """First line and length of each part."""
    return [(first, min(PART, lines - first)) for first in range(0, lines, PART)]


def _named(prefix: str, numbers):
    return (prefix + pl.Series(numbers).cast(pl.String).str.zfill(9)).rename("")


def _of(values, codes):
    return pl.Series(values)[codes.astype(np.uint32)]


class Told(NamedTuple):
    """What a model is told of a part, and asked."""

    making: Callable[..., Any]
    """Makes the event stream of `frames`, whatever engine they are of."""
    frames: tuple[pl.DataFrame | None, ...]
    queries: pl.DataFrame


class Shop:
    """Order lines of a part, the same whichever model asks."""

    def __init__(self, lines: int, seed: int = 7) -> None:
        self.lines, self.seed = lines, seed
        self.customers, self.products = max(lines // 8, 10), max(lines // 60, 10)

    def part(self, first: int, count: int) -> pl.DataFrame:
        rng = np.random.default_rng([self.seed, first])
        # Lines of an order follow each other and have one buyer.
        order = np.cumsum(rng.random(count) < 0.4)
        buyer = rng.integers(0, self.customers, order[-1] + 1)[order]
        span = YEARS * 365 * DAY_US
        begins = T0_US + int(span * first / self.lines)
        moments = np.sort(rng.integers(0, max(int(span * count / self.lines), 1), order[-1] + 1))
        product = np.minimum(rng.zipf(1.3, count) - 1, 10**9) % self.products
        brand, category = product % max(self.products // 40, 5), product % 17
        scale = category % 6
        at = begins + moments[order]
        delivered = at + (rng.gamma(6.0, 1.0, count) * DAY_US).astype(np.int64)
        came = rng.random(count) < 0.97
        return pl.DataFrame(
            {
                "query": np.arange(first, first + count),
                "order_line_id": _named("L", np.arange(first, first + count)),
                "order_id": _named("O", order + first),
                "customer_id": _named("C", buyer),
                "product_id": _named("P", product),
                "brand": _named("B", brand),
                "category": _named("G", category),
                "audience": _of(["women", "men", "girls", "boys"], category % 4),
                "scale": _named("S", scale),
                "size": _of(_SIZES, rng.integers(0, len(_SIZES), count)),
                "colour": _named("K", rng.integers(0, 40, count)),
                "market": _of(_MARKETS, buyer % len(_MARKETS)),
                "cluster": _named("A", buyer // 2),
                "address": _named("H", buyer // 3 * 2 + rng.integers(0, 2, count)),
                "device": _named("D", buyer * 2 + rng.integers(0, 2, count)),
                "at": at,
                "delivered": pl.Series(delivered).set(pl.Series(~came), None),
                "hidden": np.zeros(count, dtype=bool),
                "back": rng.random(count) < 0.3,
                "told": rng.random(count) < 0.15,
                "after": delivered + (rng.gamma(2.0, 5.0, count) * DAY_US).astype(np.int64),
                "reason": _of(OUTCOMES[1:], rng.integers(0, len(OUTCOMES) - 1, count)),
                "fit": _of(["small", "fit", "large"], rng.choice(3, count, p=[0.15, 0.7, 0.15])),
            }
        ).with_columns(
            person=pl.col("customer_id") + "\x1fself",
            size_label=pl.col("size").str.to_uppercase(),
            bracket=pl.col("order_id") + "\x1f" + pl.col("product_id"),
        )

    def size_fit(self, lines: pl.DataFrame, rng) -> Told:
        keys = ["person", "audience", "scale", "customer_id", "product_id", "size_label",
                "brand", "category"]  # fmt: skip
        drawn = {name: rng.normal(0, 2, len(lines)) for name in _SIZE_AMOUNTS}
        told = lines.with_columns(**{k: pl.Series(v) for k, v in drawn.items()})
        frames = (
            told.select("at", "delivered", "hidden", "order_line_id", *keys, *drawn),
            lines.filter("told").select("order_line_id", pl.col("after").alias("at"), "fit"),
            _returns(lines),
        )
        return Told(line_events, frames, lines.select("query", "at", *keys))

    def return_risk(self, lines: pl.DataFrame, rng) -> Told:
        keys = ["market", "category", "size", "colour", "brand", "product_id", "customer_id",
                "scale"]  # fmt: skip
        priced = lines.with_columns(
            is_priced=pl.lit(1.0),
            price=pl.Series(np.round(rng.lognormal(3.4, 0.6, len(lines)), 2)),
            position=pl.Series(rng.normal(3, 1.5, len(lines))),
        )
        amounts = ["is_priced", "price", "position"]
        frames = (
            priced.select("at", "delivered", "hidden", "order_line_id", *keys, *amounts),
            None,
            _returns(lines),
        )
        making = partial(line_events, deliveries=True)
        return Told(making, frames, lines.select("query", "at", *keys))

    def abuse(self, lines: pl.DataFrame, rng) -> Told:
        n = len(lines)
        line_amounts = AMOUNTS[: AMOUNTS.index("claim_value")]
        rows = lines.with_columns(
            **{name: pl.Series(rng.random(n)) for name in line_amounts}
        ).select("order_line_id", "at", "delivered", "hidden", *EVENT_KEYS, *line_amounts)
        back = lines.filter("back")
        flags = {
            name: pl.Series((rng.random(len(back)) < 0.3).astype(float))
            for name in AMOUNTS[len(line_amounts) :]
        }
        claims = back.with_columns(
            at=pl.col("after"), received=pl.col("after") + 5 * DAY_US, **flags
        )
        decided = claims[::50].with_columns(
            at=pl.col("after") + 20 * DAY_US,
            label=pl.Series(rng.choice(["abuse", "legitimate"], len(claims[::50]))),
        )
        frames = (
            rows,
            claims.select("at", "received", *EVENT_KEYS, *flags),
            decided.select("at", "label", *EVENT_KEYS),
        )
        return Told(abuse_events, frames, lines.select("query", "at", *EVENT_KEYS))

    def _newly_joined(self, events: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
        """Without those whom a link joined in an earlier part."""
        joined = pl.col("kind").str.starts_with("joined")
        number = pl.col("customer_id").str.slice(1).cast(pl.Int64)
        seen = pl.Series(self._seen, dtype=pl.Boolean)
        events = (
            events.with_columns(_seen=pl.lit(seen).gather(number))
            .filter(~(joined & pl.col("_seen")))
            .drop("_seen")
        )
        self._seen[lines["customer_id"].str.slice(1).cast(pl.Int64).to_numpy()] = True
        return events

    def write(self, model: str, folder: Path) -> int:
        """Write the events and questions of a model; how many events there are."""
        self._seen = np.zeros(self.customers, dtype=bool)
        for kind in ("events", "queries"):
            (folder / kind).mkdir(parents=True)
        rows = 0
        for number, (first, count) in enumerate(parts(self.lines)):
            rng = np.random.default_rng([self.seed, first, 1])
            lines = self.part(first, count)
            told = getattr(self, model)(lines, rng)
            events = told.making(*told.frames).drop("order_line_id", strict=False)
            if model == "abuse":
                events = self._newly_joined(events, lines)
            for kind, frame in (("events", events), ("queries", told.queries)):
                frame.write_parquet(folder / kind / f"part-{number:05d}.parquet")
            rows += len(events)
        return rows


def _returns(lines: pl.DataFrame) -> pl.DataFrame:
    return lines.filter("back").select("order_line_id", pl.col("after").alias("at"), "reason")


MODELS = ("size_fit", "return_risk", "abuse")
assert set(LINKS) < set(EVENT_KEYS)
