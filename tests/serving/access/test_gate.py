import asyncio
import logging
import time

import pytest
from answering import use_sizes
from asgi import ask
from fake_advisor import FakeAdvisor

from features.access_keys import SCOPES
from features.access_store import KeyStore
from features.state import StateError
from serving.access import gate
from serving.access.gate import announce, asks_for_keys
from serving.app import MuslinApp
from serving.openapi import OPERATIONS, openapi_document
from serving.parts import Readiness
from serving.problems import Problem

KNOWN = {"product_id": "dress", "measurements": {"height_cm": 171}}
SIZES = "/v1/size-advice"


@pytest.fixture
def settings(settings, tmp_path):
    return settings.model_copy(update={"keys": "on", "keys_url": str(tmp_path / "keys.db")})


@pytest.fixture
def store(settings):
    with KeyStore(settings.keys_url) as store:
        yield store


@pytest.fixture
def add(store):
    def add(*scopes, **options):
        return store.add("test", scopes, now=time.time(), **options)

    return add


def bearer(text):
    return {"authorization": f"Bearer {text}"}


def test_a_key_may_be_sent_in_either_header(add, app):
    _, text = add("storefront")
    for headers in (
        bearer(text),
        {"x-api-key": text},
        {"authorization": f"bearer  {text}"},
        {"authorization": "Basic cHJveHk6cHJveHk=", "x-api-key": text},
    ):
        assert ask(app, SIZES, KNOWN, headers=headers).status == 200, headers


@pytest.mark.parametrize(
    ("headers", "kind", "field"),
    [
        ({}, "key-missing", "authorization"),
        ({"authorization": "Basic cHJveHk6cHJveHk="}, "key-missing", "authorization"),
        (bearer("swordfish"), "key-not-accepted", "authorization"),
        ({"x-api-key": ""}, "key-not-accepted", "x-api-key"),
        ({"x-api-key": "msl_00"}, "key-not-accepted", "x-api-key"),
        ({"x-api-key": f"msl_0000000000_{'A' * 43}"}, "key-not-accepted", "x-api-key"),
    ],
)
def test_without_a_known_key_nothing_is_answered(add, app, headers, kind, field):
    add("storefront")
    answer = ask(app, SIZES, KNOWN, headers=headers)
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json["type"] == f"urn:muslin:problem:{kind}"
    assert [error["field"] for error in answer.json["errors"]] == [field]
    assert "value" not in answer.json["errors"][0]  # what was sent is not sent back


def test_another_secret_with_a_known_id_is_refused(add, app):
    key, text = add("storefront")
    _, other = add("storefront")
    mixed = f"msl_{key.id}_{other.split('_', 2)[2]}"
    assert ask(app, SIZES, KNOWN, headers=bearer(mixed)).status == 401
    for changed in (text[:-1] + ("A" if text[-1] != "A" else "B"), text + "A", text.upper()):
        assert ask(app, SIZES, KNOWN, headers=bearer(changed)).status == 401


def test_secrets_are_compared_in_constant_time_whether_or_not_the_id_is_known(
    add, app, monkeypatch
):
    key, _ = add("storefront")
    compared = []

    def compare(left, right):
        compared.append((len(left), len(right)))
        return False

    monkeypatch.setattr(gate, "compare_digest", compare)
    for key_id in (key.id, "0000000000"):
        answer = ask(app, SIZES, KNOWN, headers=bearer(f"msl_{key_id}_{'A' * 43}"))
        assert answer.status == 401
    assert compared == [(32, 32)] * 2


def test_a_key_that_has_ended_is_refused_with_how(add, store, settings):
    app = MuslinApp(settings)
    use_sizes(app, FakeAdvisor())
    revoked, revoked_text = add("storefront")
    store.revoke(revoked.id, now=time.time())
    expired, expired_text = add("storefront", expires=time.time() - 1)
    for key, text, how in (
        (revoked, revoked_text, "revoked"),
        (expired, expired_text, "expired"),
    ):
        answer = ask(app, SIZES, KNOWN, headers=bearer(text))
        assert answer.status == 401
        assert f"key {key.id}, which is {how}" in answer.json["detail"]
        # Who does not hold the secret is not told that there was such a key.
        guess = ask(app, SIZES, KNOWN, headers=bearer(f"msl_{key.id}_{'A' * 43}"))
        assert how not in guess.json["detail"]


