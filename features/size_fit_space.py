"""The feature space of `size_fit`: what is learned once from a shop and then kept with the model.

Axes of sizes, natural size from the body, codes of categories and the base rates are fitted on the
training data and travel with the model, so that training, back-test and service stand in one space.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import numpy.typing as npt

from data_contracts.lazy import pd
from features.bodies import BODY_COLUMNS, NaturalSize
from features.choices import BASKET, with_choices
from features.engines import Engine, collected, native, usual_engine
from features.events import DAY_US, line_events, wrapped
from features.frames import AgeFrame, is_growing
from features.garments import binding_of_part, part_of_scale, stretch_of
from features.geometry import chart_geometry, parent_scale
from features.lines import body_scale, is_unnamed, line_facts, to_micros, with_natural_size
from features.positions import PLACED, SizeScales
from features.size_fit import CODED, FACTS, HISTORIES, PREFERENCES, SUMS, size_fit_vectors
from features.window import WHOLE, Window

__all__ = ["FIT_CODES", "Candidates", "SizeFitData", "SizeFitSpace"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FIT_CODES = {"small": 0, "fit": 1, "large": 2}
RETURN_WINDOW_DAYS = 30.0
_MIN_CODED = 20
_WORDS = {"fit_feedback": ("given_at", "fit"), "returns": ("requested_at", "reason")}
_KEY_COLUMNS = sorted({part for history in HISTORIES for part in history.key})
_AMOUNTS = sorted({s.amount for h in HISTORIES for s in h.sums if s.amount})
_TEXTS = {"order_line_id", "fit", "reason", *_KEY_COLUMNS}
_CARRIED = ["order_line_id", *_KEY_COLUMNS, *_AMOUNTS]


@dataclass(frozen=True)
class Candidates:
    """The sizes each of some lines could have been ordered in.

    Attributes
    ----------
    X
        Candidates by `VECTOR`, the sizes of a line together and in order of their rank.
    line
        Row of the line in its :class:`SizeFitData`, per candidate.
    label
        Size label per candidate.
    chosen
        True for the size that was ordered.
    """

    X: Floats
    line: Ints
    label: npt.NDArray[np.object_]
    chosen: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class SizeFitData:
    """Order lines as vectors, with what became of them.

    Attributes
    ----------
    X
        Lines by `VECTOR`: what was known strictly before each was ordered.
    y
        0 small, 1 fit, 2 large, -1 where the outcome is unknown, held out, or not settled: while
        the return window is open complaints are known and silence is not.
    told
        Whether somebody said so; False where a line was kept without a word, which counts as fit.
    at
        Moment of the order, microseconds.
    ids
        ``order_line_id``.
    sized
        Whether the product has sizes at all.
    """

    X: Floats
    y: Ints
    told: npt.NDArray[np.bool_]
    at: Ints
    ids: npt.NDArray[np.object_]
    sized: npt.NDArray[np.bool_]
    facts: pd.DataFrame = field(repr=False)
    placed: pd.DataFrame = field(repr=False)
    events: Any = field(repr=False)
    space: SizeFitSpace = field(repr=False)

    def candidates(self, rows: Ints, window: Window = WHOLE) -> Candidates:
        """All sizes of the products of these lines, as asked when each was ordered.

        Parameters
        ----------
        rows
            Places of the lines.
        window
            What gives the values of the histories; the one the lines were built through.
        """
        asked = self.facts.iloc[rows].assign(line=rows, ordered_label=self.facts["size_label"])
        frame = asked.drop(columns=[c for c in PLACED if c != "product_id"])
        frame = frame.merge(self.placed, on="product_id", how="inner")
        frame = frame.dropna(subset=["scale"]).sort_values(["line", "size_rank"], kind="stable")
        frame = self.space.framed(frame)
        # Advice is asked for one product, before there is a basket.
        frame[list(BASKET)] = np.nan
        frame = with_natural_size(frame.reset_index(drop=True), self.space.natural_)
        return Candidates(
            X=self.space.vectors(frame, self.events, window),
            line=frame["line"].to_numpy(dtype=np.int64),
            label=frame["size_label"].to_numpy(dtype=object),
            chosen=(frame["size_label"] == frame["ordered_label"]).to_numpy(dtype=bool),
        )


@dataclass
class SizeFitSpace:
    """Fitted feature space; see the module.

    Parameters
    ----------
    engine
        What computes the histories; see :mod:`features.engines`. The values are the same, so it is
        kept with no model.
    """

    engine: Engine = field(default_factory=usual_engine)
    scales_: SizeScales = field(default_factory=SizeScales)
    ages_: AgeFrame = field(default_factory=lambda: AgeFrame({}))
    natural_: NaturalSize = field(default_factory=NaturalSize)
    codes_: dict[str, dict[str, int]] = field(default_factory=dict)
    base_: Floats = field(default_factory=lambda: np.array([0.1, 0.1]))

    def fit(
        self, tables: Mapping[str, pd.DataFrame], hold_out: Collection[str] = ()
    ) -> SizeFitSpace:
        """Learn the space from contract tables; outcomes of held-out lines are not looked at."""
        self._fit(tables, hold_out)
        return self

    def fit_data(
        self, tables: Mapping[str, pd.DataFrame], hold_out: Collection[str] = ()
    ) -> SizeFitData:
        """What :meth:`data` gives of the tables after :meth:`fit`, looked up once for both."""
        return self.data(tables, hold_out, plain=self._fit(tables, hold_out))

    def _fit(
        self, tables: Mapping[str, pd.DataFrame], hold_out: Collection[str]
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Learn the space; what :meth:`plain` gives of the tables then."""
        self.scales_ = SizeScales().fit(tables["products"], tables["product_sizes"])
        facts, placed = self._fit_natural(tables, hold_out)
        if facts["chart"].eq("estimated").any():
            seen = with_natural_size(facts, self.natural_)
            above = seen["position"] - seen["natural"]
            # Of a child of unknown age the natural size says too little to move a chart by.
            told = _kept(tables, facts, hold_out) & ~facts["scale"].map(is_growing).astype(bool)
            self.scales_.learn_moves(facts, above.where(told))
            facts, placed = self._fit_natural(tables, hold_out)
        self.codes_ = {}
        for column in CODED:
            counts = facts[column].dropna().astype(str).value_counts()
            usual = sorted(counts[counts >= _MIN_CODED].index)
            self.codes_[column] = {value: code for code, value in enumerate(usual)}
        lines = with_natural_size(facts, self.natural_)
        facts = with_choices(lines, self.engine)
        y, told = _outcomes(self.events(facts, tables, hold_out), facts["order_line_id"])
        y = np.where(_settled(facts, _known_until(facts, tables, hold_out)), y, -1)
        told = told & (y >= 0)
        shares = y[told] if told.any() else y[y >= 0]
        if len(shares):
            self.base_ = np.array([(shares == 0).mean(), (shares == 2).mean()])
        return lines, placed

    def data(
        self,
        tables: Mapping[str, pd.DataFrame],
        hold_out: Collection[str] = (),
        window: Window = WHOLE,
        plain: tuple[pd.DataFrame, pd.DataFrame] | None = None,
    ) -> SizeFitData:
        """Vectors and outcomes of all order lines.

        Parameters
        ----------
        tables
            Contract tables.
        hold_out
            Ids of lines whose outcomes are in no label and no history.
        window
            What gives the values of the histories.
        plain
            What :meth:`plain` gives of these tables, where it is at hand; of the tables feedback
            and returns are read then.
        """
        lines, placed = plain if plain is not None else self.plain(tables)
        facts = with_choices(lines, self.engine, window)
        events = self.events(facts, tables, hold_out, window)
        y, told = _outcomes(events, facts["order_line_id"])
        if (until := window.until) is None:
            until = _known_until(facts, tables, hold_out)
        y = np.where(_settled(facts, until), y, -1)
        return SizeFitData(
            X=self.vectors(facts, events, window),
            y=y,
            told=told,
            at=facts["at"].to_numpy(dtype=np.int64),
            ids=facts["order_line_id"].to_numpy(dtype=object),
            sized=facts["scale"].notna().to_numpy(),
            facts=facts,
            placed=placed,
            events=events,
            space=self,
        )

    def lines(
        self,
        tables: Mapping[str, pd.DataFrame],
        window: Window = WHOLE,
        placed: pd.DataFrame | None = None,
    ) -> pd.DataFrame:
        """Order lines with what was known when each was ordered, and what its choice says.

        Parameters
        ----------
        tables
            Contract tables.
        window
            Lines before it are given what was found when they were ordered.
        placed
            The catalogue on the axes of sizes, where it is at hand.
        """
        return with_choices(self._plain(tables, placed), self.engine, window)

    def plain(self, tables: Mapping[str, pd.DataFrame]) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Order lines with what no history tells of them, and the catalogue on the axes of sizes.

        Parameters
        ----------
        tables
            Contract tables.
        """
        placed = self.scales_.place(tables["products"], tables["product_sizes"])
        return self._plain(tables, placed), placed

    def _plain(
        self, tables: Mapping[str, pd.DataFrame], placed: pd.DataFrame | None
    ) -> pd.DataFrame:
        facts = self.framed(line_facts(tables, self.scales_, placed))
        return with_natural_size(facts, self.natural_)

    def _fit_natural(
        self, tables: Mapping[str, pd.DataFrame], hold_out: Collection[str]
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Learn the size of an age and of a body from the charts and from the sizes chosen."""
        placed = self.scales_.place(tables["products"], tables["product_sizes"])
        facts = line_facts(tables, self.scales_, placed)
        self.ages_ = AgeFrame.of_scales(self.scales_).fit(facts)
        facts = self.framed(facts)
        scale = facts["body_scale"].to_numpy(dtype=object)
        parts = {name for name in scale if isinstance(name, str) and parent_scale(name)}
        self.natural_ = NaturalSize().fit(
            facts[list(BODY_COLUMNS)].to_numpy(dtype="float64"),
            scale,
            facts["position"].to_numpy(dtype="float64"),
            geometry=chart_geometry(
                placed, {name: binding_of_part(name) for name in parts}, self.ages_.wear_days_
            ),
            kept=_kept(tables, facts, hold_out),
        )
        return facts, placed

    def framed(self, facts: pd.DataFrame) -> pd.DataFrame:
        """Count positions from the size of a child's age, and say by which scale to read bodies."""
        framed = self.ages_.apply(facts)
        scale = body_scale(framed)
        texts = framed[["category", "audience", "size_system"]].astype(object)
        columns = (scale, *(texts[name].where(texts[name].notna(), None) for name in texts))
        keys = list(zip(*columns, strict=True))
        parts = {key: part_of_scale(*key) for key in set(keys)}
        return framed.assign(
            body_scale=pd.Series([parts[key] for key in keys], framed.index, object)
        )

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
            "ages": self.ages_.to_json(),
            "natural": self.natural_.to_json(),
            "codes": self.codes_,
            "base": self.base_.tolist(),
        }
        return json.dumps(content, sort_keys=True)

    @classmethod
    def load(cls, folder: str | Path, engine: Engine | None = None) -> SizeFitSpace:
        """The inverse of :meth:`save`, with an engine of this machine's choice."""
        content = json.loads((Path(folder) / "space.json").read_text(encoding="utf-8"))
        return cls(
            engine=engine or usual_engine(),
            scales_=SizeScales.from_json(content["scales"]),
            ages_=AgeFrame.from_json(content["ages"]),
            natural_=NaturalSize.from_json(content["natural"]),
            codes_=content["codes"],
            base_=np.array(content["base"]),
        )

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
        words: list[Any] = []
        for table, (moment, said) in _WORDS.items():
            rows = tables.get(table)
            if rows is None:
                words.append(None)
                continue
            known = rows[["order_line_id", said]].assign(at=to_micros(rows[moment])).dropna()
            words.append(self._native(known.astype({"at": "int64"})))
        if (until := window.until) is None:
            until = _known_until(facts, tables, hold_out)
        events = line_events(
            frame, words[0], words[1], window_days=RETURN_WINDOW_DAYS, known_until=until
        )
        return window.cut(events)

    def vectors(self, facts: pd.DataFrame, events: Any, window: Window = WHOLE) -> Floats:
        """The vectors of these rows, from the events strictly before each."""
        query = self._native(facts[["at", *_KEY_COLUMNS]].assign(query=np.arange(len(facts))))
        sums = np.zeros((len(facts), len(HISTORIES), len(SUMS)))
        for i, history in enumerate(HISTORIES):
            values = collected(window.values_before(history, events, query))
            sums[values["query"].to_numpy(), i] = values.select(*history.columns).to_numpy()
        return size_fit_vectors(self.facts_matrix(facts), sums, self.base_)

    def facts_matrix(self, facts: pd.DataFrame) -> Floats:
        """Facts as numbers: rows by `FACTS`."""
        columns: dict[str, pd.Series] = {
            "child_age": facts["age_years"],
            "child": facts["scale"].astype(object).map(is_growing),
            "wearer_unnamed": facts["body_scale"].astype(object).map(is_unnamed),
            "fit_preference": facts["fit_preference"].map(PREFERENCES),
            "stretch": facts["material"].map(stretch_of, na_action="ignore"),
        }
        for name in CODED:
            columns[name] = facts[name].map(self.codes_[name]).astype("float64")
        numbers = [columns[name] if name in columns else facts[name] for name in FACTS]
        return np.column_stack([column.astype("float64").to_numpy() for column in numbers])

    def _native(self, frame: pd.DataFrame) -> Any:
        return native(frame, _TEXTS, self.engine)


