"""YAML that a person wrote, read without the ways in which a file can be endless or dear.

A few lines of YAML can stand for billions of values (aliases of aliases), for themselves (a list
that holds itself) or for more levels than Python can call. None is needed to say a setting.
"""

from __future__ import annotations

from typing import Any

import yaml

__all__ = ["PlainLoader", "YamlTextError", "read_yaml"]

_LARGEST = 1_000_000
_DEEPEST = 50
_MOST = 200_000


class YamlTextError(ValueError):
    """Text is no YAML, or none that is read; the message is one sentence that names the line."""


class PlainLoader(yaml.SafeLoader):
    """The safe loader; a value that is not what it claims to be is an error with its line."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            value = super().construct_object(node, deep=deep)
            if isinstance(value, str):
                value.encode()
        except yaml.YAMLError:
            raise
        # The library's own constructors raise these for 2026-13-45, !!bool blue and "\\ud800".
        except (ValueError, TypeError, LookupError, AttributeError, OverflowError):
            kind = str(node.tag).rpartition(":")[2]
            kind = {"int": "whole number", "timestamp": "date or time", "str": "text"}.get(
                kind, kind
            )
            raise yaml.constructor.ConstructorError(
                None, None, f"{str(node.value)[:40]!r} is no {kind}", node.start_mark
            ) from None
        return value


def read_yaml(text: str) -> Any:
    """Read YAML.

    Parameters
    ----------
    text
        At most a million characters.

    Returns
    -------
    Any
        Dictionaries with any keys, lists, text, numbers, truths, dates and None. Aliases are taken
        as long as all that they stand for, written out, is at most 200,000 values.

    Raises
    ------
    YamlTextError
        It is not YAML, nested deeper than 50, too large, or a part of itself.
    """
    if len(text) > _LARGEST:
        raise YamlTextError(f"it has {len(text):,} characters, more than {_LARGEST:,}; split it")
    try:
        _check_depth(text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is None:
            return None
        if _extent(node, {})[0] > _MOST:
            raise YamlTextError(  # noqa: TRY301 - one sentence, as below
                f"its aliases stand for more than {_MOST:,} values; write out what is meant"
            )
        return yaml.load(text, PlainLoader)  # noqa: S506 - a SafeLoader
    except YamlTextError:
        raise
    except yaml.MarkedYAMLError as error:
        raise YamlTextError(
            f"{_line(error.problem_mark)}{error.problem or error.context}"
        ) from None
    except yaml.YAMLError as error:
        raise YamlTextError(" ".join(str(error).split())) from None


def _line(mark: Any) -> str:
    return f"line {mark.line + 1}: " if mark is not None else ""


def _check_depth(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            line = _line(event.start_mark)
            raise YamlTextError(f"{line}it is nested deeper than {_DEEPEST} levels")


def _extent(node: yaml.Node, known: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """Values a node stands for and their levels, aliases written out.

    `known` holds them by the node's id, and no values for a node that is under way.
    """
    line = _line(node.start_mark)
    if (before := known.get(id(node))) is not None:
        if before[0]:
            return before
        raise YamlTextError(f"{line}it is a part of itself; write out what is meant")
    known[id(node)] = (0, 0)
    size, depth = 1, 1
    parts: list[yaml.Node] = []
    if isinstance(node, yaml.MappingNode):
        parts = [part for pair in node.value for part in pair]
    elif isinstance(node, yaml.SequenceNode):
        parts = node.value
    for part in parts:
        more, levels = _extent(part, known)
        size, depth = size + more, max(depth, levels + 1)
    if depth > _DEEPEST + 1:
        raise YamlTextError(f"{line}its aliases nest deeper than {_DEEPEST} levels")
    known[id(node)] = (size, depth)
    return size, depth