@pytest.mark.parametrize("scope", SCOPES)
def test_a_key_may_ask_what_its_scope_is_for_and_nothing_else(add, app, scope):
    _, text = add(scope)
    may = {
        operation.path
        for operation in OPERATIONS
        if ask(app, operation.path.replace("{audit_id}", "x"), {}, headers=bearer(text)).status
        != 403
    }
    assert (
        may
        == {
            "storefront": {SIZES, "/v1/return-risk"},
            "desk": {"/v1/return-review", "/v1/return-review/{audit_id}/outcome"},
            "events": {"/v1/events"},
            "admin": set(),
            "metrics": set(),
        }[scope]
    )
    refused = ask(app, "/v1/events" if scope != "events" else SIZES, {}, headers=bearer(text))
    assert refused.status == 403
    assert f"the key has the scope {scope}; this path needs" in refused.json["errors"][0]["reason"]


def test_a_key_with_two_scopes_may_ask_both(add, app):
    _, text = add("storefront", "events")
    assert ask(app, SIZES, KNOWN, headers=bearer(text)).status == 200
    assert ask(app, "/v1/events", {}, headers=bearer(text)).status == 422


def test_what_tells_how_the_service_is_stays_open(app):
    for path in ("/livez", "/readyz", "/docs.json"):
        assert ask(app, path, method="GET").status == 200
    assert ask(app, "/nowhere").status == 404


def test_without_a_key_no_body_is_read(app):
    sent = []

    async def receive():
        raise AssertionError("the body was read")

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": SIZES, "headers": []}
    asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 401


def test_an_endpoint_of_no_known_scope_needs_an_admin_s_key(add, settings):
    app = MuslinApp(settings)

    async def echo(body, request_id):
        return body

    app.use("/v1/models", echo, Readiness(ready=True))
    wrong, right = add(*SCOPES.keys() - {"admin"})[1], add("admin")[1]
    assert ask(app, "/v1/models", {}, headers=bearer(wrong)).status == 403
    assert ask(app, "/v1/models", {}, headers=bearer(right)).status == 200


def test_another_application_s_metrics_need_a_key_and_its_health_does_not(add, app):
    async def inner(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"answered"})

    async def guarded(scope, receive, send):
        await app.guard(inner, scope, receive, send)

    wrong, right = add("storefront")[1], add("metrics")[1]
    assert ask(guarded, "/healthz", method="GET").body == b"answered"
    assert ask(guarded, "/metrics", method="GET").status == 401
    assert ask(guarded, "/metrics", method="GET", headers=bearer(wrong)).status == 403
    assert ask(guarded, "/metrics", method="GET", headers=bearer(right)).body == b"answered"


def test_a_key_that_asks_too_often_is_told_when_to_ask_again(add, app):
    _, text = add("storefront", rate=0.01, burst=2)
    for _ in range(2):
        assert ask(app, SIZES, KNOWN, headers=bearer(text)).status == 200
    answer = ask(app, SIZES, KNOWN, headers=bearer(text))
    assert answer.status == 429
    assert answer.json["type"] == "urn:muslin:problem:rate-limited"
    assert 90 <= int(answer.headers["retry-after"]) <= 100
    assert answer.json["errors"][0]["field"] == "authorization"
    _, other = add("storefront", rate=0.01, burst=2)
    time.sleep(0.6)  # until the new key is known
    assert ask(app, SIZES, KNOWN, headers=bearer(other)).status == 200


def test_a_list_costs_what_its_questions_cost_one_by_one(add, app):
    _, text = add("storefront", rate=0.01, burst=10)
    assert ask(app, SIZES, [KNOWN] * 9, headers=bearer(text)).status == 200
    refused = ask(app, SIZES, [KNOWN] * 2, headers=bearer(text))
    assert refused.status == 429
    assert refused.json["errors"][0]["reason"].startswith("asks 2 questions")


