import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.dtypes import coerce, empty_frame, normalise
from data_contracts.errors import ContractError
from data_contracts.tables import TABLES

LONG = 9007199254740993  # 2**53 + 1: a float cannot hold it


@pytest.mark.parametrize(
    ("ids", "texts"),
    [
        ([17, 18], ["17", "18"]),
        ([17.0, 18.0], ["17", "18"]),
        (["17", "018"], ["17", "018"]),
        (pd.Series([17, LONG], dtype="Int64"), ["17", str(LONG)]),
        (pd.Series([17, "a", 3.0], dtype=object), ["17", "a", "3"]),
        (pd.Categorical([17, 18]), ["17", "18"]),
        (pd.Categorical(["b", "a"]), ["b", "a"]),
        ([Decimal("17"), Decimal("2.5")], ["17", "2.5"]),
        ([Decimal("Infinity"), float("inf")], ["Infinity", "inf"]),
    ],
)
def test_ids_become_text_and_never_gain_a_fraction(ids, texts):
    frame = normalise("customers", pd.DataFrame({"customer_id": ids}))
    assert frame["customer_id"].dtype == "str"
    assert frame["customer_id"].tolist() == texts


def test_every_contract_column_is_there_in_order_and_extra_ones_follow():
    frame = normalise("customers", pd.DataFrame({"zest": [1], "customer_id": ["c"]}))
    assert list(frame) == [*TABLES["customers"].names, "zest"]
    assert frame[list(TABLES["customers"].optional)].isna().all(axis=None)


def test_extra_columns_may_have_any_name_and_any_index():
    frame = pd.DataFrame({"customer_id": ["a", "b"], 0: [1, 2], "rule": [3, 4]}, index=[7, 7])
    read = normalise("customers", frame)
    assert list(read)[-2:] == ["0", "rule"]
    assert read["0"].tolist() == [1, 2]
    assert read.index.tolist() == [0, 1]


@pytest.mark.parametrize("name", TABLES)
def test_dtypes_do_not_depend_on_the_rows(name):
    empty = empty_frame(name)
    kinds = {
        "text": "str",
        "number": "float64",
        "boolean": "boolean",
        "time": "datetime64[us, UTC]",
        "text_list": "object",
    }
    for column in TABLES[name].columns:
        integer = "int64" if column.required else "Int64"
        assert empty[column.name].dtype == kinds.get(column.kind, integer)


def test_normalising_a_normal_frame_changes_nothing(shop):
    for name, frame in shop.items():
        once = normalise(name, frame)
        pd.testing.assert_frame_equal(normalise(name, once), once)
        pd.testing.assert_series_equal(once.dtypes, empty_frame(name).dtypes)


@pytest.mark.parametrize(
    "times",
    [
        ["2024-03-01T12:00:00Z", "2024-03-02"],
        ["2024-03-01 13:00:00+01:00", "2024-03-02T00:00"],
        [dt.datetime(2024, 3, 1, 12), dt.datetime(2024, 3, 2)],
        pd.to_datetime(["2024-03-01 12:00", "2024-03-02 00:00"]),
        pd.to_datetime(["2024-03-01 12:00", "2024-03-02 00:00"])
        .tz_localize("UTC")
        .tz_convert("Asia/Tokyo"),
        pd.Series([dt.datetime(2024, 3, 1, 12), dt.date(2024, 3, 2)], dtype=object),
    ],
)
def test_every_way_to_write_a_time_is_the_same_moment(times):
    frame = pd.DataFrame({"customer_id": ["a", "b"], "registered_at": times})
    expected = pd.Series(
        pd.to_datetime(["2024-03-01 12:00", "2024-03-02 00:00"], utc=True), name="registered_at"
    )
    pd.testing.assert_series_equal(
        normalise("customers", frame)["registered_at"], expected.astype("datetime64[us, UTC]")
    )


def test_booleans_and_lists_are_read_from_text():
    frame = pd.DataFrame(
        {
            "product_id": list("abcd"),
            "category": "hat",
            "hygiene_sealed": ["yes", "0", None, "TRUE"],
            "colours": ["red|blue", '["red", "blue"]', None, ""],
        }
    )
    read = normalise("products", frame)
    assert read["hygiene_sealed"].tolist() == [True, False, pd.NA, True]
    assert read["colours"].tolist() == [["red", "blue"], ["red", "blue"], None, None]