def _known_until(
    facts: pd.DataFrame, tables: Mapping[str, pd.DataFrame], hold_out: Collection[str]
) -> int:
    """The last moment the tables tell of, held-out outcomes aside."""
    last = int(facts["at"].max())
    hidden = set(hold_out)
    for table, (moment, _) in _WORDS.items():
        rows = tables.get(table)
        if rows is not None:
            told = to_micros(rows[moment])[~rows["order_line_id"].isin(hidden)].dropna()
            last = max(last, int(told.max())) if len(told) else last
    return last


def _settled(facts: pd.DataFrame, known_until: int) -> npt.NDArray[np.bool_]:
    """Lines whose return window is closed, and those that can only be told of."""
    closes = facts["delivered"] + int(RETURN_WINDOW_DAYS * DAY_US)
    return (facts["delivered"].isna() | (closes <= known_until)).to_numpy(dtype=bool)


def _kept(
    tables: Mapping[str, pd.DataFrame], facts: pd.DataFrame, hold_out: Collection[str]
) -> npt.NDArray[np.bool_]:
    """Settled lines that nobody sent back or called small or large; held-out ones are left out."""
    ids = facts["order_line_id"]
    kept = _settled(facts, _known_until(facts, tables, hold_out)) & ~ids.isin(set(hold_out))
    if facts["delivered"].notna().any():  # else the shop does not tell of deliveries
        kept &= facts["delivered"].notna()
    if (returns := tables.get("returns")) is not None:
        kept &= ~ids.isin(returns["order_line_id"])
    if (words := tables.get("fit_feedback")) is not None:
        kept &= ~ids.isin(words.loc[words["fit"].ne("fit"), "order_line_id"])
    return np.asarray(kept, dtype=bool)


def _outcomes(events: Any, ids: pd.Series) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """What became of each line: its code, and whether somebody told."""
    stream = wrapped(events).select("order_line_id", "kind", "verdict")
    said = collected(stream.filter(nw.col("kind").is_in(["fit_told", "kept"])).to_native())
    told = said.filter(nw.col("kind") == "fit_told")
    kept = said.filter(nw.col("kind") == "kept")["order_line_id"].to_list()
    verdicts = dict(zip(told["order_line_id"].to_list(), told["verdict"].to_list(), strict=True))
    words = ids.map(verdicts)
    y = words.map(FIT_CODES).astype("float64")
    y = y.where(words.notna() | ~ids.isin(set(kept)), float(FIT_CODES["fit"]))
    codes: Ints = y.fillna(-1).to_numpy().astype(np.int64)
    return codes, words.notna().to_numpy()
