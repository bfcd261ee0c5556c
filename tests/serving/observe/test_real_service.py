"""What a real service with two workers tells: its log, its metrics, its traces."""

import re
import socket
import time
from collections.abc import Iterator
from importlib.resources import files

import orjson
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from serving.observe.counts import BOUNDS_S
from serving.openapi import OPERATIONS

from .conftest import until

CUSTOMER = "c-MARKED-7731"
WORDS = "my neighbour KNOWS-4471"
HEIGHT = 173.37
PATH = "MARKED-PATH-88"
SENT = "MARKED-HEADER-55"
MARKS = ("MARKED", "KNOWS-4471", "neighbour", "173.37", "17337")
HEADERS = {"user-agent": SENT, "referer": SENT, "cookie": f"id={SENT}"}
SIZE = "/v1/size-advice"
RAISING = (
    "raises",
    "raises-twice",
    "raises-state",
    "fails-in-a-thread",
    "fails-in-a-task",
    "fails-in-a-callback",
    "warns",
)


def marked(value, name=""):
    """The same body with a customer, a height and words that nobody else has."""
    if isinstance(value, dict):
        return {key: marked(each, key) for key, each in value.items()}
    if isinstance(value, list):
        return [marked(each, name) for each in value]
    if name == "customer_id":
        return CUSTOMER
    if name == "height_cm":
        return HEIGHT
    return WORDS if name in ("note", "comment", "decided_by") else value


def bodies() -> Iterator[tuple[str, object]]:
    for operation in OPERATIONS:
        path = operation.path.replace("{audit_id}", PATH)
        for example in operation.examples:
            yield path, marked(example.value)


def question(product_id: str, **more) -> dict:
    return {
        "product_id": product_id,
        "customer_id": CUSTOMER,
        "measurements": {"height_cm": HEIGHT},
        **more,
    }


@pytest.fixture(scope="module")
def asked(watched) -> list[tuple[str, int]]:
    """Every kind of request, good and bad, each with marks; path and status of each."""
    statuses = []
    with watched.client() as client:

        def ask(path, *, method="POST", headers=None, **body):
            sent = {**HEADERS, **(headers or {})}
            answer = client.request(method, path, params={"q": WORDS}, headers=sent, **body)
            assert answer.headers["x-request-id"], path
            statuses.append((path, answer.status_code))
            return answer

        for path, body in bodies():
            ask(path, json=body)
            text = orjson.dumps(body)
            ask(path, content=text[:-1], headers={"content-type": "application/json"})
            wrong = orjson.dumps([body, {**body, CUSTOMER: WORDS}] if type(body) is dict else 17337)
            ask(path, content=wrong, headers={"content-type": "application/json"})
            ask(path, json=body, method="PUT")
            ask(path, json=body, headers={"content-type": f"text/{SENT}"})
            ask(path, json=body, headers={"authorization": f"Bearer msl_{SENT}_x"})
            ask(path, json=body, headers={"x-request-id": f"{CUSTOMER} <{WORDS}>"})
        review = next(body for path, body in bodies() if path == "/v1/return-review")
        audit_id = ask("/v1/return-review", json=review).json()["audit_id"]
        ask(f"/v1/return-review/{audit_id}/outcome", json={"decided_by": WORDS, "decision": "x"})
        ask(SIZE, json=question("dress", measurements={"height_cm": f"tall {WORDS}"}))
        ask(SIZE, json=question("dress", measurements={"height_cm": 17337}))
        ask(SIZE, json=question("dress", candidate_sizes=[WORDS]))
        ask(SIZE, json=question("dress", customer_id=[[[[CUSTOMER]]]]))
        ask(SIZE, content=b'{"product_id": "' + b"MARKED" * 300_000 + b'"}')
        ask(SIZE, json=[question("dress"), question("nothing")])
        for each in RAISING:
            ask(SIZE, json=question(each))
        event = {"event_id": "twice", "kind": "customer", "at": "2025-05-02T08:01:00Z"}
        for market in ("DE", "FR"):
            told = {"customer_id": CUSTOMER, "market": market}
            ask("/v1/events", json={**event, "data": told})
        ask(f"/{PATH}", method="GET")
        for page in ("/livez", "/readyz", "/docs.json", "/healthz", "/schema.json"):
            ask(page, method="GET")
    with socket.create_connection(("127.0.0.1", int(watched.url.rpartition(":")[2]))) as raw:
        raw.sendall(f"GET /{PATH} HTTP/9.9 {WORDS}\r\n{SENT}\r\n\r\n".encode())
        raw.recv(1000)
    time.sleep(1.5)  # what happens after an answer
    return statuses


