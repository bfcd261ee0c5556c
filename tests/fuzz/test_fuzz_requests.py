"""Whatever is sent, the service answers as its document says: never 500, and a refusal says why."""

import copy

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.access_keys import new_key_text, read_key_text
from features.access_store import KeyStore
from features.audit import SqliteAudit
from features.settings import Settings
from features.stores import open_event_log
from serving.access.weight import cost_of
from serving.app import MuslinApp
from serving.languages import Languages, LocaleSyntaxError
from serving.openapi import OPERATIONS, openapi_document
from serving.problems import Problem
from tests.fuzz.effort import lean
from tests.serving.answering import use_events, use_review, use_risks, use_sizes
from tests.serving.asgi import ask
from tests.serving.fake_advisor import FakeAdvisor
from tests.serving.fake_risk_advisor import FakeRiskAdvisor

LEAN = lean(80)
PATHS = sorted(operation.path for operation in OPERATIONS)
EXAMPLES = [(each.path, one.value) for each in OPERATIONS for one in each.examples]
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70).map(lambda n: n if abs(n) < 2**63 else float(n)),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(
        ["", "\0", "1e400", "2026-02-30", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59",
         "5'6\"", "34DD", "zz-ZZ", "self", "é" * 300]
    ),
)  # fmt: skip
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)


def _settings(folder, **more):
    return Settings(
        events_url=str(folder / "events.db"),
        audit_url=str(folder / "audit.db"),
        keys_url=str(folder / "keys.db"),
        follow=False,
        **more,
    )


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzzed")
    app = MuslinApp(_settings(folder))
    use_sizes(app, FakeAdvisor())
    use_risks(app, FakeRiskAdvisor())
    with SqliteAudit(app.settings.audit_url) as audit:
        use_review(app, audit)
        writer = use_events(app, lambda: open_event_log(app.settings.events_url))
        yield app
        writer.close()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """The same where a key is asked for."""
    folder = tmp_path_factory.mktemp("guarded")
    app = MuslinApp(_settings(folder, keys="on"))
    use_sizes(app, FakeAdvisor())
    with KeyStore(app.settings.keys_url) as store:
        store.add("shop", ["storefront"], now=0.0)
    return app


DOCUMENT = openapi_document(Settings())


def check(answer, path):
    """The answer is one the document tells of; a refusal says what is wrong."""
    responses = DOCUMENT["paths"][path]["post"]["responses"]
    assert str(answer.status) in responses, answer
    assert answer.status < 500, answer.body
    assert answer.headers["content-type"] in responses[str(answer.status)]["content"]
    if answer.status >= 400:
        assert answer.json["status"] == answer.status
        assert answer.json["detail"]
    if answer.status == 422:
        named = answer.json.get("errors", [])
        assert all(each["reason"] for each in named)
        assert named or answer.json["error_count"] > 0  # too many to be named


def post(app, path, body, **more):
    if not isinstance(body, bytes):
        body = orjson.dumps(body)
    place = path.replace("{audit_id}", "9e558f461acfacf33e189f069679bfb1")
    check(ask(app, place, body, **more), path)


def places(value, at=()):
    """Paths of all that a JSON value holds, itself first."""
    yield at
    inner = value.items() if isinstance(value, dict) else ()
    inner = enumerate(value) if isinstance(value, list) else inner
    for key, part in inner:
        yield from places(part, (*at, key))


@st.composite
def changed(draw):
    """A documented example in which something was replaced, renamed or left out."""
    path, sound = draw(st.sampled_from(EXAMPLES))
    value = copy.deepcopy(sound)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.sampled_from(list(places(value))))
        how = draw(st.sampled_from(["replace", "replace", "drop", "add", "list"]))
        if not at:
            value = [value] * 2 if how == "list" else value
            continue
        holder = value
        for key in at[:-1]:
            holder = holder[key]
        if how == "drop":
            del holder[at[-1]]
        elif how == "add" and isinstance(holder, dict):
            holder[draw(st.text(max_size=6))] = draw(VALUES)
        elif how == "list":
            holder[at[-1]] = [holder[at[-1]]] * draw(st.integers(0, 3))
        else:
            holder[at[-1]] = draw(VALUES)
    return path, value


@lean(250)
@given(asked=changed())
def test_an_example_with_something_changed_is_answered_as_documented(app, asked):
    post(app, *asked)


