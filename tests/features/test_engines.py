"""Every engine gives what the default one gives: on nasty frames, on a shop of 200,000 lines."""

import json
import os
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features import abuse, engines, return_risk, size_fit
from features.abuse_events import AMOUNTS, EVENT_KEYS, abuse_events
from features.abuse_space import AbuseSpace
from features.engines import EngineError, collected, native, usual_engine
from features.events import DAY_US, line_events
from features.histories import T0_US, History, Sum, decay, final_state, values_before
from features.return_risk_space import ReturnRiskSpace
from features.settings import SettingsError
from features.size_fit_space import SizeFitSpace
from tests.benchmarks.histories_shop import Shop

LINES = 200_000
HISTORIES = {
    "size_fit": size_fit.HISTORIES,
    "return_risk": return_risk.HISTORIES,
    "abuse": abuse.HISTORIES,
}
TEXTS = {"order_line_id", "fit", "reason", "kind", "verdict", *EVENT_KEYS} | {
    part for histories in HISTORIES.values() for each in histories for part in each.key
}
OF_EACH_SHAPE = {  # one key, two, with nulls in it; verdict, half-life, square
    "return_risk": ("product", "customer_scale"),
    "abuse": ("cluster",),
}
WITH_NEW_SUMS = tuple(
    {(m, each.sums): each for m, hs in reversed(HISTORIES.items()) for each in hs[::-1]}.values()
)
"""One history of each list of sums: so every sum is added up on every engine."""
LOCAL = ("polars", "duckdb", "pandas")

NASTY = History(
    "nasty",
    ("product_id", "size_label"),
    (
        Sum("orders", "ordered"),
        Sum("money", "ordered", "money"),
        Sum("squares", "ordered", "money", square=True),
        Sum("small", "fit_told", verdict="small"),
        Sum("recent", "ordered", "money", half_life_days=90.0),
    ),
)


JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""Java ends here before its optimising compiler has paid for itself: with the first alone it takes
half the processor time. Values are the same."""


@pytest.fixture(scope="session")
def spark():
    """Spark's session; where Java or PySpark is missing the test is skipped, or fails in CI."""
    try:
        with pytest.MonkeyPatch.context() as patch:
            options = f"--conf 'spark.driver.extraJavaOptions={JAVA}' pyspark-shell"
            patch.setenv("PYSPARK_SUBMIT_ARGS", options)
            return engines._spark()
    except EngineError as error:
        if os.environ.get("MUSLIN_CI") == "1":
            pytest.fail(str(error))
        pytest.skip(str(error))


def moment(day):
    return T0_US + int(day * DAY_US)


def happened(*rows):
    """Events as (product, size, day, kind, verdict, money)."""
    names = ["product_id", "size_label", "at", "kind", "verdict", "money"]
    frame = pd.DataFrame(rows, columns=names).astype(dict.fromkeys(names[:2] + names[3:5], object))
    return frame.assign(
        at=np.array([moment(day) for day in frame["at"]], dtype="int64"),
        money=frame["money"].astype("float64"),
    )


def asked(*rows):
    frame = pd.DataFrame(rows, columns=["product_id", "size_label", "at"]).astype(object)
    at = np.array([moment(day) for day in frame["at"]], dtype="int64")
    return frame.assign(at=at, query=np.arange(len(frame)))


def by_hand(events, queries, prior=()):
    """What the declaration says, one event after another: the values, and the state."""

    def sums(key, until):
        out = np.zeros(5)
        for row in (dict(prior).get(key),):
            out += 0.0 if row is None else row
        for product, size, day, kind, verdict, money in events:
            if (product, size) != key or day >= until:
                continue
            amount = 0.0 if money is None or np.isnan(money) else money
            weight = 2.0 ** (day / 90.0)
            if kind == "ordered":
                out += [1.0, amount, amount**2, 0.0, amount * weight]
            out[3] += kind == "fit_told" and verdict == "small"
        return out

    fade = [decay(NASTY.half_lives, moment(day)) for _, _, day in queries]
    values = {
        i: sums((product, size), day) * fade[i]
        for i, (product, size, day) in enumerate(queries)
        if None not in (product, size)
    }
    keys = {
        row[:2] for row in events if None not in row[:2] and row[3] in ("ordered", "fit_told")
    } | {key for key, _ in prior}
    return values, {key: sums(key, np.inf) for key in keys}


