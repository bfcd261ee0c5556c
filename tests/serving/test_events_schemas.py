import datetime as dt

import orjson
import pytest
from asgi import ask

from data_contracts.tables import SELF, TABLES
from features.live.rows import KINDS, LATER, MOMENT, TABLE_OF
from features.stores import open_event_log
from serving.events.accepted import AHEAD_S
from serving.events.examples import EXAMPLES
from serving.events.schemas import COLUMNS, SIZES

PATH = "/v1/events"


def event(kind, /, **data):
    """The example of a kind with some of its data told otherwise; ... leaves a field out."""
    example = EXAMPLES[kind]
    told = {name: value for name, value in {**example["data"], **data}.items() if value is not ...}
    return {**example, "data": told}


def logged(settings):
    with open_event_log(settings.events_url) as log:
        return {each.event_id: each for each in log.read(0, 1_000)}


def refused(app, body):
    answer = ask(app, PATH, body=body)
    assert answer.status == 422, answer.body
    return {each["field"]: each["reason"] for each in answer.json["errors"]}


def micros(text):
    return round(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp() * 1e6)


def test_the_example_of_every_kind_is_logged_as_a_row_of_its_table(app, settings):
    assert set(EXAMPLES) == set(KINDS)
    assert ask(app, PATH, body=list(EXAMPLES.values())).json["accepted"] == len(KINDS)
    log = logged(settings)
    for kind, example in EXAMPLES.items():
        found = log[example["event_id"]]
        row = orjson.loads(found.body)
        names = [each.name for each in COLUMNS[kind]]
        sizes = row.pop("sizes") if kind == "product" else []
        assert list(row) == [name for name in names if name in row]  # in the contract's order
        times = {each.name for each in TABLES[TABLE_OF[kind]].columns if each.kind == "time"}
        assert all(type(row[name]) is int for name in times & set(row))
        if kind not in ("product", "customer"):
            assert found.at == row[MOMENT[kind]]
        for size in sizes:
            assert size["product_id"] == row["product_id"]
            assert set(TABLES["product_sizes"].required) <= set(size)


def test_times_are_microseconds_and_without_a_zone_utc(app, settings):
    for place, told in enumerate(
        ["2025-05-02T10:05:00.25+02:00", "2025-05-02T08:05:00.250000", "2025-05-02T08:05:00.25Z"]
    ):
        line = event("order_line", ordered_at=told, order_line_id=str(place))
        assert ask(app, PATH, body={**line, "event_id": str(place)}).status == 202
    moment = micros("2025-05-02T08:05:00.25")
    assert {each.at for each in logged(settings).values()} == {moment}


def test_the_same_content_is_the_same_event_however_it_is_written(app):
    first = event("order_line", unit_price=60, promised_at=None)
    assert ask(app, PATH, body=first).json["accepted"] == 1
    data = dict(reversed(first["data"].items()))
    data |= {"unit_price": 60.0, "ordered_at": "2025-05-02T10:05:00+02:00"}
    del data["promised_at"]
    again = {"data": data, "kind": "order_line", "event_id": first["event_id"]}
    again["at"] = "2025-05-02T08:05Z"
    assert ask(app, PATH, body=again).json["duplicates"] == 1


def _breaks():
    """Each rule of the contracts, broken: kind, column, a value that is not accepted."""
    for kind, columns in COLUMNS.items():
        required = {MOMENT[kind]} - {"launched_at", "registered_at"}
        for column in columns:
            name = column.name
            if (column.required or name in required) and column.default is None:
                yield kind, name, ...
                yield kind, name, None
            if column.allowed is not None:
                yield kind, name, "none of these"
            elif column.pattern is not None:
                yield kind, name, "?"
            elif column.kind == "text":
                yield kind, name, ""
                yield kind, name, True
            if column.kind == "text" and column.allowed is None and column.pattern is None:
                long = (
                    40 if kind == "measurement" and name in ("cup", "body_shape", "sex") else 1000
                )
                yield kind, name, "x" * (long + 1)
                if kind != "measurement" or name in ("customer_id", "wearer"):
                    yield kind, name, "a\0b"
                    yield kind, name, "a\x1fb"
                    yield kind, name, " "
            if column.minimum is not None:
                yield kind, name, column.minimum - 1
            if column.maximum is not None:
                yield kind, name, column.maximum + 1
            if column.kind == "number":
                yield kind, name, "12"
                yield kind, name, 1e300
            if column.kind == "integer":
                yield kind, name, 1.5
                yield kind, name, 2**60
            if column.kind == "boolean":
                yield kind, name, 1
            if column.kind == "time":
                yield kind, name, "yesterday"
                yield kind, name, 1_700_000_000
            if column.kind == "text_list":
                yield kind, name, "red"
                yield kind, name, [""]


