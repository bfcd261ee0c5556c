import json

import orjson
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from serving.access import weight
from serving.access.weight import DEEPEST, Weight, cost_of, weigh
from serving.problems import Problem

TEXTS = st.text(st.sampled_from('[]{}"\\,:/ab é\n'), max_size=12)
VALUES = st.recursive(
    st.none() | st.integers(-9, 9) | st.booleans() | TEXTS,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(TEXTS, inner, max_size=5),
    max_leaves=60,
)


def reference(value, within=None) -> Weight:
    """The same from the parsed value."""
    if not isinstance(value, dict | list):
        return Weight(0, 0, 0)
    inner = [
        reference(each, value) for each in (value.values() if isinstance(value, dict) else value)
    ]
    held = [each for each in value if isinstance(each, dict | list)]
    return Weight(
        1 + max((each.depth for each in inner), default=0),
        len(held) if within is None and isinstance(value, list) else 0,
        (isinstance(value, dict) and isinstance(within, list))
        + sum(each.objects for each in inner),
    )


def nested(depth, opened=b"[", closed=b"]"):
    return opened * depth + closed * depth


@given(VALUES, st.booleans(), st.sampled_from([None, 1]))
def test_bytes_tell_what_the_parsed_value_would(value, ascii_only, indent):
    body = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    assert weigh(body) == reference(value)


@given(st.lists(VALUES, max_size=4), st.integers(20, 40))
def test_a_long_body_is_weighed_as_a_short_one(values, times):
    assert weigh(orjson.dumps(values * times)) == reference(values * times)


@given(st.binary(max_size=200).map(lambda raw: bytes(b"[{]}"[byte % 4] for byte in raw)))
def test_both_ways_of_weighing_agree_on_any_brackets(brackets):
    few = weight._weigh_few(brackets)
    many = weight._weigh_many(brackets) if brackets else Weight(0, 0, 0)
    assert many.depth == few.depth
    if few.depth <= DEEPEST:
        assert many == few


def depth_by_letter(text):
    depth = deepest = 0
    in_string = escaped = False
    for letter in text:
        if escaped:
            escaped = False
        elif in_string:
            escaped = letter == "\\"
            in_string = letter != '"'
        elif letter == '"':
            in_string = True
        elif letter in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif letter in "]}":
            depth -= 1
    return deepest


@given(VALUES, st.integers(0, 300), st.text(st.sampled_from('[]{}"\\ ,1'), max_size=6))
def test_a_parser_reads_no_deeper_into_broken_json_than_is_told(value, place, noise):
    whole = json.dumps([value, nested(3).decode()])
    text = whole[:place] + noise + whole[place:]
    try:
        json.loads(text)
        read = text
    except json.JSONDecodeError as error:
        read = text[: error.pos]
    assert depth_by_letter(read) <= weigh(text.encode()).depth


@given(st.binary(max_size=400))
def test_any_bytes_have_a_weight(body):
    assert weigh(body).depth >= 0
    assert cost_of(b"[" + body[:30], 1000, charged=True) >= 1


def refused(body, most=None, **options):
    with pytest.raises(Problem) as caught:
        cost_of(body, most, **{"charged": False, **options})
    return caught.value


@pytest.mark.parametrize("charged", [False, True])
def test_a_body_that_is_too_deep_is_refused(charged):
    for opened, closed in ((b"[", b"]"), (b'{"a":', b"}")):
        assert cost_of(nested(DEEPEST, opened, closed), 10, charged=charged) >= 1
        problem = refused(nested(DEEPEST + 1, opened, closed), charged=charged)
        assert (problem.status, problem.kind) == (400, "too-deeply-nested")
    assert refused(b"[" * 1_000_000, charged=charged).kind == "too-deeply-nested"


def test_brackets_in_a_text_are_no_nesting():
    body = orjson.dumps({"product_id": "[" * 1000 + '"\\"' + "{" * 1000})
    assert cost_of(body, 10, charged=True) == 1


def test_a_list_that_is_too_long_is_refused_before_it_is_parsed():
    item = b'{"a":1}'
    body = b"[" + b",".join([item] * 101) + b"]"
    assert cost_of(body, 101, charged=False) == 101
    problem = refused(body, 100)
    assert problem.status == 422
    assert problem.errors[0].reason == "must have at most 100 items"
    assert refused(body[:-1] + b"oops", 100).status == 422
    assert cost_of(body, None, charged=False) == 101  # where no list is taken the schema says so


@given(VALUES)
def test_a_short_cut_gives_what_the_long_way_would(value):
    body = orjson.dumps(value)
    assume(reference(value).depth <= DEEPEST)
    assert cost_of(body, None, charged=True) == max(1, reference(value).objects)


def test_what_a_request_costs():
    line = {"product_id": "dress", "size": "M"}
    question = {"product_id": "dress", "measurements": {"height_cm": 171}, "show_in": ["EU", "US"]}

    def cost(value):
        return cost_of(orjson.dumps(value), 1000, charged=True)

    assert cost(question) == 1
    assert cost([question]) == 1
    assert cost([question] * 700) == 700
    assert cost({"market": "DE", "lines": [line] * 5}) == 5
    assert cost([{"market": "DE", "lines": [line] * 5}] * 2) == 2 + 10
    assert cost({}) == 1
