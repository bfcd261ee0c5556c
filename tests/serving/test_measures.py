"""Figures of a body in any unit, in every request that takes them."""

import datetime as dt

import pytest
from asgi import ask
from pydantic import ValidationError

from data_contracts.tables import BODY_RANGES
from serving.measures import Measurements

REQUESTS = {
    "/v1/size-advice": {"product_id": "dress"},
    "/v1/return-risk": {"lines": [{"product_id": "dress", "size": "M"}]},
}
WRITTEN = {name: name.rsplit("_", 1)[0] for name in BODY_RANGES}


def known(**told):
    return Measurements.model_validate(told).known(0.0)


def refused(app, **told):
    answer = ask(app, body={"product_id": "dress", "measurements": told})
    assert answer.status == 422, answer.body
    return {error["field"]: error["reason"] for error in answer.json["errors"]}


@pytest.mark.parametrize(
    ("told", "name", "figure"),
    [
        ({"height": "5 ft 6 in"}, "height_cm", 167.64),
        ({"height": "5'6\""}, "height_cm", 167.64),
        ({"height": "66 in"}, "height_cm", 167.64),
        ({"height": "1.68 m"}, "height_cm", 168.0),
        ({"height": "１６８ｃｍ"}, "height_cm", 168.0),
        ({"weight": "140 lb"}, "weight_kg", 63.503),
        ({"weight": "9 st 4"}, "weight_kg", 58.967),
        ({"chest": "36 in"}, "chest_cm", 91.44),
        ({"waist": "30 in"}, "waist_cm", 76.2),
        ({"hip": "38 1/2 in"}, "hip_cm", 97.79),
        ({"foot_length": "245 mm"}, "foot_length_cm", 24.5),
    ],
)
def test_a_figure_with_its_unit_is_the_contract_s_figure(told, name, figure):
    assert known(**told) == {name: pytest.approx(figure, abs=0.01)}


@pytest.mark.parametrize("path", REQUESTS)
def test_every_request_takes_a_figure_in_any_unit(app, path):
    for told in ({"height": "5 ft 6 in", "weight": "140 lb"}, {"height_cm": 167.64}):
        assert ask(app, path, body={**REQUESTS[path], "measurements": told}).status == 200
    inches = ask(app, path, body={**REQUESTS[path], "measurements": {"height": "66"}})
    assert inches.status == 422
    assert inches.json["errors"][0]["field"] == "measurements.height"


def test_the_unit_makes_no_difference_to_the_answer(app):
    metric = {"product_id": "dress", "measurements": {"height_cm": 182.88}}
    feet = {"product_id": "dress", "measurements": {"height": "6 ft"}}
    one, other = ask(app, body=metric).json, ask(app, body=feet).json
    del one["request_id"], other["request_id"]
    assert one == other
    assert one["status"] == "advised"


@pytest.mark.parametrize("name", sorted(BODY_RANGES))
def test_a_bare_number_is_refused_with_the_forms_that_are_taken(app, name):
    written = WRITTEN[name]
    unit = BODY_RANGES[name][2]
    reason = refused(app, **{written: "66"})[f"measurements.{written}"]
    assert "names no unit" in reason
    assert f" {unit}" in reason
    assert " in" in reason or " lb" in reason
    reason = refused(app, **{written: 66})[f"measurements.{written}"]
    assert "text with its unit" in reason
    assert f"goes into {name}" in reason


@pytest.mark.parametrize("name", sorted(BODY_RANGES))
def test_an_impossible_body_is_refused_with_the_bounds_in_both_measures(app, name):
    low, high, unit = BODY_RANGES[name]
    other, factor = {"cm": ("in", 2.54), "kg": ("lb", 0.45359237)}[unit]
    for figure in (low / factor * 0.9, high / factor * 1.1):
        text = f"{figure:.4f} {other}"
        reason = refused(app, **{WRITTEN[name]: text})[f"measurements.{WRITTEN[name]}"]
        assert repr(text) in reason
        assert f"between {low:g} and {high:g} {unit}" in reason
        assert f"{low / factor:.3g} to {high / factor:.3g} {other}" in reason
    inside = f"{(low + high) / 2 / factor:.2f} {other}"
    body = {"product_id": "dress", "measurements": {WRITTEN[name]: inside}}
    assert ask(app, body=body).status == 200


@pytest.mark.parametrize("text", ["tall", "66 lb", "5 ft 6 lb", "", "-66 in", "x" * 61])
def test_what_is_no_height_is_refused(app, text):
    assert list(refused(app, height=text)) == ["measurements.height"]


