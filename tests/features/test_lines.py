import numpy as np
import pandas as pd
import pytest

from features.bodies import BODY_COLUMNS
from features.lines import (
    GROWN_YEARS,
    PERSON_TEXTS,
    STALE_US,
    is_child_record,
    line_facts,
    people_on_record,
    to_micros,
)
from features.positions import CHILDREN

FIGURES = [name for name in BODY_COLUMNS if name not in ("age_years", "cup_index")]
HOUR = pd.Timedelta(hours=1)


@pytest.fixture(scope="module")
def facts(tables, space):
    return line_facts(tables, space.scales_)


@pytest.fixture
def ask(tables, space):
    """Facts of orders for the first product of an audience, with these body measurements."""

    def _ask(audience, measurements, orders):
        products = tables["products"]
        product = products.loc[products["audience"].eq(audience), "product_id"].iloc[0]
        sizes = tables["product_sizes"]
        label = sizes.loc[sizes["product_id"].eq(product), "size_label"].iloc[0]
        lines = tables["order_lines"].iloc[: len(orders)].copy()
        lines["customer_id"], lines["product_id"], lines["size_label"] = "C", product, label
        lines["wearer"] = [wearer for _, wearer in orders]
        lines["ordered_at"] = pd.to_datetime([at for at, _ in orders], utc=True)
        record = tables["body_measurements"].iloc[:0]
        rows = pd.DataFrame(measurements, index=range(len(measurements)))
        rows = rows.reindex(columns=record.columns).assign(customer_id="C")
        rows["measured_at"] = pd.to_datetime(rows["measured_at"], utc=True)
        rows["birth_date"] = pd.to_datetime(rows["birth_date"], utc=True)
        for column in ("wearer", "cup", *PERSON_TEXTS):
            rows[column] = rows[column].astype(object)
        other = {**tables, "order_lines": lines, "body_measurements": rows}
        return line_facts(other, space.scales_)

    return _ask


def test_there_is_one_row_a_line_in_their_order(facts, tables):
    assert facts["order_line_id"].tolist() == tables["order_lines"]["order_line_id"].tolist()


def test_outcomes_are_not_looked_at(facts, tables, space):
    blind = {k: v for k, v in tables.items() if k not in ("returns", "fit_feedback")}
    pd.testing.assert_frame_equal(line_facts(blind, space.scales_), facts)


def test_a_figure_counts_from_the_moment_it_was_told(ask):
    told = [
        {"measured_at": "2024-03-01", "chest_cm": 90.0, "height_cm": 170.0},
        {"measured_at": "2024-05-01", "chest_cm": 94.0},
    ]
    days = ["2024-02-28", "2024-03-02", "2024-04-30", "2024-05-02"]
    out = ask("women", told, [(day, None) for day in days])
    np.testing.assert_array_equal(out["chest_cm"], [np.nan, 90.0, 90.0, 94.0])


def test_what_is_not_told_anew_stays_as_last_told(ask):
    told = [
        {"measured_at": "2024-03-01", "chest_cm": 90.0, "height_cm": 170.0},
        {"measured_at": "2024-05-01", "chest_cm": 94.0},
    ]
    assert ask("women", told, [("2024-06-01", None)])["height_cm"].tolist() == [170.0]


def test_the_body_of_another_wearer_is_not_taken(ask):
    told = [
        {"measured_at": "2024-01-01", "chest_cm": 90.0},
        {"measured_at": "2024-01-02", "wearer": "partner", "chest_cm": 104.0},
    ]
    out = ask("women", told, [("2024-02-01", None), ("2024-02-01", "partner")])
    assert out["chest_cm"].tolist() == [90.0, 104.0]


def test_a_garment_for_children_reads_the_childs_body(ask):
    told = [
        {"measured_at": "2024-01-01", "height_cm": 98.0, "age_years": 3.0, "wearer": "child"},
        {"measured_at": "2024-01-02", "height_cm": 170.0, "age_years": 35.0},
    ]
    out = ask("girls", told, [("2024-01-10", None)])
    assert 98.0 <= out["height_cm"].iloc[0] < 100.0
    assert out["age_years"].iloc[0] == pytest.approx(3.0, abs=0.05)