def found(engine, events, queries, prior=()):
    """The same by an engine."""
    happenings, questions = (
        native(frame, TEXTS, engine) for frame in (happened(*events), asked(*queries))
    )
    before = None
    if prior:
        keys = pd.DataFrame([key for key, _ in prior], columns=[*NASTY.key], dtype=object)
        sums = pd.DataFrame([sums for _, sums in prior], columns=NASTY.columns)
        before = native(pd.concat([keys, sums], axis=1), TEXTS, engine)
    values = collected(values_before(NASTY, happenings, questions, before))
    state = collected(final_state(NASTY, happenings, before))
    columns = [values["query"].to_list(), values.select(*NASTY.columns).to_numpy()]
    keys = zip(*(state[part].to_list() for part in NASTY.key), strict=True)
    sums = state.select(*NASTY.columns).to_numpy()
    return dict(zip(*columns, strict=True)), dict(zip(keys, sums, strict=True))


def agrees(engine, events, queries, prior=()):
    for got, expected in zip(
        found(engine, events, queries, prior), by_hand(events, queries, prior), strict=True
    ):
        assert got.keys() == expected.keys()
        for key, sums in expected.items():
            np.testing.assert_allclose(got[key], sums, rtol=1e-9, atol=1e-9, err_msg=f"{key}")


STORED = ((("p", "S"), np.array([3.0, 40.0, 900.0, 2.0, 55.5])),
          (("gone", "S"), np.array([1.0, -7.0, 49.0, 0.0, -9.25])))  # fmt: skip
ORDER = ("p", "S", 10, "ordered", None, 5.0)
ASKED = [("p", "S", 10), ("p", "S", 10.5), ("q", "S", 11), ("gone", "S", 11)]
NASTY_FRAMES = {
    "ties, of which the question comes first": (
        [ORDER, ORDER, ("p", "S", 10, "fit_told", "small", np.nan), ("p", "S", 9, *ORDER[3:])],
        [("p", "S", 10), ("p", "S", 10), ("p", "S", 10 + 1e-6)],
    ),
    "nulls in keys": (
        [(None, "S", 1, "ordered", None, 1.0), ("p", None, 1, "ordered", None, 1.0), ORDER],
        [(None, "S", 20), ("p", None, 20), (None, None, 20), ("p", "S", 20)],
    ),
    "unknown amounts and verdicts": (
        [("p", "S", 1, "ordered", None, np.nan), ("p", "S", 2, "fit_told", None, np.nan),
         ("p", "S", 3, "fit_told", "small", np.nan), ("p", "S", 4, "other", "small", 4.0)],
        ASKED,
    ),
    "no events": ([], ASKED),
    "no queries": ([ORDER], []),
    "stored sums": ([ORDER, ("new", "S", 1, "ordered", None, 2.0)], ASKED, STORED),
    "stored sums and no events": ([], ASKED, STORED),
    "moments before 2020 and far behind": (
        [("p", "S", -4000, *ORDER[3:]), ("p", "S", 9000, *ORDER[3:])],
        [("p", "S", -4000), ("p", "S", -3999), ("p", "S", 9001)],
    ),
}  # fmt: skip

_DAY = st.integers(0, 40)
_PRODUCT, _SIZE = st.sampled_from(["p", "q", "ü", None]), st.sampled_from(["S", "", None])
_MONEY = st.one_of(st.just(float("nan")), st.floats(-1e4, 1e4, width=32))
EVENT = st.tuples(
    _PRODUCT,
    _SIZE,
    _DAY,
    st.sampled_from(["ordered", "fit_told", "returned"]),
    st.sampled_from(["small", "fit", None]),
    _MONEY,
)
EVENTS, LARGER = st.lists(EVENT, max_size=30), st.lists(EVENT, min_size=30, max_size=90)
QUERIES = st.lists(st.tuples(_PRODUCT, _SIZE, _DAY), max_size=20)
PRIORS = st.sampled_from([(), STORED])


