"""Histories over windows on disk give what the declared histories give in memory."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from features.events import DAY_US
from features.histories import T0_US, History, Sum, final_state, values_before
from features.out_of_core import KeyCodes, Windows, edges_of, run_histories

SUMS = (
    Sum("orders", "ordered"),
    Sum("money", "ordered", "money"),
    Sum("squares", "ordered", "money", square=True),
    Sum("small", "fit_told", verdict="small"),
    Sum("recent", "ordered", half_life_days=45.0),
    Sum("recent_money", "returned", "money", half_life_days=180.0),
)
HISTORIES = (
    History("customer", ("customer",), SUMS),
    History("product", ("product",), SUMS[:3]),
    History("both", ("customer", "product"), SUMS),
)
KEYS = ("customer", "product")


def shop(rows, seed):
    """Events of few moments, so that many fall together; some keys and amounts are null."""
    random = np.random.default_rng(seed)
    kind = random.choice(["ordered", "fit_told", "returned"], rows)
    return pl.DataFrame(
        {
            "at": T0_US + random.integers(0, 300, rows) * DAY_US,
            "kind": kind,
            "verdict": np.where(
                kind == "fit_told", random.choice(["small", "fit"], rows), None
            ).tolist(),
            "customer": random.choice(["a", "b", "c", "d", None], rows).tolist(),
            "product": random.choice(["p", "q", "r", None], rows).tolist(),
            "money": np.where(random.random(rows) < 0.2, np.nan, random.normal(30, 9, rows)),
        },
        schema_overrides=dict.fromkeys(("kind", "verdict", *KEYS), pl.String),
    )


def asked(rows, seed):
    return shop(rows, seed).select("at", *KEYS).with_row_index("query").cast({"query": pl.Int64})


def run(tmp_path, happened, queries, *, per_window=90, **options):
    """Answers and final sums by history; NaN for queries without an answer."""
    windows = Windows(tmp_path, edges_of(queries["at"].to_numpy(), per_window), KEYS)
    for part in range(3):
        windows.add_events(happened[part::3])
    windows.add_queries(queries)
    values = {h.name: np.full((len(queries), len(h.sums)), np.nan) for h in HISTORIES}
    states = {h.name: [] for h in HISTORIES}

    def consume(history, window, answers):
        assert np.isnan(values[history.name][answers.query]).all()
        values[history.name][answers.query] = answers.values

    run_histories(HISTORIES, windows, consume,
                  finish=lambda h, kept: states[h.name].append(kept), **options)  # fmt: skip
    return values, {name: pl.concat(parts) for name, parts in states.items()}, windows


def in_memory(history, happened, queries, prior=None):
    found = values_before(history, happened, queries, prior)
    values = np.full((len(queries), len(history.sums)), np.nan)
    values[found["query"].to_numpy()] = found.select(history.columns).to_numpy()
    return values


def by_key(history, state):
    rows = state.select(history.columns).to_numpy()
    return dict(zip(state.select(history.key).rows(), rows, strict=True))


def assert_same_state(history, got, expected):
    got, expected = by_key(history, got), by_key(history, expected)
    assert got.keys() >= expected.keys()
    for key, row in got.items():
        other = expected.get(key, np.zeros(len(history.sums)))
        np.testing.assert_allclose(row, other, rtol=1e-9, atol=1e-12)


@pytest.fixture(scope="module")
def happened():
    return shop(1500, 3)


@pytest.fixture(scope="module")
def queries():
    return asked(700, 4)


@pytest.mark.parametrize("memory", [2 << 30, 900, 300])
def test_values_equal_those_in_memory_however_little_memory_there_is(
    tmp_path, happened, queries, memory
):
    values, states, windows = run(tmp_path, happened, queries, memory=memory)
    assert len(windows) > 5
    for history in HISTORIES:
        expected = in_memory(history, happened, queries)
        np.testing.assert_allclose(values[history.name], expected, rtol=1e-9, atol=1e-12)
        counts = [i for i, s in enumerate(history.sums) if not s.amount and not s.half_life_days]
        np.testing.assert_array_equal(values[history.name][:, counts], expected[:, counts])
        assert_same_state(history, states[history.name], final_state(history, happened))


def test_a_run_begins_from_stored_sums(tmp_path, happened, queries):
    earlier = shop(900, 8).with_columns(at=pl.col("at") - 400 * DAY_US)
    prior = {h.name: final_state(h, earlier) for h in HISTORIES}
    values, states, _ = run(tmp_path, happened, queries, prior=lambda h: prior[h.name])
    for history in HISTORIES:
        expected = in_memory(history, happened, queries, prior[history.name])
        np.testing.assert_allclose(values[history.name], expected, rtol=1e-9, atol=1e-12)
        whole = final_state(history, pl.concat([earlier, happened]))
        assert_same_state(history, states[history.name], whole)


def test_what_happens_after_the_last_moment_is_left_out(tmp_path, happened, queries):
    until = T0_US + 150 * DAY_US
    values, _, _ = run(tmp_path, happened, queries, until=until)
    known = happened.filter(pl.col("at") <= until)
    for history in HISTORIES:
        expected = in_memory(history, known, queries)
        np.testing.assert_allclose(values[history.name], expected, rtol=1e-9, atol=1e-12)


def test_one_window_holds_it_all(tmp_path, happened, queries):
    values, _, windows = run(tmp_path, happened, queries, per_window=10_000)
    assert len(windows) == 1
    for history in HISTORIES:
        expected = in_memory(history, happened, queries)
        np.testing.assert_allclose(values[history.name], expected, rtol=1e-9, atol=1e-12)


def test_questions_without_any_event_find_nothing(tmp_path, queries):
    values, states, _ = run(tmp_path, shop(0, 1), queries)
    for history in HISTORIES:
        assert not np.nan_to_num(values[history.name]).any()
        assert not states[history.name].select(history.columns).to_numpy().any()


def test_codes_of_texts_are_the_same_in_every_frame():
    codes = KeyCodes()
    one = codes.encode(pl.DataFrame({"k": ["x", None, "y"]}), ["k"])["k"]
    other = codes.encode(pl.DataFrame({"k": ["y", "z", "x"]}), ["k"])["k"]
    assert one.to_list() == [0, None, 1]
    assert other.to_list() == [1, 2, 0]
    assert codes.decode("k", other.to_numpy()).to_list() == ["y", "z", "x"]


def test_windows_hold_about_as_many_questions_each():
    moments = np.arange(1000)
    edges = edges_of(moments, 100)
    held = np.bincount(np.searchsorted(edges, moments, side="right"))
    assert held.tolist() == [100] * 10
    assert len(edges_of(np.zeros(50), 10)) <= 1


def test_frames_of_pandas_give_the_same(tmp_path, happened, queries):
    values, _, _ = run(tmp_path, happened, queries)
    texts = dict.fromkeys(("kind", "verdict", *KEYS), object)
    frames = [pd.DataFrame(f.to_dict(as_series=False)) for f in (happened, queries)]
    frames = [f.astype({k: v for k, v in texts.items() if k in f}) for f in frames]
    found = values_before(HISTORIES[2], *frames)
    np.testing.assert_allclose(
        values["both"][found["query"]], found[HISTORIES[2].columns], rtol=1e-9, atol=1e-12
    )