def test_a_grown_ups_body_says_nothing_of_a_childs_garment(ask):
    told = [{"measured_at": "2024-01-01", "height_cm": 178.0, "weight_kg": 70.0}]
    out = ask("boys", told, [("2024-02-01", "self")])
    assert out[FIGURES].isna().all(axis=None)


def test_a_child_outgrows_its_girths_and_grows_in_height(ask):
    told = {"measured_at": "2024-01-01", "height_cm": 92.0, "chest_cm": 53.0, "wearer": "child",
            "birth_date": "2022-01-01"}  # fmt: skip
    day = pd.Timestamp("2024-01-01", tz="UTC")
    stale = day + pd.Timedelta(microseconds=STALE_US)
    out = ask("girls", [told], [(day + HOUR, "child"), (stale + HOUR, "child")])
    assert out["chest_cm"].notna().tolist() == [True, False]
    # Three weeks until it is worn: 0.6 cm at that age.
    assert out["height_cm"].iloc[0] == pytest.approx(92.6, abs=0.2)
    assert 94.0 < out["height_cm"].iloc[1] < 98.0


def test_the_age_of_grown_ups_is_not_kept(facts, tables):
    record = tables["body_measurements"]
    adults = set(record.loc[record["age_years"].ge(GROWN_YEARS), "customer_id"])
    assert facts["customer_id"].isin(adults).any()
    assert not facts["age_years"].ge(GROWN_YEARS).any()
    assert facts.loc[facts["audience"].isin(CHILDREN), "age_years"].notna().any()


@pytest.mark.parametrize("rows", [None, 0])
def test_a_shop_without_measurements_has_no_bodies(tables, space, facts, rows):
    bare = dict(tables)
    record = bare.pop("body_measurements")
    if rows is not None:
        bare["body_measurements"] = record.iloc[:rows]
    out = line_facts(bare, space.scales_)
    assert out[list(BODY_COLUMNS)].isna().all(axis=None)
    pd.testing.assert_series_equal(out["position"], facts["position"])


def test_a_product_that_is_in_no_table_has_no_scale(tables, space):
    lines = tables["order_lines"].head(3).assign(product_id="gone")
    out = line_facts({**tables, "order_lines": lines}, space.scales_)
    assert len(out) == 3
    assert out["scale"].isna().all()


def test_micros_are_exact_and_keep_nulls():
    times = pd.Series(pd.to_datetime(["2024-01-01T00:00:00.000001", None], utc=True))
    out = to_micros(times)
    assert out.iloc[0] == 1_704_067_200_000_001
    assert out.isna().tolist() == [False, True]


def test_a_child_is_known_by_its_age_or_else_by_its_height(tables):
    people = people_on_record(tables["body_measurements"])
    age = (people["measured"] - people["birth"]) / (365.25 * 86_400e6)
    child = is_child_record(people)
    assert child.any()
    assert not child[age.gt(18)].any()
    assert child[age.lt(14)].all()
    assert child[age.isna() & people["height_cm"].lt(130)].all()


def test_a_rounded_age_leaves_the_date_of_birth_told_before():
    rows = pd.DataFrame(
        {
            "customer_id": "C",
            "wearer": "child",
            "measured_at": ["2024-01-01", "2024-02-01", "2025-02-01", "2025-03-01", "2025-04-01"],
            "birth_date": ["2020-06-01", None, None, None, "2020-06-11"],
            "age_years": [None, 3.0, 9.0, 4.0, 4.0],
            "height_cm": [98.0, 99.0, 106.0, 107.0, 107.0],
        }
    )
    for column in ("measured_at", "birth_date"):
        rows[column] = pd.to_datetime(rows[column], utc=True)
    for column in (*FIGURES, "cup", *PERSON_TEXTS):
        rows[column] = rows.get(column, np.nan)
    born = pd.to_datetime(people_on_record(rows)["birth"], unit="us").dt.strftime("%Y-%m").tolist()
    assert born == ["2020-06", "2020-06", "2016-02", "2020-06", "2020-06"]
    assert people_on_record(rows.iloc[1:2])["birth"].notna().all()
    # Another child of the account tells nothing of this one.
    other = rows.iloc[[0, 1]].assign(wearer=["brother", "child"])
    assert people_on_record(other)["birth"].diff().iloc[1] > 200 * 86_400e6