@pytest.mark.parametrize("engine", LOCAL)
@pytest.mark.parametrize("case", NASTY_FRAMES)
def test_nasty_frames(engine, case):
    agrees(engine, *NASTY_FRAMES[case])


@pytest.mark.parametrize("engine", LOCAL)
def test_any_events_give_the_sums_of_the_declaration(engine):
    @settings(max_examples=25)
    @given(EVENTS, QUERIES, PRIORS)
    def holds(events, queries, prior):
        agrees(engine, events, queries, prior)

    holds()


def test_spark_gives_the_same_on_nasty_frames(spark):
    # All at once, for a query of Spark takes seconds however small: only keys are looked at apart.
    cases = [case for name, case in NASTY_FRAMES.items() if not name.startswith("no ")]
    events, queries = ([row for case in cases for row in case[part]] for part in (0, 1))
    agrees("spark", events, queries, STORED)
    agrees("spark", *NASTY_FRAMES["stored sums and no events"])
    agrees("spark", *NASTY_FRAMES["no queries"])


def test_spark_gives_the_sums_of_any_events(spark):
    @settings(max_examples=3)
    @given(LARGER, QUERIES, PRIORS)
    def holds(events, queries, prior):
        agrees("spark", events, queries, prior)

    holds()


def streams(engine):
    """Small event streams of both kinds as sorted rows."""
    lines = pd.DataFrame(
        {
            "order_line_id": ["a", "b", "c", "d"],
            "at": [moment(day) for day in (1, 1, 2, 3)],
            "delivered": pd.array([moment(5), None, moment(6), moment(7)], dtype="Int64"),
            "hidden": [False, False, False, True],
            "brand": ["x", None, "y", "x"],
        }
    )
    said = pd.DataFrame(
        {"order_line_id": ["a", "z"], "at": [moment(9), moment(9)], "fit": ["fit", "large"]}
    )
    back = pd.DataFrame(
        {
            "order_line_id": ["a", "c", "d"],
            "at": [moment(8), moment(50), moment(8)],
            "reason": ["too_large", "changed_mind", "too_small"],
        }
    )
    texts = {*TEXTS, "label"}
    placed, words, claims = (native(frame, texts, engine) for frame in (lines, said, back))
    plain = line_events(placed, words, claims, deliveries=True, known_until=moment(45))
    keys = {key: ["k", None, "l", "k"] for key in EVENT_KEYS}
    told = pd.Series([1.5, np.nan, 2.0, 0.0])
    amounts = dict.fromkeys(("value", "registered", "claim_value", "worn"), told)
    every = {name: np.nan for name in AMOUNTS if name not in amounts}
    rows = lines[["at", "delivered", "hidden"]].assign(**keys, **amounts, **every)
    rows["customer_id"] = ["k", "k", "l", "m"]
    asked_of = rows.drop(columns="hidden").rename(columns={"delivered": "received"}).iloc[:2]
    decided = rows[["at", *EVENT_KEYS]].assign(label=["abuse", "legitimate", "abuse", None])
    frames = (native(frame, texts, engine) for frame in (rows, asked_of, decided))
    return [as_rows(plain), as_rows(abuse_events(*frames, known_until=moment(40)))]


def as_rows(events):
    frame = collected(events)
    table = frame.select(*sorted(frame.columns)).to_pandas().astype(object)
    rows = table.where(table.notna(), None).itertuples(index=False, name=None)
    return sorted(rows, key=lambda row: tuple((value is None, str(value)) for value in row))


@pytest.mark.parametrize("engine", ["duckdb", "pandas"])
def test_the_event_streams_are_the_same(engine):
    expected = streams("polars")
    assert [len(rows) for rows in expected] == [10, 21]
    assert streams(engine) == expected


def test_spark_makes_the_same_event_streams(spark):
    assert streams("spark") == streams("polars")