def test_a_blank_is_null_whatever_it_looks_like():
    frame = pd.DataFrame(
        {
            "customer_id": ["a", "b", "c"],
            "market": ["", "  ", None],
            "birth_year": ["", "nan", None],
        }
    )
    assert normalise("customers", frame)[["market", "birth_year"]].isna().all(axis=None)


def test_the_market_na_is_namibia():
    frame = pd.DataFrame({"customer_id": ["a"], "market": ["NA"]})
    assert normalise("customers", frame)["market"].tolist() == ["NA"]


def test_the_wearer_is_the_customer_unless_told():
    frame = pd.DataFrame({"customer_id": ["a"], "measured_at": ["2024-01-01"]})
    assert normalise("body_measurements", frame)["wearer"].tolist() == ["self"]


@pytest.mark.parametrize(
    ("column", "cells", "unreadable"),
    [
        ("birth_year", ["1980", "198O", "1980.5", None], [False, True, True, False]),
        ("birth_year", [1980, np.inf, 1.5, np.nan], [False, True, True, False]),
        ("registered_at", ["2024-01-01", "1.1.2024", "", None], [False, True, False, False]),
        ("registered_at", [dt.date(2024, 1, 1), 17, None, None], [False, True, False, False]),
        ("market", ["DE", ["DE"], None, 1], [False, True, False, False]),
    ],
)
def test_only_cells_that_hold_something_can_be_unreadable(column, cells, unreadable):
    frame = pd.DataFrame({"customer_id": list("abcd"), column: pd.Series(cells, dtype=object)})
    coerced = coerce(TABLES["customers"], frame)
    assert coerced.unreadable[column].tolist() == unreadable
    assert coerced.frame.loc[unreadable, column].isna().all()


@pytest.mark.parametrize(
    ("column", "cells"),
    [
        ("registered_at", [20240101, 20240102]),
        ("registered_at", [True, False]),
        ("birth_year", pd.to_datetime(["1980-01-01", "1981-01-01"])),
        ("birth_year", [True, False]),
        ("market", pd.to_datetime(["1980-01-01", "1981-01-01"])),
        ("birth_year", ["old", "young"]),
        ("birth_year", [1980 + 1j, 1981 + 1j]),
        ("birth_year", pd.to_timedelta([1, 2], unit="D")),
        ("market", [{"code": "DE"}, b"DE"]),
    ],
)
def test_a_column_of_the_wrong_type_is_named_with_its_values(column, cells):
    frame = pd.DataFrame({"customer_id": ["a", "b"], column: cells})
    with pytest.raises(ContractError, match=f"table customers, column {column}, rule column.type"):
        normalise("customers", frame)


def test_normalise_names_the_cell_it_cannot_read():
    frame = pd.DataFrame({"customer_id": ["a", "b"], "birth_year": ["1980", "x"]})
    with pytest.raises(ContractError, match=r"birth_year\.readable, 1 row, for example 'x'"):
        normalise("customers", frame)


def test_normalise_refuses_a_blank_where_one_is_required():
    with pytest.raises(ContractError, match=r"customer_id\.required, 1 row"):
        normalise("customers", pd.DataFrame({"customer_id": ["a", None]}))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.none(),
            st.text(max_size=6),
            st.integers(),
            st.floats(),
            st.booleans(),
            st.datetimes(),
            st.dates(),
        ),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from([c.name for t in ("products", "customers") for c in TABLES[t].columns]),
)
def test_no_cell_raises_anything_but_a_contract_error(cells, name):
    table = TABLES["products" if name in TABLES["products"].names else "customers"]
    frame = pd.DataFrame({key: [str(i) for i in range(len(cells))] for key in table.required})
    frame[name] = pd.Series(cells, dtype=object)
    try:
        coerced = coerce(table, frame)
    except ContractError as error:
        named = error.column
    else:
        named = name
        assert len(coerced.frame) == len(cells)
        assert list(coerced.frame) == list(table.names)
    assert named == name
