import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.events import DAY_US
from features.histories import T0_US, History, Sum, decay, final_state, values_before

HALF_LIFE = 90.0
HISTORY = History(
    "size",
    ("product", "size"),
    (
        Sum("orders", "ordered"),
        Sum("money", "ordered", "money"),
        Sum("money2", "ordered", "money", square=True),
        Sum("small", "fit_told", verdict="small"),
        Sum("recent", "ordered", half_life_days=HALF_LIFE),
        Sum("recent_money", "ordered", "money", half_life_days=HALF_LIFE),
    ),
)
ORDERS, MONEY, SQUARES, SMALL, RECENT, RECENT_MONEY = range(6)


def moment(day):
    return T0_US + int(day * DAY_US)


def events(*rows):
    """Events as (product, size, day, kind, verdict, money)."""
    columns = ["product", "size", "at", "kind", "verdict", "money"]
    frame = pd.DataFrame(rows, columns=columns).astype(
        dict.fromkeys(("product", "size", "kind", "verdict"), object)
    )
    return frame.assign(
        at=[moment(day) for day in frame["at"]], money=frame["money"].astype("float64")
    )


def queries(*rows):
    frame = pd.DataFrame(rows, columns=["product", "size", "at"])
    frame = frame.astype({"product": object, "size": object})
    return frame.assign(at=[moment(day) for day in frame["at"]], query=np.arange(len(frame)))


def native(frame, engine):
    if engine == "pandas":
        return frame
    texts = [c for c in ("product", "size", "kind", "verdict") if c in frame]
    made = pl.from_pandas(frame).with_columns(pl.col(texts).cast(pl.String))
    return made.lazy() if engine == "polars lazy" else made


def before(happened, asked, engine="pandas", history=HISTORY):
    """Values by query; NaN where the query has no key."""
    values = values_before(history, native(happened, engine), native(asked, engine))
    if isinstance(values, pl.LazyFrame):
        values = values.collect()
    found = nw.from_native(values, eager_only=True)
    out = np.full((len(asked), len(history.sums)), np.nan)
    out[found["query"].to_numpy()] = found.select(*history.columns).to_numpy()
    return out


def stored(happened, engine="pandas", history=HISTORY):
    totals = final_state(history, native(happened, engine))
    if isinstance(totals, pl.LazyFrame):
        totals = totals.collect()
    found = nw.from_native(totals, eager_only=True)
    keys = zip(*(found[part].to_list() for part in history.key), strict=True)
    return dict(zip(keys, found.select(*history.columns).to_numpy(), strict=True))


@pytest.fixture(params=["pandas", "polars", "polars lazy"])
def engine(request):
    return request.param


@pytest.fixture(scope="module")
def busy():
    """Two thousand events of few keys with many ties, nulls in amounts and in keys."""
    random = np.random.default_rng(4)
    rows = 2000
    kind = random.choice(["ordered", "fit_told", "returned"], rows)
    verdict = np.where(kind == "fit_told", random.choice(["small", "fit"], rows), None)
    happened = events(*zip(
        random.choice(["p", "q", None], rows), random.choice(["S", "M"], rows),
        random.integers(0, 900, rows), kind, verdict,
        np.where(random.random(rows) < 0.2, np.nan, random.normal(30, 9, rows)),
        strict=True,
    ))  # fmt: skip
    asked = queries(*zip(
        random.choice(["p", "q", "new", None], 300), random.choice(["S", "M"], 300),
        random.integers(0, 900, 300), strict=True,
    ))  # fmt: skip
    return happened, asked


def by_hand(happened, product, size, day):
    """What the declaration says, one event after another."""
    out = np.zeros(len(HISTORY.sums))
    for event in happened.itertuples():
        if (event.product, event.size) != (product, size) or event.at >= moment(day):
            continue
        amount = 0.0 if np.isnan(event.money) else event.money
        weight = 0.5 ** ((moment(day) - event.at) / DAY_US / HALF_LIFE)
        if event.kind == "ordered":
            out += [1.0, amount, amount**2, 0.0, weight, amount * weight]
        out[SMALL] += event.kind == "fit_told" and event.verdict == "small"
    return out


def test_values_are_the_sums_of_the_declaration(busy, engine):
    happened, asked = busy
    got = before(happened, asked, engine)
    days = ((asked["at"] - T0_US) / DAY_US).tolist()
    for row in range(0, 300, 7):
        if isinstance(asked["product"].iloc[row], str):
            expected = by_hand(happened, asked["product"].iloc[row], asked["size"].iloc[row],
                               days[row])  # fmt: skip
            np.testing.assert_allclose(got[row], expected, rtol=1e-9, atol=1e-9)


