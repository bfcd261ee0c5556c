"""The feature space of `return_risk`: what is learned once from a shop and kept with the model.

Axes of sizes, natural sizes, codes of categories, the shop's return window, the exchange of its
currencies and the base rate are fitted on the training data and travel with the model.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from data_contracts.lazy import pd
from data_contracts.tables import RETURN_REASON
from features.baskets import BASKET_FACTS, basket_facts
from features.bodies import BODY_COLUMNS, NaturalSize
from features.engines import Engine, collected, native, usual_engine
from features.events import DAY_US, line_events
from features.histories import T0_US
from features.lines import YEAR_US, line_facts, to_micros, with_natural_size
from features.positions import SizeScales
from features.return_risk import CODED, DELIVERY, FACTS, HISTORIES, return_risk_vectors
from features.window import WHOLE, Window

__all__ = ["KEPT", "OUTCOMES", "Moment", "ReturnRiskData", "ReturnRiskSpace", "plain_text"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Moment = Literal["checkout", "delivered"]

KEPT = "kept"
OUTCOMES: tuple[str, ...] = (KEPT, *RETURN_REASON)
"""What can become of a line; the codes of ``y`` are places in it."""

_CODES = {name: code for code, name in enumerate(OUTCOMES)}
_MIN_CODED = 30
_LONGEST_DELAY = 60.0
_SHORTEST_WINDOW, _LONGEST_WINDOW, _USUAL_WINDOW = 7.0, 60.0, 30.0
_KEY_COLUMNS = sorted({part for history in HISTORIES for part in history.key})
_AMOUNTS = sorted({s.amount for h in HISTORIES for s in h.sums if s.amount})
_CARRIED = ["order_line_id", *_KEY_COLUMNS, *_AMOUNTS]


@dataclass(frozen=True)
class ReturnRiskData:
    """Order lines as vectors, with what became of them.

    Attributes
    ----------
    X
        Lines by ``VECTORS[moment]``: what was known strictly before the moment of the question.
    y
        Place in `OUTCOMES`; -1 where it is unknown, held out, or not settled.
    at
        Moment of the question, microseconds: of the order, or of the delivery.
    ids
        ``order_line_id``.
    mature
        Whether the order is so old that its outcome would be known whichever it is. Among younger
        ones the known outcomes are of what was quick.
    """

    X: Floats
    y: Ints
    at: Ints
    ids: npt.NDArray[np.object_]
    mature: Bools
    facts: pd.DataFrame = field(repr=False)
    events: Any = field(repr=False)


@dataclass
class ReturnRiskSpace:
    """Fitted feature space; see the module.

    Parameters
    ----------
    engine
        What computes the histories; see :mod:`features.engines`. The values are the same, so it is
        kept with no model.
    """

    engine: Engine = field(default_factory=usual_engine)
    scales_: SizeScales = field(default_factory=SizeScales)
    natural_: NaturalSize = field(default_factory=NaturalSize)
    codes_: dict[str, dict[str, int]] = field(default_factory=dict)
    exchange_: dict[str, float] = field(default_factory=dict)
    window_days_: float = _USUAL_WINDOW
    slowest_days_: float = _LONGEST_DELAY
    base_: float = 0.2

    def fit(
        self, tables: Mapping[str, pd.DataFrame], hold_out: Collection[str] = ()
    ) -> ReturnRiskSpace:
        """Learn the space from contract tables; outcomes of held-out lines are not looked at."""
        self.scales_ = SizeScales().fit(tables["products"], tables["product_sizes"])
        told = line_facts(_without_sex(tables), self.scales_)
        body = told[list(BODY_COLUMNS)].to_numpy(dtype="float64")
        scale = told["body_scale"].to_numpy(dtype=object)
        self.natural_ = NaturalSize().fit(body, scale, told["position"].to_numpy(dtype="float64"))
        self.exchange_ = _exchange(tables["order_lines"])
        self.learn_times(tables, hold_out)
        facts = self._facts(tables, told)
        self.codes_ = {}
        for column in CODED:
            counts = facts[column].dropna().astype(str).value_counts()
            usual = sorted(counts[counts >= _MIN_CODED].index)
            self.codes_[column] = {value: code for code, value in enumerate(usual)}
        y, mature = self._outcomes(facts, tables, hold_out)
        known = y[(y >= 0) & mature] if ((y >= 0) & mature).any() else y[y >= 0]
        if len(known):
            self.base_ = float((known > 0).mean())
        return self

    def learn_times(
        self, tables: Mapping[str, pd.DataFrame], hold_out: Collection[str] = ()
    ) -> ReturnRiskSpace:
        """Learn how long buyers take to send back and parcels to arrive, of the space only that.

        Parameters
        ----------
        tables
            Contract tables; of them the order lines and returns are read.
        hold_out
            Ids of lines whose outcomes are not looked at.
        """
        lines = tables["order_lines"]
        came = to_micros(lines["delivered_at"]).astype("float64")
        on_way = ((came - to_micros(lines["ordered_at"]).astype("float64")) / DAY_US).dropna()
        if len(on_way):
            self.slowest_days_ = float(on_way.quantile(0.99))
        back = _claims(tables)
        if back is None:
            return self
        hidden = set(hold_out)
        first = back[~back["order_line_id"].isin(hidden)].groupby("order_line_id")["at"].min()
        delivered = pd.Series(came.to_numpy(), index=lines["order_line_id"]).reindex(first.index)
        days = ((first - delivered) / DAY_US).dropna()
        if len(days) >= _MIN_CODED:
            window = float(np.clip(days.quantile(0.98), _SHORTEST_WINDOW, _LONGEST_WINDOW))
            self.window_days_ = round(window, 3)
        return self

    def data(
        self,
        tables: Mapping[str, pd.DataFrame],
        hold_out: Collection[str] = (),
        moment: Moment = "checkout",
        window: Window = WHOLE,
    ) -> ReturnRiskData:
        """Vectors and outcomes of all order lines.

        Parameters
        ----------
        tables
            Contract tables.
        hold_out
            Ids of lines whose outcomes are in no label and no history.
        moment
            ``checkout``: as of the order. ``delivered``: as of the delivery, with its facts; a line
            that never arrived is asked about as of the order, and has none.
        window
            What gives the values of the histories.
        """
        return self.moments(tables, (moment,), hold_out, window)[moment]

    def moments(
        self,
        tables: Mapping[str, pd.DataFrame],
        moments: Collection[Moment] = get_args(Moment),
        hold_out: Collection[str] = (),
        window: Window = WHOLE,
        facts: pd.DataFrame | None = None,
    ) -> dict[Moment, ReturnRiskData]:
        """What :meth:`data` gives for each of several moments, over one stream of events.

        Parameters
        ----------
        tables, hold_out, window
            As for :meth:`data`.
        moments
            Of the questions.
        facts
            What :meth:`facts` gives of these tables, where it is at hand; of the tables returns
            are read then.
        """
        if facts is None:
            facts = self.facts(tables)
        events = self.events(facts, tables, hold_out, window)
        y, mature = self._outcomes(facts, tables, hold_out, window)
        found: dict[Moment, ReturnRiskData] = {}
        for moment in moments:
            asked = facts
            if moment == "delivered":
                at = facts["delivered"].fillna(facts["at"]).astype("int64")
                asked = facts.assign(at=at.clip(lower=facts["at"]))
            X = self.vectors(asked, events, window)
            if moment == "delivered":
                X = np.column_stack([X, self.delivery_matrix(asked)])
            found[moment] = ReturnRiskData(
                X=X,
                y=y,
                at=asked["at"].to_numpy(dtype=np.int64),
                ids=asked["order_line_id"].to_numpy(dtype=object),
                mature=mature,
                facts=asked,
                events=events,
            )
        return found

    def facts(
        self, tables: Mapping[str, pd.DataFrame], placed: pd.DataFrame | None = None
    ) -> pd.DataFrame:
        """Every order line with what was known when it was placed, in the order of the table.

        Parameters
        ----------
        tables
            Contract tables.
        placed
            The catalogue on the axes of sizes, where it is at hand.
        """
        return self._facts(tables, line_facts(_without_sex(tables), self.scales_, placed))

    def _facts(self, tables: Mapping[str, pd.DataFrame], told: pd.DataFrame) -> pd.DataFrame:
        lines = tables["order_lines"]
        facts = with_natural_size(told, self.natural_)
        facts["size"] = plain_text(lines["size_label"])
        facts["colour"] = plain_text(lines["colour"])
        facts["quantity"] = lines["quantity"].astype("float64")
        rate = lines["currency"].map(self.exchange_).astype("float64").fillna(1.0)
        facts["price"] = lines["unit_price"].astype("float64") * rate
        facts["price_cents"] = np.round(lines["unit_price"].astype("float64") * 100) % 100
        facts["is_priced"] = facts["price"].notna().astype("float64")
        facts["ordered"] = facts["at"]
        for name in ("promised_at", "shipped_weight_g"):
            given = lines[name]
            facts[name] = to_micros(given) if name == "promised_at" else given.astype("float64")
        opened = _registered(tables).reindex(facts["customer_id"]).to_numpy(dtype="float64")
        tenure = (facts["at"].to_numpy(dtype="float64") - opened) / DAY_US
        facts["tenure_days"] = np.where(tenure >= 0, tenure, np.nan)
        return facts

    def events(
        self,
        facts: pd.DataFrame,
        tables: Mapping[str, pd.DataFrame],
        hold_out: Collection[str] = (),
        window: Window = WHOLE,
    ) -> Any:
        """The event stream of the histories up to the last moment told of, in engine frames."""
        lines = facts.assign(hidden=facts["order_line_id"].isin(set(hold_out)))
        frame = self._native(lines[["at", "delivered", "hidden", *_CARRIED]])
        back = _claims(tables)
        if (until := window.until) is None:
            until = _known_until(facts, back, hold_out)
        events = line_events(
            frame,
            None,
            None if back is None else self._native(back),
            window_days=self.window_days_,
            known_until=until,
            deliveries=True,
        )
        return window.cut(events)

    def vectors(self, facts: pd.DataFrame, events: Any, window: Window = WHOLE) -> Floats:
        """The vectors of these rows, from the events strictly before each."""
        query = self._native(facts[["at", *_KEY_COLUMNS]].assign(query=np.arange(len(facts))))
        sums = {}
        for history in HISTORIES:
            values = collected(window.values_before(history, events, query))
            sums[history.name] = np.zeros((len(facts), len(history.sums)))
            found = values.select(*history.columns).to_numpy()
            sums[history.name][values["query"].to_numpy()] = found
        return return_risk_vectors(self.facts_matrix(facts), sums, self.base_)

    def facts_matrix(self, facts: pd.DataFrame) -> Floats:
        """Facts as numbers: rows by `FACTS`. Lines of one ``order_id`` are one basket."""
        numbers = {
            column: facts[column].map(self.codes_[column]).astype("float64").to_numpy()
            for column in CODED
        }
        names = [n for n in FACTS if n in facts and n not in numbers]
        plain = {name: facts[name].to_numpy(dtype="float64") for name in names}
        baskets = basket_facts(
            _codes(facts["order_id"]),
            product=_codes(facts["product_id"]),
            size=_codes(facts["size"]),
            colour=_codes(facts["colour"]),
            brand=_codes(facts["brand"]),
            category=_codes(facts["category"]),
            scale=_codes(facts["scale"]),
            price=plain["price"],
            quantity=plain["quantity"],
            position=plain["position"],
        )
        own = [
            numbers[name] if name in numbers else plain[name] for name in FACTS[: -baskets.shape[1]]
        ]
        return np.column_stack([*own, baskets])

    def delivery_matrix(self, facts: pd.DataFrame) -> Floats:
        """Facts of the delivery: rows by `DELIVERY`."""
        came = facts["delivered"].astype("float64").to_numpy()
        ordered = facts["ordered"].to_numpy(dtype="float64")
        promised = facts["promised_at"].astype("float64").to_numpy()
        values = {
            "arrived": np.isfinite(came).astype("float64"),
            "delivery_days": (came - ordered) / DAY_US,
            "delay_days": (came - promised) / DAY_US,
            "shipped_weight_g": facts["shipped_weight_g"].to_numpy(dtype="float64"),
        }
        return np.column_stack([values[name] for name in DELIVERY])

    def _outcomes(
        self,
        facts: pd.DataFrame,
        tables: Mapping[str, pd.DataFrame],
        hold_out: Collection[str],
        window: Window = WHOLE,
    ) -> tuple[Ints, Bools]:
        """What became of each line, and whether it is old enough to be told either way."""
        back = _claims(tables)
        if (until := window.until) is None:
            until = _known_until(facts, back, hold_out)
        open_for = int(self.window_days_ * DAY_US)
        never = int(self.slowest_days_ * DAY_US) + open_for
        ordered, came = facts["at"], facts["delivered"].astype("float64")
        # Complaints are quick and silence takes the whole window: of a line whose window is still
        # open only a return would be known, so it tells nothing yet.
        settled = (came + open_for <= until) | (came.isna() & (ordered + never <= until))
        y = np.zeros(len(facts))
        if back is not None:
            told = back[back["at"] <= until]
            codes = dict(zip(told["order_line_id"], told["reason"].map(_CODES), strict=True))
            y = facts["order_line_id"].map(codes).fillna(0).to_numpy(dtype="float64", copy=True)
        y[~settled.to_numpy(dtype=bool)] = -1
        mature = (ordered + never <= until).to_numpy(dtype=bool)
        hidden = facts["order_line_id"].isin(set(hold_out)).to_numpy(dtype=bool)
        return np.where(hidden, -1, y).astype(np.int64), mature & ~hidden

    def save(self, folder: str | Path) -> None:
        """Write ``space.json``."""
        (Path(folder) / "space.json").write_text(self._content(), encoding="utf-8")

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the space: a state filled for another space speaks another language."""
        return hashlib.sha256(self._content().encode()).hexdigest()

    def _content(self) -> str:
        content = {
            "scales": self.scales_.to_json(),
            "natural": self.natural_.to_json(),
            "codes": self.codes_,
            "exchange": self.exchange_,
            "window_days": self.window_days_,
            "slowest_days": self.slowest_days_,
            "base": self.base_,
            "histories": [[h.name, *h.columns] for h in HISTORIES],
        }
        return json.dumps(content, sort_keys=True)

    @classmethod
    def load(cls, folder: str | Path, engine: Engine | None = None) -> ReturnRiskSpace:
        """The inverse of :meth:`save`, with an engine of this machine's choice."""
        content = json.loads((Path(folder) / "space.json").read_text(encoding="utf-8"))
        return cls(
            engine=engine or usual_engine(),
            scales_=SizeScales.from_json(content["scales"]),
            natural_=NaturalSize.from_json(content["natural"]),
            codes_=content["codes"],
            exchange_=content["exchange"],
            window_days_=content["window_days"],
            slowest_days_=content["slowest_days"],
            base_=content["base"],
        )

    def _native(self, frame: pd.DataFrame) -> Any:
        return native(frame, _TEXTS, self.engine)


