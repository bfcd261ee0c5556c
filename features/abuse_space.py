"""The feature space of `abuse`: what is learned once from a shop and then kept with the model.

Usual prices, base rates of honest conduct, the shop's own return window and how much honest buyers
differ are fitted on the training data and travel with the model.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from data_contracts.lazy import pd
from features.abuse import (
    BASE,
    COUNTED,
    FACTS,
    HISTORIES,
    SIGNALS,
    abuse_vectors,
    counted,
    expected_of_line,
)
from features.abuse_events import AMOUNTS, EVENT_KEYS, abuse_events
from features.abuse_facts import EARLY_DAYS, claim_rows, line_rows
from features.abuse_joined import MODEL, joined_before, without_joined
from features.abuse_rates import base_rates, shape_of
from features.engines import Engine, collected, native, usual_engine
from features.events import DAY_US
from features.histories import T0_US, History, final_state
from features.lines import to_micros
from features.window import WHOLE, Window

__all__ = ["AbuseData", "AbuseSpace"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_GOODS = ("product", "product_size", "lane")
_BY_NAME = {history.name: history for history in HISTORIES}
_TEXTS = {*EVENT_KEYS, "label"}


@dataclass(frozen=True)
class AbuseData:
    """Claims as vectors, with what was decided about them.

    Attributes
    ----------
    X
        Claims by `VECTOR`: what was known strictly before each was made; what an inspection found
        later is not in it.
    seen
        The same claims as they stood once the parcel had been looked at.
    inspected
        Where `seen` tells more than `X`.
    y
        0 legitimate, 1 abuse, -1 where nobody but a model decided, or held out.
    at
        Moment of the claim, microseconds.
    ids
        ``return_id``.
    order_line_id
        The lines claimed.
    groups
        Who claims: accounts of one cluster are one.
    sums
        Per history its sums strictly before each claim.
    events
        The event stream they come from, in frames of the engine.
    """

    X: Floats
    seen: Floats
    inspected: npt.NDArray[np.bool_]
    y: Ints
    at: Ints
    ids: npt.NDArray[np.object_]
    order_line_id: npt.NDArray[np.object_]
    groups: npt.NDArray[np.object_]
    sums: dict[str, Floats] = field(repr=False)
    events: Any = field(repr=False)


@dataclass
class AbuseSpace:
    """Fitted feature space; see the module.

    Parameters
    ----------
    engine
        What computes the histories; see :mod:`features.engines`. The values are the same, so it is
        kept with no model.
    """

    engine: Engine = field(default_factory=usual_engine)
    prices_: dict[str, float] = field(default_factory=dict)
    base_: Floats = field(default_factory=lambda: np.ones(len(BASE)))
    shapes_: Floats = field(default_factory=lambda: np.ones(len(SIGNALS)))

    def fit(self, tables: Mapping[str, pd.DataFrame], hold_out: Collection[str] = ()) -> AbuseSpace:
        """Learn the space from contract tables; outcomes of held-out lines are not looked at."""
        orders = tables["order_lines"]
        usual = orders.groupby(orders["currency"].astype(object))["unit_price"].median()
        self.prices_ = {str(k): float(v) for k, v in usual.items() if v > 0}
        lines = line_rows(tables, self.prices_)
        claims = self._claims(tables, lines, hold_out)
        self.base_ = base_rates(lines, claims, _decisions(tables, claims), hold_out)
        self.shapes_ = np.ones(len(SIGNALS))
        events = self._events(lines, claims, tables, hold_out)
        account = _BY_NAME["account"]
        final = collected(final_state(account, events))
        totals = final.select(*account.columns).to_numpy().astype("float64")
        observed, expected = counted(totals, self.base_)
        shapes = [shape_of(observed[code], expected[code]) for code in COUNTED]
        shapes[COUNTED.index("recent_returns")] = shapes[COUNTED.index("returns_above_peers")]
        linked = float(min(shapes))
        self.shapes_ = np.array([*shapes, *[linked] * (len(SIGNALS) - len(COUNTED))])
        return self

    def data(
        self,
        tables: Mapping[str, pd.DataFrame],
        hold_out: Collection[str] = (),
        claims: pd.DataFrame | None = None,
        window: Window = WHOLE,
    ) -> AbuseData:
        """Vectors and decisions of claims.

        Parameters
        ----------
        tables
            Contract tables.
        hold_out
            Ids of lines whose outcomes are in no label and no history.
        claims
            The claims wanted, as contract ``returns``; all on record but those of held-out lines,
            when omitted. A claim asked about is in no history for being asked about.
        window
            What gives the values of the histories.
        """
        lines = line_rows(tables, self.prices_)
        known = self._claims(tables, lines, hold_out)
        asked = known
        if claims is not None:
            asked = claim_rows(claims, lines, self._returns(tables, hold_out))
        events = self._events(lines, known, tables, hold_out, window)
        sums = self._sums(self._keyed(asked), events, window=window)
        facts = _facts(asked, hold_out)
        blind = facts.copy()
        blind[:, [FACTS.index(name) for name in ("worn", "swapped", "gap")]] = np.nan
        decided = _decisions(tables, asked[~asked["order_line_id"].isin(set(hold_out))])
        labels = dict(zip(decided["return_id"], decided["label"].eq("abuse"), strict=True))
        y = asked["return_id"].map(labels).astype("float64").fillna(-1.0)
        groups = asked["cluster"].where(asked["cluster"].notna(), asked["customer_id"])
        return AbuseData(
            X=abuse_vectors(blind, sums, self.base_, self.shapes_),
            seen=abuse_vectors(facts, sums, self.base_, self.shapes_),
            inspected=(np.isfinite(facts) != np.isfinite(blind)).any(axis=1),
            y=y.to_numpy().astype(np.int64),
            at=asked["at"].to_numpy(dtype=np.int64),
            ids=asked["return_id"].to_numpy(dtype=object),
            order_line_id=asked["order_line_id"].to_numpy(dtype=object),
            groups=groups.to_numpy(dtype=object),
            sums=sums,
            events=events,
        )

    def known(
        self, tables: Mapping[str, pd.DataFrame], window: Window = WHOLE
    ) -> tuple[pd.DataFrame, dict[str, Floats], Any]:
        """Claims of a window, the sums of the histories strictly before each, and the events.

        Parameters
        ----------
        tables
            Contract tables; of a window the rows that it touches, of orders all their lines.
        window
            What happened before it is in the stored sums already.
        """
        lines = line_rows(tables, self.prices_)
        claims = self._claims(tables, lines, ())
        events = self._events(lines, claims, tables, (), window)
        made = claims[window.is_new(claims["at"])]
        return made, self._sums(self._keyed(made), events, window=window), events

    def as_if_claimed(
        self, tables: Mapping[str, pd.DataFrame], ids: Collection[str]
    ) -> pd.DataFrame:
        """Claims of these lines as they would usually come: whole, reason unknown.

        Returns
        -------
        DataFrame
            Contract ``returns`` with a null reason, made the shop's usual days after delivery (or
            after it was promised or ordered, where no delivery is known).
        """
        lines = tables["order_lines"]
        lines = lines[lines["order_line_id"].isin(set(ids))]
        since = lines["delivered_at"].fillna(lines["promised_at"]).fillna(lines["ordered_at"])
        days = self.base_[BASE.index("delay_days")]
        nothing = pd.Series(None, index=lines.index, dtype="str")
        return pd.DataFrame(
            {
                "return_id": lines["order_line_id"],
                "order_line_id": lines["order_line_id"],
                "requested_at": since + pd.Timedelta(days=days),
                "received_at": pd.Series(pd.NaT, index=lines.index, dtype="datetime64[us, UTC]"),
                "reason": nothing,
                "quantity": lines["quantity"],
                "condition": nothing,
                "returned_weight_g": np.nan,
            }
        )

    def _claims(
        self, tables: Mapping[str, pd.DataFrame], lines: pd.DataFrame, hold_out: Collection[str]
    ) -> pd.DataFrame:
        return claim_rows(self._returns(tables, hold_out), lines)

    def _returns(
        self, tables: Mapping[str, pd.DataFrame], hold_out: Collection[str]
    ) -> pd.DataFrame:
        returns = tables.get("returns")
        if returns is None:
            returns = _no_returns()
        return returns[~returns["order_line_id"].isin(set(hold_out))]

    def _events(
        self,
        lines: pd.DataFrame,
        claims: pd.DataFrame,
        tables: Mapping[str, pd.DataFrame],
        hold_out: Collection[str],
        window: Window = WHOLE,
    ) -> Any:
        decisions = _decisions(tables, claims)
        hidden = lines["order_line_id"].isin(set(hold_out))
        if (until := window.until) is None:
            moments = (lines["at"], claims["at"], decisions["at"], lines["delivered"][~hidden])
            until = max(int(each.max()) for each in moments if each.notna().any())
        placed = self._keyed(lines).assign(hidden=hidden)
        extra = placed["alike"].gt(1).astype("float64")
        placed = placed.assign(single=1.0 - extra, extra=extra, parcel=1.0 / placed["basket"])
        asked = self._keyed(claims)
        is_extra = asked["alike"].gt(1)
        asked = asked.assign(
            claim_single=(~is_extra).astype("float64"),
            claim_extra=is_extra.astype("float64"),
            single_size=asked["size"].mask(is_extra),
            single_fault=asked["fault"].mask(is_extra),
            timed=asked["delay"].notna().astype("float64"),
            edge=asked["delay"].ge(self.base_[BASE.index("edge_days")]).astype("float64"),
            early=asked["age"].sub(asked["delay"]).le(EARLY_DAYS).astype("float64"),
            looked=(asked["worn"].notna() | asked["swapped"].notna()).astype("float64"),
        )
        decided = self._keyed(decisions)

        joined = joined_before(window, placed["customer_id"])

        def stream() -> Any:
            events = abuse_events(
                self._native(placed.reindex(columns=_LINE_COLUMNS)),
                self._native(asked.reindex(columns=_CLAIM_COLUMNS)),
                self._native(decided[["at", "label", *EVENT_KEYS]]),
                known_until=until,
            )
            return without_joined(window.cut(events), joined)

        # What is expected of a line is what was known of goods and lane when it arrived.
        arrival = placed["delivered"].fillna(placed["at"]).astype("int64")
        goods = self._sums(placed.assign(at=arrival), stream(), _GOODS, window)
        alike = placed["alike"].to_numpy(dtype="float64")
        usual = expected_of_line(goods, alike, self.base_)
        expected = usual["expected"]
        born = (placed["delivered"].astype("float64") - T0_US) / DAY_US - placed["registered"]
        early_line = born.le(EARLY_DAYS).astype("float64").to_numpy()
        placed = placed.assign(
            early_line=early_line,
            expected=expected,
            expected_value=expected * placed["value"],
            expected_size=usual["size"],
            expected_fault=usual["fault"],
            expected_lost=usual["lost"] / placed["basket"],
            expected_extra=extra * (alike - 1) / alike,
            expected_early=expected * early_line,
        )
        return stream()

    def _keyed(self, rows: pd.DataFrame) -> pd.DataFrame:
        bracket = rows["order_id"] + "\x1f" + rows["product_id"]
        return rows.assign(bracket=bracket)

    def _sums(
        self,
        rows: pd.DataFrame,
        events: Any,
        names: Collection[str] = tuple(_BY_NAME),
        window: Window = WHOLE,
    ) -> dict[str, Floats]:
        """Sums of the histories strictly before each row."""
        query = self._native(rows[["at", *EVENT_KEYS]].assign(query=np.arange(len(rows))))
        sums = {}
        for name in names:
            history: History = _BY_NAME[name]
            values = collected(window.values_before(history, events, query, (MODEL,)))
            sums[name] = np.zeros((len(rows), len(history.sums)))
            sums[name][values["query"].to_numpy()] = values.select(*history.columns).to_numpy()
        return sums

    def _native(self, frame: pd.DataFrame) -> Any:
        plain = frame.astype({c: "float64" for c in frame if c in AMOUNTS})
        return native(plain, _TEXTS, self.engine)

    def save(self, folder: str | Path) -> None:
        """Write ``space.json``."""
        (Path(folder) / "space.json").write_text(self._content(), encoding="utf-8")

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the space: a state filled for another space speaks another language."""
        return hashlib.sha256(self._content().encode()).hexdigest()

    def _content(self) -> str:
        content = {
            "prices": self.prices_,
            "base": dict(zip(BASE, self.base_.tolist(), strict=True)),
            "shapes": dict(zip(SIGNALS, self.shapes_.tolist(), strict=True)),
        }
        return json.dumps(content, sort_keys=True)

    @classmethod
    def load(cls, folder: str | Path, engine: Engine | None = None) -> AbuseSpace:
        """The inverse of :meth:`save`, with an engine of this machine's choice."""
        content = json.loads((Path(folder) / "space.json").read_text(encoding="utf-8"))
        return cls(
            engine=engine or usual_engine(),
            prices_=content["prices"],
            base_=np.array([content["base"][name] for name in BASE]),
            shapes_=np.array([content["shapes"][name] for name in SIGNALS]),
        )


