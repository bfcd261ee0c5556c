import json

import orjson
import pytest
from answering import use_sizes
from asgi import ask
from hypothesis import given
from hypothesis import strategies as st

from serving import problems
from serving.problems import field_path

KNOWN = {"product_id": "dress", "measurements": {"height_cm": 171}}


def assert_problem(answer, status):
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json
    assert problem["status"] == status
    assert problem["type"].startswith("urn:muslin:problem:")
    for member in ("title", "detail", "instance", "request_id"):
        assert problem[member]
    assert problem["request_id"] in problem["instance"]
    assert "Traceback" not in answer.body.decode()
    return problem


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"product_id": "dress"', b"\xff\xfe", b'{"a": "\\ud800"}', b"[" * 30, b"nul"],
)
def test_malformed_json_says_where(app, body):
    problem = assert_problem(ask(app, body=body), 400)
    assert "line 1 column" in problem["detail"]


@pytest.mark.parametrize("body", [b"5", b'"dress"', b"null", b"true", b"[[]]", b"[5]"])
def test_json_that_is_no_object_is_refused(app, body):
    problem = assert_problem(ask(app, body=body), 422)
    assert problem["errors"][0]["reason"] == "must be an object"


def test_a_size_the_product_lacks_is_told_the_sizes_it_has(app):
    body = {**KNOWN, "candidate_sizes": ["M", "XXXL"]}
    problem = assert_problem(ask(app, body=body), 422)
    assert problem["type"].endswith(":unknown-size")
    assert problem["errors"] == [
        {
            "field": "candidate_sizes[1]",
            "reason": "product dress has no size 'XXXL'; its sizes are S, M, L, XL",
            "value": "XXXL",
        }
    ]
    problem = assert_problem(ask(app, body=[KNOWN, body]), 422)
    assert problem["errors"][0]["field"] == "[1].candidate_sizes[1]"
    problem = assert_problem(ask(app, body={"product_id": "scarf", "candidate_sizes": ["M"]}), 422)
    assert "not sold by size" in problem["detail"]


def test_sizes_of_an_unknown_product_are_no_error(app):
    answer = ask(app, body={"product_id": "never-seen", "candidate_sizes": ["M"]})
    assert answer.status == 200
    assert answer.json["status"] == "unknown_product"


def test_a_large_body_is_refused_before_it_is_read(app):
    answer = ask(app, body=b"", headers={"content-length": "10000000"}, chunks=[])
    assert "1000000 bytes" in assert_problem(answer, 413)["detail"]


def test_a_large_streamed_body_is_refused_when_it_grows_too_large(app):
    taken = []

    def chunks():
        for _ in range(100):
            taken.append(1)
            yield b" " * 100_000

    assert_problem(ask(app, headers={}, chunks=chunks()), 413)
    assert_problem(ask(app, chunks=[b" " * 10_000_000]), 413)


def test_a_streamed_body_is_answered_like_a_whole_one(app):
    body = orjson.dumps(KNOWN)
    streamed = ask(app, chunks=[body[:5], b"", body[5:]])
    assert streamed.json["recommended"] == ask(app, body=KNOWN).json["recommended"]


def test_a_client_that_leaves_gets_no_answer(app):
    assert ask(app, messages=[{"type": "http.request", "body": b"{", "more_body": True}]) is None
    assert ask(app, messages=[]) is None


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "json"])
def test_another_content_type_is_refused(app, kind):
    problem = assert_problem(ask(app, body=KNOWN, headers={"content-type": kind}), 415)
    assert "application/json" in problem["detail"]


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "Application/JSON", "application/ld+json", None]
)
def test_json_by_any_name_is_read(app, kind):
    assert ask(app, body=KNOWN, headers={"content-type": kind}).status == 200


def test_a_compressed_body_is_refused(app):
    assert_problem(ask(app, body=KNOWN, headers={"content-encoding": "gzip"}), 415)


def test_unknown_path_and_wrong_method(app):
    assert "/v1/size-advice" in assert_problem(ask(app, "/v2/nothing"), 404)["detail"]
    answer = ask(app, method="GET")
    assert_problem(answer, 405)
    assert answer.headers["allow"] == "POST"
    answer = ask(app, "/livez", method="DELETE")
    assert_problem(answer, 405)
    assert answer.headers["allow"] == "GET, HEAD"


def test_a_list_up_to_the_limit_is_answered_and_one_more_refused(app):
    questions = [{**KNOWN, "measurements": {"height_cm": 150 + n % 40}} for n in range(1000)]
    answers = ask(app, body=questions).json
    assert len(answers) == 1000
    single = [ask(app, body=question).json["recommended"] for question in questions[:40]]
    assert [answer["recommended"] for answer in answers[:40]] == single
    problem = assert_problem(ask(app, body=[*questions, KNOWN]), 422)
    assert "must have at most 1000 items" in problem["detail"]
    assert ask(app, body=b" []").json == []


def test_many_errors_are_counted_and_the_first_shown(app):
    problem = assert_problem(ask(app, body=[{}] * 500), 422)
    assert problem["error_count"] == 500
    assert len(problem["errors"]) == 20


def test_a_failure_inside_is_a_problem_without_its_cause(app, caplog):
    class Broken:
        def look_up(self, questions):
            raise ZeroDivisionError("the secret of the house")

        def label(self):
            from serving.advisor import ModelLabel

            return ModelLabel("size_fit", "1")

    use_sizes(app, Broken())
    answer = ask(app, body=KNOWN)
    assert_problem(answer, 500)
    assert b"secret" not in answer.body
    # Which request it was stands in the line's own field: see tests/serving/observe.
    assert "a request to /v1/size-advice failed" in caplog.text
    assert "the secret of the house" in caplog.text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["product_id", "measurements", "height_cm", "locale", "show_in", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@given(body=JSON.map(lambda value: json.dumps(value).encode()))
def test_no_json_makes_the_service_fail(fuzzed_app, body):
    assert ask(fuzzed_app, body=body).status in (200, 422)


@given(body=st.binary(max_size=200))
def test_no_bytes_make_the_service_fail(fuzzed_app, body):
    assert ask(fuzzed_app, body=body).status in (200, 400, 422)


@given(locale=st.text(max_size=40))
def test_no_locale_makes_the_service_fail(fuzzed_app, locale):
    assert ask(fuzzed_app, body={"product_id": "dress", "locale": locale}).status in (200, 422)


def test_field_paths_read_like_code():
    assert field_path((3, "measurements", "cup")) == "[3].measurements.cup"
    assert field_path(("candidate_sizes", 0)) == "candidate_sizes[0]"
    assert field_path(()) == ""


def test_so_many_errors_that_naming_them_would_hold_others_up_are_only_counted(app, monkeypatch):
    named = []
    made = problems._field_error
    monkeypatch.setattr(
        problems, "_field_error", lambda *found: (named.append(found), made(*found))[1]
    )
    assert_problem(ask(app, body=[{}] * 500), 422)
    assert len(named) == 20

    def written_out(*_):
        raise AssertionError("tens of thousands of findings were written out")

    monkeypatch.setattr(problems, "_field_error", written_out)
    body = {f"field_{n}": 0 for n in range(40_000)} | KNOWN
    problem = assert_problem(ask(app, body=body), 422)
    assert problem["type"].endswith(":invalid-value")
    assert problem["error_count"] == 40_000
    assert "errors" not in problem
    assert "40000 fields" in problem["detail"]