_TEXTS = {"order_line_id", "reason", *_KEY_COLUMNS}
_LINE_FACTS = tuple(name for name in FACTS if name not in BASKET_FACTS)


def plain_text(values: pd.Series) -> pd.Series:
    """Labels as they are compared: shops write ``L`` and ``l`` for one thing."""
    return values.astype("str").str.strip().str.lower()


def years(at_us: Any) -> Any:
    """Moment in years since 2020, for the calendar's level."""
    return (at_us - T0_US) / YEAR_US


def _without_sex(tables: Mapping[str, pd.DataFrame]) -> Mapping[str, pd.DataFrame]:
    """The tables without the sex of anybody: nobody's risk may depend on it."""
    bodies = tables.get("body_measurements")
    if bodies is None:
        return tables
    return {
        **tables,
        "body_measurements": bodies.assign(sex=bodies["sex"].mask(bodies["sex"].notna())),
    }


def _codes(values: pd.Series) -> Ints:
    codes, _ = pd.factorize(values)
    return codes.astype(np.int64)


def _registered(tables: Mapping[str, pd.DataFrame]) -> pd.Series:
    customers = tables.get("customers")
    if customers is None or "registered_at" not in customers:
        return pd.Series(dtype="float64")
    opened = to_micros(customers["registered_at"]).astype("float64")
    return pd.Series(opened.to_numpy(), index=customers["customer_id"])


