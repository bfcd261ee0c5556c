import pytest
import yaml
from hypothesis import given

from data_contracts.yaml_text import YamlTextError, read_yaml
from tests.fuzz.texts import DEAR, values


@given(values().map(lambda value: yaml.safe_dump(value, allow_unicode=True)))
def test_what_is_sound_is_read_as_the_library_reads_it(text):
    assert repr(read_yaml(text)) == repr(yaml.safe_load(text))


@pytest.mark.parametrize("name", sorted(set(DEAR) - {"base sixty"}))
def test_what_is_dear_or_broken_is_refused_in_one_short_line(name):
    with pytest.raises(YamlTextError) as refused:
        read_yaml(DEAR[name])
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 250


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2026-13-45", "line 2: '2026-13-45' is no date or time"),
        ("a: 1\n\nb: !!bool blue", "line 3: 'blue' is no bool"),
        ("a: &a [*a]", "line 1: it is a part of itself"),
        ("x: 1\ny: [", "line 2: "),
    ],
)
def test_the_line_is_named(text, said):
    with pytest.raises(YamlTextError, match=said):
        read_yaml(text)


def test_an_alias_stands_for_what_it_names():
    assert read_yaml("a: &a [1, 2]\nb: *a\nc:\n  <<: {d: 3}") == {
        "a": [1, 2], "b": [1, 2], "c": {"d": 3},
    }  # fmt: skip


def test_nothing_is_none():
    assert read_yaml("") is None
    assert read_yaml("# a word") is None
