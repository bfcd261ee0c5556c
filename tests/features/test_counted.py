"""What several histories need of events is worked out once, and nothing of it differs by a bit."""

import numpy as np
import polars as pl
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from features.histories import History, Sum, final_state, values_before
from features.state import state_key
from features.window import Window

_SUMS = (
    Sum("ordered", "ordered"),
    Sum("price", "ordered", "price"),
    Sum("squares", "ordered", "price", square=True),
    Sum("small", "told", verdict="small"),
    Sum("lately", "ordered", "price", half_life_days=30.0),
)
HISTORIES = (
    History("goods", ("product",), _SUMS),
    History("both", ("product", "brand"), _SUMS[1:]),
    History("words", ("brand",), _SUMS[3:4]),
)
_DAY_US = 86_400_000_000
_texts = st.sampled_from(["a", "b", "c", None])


def frames(rows):
    """Events, and questions about their keys at their moments."""
    schema = {
        "at": pl.Int64,
        "kind": pl.String,
        "verdict": pl.String,
        "price": pl.Float64,
        "product": pl.String,
        "brand": pl.String,
    }
    events = pl.DataFrame(rows, schema=schema, orient="row")
    asked = events.select("at", "product", "brand").with_row_index("query", 7)
    return events, asked.with_columns(pl.col("query").cast(pl.Int64))


_rows = st.lists(
    st.tuples(
        st.integers(0, 9).map(lambda day: 1_600_000_000_000_000 + day * _DAY_US),
        st.sampled_from(["ordered", "told", "else"]),
        st.sampled_from(["small", "large", None]),
        st.one_of(st.none(), st.floats(-1e6, 1e6)),
        _texts,
        _texts,
    ),
    min_size=1,
    max_size=40,
)


class Stored:
    """A state that holds what the histories came to."""

    def __init__(self, frames):
        self.values = {
            state_key("m", history.name, *row[: len(history.key)]): np.array(
                row[len(history.key) :], "<f8"
            ).tobytes()
            for history, frame in frames.items()
            for row in frame.select(*history.key, *history.columns).iter_rows()
        }

    def get_many(self, keys):
        return {key: self.values[key] for key in keys if key in self.values}


@settings(max_examples=15, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(before=_rows, rows=_rows)
def test_sums_on_stored_sums_are_those_of_the_histories_to_the_last_bit(before, rows):
    earlier, _ = frames(before)
    events, asked = frames(rows)
    priors = {history: final_state(history, earlier) for history in HISTORIES}
    window = Window(state=Stored(priors))
    for history in HISTORIES:
        found = dict(window.final_items(history, events, ("m",)))
        expected = Stored({history: final_state(history, events, priors[history])}).values
        for key, sums in found.items():  # as numbers: a sum of nothing may be 0.0 or -0.0
            assert np.frombuffer(sums).tolist() == np.frombuffer(expected[key]).tolist()
        told = events.filter(pl.col("kind").is_in({each.kind for each in history.sums}))
        assert len(found) == len(told.drop_nulls(history.key).unique(history.key))
        answers = window.values_before(history, events, asked, ("m",)).sort("query")
        same = values_before(history, events, asked, priors[history]).sort("query")
        assert answers.equals(same.select(answers.columns))


def test_events_that_nobody_asks_about_change_no_answer():
    events, asked = frames(
        [(1, "ordered", None, 2.0, "a", "x"), (2, "ordered", None, 3.0, "b", "x")]
    )
    window = Window(state=Stored({}))
    (history, *_) = HISTORIES
    answers = window.values_before(history, events, asked.filter(pl.col("product") == "b"), ())
    assert answers["query"].to_list() == [8]
    assert answers["goods__ordered"].to_list() == [0.0]
