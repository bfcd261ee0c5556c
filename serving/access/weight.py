"""How deep a JSON body is nested and how much it asks, told from its bytes before it is parsed."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final, NamedTuple

import numpy as np

from serving.problems import FieldError, Problem, refuse_values

__all__ = ["DEEPEST", "Weight", "cost_of", "weigh"]

DEEPEST: Final = 32
"""Deepest nesting that is read; the deepest body the service has a use for nests six."""

_OPENERS: Final = b"[{"
_OTHERS: Final = bytes(set(range(256)) - set(b'[]{}"'))
_FEW: Final = 64


class Weight(NamedTuple):
    """What the brackets of a body tell.

    Parameters
    ----------
    depth
        Most objects and lists within one another.
    items
        Objects and lists that stand in the list that the body is; 0 where it is none.
    objects
        Objects that stand in any list.
    """

    depth: int
    items: int
    objects: int


def cost_of(body: bytes, most_items: int | None, *, charged: bool) -> int:
    """Refuse a body that is too deep or too long a list, and tell how many questions it asks.

    Parameters
    ----------
    body
        Not yet parsed.
    most_items
        Most items of a list; None where no list is taken.
    charged
        Whether somebody wants to know what it asks; else a short body is not looked at.

    Returns
    -------
    int
        One for each object in the body's lists: each question of a list, each line of a basket;
        never less than one.

    Raises
    ------
    Problem
        400 too deeply nested, 422 too many items.
    """
    openers = body.count(b"{") + body.count(b"[")
    if openers <= DEEPEST:  # it cannot be deeper than it opens
        first_list = body.find(b"[")
        if not charged or openers <= 2 or first_list < 0 or body.rfind(b"{") < first_list:
            return 1
    weight = weigh(body)
    if weight.depth > DEEPEST:
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            "too-deeply-nested",
            "The body is nested too deeply",
            f"The body nests objects and lists more than {DEEPEST} deep, the most this service"
            " reads.",
        )
    if most_items is not None and weight.items > most_items:
        raise refuse_values([FieldError("", f"must have at most {most_items} items")])
    return max(1, weight.objects)


def weigh(body: bytes) -> Weight:
    """Weigh a body.

    Parameters
    ----------
    body
        Anything; what is not JSON is left to the parser to refuse, which reads no deeper into it
        than `depth`.

    Notes
    -----
    Brackets within strings do not count: strings lie between quotes, once escaped backslashes and
    then escaped quotes are taken out.
    """
    text = body
    if b"\\" in text:
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    # Two quotes side by side open and close, or close and open: without them all else stays within
    # a string, or outside.
    brackets = text.translate(None, _OTHERS).replace(b'""', b"")
    if b'"' in brackets:
        brackets = b"".join(brackets.split(b'"')[::2])
    if len(brackets) <= _FEW:
        return _weigh_few(brackets)
    return _weigh_many(brackets)


def _weigh_few(brackets: bytes) -> Weight:
    deepest = items = objects = 0
    within: list[int] = []
    for bracket in brackets:
        if bracket in _OPENERS:
            if within and within[-1] == 91:  # [
                objects += bracket == 123  # {
                items += len(within) == 1
            within.append(bracket)
            deepest = max(deepest, len(within))
        elif within:
            within.pop()
        else:  # more is closed than was opened: no JSON from here on
            break
    return Weight(deepest, items, objects)


def _weigh_many(brackets: bytes) -> Weight:
    """The same for a long text, where a loop would hold up other requests."""
    kinds = np.frombuffer(brackets, np.uint8)
    opens = (kinds == 91) | (kinds == 123)
    levels = np.cumsum(np.where(opens, 1, -1), dtype=np.int32)
    if levels.min() < 0:  # more is closed than was opened: no JSON from there on
        end = int(np.argmax(levels < 0))
        kinds, opens, levels = kinds[:end], opens[:end], levels[:end]
        if not end:
            return Weight(0, 0, 0)
    deepest = int(levels.max())
    if deepest > DEEPEST:  # it is refused, whatever it asks
        return Weight(deepest, 0, 0)
    kinds, levels = kinds[opens], levels[opens]
    items = objects = 0
    outer = np.flatnonzero(levels == 1)
    for level in range(2, deepest + 1):
        inner = np.flatnonzero(levels == level)
        holders = outer[np.searchsorted(outer, inner) - 1]
        listed = kinds[holders] == 91
        if level == 2:
            items = int(listed.sum())
        objects += int((listed & (kinds[inner] == 123)).sum())
        outer = inner
    return Weight(deepest, items, objects)
