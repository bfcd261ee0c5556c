"""The whole shop: draw its parts one after another and lay out tables and truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data_contracts.tables import (
    ABUSE_KIND,
    CONDITION,
    FEEDBACK_SOURCE,
    FIT,
    RESOLUTION,
    RETURN_REASON,
)
from pipelines.simulate import abuse, claims, outcomes
from pipelines.simulate.assumptions import FloatArray, IntArray, ShopAssumptions, streams
from pipelines.simulate.catalogue import (
    AUDIENCES,
    CATEGORIES,
    CHARTS,
    Catalogue,
    charts,
    draw_catalogue,
)
from pipelines.simulate.choice import choose_sizes
from pipelines.simulate.frames import frame, names, times
from pipelines.simulate.ladders import DIMENSIONS
from pipelines.simulate.markets import MARKETS
from pipelines.simulate.measurements import draw_tellings
from pipelines.simulate.orders import OTHER_COLOUR, Lines, draw_lines
from pipelines.simulate.shoppers import WEARERS, Shoppers, draw_shoppers

_OCCASIONS = ("everyday", "work", "party", "wedding", "vacation")
_CHANNELS = ("web", "app", "marketplace")
_PAYMENTS = ("card", "paypal", "invoice", "wallet")


@dataclass(frozen=True)
class SimulatedShop:
    """A shop and what is true about it.

    Attributes
    ----------
    tables : dict of str to DataFrame
        The eight contract tables.
    truth : dict of str to DataFrame
        ``fit_truth``, ``lines_truth``, ``products_truth``, ``customers_truth``,
        ``wearers_truth``: for judging only, never for training.
    """

    tables: dict[str, pd.DataFrame]
    truth: dict[str, pd.DataFrame]


def simulate(
    lines: int = 100_000, seed: int = 7, assumptions: ShopAssumptions | None = None
) -> SimulatedShop:
    """Simulate a shop with known truth.

    Parameters
    ----------
    lines : int
        Number of order lines, exactly; at least 1.
    seed : int
        Same seed and assumptions, same shop.
    assumptions : ShopAssumptions, optional

    Returns
    -------
    SimulatedShop

    Raises
    ------
    ValueError
        When `lines` is below 1 or `seed` is negative.
    """
    if lines < 1:
        raise ValueError(f"lines must be at least 1, not {lines}")
    if seed < 0:
        raise ValueError(f"seed must not be negative, but is {seed}")
    a = assumptions or ShopAssumptions()
    rng = streams(seed)
    catalogue = draw_catalogue(
        rng["catalogue"], products=max(80, round(lines / a.lines_per_product)), assumptions=a
    )
    shoppers = draw_shoppers(
        rng["customers"],
        rng["bodies"],
        customers=max(20, round(lines / a.lines_per_customer)),
        assumptions=a,
    )
    shoppers, kind = abuse.plant_abusers(rng["abuse"], shoppers, a)
    drawn = draw_lines(rng["orders"], catalogue, shoppers, kind, lines=lines, assumptions=a)
    rank = choose_sizes(rng["choice"], catalogue, shoppers, drawn, a)
    return _Assembly(a, rng, catalogue, shoppers, kind, drawn, rank).shop()


def run(lines: int, seed: int, out: Path, assumptions: ShopAssumptions | None = None) -> None:
    """Simulate a shop and write it: contract tables to `out`, the truth to ``out/truth``.

    Parameters
    ----------
    lines, seed : int
    out : Path
        Made if missing; files of the same name are replaced.
    assumptions : ShopAssumptions, optional

    Raises
    ------
    ValueError
        As `simulate`.
    """
    from data_contracts.readers import write_parquet, write_tables

    shop = simulate(lines, seed, assumptions)
    write_tables(shop.tables, out)
    for name, table in shop.truth.items():
        write_parquet(table, out / "truth" / f"{name}.parquet")


class _Assembly:
    """Outcomes of the drawn lines, then tables and truth."""

    def __init__(
        self,
        assumptions: ShopAssumptions,
        rng: dict[str, np.random.Generator],
        catalogue: Catalogue,
        shoppers: Shoppers,
        abuse_kind: IntArray,
        lines: Lines,
        rank: IntArray,
    ) -> None:
        self.a, self.rng, self.cat, self.who, self.kind = (
            assumptions, rng, catalogue, shoppers, abuse_kind
        )  # fmt: skip
        self.lines, self.rank = lines, rank
        self.end = assumptions.days + assumptions.settle_days
        n = rank.size
        self.n = n
        self.ids = np.array([f"L{i:09d}" for i in range(1, n + 1)], object)
        self.market = shoppers.market[lines.customer]
        self.deliveries = outcomes.deliver(rng["delivery"], shoppers, lines)
        self.fits = outcomes.true_fits(rng["fit"], catalogue, shoppers, lines, rank, assumptions)
        self._goods(rng["delivery"])
        self._claim(rng["returns"], rng["abuse"])
        self.feedback = outcomes.draw_feedback(
            rng["feedback"],
            self.fits,
            self.deliveries,
            reason=np.where(self.claims.requested < self.end, self.claims.reason, claims.NONE),
            requested=self.claims.requested,
            honest=~self.claims.abused,
            assumptions=assumptions,
        )

    def _goods(self, rng: np.random.Generator) -> None:
        """Colour, price, pieces and weight of every line."""
        p, n = self.lines.product, self.n
        choices = np.array([len(c) for c in self.cat.colours])[p]
        colour = (rng.random(n) * choices).astype(np.int64)
        # Another colour of the same want is another colour.
        first = np.unique(self.lines.want, return_index=True)[1]
        base = colour[first][np.unique(self.lines.want, return_inverse=True)[1]]
        shift = np.where(self.lines.extra == OTHER_COLOUR, self.lines.nth, 0)
        self.colour = (base + shift) % choices
        discount = np.where(rng.random(n) < 0.30, rng.choice([0.9, 0.8, 0.7, 0.5], n), 1.0)
        self.euros = self.cat.price[p] * discount
        self.list_euros = self.cat.price[p]
        cheap = self.cat.price[p] < 30
        self.quantity = 1 + ((rng.random(n) < 0.06) & cheap) * rng.integers(1, 3, n)
        self.quantity = np.where(self.lines.extra > 0, 1, self.quantity)
        sent = self.cat.grams[p] * self.quantity * np.exp(rng.normal(0.0, 0.03, n)) + 60.0
        self.weight = np.where(rng.random(n) < 0.92, np.round(sent), np.nan)
        self.sent = sent

    def _claim(self, rng: np.random.Generator, abuse_rng: np.random.Generator) -> None:
        lines, p = self.lines, self.lines.product
        several = np.bincount(lines.want, minlength=int(lines.want.max()) + 1)[lines.want] > 1
        wrong_colour, described, defective = outcomes.catalogue_faults(self.cat, lines, self.colour)
        formal = np.array([c.formal for c in CATEGORIES])[self.cat.category[p]]
        self.formal = formal
        sealed = np.array([c.sealed for c in CATEGORIES])[self.cat.category[p]]
        self.sealed = sealed
        kind = self.kind[lines.customer]
        committed = abuse.commit(
            abuse_rng,
            abuse.Temptation(
                kind=kind,
                order=lines.order,
                euros=self.euros,
                formal=formal,
                bracketed=several,
                delivered=~np.isnan(self.deliveries.delivered),
            ),
        )
        self.abused_kind = np.where(committed, kind, abuse.NO_ABUSE)
        about = claims.Circumstances(
            want=lines.want,
            returning=self.who.returning[lines.customer],
            culture=np.array([m.returning for m in MARKETS])[self.market],
            damage=np.array([m.damage for m in MARKETS])[self.market],
            euros=self.euros,
            quantity=self.quantity,
            wrong_colour=wrong_colour,
            wrongly_described=described,
            defective=defective,
            sealed=sealed,
            bracketed=several,
        )
        self.claims = claims.draw_claims(
            rng,
            self.fits,
            self.deliveries,
            about,
            abused_kind=self.abused_kind,
            assumptions=self.a,
        )

    def shop(self) -> SimulatedShop:
        """Lay out everything."""
        returned = np.flatnonzero(self.claims.requested < self.end)
        returned = returned[np.argsort(self.claims.requested[returned], kind="stable")]
        returns, settled = self._returns(returned)
        tables = {
            "products": self._products(),
            "product_sizes": self._sizes(),
            "customers": self._customers(),
            "body_measurements": self._measurements(),
            "order_lines": self._order_lines(),
            "returns": returns,
            "fit_feedback": self._feedback(),
            "abuse_labels": self._labels(returned, settled, returns),
        }
        truth = {
            "fit_truth": self._fit_truth(),
            "lines_truth": self._lines_truth(),
            "products_truth": self._products_truth(),
            "customers_truth": self._customers_truth(),
            "wearers_truth": self._wearers_truth(),
        }
        return SimulatedShop(tables, truth)

    def _time(self, day: FloatArray) -> pd.Series:
        return times(self.a.start, day)

    def _money(self, euros: FloatArray) -> FloatArray:
        rate = np.array([m.per_euro for m in MARKETS])[self.market]
        digits = np.array([m.decimals for m in MARKETS])[self.market]
        value = euros * rate
        return np.where(digits == 0, np.round(value), np.round(value, 2))

    def _products(self) -> pd.DataFrame:
        c = self.cat
        return frame(
            "products",
            {
                "product_id": c.product_id,
                "category": names(tuple(x.name for x in CATEGORIES), c.category),
                "brand": c.brand,
                "audience": names(AUDIENCES, c.audience),
                "size_system": names(tuple(x.system for x in c.all_ladders), c.ladder),
                "price": c.price,
                "currency": np.full(c.price.size, "EUR", object),
                "material": c.material,
                "colours": c.colours,
                "hygiene_sealed": np.array([x.sealed for x in CATEGORIES])[c.category],
                "launched_at": self._time(np.floor(c.launched_day)),
            },
        )

    def _sizes(self) -> pd.DataFrame:
        c = self.cat
        owner = np.repeat(np.arange(c.count.size), c.count)
        columns: dict[str, Any] = {
            "product_id": c.product_id[owner],
            "size_label": c.label,
            "size_rank": (np.arange(owner.size) - c.start[owner] + 1).astype(float),
        }
        columns |= charts(c, self.rng["catalogue"])
        return frame("product_sizes", columns)

    def _customers(self) -> pd.DataFrame:
        w, rng = self.who, self.rng["customers"]
        c = w.customer_id.size
        first = np.full(c, np.inf)
        np.minimum.at(first, self.lines.customer, self.lines.day)
        registered = np.minimum(w.registered_day, first)
        return frame(
            "customers",
            {
                "customer_id": w.customer_id,
                "market": names(tuple(m.code for m in MARKETS), w.market),
                "registered_at": self._time(registered),
                "birth_year": np.where(rng.random(c) < 0.6, w.birth_year, np.nan),
                "locale": names(tuple(m.locale for m in MARKETS), w.market),
                "account_cluster": w.cluster,
            },
        )

    def _measurements(self) -> pd.DataFrame:
        w = self.who
        first = np.full(w.owner.size, np.inf)
        np.minimum.at(first, self.lines.wearer, self.lines.day)
        told = draw_tellings(
            self.rng["measurements"],
            w,
            first_day=np.where(np.isinf(first), np.nan, first),
            last_day=self.end,
            assumptions=self.a,
        )
        columns: dict[str, Any] = {
            "customer_id": w.customer_id[w.owner[told.wearer]],
            "wearer": names(WEARERS, w.slot[told.wearer]),
            "measured_at": self._time(told.day),
            "cup": told.cup,
            "body_shape": told.body_shape,
            "age_years": told.age_years,
            "birth_date": self._time(told.birth_day),
            "sex": told.sex,
            "fit_preference": told.fit_preference,
        }
        columns |= {d: told.body[:, i] for i, d in enumerate(DIMENSIONS)}
        out = frame("body_measurements", columns)
        out = out.drop_duplicates(["customer_id", "wearer", "measured_at"])
        return out.sort_values(["measured_at", "customer_id", "wearer"], ignore_index=True)

    def _order_lines(self) -> pd.DataFrame:
        lines, w, n = self.lines, self.who, self.n
        rng = self.rng["delivery"]
        slot = w.slot[lines.wearer]
        named = np.where(slot == 0, rng.random(n) < 0.08, rng.random(n) < self.a.wearer_named_share)
        formal = rng.random(n) < self.formal
        occasion = np.where(formal, rng.choice([1, 2, 3], n), rng.choice([0, 0, 0, 1, 4], n))
        by_order = int(lines.order.max()) + 1
        channel = rng.choice(3, by_order, p=[0.5, 0.35, 0.15])[lines.order]
        usual = rng.choice(4, w.customer_id.size, p=[0.45, 0.25, 0.15, 0.15])
        d = self.deliveries
        late = lambda x: np.where(x < self.end, x, np.nan)  # noqa: E731
        colours = [c[i] for c, i in zip(self.cat.colours[lines.product], self.colour, strict=True)]
        return frame(
            "order_lines",
            {
                "order_line_id": self.ids,
                "order_id": np.array([f"O{i + 1:09d}" for i in lines.order.tolist()], object),
                "customer_id": w.customer_id[lines.customer],
                "product_id": self.cat.product_id[lines.product],
                "size_label": self.cat.label[self.cat.start[lines.product] + self.rank],
                "colour": np.array(colours, object),
                "quantity": self.quantity,
                "unit_price": self._money(self.euros),
                "list_price": self._money(self.list_euros),
                "currency": names(tuple(m.currency for m in MARKETS), self.market),
                "market": names(tuple(m.code for m in MARKETS), self.market),
                "channel": names(_CHANNELS, channel),
                "wearer": np.where(named, names(WEARERS, slot), None),
                "occasion": np.where(rng.random(n) < 0.35, names(_OCCASIONS, occasion), None),
                "ordered_at": self._time(lines.day),
                "promised_at": self._time(d.promised),
                "shipped_at": self._time(late(d.shipped)),
                "delivered_at": self._time(late(d.delivered)),
                "shipped_weight_g": self.weight,
                "ship_address_hash": w.address[lines.customer],
                "device_hash": w.device[lines.customer],
                "payment_method": names(_PAYMENTS, usual[lines.customer]),
            },
        )

    def _returns(self, at: IntArray) -> tuple[pd.DataFrame, claims.Settlement]:
        settled = claims.settle(
            self.rng["returns"],
            reason=self.claims.reason[at],
            requested=self.claims.requested[at],
            kind=self.abused_kind[at],
            euros=self.euros[at],
            ordered=self.quantity[at],
            sealed=self.sealed[at],
            transit=np.array([m.transit_days for m in MARKETS])[self.market[at]],
        )
        # The snapshot does not know what comes after it.
        received = np.where(settled.received < self.end, settled.received, np.nan)
        inspected = ~np.isnan(received)
        closed = settled.closed < self.end
        weight = self.sent[at] * settled.weight_ratio * settled.quantity / self.quantity[at]
        refund = self._money(self.euros)[at] * settled.quantity * settled.refund_share
        digits = np.array([m.decimals for m in MARKETS])[self.market[at]]
        refund = np.where(digits == 0, np.round(refund), np.round(refund, 2))
        table = frame(
            "returns",
            {
                "return_id": np.array([f"R{i:09d}" for i in range(1, at.size + 1)], object),
                "order_line_id": self.ids[at],
                "requested_at": self._time(self.claims.requested[at]),
                "received_at": self._time(received),
                "reason": names(RETURN_REASON, self.claims.reason[at]),
                "quantity": settled.quantity,
                "refund_amount": np.where(closed, refund, np.nan),
                "condition": names(CONDITION, np.where(inspected, settled.condition, -1)),
                "returned_weight_g": np.where(inspected, np.round(weight), np.nan),
                "resolution": names(RESOLUTION, np.where(closed, settled.resolution, -1)),
                "closed_at": self._time(np.where(closed, settled.closed, np.nan)),
            },
        )
        return table, settled

    def _feedback(self) -> pd.DataFrame:
        f = self.feedback
        keep = np.flatnonzero(f.day < self.end)
        keep = keep[np.lexsort((f.source[keep], f.line[keep], f.day[keep]))]
        return frame(
            "fit_feedback",
            {
                "order_line_id": self.ids[f.line[keep]],
                "source": names(FEEDBACK_SOURCE, f.source[keep]),
                "given_at": self._time(f.day[keep]),
                "fit": names(FIT, f.outcome[keep] + 1),
            },
        )

    def _labels(
        self, at: IntArray, settled: claims.Settlement, returns: pd.DataFrame
    ) -> pd.DataFrame:
        odd = np.isin(
            settled.condition, [CONDITION.index("different_item"), CONDITION.index("empty")]
        )
        said = abuse.judge(
            self.rng["labels"],
            kind=self.abused_kind[at],
            not_received=self.claims.reason[at] == claims.REASON["not_received"],
            odd=odd & (self.claims.reason[at] != claims.REASON["wrong_item"]),
            worn=settled.condition == CONDITION.index("worn"),
            euros=self.euros[at] * settled.quantity,
            assumptions=self.a,
        )
        decided = self.claims.requested[at] + said["delay"]
        decided = np.fmax(decided, np.nan_to_num(settled.received, nan=0.0))
        keep = np.flatnonzero(said["judged"] & (decided < self.end))
        keep = keep[np.argsort(decided[keep], kind="stable")]
        line = at[keep]
        return frame(
            "abuse_labels",
            {
                "return_id": returns["return_id"].to_numpy(dtype=object)[keep],
                "customer_id": self.who.customer_id[self.lines.customer[line]],
                "label": np.where(said["says_abuse"][keep], "abuse", "legitimate").astype(object),
                "kind": names(ABUSE_KIND, said["kind"][keep]),
                "decided_at": self._time(decided[keep]),
                "decided_by": np.where(said["chargeback"][keep], "chargeback", "investigator"),
            },
        )

    def _fit_truth(self) -> pd.DataFrame:
        f, c = self.fits, self.cat
        size = c.start[self.lines.product][f.line] + f.rank
        return pd.DataFrame(
            {
                "order_line_id": pd.Series(self.ids)
                .astype("str")
                .take(f.line)
                .reset_index(drop=True),
                "size_label": pd.Series(c.label).astype("str").take(size).reset_index(drop=True),
                "p_small": f.small,
                "p_fit": f.fit,
                "p_large": f.large,
            }
        )

    def _lines_truth(self) -> pd.DataFrame:
        f, lines = self.fits, self.lines
        size = self.cat.start[lines.product]
        cause = np.where(self.claims.requested < self.end, self.claims.cause, -1)
        abused = self.claims.abused & (cause >= 0)
        return pd.DataFrame(
            {
                "order_line_id": self.ids,
                "wearer": names(WEARERS, self.who.slot[lines.wearer]),
                "best_size": self.cat.label[size + f.rank[f.best]],
                "p_fit": f.fit[f.chosen],
                "p_fit_best": f.fit[f.best],
                "fit": names(FIT, f.outcome + 1),
                "reason": names(RETURN_REASON, cause),
                "is_abuse": abused,
                "abuse_kind": names(ABUSE_KIND, np.where(abused, self.abused_kind, -1)),
                "second_size": lines.extra > 0,
            }
        ).astype(
            dict.fromkeys(
                ("order_line_id", "wearer", "best_size", "fit", "reason", "abuse_kind"), "str"
            )
        )

    def _products_truth(self) -> pd.DataFrame:
        c = self.cat
        kinked = np.where(c.kink_rank >= 0, c.label[c.start + np.maximum(c.kink_rank, 0)], None)
        return pd.DataFrame(
            {
                "product_id": c.product_id,
                "brand_offset": c.brand_offset,
                "product_offset": c.product_offset,
                "kinked_size": kinked,
                "kink": c.kink,
                "chart": names(CHARTS, c.chart),
                "asian_letters": c.asian,
                "misleading_colour": c.misleading_colour,
                "wrongly_described": c.wrongly_described,
                "defective_from": self._time(
                    np.where(np.isinf(c.defect_from_day), np.nan, c.defect_from_day)
                ),
            }
        ).astype(dict.fromkeys(("product_id", "kinked_size", "chart", "misleading_colour"), "str"))

    def _customers_truth(self) -> pd.DataFrame:
        w = self.who
        return pd.DataFrame(
            {
                "customer_id": w.customer_id,
                "abuse_kind": names(ABUSE_KIND, self.kind),
                "returning": w.returning,
                "reads_charts": w.reads_charts,
            }
        ).astype({"customer_id": "str", "abuse_kind": "str"})

    def _wearers_truth(self) -> pd.DataFrame:
        w = self.who
        columns: dict[str, Any] = {
            "customer_id": w.customer_id[w.owner],
            "wearer": names(WEARERS, w.slot),
            "sex": np.where(w.female, "female", "male"),
            "born_on": self._time(w.bodies.born_day),
            "ease": w.ease,
        }
        mid = np.full(w.owner.size, self.a.days / 2)
        body = w.bodies.at(np.arange(w.owner.size), mid)
        columns |= {f"{d}_midway": body[:, i] for i, d in enumerate(DIMENSIONS)}
        return pd.DataFrame(columns).astype({"customer_id": "str", "wearer": "str", "sex": "str"})