def test_what_the_service_cannot_do_costs_nothing(add, app):
    async def failing(body, request_id):
        raise StateError("gone")

    async def overloaded(body, request_id):
        raise Problem(429, "overloaded", "", "too much to do")

    async def wrong(body, request_id):
        raise Problem(422, "invalid-value", "", "wrong")

    _, text = add("storefront", rate=0.01, burst=10)
    app.not_ready(SIZES, "no model", None)
    for body in (KNOWN, [KNOWN] * 9):
        assert ask(app, SIZES, body, headers=bearer(text)).status == 503
    for endpoint, status in ((failing, 503), (overloaded, 429)):
        app.use(SIZES, endpoint, Readiness(ready=True))
        for _ in range(3):
            assert ask(app, SIZES, [KNOWN] * 9, headers=bearer(text)).status == status
    app.use(SIZES, wrong, Readiness(ready=True))
    assert ask(app, SIZES, [KNOWN] * 9, headers=bearer(text)).status == 422  # has cost nine
    use_sizes(app, FakeAdvisor())
    assert ask(app, SIZES, KNOWN, headers=bearer(text)).status == 200
    assert ask(app, SIZES, KNOWN, headers=bearer(text)).status == 429


def test_a_list_longer_than_the_burst_is_answered_and_paid_for(add, app):
    _, text = add("storefront", rate=0.01, burst=3)
    assert ask(app, SIZES, [KNOWN] * 50, headers=bearer(text)).status == 200
    answer = ask(app, SIZES, KNOWN, headers=bearer(text))
    assert answer.status == 429
    assert int(answer.headers["retry-after"]) > 4700


@pytest.mark.parametrize(
    ("host", "asks"),
    [
        ("127.0.0.1", False),
        ("127.8.9.1", False),
        ("localhost", False),
        ("::1", False),
        ("::ffff:127.0.0.1", False),
        ("0.0.0.0", True),
        ("::", True),
        ("192.168.1.4", True),
        ("shop.internal", True),
        ("localhost.example", True),
    ],
)
def test_keys_are_asked_for_unless_only_this_machine_is_listened_to(settings, host, asks):
    auto = settings.model_copy(update={"keys": "auto", "host": host})
    assert asks_for_keys(auto) is asks
    assert asks_for_keys(auto.model_copy(update={"keys": "on"}))
    app = MuslinApp(auto)
    use_sizes(app, FakeAdvisor())
    assert ask(app, SIZES, KNOWN).status == (401 if asks else 200)


@pytest.mark.parametrize(
    ("server", "status"),
    [
        (("127.0.0.1", 3000), 200),
        (("::1", 3000), 200),
        (("/run/muslin.sock", None), 200),
        (None, 200),
        (("10.0.0.4", 3000), 401),
        (("0.0.0.0", 3000), 401),
    ],
)
def test_keys_are_asked_for_where_the_server_listens_elsewhere_than_it_was_told(
    settings, server, status
):
    """`bentoml serve --host 0.0.0.0` goes past the settings."""
    app = MuslinApp(settings.model_copy(update={"keys": "auto", "host": "127.0.0.1"}))
    use_sizes(app, FakeAdvisor())
    assert ask(app, SIZES, KNOWN, server=server).status == status