@pytest.mark.parametrize("engine", LOCAL)
def test_a_frame_comes_out_as_it_went_in(engine):
    frame = pd.DataFrame(
        {
            "product_id": pd.Categorical(["p", None, "q"]),
            "size_label": pd.Series([None, None, None], dtype=object),
            "money": [1.5, np.nan, -2.0],
            "at": [1, 2, 3],
            "delivered": pd.array([5, None, 7], dtype="Int64"),
            "hidden": [True, False, True],
        }
    )
    out = collected(native(frame, {"product_id", "size_label", "absent"}, engine)).to_pandas()
    out = out.sort_values("at")
    assert [None if pd.isna(v) else v for v in out["product_id"]] == ["p", None, "q"]
    assert out["size_label"].isna().all()
    assert out["at"].tolist() == [1, 2, 3]
    assert out["hidden"].tolist() == [True, False, True]
    np.testing.assert_array_equal(out["money"].astype(float), frame["money"])
    assert [None if pd.isna(v) else v for v in out["delivered"]] == [5, None, 7]


def test_an_unknown_engine_is_named_with_the_known_ones(monkeypatch):
    with pytest.raises(EngineError, match=r"'dusk' is not known; choose .*polars.*spark"):
        native(pd.DataFrame({"at": [1]}), (), "dusk")
    monkeypatch.setenv("MUSLIN_ENGINE", "dusk")
    with pytest.raises(SettingsError, match=r"engine = 'dusk'"):
        usual_engine()


@pytest.mark.parametrize("engine", ["duckdb", "spark"])
def test_a_missing_extra_says_what_to_install(engine, monkeypatch):
    monkeypatch.setattr(engines, "find_spec", lambda name: None)
    engines._duckdb.cache_clear()
    with pytest.raises(EngineError, match=rf'pip install "muslin\[{engine}\]"'):
        native(pd.DataFrame({"at": [1]}), (), engine)


def test_missing_java_says_what_to_install(monkeypatch, tmp_path):
    pyspark = pytest.importorskip("pyspark", reason='pip install "muslin[spark]"')
    monkeypatch.setattr(pyspark.SparkContext, "_gateway", None)
    monkeypatch.setattr(pyspark.sql.SparkSession, "getActiveSession", lambda: None)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(EngineError, match=r"Java 17.*openjdk-17-jre-headless"):
        native(pd.DataFrame({"at": [1]}), (), "spark")


def test_the_setting_chooses_and_the_caller_has_the_last_word(monkeypatch):
    assert usual_engine() == "polars"
    monkeypatch.setenv("MUSLIN_ENGINE", "duckdb")
    spaces = (SizeFitSpace, ReturnRiskSpace, AbuseSpace)
    assert {space().engine for space in spaces} == {"duckdb"}
    assert {space(engine="pandas").engine for space in spaces} == {"pandas"}


@pytest.mark.parametrize("kind", [SizeFitSpace, ReturnRiskSpace, AbuseSpace])
def test_trained_with_duckdb_and_served_with_polars(kind, tables, tmp_path):
    trained = kind(engine="duckdb").fit(tables)
    trained.save(tmp_path)
    served = kind.load(tmp_path, engine="polars")
    assert served.engine == "polars"
    assert served.fingerprint == trained.fingerprint
    np.testing.assert_allclose(
        served.data(tables).X, trained.data(tables).X, rtol=1e-9, atol=1e-9, equal_nan=True
    )
    stored = json.loads((tmp_path / "space.json").read_text())
    assert "engine" not in stored
    (tmp_path / "space.json").write_text(json.dumps({**stored, "engine": "pandas"}))
    assert kind.load(tmp_path).fingerprint == trained.fingerprint


