import pandas as pd
import pytest

from data_contracts.dtypes import normalise
from data_contracts.tables import TABLES
from features.live.rows import frame_of, rows_of
from features.live.tables import last_moment, tables_of
from tests.features.live.conftest import all_events


@pytest.mark.parametrize("table", TABLES)
def test_rows_and_back_give_the_table_in_the_types_of_the_contract(live_shop, table):
    frame = live_shop.tables[table].reset_index(drop=True)
    frame = frame[[column.name for column in TABLES[table].columns]]
    back = frame_of(table, rows_of(table, frame))
    pd.testing.assert_frame_equal(back, frame)
    pd.testing.assert_frame_equal(normalise(table, back), back)


def test_events_of_tables_tell_all_of_them(live_shop):
    events = all_events(live_shop.tables)
    assert len({event.event_id for event in events}) == len(events)
    told = tables_of(reversed(events))
    for name, frame in live_shop.tables.items():
        key = list(TABLES[name].key)
        columns = [column.name for column in TABLES[name].columns]
        one, other = (
            each.sort_values(key, ignore_index=True)[columns] for each in (frame, told[name])
        )
        pd.testing.assert_frame_equal(one, other)
    assert last_moment(told) == max(
        event.at for event in events if event.kind not in ("product", "customer")
    )


def test_an_order_tells_nothing_of_what_comes_later(live_shop):
    later = {"delivered_at", "shipped_at", "received_at", "condition", "closed_at", "resolution"}
    for event in all_events(live_shop.tables):
        if event.kind in ("order_line", "return"):
            assert later.isdisjoint(event.row)