def test_no_measurement_customer_or_text_of_a_request_reaches_the_log(watched, asked):
    told = watched.told()
    for mark in MARKS:
        found = [line[:500] for line in told.splitlines() if mark in line]
        assert not found, (mark, found)
    # It was not silent: these failures are in it, by what they are and where they happened.
    failures = [line["exception"] for line in watched.lines() if "exception" in line]
    kinds = {each["type"] for failure in failures for each in failure}
    assert {"ValueError", "KeyError"} <= kinds
    told_of = " ".join(line["message"] for line in watched.lines())
    for words in ("the thread helper failed", "Task exception", "Exception in callback"):
        assert words in told_of
    assert any("watched_service.py" in frame for each in failures for frame in each[0]["frames"])
    assert {200, 400, 401, 404, 405, 409, 413, 415, 422, 500, 503} <= {each for _, each in asked}


def test_every_line_of_every_process_is_json_of_one_form(watched, asked):
    def all_have_spoken():
        with watched.client() as client:  # the system says which worker gets a new connection
            client.post(SIZE, json=question("dress"))
        spoken = {line["process"] for line in watched.lines()}
        return spoken == {"main", "worker 1", "worker 2", "follower"}

    until(all_have_spoken, "a line of every process")
    lines = watched.lines()
    for line in lines:
        assert {"time", "level", "logger", "message", "process"} <= line.keys(), line
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
    assert {"muslin.serving", "muslin.access", "bentoml.serve"} <= {
        line["logger"] for line in lines
    }


def test_a_request_has_a_line_with_its_pattern_its_id_and_its_key(watched):
    with watched.client() as client:
        sent = {"x-request-id": "shop-4711:a.b_c"}
        path = "/v1/return-review/some-id/outcome?x=1"
        answer = client.post(path, json={"decision": "refund"}, headers=sent)
    assert answer.headers["x-request-id"] == sent["x-request-id"]

    def line():
        return [x for x in watched.lines() if x.get("request_id") == sent["x-request-id"]]

    (told,) = until(line, "the line of a request")
    assert told["logger"] == "muslin.access"
    assert told["path"] == "/v1/return-review/{audit_id}/outcome"
    assert (told["method"], told["status"]) == ("POST", answer.status_code)
    assert told["ms"] > 0
    assert told["key"] == watched.key.split("_")[1]


def samples(text: str) -> dict[str, dict[tuple, float]]:
    found: dict[str, dict[tuple, float]] = {}
    for family in text_string_to_metric_families(text):
        for each in family.samples:
            found.setdefault(each.name, {})[tuple(sorted(each.labels.items()))] = each.value
    return found


def of(found, name, **labels) -> float:
    return found.get(name, {}).get(tuple(sorted(labels.items())), 0.0)


def test_the_counts_are_those_of_all_workers(watched):
    def count(name, **labels):
        return of(samples(watched.scrape()), name, **labels)

    asking = {"endpoint": "/v1/return-risk", "status": "200"}
    time.sleep(1.5)
    before = samples(watched.scrape())
    basket = {"lines": [{"product_id": "dress", "size": "M"}], "currency": "EUR"}
    for _ in range(30):  # each upon a connection of its own, so that both workers get some
        with watched.client() as client:
            assert client.post("/v1/return-risk", json=[basket, basket]).status_code == 200
    wanted = of(before, "muslin_requests_total", **asking) + 30
    until(
        lambda: all(count("muslin_requests_total", **asking) == wanted for _ in range(6)),
        "both workers tell the same",
    )
    after = samples(watched.scrape())

    def more(name, **labels):
        return of(after, name, **labels) - of(before, name, **labels)

    assert more("muslin_questions_total", endpoint="/v1/return-risk") == 60
    assert (
        sum(after["muslin_return_risk_actions_total"].values())
        - sum(before.get("muslin_return_risk_actions_total", {}).values())
        == 60
    )
    assert more("muslin_request_seconds_count", endpoint="/v1/return-risk") == 30
    assert more("muslin_request_seconds_bucket", endpoint="/v1/return-risk", le="+Inf") == 30
    assert 0 < more("muslin_request_seconds_sum", endpoint="/v1/return-risk") < 60
    assert of(after, "muslin_workers") == 2
    buckets = [
        value
        for labels, value in after["muslin_request_seconds_bucket"].items()
        if dict(labels)["endpoint"] == "/v1/return-risk"
    ]
    assert len(buckets) == len(BOUNDS_S) + 1
    assert buckets == sorted(buckets)