@pytest.fixture(scope="session")
def shop():
    """A shop of 200,000 lines: what each model is told, and what the default engine makes of it."""
    shop = Shop(LINES)
    lines = shop.part(0, LINES)
    told = {model: getattr(shop, model)(lines, np.random.default_rng(11)) for model in HISTORIES}
    made = SimpleNamespace(known={})

    def of(engine, frame):
        return None if frame is None else native(frame.to_pandas(), {*TEXTS, "label"}, engine)

    def results(engine, wanted=None):
        """For each history the values before every line (of a sum of each shape), and the state."""
        for model, histories in HISTORIES.items():
            chosen = [h for h in histories if wanted is None or h.name in wanted.get(model, ())]
            if not chosen:
                continue
            stream = told[model].making(*(of(engine, frame) for frame in told[model].frames))
            if engine == "duckdb":  # it would work the stream out anew for every history
                stream = engines._duckdb().from_arrow(collected(stream).to_arrow())
            asking = of(engine, told[model].queries)
            for history in chosen:
                few = of_each_shape(history)
                values = collected(values_before(few, stream, asking)).sort("query")
                stored = history if history in WITH_NEW_SUMS else few
                state = collected(final_state(stored, stream)).sort(*history.key)
                yield model, history, few, values, stored, state

    for model, history, _, values, _, state in results("polars"):
        made.known[model, history.name] = values, state
    made.results = results
    made.until = int(lines["at"].max())
    return made


def of_each_shape(history):
    """The history with one sum of each shape: a further amount costs time and shows nothing."""
    shapes = {
        (s.amount is None, s.verdict is None, s.half_life_days, s.square): s for s in history.sums
    }
    return History(history.name, history.key, tuple(shapes.values()))


def same_as_known(shop, engine, wanted=None):
    compared = 0
    for model, history, few, values, stored, state in shop.results(engine, wanted):
        expected, final = shop.known[model, history.name]
        name = f"{engine}: {model}, {history.name}"
        assert values["query"].to_list() == expected["query"].to_list(), name
        for part in history.key:
            assert state[part].to_list() == final[part].to_list(), name
        fade = decay(stored.half_lives, shop.until)
        pairs = (
            (few, values.select(*few.columns).to_numpy(), expected.select(*few.columns).to_numpy()),
            # Read at one moment, so that figures of decayed sums can be compared at all.
            (stored, state.select(*stored.columns).to_numpy() * fade,
             final.select(*stored.columns).to_numpy() * fade),
        )  # fmt: skip
        for declared, got, right in pairs:
            for i, each in enumerate(declared.sums):
                if each.amount is None and each.half_life_days is None:
                    np.testing.assert_array_equal(got[:, i], right[:, i], f"{name}, {each.name}")
                else:
                    np.testing.assert_allclose(
                        got[:, i], right[:, i], 1e-9, 1e-9, err_msg=f"{name}, {each.name}"
                    )
        assert right.any(), f"{name}: nothing was compared"  # the state; of an order none before it
        compared += 1
    return compared


@pytest.mark.timeout(900)
@pytest.mark.parametrize("engine", ["pandas", "duckdb"])
def test_all_histories_of_a_shop_of_200_000_lines_are_the_same(shop, engine):
    assert same_as_known(shop, engine) == sum(map(len, HISTORIES.values()))


@pytest.mark.timeout(900)
def test_histories_of_each_shape_are_the_same_on_spark(spark, shop):
    assert spark.conf.get("spark.sql.shuffle.partitions") == "2"
    assert same_as_known(shop, "spark", OF_EACH_SHAPE) == 3


def test_spark_listens_to_nobody_else(spark):
    conf = spark.sparkContext.getConf()
    assert conf.get("spark.driver.bindAddress") == conf.get("spark.driver.host") == "127.0.0.1"
    assert conf.get("spark.ui.enabled") == "false"
    assert spark.conf.get("spark.sql.session.timeZone") == "UTC"
    assert spark.sparkContext.uiWebUrl is None


def test_spark_forgets_the_rows_of_a_frame_that_nobody_holds(spark):
    frame = engines.reused(native(pd.DataFrame({"at": [1, 2]}), (), "spark"))
    plan = frame._jdf.queryExecution().logical()
    cached = spark._jsparkSession.sharedState().cacheManager()
    assert frame.count() == 2
    assert not cached.isEmpty()
    del frame, plan
    assert cached.isEmpty()
