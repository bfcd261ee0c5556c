"""Errors a client can act on: RFC 9457 problem details with the field, the reason and the value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import orjson
from pydantic_core import ErrorDetails, ValidationError

__all__ = [
    "FieldError",
    "Hints",
    "Problem",
    "field_path",
    "problem_body",
    "refuse_json",
    "refuse_values",
]

_MOST_ERRORS = 20  # more would not be read, and a list of a thousand items could hold thousands
_MOST_FINDINGS: Final = 1_000  # to write out each of 90,000 takes half a second
_LONGEST_VALUE = 80
_BASE = "urn:muslin:problem:"


@dataclass(frozen=True, slots=True)
class Hints:
    """What a refusal can tell about a request schema.

    Parameters
    ----------
    fields
        Names each object has, by the last name of the object's path (empty for the top object).
    bounds
        Range of a number by field name, in words: ``between 30 and 250 cm``.
    instead
        By the name of a field: what is said where it is refused as unknown, or its value as none of
        the choices, such as where the field does belong.
    patterns
        By the name of a field whose text must look a certain way: how, in words.
    """

    fields: Mapping[str, Sequence[str]]
    bounds: Mapping[str, str]
    instead: Mapping[str, str] = field(default_factory=dict)
    patterns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with one field.

    Parameters
    ----------
    field
        Path in the request, such as ``measurements.height_cm`` or ``[3].candidate_sizes[0]``;
        empty for the body itself.
    reason
        What is wrong and what would be right.
    value
        What was sent, where it helps.
    """

    field: str
    reason: str
    value: object = None

    def as_dict(self) -> dict[str, object]:
        """Members of the ``errors`` list."""
        shown: dict[str, object] = {"field": self.field, "reason": self.reason}
        if isinstance(self.value, str):
            shown["value"] = self.value[:_LONGEST_VALUE]
        elif isinstance(self.value, bool | int | float):
            # Beyond 64 bits a number has no place in JSON readers, nor in ours.
            fits = abs(self.value) < 2**53
            shown["value"] = self.value if fits else str(self.value)[:_LONGEST_VALUE]
        return shown


