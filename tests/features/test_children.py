import math

import numpy as np
import orjson
import pandas as pd
import pytest

from features.bodies import BODY_COLUMNS
from features.children import (
    EXPECTED,
    OUTGROWN,
    STALE_US,
    UNTIL_WORN_US,
    YEAR_US,
    growing_body,
    growing_body_one,
    moment,
)
from features.growth import GROWN_UP, stature, stature_later
from features.lines import PERSON_TEXTS, line_facts, to_micros
from features.people_online import body_of, people_items, person_keys, read_person
from features.questions import SizeQuestion

NOW = 1.75e15  # microseconds
FIGURES = ("height_cm", "weight_kg", "chest_cm", "waist_cm", "hip_cm", "foot_length_cm")


@pytest.fixture
def record():
    """A child's record: figures by name, each with the moment it was told."""

    def _record(age, *, told_before=0.0, sex=None, **figures):
        told = {"birth": NOW - age * YEAR_US, **figures}
        for name in figures:
            told[moment(name)] = NOW - told_before * YEAR_US
        return told if sex is None else {**told, "sex": sex}

    return _record


def today(told, audience="boys", now=NOW):
    grown = dict(told)
    growing_body_one(grown, audience, now)
    return grown


def test_tables_and_one_question_read_the_same_body():
    rng = np.random.default_rng(3)
    n = 600
    rows = pd.DataFrame(
        {
            "at": NOW,
            "birth": np.where(
                rng.random(n) < 0.8, NOW - rng.uniform(-0.1, 25, n) * YEAR_US, np.nan
            ),
            "audience": rng.choice(["baby", "girls", "boys", "women", "any"], n),
            "sex": rng.choice(np.array(["female", "male", None], dtype=object), n),
        }
    )
    for name in OUTGROWN:
        rows[name] = np.where(rng.random(n) < 0.7, rng.uniform(10, 120, n), np.nan)
        told_at = NOW - rng.uniform(0, 1.2, n) * YEAR_US
        rows[moment(name)] = np.where(rows[name].notna(), told_at, np.nan)
    many = growing_body(rows)
    for i, row in enumerate(rows.to_dict("records")):
        told = {k: v for k, v in row.items() if not pd.isna(v) and k not in ("at", "audience")}
        one = today(told, row["audience"])
        figures = [one.get(name, math.nan) for name in many.columns]
        np.testing.assert_allclose(figures, many.iloc[i].to_numpy(), rtol=1e-9, equal_nan=True)
    assert many.notna().any().all()
    assert many.isna().any().all()


def test_a_height_is_carried_by_the_childs_own_percentile(record):
    grown = today(record(3.0, told_before=0.5, sex="male", height_cm=96.0))
    wait = UNTIL_WORN_US / YEAR_US
    expected = stature_later(96.0, 2.5, 3.0 + wait, "male")
    assert (grown["height_cm"], grown[EXPECTED[1]]) == pytest.approx(expected)
    assert grown[EXPECTED[0]] == grown["height_cm"]


def test_of_a_child_never_measured_the_height_of_its_age_is_expected(record):
    grown = today(record(3.0), "girls")
    assert "height_cm" not in grown
    wait = UNTIL_WORN_US / YEAR_US
    assert (grown[EXPECTED[0]], grown[EXPECTED[1]]) == stature(3.0 + wait, "female")


def test_the_more_is_known_of_a_child_the_narrower_its_height(record):
    spreads = [
        today(told)[EXPECTED[1]]
        for told in (
            record(3.0, sex="male", height_cm=96.0),
            record(3.0, sex="male", told_before=1.0, height_cm=88.0),
            record(3.0, sex="male"),
        )
    ]
    assert spreads == sorted(spreads)


def test_of_grown_ups_no_height_is_expected(record):
    grown = today(record(GROWN_UP + 1, height_cm=171.0, told_before=0.9), "women")
    assert not set(EXPECTED) & set(grown)
    assert grown["height_cm"] == 171.0


def test_what_was_told_by_a_grown_up_stays(record):
    told = record(18.6, sex="male", told_before=0.5, height_cm=171.0, foot_length_cm=26.0)
    grown = today(told, "men")
    assert (grown["height_cm"], grown["foot_length_cm"]) == (171.0, 26.0)
    younger = record(17.6, sex="male", told_before=0.5, height_cm=171.0)
    assert today(younger, "men")["height_cm"] > 171.2


def test_girths_are_outgrown_and_weight_and_feet_carried(record):
    stale = 1.01 * STALE_US / YEAR_US
    told = record(4.0, told_before=stale, chest_cm=55.0, weight_kg=16.0, foot_length_cm=16.5)
    grown = today(told)
    assert "chest_cm" not in grown
    assert 16.0 < grown["weight_kg"] < 18.5
    assert 16.5 < grown["foot_length_cm"] < 18.0
    assert today({k: v for k, v in told.items() if k != "birth"}) == {
        k: v for k, v in told.items() if k.endswith("_at")
    }