_OF_LINE = [
    "value", "registered", "single", "extra", "parcel", "early_line", "expected", "expected_value",
    "expected_size", "expected_fault", "expected_lost", "expected_extra", "expected_early",
]  # fmt: skip
_LINE_COLUMNS = ["at", "delivered", "hidden", *EVENT_KEYS, *_OF_LINE]
_CLAIM_COLUMNS = ["at", "received", *EVENT_KEYS, *(a for a in AMOUNTS if a not in _OF_LINE)]


def _no_returns() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "return_id": pd.Series(dtype="str"),
            "order_line_id": pd.Series(dtype="str"),
            "requested_at": pd.Series(dtype="datetime64[us, UTC]"),
            "received_at": pd.Series(dtype="datetime64[us, UTC]"),
            "reason": pd.Series(dtype="str"),
            "quantity": pd.Series(dtype="Int64"),
            "condition": pd.Series(dtype="str"),
            "returned_weight_g": pd.Series(dtype="float64"),
        }
    )


def _decisions(tables: Mapping[str, pd.DataFrame], claims: pd.DataFrame) -> pd.DataFrame:
    """What persons and banks decided about these claims; a model's own word teaches nothing."""
    labels = tables.get("abuse_labels")
    keys = ["return_id", *(k for k in EVENT_KEYS if k != "bracket")]
    if labels is None:
        return (
            claims[keys].iloc[:0].assign(at=pd.Series(dtype="int64"), label=pd.Series(dtype=object))
        )
    said = labels[labels["decided_by"].ne("model")]
    said = pd.DataFrame(
        {
            "return_id": said["return_id"].astype(object),
            "at": to_micros(said["decided_at"]).astype("int64"),
            "label": said["label"].astype(object),
        }
    )
    return said.merge(claims[keys], on="return_id", how="inner")


def _facts(claims: pd.DataFrame, hold_out: Collection[str]) -> Floats:
    columns = {
        **{name: claims[name] for name in FACTS if name in claims},
        "value": claims["claim_value"],
        "line_value": claims["value"],
        "hidden": claims["order_line_id"].isin(set(hold_out)) | claims["arrived"].eq(0),
    }
    return np.column_stack([columns[name].astype("float64").to_numpy() for name in FACTS])
