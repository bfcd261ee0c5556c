"""Text of files that people and programs write: sound, broken, and made to be dear."""

import yaml
from hypothesis import strategies as st

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**25), 10**25),
    st.floats(),
    st.text(max_size=12),
    st.dates(),
    st.datetimes(),
    st.sampled_from(["", "1", "on", "no", "1e400", "~", "size_fit", "${HOME}", "2026-13-45", "0x"]),
)


def values(keys=None):
    """Anything YAML can hold, with some of the keys that mean something."""
    names = st.text(max_size=8) | (st.sampled_from(sorted(keys)) if keys else st.nothing())
    names |= st.integers(-9, 9) | st.booleans() | st.none()
    return st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=5),
        max_leaves=20,
    )


def mutated(start: str):
    """A sound file in which some lines were lost, doubled, or given other values."""
    lines = start.splitlines()
    change = st.tuples(
        st.integers(0, len(lines) - 1),
        st.sampled_from(["drop", "double", "value", "indent", "insert"]),
        st.sampled_from(
            ["", "null", "[]", "{}", "-1", "1e999", "2026-13-45", "true", "'", "*a", "&a [*a]",
             "\t", "!!python/object:os.system x", "!!timestamp x", "!!int x", "? [a]", "0o9",
             "<<: *a"]
        ),
    )  # fmt: skip
    return st.lists(change, min_size=1, max_size=4).map(lambda changes: _changed(lines, changes))


def _changed(lines, changes):
    text = list(lines)
    for place, how, value in changes:
        at = place % len(text) if text else 0
        if not text:
            break
        match how:
            case "drop":
                del text[at]
            case "double":
                text.insert(at, text[at])
            case "value":
                text[at] = text[at].partition(":")[0] + ": " + value
            case "indent":
                text[at] = "  " + text[at]
            case "insert":
                text.insert(at, value)
    return "\n".join(text)


def files(start: str, keys=()):
    """Text of a file of this kind, or of none."""
    return st.one_of(
        mutated(start),
        values(keys).map(lambda value: yaml.safe_dump(value, allow_unicode=True)),
        st.dictionaries(st.sampled_from(sorted(keys)), values(keys), max_size=4).map(yaml.safe_dump)
        if keys
        else st.nothing(),
        st.text(max_size=60),
        st.text(alphabet="{}[]:,-&*!|>'\"# \n\tab1?%@`", max_size=40),
    )


DEAR = {
    "aliases of aliases": "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    + "".join(
        f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    ),
    "part of itself": "drift: &d\n  psi: *d\n",
    "deep list": "[" * 5_000 + "]" * 5_000,
    "deep mapping": "{a: " * 5_000 + "1" + "}" * 5_000,
    "deep by aliases": "a0: &a0 [x]\n"
    + "".join(f"a{i + 1}: &a{i + 1} [[[[[*a{i}]]]]]\n" for i in range(400)),
    "a number of 5,000 digits": "a: " + "9" * 5_000,
    "no such day": "a: 2026-13-45",
    "no such hour": "a: 2026-01-01 99:99:99",
    "far zone": "a: 2026-01-01 00:00:00 +99:99",
    "list as key": "? [a, b]\n: 1",
    "mapping as key": "? {a: b}\n: 1",
    "unknown tag": "a: !!python/object/apply:os.system [ls]",
    "no number": "a: !!int blue",
    "no float": "a: !!float blue",
    "no truth": "a: !!bool blue",
    "no time": "a: !!timestamp blue",
    "two documents": "a: 1\n---\nb: 2",
    "null byte": "a: \x00",
    "merge of a scalar": "a:\n  <<: 1",
    "base sixty": "a: 190:20:30",
    "half a pair": 'a: "\\ud800"',
    "too large": "# " + "x" * 1_100_000,
}
"""Texts that once made a reader hang, run out of memory or fail, and their like."""
