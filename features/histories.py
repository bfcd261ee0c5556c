"""Histories: sums over events per key, declared once and used three times.

A history is a key and the sums kept for it. Sums only, because sums serve three masters: the value
strictly before a moment is a running sum (training), the last value is a plain sum (online state),
and a new event is one addition (stream). A sum with a half-life stays a sum: an event at ``t`` adds
``x * 2 ** ((t - T0) / h)`` and a reader at ``now`` multiplies by ``2 ** (-(now - T0) / h)``.

Frames in memory (pandas, Polars) are added up with numpy, which costs next to nothing in a small
window; DuckDB, PySpark and lazy Polars by Narwhals expressions. Both read the one declaration.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from operator import mul
from typing import Any

import narwhals as nw
import numpy as np
import numpy.typing as npt
from narwhals.typing import IntoFrameT

from features.events import DAY_US, wrapped
from features.grouped import key_codes, running_sums, total_sums

__all__ = [
    "BEFORE",
    "T0_US",
    "History",
    "Sum",
    "amounts",
    "decay",
    "final_state",
    "sums_before",
    "values_before",
]

Floats = npt.NDArray[np.float64]

T0_US = 1_577_836_800_000_000
"""2020-01-01T00:00Z. With half-lives of 30 days and more, doubles hold for 80 years around it."""


@dataclass(frozen=True, slots=True)
class Sum:
    """One sum over the events of a key.

    Parameters
    ----------
    name
        Column name of the sum.
    kind
        Kind of event that counts.
    amount
        Column to add up, nulls and NaN as zero; None counts events.
    verdict
        Only events with this verdict on the fit.
    half_life_days
        Older events weigh less; None for a lifetime sum.
    square
        Add up the square of the amount.
    """

    name: str
    kind: str
    amount: str | None = None
    verdict: str | None = None
    half_life_days: float | None = None
    square: bool = False


@dataclass(frozen=True, slots=True)
class History:
    """The sums kept for one key.

    Parameters
    ----------
    name
        Prefix of its columns and of its keys in the state store.
    key
        Columns of the event that make the key; an event with a null in one of them is not counted.
    sums
        What is added up.
    """

    name: str
    key: tuple[str, ...]
    sums: tuple[Sum, ...]

    @property
    def columns(self) -> list[str]:
        """Names of the values: ``<history>__<sum>``, for Spark takes a dot for a field within."""
        return [f"{self.name}__{each.name}" for each in self.sums]

    @property
    def half_lives(self) -> npt.NDArray[np.float64]:
        """Half-life of every sum in days, infinite for lifetime sums."""
        return np.array([each.half_life_days or np.inf for each in self.sums])


BEFORE = -(2**61)
"""The moment of stored sums, before all events."""
_NO_QUERY = nw.lit(-1).cast(nw.Int64).alias("query")


def decay(half_lives: npt.NDArray[np.float64], now_us: Any) -> npt.NDArray[np.float64]:
    """What to multiply stored sums with when they are read at `now_us`.

    Parameters
    ----------
    half_lives
        Days, one per sum.
    now_us
        Moment of reading in microseconds: a number, or a column vector for many moments.
    """
    factors: npt.NDArray[np.float64] = np.exp2(-((now_us - T0_US) / DAY_US) / half_lives)
    return factors


def values_before(
    history: History,
    events: IntoFrameT,
    queries: IntoFrameT,
    prior: IntoFrameT | None = None,
) -> IntoFrameT:
    """The sums of all events strictly before each query; an event of the same moment is not in.

    Parameters
    ----------
    history
        The declaration.
    events
        See :func:`features.events.line_events`.
    queries
        ``query`` (a unique integer), ``at`` and the key columns of the history.
    prior
        Stored sums, as :func:`final_state` gives them, of what happened before all `events`;
        nothing when omitted.

    Returns
    -------
    frame of the same kind
        ``query`` and the history's columns, decayed to the query's ``at``; queries with a null in
        their key are missing. In no particular order.
    """
    happened = wrapped(events)
    if isinstance(happened, nw.DataFrame):
        found: IntoFrameT = _read_in_memory(history, happened, queries, prior)
        return found
    key = list(history.key)
    asked = (
        wrapped(queries)
        .filter(*(~nw.col(part).is_null() for part in key))
        .select(*key, "at", "query", *(nw.lit(0.0).alias(c) for c in history.columns))
    )
    told = _added(history, happened).select(*key, "at", _NO_QUERY, *history.columns)
    asked = asked.with_columns(nw.col("query").cast(nw.Int64))
    parts = [asked, told]
    if prior is not None:
        at = nw.lit(BEFORE).cast(nw.Int64).alias("at")
        before = wrapped(prior).with_columns(at, _NO_QUERY)
        parts.append(before.select(*key, "at", "query", *history.columns))
    stream = nw.concat(parts, how="vertical").with_columns(
        # Of one moment, questions come first: what happens at that moment is not yet known.
        (nw.col("query") < 0).cast(nw.Int8).alias("_after")
    )
    running = stream.with_columns(
        *(nw.col(c).cum_sum().over(*key, order_by=["at", "_after"]) for c in history.columns)
    )
    answered = running.filter(nw.col("query") >= 0)
    values: IntoFrameT = answered.select("query", *_read_at(history)).to_native()
    return values


def final_state(
    history: History, events: IntoFrameT, prior: IntoFrameT | None = None
) -> IntoFrameT:
    """The stored sums per key after all events: key columns and the history's columns.

    Parameters
    ----------
    history
        The declaration.
    events
        See :func:`features.events.line_events`.
    prior
        Stored sums to add to, as this function gives them; keys of no event stay in.
    """
    happened = wrapped(events)
    if isinstance(happened, nw.DataFrame):
        found: IntoFrameT = _totals_in_memory(history, happened, prior)
        return found
    parts = [_added(history, happened).select(*history.key, *history.columns)]
    if prior is not None:
        parts.append(wrapped(prior).select(*history.key, *history.columns))
    totals: IntoFrameT = (
        nw.concat(parts, how="vertical")
        .group_by(*history.key)
        .agg(*(nw.col(c).sum() for c in history.columns))
        .to_native()
    )
    return totals


def amounts(sums: Sequence[Sum], events: nw.DataFrame[Any]) -> Floats:
    """What each event in memory adds to some sums.

    Parameters
    ----------
    sums
        What is added up.
    events
        See :func:`features.events.line_events`: pandas or Polars, n rows.

    Returns
    -------
    numpy.ndarray
        Shape (n, sums); 0 where an event is of another kind or verdict, or its amount is missing.
    """
    added = np.empty((len(events), len(sums)))
    shared: dict[tuple[object, ...], npt.NDArray[Any]] = {}

    def once(part: tuple[object, ...], worked_out: Callable[[], npt.NDArray[Any]]) -> Any:
        if part not in shared:
            shared[part] = worked_out()
        return shared[part]

    for i, each in enumerate(sums):
        value: Any = once(("kind", each.kind), partial(_is, events, "kind", each.kind))
        if each.verdict is not None:
            said = once(("verdict", each.verdict), partial(_is, events, "verdict", each.verdict))
            value = value & said
        if each.amount is not None:
            number = once(("amount", each.amount), partial(_numbers, events, each.amount))
            value = value * (number * number if each.square else number)
        if each.half_life_days is not None:
            life = each.half_life_days
            value = value * once(("weight", life), partial(_weights, events, life))
        added[:, i] = value
    return added


def _is(events: nw.DataFrame[Any], column: str, word: str) -> npt.NDArray[np.bool_]:
    found: npt.NDArray[np.bool_] = (events[column] == word).fill_null(False).to_numpy()
    return found.astype(bool, copy=False)


def _numbers(events: nw.DataFrame[Any], column: str) -> Floats:
    return np.nan_to_num(events[column].cast(nw.Float64).to_numpy(), nan=0.0, posinf=np.inf)


def _weights(events: nw.DataFrame[Any], half_life_days: float) -> Floats:
    return 1.0 / decay(np.array(half_life_days), events["at"].to_numpy())


def _counted(history: History, events: nw.DataFrame[Any]) -> nw.DataFrame[Any]:
    """The events that a history counts, and of them no more columns than it needs."""
    kinds = sorted({each.kind for each in history.sums})
    told = {*history.key, "at", "kind"} | {s.amount for s in history.sums if s.amount is not None}
    if any(each.verdict is not None for each in history.sums):
        told.add("verdict")
    needed = events[sorted(told)]
    return _with_key(history, needed.filter(needed["kind"].is_in(kinds)))


def _with_key(history: History, frame: nw.DataFrame[Any]) -> nw.DataFrame[Any]:
    for part in history.key:
        missing = frame[part].is_null()
        if missing.any():
            frame = frame.filter(~missing)
    return frame


def _read_in_memory(history: History, events: nw.DataFrame[Any], queries: Any, prior: Any) -> Any:
    asked = _with_key(history, wrapped(queries))
    happened = _counted(history, events)
    frames = [asked, happened]
    moments = [asked["at"].to_numpy(), happened["at"].to_numpy()]
    told = [amounts(history.sums, happened)]
    if prior is not None:
        frames.append(before := wrapped(prior))
        moments.append(np.full(len(before), BEFORE))
        told.append(before.select(*history.columns).to_numpy())
    happens = np.concatenate(moments[1:])
    codes = _codes(history, frames)
    values = sums_before(history, codes, moments[0], happens, np.concatenate(told))
    columns = {"query": asked["query"].to_numpy()} | dict(
        zip(history.columns, values.T, strict=True)
    )
    return nw.from_dict(columns, backend=events.implementation).to_native()


def sums_before(
    history: History, codes: npt.NDArray[np.int64], asked: Any, happened: Any, told: Floats
) -> Floats:
    """The sums of a history strictly before each question, decayed to its moment.

    Parameters
    ----------
    history
        The declaration.
    codes
        The key of each question, and after them of each event: one whole number for each key.
    asked, happened
        Moments of the questions and of the events, microseconds.
    told
        Events by sums: what each adds.

    Returns
    -------
    numpy.ndarray
        Questions by sums.
    """
    # Of one moment, questions come first: what happens at that moment is not yet known.
    at = np.concatenate([asked, happened]).astype(np.int64) * 2
    at[len(asked) :] += 1
    order = np.argsort(at, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    stream = np.zeros((len(order), len(history.sums)))
    stream[place[len(asked) :]] = told
    values: Floats = running_sums(codes[order], stream)[place[: len(asked)]]
    fading = np.isfinite(history.half_lives)
    if fading.any():
        now = asked.astype(np.float64)[:, None]
        values[:, fading] *= decay(history.half_lives[fading], now)
    return values


def _totals_in_memory(history: History, events: nw.DataFrame[Any], prior: Any) -> Any:
    happened = _counted(history, events)
    frames, told = [happened], [amounts(history.sums, happened)]
    if prior is not None:
        frames.append(before := wrapped(prior))
        told.append(before.select(*history.columns).to_numpy())
    first, sums = total_sums(_codes(history, frames), np.concatenate(told))
    keys = _keys(history, frames)[first]
    columns = {part: keys[part] for part in history.key}
    columns |= dict(zip(history.columns, sums.T, strict=True))
    return nw.from_dict(columns, backend=events.implementation).to_native()


def _keys(history: History, frames: Sequence[nw.DataFrame[Any]]) -> nw.DataFrame[Any]:
    return nw.concat([frame.select(*history.key) for frame in frames], how="vertical")


def _codes(history: History, frames: Sequence[nw.DataFrame[Any]]) -> npt.NDArray[np.int64]:
    return key_codes(_keys(history, frames), list(history.key))


def _added(history: History, events: nw.LazyFrame[Any]) -> Any:
    """What each event that counts adds, of a lazy engine: its key, ``at`` and the amounts."""
    kinds = sorted({each.kind for each in history.sums})
    kept = events.filter(
        nw.col("kind").is_in(kinds), *(~nw.col(part).is_null() for part in history.key)
    )
    # What several sums share is worked out once: lazy engines find few of the repetitions.
    shared: dict[tuple[object, ...], Any] = {}
    for each in history.sums:
        for part, expression in _factors(each).items():
            shared.setdefault(part, expression)
    names = {part: f"_factor_{i}" for i, part in enumerate(shared)}
    factors = kept.with_columns(*(shared[part].alias(name) for part, name in names.items()))
    products = (
        reduce(mul, (nw.col(names[part]) for part in _factors(each))) for each in history.sums
    )
    return factors.select(
        *history.key,
        "at",
        *(amount.alias(c) for amount, c in zip(products, history.columns, strict=True)),
    )


def _factors(each: Sum) -> dict[tuple[object, ...], Any]:
    """What an amount is the product of: whether the event counts, its value, and its weight."""
    counts = nw.col("kind") == each.kind
    if each.verdict is not None:
        counts = counts & (nw.col("verdict").fill_null("") == each.verdict)
    factors: dict[tuple[object, ...], Any] = {
        ("counts", each.kind, each.verdict): counts.cast(nw.Float64)
    }
    if each.amount is not None:
        column = nw.col(each.amount).cast(nw.Float64)
        known = ~column.is_null() & ~column.is_nan()
        value = nw.when(known).then(column * column if each.square else column).otherwise(0.0)
        factors["value", each.amount, each.square] = value
    if each.half_life_days is not None:
        days = (nw.col("at").cast(nw.Float64) - T0_US) / DAY_US
        factors["weight", each.half_life_days] = (days * (np.log(2) / each.half_life_days)).exp()
    return factors


def _read_at(history: History) -> list[Any]:
    days = (nw.col("at").cast(nw.Float64) - T0_US) / DAY_US
    return [
        nw.col(c)
        if each.half_life_days is None
        else nw.col(c) * (days * (-np.log(2) / each.half_life_days)).exp()
        for each, c in zip(history.sums, history.columns, strict=True)
    ]