@pytest.fixture
def family(tables, space):
    """What training and service know of one account's wearer, for a product of a kind."""
    products, sizes = tables["products"], tables["product_sizes"]
    heights = sizes.groupby("product_id")[["height_cm_min", "height_cm_max"]].mean().mean(axis=1)

    def _family(audience, measured, wearer=None, near=None):
        kind = products.loc[products["audience"].eq(audience), "product_id"]
        made = heights.reindex(kind)
        product = kind.iloc[0] if near is None else (made - near).abs().idxmin()
        label = sizes.loc[sizes["product_id"].eq(product), "size_label"].iloc[0]
        asked = pd.Timestamp("2024-06-01", tz="UTC")
        line = (
            tables["order_lines"]
            .iloc[:1]
            .assign(customer_id="F", product_id=product, size_label=label, ordered_at=asked)
        )
        line["wearer"] = np.array([wearer], dtype=object)
        rows = pd.DataFrame(measured).reindex(columns=tables["body_measurements"].columns)
        rows["customer_id"] = "F"
        for column in ("measured_at", "birth_date"):
            rows[column] = pd.to_datetime(rows[column], utc=True)
        for column in ("wearer", "cup", *PERSON_TEXTS):
            rows[column] = rows[column].astype(object)
        told = {**tables, "order_lines": line, "body_measurements": rows}
        trained = line_facts(told, space.scales_).iloc[0]
        question = SizeQuestion(
            product_id=product, customer_id="F", wearer=wearer or "self", asked_at=asked.timestamp()
        )
        found = {k: v for k, v in people_items(rows) if k in person_keys(question)}
        placed = space.scales_.place(products, sizes)
        mids = placed.loc[placed["product_id"].eq(product), "height_mid"]
        served = read_person(question, audience, found, heights=(mids.min(), mids.max()))
        figures = [*BODY_COLUMNS, *EXPECTED]
        np.testing.assert_allclose(
            [served.get(name, math.nan) for name in figures],
            trained[figures].to_numpy(dtype="float64"),
            rtol=1e-9,
            equal_nan=True,
        )
        return served

    return _family


def child(wearer, birth, measured_at="2024-05-25", **told):
    return {"wearer": wearer, "birth_date": birth, "measured_at": measured_at, **told}


def test_a_newer_record_without_the_height_makes_it_no_younger(family):
    old = child("kid", "2021-06-01", "2023-06-01", height_cm=88.0)
    alone = family("boys", [old], "kid")
    newer = family("boys", [old, child("kid", None, "2024-05-20", weight_kg=14.0)], "kid")
    assert newer["height_cm"] == alone["height_cm"] > 93.0
    assert newer["weight_kg"] == pytest.approx(14.0, abs=0.3)


def test_a_girth_told_long_ago_is_outgrown_whatever_was_told_since(family):
    old = child("kid", "2021-06-01", "2023-06-01", chest_cm=51.0)
    newer = family("boys", [old, child("kid", None, "2024-05-20", height_cm=96.0)], "kid")
    assert "chest_cm" not in newer


def test_of_several_children_the_one_the_garment_can_fit_is_meant(family):
    small = child("small", "2023-06-01", "2024-05-01", height_cm=76.0)
    big = child("big", "2015-06-01", "2024-05-20", height_cm=134.0)
    assert family("baby", [small, big], near=75)["height_cm"] < 80
    assert family("boys", [small, big], near=134)["height_cm"] > 130
    later = {**small, "measured_at": "2024-05-30"}
    assert family("girls", [later, big], near=134)["height_cm"] > 130


def test_a_brother_is_not_meant_by_a_garment_for_girls(family):
    sister = child("a", "2018-06-01", "2024-05-01", height_cm=116.0, sex="female")
    brother = child("b", "2018-06-01", "2024-05-20", height_cm=117.0, sex="male")
    assert family("girls", [sister, brother])["sex"] == "female"
    assert family("boys", [sister, brother])["sex"] == "male"


def test_a_child_that_cannot_wear_the_garment_is_not_meant_for_want_of_another(family):
    big = child("big", "2014-06-01", height_cm=139.0, sex="male")
    assert not family("baby", [big], near=75)
    assert not family("girls", [{**big, "height_cm": 128.0}], near=128)
    assert family("boys", [big], near=134)["height_cm"] > 138


def test_of_children_alike_the_one_last_measured_is_meant(family):
    one = child("a", "2018-06-01", "2024-05-01", height_cm=116.0)
    other = child("b", "2018-06-01", "2024-05-20", height_cm=119.0)
    assert family("girls", [one, other])["height_cm"] > 118.0
    again = {**one, "measured_at": "2024-05-25"}
    assert family("girls", [again, other])["height_cm"] < 118.0


def test_a_child_without_a_height_is_judged_by_its_age(family):
    baby = child("a", "2024-01-01", chest_cm=43.0)
    big = child("b", "2014-06-01", "2024-05-01", chest_cm=70.0)
    assert family("boys", [baby, big], near=140)["chest_cm"] == 70.0
    assert family("baby", [baby, big], near=65)["chest_cm"] == 43.0