@LEAN
@given(path=st.sampled_from(PATHS), body=VALUES)
def test_any_json_is_answered_as_documented(app, path, body):
    post(app, path, body)


@LEAN
@given(
    path=st.sampled_from(PATHS),
    body=st.binary(max_size=80)
    | st.text(alphabet='[]{}",:0123e-.\\u tfn \ud7ff', max_size=40).map(str.encode),
)
def test_any_bytes_are_answered_as_documented(app, path, body):
    post(app, path, body)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" * 31 + b"]" * 31,
        b'"' * 99_999,
        b"\\" * 99_999,
        b"9" * 100_000,
        b"1e" + b"9" * 100_000,
        b"[" + b"1," * 100_000 + b"1]",
        b"[" + b"{}," * 999 + b"{}]",
        b'"\\ud800"',
        b'{"product_id":"\\ud800"}',
        b'{"product_id":"a","product_id":"b"}',
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\0}\0",
        b"NaN",
        b"",
    ],
    ids=range(16),
)
@pytest.mark.parametrize("path", PATHS)
def test_a_body_made_to_break_parsers_is_answered_as_documented(app, path, body):
    post(app, path, body)


@LEAN
@given(
    name=st.sampled_from(
        ["authorization", "x-api-key", "content-type", "content-length", "content-encoding",
         "origin", "x-request-id", "traceparent", "accept-language",
         "access-control-request-method"]
    ),
    value=st.text(max_size=40)
    | st.sampled_from(["Bearer", "Bearer ", "bearer msl_", "msl__", "9" * 400, "-1", "gzip", ","])
    | st.binary(min_size=43, max_size=43).map(lambda raw: "Bearer msl_x_" + raw.hex()[:43]),
)  # fmt: skip
def test_any_header_is_answered_as_documented(app, guarded, name, value):
    for each in (app, guarded):
        post(each, "/v1/size-advice", {"product_id": "dress"}, headers={name: value})


@LEAN
@given(
    path=st.text(max_size=30).map(lambda text: "/" + text)
    | st.text(max_size=300).map(lambda text: f"/v1/return-review/{text}/outcome"),
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "É" * 30]),
)
def test_any_path_and_method_is_answered(app, path, method):
    answer = ask(app, path, {"decision": "refund", "decided_by": "desk"}, method=method)
    assert answer.status in (200, 204, 404, 405, 422), answer
    assert (answer.status == 405) == ("allow" in answer.headers)


@LEAN
@given(body=st.binary(max_size=300).map(lambda raw: bytes(b'[{]}",\\ '[each % 8] for each in raw)))
def test_a_body_is_weighed_or_refused(body):
    for most in (None, 3):
        try:
            assert cost_of(body, most, charged=True) >= 1
        except Problem as problem:
            assert problem.status in (400, 422)  # noqa: PT017 - a refusal is one of the answers


@LEAN
@given(text=st.binary(max_size=80) | st.binary(max_size=60).map(lambda raw: b"msl_a_" + raw))
def test_any_text_is_a_key_or_none(text):
    read = read_key_text(text)
    assert read is None or b"_".join((b"msl", *read)) == text


def test_a_new_key_is_read():
    name, text, _ = new_key_text()
    assert read_key_text(text.encode())[0] == name.encode()


LANGUAGES = Languages()


@LEAN
@given(
    tag=st.text(max_size=40)
    | st.lists(
        st.sampled_from(["de", "zh", "Hant", "TW", "x", "u", "ca", "419", "POSIX", "1", ""]),
        min_size=1,
        max_size=6,
    ).map("-".join)
    | st.from_regex(r"[A-Za-z]{1,8}([-_.@][A-Za-z0-9]{0,8}){0,4}", fullmatch=True)
)
def test_any_tag_has_a_language_or_is_no_tag(tag):
    try:
        language = LANGUAGES.choose(tag)
    except LocaleSyntaxError as error:
        assert "not a language tag" in str(error)  # noqa: PT017 - a refusal is one of the answers
        return
    assert language.tag in LANGUAGES.tags
    assert language.number(1234.5)
    assert language.percent(0.5)
    assert language.money(12.5, "EUR")
    assert language.country("DE")
    assert language.both(["a", "b"])
