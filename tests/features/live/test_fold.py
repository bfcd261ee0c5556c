"""The law: a state that follows events is the state that their tables fill."""

import json
from dataclasses import replace
from itertools import takewhile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.live.filling import filled_items
from features.live.fold import Fold
from features.live.rows import MOMENT
from features.live.tables import tables_of
from features.live.windows import drop_undo, position
from features.questions import SizeQuestion
from features.size_fit import VECTOR
from features.size_fit_online import SizeFitLookup
from features.state import StateConflictError
from tests.features.live.conftest import HOUR_US, all_events, unlike

DAY_US = 24 * HOUR_US


@settings(
    max_examples=4,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_any_arrival_order_in_any_batches_with_any_repeats_gives_the_state_of_the_tables(
    live_shop, follow, data
):
    ids = sorted(live_shop.tables["order_lines"]["order_id"].unique())
    orders = data.draw(st.lists(st.sampled_from(ids), min_size=2, max_size=15, unique=True))
    tables = live_shop.orders(orders)
    events = all_events(tables)
    horizon = data.draw(st.sampled_from([HOUR_US, 5 * DAY_US, 400 * DAY_US]))
    delays = data.draw(
        st.lists(st.integers(0, horizon - 1), min_size=len(events), max_size=len(events))
    )
    arrived = [event for _, _, event in sorted(zip(delays, range(len(events)), events, strict=True),
               key=lambda each: (each[2].at + each[0], each[1]))]  # fmt: skip
    again = data.draw(st.lists(st.sampled_from(arrived), max_size=5))
    idle = data.draw(st.lists(st.sampled_from([0, HOUR_US // 60, 3 * HOUR_US]), max_size=6))
    words = [event for event in arrived if event.kind in ("delivery", "feedback", "decision")]
    if horizon > 10 * DAY_US and words:  # else the first word is too long ago
        word = data.draw(st.sampled_from(words))
        at = word.at + data.draw(st.integers(1, DAY_US))
        anew = replace(word, event_id="anew", at=at, row={**word.row, MOMENT[word.kind]: at})
        arrived = [*arrived, anew]
        tables = tables_of(arrived)
        events = arrived
    cuts = sorted(data.draw(st.lists(st.integers(0, len(arrived)), max_size=2)))
    followed = follow(events, horizon)
    for start, end in zip([0, *cuts], [*cuts, len(arrived)], strict=True):
        followed.tell(arrived[start:end])
        assert sum(done.late for done in followed.step()) == 0
    until = max(event.at for event in events)
    for pause in idle:
        until += pause
        followed.fold.advance(until)
    followed.tell(again)
    followed.step()
    assert unlike(followed.items(), live_shop.filled(tables, until)) == []


def test_windows_in_which_nothing_happened_become_one(live_shop, follow):
    events = all_events(live_shop.orders(live_shop.tables["order_lines"]["order_id"].unique()[:3]))
    followed = follow(events, 30 * DAY_US, models=[])
    followed.tell(events)
    followed.step()
    until = max(event.at for event in events)
    for minute in (1, 2, 3, 4, 5, 200):
        followed.fold.advance(until + minute * HOUR_US // 60)
    late = replace(next(e for e in events if e.kind == "customer"), event_id="late", at=until + 1)
    followed.tell([late])
    (applied,) = followed.step()
    assert (applied.events, applied.late) == (1, 0)
    tables = tables_of([*events, late])
    assert unlike(followed.items(), dict(filled_items([], tables, applied.until))) == []


def test_windows_close_as_time_passes_without_an_event(live_shop, follow):
    events = all_events(live_shop.orders(live_shop.tables["order_lines"]["order_id"].unique()[:20]))
    delivered = sorted(event.at for event in events if event.kind == "delivery")[8]
    known = [event for event in events if event.at <= delivered]
    followed = follow(known, DAY_US)
    followed.tell(known)
    followed.step()
    until = delivered + 90 * DAY_US
    before = followed.items()
    followed.fold.advance(until)
    expected = live_shop.filled(tables_of(known), until)
    assert unlike(before, expected)
    assert unlike(followed.items(), expected) == []


def test_an_event_from_before_the_horizon_waits_for_the_next_filling(live_shop, follow):
    orders = live_shop.tables["order_lines"]["order_id"].unique()[:12]
    events = sorted(all_events(live_shop.orders(orders)), key=lambda each: each.at)
    late = next(e for e in events if e.kind == "delivery")
    rest = [e for e in events if e is not late]
    followed = follow(events, HOUR_US)
    for event in rest:
        followed.tell([event])
    # One event a step, so that the first windows are past the horizon.
    while followed.fold.step(20).events:
        pass
    followed.tell([late])
    (applied,) = followed.step()
    assert applied.late == 1
    assert position(followed.state.meta()).late == 1
    without = live_shop.filled(tables_of(rest), max(e.at for e in rest))
    assert unlike(followed.items(), without) == []


def test_a_word_on_a_line_nobody_told_of_is_named_and_counts_once_the_line_is_told(
    live_shop, follow
):
    tables = live_shop.orders(live_shop.tables["order_lines"]["order_id"].unique()[:6])
    events = sorted(all_events(tables), key=lambda each: each.at)
    line = next(e for e in events if e.kind == "delivery").row["order_line_id"]
    order = next(e for e in events if e.kind == "order_line" and e.row["order_line_id"] == line)
    followed = follow(events, 1_000 * DAY_US)
    followed.tell([e for e in events if e is not order])
    unknown = [each for done in followed.step() for each in done.unknown]
    assert any(line in each for each in unknown)
    followed.tell([order])
    followed.step()
    until = max(event.at for event in events)
    assert unlike(followed.items(), live_shop.filled(tables, until)) == []


def second_words(events):
    """Words on lines and claims that are known: some correct them, some contradict them."""
    lines = [each for each in events if each.kind == "order_line"]
    claims = [each for each in events if each.kind == "return"]
    other = lines[-1].row
    at = lines[0].at + DAY_US
    said = [
        (lines[0], {"order_id": other["order_id"]}, "~"),  # the last by id, so not taken
        (lines[1], {"order_id": "o-unheard-of"}, "~"),
        (lines[2], {"order_id": other["order_id"]}, "!"),  # the first by id, so the other is not
        (lines[3], {"ordered_at": lines[3].at + DAY_US}, "~"),
        (lines[4], {"customer_id": other["customer_id"], "quantity": 3, "colour": None}, "~"),
        (claims[0], {"order_line_id": other["order_line_id"]}, "~"),
        (claims[1], {"requested_at": claims[1].at + DAY_US}, "~"),
        (claims[2], {"reason": "changed_mind"}, "~"),
    ]
    for event, told, mark in said:
        row = {k: v for k, v in {**event.row, **told}.items() if v is not None}
        at = row["ordered_at" if event.kind == "order_line" else "requested_at"]
        yield replace(event, event_id=mark + event.event_id, at=at, row=row)


def test_a_line_told_of_again_stands_in_one_order_whatever_came_first(live_shop, follow):
    events = all_events(live_shop.orders(live_shop.tables["order_lines"]["order_id"].unique()[:25]))
    again = list(second_words(events))
    told = tables_of([*events, *again])
    lines = told["order_lines"].set_index("order_line_id")
    assert lines.index.is_unique
    assert len(lines) == sum(event.kind == "order_line" for event in events)
    first = {e.row["order_line_id"]: e.row for e in events if e.kind == "order_line"}
    moved, corrected = again[2].row, again[4].row
    for line, row in first.items():
        order = moved["order_id"] if line == moved["order_line_id"] else row["order_id"]
        assert lines.at[line, "order_id"] == order
        assert lines.at[line, "ordered_at"].value // 1000 == row["ordered_at"]
    line = lines.loc[corrected["order_line_id"]]
    assert (line["customer_id"], line["quantity"]) == (corrected["customer_id"], 3)
    expected = live_shop.filled(told, max(event.at for event in [*events, *again]))
    followed = follow(events, 1_000 * DAY_US)
    followed.tell([*again[::2], *events])
    followed.step()
    followed.tell(again[1::2])
    followed.step()
    assert unlike(followed.items(), expected) == []
    orders = [v for k, v in followed.items().items() if k.startswith("live\x1forder\x1f")]
    standing = [line for order in orders for line in json.loads(order)["lines"]]
    assert len(standing) == len(set(standing))


def test_a_word_that_cannot_be_placed_is_nothing_to_tables_either(live_shop):
    events = all_events(live_shop.orders(live_shop.tables["order_lines"]["order_id"].unique()[:20]))
    claimed = next(e.row["order_line_id"] for e in events if e.kind == "return")
    known = [
        e for e in events if not (e.kind == "order_line" and e.row["order_line_id"] == claimed)
    ]
    told = tables_of(known)
    for table in ("order_lines", "returns", "fit_feedback"):
        assert len(told[table])
        assert claimed not in set(told[table]["order_line_id"])
    until = max(event.at for event in events)
    assert live_shop.filled(told, until)


def test_windows_of_long_ago_become_one_and_can_still_be_taken_back(live_shop, follow):
    """Records alone, without the sums of a model: the windows are the same."""
    orders = live_shop.tables["order_lines"]["order_id"].unique()
    tables = live_shop.orders(orders[:20])
    events = sorted(all_events(tables), key=lambda each: each.at)
    late = [each for each in events if each.kind == "delivery"][5::7]
    known = [each for each in events if each not in late]
    followed = follow(events, 10_000 * DAY_US, models=[])
    followed.tell(known)
    steps = 0
    while followed.fold.step(2).events:
        steps += 1
    windows = json.loads(followed.state.meta()["live.windows"])
    undone = [k for k in followed.state.all_keys() if k.startswith("live\x1fundo")]
    assert len(undone) + 1 == len(windows) < steps / 3
    for event in late:
        followed.tell([event])
        followed.step()
    expected = dict(filled_items([], tables, max(event.at for event in events)))
    assert unlike(followed.items(), expected) == []


def test_events_in_order_are_folded_once(live_shop, follow):
    """Wherever a step ends, if need be between the lines of an order."""
    orders = live_shop.tables["order_lines"]["order_id"].unique()
    events = sorted(all_events(live_shop.orders(orders[:40])), key=lambda each: each.at)
    followed = follow(events, 2 * DAY_US, models=[])
    followed.tell(events)
    known = sum(event.kind in ("product", "customer") for event in events)
    followed.fold.step(known)
    steps = list(takewhile(lambda done: done.events, iter(lambda: followed.fold.step(7), None)))
    assert known + sum(done.events for done in steps) == len(events)
    assert sum(done.again for done in steps) == 0


def test_events_a_little_late_take_back_only_what_is_as_new(live_shop, follow):
    """Of a step, the time in which events still come late is a window of its own."""
    orders = live_shop.tables["order_lines"]["order_id"].unique()
    tables = live_shop.orders(orders[:40])
    random = np.random.default_rng(2)
    events = sorted(all_events(tables), key=lambda each: each.at + random.integers(0, 30 * HOUR_US))
    followed = follow(events, 2 * DAY_US, models=[])
    followed.tell(events)
    first = followed.fold.step(40)
    rest = list(takewhile(lambda done: done.events, iter(lambda: followed.fold.step(40), None)))
    assert first.again == 0
    assert any(done.again for done in rest)
    assert sum(done.again for done in rest) < len(events) / 4
    expected = dict(filled_items([], tables, max(event.at for event in events)))
    assert unlike(followed.items(), expected) == []


def test_a_word_told_anew_at_another_moment_takes_the_place_of_the_first(live_shop, follow):
    """A decision is revised, a parcel came later than was told: the first word no longer counts."""
    returns = live_shop.tables["returns"].dropna(subset=["received_at"])
    claims = returns[returns["return_id"].isin(live_shop.tables["abuse_labels"]["return_id"])]
    told = claims[claims["order_line_id"].isin(live_shop.tables["fit_feedback"]["order_line_id"])]
    lines = live_shop.tables["order_lines"]
    orders = lines.loc[lines["order_line_id"].isin(told["order_line_id"][:4]), "order_id"]
    events = all_events(live_shop.orders(orders))
    followed = follow(events, 10_000 * DAY_US)
    followed.tell(sorted(events, key=lambda each: each.at))
    followed.step()
    last, anew = max(event.at for event in events), []
    for kind in ("delivery", "feedback", "inspection", "settlement", "decision"):
        first = [event for event in events if event.kind == kind][-1]
        at = last + len(anew) * DAY_US + 1
        row = {**first.row, MOMENT[kind]: at}
        if kind == "decision":
            row["label"] = {"abuse": "legitimate", "legitimate": "abuse"}[first.row["label"]]
        anew.append(replace(first, event_id=f"anew {kind}", at=at, row=row))
    for event in anew:
        followed.tell([event])
        followed.step()
    tables = tables_of([*events, *anew])
    assert unlike(followed.items(), live_shop.filled(tables, last + 4 * DAY_US + 1)) == []
    # A step that would be cut between a first word and a later one is not.
    late = replace(anew[0], event_id="late", kind="customer", at=last - DAY_US,
                   row=next(e.row for e in events if e.kind == "customer"))  # fmt: skip
    followed.tell([late])
    followed.step()
    tables = tables_of([*events, *anew, late])
    assert unlike(followed.items(), live_shop.filled(tables, last + 4 * DAY_US + 1)) == []


def test_what_was_counted_before_the_horizon_waits_with_its_second_word(live_shop, follow):
    """A decision revised too late, a product told otherwise: the next filling takes them in."""
    orders = live_shop.tables["order_lines"]["order_id"].unique()
    events = sorted(all_events(live_shop.orders(orders[:12])), key=lambda each: each.at)
    followed = follow(events, HOUR_US)
    followed.tell(events)
    followed.step()
    drop_undo(followed.state)
    until = events[-1].at
    word = next(event for event in events if event.kind == "delivery")
    anew = replace(word, event_id="anew", at=until + 1,
                   row={**word.row, "delivered_at": until + 1})  # fmt: skip
    followed.tell([anew])
    (applied,) = followed.step()
    assert (applied.late, applied.unknown) == (1, ("anew",))
    assert unlike(followed.items(), live_shop.filled(tables_of(events), until + 1)) == []
    goods = next(event for event in events if event.kind == "product")
    other = replace(goods, event_id="other", at=until + 2, row={**goods.row, "brand": "another"})
    same = replace(goods, event_id="same", at=until + 2)
    followed.tell([same, other])
    assert [done.late for done in followed.step()] == [1]
    assert position(followed.state.meta()).late == 2


def test_what_windows_overwrote_can_be_dropped_for_good(live_shop, follow):
    events = all_events(live_shop.orders(live_shop.tables["order_lines"]["order_id"].unique()[:9]))
    followed = follow(events, 10_000 * DAY_US, models=[])
    followed.tell(sorted(events, key=lambda each: each.at))
    while followed.fold.step(7).events:
        pass
    assert any(key.startswith("live\x1fundo") for key in followed.state.all_keys())
    before, until = followed.items(), position(followed.state.meta()).until
    drop_undo(followed.state)
    assert not any(key.startswith("live\x1fundo") for key in followed.state.all_keys())
    assert followed.items() == before
    assert position(followed.state.meta()).until == until
    again = [
        replace(events[0], event_id="of-before"),
        replace(events[0], event_id="next", at=until + 1),
    ]
    followed.tell(again)
    (applied,) = followed.step()
    assert (applied.late, applied.again) == (1, 0)


def test_of_two_folds_that_take_up_the_same_events_one_is_refused(live_shop, follow):
    events = all_events(live_shop.orders(live_shop.tables["order_lines"]["order_id"].unique()[:4]))
    followed = follow(events, DAY_US)
    followed.tell(events)
    other = Fold(Stale(followed.state), followed.log, live_shop.models, horizon_us=DAY_US)
    followed.step()
    with pytest.raises(StateConflictError):
        other.step()


class Stale:
    """A store whose reader has not seen what was written since."""

    def __init__(self, state):
        self._state, self._meta = state, state.meta()

    def meta(self):
        return self._meta

    def __getattr__(self, name):
        return getattr(self._state, name)


def test_the_streamed_state_answers_as_training_would_at_the_next_instant(live_shop, follow):
    """Vectors of a line that is ordered next, from tables and from the followed state."""
    space, events = live_shop.spaces["size_fit"], all_events(live_shop.tables)
    lines = live_shop.tables["order_lines"].sort_values("ordered_at", kind="stable")
    lines = lines[lines["size_label"].notna() & lines["wearer"].isna() & lines["market"].notna()]
    bought = lines.groupby("customer_id")["order_line_id"].transform("size")
    line = lines[bought >= 4].iloc[-1]
    at = line["ordered_at"].value // 1000
    known = [e for e in events if e.at < at or e.kind in ("product", "customer")]
    (asked,) = (
        e
        for e in events
        if e.kind == "order_line" and e.row["order_line_id"] == line["order_line_id"]
    )
    followed = follow(known, DAY_US)
    followed.tell(known)
    followed.step()
    followed.fold.advance(at - 1)
    data = space.data(tables_of([*known, asked]))
    candidates = data.candidates(np.flatnonzero(data.ids == line["order_line_id"]))
    question = SizeQuestion(
        product_id=line["product_id"],
        customer_id=line["customer_id"],
        asked_at=at / 1e6,
        market=line["market"],
        occasion=asked.row.get("occasion"),
    )
    (context,) = SizeFitLookup(space, followed.state).contexts([question])
    assert list(context.labels) == candidates.label.tolist()
    np.testing.assert_allclose(context.X, candidates.X, rtol=1e-6, atol=1e-6, equal_nan=True)
    assert context.X[:, VECTOR.index("person.orders")].max() > 0


def test_goods_and_bodies_told_anew_in_a_later_window_are_as_told_last(live_shop, follow):
    """Of goods and people a window writes what it tells of, and nothing else."""
    orders = live_shop.tables["order_lines"]["order_id"].unique()
    events = sorted(all_events(live_shop.orders(orders[:30])), key=lambda each: each.at)
    followed = follow(events, 10_000 * DAY_US)
    followed.tell(events)
    followed.step()
    until = events[-1].at
    goods = next(event for event in events if event.kind == "product")
    body = next(event for event in events if event.kind == "measurement")
    figures = {"height_cm": 171.5, "measured_at": until + 2}
    anew = [
        replace(goods, event_id="goods", at=until + 1, row={**goods.row, "material": "bouclé"}),
        replace(body, event_id="body", at=until + 2, row={**body.row, **figures}),
    ]
    before = followed.items()
    followed.tell(anew)
    followed.step()
    changed = {key.split("\x1f")[0] for key, value in followed.items().items()
               if before.get(key) != value}  # fmt: skip
    assert changed == {"live", "product_facts", "person_facts"}
    expected = live_shop.filled(tables_of([*events, *anew]), until + 2)
    assert unlike(followed.items(), expected) == []