def test_a_wearer_who_is_no_child_any_more_is_not_meant(family):
    grown = child("a", "2006-01-01", "2020-01-01", height_cm=160.0)
    told = [grown, {**grown, "measured_at": "2024-05-01", "height_cm": 178.0}]
    assert "height_cm" not in family("boys", told)


def test_a_question_that_tells_an_age_means_the_child_of_that_age():
    rows = pd.DataFrame(
        [
            child("a", "2023-06-01", height_cm=76.0, chest_cm=46.0),
            child("b", "2016-06-01", "2024-05-01", height_cm=128.0, chest_cm=64.0),
        ]
    )
    rows["customer_id"] = "F"
    for column in (*FIGURES, "cup", "age_years", *PERSON_TEXTS):
        rows[column] = rows.get(column, np.nan)
    for column in ("measured_at", "birth_date"):
        rows[column] = pd.to_datetime(rows[column], utc=True)
    asked = pd.Timestamp("2024-06-01", tz="UTC").timestamp()
    for age, chest in ((1.0, 46.0), (8.0, 64.0), (4.0, None)):
        question = SizeQuestion(
            product_id="p", asked_at=asked, customer_id="F", measurements={"age_years": age}
        )
        person = read_person(question, "boys", dict(people_items(rows)))
        assert person.get("chest_cm") == chest
        assert person["age_years"] == pytest.approx(age, rel=0.01)


def test_the_state_holds_every_child_once_and_no_moment_that_goes_without_saying():
    rows = pd.DataFrame(
        [
            child("a", "2023-06-01", "2024-01-01", height_cm=76.0),
            child("a", "2023-06-01", "2024-03-01", weight_kg=10.0),
            child("b", "2016-06-01", "2024-05-01", height_cm=128.0),
        ]
    )
    rows["customer_id"] = "F"
    for column in (*FIGURES, "cup", "age_years", *PERSON_TEXTS):
        rows[column] = rows.get(column, np.nan)
    for column in ("measured_at", "birth_date"):
        rows[column] = pd.to_datetime(rows[column], utc=True)
    items = {key: orjson.loads(value) for key, value in people_items(rows)}
    (children,) = [value for key, value in items.items() if key.startswith("child_facts")]
    assert [each.get("height_cm") for each in children] == [76.0, 128.0]
    first = to_micros(rows["measured_at"]).iloc[0]
    assert children[0]["at"] == {"height_cm": float(first)}
    assert "at" not in children[1]
    assert body_of(children[1])[BODY_COLUMNS.index("height_cm")] == 128.0


@pytest.mark.parametrize("age", [0.0, 1.0, 3.0])
def test_a_rounded_age_in_a_question_is_read_as_one_in_the_tables(age):
    asked = pd.Timestamp("2024-12-01", tz="UTC")
    told = pd.DataFrame(
        [
            child("a", "2023-06-01", height_cm=76.0),
            {"wearer": "a", "measured_at": asked, "age_years": age},
        ]
    )
    told["customer_id"] = "F"
    for column in (*FIGURES, "cup", "age_years", *PERSON_TEXTS):
        told[column] = told.get(column, np.nan)
    for column in ("measured_at", "birth_date"):
        told[column] = pd.to_datetime(told[column], utc=True)
    kept = dict(people_items(told.iloc[:1]))
    question = SizeQuestion(
        product_id="p",
        asked_at=asked.timestamp(),
        customer_id="F",
        wearer="a",
        measurements={"age_years": age},
    )
    served = read_person(question, "boys", kept)
    plain = SizeQuestion(product_id="p", asked_at=asked.timestamp(), customer_id="F", wearer="a")
    recorded = read_person(plain, "boys", dict(people_items(told)))
    assert served["age_years"] == recorded["age_years"]
    assert served["age_years"] == pytest.approx(1.5 if age == 1.0 else age, abs=0.01)
    assert "birth_date" not in served


@pytest.mark.parametrize(
    ("name", "value", "low", "high"),
    [("weight_kg", 400.0, 10.0, 60.0), ("weight_kg", 1.0, 5.0, 60.0),
     ("foot_length_cm", 45.0, 5.0, 45.0), ("height_cm", 250.0, 100.0, 250.0)],
)  # fmt: skip
def test_a_slip_at_birth_does_not_grow_beyond_all_bounds(name, value, low, high):
    facts, record = growing(name, value)
    served = dict(record)
    growing_body_one(served, "boys", facts["at"].iloc[0])
    assert low <= served[name] <= high
    assert growing_body(facts)[name].iloc[0] == pytest.approx(served[name])


def growing(name, value):
    """A boy of six of whom one figure was told at birth, as facts and as a record."""
    record = {"birth": 0.0, "sex": "male", name: value, moment(name): 0.0}
    facts = {**dict.fromkeys((*OUTGROWN, *map(moment, OUTGROWN)), np.nan), **record}
    return pd.DataFrame([{**facts, "at": 6.0 * YEAR_US, "audience": "boys"}]), record