def test_all_engines_give_the_same_values(busy):
    pandas, polars, lazy = (before(*busy, e) for e in ("pandas", "polars", "polars lazy"))
    np.testing.assert_allclose(polars, pandas, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(lazy, pandas, rtol=1e-9, atol=1e-9)


def test_all_engines_store_the_same_state(busy):
    pandas, polars, lazy = (stored(busy[0], e) for e in ("pandas", "polars", "polars lazy"))
    assert pandas.keys() == polars.keys() == lazy.keys()
    for key, row in pandas.items():
        np.testing.assert_allclose(polars[key], row, rtol=1e-9)
        np.testing.assert_allclose(lazy[key], row, rtol=1e-9)


def test_the_order_of_the_rows_does_not_matter(busy, engine):
    happened, asked = busy
    mixed = happened.sample(frac=1.0, random_state=3)
    np.testing.assert_allclose(
        before(mixed, asked.iloc[::-1], engine), before(happened, asked, engine), atol=1e-9
    )


def test_an_event_of_the_same_moment_is_not_history(engine):
    happened = events(("p", "S", 10, "ordered", None, 5.0), ("p", "S", 20, "ordered", None, 7.0))
    asked = queries(("p", "S", 10), ("p", "S", 20), ("p", "S", 20.000001))
    got = before(happened, asked, engine)
    assert got[:, ORDERS].tolist() == [0.0, 1.0, 2.0]
    assert got[:, MONEY].tolist() == [0.0, 5.0, 12.0]


def test_a_later_event_changes_nothing(busy, engine):
    happened, asked = busy
    past = asked["at"].median()
    earlier = asked["at"] <= past
    later = happened["at"] >= past
    mutated = happened.assign(money=happened["money"].where(~later, 1e6))
    mutated.loc[later, "kind"] = "ordered"
    was, now = before(happened, asked, engine), before(mutated, asked, engine)
    np.testing.assert_allclose(was[earlier], now[earlier], rtol=1e-12)
    assert not np.allclose(was[~earlier], now[~earlier], equal_nan=True)


def test_a_null_in_the_key_is_not_counted(engine):
    happened = events(
        ("p", None, 1, "ordered", None, 5.0), (None, None, 2, "ordered", None, 5.0),
        ("p", "S", 3, "ordered", None, 5.0),
    )  # fmt: skip
    got = before(happened, queries(("p", "S", 9), ("p", None, 9), (None, None, 9)), engine)
    assert got[0, ORDERS] == 1.0
    assert np.isnan(got[1:]).all()
    assert set(stored(happened, engine)) == {("p", "S")}


def test_an_unknown_amount_adds_nothing(engine):
    happened = events(("p", "S", 1, "ordered", None, np.nan), ("p", "S", 2, "ordered", None, 4.0))
    got = before(happened, queries(("p", "S", 3)), engine)[0]
    assert got[[ORDERS, MONEY, SQUARES]].tolist() == [2.0, 4.0, 16.0]


def test_a_key_never_seen_has_sums_of_nil(engine):
    happened = events(("p", "S", 1, "ordered", None, 4.0))
    assert not before(happened, queries(("q", "S", 3)), engine).any()


def test_batch_equals_single(busy, engine):
    happened, asked = busy
    whole = before(happened, asked, engine)
    for row in range(0, 300, 41):
        one = asked.iloc[[row]].assign(query=0)
        np.testing.assert_allclose(before(happened, one, engine)[0], whole[row], atol=1e-9)


def test_the_state_read_later_equals_the_values_before_that_moment(busy, engine):
    happened, _ = busy
    state = stored(happened, engine)
    asked = queries(*((*key, 1234.5) for key in state))
    read = np.stack([*state.values()]) * decay(HISTORY.half_lives, moment(1234.5))
    np.testing.assert_allclose(read, before(happened, asked, engine), rtol=1e-9)


def test_a_new_event_is_one_addition_to_the_state(busy):
    happened, _ = busy
    new = events(("p", "S", 950, "ordered", None, 11.0))
    rebuilt = stored(pd.concat([happened, new]))
    np.testing.assert_allclose(
        stored(happened)["p", "S"] + stored(new)["p", "S"], rebuilt["p", "S"], rtol=1e-12
    )


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3000), st.floats(-1e3, 1e3)), min_size=1, max_size=20),
    st.integers(3001, 6000),
)
def test_a_decayed_sum_read_later_is_the_sum_computed_from_its_events(happened, now):
    state = stored(events(*(("p", "S", day, "ordered", None, x) for day, x in happened)))
    read = state["p", "S"] * decay(HISTORY.half_lives, moment(now))
    weights = [0.5 ** ((now - day) / HALF_LIFE) for day, _ in happened]
    terms = [w * x for w, (_, x) in zip(weights, happened, strict=True)]
    assert read[RECENT] == pytest.approx(sum(weights), rel=1e-9)
    exact = np.abs(terms).sum() * 1e-9
    assert read[RECENT_MONEY] == pytest.approx(sum(terms), rel=1e-9, abs=exact)


def test_a_half_life_halves():
    lives = np.array([HALF_LIFE, np.inf])
    one, other = decay(lives, moment(500)), decay(lives, moment(500 + HALF_LIFE))
    np.testing.assert_allclose(other / one, [0.5, 1.0])


def test_columns_carry_the_name_of_their_history():
    assert HISTORY.columns[:2] == ["size__orders", "size__money"]