def test_what_was_answered_refused_and_taken_is_counted(watched, asked):
    found = until(
        lambda: (
            (told := samples(watched.scrape()))
            and of(told, "muslin_problems_total", endpoint="other", kind="unknown-path")
            and told
        ),
        "the counts of the worker that was asked",
    )
    assert of(found, "muslin_size_advice_total", status="advised") > 0
    assert of(found, "muslin_size_advice_total", status="unknown_product") > 0
    assert sum(found["muslin_return_review_routes_total"].values()) > 0
    assert of(found, "muslin_events_total", status="accepted") > 0
    assert of(found, "muslin_events_total", status="duplicate") > 0
    assert of(found, "muslin_problems_total", endpoint="/v1/events", kind="event-conflict") > 0
    failed = of(found, "muslin_problems_total", endpoint=SIZE, kind="internal-error")
    assert failed == asked.count((SIZE, 500)) >= 2
    assert of(found, "muslin_requests_total", endpoint=SIZE, status="500") == failed
    assert of(found, "muslin_problems_total", endpoint=SIZE, kind="state-unusable") == 1
    assert of(found, "muslin_model_info", model="size_fit", version="7") == 1
    assert of(found, "muslin_endpoint_ready", endpoint=SIZE) == 1
    assert "muslin_overload_refused_total" in found
    roles = {dict(labels)["process"] for labels in found["muslin_process_resident_bytes"]}
    assert roles == {"main", "worker", "follower"}
    assert not [mark for mark in MARKS if mark in watched.scrape()]


def names_in(text: str) -> set[str]:
    return set(re.findall(r"\bmuslin_[a-z_]+\b", text))


@pytest.fixture(scope="module")
def told(watched, asked) -> set[str]:
    """Names a scrape has, as a family or as a sample."""
    text = watched.scrape()
    families = set(re.findall(r"^# TYPE (muslin_[a-z_]+) ", text, re.MULTILINE))
    return families | names_in(text)


def test_the_dashboard_asks_for_nothing_that_is_not_told(told):
    board = orjson.loads(files("serving.observe").joinpath("grafana.json").read_bytes())
    asking = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
    assert len(asking) >= 12
    variables = [each for each in board["templating"]["list"] if each["type"] == "query"]
    asking += [each["query"]["query"] for each in variables]
    for each in asking:
        assert names_in(each), each
        assert names_in(each) <= told, (each, names_in(each) - told)


def test_the_alerts_ask_for_nothing_that_is_not_told(told):
    rules = yaml.safe_load(files("serving.observe").joinpath("alerts.yaml").read_text())
    each_rule = [rule for group in rules["groups"] for rule in group["rules"]]
    assert len(each_rule) >= 6
    for rule in each_rule:
        assert names_in(rule["expr"])
        assert names_in(rule["expr"]) <= told, rule["alert"]
        assert rule["annotations"]["summary"]
        assert rule["labels"]["severity"] in ("page", "ticket")


def test_a_trace_goes_on_from_the_callers_and_holds_nothing_of_the_person(watched, asked):
    trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    sent = {"traceparent": f"00-{trace}-{parent}-01", "tracestate": f"shop={SENT}"}
    review = next(body for path, body in bodies() if path == "/v1/return-review")
    with watched.client() as client:
        client.post("/v1/return-review", json=review, headers={**sent, "x-request-id": "trace-01"})

    def spans():
        found = [x for x in watched.collector.spans() if x.trace_id.hex() == trace]
        return {x.name: x for x in found} if len(found) > 1 else None

    found = until(spans, "the spans of a request")
    request = found["POST /v1/return-review"]
    assert request.parent_span_id.hex() == parent
    assert found["look-up orders"].parent_span_id == request.span_id
    told = {each.key: each.value for each in request.attributes}
    assert told["http.response.status_code"].int_value == 200
    assert told["http.route"].string_value == "/v1/return-review"
    assert told["muslin.request_id"].string_value == "trace-01"
    failed = [x for x in watched.collector.spans() if x.status.code == 2]
    assert failed
    everything = b"".join(watched.collector.bodies)
    assert not [mark for mark in MARKS if mark.encode() in everything]