def test_two_forms_of_a_figure_that_disagree_are_refused_by_both_names(app):
    reason = refused(app, height_cm=180, height="5 ft 6 in")["measurements.height"]
    for part in ("height '5 ft 6 in'", "167.6 cm", "height_cm is 180 cm"):
        assert part in reason
    assert list(refused(app, weight_kg=140, weight="140 lb")) == ["measurements.weight"]


def test_two_forms_of_a_figure_that_agree_but_for_rounding_are_taken():
    assert known(height_cm=168, height="5 ft 6 in") == {"height_cm": 168}
    assert known(weight_kg=63.5, weight="140 lb") == {"weight_kg": 63.5}


def test_a_figure_that_is_beyond_its_bounds_is_told_once(app):
    assert list(refused(app, height_cm=1800, height="5 ft 6 in")) == ["measurements.height_cm"]


def test_no_unit_is_taken_from_a_number():
    with pytest.raises(ValidationError, match="height"):
        Measurements.model_validate_json(b'{"height": 66}')


@pytest.mark.parametrize(
    ("bra", "market", "chest", "cup"),
    [
        ("34DD", "US", 96, "e"),
        ("34 dd", "GB", 96, "e"),
        ("75E", "DE", 96, "e"),
        ("80B", "DE", 95, "b"),
        ("80B", "FR", 80, "b"),
        ("10D", "AU", 89, "d"),
        ("B75", "JP", 87.5, "a"),
        ("2C", "IT", 87, "c"),
    ],
)
def test_a_bra_tells_chest_and_cup_as_its_market_means_it(bra, market, chest, cup):
    told = Measurements(bra=bra).known(0.0, market)
    assert told == {"chest_cm": pytest.approx(chest, abs=2), "cup": cup}


def test_a_bra_that_is_another_in_each_market_tells_no_chest_without_one():
    assert known(bra="80B") == {"cup": "b"}
    assert "chest_cm" in known(bra="34DD"), "the same in every market that writes it so"


def test_what_was_measured_goes_before_the_bra():
    told = Measurements(bra="34DD", chest_cm=92.0).known(0.0, "US")
    assert told == {"chest_cm": 92.0, "cup": "e"}
    told = Measurements(bra="34DD", chest="36 in", cup="dd").known(0.0, "US")
    assert told == {"chest_cm": pytest.approx(91.44), "cup": "dd"}


@pytest.mark.parametrize("bra", ["38", "DD", "blue", "34ZZ"])
def test_what_is_no_bra_is_refused_with_what_is(app, bra):
    assert "34DD, 80B or B75" in refused(app, bra=bra)["measurements.bra"]


def test_a_bra_against_another_figure_is_refused_by_both_names(app):
    reason = refused(app, bra="34DD", cup="a")["measurements.bra"]
    assert "'34DD'" in reason
    assert "cup 'a'" in reason
    for chest in ({"chest_cm": 120}, {"chest": "1.2 m"}):
        reason = refused(app, bra="34DD", **chest)["measurements.bra"]
        assert "95 to 97 cm" in reason
        assert "120 cm" in reason


@pytest.mark.parametrize("path", REQUESTS)
def test_every_request_takes_a_bra(app, path):
    asked = {**REQUESTS[path], "market": "DE", "measurements": {"bra": "80B"}}
    assert ask(app, path, body=asked).status == 200


@pytest.mark.parametrize("path", REQUESTS)
def test_a_child_may_be_expected_and_no_later_than_one_can_be(app, path):
    today = dt.datetime.now(dt.UTC).date()
    for days, status in ((0, 200), (100, 200), (279, 200), (290, 422)):
        due = {"birth_date": str(today + dt.timedelta(days=days))}
        answer = ask(app, path, body={**REQUESTS[path], "measurements": due})
        assert answer.status == status, answer.body
    (error,) = answer.json["errors"]
    assert error["field"] == "measurements.birth_date"
    latest = str(today + dt.timedelta(days=280))
    assert latest in error["reason"] or str(today) not in error["reason"]  # midnight has passed


def test_the_age_of_an_expected_child_is_below_nothing():
    today = dt.datetime.now(dt.UTC)
    due = Measurements(birth_date=today.date() + dt.timedelta(days=100))
    assert due.known(today.timestamp())["age_years"] == pytest.approx(-100 / 365.25, abs=0.01)
