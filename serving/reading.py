"""What endpoints do alike with a body that may be one question or a list of them."""

from __future__ import annotations

from collections.abc import Sequence

from serving.languages import Language, Languages, LocaleSyntaxError
from serving.problems import FieldError, refuse_values

__all__ = ["choose_languages", "holds_list", "item_field"]

_LIST_START = b"["
_WHITESPACE = b" \t\r\n"


def holds_list(body: bytes) -> bool:
    """Tell whether a JSON body is meant as a list."""
    return body.lstrip(_WHITESPACE)[:1] == _LIST_START


def item_field(field: str, index: int, *, is_list: bool) -> str:
    """Name a field of the question at `index`, as a refusal tells it."""
    return f"[{index}].{field}" if is_list else field


def choose_languages(
    languages: Languages, asked: Sequence[str | None], *, is_list: bool
) -> list[Language]:
    """Find the language of each question.

    Parameters
    ----------
    languages
        All catalogues.
    asked
        The ``locale`` of each question.
    is_list
        Whether the body is a list.

    Raises
    ------
    Problem
        422 where one is no language tag.
    """
    chosen = []
    errors = []
    for index, locale in enumerate(asked):
        try:
            chosen.append(languages.choose(locale))
        except LocaleSyntaxError as error:
            errors.append(
                FieldError(item_field("locale", index, is_list=is_list), str(error), locale)
            )
    if errors:
        raise refuse_values(errors)
    return chosen
