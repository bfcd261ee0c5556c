import pytest
from asgi import ask

from serving.access.headers import Headers
from serving.app import MuslinApp

SHOP = "https://shop.example"
KNOWN = {"product_id": "dress"}
ASKING = {"origin": SHOP, "access-control-request-method": "POST"}


@pytest.fixture
def settings(settings):
    return settings.model_copy(update={"cors_origins": (SHOP, "http://localhost:8000")})


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [("/v1/size-advice", KNOWN, 200), ("/v1/size-advice", b"{", 400), ("/nowhere", b"", 404)],
)
def test_every_answer_is_neither_guessed_at_nor_kept(app, path, body, status):
    answer = ask(app, path, body=body)
    assert answer.status == status
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/docs.json"])
def test_a_page_runs_nothing_and_is_shown_in_no_frame(app, path):
    headers = ask(app, path, method="GET").headers
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("origin", [SHOP, "http://localhost:8000"])
def test_a_page_of_an_allowed_origin_may_read_answers_and_problems(app, origin):
    for path, method, body in (
        ("/v1/size-advice", "POST", KNOWN),
        ("/v1/size-advice", "POST", b"{"),
        ("/v1/size-advice", "GET", None),
        ("/nowhere", "POST", b""),
        ("/readyz", "GET", None),
    ):
        headers = ask(app, path, body, method=method, headers={"origin": origin}).headers
        assert headers["access-control-allow-origin"] == origin
        assert headers["access-control-expose-headers"] == "retry-after, x-request-id"
        assert headers["vary"] == "origin"


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "https://shop.example.evil.example", "HTTPS://SHOP.EXAMPLE"],
)
def test_a_page_of_another_origin_may_not(app, origin):
    answer = ask(app, body=KNOWN, headers={"origin": origin})
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["vary"] == "origin"
    refused = ask(app, method="OPTIONS", headers={**ASKING, "origin": origin})
    assert refused.status == 403
    assert refused.json["type"] == "urn:muslin:problem:origin-not-allowed"
    assert refused.json["errors"][0]["field"] == "origin"
    assert "access-control-allow-origin" not in refused.headers


def test_a_browser_that_asks_first_is_told_what_it_may_send(app):
    for path in ("/v1/size-advice", "/v1/return-review/some-id/outcome"):
        answer = ask(app, path, method="OPTIONS", headers=ASKING)
        assert (answer.status, answer.body) == (204, b"")
        assert answer.headers["access-control-allow-origin"] == SHOP
        assert answer.headers["access-control-allow-methods"] == "POST"
        sendable = answer.headers["access-control-allow-headers"].split(", ")
        assert set(sendable) == {"authorization", "content-type", "x-api-key", "x-request-id"}
        assert int(answer.headers["access-control-max-age"]) > 0
        assert answer.headers["vary"] == "origin"
        assert "content-length" not in answer.headers
    page = ask(app, "/readyz", method="OPTIONS", headers=ASKING)
    assert page.headers["access-control-allow-methods"] == "GET, HEAD"


def test_a_browser_asks_first_without_a_key(settings):
    app = MuslinApp(settings.model_copy(update={"keys": "on"}))
    assert ask(app, method="OPTIONS", headers=ASKING).status == 204
    refused = ask(app, body=KNOWN, headers={"origin": SHOP})
    assert refused.status == 401
    assert refused.headers["access-control-allow-origin"] == SHOP  # so that the page can read why


def test_other_options_are_the_wrong_method(app):
    for headers in ({}, {"origin": SHOP}, {"access-control-request-method": "POST"}):
        assert ask(app, method="OPTIONS", headers=headers).status == 405
    assert ask(app, "/nowhere", method="OPTIONS", headers=ASKING).status == 404


def test_without_origins_nothing_is_said_of_them(settings):
    app = MuslinApp(settings.model_copy(update={"cors_origins": ()}))
    assert ask(app, method="OPTIONS", headers=ASKING).status == 403
    answer = ask(app, body=KNOWN, headers={"origin": SHOP})
    assert "vary" not in answer.headers
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_headers_are_made_once():
    headers = Headers([SHOP])
    asked = [(b"host", b"x"), (b"origin", SHOP.encode())]
    assert headers.of_answer(asked) is headers.of_answer(asked)
    assert headers.of_page(asked) is headers.of_page(asked)