@pytest.fixture
def open_app(settings):
    """As it is tried on one's own machine."""
    changed = {"keys": "auto", "host": "127.0.0.1", "cors_origins": ("https://shop.example",)}
    app = MuslinApp(settings.model_copy(update=changed))
    use_sizes(app, FakeAdvisor())
    return app


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://evil.example", "127.0.0.1:3000"),
        ("null", "127.0.0.1:3000"),
        ("http://localhost:8000", "localhost:3000"),
        ("http://localhost:3000", None),
        ("http://rebound.example:3000", "rebound.example:3000"),
        ("http://localhost.evil.example:3000", "localhost.evil.example:3000"),
        ("http://10.0.0.4:3000", "10.0.0.4:3000"),
    ],
)
def test_without_keys_a_page_from_elsewhere_is_refused(open_app, origin, host):
    """Also what a browser sends unasked: a POST without a type of its own."""
    for fields in ({}, {"content-type": None}):
        answer = ask(open_app, SIZES, KNOWN, headers={"origin": origin, "host": host, **fields})
        assert answer.status == 403
        assert answer.json["type"] == "urn:muslin:problem:origin-not-allowed"
    metrics = ask(open_app, "/metrics", method="GET", headers={"origin": origin, "host": host})
    assert metrics.status == 403


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://shop.example", "127.0.0.1:3000"),
        ("http://127.0.0.1:3000", "127.0.0.1:3000"),
        ("http://localhost:3000", "localhost:3000"),
        ("http://localhost:3000", "LOCALHOST:3000"),
        ("http://localhost", "localhost"),
        ("http://[::1]:3000", "[::1]:3000"),
        (None, "127.0.0.1:3000"),
        (None, "here"),
    ],
)
def test_without_keys_pages_of_the_service_and_programs_are_answered(open_app, origin, host):
    headers = {"origin": origin, "host": host}
    assert ask(open_app, SIZES, KNOWN, headers=headers).status == 200


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded", "x-real-ip"])
def test_without_keys_what_a_proxy_passes_on_needs_one(open_app, add, header):
    passed_on = {header: "for=192.0.2.1"}
    refused = ask(open_app, SIZES, KNOWN, headers=passed_on)
    assert refused.status == 401
    assert header in refused.json["detail"]
    _, text = add("storefront")
    time.sleep(0.6)  # until the new key is known
    assert ask(open_app, SIZES, KNOWN, headers={**passed_on, **bearer(text)}).status == 200


def test_the_log_says_at_start_what_holds(settings, add, caplog):
    caplog.set_level(logging.INFO, "muslin.serving")

    def said(**changed):
        caplog.clear()
        announce(settings.model_copy(update=changed))
        return [record.getMessage() for record in caplog.records]

    (line,) = said(keys="auto", host="127.0.0.1")
    assert "API keys are not asked for" in line
    assert "MUSLIN_KEYS=on" in line
    (line,) = said(keys="auto", host="0.0.0.0")
    assert "there is none" in line
    assert "muslin keys add" in line
    add("storefront")
    assert said(keys="on") == []


def test_the_document_tells_which_key_each_operation_needs(settings):
    document = openapi_document(settings)
    schemes = document["components"]["securitySchemes"]
    assert {scheme["type"] for scheme in schemes.values()} == {"http", "apiKey"}
    for path, operations in document["paths"].items():
        for operation in operations.values():
            if path.startswith("/v1/"):
                named = [name for way in operation["security"] for name in way]
                assert set(named) == set(schemes)
                assert {"401", "403", "429"} <= operation["responses"].keys()
                assert "Retry-After" in operation["responses"]["429"]["headers"]
            else:
                assert operation["security"] == []
    scopes = {operation.path: operation.scope for operation in OPERATIONS}
    for path, scope in scopes.items():
        ways = document["paths"][path]["post"]["security"]
        assert all(roles == [scope] for way in ways for roles in way.values())
    open_document = openapi_document(settings.model_copy(update={"keys": "auto"}))
    assert {} in open_document["paths"][SIZES]["post"]["security"]


def test_readyz_shows_no_password(settings):
    app = MuslinApp(settings)
    app.not_ready(SIZES, "no answer from postgresql://muslin:secret@db:5432/mlflow", None)
    told = ask(app, "/readyz", method="GET")
    assert b"secret" not in told.body
    assert b"postgresql://db:5432/mlflow" in told.body


def test_no_password_of_the_registry_s_address_is_shown_or_logged(settings, monkeypatch, caplog):
    from serving import champion

    registry = "postgresql://muslin:secret@db.example:5432/mlflow"
    settings = settings.model_copy(update={"tracking_uri": registry})
    cannot = f"the model registry at {registry} cannot be read: no route to {registry}"
    monkeypatch.setattr(champion, "_ask_registry", lambda *_: {"size_fit": cannot})
    with pytest.raises(champion.ChampionError) as never_asked:
        champion.load(settings, "size_fit")
    champion.fetch(settings, "size_fit")
    with pytest.raises(champion.ChampionError) as asked:
        champion.load(settings, "size_fit")
    for told in (never_asked.value.reason, asked.value.reason, caplog.text):
        assert "db.example" in told
        assert "secret" not in told
