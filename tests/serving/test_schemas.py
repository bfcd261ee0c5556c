import datetime as dt
from typing import get_args

import pytest
from asgi import ask

from data_contracts.tables import BODY_RANGES, FIT_PREFERENCE, TABLES
from serving.measures import Measurements
from serving.schemas import SizeAdviceRequest, SizeAdviceResponse

KNOWN = {"product_id": "dress", "measurements": {"height_cm": 171}}


def errors_of(answer):
    assert answer.status == 422
    return {error["field"]: error["reason"] for error in answer.json["errors"]}


def test_vocabulary_is_the_contracts():
    preference = Measurements.model_fields["fit_preference"].annotation
    assert get_args(get_args(preference)[0]) == FIT_PREFERENCE
    columns = {column.name for column in TABLES["body_measurements"].columns}
    of_a_body = columns - {"customer_id", "wearer", "measured_at"}
    written = {name.rsplit("_", 1)[0] for name in BODY_RANGES}
    assert set(Measurements.model_fields) == of_a_body | written | {"bra"}


def test_every_answer_keeps_the_response_schema(app):
    for product in ("dress", "shoe", "scarf", "never-seen"):
        for measurements in ({}, {"height_cm": 171}):
            for extra in ({}, {"locale": "it"}, {"show_in": ["US", "EU"]}, {"locale": "ja"}):
                answer = ask(
                    app, body={"product_id": product, "measurements": measurements, **extra}
                )
                assert answer.status == 200
                SizeAdviceResponse.model_validate_json(answer.body, strict=True)


@pytest.mark.parametrize("name", sorted(BODY_RANGES))
def test_a_body_beyond_the_bound_is_refused_with_the_bound(app, name):
    low, high, unit = BODY_RANGES[name]
    bound = f"must be between {low:g} and {high:g} {unit}"
    for value in (low - 1, high + 1, -1e300, 1e300):
        body = {"product_id": "dress", "measurements": {name: value}}
        assert errors_of(ask(app, body=body)) == {f"measurements.{name}": bound}
    for value in (low, high):
        body = {"product_id": "dress", "measurements": {name: value}}
        assert ask(app, body=body).status == 200


def test_eighteen_metres_names_value_and_bound(app):
    answer = ask(app, body={"product_id": "dress", "measurements": {"height_cm": 1800}})
    assert answer.json["errors"] == [
        {
            "field": "measurements.height_cm",
            "reason": "must be between 30 and 250 cm",
            "value": 1800,
        }
    ]


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        ({}, "product_id", "is required"),
        ({"product_id": ""}, "product_id", "must not be empty"),
        ({"product_id": None}, "product_id", "must be text"),
        ({"product_id": True}, "product_id", "must be text"),
        ({"product_id": ["dress"]}, "product_id", "must be text"),
        ({"product_id": "x" * 201}, "product_id", "must have at most 200 characters"),
        ({**KNOWN, "market": "Germany"}, "market", "must be a two-letter code, such as DE"),
        ({**KNOWN, "locale": "not a locale!"}, "locale", "is not a language tag"),
        ({**KNOWN, "locale": ""}, "locale", "must not be empty"),
        ({**KNOWN, "size": "M"}, "size", "known are product_id, market"),
        ({**KNOWN, "show_in": ["MARS"]}, "show_in[0]", "must be one of 'ALPHA', 'US'"),
        ({**KNOWN, "show_in": "EU"}, "show_in", "must be a list"),
        ({**KNOWN, "candidate_sizes": [""]}, "candidate_sizes[0]", "must not be empty"),
        ({**KNOWN, "measurements": []}, "measurements", "must be an object"),
        (
            {"product_id": "dress", "measurements": {"size_cm": 171}},
            "measurements.size_cm",
            "known are height_cm",
        ),
        (
            {"product_id": "dress", "measurements": {"height_cm": "171"}},
            "measurements.height_cm",
            "must be a finite number",
        ),
        (
            {"product_id": "dress", "measurements": {"height_cm": True}},
            "measurements.height_cm",
            "must be a finite number",
        ),
        (
            {"product_id": "dress", "measurements": {"age_years": 130}},
            "measurements.age_years",
            "must be between 0 and 120 years",
        ),
        (
            {"product_id": "dress", "measurements": {"birth_date": "2999-01-01"}},
            "measurements.birth_date",
            "a child may be expected, up to 280 days from today",
        ),
        (
            {"product_id": "dress", "measurements": {"fit_preference": "baggy"}},
            "measurements.fit_preference",
            "must be one of 'tight', 'regular' or 'loose'",
        ),
    ],
)
def test_a_bad_value_is_named_with_its_reason(app, body, field, reason):
    found = errors_of(ask(app, body=body))
    assert list(found) == [field]
    assert reason in found[field]
    in_list = errors_of(ask(app, body=[KNOWN, body]))
    assert list(in_list) == [f"[1].{field}"]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_number_that_is_none_is_refused(app, number):
    body = b'{"product_id": "dress", "measurements": {"height_cm": %s}}' % number.encode()
    answer = ask(app, body=body)
    assert answer.status == 422
    assert answer.json["errors"][0]["reason"] == "must be a finite number"


def test_null_is_the_same_as_not_sent(app):
    nulls = dict.fromkeys(SizeAdviceRequest.model_fields)
    measurements = dict.fromkeys(Measurements.model_fields)
    bare = ask(app, body={"product_id": "dress"}).json
    sent = ask(app, body={**nulls, "product_id": "dress"}).json
    deep = ask(app, body={"product_id": "dress", "measurements": measurements}).json
    del bare["request_id"], sent["request_id"], deep["request_id"]
    assert bare == sent == deep


def test_numbers_as_ids_and_labels_are_taken_as_text(app):
    request = SizeAdviceRequest.model_validate_json(
        b'{"product_id": 17, "customer_id": 4, "candidate_sizes": [38, 38.5]}'
    )
    question = request.question(0.0)
    assert (question.product_id, question.customer_id) == ("17", "4")
    assert question.candidate_sizes == ("38", "38.5")
    assert ask(app, body={"product_id": "shoe", "candidate_sizes": [38, 40]}).status == 200


def test_birth_date_is_asked_as_age_at_the_moment():
    body = b'{"product_id": "p", "market": "de", "measurements": {"birth_date": "2024-01-01"}}'
    at = dt.datetime(2025, 1, 1, tzinfo=dt.UTC).timestamp()
    question = SizeAdviceRequest.model_validate_json(body).question(at)
    assert question.measurements == {"age_years": pytest.approx(1.0, abs=0.01)}
    assert question.market == "DE"
    assert question.wearer == "self"
