import pandas as pd
import polars as pl
import pytest

from features.events import DAY_US, EVENT_COLUMNS, line_events

DAY = DAY_US


def lines(*rows):
    """Lines as (id, ordered, delivered, hidden), days since the epoch."""
    frame = pd.DataFrame(rows, columns=["order_line_id", "at", "delivered", "hidden"])
    frame["at"] = (frame["at"] * DAY).astype("int64")
    delivered = pd.to_numeric(frame["delivered"]).astype("Float64") * DAY
    return frame.assign(delivered=delivered.astype("Int64"), product_id="P")


def moments(said, *rows):
    frame = pd.DataFrame(rows, columns=["order_line_id", "at", said])
    return frame.assign(at=(frame["at"].astype("float64") * DAY).astype("int64"))


def fit(*rows):
    return moments("fit", *rows)


def back(*rows):
    return moments("reason", *rows)


def stream(placed, feedback=None, returns=None, *, engine="pandas", **options):
    """The events as sorted tuples (id, day, kind, verdict)."""
    frames = [placed, feedback, returns]
    if engine == "polars":
        frames = [None if frame is None else pl.from_pandas(frame) for frame in frames]
    out = line_events(*frames, **options)
    table = out.to_pandas() if isinstance(out, pl.DataFrame) else out
    assert set(EVENT_COLUMNS) <= set(table.columns)
    assert "product_id" in table
    assert not {"hidden", "delivered"} & set(table.columns)
    found = table[list(EVENT_COLUMNS)].astype({"verdict": object})
    found["verdict"] = found["verdict"].where(found["verdict"].notna(), None)
    found["at"] = found["at"] / DAY
    return sorted(found.itertuples(index=False, name=None), key=lambda row: row[:3])


@pytest.fixture(params=["pandas", "polars"])
def engine(request):
    return request.param


def test_a_kept_line_is_ordered_and_then_kept_after_the_window(engine):
    got = stream(lines(("a", 0, 5, False)), window_days=30, engine=engine)
    assert got == [("a", 0, "ordered", None), ("a", 35, "kept", None)]


def test_an_undelivered_line_is_not_kept(engine):
    assert stream(lines(("a", 0, None, False)), engine=engine) == [("a", 0, "ordered", None)]


def test_a_return_within_the_window_leaves_nothing_kept(engine):
    got = stream(lines(("a", 0, 5, False)), None, back(("a", 8, "changed_mind")), engine=engine)
    assert got == [("a", 0, "ordered", None), ("a", 8, "returned", "changed_mind")]


def test_a_delivery_is_an_event_where_it_is_asked_for(engine):
    got = stream(lines(("a", 0, 5, True), ("b", 1, None, False)), deliveries=True, engine=engine)
    assert got == [
        ("a", 0, "ordered", None),
        ("a", 5, "delivered", None),
        ("b", 1, "ordered", None),
    ]


def test_a_return_after_the_window_does_not_take_back_what_was_known(engine):
    got = stream(lines(("a", 0, 5, False)), None, back(("a", 50, "quality_defect")), engine=engine)
    assert [kind for _, _, kind, _ in got] == ["ordered", "kept", "returned"]


@pytest.mark.parametrize(("reason", "verdict"), [("too_small", "small"), ("too_large", "large")])
def test_a_return_for_its_size_tells_the_fit(engine, reason, verdict):
    got = stream(lines(("a", 0, 5, False)), None, back(("a", 8, reason)), engine=engine)
    assert ("a", 8, "fit_told", verdict) in got


def test_the_first_word_on_the_fit_counts_and_a_later_one_does_not(engine):
    placed = lines(("a", 0, 5, False), ("b", 0, 5, False))
    feedback = fit(("a", 9, "fit"), ("a", 12, "large"), ("b", 7, "small"))
    returns = back(("a", 10, "too_small"), ("b", 6, "too_large"))
    got = [e for e in stream(placed, feedback, returns, engine=engine) if e[2] == "fit_told"]
    assert got == [("a", 9, "fit_told", "fit"), ("b", 6, "fit_told", "large")]


def test_two_words_of_one_moment_are_one_event(engine):
    feedback = fit(("a", 9, "small"), ("a", 9, "large"))
    told = [e for e in stream(lines(("a", 0, 5, False)), feedback, engine=engine) if e[3]]
    assert len(told) == 1


def test_a_held_out_line_was_ordered_and_nothing_else_is_known(engine):
    placed = lines(("a", 0, 5, True), ("b", 0, 5, False))
    got = stream(placed, fit(("a", 9, "fit")), back(("a", 8, "too_small")), engine=engine)
    assert [e for e in got if e[0] == "a"] == [("a", 0, "ordered", None)]
    assert ("b", 35, "kept", None) in got


def test_nothing_after_the_known_moment_is_an_event(engine):
    placed = lines(("a", 0, 5, False), ("b", 6, 7, False))
    known = {"window_days": 30, "known_until": 36 * DAY}
    got = stream(placed, fit(("b", 36.5, "fit")), engine=engine, **known)
    assert got == [("a", 0, "ordered", None), ("a", 35, "kept", None), ("b", 6, "ordered", None)]


def test_feedback_on_a_line_that_is_not_there_is_no_event(engine):
    got = stream(lines(("a", 0, None, False)), fit(("z", 9, "fit")), engine=engine)
    assert got == [("a", 0, "ordered", None)]


def test_shuffled_tables_give_the_same_events(engine):
    placed = lines(*((f"l{i}", i, i + 3, i % 5 == 0) for i in range(40)))
    feedback = fit(*((f"l{i}", i + 9, "small") for i in range(0, 40, 3)))
    returns = back(*((f"l{i}", i + 8, "too_large") for i in range(0, 40, 4)))
    mixed = [frame.sample(frac=1.0, random_state=1) for frame in (placed, feedback, returns)]
    assert stream(*mixed, engine=engine) == stream(placed, feedback, returns, engine=engine)