def _claims(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame | None:
    """Returns as ``order_line_id``, ``at``, ``reason``: the first of each line."""
    returns = tables.get("returns")
    if returns is None or returns.empty:
        return None
    claims = returns[["order_line_id", "reason"]].assign(
        at=to_micros(returns["requested_at"]).astype("int64")
    )
    claims = claims.sort_values(["at", "order_line_id"], kind="stable")
    return claims.drop_duplicates("order_line_id").reset_index(drop=True)


def _known_until(facts: pd.DataFrame, back: pd.DataFrame | None, hold_out: Collection[str]) -> int:
    """The last moment the tables tell of, held-out outcomes aside."""
    last = int(facts["ordered"].max())
    if back is not None:
        told = back.loc[~back["order_line_id"].isin(set(hold_out)), "at"]
        last = max(last, int(told.max())) if len(told) else last
    return last


def _exchange(lines: pd.DataFrame) -> dict[str, float]:
    """What to multiply each currency's prices with, so that they compare with the commonest one's.

    Of products sold in both the median ratio; a currency that shares no product with the commonest
    is brought to its median price.
    """
    priced = lines[lines["unit_price"].gt(0)]
    if priced.empty:
        return {}
    usual = priced.pivot_table("unit_price", "product_id", "currency", aggfunc="median")
    common = str(priced["currency"].value_counts().idxmax())
    rates = {}
    for currency in usual.columns:
        ratio = (usual[common] / usual[currency]).dropna()
        if ratio.empty:
            ratio = usual[common].median() / usual[[currency]].median()
        rates[str(currency)] = float(ratio.median())
    return rates