@pytest.mark.parametrize("kind", KINDS)
def test_each_rule_of_the_contract_is_kept_and_the_field_named(app, settings, kind):
    broken = [each for each in _breaks() if each[0] == kind]
    assert len(broken) > 3
    for _, name, value in broken:
        told = refused(app, event(kind, **{name: value}))
        fields = [field for field in told if field.startswith(f"data.{name}")]
        assert fields, (name, value, told)
        assert told[fields[0]]
    assert not logged(settings)


@pytest.mark.parametrize("kind", KINDS)
def test_rules_across_columns_are_kept(app, kind):
    names = {each.name for each in COLUMNS[kind]}
    rules = [r for r in TABLES[TABLE_OF[kind]].rules if {r.left, r.right} <= names]
    for rule in rules:
        told = event(kind, **{rule.left: "1999-05-01", rule.right: "1999-05-02"})
        assert f"must not be before {rule.right}" in refused(app, told)[f"data.{rule.left}"]


def test_sizes_of_a_product_are_checked_each(app):
    small = EXAMPLES["product"]["data"]["sizes"][0]
    for size, field in [
        ({**small, "chest_cm_min": 5}, "chest_cm_min"),
        ({**small, "chest_cm_min": 90}, "chest_cm_min"),  # above the greatest
        ({"size_label": "M"}, "size_rank"),
        ({**small, "colour": "red"}, "colour"),
        ({**small, "size_label": "L"}, "size_label"),  # a second L
    ]:
        sizes = [{**small, "size_label": "L"}, size]
        told = refused(app, event("product", sizes=sizes))
        assert list(told) == [f"data.sizes[1].{field}"], told
    assert {each.name for each in SIZES} >= set(small)
    assert ask(app, PATH, body=event("product", sizes=...)).status == 202


@pytest.mark.parametrize("kind", KINDS)
def test_what_no_contract_knows_is_refused(app, kind):
    assert "is not a known field" in refused(app, event(kind, rating=5))["data.rating"]
    assert "is not a known field" in refused(app, {**EXAMPLES[kind], "id": 1})["id"]


def test_what_is_known_later_belongs_to_a_later_event(app):
    for name, other in (("delivered_at", "delivery"), ("shipped_at", "shipment")):
        told = refused(app, event("order_line", **{name: "2025-05-05T12:00:00Z"}))
        assert told == {f"data.{name}": f"is told by an event of kind {other!r}"}
    told = refused(app, event("return", condition="worn", resolution="refunded"))
    assert told == {
        "data.condition": "is told by an event of kind 'inspection'",
        "data.resolution": "is told by an event of kind 'settlement'",
    }
    for kind, names in LATER.items():
        assert names <= {each.name for each in COLUMNS[kind]}


def test_figures_of_a_body_come_in_any_unit(app, settings):
    written = event(
        "measurement", height="5 ft 6 in", weight="140 lb", weight_kg=..., birth_date="1990-02-01"
    )
    assert ask(app, PATH, body=written).status == 202
    (found,) = logged(settings).values()
    row = orjson.loads(found.body)
    assert row["height_cm"] == pytest.approx(167.64)
    assert row["weight_kg"] == pytest.approx(63.5, abs=0.01)
    assert row["wearer"] == SELF
    assert row["birth_date"] == micros("1990-02-01")
    assert "age_years" not in row
    assert set(row) <= set(TABLES["body_measurements"].names)
    assert set(refused(app, event("measurement", height="tall"))) == {"data.height"}


def test_ids_are_text_of_a_length_every_store_takes(app):
    delivery = EXAMPLES["delivery"]
    for bad in ("", "x" * 257, "a\0b", " ", None, ["a"]):
        assert "event_id" in str(refused(app, {**delivery, "event_id": bad}).keys())
    for good in ("x" * 256, 17, "Bestellung/ä-1"):
        assert ask(app, PATH, body={**delivery, "event_id": good}).status == 202


def test_a_moment_ahead_of_the_clock_is_refused(app):
    now = dt.datetime.now(dt.UTC)
    soon, later = (
        (now + dt.timedelta(seconds=seconds)).isoformat() for seconds in (AHEAD_S / 2, AHEAD_S * 2)
    )
    told = refused(app, event("delivery", delivered_at=later))
    assert "ahead of the clock" in told["data.delivered_at"]
    assert "ahead of the clock" in refused(app, {**event("product"), "at": later})["at"]
    assert ask(app, PATH, body=event("delivery", delivered_at=soon)).status == 202
    # A promise or a launch is about the future; only the event itself cannot be.
    assert ask(app, PATH, body=event("order_line", promised_at=later)).status == 202
    assert ask(app, PATH, body=event("product", launched_at=later)).status == 202


def test_the_moment_is_told_once_or_twice_the_same(app):
    delivery = EXAMPLES["delivery"]
    assert "same as data.delivered_at" in refused(app, {**delivery, "at": "2025-05-05"})["at"]
    assert refused(app, {**delivery, "at": "soon"})["at"].startswith("must be a time")
    for kind in ("product", "customer"):  # what they tell may have been so for years
        told = {name: value for name, value in EXAMPLES[kind].items() if name != "at"}
        assert refused(app, told) == {"at": "is required"}