class Problem(Exception):  # noqa: N818 - the RFC's word
    """A request that is answered with a problem document instead of a result.

    Parameters
    ----------
    status
        HTTP status.
    kind
        Last part of the problem type, such as ``invalid-value``; stable, for programs to test.
    title
        What kind of problem this is; the same for every request of this kind.
    detail
        What happened with this request.
    errors
        The fields at fault; of many the first ones.
    headers
        HTTP headers the status asks for, such as ``Allow``.
    error_count
        How many fields are at fault, where `errors` does not hold them all.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        title: str,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        error_count: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.title = title
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.error_count = len(self.errors) if error_count is None else error_count


def problem_body(problem: Problem, *, path: str, request_id: str) -> bytes:
    """Write the problem document.

    Parameters
    ----------
    problem
        What is wrong.
    path
        Path of the request.
    request_id
        Names this occurrence, in the answer and in the service's log.
    """
    document: dict[str, Any] = {
        "type": _BASE + problem.kind,
        "title": problem.title or HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        "instance": f"{path}#{request_id}",
        "request_id": request_id,
    }
    if problem.errors:
        document["errors"] = [error.as_dict() for error in problem.errors[:_MOST_ERRORS]]
    if problem.error_count > min(len(problem.errors), _MOST_ERRORS):
        document["error_count"] = problem.error_count
    return orjson.dumps(document)


def field_path(location: Sequence[int | str]) -> str:
    """Write a location as a path: ``(3, "measurements", "cup")`` is ``[3].measurements.cup``."""
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path


def refuse_values(errors: Sequence[FieldError], count: int | None = None) -> Problem:
    """Make the problem of a request whose JSON is well formed and whose values are not.

    Parameters
    ----------
    errors
        At least one field at fault.
    count
        How many are at fault in all, where `errors` does not hold them all.
    """
    first = errors[0]
    where = first.field or "the body"
    count = len(errors) if count is None else count
    more = f" (and {count - 1} more, see errors)" if count > 1 else ""
    return _unusable(f"{where}: {first.reason}{more}", errors, count)


def _unusable(detail: str, errors: Sequence[FieldError], count: int) -> Problem:
    return Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "invalid-value",
        "The request has a value that cannot be used",
        detail,
        errors=errors,
        error_count=count,
    )


def refuse_json(error: ValidationError, hints: Hints | Mapping[str, Hints]) -> Problem:
    """Turn pydantic's findings into a problem.

    Parameters
    ----------
    error
        Raised by ``validate_json``.
    hints
        What to tell about fields and bounds; for a body of several shapes by the shape's tag, which
        pydantic puts into the path of each finding and the client never sent.
    """
    count = error.error_count()
    if count > _MOST_FINDINGS:
        detail = (
            f"The body has {count} fields that cannot be used, too many to name; try a smaller one,"
            " of which each is named."
        )
        return _unusable(detail, (), count)
    details = error.errors(include_url=False)
    if details[0]["type"] == "json_invalid":
        return Problem(
            HTTPStatus.BAD_REQUEST,
            "malformed-json",
            "The body is not JSON",
            f"The body is not JSON: {details[0]['ctx']['error']}",
        )
    return refuse_values([_field_error(detail, hints) for detail in details[:_MOST_ERRORS]], count)


def _field_error(detail: ErrorDetails, hints: Hints | Mapping[str, Hints]) -> FieldError:
    location = detail["loc"]
    if not isinstance(hints, Hints):
        place = 1 if location and isinstance(location[0], int) else 0
        shape = location[place] if len(location) > place else ""
        if shape in hints:
            location = location[:place] + location[place + 1 :]
            hints = hints[str(shape)]
        else:
            hints = next(iter(hints.values()))
    sent = detail["input"]
    if detail["type"] in ("union_tag_not_found", "union_tag_invalid"):  # it names the shape
        tag = detail["ctx"]
        location = (*location, tag["discriminator"].strip("'"))
        return FieldError(field_path(location), _tag_reason(tag), tag.get("tag"))
    reason = _reason(detail, location, hints)
    missing = detail["type"] == "missing"
    return FieldError(field_path(location), reason, None if missing else sent)


def _tag_reason(tag: Mapping[str, str]) -> str:
    return f"must be one of {tag['expected_tags']}" if "tag" in tag else "is required"


def _reason(detail: ErrorDetails, location: Sequence[int | str], hints: Hints) -> str:
    context = detail.get("ctx", {})
    match detail["type"]:
        case "missing":
            return "is required"
        case "extra_forbidden" | "literal_error" if location and location[-1] in hints.instead:
            return hints.instead[str(location[-1])]
        case "extra_forbidden":
            names = [part for part in location[:-1] if isinstance(part, str)]
            known = hints.fields.get(names[-1] if names else "", ())
            return "is not a known field" + (f"; known are {', '.join(known)}" if known else "")
        case "greater_than_equal" | "less_than_equal":
            return f"must be {hints.bounds[str(location[-1])]}"
        case "finite_number" | "float_type" | "float_parsing":
            return "must be a finite number"
        case "string_type" if location and location[-1] in hints.patterns:
            return f"must be {hints.patterns[str(location[-1])]}"
        case "string_type":
            return "must be text"
        case "string_pattern_mismatch" if location and location[-1] in hints.patterns:
            return f"must be {hints.patterns[str(location[-1])]}"
        case "string_too_short":
            return "must not be empty"
        case "string_too_long":
            return f"must have at most {context['max_length']} characters"
        case "too_long":
            return f"must have at most {context['max_length']} items"
        case "too_short":
            return f"must have at least {context['min_length']} item"
        case "int_type" | "int_from_float" | "int_parsing" | "int_parsing_size":
            return "must be a whole number"
        case "timezone_aware":
            return "must have a time zone, such as 2025-05-09T16:20:00Z"
        case "datetime_type" | "datetime_parsing" | "datetime_from_date_parsing":
            return "must be a time with its zone, such as 2025-05-09T16:20:00Z"
        case "literal_error":
            return f"must be one of {context['expected']}"
        case "list_type":
            return "must be a list"
        case "model_type" | "model_attributes_type" | "dict_type":
            return "must be an object"
        case "value_error":
            return str(context["error"])
        case _:
            return detail["msg"]
